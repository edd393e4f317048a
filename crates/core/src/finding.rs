//! What a deterministic detector concludes.

use crate::{cause::CauseCode, object::ObjectRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How bad a finding is for the people who use the workload. Ordered: `Info < Low < … < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing suffers.
    Info,
    /// May suffer later.
    Low,
    /// Degraded: some replicas, some requests.
    Medium,
    /// A workload or Service does not do its job.
    High,
    /// Many workloads, or the cluster itself.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// A cause that a detector recognised, on what, and why it says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Code from the cause catalogue.
    pub cause: CauseCode,
    /// The object to mend.
    pub subject: ObjectRef,
    /// How bad.
    pub severity: Severity,
    /// Probability, 0 to 1, that this is a cause of what people see.
    pub confidence: f64,
    /// One sentence with the particulars, e.g. `selector app=web matches none of the 3 pods; they carry app=website`.
    pub statement: String,
    /// Causes between this one and the visible symptom, deepest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<CauseCode>,
    /// Objects that suffer from it (symptoms rolled up under this finding).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<ObjectRef>,
    /// Why: quotes from objects, events and logs.
    pub proofs: Vec<Proof>,
    /// Values for the catalogue's fix and verify templates, e.g. `container`, `port`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// One verbatim piece of the cluster that supports a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The object whose field, event or log is quoted.
    pub object: ObjectRef,
    /// Where in it.
    pub source: ProofSource,
    /// The words. Field values as `path: value`, events and logs verbatim.
    pub quote: String,
}

/// Where a quote stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum ProofSource {
    /// A field of the object; dotted path (`spec.selector`).
    Field {
        /// Dotted path.
        path: String,
    },
    /// An event on the object.
    Event {
        /// The event's reason, e.g. `FailedScheduling`.
        reason: String,
    },
    /// A container's log.
    Log {
        /// Container name.
        container: String,
        /// The log of the previous run.
        previous: bool,
    },
    /// A node component's log, through the kubelet's log query.
    NodeLog {
        /// systemd unit or file, e.g. `kubelet`.
        unit: String,
    },
    /// A series of a metric; the quote gives its levels.
    Metric {
        /// The series as PromQL writes it.
        series: String,
    },
    /// An alert; the quote is its text.
    Alert {
        /// Its `alertname`.
        name: String,
    },
    /// Something that is not there; the quote says what was looked for.
    Absence,
}
