//! Parameters of a request, from the query string and from a form.

use super::promql::{MOST_STEPS, Steps};
use jiff::Timestamp;

/// Name and value pairs in the order given; those of a form come before those of the URL, as in Go's `FormValue`.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn new(query: &str, form: &[u8]) -> Self {
        let decode = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        Self(decode(form).into_iter().chain(decode(query.as_bytes())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        first.filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A moment in milliseconds.
    pub(super) fn moment(&self, name: &str) -> Result<Option<i64>, String> {
        let Some(text) = self.get(name) else { return Ok(None) };
        moment(text)
            .map(Some)
            .ok_or_else(|| format!("invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"))
    }

    /// A count; 0 means that there is no limit.
    pub(super) fn limit(&self) -> Result<usize, String> {
        match self.get("limit") {
            None | Some("0") => Ok(usize::MAX),
            Some(text) => {
                text.parse().map_err(|_| "invalid parameter \"limit\": limit must be non-negative".to_owned())
            }
        }
    }

    /// `start`, `end` and `step` of a range query.
    pub(super) fn steps(&self) -> Result<Steps, String> {
        let missing =
            |name: &str| format!("invalid parameter {name:?}: cannot parse \"\" to a valid timestamp");
        let start = self.moment("start")?.ok_or_else(|| missing("start"))?;
        let end = self.moment("end")?.ok_or_else(|| missing("end"))?;
        if end < start {
            return Err("invalid parameter \"end\": end timestamp must not be before start time".to_owned());
        }
        let text = self.get("step").unwrap_or_default();
        let step = duration(text).ok_or_else(|| {
            format!("invalid parameter \"step\": cannot parse {text:?} to a valid duration")
        })?;
        if step <= 0 {
            return Err("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
                        Try a positive integer"
                .to_owned());
        }
        if (end - start) / step > MOST_STEPS {
            return Err(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
                        resolution (?step=XX)"
                    .to_owned(),
            );
        }
        Ok(Steps { start, end, step })
    }
}

/// Seconds or RFC 3339, as milliseconds. Years beyond those of a calendar are refused.
fn moment(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.abs() < 2.5e11).then_some((seconds * 1000.0).round() as i64);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Units of a duration in milliseconds; `ms` before `m`.
const UNITS: [(&str, i64); 7] = [
    ("ms", 1),
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
];

/// Seconds or `1m30s`, as milliseconds.
fn duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.abs() < 1e12).then_some((seconds * 1000.0) as i64);
    }
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let (unit, factor) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*factor)?)?;
        rest = after.get(unit.len()..)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn moments_are_seconds_or_rfc_3339() {
        assert_eq!(moment("1764315194.5"), Some(1_764_315_194_500));
        assert_eq!(moment("2025-11-28T07:33:14Z"), Some(1_764_315_194_000));
        assert_eq!([moment("NaN"), moment("1e300"), moment("now"), moment("inf")], [None; 4]);
    }

    #[test]
    fn durations_are_seconds_or_words() {
        assert_eq!(duration("15"), Some(15_000));
        assert_eq!(duration("1m30s"), Some(90_000));
        assert_eq!(duration("250ms"), Some(250));
        assert_eq!(
            [duration(""), duration("5x"), duration("NaN"), duration("99999999999999999999s")],
            [None; 4]
        );
    }

    #[test]
    fn a_form_comes_before_the_url_and_plus_is_a_space() {
        let parameters = Parameters::new("query=b&match[]=x", b"query=a+%2B+1&match%5B%5D=y");
        assert_eq!(parameters.get("query"), Some("a + 1"));
        assert_eq!(parameters.all("match[]").collect::<Vec<_>>(), ["y", "x"]);
    }
}
