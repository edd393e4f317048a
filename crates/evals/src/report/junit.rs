//! JUnit XML, as CI systems read it: a suite for each model and variant, a case for each incident and repeat. What broke in the
//! machinery is an `error`, what was answered wrongly a `failure`.

use super::failure;
use crate::results::{Outcome, Results, Row};
use crate::variants::Variant;
use std::fmt::Write;

/// The results as JUnit XML.
pub fn junit(results: &Results) -> String {
    let mut groups: Vec<((&str, Variant), Vec<&Row>)> = Vec::new();
    for row in &results.rows {
        let key = (row.key.model.as_str(), row.key.variant);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    let (failures, errors) = counts(&results.rows.iter().collect::<Vec<_>>());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\">",
        escape(&results.header.suite),
        results.rows.len()
    );
    for ((model, variant), rows) in &groups {
        let (failures, errors) = counts(rows);
        let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{} {}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\">",
            escape(model),
            variant.name(),
            rows.len()
        );
        for row in rows {
            test_case(&mut out, row);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Wrong answers and broken runs.
fn counts(rows: &[&Row]) -> (usize, usize) {
    let errors = rows.iter().filter(|row| matches!(row.outcome, Outcome::Broken(_))).count();
    (rows.iter().filter(|row| failure(row).is_some()).count() - errors, errors)
}

fn test_case(out: &mut String, row: &Row) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(row.stratum()),
        escape(&row.key.to_string()),
        row.seconds
    );
    let (tag, why) = match (&row.outcome, failure(row)) {
        (Outcome::Unscored(unscored), _) => ("skipped", unscored.why.clone()),
        (Outcome::Broken(_), Some(why)) => ("error", why),
        (Outcome::Scored(_), Some(why)) => ("failure", why),
        (Outcome::Broken(_) | Outcome::Scored(_), None) => {
            out.push_str("/>\n");
            return;
        }
    };
    let _ = writeln!(out, ">\n      <{tag} message=\"{}\"/>\n    </testcase>", escape(&why));
}

/// Text for XML: markup escaped, characters that XML 1.0 has no way to write left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{results, row};

    #[test]
    fn wrong_and_broken_cases_are_told_apart_and_hostile_text_is_text() {
        let mut broken = row(2, "a\"<b>&\u{1b}]", 1, false);
        broken.outcome = Outcome::Broken("]]> <script>\n".to_owned());
        insta::assert_snapshot!(junit(&results(vec![
            row(0, "one", 1, true),
            row(1, "two", 2, false),
            broken
        ])));
    }
}
