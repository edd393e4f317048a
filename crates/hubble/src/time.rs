//! Times: protobuf's, nanoseconds since 1970, and RFC 3339.

use jiff::Timestamp as Moment;
use prost_types::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970; saturates outside the years that 64 bits hold (1677 to 2262).
pub fn nanos(time: &Timestamp) -> i64 {
    time.seconds.saturating_mul(SECOND).saturating_add(i64::from(time.nanos))
}

/// The same as protobuf writes it.
pub fn from_nanos(nanos: i64) -> Timestamp {
    let part = nanos.rem_euclid(SECOND);
    Timestamp { seconds: nanos.div_euclid(SECOND), nanos: i32::try_from(part).unwrap_or_default() }
}

/// Reads RFC 3339. The form with `Z` that Hubble writes is read without detours.
pub fn parse_nanos(text: &str) -> Option<i64> {
    match utc(text.as_bytes()) {
        Some(nanos) => Some(nanos),
        None => {
            let moment: Moment = text.trim().parse().ok()?;
            i64::try_from(moment.as_nanosecond()).ok()
        }
    }
}

/// RFC 3339 in UTC.
pub fn show_nanos(nanos: i64) -> String {
    Moment::from_nanosecond(i128::from(nanos)).unwrap_or(Moment::UNIX_EPOCH).to_string()
}

/// `2026-01-31T12:00:00.123456789Z`, the fraction with 0 to 9 digits.
fn utc(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?
            .iter()
            .try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let (last, rest) = text.split_last()?;
    if *last != b'Z' || rest.len() < 19 || rest.len() > 29 {
        return None;
    }
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(place, mark)| text.get(*place) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 || !(1970..=2200).contains(&year)
    {
        return None;
    }
    let longest = match month {
        2 => 28 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let fraction = match rest.get(19) {
        None => 0,
        Some(b'.') if rest.len() > 20 => {
            number(20, rest.len())? * 10_i64.pow(u32::try_from(29 - rest.len()).ok()?)
        }
        Some(_) => return None,
    };
    Some((days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * SECOND + fraction)
}

/// Days since 1970-01-01 in the Gregorian calendar, with years that begin in March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_hubble_and_others_write_them() {
        assert_eq!(parse_nanos("1970-01-01T00:00:01.5Z"), Some(1_500_000_000));
        assert_eq!(parse_nanos("2023-08-21T12:12:13.517394084Z"), Some(1_692_619_933_517_394_084));
        assert_eq!(parse_nanos("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000_000));
        assert_eq!(parse_nanos("2026-01-31T13:00:00+01:00"), Some(1_769_860_800_000_000_000));
        let wrong = ["", "Z", "2023-02-30T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01T00:00:00.Z", "now"];
        assert_eq!(wrong.map(parse_nanos), [None; 6]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 0_i64..7_000_000_000_000_000_000) {
            prop_assert_eq!(parse_nanos(&show_nanos(nanos)), Some(nanos));
            prop_assert_eq!(super::nanos(&from_nanos(nanos)), nanos);
        }

        #[test]
        fn no_text_breaks_the_reading(text in "\\PC{0,40}") {
            let _ = parse_nanos(&text);
        }
    }
}
