//! How long to wait before another try.

use super::config::RetryPolicy;
use super::failure::{Again, Failure};
use http::HeaderMap;
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Tries in all where nobody answers.
const FEW: u32 = 3;
/// The longest wait that is read out of a header; the policy's cap comes after.
const LONGEST: Duration = Duration::from_hours(24);

/// Reproducible noise: two clients that fail together must not try again together.
#[derive(Debug)]
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number in 0..1 (SplitMix64).
    fn next(&self) -> f64 {
        let mut z =
            self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The wait before the try after `attempt`; `None` when there is to be none.
pub(super) fn wait(
    policy: &RetryPolicy,
    failure: &Failure,
    attempt: u32,
    elapsed: Duration,
    jitter: &Jitter,
) -> Option<Duration> {
    let most = match failure.again {
        Again::Never => return None,
        Again::Few => policy.max_attempts.min(FEW),
        Again::Yes => policy.max_attempts,
    };
    if attempt >= most {
        return None;
    }
    let wait = match failure.asked {
        // Everyone who was sent away at the same moment is told the same wait: spread them behind it.
        Some(asked) => asked.min(policy.cap) + policy.base.mul_f64(jitter.next() / 4.0),
        None => {
            let doubled = policy.base.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
            doubled.min(policy.cap).mul_f64(0.5 + jitter.next() / 2.0)
        }
    };
    (elapsed + wait <= policy.budget).then_some(wait)
}

/// The wait that a response asks for: `retry-after-ms`, `Retry-After` (seconds or a date), or the reset of the
/// rate limit that is used up.
pub(super) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    // The server's own clock: waits are differences, and clocks differ.
    let now = text("date").and_then(http_date);
    if let Some(wait) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return seconds(wait / 1000.0);
    }
    if let Some(value) = text("retry-after") {
        let date = || Some((http_date(value)?.as_second() - now?.as_second()).max(0) as f64);
        return value.parse::<f64>().ok().or_else(date).and_then(seconds);
    }
    let resets = ["", "-requests", "-tokens"].into_iter().filter_map(|what| {
        let remaining = text(&format!("x-ratelimit-remaining{what}"));
        let used_up = remaining.is_none_or(|left| left.parse::<f64>().is_ok_and(|left| left <= 0.0));
        let reset = text(&format!("x-ratelimit-reset{what}")).filter(|_| used_up)?;
        reset_wait(reset, now)
    });
    resets.max()
}

fn seconds(number: f64) -> Option<Duration> {
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    Some(Duration::from_secs_f64(number.min(LONGEST.as_secs_f64())))
}

/// OpenAI says `6m0s` or `20ms`, others seconds, OpenRouter milliseconds since 1970.
fn reset_wait(value: &str, now: Option<Timestamp>) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        let at = match number {
            1e12.. => number / 1000.0,
            1e9.. => number,
            _ => return seconds(number),
        };
        return seconds((at - now?.as_second() as f64).max(0.0));
    }
    let mut total = 0.0;
    let mut rest = value;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !(character.is_ascii_digit() || character == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    seconds(total)
}

fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(value).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::failure::Kind;
    use super::*;
    use pretty_assertions::assert_eq;

    fn asked(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        asked_wait(
            &headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
        )
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn reads_every_form_in_which_servers_ask_to_wait() {
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("retry-after", "7")]), Some(SECOND * 7));
        assert_eq!(asked(&[("retry-after", "0.5")]), Some(SECOND / 2));
        assert_eq!(asked(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(SECOND / 4));
        assert_eq!(asked(&[("retry-after", "soon")]), None);
        assert_eq!(asked(&[("retry-after", "-3")]), None);
        let date =
            [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")];
        assert_eq!(asked(&date), Some(SECOND * 30));
        let used_up = [
            ("x-ratelimit-remaining-requests", "10"),
            ("x-ratelimit-reset-requests", "9h"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m2s500ms"),
        ];
        assert_eq!(asked(&used_up), Some(Duration::from_millis(62_500)));
        let epoch = [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("x-ratelimit-reset", "1445412485000")];
        assert_eq!(asked(&epoch), Some(SECOND * 5));
    }

    fn failure(again: Again, asked: Option<Duration>) -> Failure {
        Failure { asked, ..Failure::new(Kind::Unavailable, again, "x") }
    }

    #[test]
    fn waits_longer_each_time_up_to_the_cap_and_only_within_attempts_and_budget() {
        let policy = RetryPolicy { max_attempts: 9, base: SECOND, cap: SECOND * 4, budget: SECOND * 100 };
        let jitter = Jitter::new(1);
        let of = |attempt, elapsed| wait(&policy, &failure(Again::Yes, None), attempt, elapsed, &jitter);
        for (attempt, most) in [(1, 1), (2, 2), (3, 4), (4, 4), (8, 4)] {
            let wait = of(attempt, Duration::ZERO).unwrap();
            assert!(wait >= SECOND * most / 2 && wait <= SECOND * most, "{attempt}: {wait:?}");
        }
        assert_eq!(of(9, Duration::ZERO), None);
        assert_eq!(of(1, SECOND * 100), None);
        assert_eq!(wait(&policy, &failure(Again::Never, None), 1, Duration::ZERO, &jitter), None);
        assert_eq!(wait(&policy, &failure(Again::Few, None), 3, Duration::ZERO, &jitter), None);
    }

    #[test]
    fn obeys_the_server_up_to_the_cap() {
        let policy = RetryPolicy { max_attempts: 9, base: SECOND, cap: SECOND * 4, budget: SECOND * 100 };
        let jitter = Jitter::new(1);
        let of =
            |asked| wait(&policy, &failure(Again::Yes, Some(asked)), 1, Duration::ZERO, &jitter).unwrap();
        assert!(of(SECOND * 3600) >= SECOND * 4 && of(SECOND * 3600) <= SECOND * 5);
        assert!(of(Duration::ZERO) <= SECOND / 4);
    }

    #[test]
    fn the_same_seed_gives_the_same_noise_between_zero_and_one() {
        let (one, two) = (Jitter::new(42), Jitter::new(42));
        for _ in 0..100 {
            let number = one.next();
            assert!((0.0..1.0).contains(&number));
            assert_eq!(number.to_bits(), two.next().to_bits());
        }
    }
}
