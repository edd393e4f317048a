//! Ages, rounded the way apimachinery's `duration.HumanDuration` rounds them.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24;

/// `5m12s`, `3h`, `17d`, `2y40d`: at most three significant figures.
pub(super) fn human(seconds: i64) -> String {
    let pair = |big: i64, unit: char, small: i64, small_unit: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    let (minutes, hours) = (seconds / MINUTE, seconds / HOUR);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        _ if hours < 2 * DAY => format!("{hours}h"),
        _ if hours < 8 * DAY => pair(hours / DAY, 'd', hours % DAY, 'h'),
        _ if hours < 2 * 365 * DAY => format!("{}d", hours / DAY),
        _ if hours < 8 * 365 * DAY => pair(hours / DAY / 365, 'y', hours / DAY % 365, 'd'),
        _ => format!("{}y", hours / DAY / 365),
    }
}

/// The time since a recorded timestamp; what has none is of unknown age.
pub(super) fn since(now: Timestamp, then: Option<&str>) -> String {
    match then.map(str::parse::<Timestamp>) {
        Some(Ok(then)) => {
            // Whole seconds towards zero, as Go truncates.
            let seconds = now.duration_since(then).as_secs();
            human(seconds)
        }
        Some(Err(_)) => "<invalid>".to_owned(),
        None => "<unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn rounds_at_the_same_borders_as_upstream() {
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (10_860, "3h1m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (691_199, "7d23h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human(seconds), expected, "{seconds}");
        }
    }
}
