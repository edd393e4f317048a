//! The text that exporters give (`GET /metrics`), read with patience: dumps begin with titles, lines are cut.

use std::collections::BTreeMap;
use stethoscope_core::reader::{SeriesAnswer, SeriesValue};

/// Series read at most; a dcgm-exporter of eight GPUs gives some hundred.
const MOST: usize = 20_000;
/// Longest line looked at.
const LONGEST: usize = 16 << 10;

/// Reads Prometheus' text format as the answer to "everything now". What is no sample is counted and passed over, so that
/// a stray title line costs itself only.
pub fn exposition(text: &str) -> SeriesAnswer {
    let mut answer = SeriesAnswer::default();
    let mut strange = 0_usize;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if answer.series.len() >= MOST {
            answer.missing.push(format!("only the first {MOST} samples were read"));
            break;
        }
        match sample(line) {
            Some(sample) => answer.series.push(sample),
            None => strange += 1,
        }
    }
    if strange > 0 {
        answer.missing.push(format!("{strange} lines are no samples"));
    }
    answer
}

/// `name{label="value",…} 1.5 [time]`.
fn sample(line: &str) -> Option<SeriesValue> {
    if line.len() > LONGEST {
        return None;
    }
    let end = line.find(|char: char| !(char.is_ascii_alphanumeric() || "_:".contains(char)))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let mut labels = BTreeMap::from([("__name__".to_owned(), name.to_owned())]);
    let rest = match rest.strip_prefix('{') {
        Some(rest) => read_labels(rest, &mut labels)?,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse().ok()?;
    let time = words.next().is_none_or(|word| word.parse::<f64>().is_ok());
    (time && words.next().is_none()).then_some(SeriesValue { labels, value })
}

/// Reads `a="b",…}` and gives what follows.
fn read_labels<'a>(mut rest: &'a str, labels: &mut BTreeMap<String, String>) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, char) => value.push(char),
            }
        };
        labels.insert(name.trim().to_owned(), value);
        rest = quoted.get(end..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn samples_are_read_and_titles_passed_over() {
        let text = "Idle node\n\n-----\n# HELP a b\nup 1\nhot{gpu=\"0\",name=\"a \\\"b\\\" {c}\",} 9e1 1700000000\ncut{gpu=\"0\nnone NaN\n";
        let answer = exposition(text);
        let told: Vec<(String, String, String)> = answer
            .series
            .iter()
            .map(|sample| {
                let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
                (label("__name__"), label("name"), sample.value.to_string())
            })
            .collect();
        let row =
            |name: &str, label: &str, value: &str| (name.to_owned(), label.to_owned(), value.to_owned());
        assert_eq!(told, [row("up", "", "1"), row("hot", "a \"b\" {c}", "90"), row("none", "", "NaN")]);
        assert_eq!(answer.missing, ["3 lines are no samples"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(?s).{0,300}") {
            let _ = exposition(&text);
            let _ = exposition(&format!("a{{{text}"));
        }
    }
}
