//! Autoscalers of nodes that will not, or can't, add one for a pod that waits.
//!
//! Texts: cluster-autoscaler `processors/status/eventing_scale_up_processor.go` and `core/scaleup/skipped_reasons.go`,
//! `clusterstate` (backoff); Karpenter `pkg/controllers/provisioning/scheduling`.

use crate::control_plane::voices::recent;
use crate::draft::{Draft, event, some_pods};
use crate::snapshot::{Event, Pod};
use crate::world::World;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const AT_MAXIMUM: CauseCode = CauseCode::new("node-pool.at-maximum");
const FAILED: CauseCode = CauseCode::new("node-pool.scale-up-failed");

const SAYS_MAXIMUM: &[&str] = &[
    "max node group size reached",
    "max cluster cpu, memory limit reached",
    "max cluster cpu limit reached",
    "max cluster memory limit reached",
    "max limit reached",
    "exceed limits for nodepool",
    "would exceed limits",
];
const SAYS_BACKOFF: &[&str] =
    &["in backoff after failed scale-up", "InsufficientInstanceCapacity", "InsufficientCapacityError"];
/// Reasons of events that say that a group of nodes could not grow.
const FAILURES: &[&str] =
    &["FailedToScaleUpGroup", "ScaleUpTimedOut", "InsufficientCapacityError", "FailedToCreateNode"];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let failures: Vec<&Event> = world
        .snapshot
        .events
        .iter()
        .filter(|event| FAILURES.contains(&event.reason.as_str()) && recent(world, event))
        .collect();
    for (workload, pods) in world.groups() {
        let waiting: Vec<&Pod> =
            pods.iter().filter(|pod| crate::scheduling::unscheduled(pod)).copied().collect();
        let Some(said) = waiting.iter().find_map(|pod| refusal(world, pod)) else { continue };
        found.push(explain(workload, said, &failures).affects(some_pods(&waiting)));
    }
}

/// The autoscaler's newest word on the pod, when it is a no.
fn refusal<'a>(world: &World<'a>, pod: &Pod) -> Option<&'a Event> {
    let words =
        |event: &Event| SAYS_MAXIMUM.iter().chain(SAYS_BACKOFF).any(|word| event.message.contains(word));
    let newest = world.pod_events(pod).iter().find(|event| {
        matches!(event.reason.as_str(), "NotTriggerScaleUp" | "TriggeredScaleUp" | "Nominated")
            || event.reason == "FailedScheduling" && words(event)
    })?;
    (words(newest) && recent(world, newest)).then_some(*newest)
}

fn explain(workload: &ObjectRef, said: &Event, failures: &[&Event]) -> Draft {
    let message = said.message.as_str();
    let backoff = SAYS_BACKOFF.iter().any(|word| message.contains(word));
    let draft = if backoff {
        let statement = format!(
            "pods of {workload} wait for a node, and the autoscaler could not get one: its last attempt failed"
        );
        Draft::new(FAILED, workload.clone(), 0.94, statement)
            .proofs(failures.iter().take(2).map(|it| event(it)))
    } else {
        let statement = format!(
            "pods of {workload} wait for a node, and the autoscaler may add none: the pool is as large as it may be"
        );
        Draft::new(AT_MAXIMUM, workload.clone(), 0.94, statement)
    };
    draft.proof(event(said)).since(said.first_timestamp.or(said.event_time))
}
