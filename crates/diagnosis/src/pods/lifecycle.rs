//! Pods that were evicted, or that do not go away.

use crate::draft::{Draft, Felt, field, some_pods};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const EVICTED: CauseCode = CauseCode::new("pod.evicted");
const LOCAL_STORAGE: CauseCode = CauseCode::new("pod.ephemeral-storage-exceeded");
const STUCK: CauseCode = CauseCode::new("pod.stuck-terminating");

/// Beginnings of the kubelet's words when a pod wrote more than its own limits (`pkg/kubelet/eviction/eviction_manager.go`);
/// other evictions are for the node's sake.
const OWN_LIMIT: &[&str] =
    &["Pod ephemeral local storage usage exceeds", "Usage of EmptyDir volume", "Container "];
/// Evictions within this many seconds still matter when the workload has its pods again.
const LATELY: i64 = 3600;

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
}

fn eviction(world: &World<'_>, workload: &ObjectRef, pod: &Pod, all: &[&Pod]) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let message = pod.status.message.as_deref().unwrap_or_default();
    if OWN_LIMIT.iter().any(|words| message.starts_with(words)) {
        return over_its_limit(world, workload, pod, all);
    }
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

/// The pod wrote more than its containers or its emptyDir may.
fn over_its_limit(world: &World<'_>, workload: &ObjectRef, pod: &Pod, all: &[&Pod]) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let short = world.workload(workload).is_none_or(crate::world::Workload::short);
    let message = pod.status.message.as_deref().unwrap_or_default();
    let lately = all.iter().any(|pod| world.age(ended(pod)).is_some_and(|age| age < LATELY));
    let statement =
        format!("{} pods of {workload} were evicted for writing more to local disk than allowed", all.len());
    let mut draft = Draft::new(LOCAL_STORAGE, workload.clone(), 0.95, statement)
        .proof(field(&at, "status.message", message))
        .proof(field(&at, "status.reason", "Evicted"))
        .affects(some_pods(all))
        .since(pod.status.start_time)
        .felt(match (short, lately) {
            (true, _) => Felt::Visibly,
            (false, true) => Felt::Silently,
            (false, false) => Felt::Nowhere,
        });
    for container in &pod.spec.containers {
        if let Some(limit) = container.resources.limits.get("ephemeral-storage") {
            let path = format!("spec.containers[{}].resources.limits.ephemeral-storage", container.name);
            draft = draft.proof(field(&at, &path, limit));
        }
    }
    for volume in &pod.spec.volumes {
        let limit = volume.empty_dir.as_deref().and_then(|it| it.size_limit.as_ref());
        if let Some(limit) = limit.filter(|_| message.contains(&format!("\"{}\"", volume.name))) {
            draft =
                draft.proof(field(&at, &format!("spec.volumes[{}].emptyDir.sizeLimit", volume.name), limit));
        }
    }
    if short || lately { draft } else { draft.severity(stethoscope_core::finding::Severity::Low) }
}

/// When a pod's last container ended, or else when the kubelet took it.
fn ended(pod: &Pod) -> Option<jiff::Timestamp> {
    let ends = pod.statuses().filter_map(|status| status.state.terminated.as_ref()?.finished_at);
    ends.max().or(pod.status.start_time)
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
