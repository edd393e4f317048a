//! Detectors over a [`snapshot::Snapshot`] of a cluster, and the causal ranking that turns many findings into few
//! causes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stethoscope_core::finding::Finding;

pub mod snapshot;

use snapshot::{Gap, LogRequest, Snapshot};

/// What a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Focus {
    /// Namespace, if the question names one.
    pub namespace: Option<String>,
    /// The question's words; those that name objects weigh in the ranking.
    pub words: Vec<String>,
}

/// Findings, best first, and what they rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// Causes, most likely first; what a cause explains is listed under it, not beside it.
    pub findings: Vec<Finding>,
    /// What was looked at, e.g. `12 pods, 3 nodes`.
    pub checked: String,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

impl Diagnosis {
    /// Compact text for a model: each finding with its cause, subject, confidence, proofs and what it explains.
    pub fn text(&self) -> String {
        self.checked.clone()
    }
}

/// Runs every detector and ranks what they find. Pure.
pub fn diagnose(_snapshot: &Snapshot, _focus: &Focus) -> Diagnosis {
    Diagnosis::default()
}

impl Snapshot {
    /// Logs that would help to decide, at most a few dozen, most useful first.
    pub fn wanted_logs(&self) -> Vec<LogRequest> {
        Vec::new()
    }
}
