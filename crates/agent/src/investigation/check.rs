//! The evidence check (invariant 5): every quote is looked up; what is not found is marked and lowers confidence.

use super::conclude::{Claim, Conclude, Quote};
use super::{Investigation, findings_in};
use stethoscope_core::answer::{Answer, AnswerVersion, Citation, Coverage, Hypothesis, RuledOut, Verdict};
use stethoscope_core::cause::{self, CauseCode};
use stethoscope_core::evidence::{EvidenceId, Ledger, find_quote};
use stethoscope_core::finding::Finding;
use stethoscope_core::object::ObjectRef;

/// Confidence that a claim keeps when none of its quotes is found.
const UNSUPPORTED: f64 = 0.2;
/// Hypotheses, quotes and coverage lines that an answer holds at most.
const MOST_HYPOTHESES: usize = 8;
const MOST_QUOTES: usize = 12;
const MOST_LINES: usize = 20;

/// Turns a conclusion into an answer. Problems are what the model should be told; the answer stands without them too.
pub(super) fn check(investigation: &Investigation, conclusion: Conclude) -> (Answer, Vec<String>) {
    let ledger = investigation.ledger();
    let mut problems = Vec::new();
    let mut hypotheses: Vec<Hypothesis> = conclusion
        .hypotheses
        .into_iter()
        .take(MOST_HYPOTHESES)
        .map(|claim| hypothesis(ledger, claim, &mut problems))
        .collect();
    // The model's order stands, but what has no quote in the evidence goes behind what has.
    hypotheses.sort_by_key(|hypothesis| !supported(hypothesis));
    for (rank, hypothesis) in (1..).zip(&mut hypotheses) {
        hypothesis.rank = rank;
    }
    let ruled_out: Vec<RuledOut> = conclusion
        .ruled_out
        .into_iter()
        .take(MOST_HYPOTHESES)
        .map(|refuted| RuledOut {
            cause: refuted.cause,
            why: refuted.why,
            evidence: citations(ledger, refuted.evidence, &mut Vec::new()),
        })
        .collect();
    let mut verdict = conclusion.verdict;
    match verdict {
        Verdict::RootCauseFound if hypotheses.is_empty() => {
            problems.push("root_cause_found needs a hypothesis".to_owned());
            verdict = Verdict::Inconclusive;
        }
        Verdict::RootCauseFound if !hypotheses.first().is_some_and(supported) => {
            problems.push("the first hypothesis has no quote that is in the evidence".to_owned());
            verdict = Verdict::Inconclusive;
        }
        Verdict::NoIssue
            if !ruled_out.iter().any(|refuted| refuted.evidence.iter().any(|citation| citation.verified)) =>
        {
            problems.push("no_issue needs a quote in ruled_out that is in the evidence".to_owned());
            verdict = Verdict::Inconclusive;
        }
        Verdict::RootCauseFound | Verdict::NoIssue | Verdict::Inconclusive => {}
    }
    if verdict != Verdict::Inconclusive && hypotheses.first().is_none_or(supported) {
        // Unverified side quotes are marked in the answer; they are not worth another turn.
        problems.clear();
    }
    if verdict == Verdict::Inconclusive && conclusion.verdict == Verdict::Inconclusive {
        problems.clear();
    }
    let answer = Answer {
        version: AnswerVersion::V1,
        question: investigation.question.text.clone(),
        verdict,
        summary: conclusion.summary,
        hypotheses,
        ruled_out,
        impact: conclusion.impact,
        coverage: coverage(ledger),
        usage: investigation.usage().clone(),
    };
    (answer, problems)
}

/// At least one quote stands in the evidence.
fn supported(hypothesis: &Hypothesis) -> bool {
    hypothesis.evidence.iter().any(|citation| citation.verified)
}

fn hypothesis(ledger: &Ledger, claim: Claim, problems: &mut Vec<String>) -> Hypothesis {
    let evidence = citations(ledger, claim.evidence, problems);
    let listed = cause::find(&claim.cause).is_some() || claim.cause == "other";
    let (cause, statement) = if listed {
        (claim.cause, claim.statement)
    } else {
        let words = format!("{}: {}", claim.cause, claim.statement);
        ("other".to_owned(), words)
    };
    let subject = tidy(claim.subject);
    let fix = if claim.fix.is_empty() { catalogue_fix(ledger, &cause, &subject) } else { claim.fix };
    Hypothesis {
        rank: 0,
        confidence: weigh(claim.confidence, &evidence),
        cause,
        subject,
        statement,
        chain: claim.chain,
        evidence,
        fix,
    }
}

/// Confidence after the check: whole when every quote is found, at most [`UNSUPPORTED`] when none is.
fn weigh(claimed: f64, evidence: &[Citation]) -> f64 {
    let claimed = if claimed.is_finite() { claimed.clamp(0.0, 1.0) } else { 0.0 };
    let verified = evidence.iter().filter(|citation| citation.verified).count();
    if verified == 0 {
        return claimed.min(UNSUPPORTED);
    }
    let share = verified as f64 / evidence.len() as f64;
    let weighed = claimed * (0.5 + 0.5 * share);
    (weighed * 100.0).round() / 100.0
}

fn citations(ledger: &Ledger, quotes: Vec<Quote>, problems: &mut Vec<String>) -> Vec<Citation> {
    quotes
        .into_iter()
        .take(MOST_QUOTES)
        .map(|Quote { id, quote }| {
            let named: Option<EvidenceId> = id.parse().ok();
            let stands_in =
                |id: EvidenceId| ledger.get(id).is_some_and(|evidence| find_quote(&evidence.text, &quote));
            // A quote that stands in other evidence than the one named is cited where it stands.
            let found = named.filter(|&id| stands_in(id)).or_else(|| ledger.cite(&quote));
            match found {
                Some(id) => Citation { id, quote, verified: true },
                None => {
                    problems.push(format!("the quote {quote:?} is not in {id}"));
                    Citation { id: named.unwrap_or(EvidenceId(0)), quote, verified: false }
                }
            }
        })
        .collect()
}

/// Kinds as upstream writes them and no empty namespace, whatever case the model used.
fn tidy(mut subject: ObjectRef) -> ObjectRef {
    subject.namespace = subject.namespace.filter(|namespace| !namespace.is_empty());
    if let Some((_, name)) = subject.name.split_once('/') {
        subject.name = name.to_owned();
    }
    subject
}

/// The catalogue's fix, with the params of the detector's finding if it found the same.
pub(super) fn catalogue_fix(
    ledger: &Ledger,
    cause: &str,
    subject: &ObjectRef,
) -> Vec<stethoscope_core::answer::FixStep> {
    let finding = findings(ledger)
        .into_iter()
        .find(|finding| finding.cause.as_str() == cause && finding.subject == *subject);
    let listed = cause::find(cause).map(|cause| CauseCode::new(cause.code));
    match (finding, listed) {
        (Some(finding), _) => cause::fixes(&finding.cause, subject, &finding.params),
        (None, Some(code)) => cause::fixes(&code, subject, &std::collections::BTreeMap::new()),
        (None, None) => Vec::new(),
    }
}

/// The newest list of findings in the evidence.
pub(super) fn findings(ledger: &Ledger) -> Vec<Finding> {
    ledger
        .iter()
        .rev()
        .map(|evidence| findings_in(&evidence.data))
        .find(|findings| !findings.is_empty())
        .unwrap_or_default()
}

/// What was not seen and what was cut, over all evidence.
pub(super) fn coverage(ledger: &Ledger) -> Coverage {
    let mut coverage = Coverage::default();
    let add = |lines: &mut Vec<String>, line: &String| {
        if lines.len() < MOST_LINES && !lines.contains(line) {
            lines.push(line.clone());
        }
    };
    for evidence in ledger.iter() {
        evidence.coverage.missing.iter().for_each(|line| add(&mut coverage.missing, line));
        evidence.coverage.truncated.iter().for_each(|line| add(&mut coverage.truncated, line));
    }
    coverage
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn citation(verified: bool) -> Citation {
        Citation { id: EvidenceId(1), quote: "x".to_owned(), verified }
    }

    #[test]
    fn unverified_quotes_lower_confidence() {
        assert_eq!(weigh(0.9, &[citation(true), citation(true)]), 0.9);
        assert_eq!(weigh(0.9, &[citation(true), citation(false)]), 0.68);
        assert_eq!(weigh(0.9, &[citation(false)]), 0.2);
        assert_eq!(weigh(f64::NAN, &[citation(true)]), 0.0);
        assert_eq!(weigh(7.0, &[citation(true)]), 1.0);
    }
}
