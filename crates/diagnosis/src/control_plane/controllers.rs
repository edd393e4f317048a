//! Controllers that lead nothing any more: their lease was not renewed while others were.

use super::{SYSTEM, component};
use crate::draft::{Draft, Felt, field};
use crate::snapshot::{Lease, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const CONTROLLERS_DOWN: CauseCode = CauseCode::new("control-plane.controller-manager-down");
const SCHEDULER_DOWN: CauseCode = CauseCode::new("node.kube-scheduler-down");

/// A leader renews every two seconds; past this many seconds behind the newest lease nobody leads.
const SILENT: i64 = 60;
/// Workloads named.
const SHOWN: usize = 20;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    found.extend(controllers(world));
    found.extend(scheduler(world));
}

/// Deployments whose change nobody has looked at, Deployments without the pods they want, and nobody leads the
/// controllers.
fn controllers(world: &World<'_>) -> Option<Draft> {
    const NAME: &str = "kube-controller-manager";
    let silent = silent(world, NAME);
    let sick: Option<&Pod> = sick(world, NAME);
    let unseen: Vec<(ObjectRef, Proof)> = unseen(world);
    let sure = match (&silent, sick, unseen.is_empty()) {
        (Some(_), _, false) => 0.96,
        (Some(_), Some(_), true) => 0.93,
        (Some(_), None, true) => 0.8,
        (None, Some(_), false) => 0.9,
        (None, _, _) => return None,
    };
    let lease = silent.as_ref().map(|(lease, _)| *lease);
    let statement =
        "no kube-controller-manager leads: no controller creates pods, follows rollouts or updates endpoints";
    let mut draft = Draft::new(CONTROLLERS_DOWN, place(world, lease, sick), sure, statement.to_owned())
        .proofs(silent.map(|(_, proof)| proof))
        .proofs(sick.and_then(ailment))
        .felt(if unseen.is_empty() { Felt::Silently } else { Felt::Visibly })
        .since(lease.and_then(|lease| lease.spec.renew_time))
        .param("component", NAME);
    for (object, proof) in unseen {
        draft = draft.affects([object]);
        if draft.finding.proofs.len() < 5 {
            draft = draft.proof(proof);
        }
    }
    Some(draft.affects(sick.map(|pod| reference("Pod", &pod.metadata))))
}

/// Nobody leads as scheduler and pods wait.
fn scheduler(world: &World<'_>) -> Option<Draft> {
    const NAME: &str = "kube-scheduler";
    let (lease, proof) = silent(world, NAME)?;
    let waiting: Vec<&Pod> = crate::nodes::scheduler::unconsidered(world).collect();
    let first = waiting.first()?;
    let statement = "no kube-scheduler leads, so new pods wait without a word".to_owned();
    let mut roots: Vec<ObjectRef> = waiting.iter().map(|pod| world.root(pod)).collect();
    roots.sort_unstable();
    roots.dedup();
    roots.truncate(SHOWN);
    Some(
        Draft::new(SCHEDULER_DOWN, place(world, Some(lease), sick(world, NAME)), 0.94, statement)
            .proof(proof)
            .proof(field(&reference("Pod", &first.metadata), "status.phase", &first.status.phase))
            .affects(roots)
            .param("unit", NAME)
            .since(lease.spec.renew_time),
    )
}

/// The lease of a component when it lags behind the newest lease of all. Measured against other leases, not against
/// the clock: a recording may be old.
fn silent<'a>(world: &World<'a>, name: &str) -> Option<(&'a Lease, Proof)> {
    let leases = &world.snapshot.leases;
    let lease =
        leases.iter().find(|lease| lease.metadata.namespace == SYSTEM && lease.metadata.name == name)?;
    let renewed = lease.spec.renew_time?;
    // One node's clock may go ahead: the second newest decides where there is one.
    let mut others: Vec<_> = leases
        .iter()
        .filter(|other| !(other.metadata.namespace == SYSTEM && other.metadata.name == name))
        .filter_map(|other| other.spec.renew_time)
        .collect();
    others.sort_unstable();
    let newest = others.len().checked_sub(2).map(|at| others[at]).or_else(|| others.last().copied())?;
    let behind = newest.as_second() - renewed.as_second();
    let most = SILENT.max(4 * lease.spec.lease_duration_seconds.unwrap_or(15));
    (behind > most).then(|| (lease, field(&reference("Lease", &lease.metadata), "spec.renewTime", renewed)))
}

fn sick<'a>(world: &World<'a>, name: &str) -> Option<&'a Pod> {
    let pods = component(world, name);
    // One of several that is not ready costs nothing: another leads.
    let all = !pods.is_empty() && pods.iter().all(|pod| !pod.ready());
    pods.into_iter().find(|_| all)
}

/// Why a component's container does not run.
fn ailment(pod: &Pod) -> Option<Proof> {
    let at = reference("Pod", &pod.metadata);
    pod.status.container_statuses.iter().find_map(|status| {
        let path = format!("status.containerStatuses[{}]", status.name);
        if let Some(waiting) = &status.state.waiting {
            return Some(field(&at, &format!("{path}.state.waiting.reason"), &waiting.reason));
        }
        let ended = status.state.terminated.as_ref()?;
        Some(field(&at, &format!("{path}.state.terminated.reason"), &ended.reason))
    })
}

/// The node the component ran on, else its lease.
fn place(world: &World<'_>, lease: Option<&Lease>, sick: Option<&Pod>) -> ObjectRef {
    let holder = lease.and_then(|lease| lease.spec.holder_identity.as_deref()).unwrap_or_default();
    let host = holder.split('_').next().unwrap_or_default();
    world
        .node(host)
        .map(|node| reference("Node", &node.metadata))
        .or_else(|| sick.and_then(Pod::node).map(|node| ObjectRef::cluster("Node", node)))
        .unwrap_or_else(|| match (sick, lease) {
            (Some(pod), _) => reference("Pod", &pod.metadata),
            (None, Some(lease)) => reference("Lease", &lease.metadata),
            (None, None) => super::api(),
        })
}

/// Deployments and StatefulSets whose newest spec no controller has observed, or whose ReplicaSets lack pods without
/// any event that says why.
fn unseen(world: &World<'_>) -> Vec<(ObjectRef, Proof)> {
    let deployments = world.snapshot.deployments.iter().map(|it| ("Deployment", &it.metadata, &it.status));
    let sets = world.snapshot.stateful_sets.iter().map(|it| ("StatefulSet", &it.metadata, &it.status));
    let behind = deployments
        .chain(sets)
        .filter(|(_, meta, status)| {
            status.observed_generation < meta.generation
                && world.age(meta.creation_timestamp).is_none_or(|age| age > SILENT)
        })
        .map(|(kind, meta, status)| {
            let at = reference(kind, meta);
            let words = format!("{} (metadata.generation: {})", status.observed_generation, meta.generation);
            let proof = field(&at, "status.observedGeneration", words);
            (at, proof)
        });
    let short = world.snapshot.replica_sets.iter().filter(|set| {
        set.status.replicas < set.spec.wanted()
            && world.events("ReplicaSet", &set.metadata.namespace, &set.metadata.name).is_empty()
    });
    let short = short.filter_map(|set| {
        let owner = set.metadata.controller()?;
        let at = ObjectRef::namespaced(&owner.kind, &set.metadata.namespace, &owner.name);
        let own = reference("ReplicaSet", &set.metadata);
        Some((at, field(&own, "status.replicas", set.status.replicas)))
    });
    behind.chain(short).take(SHOWN).collect()
}
