//! Numbers, times and long names, short.

use jiff::Timestamp;

fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `12:03:04`, in UTC.
pub(crate) fn clock(nanos: i64) -> String {
    moment(nanos).strftime("%H:%M:%S").to_string()
}

/// `12:03:04.123`, in UTC.
pub(crate) fn fine_clock(nanos: i64) -> String {
    let milliseconds = nanos.rem_euclid(1_000_000_000) / 1_000_000;
    format!("{}.{milliseconds:03}", clock(nanos))
}

/// `2026-01-31 12:00:00 to 12:10:00 UTC`.
pub(crate) fn window(first: i64, last: i64) -> String {
    let (from, to) = (moment(first), moment(last));
    let day = from.strftime("%Y-%m-%d").to_string();
    let other = to.strftime("%Y-%m-%d").to_string();
    if day == other {
        format!("{day} {} to {} UTC", clock(first), clock(last))
    } else {
        format!("{day} {} to {other} {} UTC", clock(first), clock(last))
    }
}

/// `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds with two or three digits: `0.4ms`, `12ms`, `1.00s`.
pub(crate) fn latency(milliseconds: f64) -> String {
    if milliseconds < 10.0 {
        format!("{milliseconds:.1}ms")
    } else if milliseconds < 1_000.0 {
        format!("{milliseconds:.0}ms")
    } else if milliseconds < 10_000.0 {
        format!("{:.2}s", milliseconds / 1_000.0)
    } else {
        format!("{:.0}s", milliseconds / 1_000.0)
    }
}

/// A name from outside on one line, its middle left out where it is long.
pub(crate) fn name(text: &str, longest: usize) -> String {
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let letters = clean.chars().count();
    if letters <= longest {
        return clean;
    }
    let keep = longest.saturating_sub(1);
    let tail = keep / 2;
    let head: String = clean.chars().take(keep - tail).collect();
    let end: String = clean.chars().skip(letters - tail).collect();
    format!("{head}…{end}")
}

/// Nanoseconds of `90`, `15m`, `2h30m`, `1d`; `None` when it is no duration, or none that a clock can count.
fn duration(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut digits = String::new();
    for letter in text.trim().chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let seconds = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = total.checked_add(digits.parse::<i64>().ok()?)?;
    }
    (total > 0 && total <= 366 * 86_400).then(|| total * 1_000_000_000)
}

/// A moment: RFC 3339, or a duration before `now`. `Ok(None)` where nothing is said.
pub(crate) fn read_moment(text: Option<&str>, now: i64) -> Result<Option<i64>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text == "now" {
        return Ok(Some(now));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(i64::try_from(time.as_nanosecond()).ok());
    }
    let before = text.trim_start_matches("now").trim().trim_start_matches('-').trim_end_matches("ago");
    match duration(before) {
        Some(before) => Ok(Some(now.saturating_sub(before))),
        None => Err(format!("{text:?} is neither a duration nor a time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.42, 12.3, 1_004.0, 30_000.0].map(latency), ["0.4ms", "12ms", "1.00s", "30s"]);
        assert_eq!((name("short", 9), name("a-rather-long-name", 9)), ("short".into(), "a-ra…name".into()));
        assert_eq!(name("a\nb", 9), "a b");
        assert_eq!(fine_clock(1_500_000_000), "00:00:01.500");
        assert_eq!(window(0, 86_400_000_000_000), "1970-01-01 00:00:00 to 1970-01-02 00:00:00 UTC");
    }

    #[test]
    fn moments_are_read_or_refused() {
        let minute = 60_000_000_000;
        assert_eq!(read_moment(Some("1m ago"), minute), Ok(Some(0)));
        assert_eq!(read_moment(Some("1970-01-01T00:00:01Z"), 0), Ok(Some(1_000_000_000)));
        assert_eq!((read_moment(None, 0), read_moment(Some(" "), 0)), (Ok(None), Ok(None)));
        assert!(read_moment(Some("yesterday"), 0).is_err());
    }
}
