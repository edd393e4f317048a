//! What node-problem-detector reports of a node beside the kubelet's own conditions.
//!
//! Names: its default `kernel-monitor.json`, `systemd-monitor-counter.json` and `readonly-monitor.json`.

use super::{felt, victims};
use crate::draft::{Draft, field};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;

const READ_ONLY: CauseCode = CauseCode::new("node.filesystem-read-only");
const DEADLOCK: CauseCode = CauseCode::new("node.kernel-deadlock");
const FLAPPING: CauseCode = CauseCode::new("node.component-flapping");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for node in &world.snapshot.nodes {
        let at = reference("Node", &node.metadata);
        let name = &node.metadata.name;
        for condition in node.status.conditions.iter().filter(|condition| condition.status == "True") {
            let (cause, what) = match condition.kind.as_str() {
                "ReadonlyFilesystem" => (READ_ONLY, "a file system of it has turned read-only"),
                "KernelDeadlock" => (DEADLOCK, "its kernel has tasks that hang"),
                "FrequentKubeletRestart" => (FLAPPING, "its kubelet restarts again and again"),
                "FrequentContainerdRestart" | "FrequentDockerRestart" => {
                    (FLAPPING, "its container runtime restarts again and again")
                }
                _ => continue,
            };
            let path = format!("status.conditions[{}]", condition.kind);
            found.push(
                Draft::new(cause, at.clone(), 0.9, format!("node {name} is unwell: {what}"))
                    .proof(field(&at, &format!("{path}.status"), "True"))
                    .proofs(
                        (!condition.message.is_empty())
                            .then(|| field(&at, &format!("{path}.message"), &condition.message)),
                    )
                    .affects(victims(world, node))
                    .felt(felt(world, node))
                    .since(condition.last_transition_time),
            );
        }
    }
}
