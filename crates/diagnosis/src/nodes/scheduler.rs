//! Pods that no scheduler has looked at.

use super::units::{State, state};
use crate::draft::{Draft, absence, field, some_pods, unit_log};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const DOWN: CauseCode = CauseCode::new("node.kube-scheduler-down");
const UNCONSIDERED: CauseCode = CauseCode::new("scheduling.not-considered");

/// The scheduler's systemd unit, where it runs as one.
pub(crate) const UNIT: &str = "kube-scheduler";

/// Seconds within which a scheduler that works has looked at a new pod.
const PROMPT: i64 = 20;

/// Pods that wait though no scheduler said why.
pub(crate) fn unconsidered<'w, 'a>(world: &'w World<'a>) -> impl Iterator<Item = &'a Pod> + use<'w, 'a> {
    world.snapshot.pods.iter().filter(|pod| {
        crate::scheduling::unscheduled(pod)
            && !crate::scheduling::considered(world, pod)
            && pod.spec.scheduling_gates.is_empty()
            && pod.spec.scheduler_name.as_deref().is_none_or(|name| name == "default-scheduler")
            && world.age(pod.metadata.creation_timestamp).is_none_or(|age| age > PROMPT)
    })
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let waiting: Vec<&Pod> = unconsidered(world).collect();
    let mut roots: Vec<ObjectRef> = waiting.iter().map(|pod| world.root(pod)).collect();
    roots.sort_unstable();
    roots.dedup();
    let stopped = world.snapshot.nodes.iter().find_map(|node| {
        let name = node.metadata.name.as_str();
        match state(world.unit_log(name, UNIT)?) {
            State::Down { line } => Some((node, line)),
            State::Up => None,
        }
    });
    let first = waiting.first();
    let proofs = first.map(|pod| {
        let at = reference("Pod", &pod.metadata);
        [
            field(&at, "status.phase", &pod.status.phase),
            absence(
                &at,
                format!(
                    "no FailedScheduling or Scheduled event for Pod {}/{}",
                    pod.metadata.namespace, pod.metadata.name
                ),
            ),
        ]
    });
    let since = first.and_then(|pod| pod.metadata.creation_timestamp);
    if let Some((node, line)) = stopped {
        let statement = format!(
            "the scheduler on node {} is not running, so new pods wait without a word",
            node.metadata.name
        );
        found.push(
            Draft::new(DOWN, reference("Node", &node.metadata), 0.96, statement)
                .proof(unit_log(&node.metadata.name, UNIT, line))
                .proofs(proofs.into_iter().flatten())
                .affects(roots)
                .affects(some_pods(&waiting))
                .param("unit", UNIT)
                .since(since),
        );
        return;
    }
    if waiting.is_empty() {
        return;
    }
    let sick = world.pods_in("kube-system").iter().find(|pod| {
        let is_scheduler = pod.metadata.labels.text("component") == Some(UNIT)
            || pod.metadata.name.starts_with("kube-scheduler-");
        is_scheduler && !pod.ready()
    });
    let draft = match sick {
        Some(pod) => {
            let at = reference("Pod", &pod.metadata);
            let node = pod.node().map_or_else(|| at.clone(), |node| ObjectRef::cluster("Node", node));
            Draft::new(
                DOWN,
                node,
                0.9,
                format!(
                    "the scheduler pod {} is not ready, so new pods wait without a word",
                    pod.metadata.name
                ),
            )
            .proof(field(&at, "status.phase", &pod.status.phase))
            .param("unit", UNIT)
        }
        None => Draft::new(
            UNCONSIDERED,
            roots.first().cloned().unwrap_or_else(|| ObjectRef::cluster("Node", "")),
            0.6,
            "new pods wait and no scheduler has looked at them; is the scheduler running?".to_owned(),
        ),
    };
    found.push(
        draft.proofs(proofs.into_iter().flatten()).affects(roots).affects(some_pods(&waiting)).since(since),
    );
}
