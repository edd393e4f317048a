//! Forbidden claims. What an answer says it ruled out is no claim.

use crate::expected::{Expected, Forbidden};
use regex::RegexBuilder;
use stethoscope_core::answer::{Answer, Verdict};

/// Forbidden claims that the answer makes, in the expectation's words.
pub(super) fn forbidden(answer: &Answer, expected: &Expected) -> Vec<String> {
    let said: Vec<String> = claims(answer).into_iter().map(|text| plain(&text)).collect();
    expected
        .forbidden
        .iter()
        .filter_map(|forbidden| match forbidden {
            Forbidden::Words(words) => {
                said.iter().any(|text| text.contains(&plain(words))).then(|| words.clone())
            }
            Forbidden::Exact(exact) => {
                let named = exact.cause.as_ref().filter(|cause| {
                    answer.verdict == Verdict::RootCauseFound
                        && answer.hypotheses.first().is_some_and(|best| best.cause == **cause)
                });
                // The pattern was checked when the expectation was read.
                let matched = exact.pattern.as_ref().filter(|pattern| {
                    let regex = RegexBuilder::new(pattern).case_insensitive(true).build();
                    regex.is_ok_and(|regex| claims(answer).iter().any(|text| regex.is_match(text)))
                });
                named.or(matched).cloned()
            }
        })
        .collect()
}

/// What the answer says in its own words.
pub(crate) fn claims(answer: &Answer) -> Vec<String> {
    let mut claims = vec![answer.summary.clone()];
    claims.extend(answer.impact.clone());
    for hypothesis in &answer.hypotheses {
        claims.push(hypothesis.statement.clone());
        for step in &hypothesis.fix {
            claims.push(step.explain.clone());
            claims.extend(step.command.clone());
        }
    }
    claims
}

/// Lower case, one space between words, no full stop.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, expected};
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn words_causes_and_patterns_are_found_in_claims_only() {
        let mut answer = answer("root_cause_found", "a.b", json!({"kind": "Node", "name": "n"}), 0.5);
        answer.ruled_out =
            serde_json::from_value(json!([{"cause": "c", "why": "the disk is full"}])).unwrap();
        let expected = expected(json!({"cause": "a.b", "forbidden": [
            "The  selector matches NO pod.", "the disk is full", {"cause": "a.b"}, {"cause": "c.d"}, {"pattern": "matches (no|zero) pod"}
        ]}));
        assert_eq!(
            forbidden(&answer, &expected),
            ["The  selector matches NO pod.", "a.b", "matches (no|zero) pod"]
        );
    }
}
