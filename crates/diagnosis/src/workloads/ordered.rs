//! StatefulSets that start their pods in order and wait for one that is not ready.

use crate::draft::{Draft, field};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const BLOCKED: CauseCode = CauseCode::new("workload.ordered-start-blocked");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for set in &world.snapshot.stateful_sets {
        let parallel = set.spec.pod_management_policy.as_deref() == Some("Parallel");
        if parallel || set.status.replicas >= set.spec.wanted() {
            continue;
        }
        let root = ObjectRef::namespaced("StatefulSet", &set.metadata.namespace, &set.metadata.name);
        let pods = world.pods_of(&root);
        let Some(waits_for) = pods.iter().find(|pod| !pod.ready()) else { continue };
        let name = &waits_for.metadata.name;
        let (have, wanted) = (set.status.replicas, set.spec.wanted());
        let statement =
            format!("{root} makes its pods in order: {name} is not ready, so only {have} of {wanted} exist");
        found.push(
            Draft::new(BLOCKED, root.clone(), 0.45, statement)
                .proof(field(&root, "status.replicas", have))
                .proof(field(&root, "spec.replicas", wanted))
                .affects([reference("Pod", &waits_for.metadata)])
                .through(waits_for.node().map(|node| ObjectRef::cluster("Node", node)))
                .through(crate::services::addresses::callees(world, waits_for))
                .param("pod", name.as_str())
                .since(waits_for.metadata.creation_timestamp),
        );
    }
}
