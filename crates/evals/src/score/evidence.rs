//! Quotes that are verified, and expected evidence that is quoted.

use crate::expected::Expected;
use stethoscope_core::answer::Answer;
use stethoscope_core::evidence::find_quote;

/// A quote this long may also be part of the expected words; shorter ones stand everywhere.
const TELLING_QUOTE: usize = 16;

pub(super) struct EvidenceScore {
    pub(super) quotes: u32,
    pub(super) verified: u32,
    pub(super) expected: u32,
    pub(super) cited: u32,
}

pub(super) fn score(answer: &Answer, expected: &Expected) -> EvidenceScore {
    let citations: Vec<_> = answer.hypotheses.iter().flat_map(|hypothesis| &hypothesis.evidence).collect();
    // What shows health or the limits of sight is quoted under `ruled_out`.
    let all: Vec<_> =
        citations.iter().copied().chain(answer.ruled_out.iter().flat_map(|ruled| &ruled.evidence)).collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let cited = |words: &&String| {
        all.iter().filter(|citation| citation.verified).any(|citation| {
            find_quote(&citation.quote, words)
                || (citation.quote.len() >= TELLING_QUOTE && find_quote(words, &citation.quote))
        })
    };
    EvidenceScore {
        quotes: count(citations.len()),
        verified: count(citations.iter().filter(|citation| citation.verified).count()),
        expected: count(expected.evidence.len()),
        cited: count(expected.evidence.iter().filter(cited).count()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, expected};
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn only_verified_quotes_cite_what_is_expected() {
        let answer = answer("root_cause_found", "a.b", json!({"kind": "Node", "name": "n"}), 0.5);
        let found = |evidence: &[&str]| {
            let score = score(&answer, &expected(json!({"cause": "a.b", "evidence": evidence})));
            (score.quotes, score.verified, score.expected, score.cited)
        };
        assert_eq!(found(&["app=web  matches"]), (2, 1, 1, 1));
        assert_eq!(
            found(&["the selector app=web matches none of 3"]),
            (2, 1, 1, 1),
            "the quote is a telling part of it"
        );
        assert_eq!(found(&["made up"]), (2, 1, 1, 0));
        assert_eq!(found(&[]), (2, 1, 0, 0));
    }
}
