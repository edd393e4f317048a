//! Bound claims whose volume no usable node can reach: its zone or host is gone.

use crate::draft::{Draft, event, field, newest, some_pods};
use crate::snapshot::{Node, NodeSelectorTerm, PersistentVolume, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const LOST_ZONE: CauseCode = CauseCode::new("storage.zone-without-nodes");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    if world.snapshot.nodes.is_empty() {
        return;
    }
    for (workload, pods) in world.groups() {
        let waiting: Vec<&Pod> =
            pods.iter().filter(|pod| crate::scheduling::unscheduled(pod)).copied().collect();
        let lost = waiting.iter().find_map(|pod| Some((*pod, out_of_reach(world, pod)?)));
        let Some((pod, (claim, volume))) = lost else { continue };
        let on = reference("PersistentVolume", &volume.metadata);
        let place = place(volume);
        let statement = format!(
            "the volume of claim {claim} can only be reached from {place}, where no usable node is left"
        );
        found.push(
            Draft::new(LOST_ZONE, workload.clone(), 0.95, statement)
                .proof(field(&on, "spec.nodeAffinity.required", &place))
                .proofs(newest(world, pod, &["FailedScheduling"]).map(event))
                .affects([
                    ObjectRef::namespaced("PersistentVolumeClaim", &pod.metadata.namespace, claim),
                    on.clone(),
                ])
                .affects(some_pods(&waiting))
                .param("place", place)
                .since(pod.metadata.creation_timestamp),
        );
    }
}

/// The claim and volume of a waiting pod that no ready, uncordoned node satisfies.
fn out_of_reach<'a>(world: &World<'a>, pod: &'a Pod) -> Option<(&'a str, &'a PersistentVolume)> {
    pod.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref()).find_map(|claim| {
        let bound = world.claim(&pod.metadata.namespace, &claim.claim_name)?;
        let volume = world.volume(bound.spec.volume_name.as_deref()?)?;
        let required = volume.spec.node_affinity.required.as_ref()?;
        let usable = |node: &&Node| node.ready() && !node.spec.unschedulable;
        let reachable = world
            .snapshot
            .nodes
            .iter()
            .filter(usable)
            .any(|node| required.node_selector_terms.iter().any(|term| fits(term, node)));
        (!reachable && !required.node_selector_terms.is_empty())
            .then_some((claim.claim_name.as_str(), volume))
    })
}

fn fits(term: &NodeSelectorTerm, node: &Node) -> bool {
    let by_label = term.match_expressions.iter().all(|rule| rule.holds(&node.metadata.labels));
    let by_name = term
        .match_fields
        .iter()
        .all(|rule| rule.key == "metadata.name" && rule.values.contains(&node.metadata.name));
    by_label && by_name
}

/// `topology.kubernetes.io/zone In (a)`.
fn place(volume: &PersistentVolume) -> String {
    let terms = volume.spec.node_affinity.required.iter().flat_map(|it| &it.node_selector_terms);
    let rules = terms.flat_map(|term| term.match_expressions.iter().chain(&term.match_fields));
    rules.map(crate::snapshot::Requirement::written).collect::<Vec<_>>().join(", ")
}
