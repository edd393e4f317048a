//! When a log line was written, where it says so in a form that is common enough.

use jiff::Timestamp;

/// Length of `2026-03-02T10:11:12`.
const SECONDS: usize = 19;

/// Milliseconds since 1970 of the years that logs are of, as pino writes them after `"time":`.
const PINO: &str = "\"time\":";

/// The moment a line names first; a time without zone counts as UTC, as in containers.
pub(crate) fn of(line: &str) -> Option<Timestamp> {
    written(line).or_else(|| counted(line))
}

/// `2026-03-02T10:11:12`, also with a space between, or with slashes in the date.
fn written(line: &str) -> Option<Timestamp> {
    let bytes = line.as_bytes();
    let last = bytes.len().checked_sub(SECONDS)?;
    (0..=last).find_map(|at| {
        let part = &bytes[at..at + SECONDS];
        let fits = part.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => matches!(byte, b'-' | b'/'),
            10 => matches!(byte, b'T' | b' '),
            13 | 16 => *byte == b':',
            _ => byte.is_ascii_digit(),
        });
        if !fits {
            return None;
        }
        let text = std::str::from_utf8(part).ok()?.replace('/', "-").replacen(' ', "T", 1);
        format!("{text}Z").parse().ok()
    })
}

fn counted(line: &str) -> Option<Timestamp> {
    let (_, rest) = line.split_once(PINO)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    (digits.len() == 13).then(|| Timestamp::from_millisecond(digits.parse().ok()?).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn common_forms_are_read_and_the_rest_is_unknown() {
        let moment = "2026-03-02T10:11:12Z".parse::<Timestamp>().ok();
        for line in [
            "2026-03-02T10:11:12.004Z  INFO 1 --- started",
            "[2026-03-02 10:11:12 +0000] [1] [INFO] Booting",
            "2026/03/02 10:11:12 [error] 29#29: connect() failed",
            r#"{"time":"2026-03-02T10:11:12.004Z","level":"INFO"}"#,
            r#"{"level":30,"time":1772446272000,"msg":"ok"}"#,
        ] {
            assert_eq!(of(line), moment, "{line}");
        }
        for line in ["10:11:12 tick", "panic: nil map", "", "2026-13-45T99:99:99Z", "\"time\":12"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
