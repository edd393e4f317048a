//! Workloads that are switched off, paused, or do not get their pods ready.

use crate::draft::{Draft, Felt, field, some_pods};
use crate::snapshot::{Condition, Pod};
use crate::world::{Workload, World};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const ZERO: CauseCode = CauseCode::new("workload.zero-replicas");
const PAUSED: CauseCode = CauseCode::new("workload.paused");
const STALLED: CauseCode = CauseCode::new("workload.rollout-stalled");
const UNAVAILABLE: CauseCode = CauseCode::new("workload.unavailable");
const DAEMON_GAP: CauseCode = CauseCode::new("workload.daemonset-gap");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for deployment in &world.snapshot.deployments {
        let root =
            ObjectRef::namespaced("Deployment", &deployment.metadata.namespace, &deployment.metadata.name);
        if deployment.spec.replicas == Some(0) {
            found.push(zero(world, &root, &deployment.spec.template.metadata.labels));
        } else if deployment.spec.paused && deployment.status.updated_replicas < deployment.spec.wanted() {
            let statement = format!("{root} is paused in the middle of a rollout");
            found.push(Draft::new(PAUSED, root.clone(), 0.8, statement).proof(field(
                &root,
                "spec.paused",
                "true",
            )));
        }
        let stuck = deployment
            .status
            .conditions
            .iter()
            .find(|condition| condition.reason == "ProgressDeadlineExceeded");
        if let Some(stuck) = stuck {
            let statement = format!("the rollout of {root} makes no progress");
            found.push(symptom(world, STALLED, &root, 0.45, statement).proofs(quote(&root, stuck)));
        }
    }
    for set in &world.snapshot.stateful_sets {
        if set.spec.replicas == Some(0) {
            let root = ObjectRef::namespaced("StatefulSet", &set.metadata.namespace, &set.metadata.name);
            found.push(zero(world, &root, &set.spec.template.metadata.labels));
        }
    }
    for workload in world.workloads.iter().filter(|workload| workload.short()) {
        found.push(unavailable(world, workload));
    }
}

/// Zero replicas are a fault only where something still routes to the workload.
fn zero(world: &World<'_>, root: &ObjectRef, labels: &crate::snapshot::Labels) -> Draft {
    let namespace = root.namespace.as_deref().unwrap_or_default();
    let services: Vec<ObjectRef> = world
        .services_of(namespace, labels)
        .iter()
        .map(|service| crate::world::reference("Service", &service.metadata))
        .collect();
    let scaled_by = world.snapshot.autoscalers.iter().any(|it| {
        it.metadata.namespace == namespace
            && it.spec.scale_target_ref.name == root.name
            && it.spec.min_replicas == Some(0)
    });
    let expected = !services.is_empty() && !scaled_by;
    let statement = if expected {
        format!("{root} is scaled to zero while Service {} still routes to it", services[0].name)
    } else {
        format!("{root} is scaled to zero")
    };
    let draft = Draft::new(ZERO, root.clone(), if expected { 0.92 } else { 0.3 }, statement)
        .proof(field(root, "spec.replicas", 0))
        .affects(services);
    if expected { draft } else { draft.severity(Severity::Info).felt(Felt::Nowhere) }
}

fn quote(root: &ObjectRef, condition: &Condition) -> Vec<stethoscope_core::finding::Proof> {
    let mut proofs =
        vec![field(root, &format!("status.conditions[{}].reason", condition.kind), &condition.reason)];
    if !condition.message.is_empty() {
        proofs.push(field(
            root,
            &format!("status.conditions[{}].message", condition.kind),
            &condition.message,
        ));
    }
    proofs
}

fn symptom(
    world: &World<'_>,
    cause: CauseCode,
    root: &ObjectRef,
    confidence: f64,
    statement: String,
) -> Draft {
    let pods = world.pods_of(root);
    let unready: Vec<&Pod> = pods.iter().filter(|pod| !pod.ready() && !pod.finished()).copied().collect();
    let nodes = unready.iter().filter_map(|pod| pod.node()).map(|node| ObjectRef::cluster("Node", node));
    let callees = unready.iter().take(3).flat_map(|pod| crate::services::addresses::callees(world, pod));
    Draft::new(cause, root.clone(), confidence, statement)
        .through(nodes)
        .through(callees)
        .affects(some_pods(&unready))
}

fn unavailable(world: &World<'_>, workload: &Workload<'_>) -> Draft {
    let root = workload.reference();
    let (ready, wanted) = (workload.ready, workload.wanted);
    let statement = format!("{root} has {ready} of {wanted} pods ready");
    let (cause, path) = if workload.kind == "DaemonSet" {
        (DAEMON_GAP, "status.numberReady")
    } else {
        (UNAVAILABLE, "status.readyReplicas")
    };
    symptom(world, cause, &root, 0.35, statement).proof(field(&root, path, ready)).severity(if ready == 0 {
        Severity::High
    } else {
        Severity::Medium
    })
}
