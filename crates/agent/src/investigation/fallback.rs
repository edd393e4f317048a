//! An answer without the model's help: what the deterministic detectors found, checked like any other.

use super::Investigation;
use super::check::{catalogue_fix, coverage, findings};
use stethoscope_core::answer::{Answer, AnswerVersion, Citation, Hypothesis, Verdict};
use stethoscope_core::finding::Finding;

/// Confidence from which a detector's finding alone is called the root cause.
const ENOUGH: f64 = 0.6;
/// Findings named.
const MOST: usize = 3;

/// Concludes from what is known. `said` is what the model said, if it said something that could not be checked.
pub(super) fn answer(investigation: &Investigation, why: &str, said: Option<String>) -> Answer {
    let ledger = investigation.ledger();
    let hypotheses: Vec<Hypothesis> = findings(ledger)
        .into_iter()
        .take(MOST)
        .zip(1..)
        .map(|(finding, rank)| {
            let evidence = cite(investigation, &finding);
            let confidence =
                if evidence.is_empty() { finding.confidence.min(0.2) } else { finding.confidence };
            Hypothesis {
                rank,
                cause: finding.cause.to_string(),
                fix: catalogue_fix(ledger, finding.cause.as_str(), &finding.subject),
                subject: finding.subject,
                statement: finding.statement,
                confidence,
                chain: finding.chain.iter().map(ToString::to_string).collect(),
                evidence,
            }
        })
        .collect();
    let found = hypotheses.first().is_some_and(|best| best.confidence >= ENOUGH && !best.evidence.is_empty());
    let known = match hypotheses.first() {
        Some(best) => format!("What the detectors know: {} ({}).", best.statement, best.subject),
        None => "No detector found a cause in what was read.".to_owned(),
    };
    let said = said.map(|text| format!(" The model said, unchecked: {}", text.trim())).unwrap_or_default();
    Answer {
        version: AnswerVersion::V1,
        question: investigation.question.text.clone(),
        verdict: if found { Verdict::RootCauseFound } else { Verdict::Inconclusive },
        summary: format!("Ended early: {why}. {known}{said}"),
        hypotheses,
        ruled_out: Vec::new(),
        impact: None,
        coverage: coverage(ledger),
        usage: investigation.usage().clone(),
    }
}

/// The finding's proofs that stand in the evidence.
fn cite(investigation: &Investigation, finding: &Finding) -> Vec<Citation> {
    finding
        .proofs
        .iter()
        .filter_map(|proof| {
            let id = investigation.ledger().cite(&proof.quote)?;
            Some(Citation { id, quote: proof.quote.clone(), verified: true })
        })
        .collect()
}
