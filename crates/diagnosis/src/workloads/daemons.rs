//! DaemonSets that a taint keeps off nodes: the controller makes no pod there, so nothing is pending.

use crate::draft::{Draft, Felt, field};
use crate::scheduling::{is_control_plane, tolerates};
use crate::snapshot::{DaemonSet, Node, Taint};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const EXCLUDED: CauseCode = CauseCode::new("workload.daemonset-excluded");

/// A taint younger than this took pods away; an older one is usually meant so.
const LATELY: i64 = 24 * 3600;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for set in &world.snapshot.daemon_sets {
        let excluded: Vec<(&Node, &Taint)> =
            world.snapshot.nodes.iter().filter_map(|node| Some((node, repelling(set, node)?))).collect();
        let Some((node, taint)) = excluded.first() else { continue };
        let root = reference("DaemonSet", &set.metadata);
        let lately =
            excluded.iter().any(|(_, taint)| world.age(taint.time_added).is_some_and(|age| age < LATELY));
        let on = reference("Node", &node.metadata);
        let statement = format!(
            "{root} does not tolerate the taint {} of {} nodes, so they run no pod of it",
            taint.written(),
            excluded.len()
        );
        let draft = Draft::new(EXCLUDED, root, if lately { 0.8 } else { 0.3 }, statement)
            .proof(field(&on, "spec.taints", taint.written()))
            .proof(field(
                &reference("DaemonSet", &set.metadata),
                "status.desiredNumberScheduled",
                set.status.desired_number_scheduled,
            ))
            .affects(excluded.iter().take(5).map(|(node, _)| ObjectRef::cluster("Node", &node.metadata.name)))
            .param("taint", taint.written())
            .since(taint.time_added);
        found.push(if lately {
            draft.felt(Felt::Silently)
        } else {
            draft.felt(Felt::Nowhere).severity(Severity::Info)
        });
    }
}

/// The taint that keeps the DaemonSet off a node it would otherwise run on. The taints that the control plane sets by
/// condition are tolerated by every DaemonSet's pods (`pkg/controller/daemon/util`).
fn repelling<'n>(set: &DaemonSet, node: &'n Node) -> Option<&'n Taint> {
    let spec = &set.spec.template.spec;
    if is_control_plane(node) || !node.metadata.labels.carry(&spec.node_selector) || spec.affinity.is_some() {
        return None;
    }
    node.spec.taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !taint.key.starts_with("node.kubernetes.io/")
            && !spec.tolerations.iter().any(|toleration| tolerates(toleration, taint))
    })
}
