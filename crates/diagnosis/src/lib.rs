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

mod certificates;
mod control_plane;
mod deletion;
mod draft;
mod logs;
mod node_pools;
mod nodes;
mod performance;
mod pods;
mod ranking;
mod scheduling;
mod services;
pub mod snapshot;
mod storage;
mod text;
mod webhooks;
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
    control_plane::etcd::detect,
    control_plane::throttling::detect,
    control_plane::controllers::detect,
    control_plane::leadership::detect,
    control_plane::clocks::detect,
    control_plane::skew::detect,
    control_plane::removed::detect,
    control_plane::aggregated::detect,
    certificates::serving::detect,
    certificates::issued::detect,
    node_pools::upgrade::detect,
    node_pools::capacity::detect,
    node_pools::addresses::detect,
    nodes::detect,
    nodes::problems::detect,
    nodes::scheduler::detect,
    webhooks::detect,
    deletion::detect,
    workloads::admission::detect,
    storage::claims::detect,
    storage::zones::detect,
    scheduling::detect,
    pods::image::detect,
    pods::config::detect,
    pods::sandbox::detect,
    pods::volumes::detect,
    pods::exit::detect,
    pods::init::detect,
    pods::grace::detect,
    pods::gates::detect,
    pods::probes::detect,
    pods::lifecycle::detect,
    workloads::rollout::detect,
    workloads::jobs::detect,
    workloads::cron::detect,
    workloads::ordered::detect,
    workloads::preemption::detect,
    workloads::daemons::detect,
    workloads::autoscalers::detect,
    workloads::guards::detect,
    services::selector::detect,
    services::ports::detect,
    services::addresses::detect,
    services::callers::detect,
    services::dns::detect,
    services::ingress::detect,
    services::gateway::detect,
    services::policy::detect,
    performance::detect,
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
        gaps: snapshot.gaps.iter().cloned().chain(performance::untimed(&world, focus)).collect(),
    }
}

/// What the gap of missing latency metrics is called.
pub const UNTIMED: &str = "request latency";

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
