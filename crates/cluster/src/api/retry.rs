//! Which failures are tried again, and after how long.

use http::{HeaderMap, StatusCode, header};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How often and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Tries after the first.
    pub(crate) retries: u32,
    /// Wait before the first retry; doubles from then on.
    pub(crate) base: Duration,
    /// Longest wait, a server's `Retry-After` included.
    pub(crate) longest: Duration,
}

impl RetryPolicy {
    /// The wait before retry number `attempt` (from 0): the server's word if it gave one, else jittered backoff.
    pub(crate) fn wait(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let backoff = self.base.saturating_mul(1 << attempt.min(10)).min(self.longest);
        match retry_after {
            Some(asked) => asked.min(self.longest),
            None => backoff.mul_f64(0.5 + 0.5 * jitter()),
        }
    }
}

/// Statuses that another try may mend: too many requests, and the server's own failures (501 stays).
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` in seconds; the date form is not used by API servers.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A number in [0, 1) that differs between processes and calls. It spreads retries and reaches no output.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const POLICY: RetryPolicy =
        RetryPolicy { retries: 3, base: Duration::from_millis(200), longest: Duration::from_secs(10) };

    #[test]
    fn a_servers_wish_is_honoured_up_to_the_cap() {
        assert_eq!(POLICY.wait(0, Some(Duration::from_secs(2))), Duration::from_secs(2));
        assert_eq!(POLICY.wait(0, Some(Duration::from_hours(24))), Duration::from_secs(10));
    }

    #[test]
    fn backoff_doubles_within_its_jitter_and_never_passes_the_cap() {
        for attempt in 0..40 {
            let whole = Duration::from_millis(200 * (1 << attempt.min(10))).min(POLICY.longest);
            let wait = POLICY.wait(attempt, None);
            assert!(wait >= whole.mul_f64(0.5) && wait <= whole, "{attempt}: {wait:?}");
        }
    }
}
