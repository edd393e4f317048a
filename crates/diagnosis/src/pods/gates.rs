//! Pods whose containers are ready, but which wait for a condition that somebody else sets.
//!
//! Reason and words: `pkg/kubelet/status/generate.go`.

use crate::draft::{Draft, field, some_pods};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;

const UNMET: CauseCode = CauseCode::new("pod.readiness-gate-unmet");

/// Seconds that whoever sets the condition may take.
const PATIENCE: i64 = 120;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let waiting: Vec<&Pod> = pods.iter().filter(|pod| held(world, pod)).copied().collect();
        let Some(pod) = waiting.first() else { continue };
        let Some(ready) = pod.condition("Ready") else { continue };
        let gate = ready.message.split('"').nth(1).unwrap_or_default();
        let at = reference("Pod", &pod.metadata);
        let statement =
            format!("the containers of {workload} are ready, but the readiness gate {gate} is not fulfilled");
        let mut draft = Draft::new(UNMET, workload.clone(), 0.9, statement)
            .proof(field(&at, "status.conditions[Ready].reason", &ready.reason))
            .proof(field(&at, "status.conditions[Ready].message", &ready.message))
            .param("gate", gate)
            .affects(some_pods(&waiting))
            .since(ready.last_transition_time);
        if let Some(told) = pod.condition(gate) {
            draft = draft.proof(field(&at, &format!("status.conditions[{gate}].status"), &told.status));
            if !told.message.is_empty() {
                draft = draft.proof(field(&at, &format!("status.conditions[{gate}].message"), &told.message));
            }
        }
        found.push(draft);
    }
}

fn held(world: &World<'_>, pod: &Pod) -> bool {
    let Some(ready) = pod.condition("Ready") else { return false };
    ready.status == "False"
        && ready.reason == "ReadinessGatesNotReady"
        && !pod.terminating()
        && world
            .age(ready.last_transition_time.or(pod.metadata.creation_timestamp))
            .is_none_or(|age| age > PATIENCE)
}
