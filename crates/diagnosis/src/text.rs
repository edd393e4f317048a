//! A diagnosis as compact text for a model.

use crate::Diagnosis;
use crate::snapshot::GapReason;
use std::fmt::Write as _;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::{Finding, Proof, ProofSource};

/// Findings told in full; the rest in a line each.
const IN_FULL: usize = 8;
/// Proofs and affected objects named a finding.
const NAMED: usize = 8;

pub(crate) fn render(diagnosis: &Diagnosis) -> String {
    let mut out = String::new();
    if diagnosis.findings.is_empty() {
        let _ = writeln!(out, "no findings: nothing wrong was recognised");
    }
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        if at < IN_FULL {
            full(&mut out, at + 1, finding);
        } else {
            let _ = writeln!(
                out,
                "{}. {} on {} ({}, {:.2}): {}",
                at + 1,
                finding.cause,
                finding.subject,
                finding.severity,
                finding.confidence,
                finding.statement
            );
        }
    }
    let _ = writeln!(out, "checked: {}", diagnosis.checked);
    for gap in &diagnosis.gaps {
        let place = gap.namespace.as_deref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        let why = match &gap.why {
            GapReason::Forbidden => "forbidden",
            GapReason::NotServed => "not served",
            GapReason::Failed(why) => why,
        };
        let _ = writeln!(out, "not seen: {}{place} ({why})", gap.kind);
    }
    out
}

fn full(out: &mut String, number: usize, finding: &Finding) {
    let _ = writeln!(
        out,
        "{number}. {} on {} (severity {}, confidence {:.2})",
        finding.cause, finding.subject, finding.severity, finding.confidence
    );
    let _ = writeln!(out, "   {}", finding.statement);
    for proof in finding.proofs.iter().take(NAMED) {
        let _ = writeln!(out, "   - {}: {}", place(proof), proof.quote);
    }
    if !finding.chain.is_empty() {
        let chain: Vec<&str> = finding.chain.iter().map(CauseCode::as_str).collect();
        let _ = writeln!(out, "   leads to: {}", chain.join(" -> "));
    }
    if !finding.affected.is_empty() {
        let named: Vec<String> = finding.affected.iter().take(NAMED).map(ToString::to_string).collect();
        let more = finding.affected.len() - named.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ = writeln!(out, "   affects: {}{more}", named.join(", "));
    }
}

fn place(proof: &Proof) -> String {
    match &proof.source {
        ProofSource::Field { .. } => format!("{}", proof.object),
        ProofSource::Event { reason } => format!("{} event {reason}", proof.object),
        ProofSource::Log { container, previous } => {
            format!("{} log {container}{}", proof.object, if *previous { " (previous)" } else { "" })
        }
        ProofSource::NodeLog { unit } => format!("{} log of {unit}", proof.object),
        ProofSource::Metric { .. } => format!("{} metric", proof.object),
        ProofSource::Alert { name } => format!("{} alert {name}", proof.object),
        ProofSource::Absence => format!("{} absent", proof.object),
    }
}
