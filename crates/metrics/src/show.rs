//! Numbers and times, short.

use jiff::Timestamp;
use stethoscope_core::tool::ToolError;

/// Four significant digits; large and small ones with an exponent.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else if value > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        };
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `07:58:03`, in UTC.
pub(crate) fn clock(milliseconds: i64) -> String {
    match Timestamp::from_millisecond(milliseconds) {
        Ok(time) => time.strftime("%H:%M:%S").to_string(),
        Err(_) => milliseconds.to_string(),
    }
}

/// `2025-12-25 07:31:10 to 08:01:10 UTC`.
pub(crate) fn window(start: i64, end: i64) -> String {
    match Timestamp::from_millisecond(start) {
        Ok(time) => format!("{} {} to {} UTC", time.strftime("%Y-%m-%d"), clock(start), clock(end)),
        Err(_) => format!("{start} to {end}"),
    }
}

/// Milliseconds of `90`, `15m`, `2h30m`, `1d`; `None` when it is no duration, or none that a clock can count.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut digits = String::new();
    for letter in text.trim().chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(1_000)?)?;
    }
    (total > 0 && total <= LONGEST).then_some(total)
}

/// A year.
const LONGEST: i64 = 366 * 86_400_000;

/// A moment argument: RFC 3339, or a duration before `now`.
pub(crate) fn moment(name: &str, text: Option<&str>, now: i64, default: i64) -> Result<i64, ToolError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty() && *text != "now") else {
        return Ok(default);
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let before = text.trim_start_matches("now").trim().trim_start_matches('-').trim_end_matches("ago");
    duration(before).map(|before| now - before).ok_or_else(|| ToolError::BadArguments {
        message: format!("{name}: {text:?} is neither a duration nor a time"),
        hint: Some("e.g. 30m, 2h, 1d or 2026-01-31T12:00:00Z".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn numbers_have_four_digits() {
        let shown =
            [0.0, 1.0, 0.033_333, 123_456.7, 1234.56, -2.5, 1e20, 1e-9, f64::NAN, f64::INFINITY].map(number);
        assert_eq!(
            shown,
            ["0", "1", "0.03333", "123457", "1235", "-2.5", "1.000e20", "1.000e-9", "NaN", "+Inf"]
        );
    }

    #[test]
    fn durations_and_moments_are_read_or_refused() {
        assert_eq!(
            [duration("90"), duration("1h30m"), duration("5m ")],
            [Some(90_000), Some(5_400_000), Some(300_000)]
        );
        assert_eq!(
            [
                duration(""),
                duration("0"),
                duration("m"),
                duration("99999w"),
                duration("9999999999999999999s")
            ],
            [None; 5]
        );
        assert_eq!(moment("since", Some("1h ago"), 3_600_000, 5), Ok(0));
        assert_eq!(moment("since", Some("now-1m"), 60_000, 5), Ok(0));
        assert_eq!(moment("since", Some("1970-01-01T00:00:01Z"), 0, 5), Ok(1_000));
        assert_eq!(moment("until", None, 0, 5), Ok(5));
        assert!(moment("since", Some("yesterday"), 0, 5).is_err());
    }
}
