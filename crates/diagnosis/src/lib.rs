//! Detectors over a [`snapshot::Snapshot`] of a cluster, and the causal ranking that turns many findings into few
//! causes. Pure: no IO, no clock, no client.
//!
//! ```text
//! Snapshot -> World (indexed once) -> detectors -> drafts -> ranking -> Diagnosis
//!                                     pods, scheduling, storage,
//!                                     workloads, services, nodes
//! ```
//!
//! A detector is a function over the world that reads like the incident it knows. The ranking knows nothing of
//! detectors; it sees causes, how deep they lie, and what they hit.
//!
//! ```
//! use stethoscope_diagnosis::{Focus, diagnose, snapshot::Snapshot};
//!
//! let diagnosis = diagnose(&Snapshot::default(), &Focus::default());
//! assert!(diagnosis.findings.is_empty());
//! ```

mod draft;
mod logs;
mod nodes;
mod pods;
mod ranking;
mod scheduling;
mod services;
pub mod snapshot;
mod storage;
mod text;
mod workloads;
mod world;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snapshot::{Gap, Snapshot};
use stethoscope_core::finding::Finding;
use world::World;

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
        text::render(self)
    }
}

/// Every detector, in the order of the house.
const DETECTORS: &[fn(&World<'_>, &mut Vec<draft::Draft>)] = &[
    nodes::detect,
    nodes::scheduler::detect,
    workloads::admission::detect,
    storage::claims::detect,
    scheduling::detect,
    pods::image::detect,
    pods::config::detect,
    pods::sandbox::detect,
    pods::volumes::detect,
    pods::exit::detect,
    pods::probes::detect,
    pods::lifecycle::detect,
    workloads::rollout::detect,
    workloads::jobs::detect,
    workloads::guards::detect,
    services::selector::detect,
    services::ports::detect,
    services::addresses::detect,
    services::callers::detect,
    services::ingress::detect,
    services::policy::detect,
];

/// Runs every detector and ranks what they find. Pure: the same snapshot and focus give the same diagnosis.
pub fn diagnose(snapshot: &Snapshot, focus: &Focus) -> Diagnosis {
    let world = World::new(snapshot);
    let mut drafts = Vec::new();
    for detect in DETECTORS {
        detect(&world, &mut drafts);
    }
    Diagnosis {
        findings: ranking::rank(&world, focus, drafts),
        checked: checked(snapshot),
        gaps: snapshot.gaps.clone(),
    }
}

fn checked(snapshot: &Snapshot) -> String {
    let counts = [
        (snapshot.pods.len(), "pods"),
        (snapshot.nodes.len(), "nodes"),
        (
            snapshot.deployments.len()
                + snapshot.stateful_sets.len()
                + snapshot.daemon_sets.len()
                + snapshot.jobs.len()
                + snapshot.cron_jobs.len(),
            "workloads",
        ),
        (snapshot.services.len(), "services"),
        (snapshot.claims.len(), "volume claims"),
        (snapshot.events.len(), "events"),
        (snapshot.logs.len(), "logs"),
    ];
    let parts: Vec<String> = counts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    parts.join(", ")
}
