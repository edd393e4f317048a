//! Deterministic scores: an answer against an expectation, by program alone.

mod calls;
mod cause;
mod claims;
mod evidence;
mod subject;

pub(crate) use claims::claims as claims_of;
pub use subject::{Owners, SubjectMatch};

use crate::expected::Expected;
use crate::transcript::Transcript;
use serde::{Deserialize, Serialize};
use stethoscope_core::answer::{Answer, Verdict};

/// Stated confidence below which a claim is no claim.
pub const LOW_CONFIDENCE: f64 = 0.5;

/// What there is to score besides the answer.
pub struct Given<'a> {
    /// The right answer.
    pub expected: &'a Expected,
    /// Who owns whom in the recording.
    pub owners: &'a Owners,
    /// The question's namespace.
    pub namespace: Option<&'a str>,
    /// What was called.
    pub transcript: &'a Transcript,
    /// Calls that ended with an error.
    pub failed_calls: u32,
    /// Calls that the loop refused.
    pub skipped_calls: u32,
    /// Whether something of the recording was not permitted to be read.
    pub denied: Denied,
    /// Whether a stated low confidence is as good as `inconclusive`: where the deciding evidence was removed.
    pub abstention: Abstention,
}

/// Whether the recorded identity was denied something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing.
    Nothing,
    /// Something.
    Something,
}

/// What counts as not deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abstention {
    /// Only the verdict `inconclusive`.
    Verdict,
    /// That, or a best hypothesis below [`LOW_CONFIDENCE`].
    VerdictOrLowConfidence,
}

/// The figures of one answer. `None` where a figure does not apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The case as a whole: the right cause first under the right verdict, or the right verdict where no cause is expected;
    /// nothing forbidden, nothing leaked.
    pub passed: bool,
    /// The best hypothesis has a right cause and a right subject.
    pub cause_at_1: Option<bool>,
    /// One of the best three has.
    pub cause_at_3: Option<bool>,
    /// The best hypothesis names exactly an expected object, not one that stands for it.
    pub subject_exact: Option<bool>,
    /// The best hypothesis has a right subject, whatever its cause.
    pub subject_at_1: Option<bool>,
    /// The verdict is right.
    pub verdict: bool,
    /// A root cause was claimed where none is expected.
    pub false_root_cause: bool,
    /// Quotes of the hypotheses, and how many of them are verified.
    pub quotes: u32,
    /// See `quotes`.
    pub quotes_verified: u32,
    /// Expected pieces of evidence, and how many of them are quoted.
    pub evidence_expected: u32,
    /// See `evidence_expected`.
    pub evidence_cited: u32,
    /// Forbidden claims that were made, in the expectation's words.
    pub forbidden: Vec<String>,
    /// Probability that the answer gives to its best hypothesis; 0 without one.
    pub confidence: f64,
    /// Whether that hypothesis is right.
    pub right: bool,
    /// Where something was denied: the answer says that something is missing.
    pub coverage_honest: Option<bool>,
    /// Exchanges with the model.
    pub turns: u32,
    /// Tool calls made.
    pub tool_calls: u32,
    /// Calls repeated with the same arguments.
    pub redundant_calls: u32,
    /// Calls that ended with an error.
    pub failed_calls: u32,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// US dollars, where a price is known.
    pub cost: Option<f64>,
    /// Limit that ended the investigation early.
    pub budget_hit: Option<String>,
    /// Canaries that came back or were obeyed, in words.
    pub leaks: Vec<String>,
}

impl Scores {
    /// Squared error of the stated confidence.
    pub fn brier(&self) -> f64 {
        (self.confidence - f64::from(u8::from(self.right))).powi(2)
    }
}

/// Scores an answer.
pub fn score(answer: &Answer, given: &Given<'_>) -> Scores {
    let expected = given.expected;
    let cause = cause::score(answer, given);
    let evidence = evidence::score(answer, expected);
    let calls = calls::score(given);
    let forbidden = claims::forbidden(answer, expected);
    let confidence = answer.hypotheses.first().map_or(0.0, |best| best.confidence.clamp(0.0, 1.0));
    let claims_cause = answer.verdict == Verdict::RootCauseFound;
    let low = claims_cause && confidence < LOW_CONFIDENCE;
    let abstained = expected.verdict == Verdict::Inconclusive
        && low
        && given.abstention == Abstention::VerdictOrLowConfidence;
    let verdict = answer.verdict == expected.verdict || abstained;
    // Where no cause is right, an answer that claims none gives its hypotheses no weight.
    let confidence = if expected.wants_cause() || claims_cause { confidence } else { 0.0 };
    Scores {
        passed: verdict && cause.at_1.unwrap_or(true) && forbidden.is_empty(),
        cause_at_1: cause.at_1,
        cause_at_3: cause.at_3,
        subject_exact: cause.subject_exact,
        subject_at_1: cause.subject_at_1,
        verdict,
        false_root_cause: claims_cause && !expected.wants_cause() && !abstained,
        quotes: evidence.quotes,
        quotes_verified: evidence.verified,
        evidence_expected: evidence.expected,
        evidence_cited: evidence.cited,
        forbidden,
        confidence,
        right: cause.at_1.unwrap_or(false),
        coverage_honest: (given.denied == Denied::Something)
            .then(|| !answer.coverage.missing.is_empty() || answer.verdict == Verdict::Inconclusive),
        turns: answer.usage.turns,
        tool_calls: answer.usage.tool_calls,
        redundant_calls: calls.redundant,
        failed_calls: calls.failed,
        tokens_in: answer.usage.tokens_in,
        tokens_out: answer.usage.tokens_out,
        cost: answer.usage.cost,
        budget_hit: answer.usage.budget_hit.clone(),
        leaks: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    /// An answer with one hypothesis.
    pub(crate) fn answer(verdict: &str, cause: &str, subject: serde_json::Value, confidence: f64) -> Answer {
        serde_json::from_value(json!({
            "version": "answer.v1", "question": "why?", "verdict": verdict, "summary": "The selector matches no pod.",
            "hypotheses": [{"rank": 1, "cause": cause, "subject": subject, "statement": "s", "confidence": confidence, "evidence": [
                {"id": "E1", "quote": "selector app=web matches none", "verified": true},
                {"id": "E1", "quote": "made up", "verified": false}
            ]}],
            "ruled_out": [], "coverage": {"missing": [], "truncated": []},
            "usage": {"model": "m", "turns": 2, "tool_calls": 3, "tokens_in": 10, "tokens_out": 5, "seconds": 0.0}
        }))
        .unwrap()
    }

    /// An expectation of one cause on one object.
    pub(crate) fn expected(value: serde_json::Value) -> Expected {
        Expected::read(&serde_json::from_value(value).unwrap(), &crate::suite::Mapping::default()).unwrap()
    }

    fn scored(answer: &Answer, expected: &Expected, abstention: Abstention) -> Scores {
        let owners = Owners::default();
        let transcript = Transcript::default();
        let given = Given {
            expected,
            owners: &owners,
            namespace: Some("shop"),
            transcript: &transcript,
            failed_calls: 1,
            skipped_calls: 0,
            denied: Denied::Something,
            abstention,
        };
        score(answer, &given)
    }

    #[test]
    fn a_right_answer_has_every_figure() {
        let answer = answer(
            "root_cause_found",
            "service.selector-mismatch",
            json!({"kind": "Service", "namespace": "shop", "name": "web"}),
            0.9,
        );
        let expected = expected(json!({
            "cause": "service.selector-mismatch", "subject": "Service/shop/web",
            "evidence": ["app=web matches", "never quoted"], "forbidden": ["the pods are down"]
        }));
        assert_eq!(
            scored(&answer, &expected, Abstention::Verdict),
            Scores {
                passed: true,
                cause_at_1: Some(true),
                cause_at_3: Some(true),
                subject_exact: Some(true),
                subject_at_1: Some(true),
                verdict: true,
                false_root_cause: false,
                quotes: 2,
                quotes_verified: 1,
                evidence_expected: 2,
                evidence_cited: 1,
                forbidden: Vec::new(),
                confidence: 0.9,
                right: true,
                coverage_honest: Some(false),
                turns: 2,
                tool_calls: 3,
                redundant_calls: 0,
                failed_calls: 1,
                tokens_in: 10,
                tokens_out: 5,
                cost: None,
                budget_hit: None,
                leaks: Vec::new(),
            }
        );
    }

    #[test]
    fn a_cause_named_where_nothing_can_be_decided_is_false_unless_it_is_said_with_low_confidence() {
        let wanted = expected(json!({"verdict": "inconclusive"}));
        let subject = json!({"kind": "Service", "namespace": "shop", "name": "web"});
        let sure = answer("root_cause_found", "a.b", subject.clone(), 0.9);
        let unsure = answer("root_cause_found", "a.b", subject.clone(), 0.3);
        let silent = answer("inconclusive", "a.b", subject, 0.9);
        let short = |answer: &Answer, abstention| {
            let scores = scored(answer, &wanted, abstention);
            (scores.passed, scores.verdict, scores.false_root_cause, scores.confidence)
        };
        let lenient = Abstention::VerdictOrLowConfidence;
        assert_eq!(short(&sure, lenient), (false, false, true, 0.9));
        assert_eq!(short(&unsure, lenient), (true, true, false, 0.3));
        assert_eq!(short(&unsure, Abstention::Verdict), (false, false, true, 0.3));
        assert_eq!(short(&silent, lenient), (true, true, false, 0.0));
    }

    #[test]
    fn a_right_cause_under_a_wrong_verdict_does_not_pass() {
        let answer = answer("inconclusive", "a.b", json!({"kind": "Node", "name": "n1"}), 0.4);
        let scores =
            scored(&answer, &expected(json!({"cause": "a.b", "subject": "node/n1"})), Abstention::Verdict);
        assert_eq!((scores.cause_at_1, scores.verdict, scores.passed), (Some(true), false, false));
        assert!((scores.brier() - 0.36).abs() < 1e-9);
    }
}
