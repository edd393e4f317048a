//! Pods whose sandbox can't be made: memory too small to start, network plugin, runtime.

use crate::draft::{Draft, event, field, some_pods};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const OOM_KILLED: CauseCode = CauseCode::new("container.oom-killed");
const NETWORK_PLUGIN: CauseCode = CauseCode::new("node.network-plugin-failing");
const NO_POD_ADDRESS: CauseCode = CauseCode::new("node.no-pod-addresses");
const RUNTIME_CLASS: CauseCode = CauseCode::new("pod.runtime-class-missing");
const SANDBOX: CauseCode = CauseCode::new("pod.sandbox-failing");

/// runc's words when the limit is too small even for the container's first process.
const TOO_SMALL: &str = "OOM-killed (memory limit too low?)";

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let stuck: Vec<&Pod> = pods
            .iter()
            .filter(|pod| pod.status.phase == "Pending" && pod.node().is_some() && !pod.terminating())
            .copied()
            .collect();
        for pod in &stuck {
            let Some(failed) = world
                .pod_events(pod)
                .iter()
                .find(|event| matches!(event.reason.as_str(), "FailedCreatePodSandBox" | "Failed"))
                .filter(|event| {
                    event.reason == "FailedCreatePodSandBox" || event.message.contains(TOO_SMALL)
                })
            else {
                continue;
            };
            let draft = explain(workload, pod, &failed.message);
            found.push(
                draft.proof(event(failed)).affects(some_pods(&stuck)).since(pod.metadata.creation_timestamp),
            );
            break;
        }
    }
}

fn explain(workload: &ObjectRef, pod: &Pod, said: &str) -> Draft {
    let node = pod.node().unwrap_or_default();
    let on_node = ObjectRef::cluster("Node", node);
    if said.contains(TOO_SMALL) {
        let tightest = pod
            .spec
            .all_containers()
            .filter_map(|container| Some((container, container.resources.limits.get("memory")?)))
            .min_by_key(|(_, limit)| limit.milli());
        let statement =
            format!("the memory limit of {workload} is too small for its container even to start");
        let mut draft = Draft::new(OOM_KILLED, workload.clone(), 0.97, statement);
        if let Some((container, limit)) = tightest {
            draft = draft
                .proof(field(
                    &reference("Pod", &pod.metadata),
                    &format!("spec.containers[{}].resources.limits.memory", container.name),
                    limit,
                ))
                .param("container", container.name.as_str())
                .param("limit", limit.text());
        }
        return draft;
    }
    // containerd and CRI-O on a RuntimeClass whose handler they do not know.
    if said.contains("no runtime for \"") || said.contains("failed to find runtime handler") {
        let class = pod.spec.runtime_class_name.as_deref().unwrap_or_default();
        let statement =
            format!("the runtime of node {node} has no handler for the runtime class {class} of {workload}");
        return Draft::new(RUNTIME_CLASS, workload.clone(), 0.95, statement)
            .proof(field(&reference("Pod", &pod.metadata), "spec.runtimeClassName", class))
            .param("node", node);
    }
    if crate::node_pools::addresses::exhausted(said).is_some() {
        let statement = format!("node {node} has no pod addresses left");
        return Draft::new(NO_POD_ADDRESS, on_node, 0.9, statement).affects([workload.clone()]);
    }
    if said.contains("failed to setup network for sandbox")
        || said.contains("cni plugin not initialized")
        || said.contains("network is not ready")
    {
        let statement = format!("the network plugin of node {node} fails to set up pods");
        return Draft::new(NETWORK_PLUGIN, on_node, 0.85, statement).affects([workload.clone()]);
    }
    let statement = format!("the runtime of node {node} can't make a sandbox for pods of {workload}");
    Draft::new(SANDBOX, workload.clone(), 0.6, statement).through([on_node]).param("node", node)
}
