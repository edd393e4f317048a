//! The client's own rate limit: a token bucket on tokio's clock.
//!
//! client-go's default of 5 requests a second makes a snapshot of 40 kinds take 8 seconds; API servers protect
//! themselves with priority and fairness since 1.20, so the default here is far higher.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Waits so that at most `burst` requests go at once and `qps` a second in the long run.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// `qps` at or below zero means no limit.
    pub(crate) fn new(qps: f32, burst: u32) -> Self {
        let interval = if qps > 0.0 { Duration::from_secs_f64(1.0 / f64::from(qps)) } else { Duration::ZERO };
        Self { interval, burst: burst.max(1), full_at: Mutex::new(None) }
    }

    /// Takes one token, waiting for it if need be.
    pub(crate) async fn take(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.unwrap_or(now).max(now) + self.interval;
        *full_at = Some(next);
        next.saturating_duration_since(now + self.interval * self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(10.0, 3);
        let begin = Instant::now();
        let mut at = Vec::new();
        for _ in 0..5 {
            pace.take().await;
            at.push(begin.elapsed().as_millis());
        }
        assert_eq!(at, vec![0, 0, 0, 100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_rate_means_no_wait() {
        let pace = Pace::new(0.0, 1);
        let begin = Instant::now();
        for _ in 0..1000 {
            pace.take().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
