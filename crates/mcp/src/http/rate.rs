//! Requests a second, by caller.

use crate::desk::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// A bucket of tokens that fills at a steady pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

/// Callers that are remembered; those whose buckets are full need not be.
const CALLERS: usize = 10_000;

pub(super) struct Limiter {
    rate: Rate,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Limiter {
    pub(super) fn new(rate: Rate) -> Self {
        let rate = Rate { per_second: rate.per_second.max(0.001), burst: rate.burst.max(1.0) };
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes one request from the caller's bucket; if there is none, how long until there is.
    pub(super) fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let Rate { per_second, burst } = self.rate;
        let filled = |tokens: f64, at: Instant| {
            (tokens + now.saturating_duration_since(at).as_secs_f64() * per_second).min(burst)
        };
        let mut buckets = lock(&self.buckets);
        if buckets.len() >= CALLERS && !buckets.contains_key(caller) {
            buckets.retain(|_, (tokens, at)| filled(*tokens, *at) < burst);
            if buckets.len() >= CALLERS {
                // More callers at once than are remembered: nobody is served for free.
                return Err(Duration::from_secs(1));
            }
        }
        let (tokens, at) = buckets.entry(caller.to_owned()).or_insert((burst, now));
        let have = filled(*tokens, *at);
        *at = now;
        if have >= 1.0 {
            *tokens = have - 1.0;
            return Ok(());
        }
        *tokens = have;
        Err(Duration::from_secs_f64((1.0 - have) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_bucket_gives_its_burst_and_then_the_pace_to_each_caller() {
        let limiter = Limiter::new(Rate { per_second: 2.0, burst: 3.0 });
        let start = Instant::now();
        let taken = (0..5).filter(|_| limiter.take("a", start).is_ok()).count();
        assert_eq!(taken, 3);
        assert_eq!(limiter.take("a", start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take("b", start), Ok(()));
        assert_eq!(limiter.take("a", start + Duration::from_millis(500)), Ok(()));
        assert!(limiter.take("a", start + Duration::from_millis(500)).is_err());
    }

    #[test]
    fn a_flood_of_callers_does_not_grow_the_table() {
        let limiter = Limiter::new(Rate { per_second: 1.0, burst: 1.0 });
        let start = Instant::now();
        for caller in 0..2 * CALLERS {
            let _ = limiter.take(&caller.to_string(), start);
        }
        assert_eq!(lock(&limiter.buckets).len(), CALLERS);
        let later = start + Duration::from_mins(1);
        assert_eq!(limiter.take("new", later), Ok(()));
        assert_eq!(lock(&limiter.buckets).len(), 1);
    }
}
