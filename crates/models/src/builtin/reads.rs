//! The reads that prove or refute the detectors' top causes first-hand.

use super::scope::Scope;
use serde_json::{Value, json};
use stethoscope_core::finding::{Finding, Proof, ProofSource, Severity};

/// The tool that tells which series changed.
pub(super) const METRICS: &str = "metrics_anomalies";
/// Findings whose proofs are read first-hand.
const FINDINGS: usize = 3;
/// Reads made at once.
const READS: usize = 8;

/// Tool calls for the proofs of the top findings, or, when there is no finding, for signs that one was missed.
pub(super) fn for_findings(findings: &[Finding], scope: &Scope) -> Vec<(&'static str, Value)> {
    let mut reads = Vec::new();
    let mut add = |read: (&'static str, Value)| {
        if reads.len() < READS && !reads.contains(&read) {
            reads.push(read);
        }
    };
    for finding in findings.iter().take(FINDINGS) {
        finding.proofs.iter().filter_map(for_proof).for_each(&mut add);
    }
    if let Some(namespace) = findings.first().and_then(|best| best.subject.namespace.as_ref()) {
        add(("k8s_changes", json!({"namespace": namespace})));
    }
    let explained = findings.iter().any(|finding| finding.severity >= Severity::Medium);
    if !explained {
        let mut arguments = json!({});
        if let Some(namespace) = &scope.namespace {
            arguments["namespace"] = json!(namespace);
        }
        // Where no object tells anything, series may: latency, errors, saturation.
        add((METRICS, arguments.clone()));
        add(("k8s_changes", arguments.clone()));
        arguments["type"] = json!("Warning");
        add(("k8s_events", arguments));
    }
    reads
}

fn for_proof(proof: &Proof) -> Option<(&'static str, Value)> {
    let object = &proof.object;
    match &proof.source {
        ProofSource::Field { .. } | ProofSource::Event { .. } => {
            let mut arguments = json!({"kind": object.kind, "name": object.name});
            if let Some(namespace) = &object.namespace {
                arguments["namespace"] = json!(namespace);
            }
            Some(("k8s_describe", arguments))
        }
        ProofSource::Log { container, previous } => {
            let mut arguments = json!({"pod": object.name, "container": container});
            if let Some(namespace) = &object.namespace {
                arguments["namespace"] = json!(namespace);
            }
            if *previous {
                arguments["previous"] = json!(true);
            }
            Some(("k8s_logs", arguments))
        }
        ProofSource::NodeLog { unit } => Some(("k8s_node_logs", json!({"node": object.name, "unit": unit}))),
        ProofSource::Metric { .. } => {
            let which = if object.kind == "Node" { "node" } else { "workload" };
            let mut arguments = json!({which: object.name});
            if let Some(namespace) = &object.namespace {
                arguments["namespace"] = json!(namespace);
            }
            Some((METRICS, arguments))
        }
        ProofSource::Alert { .. } => Some(("alerts", json!({}))),
        // Nothing to read: the detector looked and the digest says where.
        ProofSource::Absence => None,
    }
}
