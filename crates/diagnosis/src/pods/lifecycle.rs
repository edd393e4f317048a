//! Pods that were evicted, or that do not go away.

use crate::draft::{Draft, Felt, field, some_pods};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const EVICTED: CauseCode = CauseCode::new("pod.evicted");
const STUCK: CauseCode = CauseCode::new("pod.stuck-terminating");
const NAMESPACE_STUCK: CauseCode = CauseCode::new("namespace.stuck-terminating");

/// Seconds past its deletion time after which a pod counts as stuck.
const STUCK_AFTER: i64 = 120;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let evicted: Vec<&Pod> =
            pods.iter().filter(|pod| pod.status.reason.as_deref() == Some("Evicted")).copied().collect();
        if let Some(pod) = evicted.first() {
            found.push(eviction(world, workload, pod, &evicted));
        }
        let stuck: Vec<&Pod> = pods
            .iter()
            .filter(|pod| world.age(pod.metadata.deletion_timestamp).is_some_and(|age| age > STUCK_AFTER))
            .copied()
            .collect();
        if let Some(pod) = stuck.first() {
            found.push(terminating(workload, pod, &stuck));
        }
    }
    for namespace in &world.snapshot.namespaces {
        let old = world.age(namespace.metadata.deletion_timestamp).is_some_and(|age| age > STUCK_AFTER);
        if namespace.status.phase != "Terminating" || !old {
            continue;
        }
        let at = reference("Namespace", &namespace.metadata);
        let why = namespace.status.conditions.iter().find(|it| it.status == "True" && !it.message.is_empty());
        let statement = format!("namespace {} does not finish being deleted", namespace.metadata.name);
        let mut draft = Draft::new(NAMESPACE_STUCK, at.clone(), 0.9, statement).proof(field(
            &at,
            "status.phase",
            "Terminating",
        ));
        if let Some(why) = why {
            draft =
                draft.proof(field(&at, &format!("status.conditions[{}].message", why.kind), &why.message));
        }
        found.push(draft.since(namespace.metadata.deletion_timestamp));
    }
}

fn eviction(world: &World<'_>, workload: &ObjectRef, pod: &Pod, all: &[&Pod]) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let message = pod.status.message.as_deref().unwrap_or_default();
    let short = world.workload(workload).is_some_and(crate::world::Workload::short);
    let statement = format!("{} pods of {workload} were evicted: {message}", all.len());
    Draft::new(EVICTED, workload.clone(), 0.85, statement)
        .proof(field(&at, "status.reason", "Evicted"))
        .proof(field(&at, "status.message", message))
        .affects(some_pods(all))
        .through(pod.node().map(|node| ObjectRef::cluster("Node", node)))
        .felt(if short { Felt::Visibly } else { Felt::Nowhere })
        .since(pod.status.start_time)
}

fn terminating(workload: &ObjectRef, pod: &Pod, all: &[&Pod]) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let why = if pod.metadata.finalizers.is_empty() {
        "the kubelet has not confirmed that it ended".to_owned()
    } else {
        format!("finalizers remain: {}", pod.metadata.finalizers.join(", "))
    };
    let mut draft = Draft::new(
        STUCK,
        workload.clone(),
        0.85,
        format!("{} pods of {workload} do not finish being deleted; {why}", all.len()),
    );
    if let Some(moment) = pod.metadata.deletion_timestamp {
        draft = draft.proof(field(&at, "metadata.deletionTimestamp", moment)).since(Some(moment));
    }
    if !pod.metadata.finalizers.is_empty() {
        draft = draft.proof(field(&at, "metadata.finalizers", pod.metadata.finalizers.join(", ")));
    }
    draft
        .param("pod", pod.metadata.name.as_str())
        .affects(some_pods(all))
        .through(pod.node().map(|node| ObjectRef::cluster("Node", node)))
}
