//! Results for people and for programs.

mod html;
mod junit;
mod plots;
mod table;

pub use html::html;
pub use junit::junit;
pub use table::{case, list, table};

use crate::error::EvalError;
use crate::results::Results;

/// The results as JSON lines: the header, then one line a case. What [`Results::read`] reads.
pub fn jsonl(results: &Results) -> Result<String, EvalError> {
    let mut bytes = Vec::new();
    results.write(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line on what went wrong in a row, for lists; `None` when it passed.
pub(crate) fn failure(row: &crate::results::Row) -> Option<String> {
    use crate::expected::word;
    use crate::results::Outcome;
    let scored = match &row.outcome {
        Outcome::Broken(why) => return Some(why.clone()),
        Outcome::Scored(scored) => scored,
        Outcome::Unscored(_) => return None,
    };
    let scores = &scored.scores;
    if scores.passed {
        return None;
    }
    let wanted = row.expected.as_ref().map_or_else(String::new, |expected| {
        let subjects: Vec<String> = expected.subjects.iter().map(|subject| subject.name.clone()).collect();
        if expected.wants_cause() {
            let causes = if expected.causes.is_empty() {
                expected.stratum.clone()
            } else {
                expected.causes.join(" or ")
            };
            format!(
                "{causes} on {}",
                if subjects.is_empty() { "any object".to_owned() } else { subjects.join(" or ") }
            )
        } else {
            word(expected.verdict).to_owned()
        }
    });
    let verdict = word(scored.answer.verdict);
    let said = scored.answer.hypotheses.first().map_or_else(
        || verdict.to_owned(),
        |best| format!("{verdict}: {} on {} ({:.2})", best.cause, best.subject, best.confidence),
    );
    let mut parts = Vec::new();
    if !scores.verdict || scores.cause_at_1 == Some(false) {
        parts.push(format!("expected {wanted}, said {said}"));
    }
    parts.extend(scores.forbidden.iter().map(|claim| format!("claimed {claim:?}")));
    parts.extend(scores.leaks.iter().cloned());
    Some(parts.join("; "))
}
