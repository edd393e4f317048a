//! The right cause on the right object, at rank 1 and within rank 3.

use super::Given;
use super::subject::SubjectMatch;
use stethoscope_core::answer::{Answer, Hypothesis};

/// Ranks that `cause@3` looks at.
const TOP: usize = 3;

pub(super) struct CauseScore {
    pub(super) at_1: Option<bool>,
    pub(super) at_3: Option<bool>,
    pub(super) subject_exact: Option<bool>,
    pub(super) subject_at_1: Option<bool>,
}

pub(super) fn score(answer: &Answer, given: &Given<'_>) -> CauseScore {
    let expected = given.expected;
    if !expected.wants_cause() {
        return CauseScore { at_1: None, at_3: None, subject_exact: None, subject_at_1: None };
    }
    let subject = |hypothesis: &Hypothesis| {
        expected
            .subjects
            .iter()
            .map(|pattern| given.owners.compare(&hypothesis.subject, pattern, given.namespace))
            .max()
    };
    // Where the expectation names no object, none can be wrong.
    let same =
        |hypothesis: &Hypothesis| subject(hypothesis).is_none_or(|found| found > SubjectMatch::Different);
    let right = |hypothesis: &Hypothesis| expected.causes.contains(&hypothesis.cause) && same(hypothesis);
    let best = answer.hypotheses.first();
    CauseScore {
        at_1: Some(best.is_some_and(right)),
        at_3: Some(answer.hypotheses.iter().take(TOP).any(right)),
        subject_exact: (!expected.subjects.is_empty())
            .then(|| best.and_then(subject).is_some_and(|found| found == SubjectMatch::Exact)),
        subject_at_1: (!expected.subjects.is_empty()).then(|| best.is_some_and(same)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, expected};
    use super::super::{Abstention, Denied, Owners};
    use super::*;
    use crate::transcript::Transcript;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn the_third_hypothesis_counts_for_three_and_not_for_one() {
        let mut answer = answer(
            "root_cause_found",
            "a.wrong",
            json!({"kind": "Service", "namespace": "shop", "name": "web"}),
            0.9,
        );
        let mut third = answer.hypotheses[0].clone();
        third.cause = "a.right".to_owned();
        answer.hypotheses.extend([answer.hypotheses[0].clone(), third]);
        let expected = expected(json!({"cause": "a.right", "subject": "Service/shop/web"}));
        let given = Given {
            expected: &expected,
            owners: &Owners::default(),
            namespace: None,
            transcript: &Transcript::default(),
            failed_calls: 0,
            skipped_calls: 0,
            denied: Denied::Nothing,
            abstention: Abstention::Verdict,
        };
        let found = score(&answer, &given);
        assert_eq!((found.at_1, found.at_3, found.subject_at_1), (Some(false), Some(true), Some(true)));
    }
}
