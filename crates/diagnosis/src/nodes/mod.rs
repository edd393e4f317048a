//! Nodes: not ready and why, components that are down, cordons, pressure.

pub(crate) mod problems;
pub(crate) mod scheduler;
pub(crate) mod units;

use crate::draft::{Draft, Felt, event, field, unit_log};
use crate::snapshot::{Event, Node, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;
use units::State;

const RUNTIME_DOWN: CauseCode = CauseCode::new("node.container-runtime-down");
const KUBELET_DOWN: CauseCode = CauseCode::new("node.kubelet-down");
const PROXY_DOWN: CauseCode = CauseCode::new("node.kube-proxy-down");
const NETWORK_PLUGIN: CauseCode = CauseCode::new("node.network-plugin-failing");
const NOT_READY: CauseCode = CauseCode::new("node.not-ready");
const MEMORY_PRESSURE: CauseCode = CauseCode::new("node.memory-pressure");
const DISK_PRESSURE: CauseCode = CauseCode::new("node.disk-pressure");
const PID_PRESSURE: CauseCode = CauseCode::new("node.pid-pressure");
const NETWORK_UNAVAILABLE: CauseCode = CauseCode::new("node.network-unavailable");
const CORDONED: CauseCode = CauseCode::new("node.cordoned");

/// Container runtimes by the unit they run as.
const RUNTIMES: &[&str] = &["containerd", "crio", "docker"];

/// Words of a component that can't reach the runtime's socket.
const RUNTIME_UNREACHABLE: &[&str] = &[
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "container runtime is down",
    "container runtime not running",
    "runtime service failed",
];

/// How long after the last heartbeat a lease counts as lost, in lease durations.
const LOST_LEASES: i64 = 2;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for node in &world.snapshot.nodes {
        let before = found.len();
        found.extend(component_down(world, node));
        if found.len() == before {
            found.extend(not_ready(world, node));
        }
        found.extend(pressure(world, node));
        found.extend(cordoned(node));
    }
}

/// Whether a node gives reason to read its components' logs.
pub(crate) fn looks_unwell(world: &World<'_>, node: &Node) -> bool {
    let pressed = node.status.conditions.iter().any(|it| it.kind != "Ready" && it.status == "True");
    !node.ready() || pressed || lost_lease(world, node).is_some() || runtime_event(world, node).is_some()
}

/// Objects that suffer when a node does: workloads with a pod on it.
fn victims(world: &World<'_>, node: &Node) -> Vec<ObjectRef> {
    const SHOWN: usize = 50;
    let mut roots: Vec<ObjectRef> = world
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|pod| !pod.finished())
        .map(|pod| world.root(pod))
        .collect();
    roots.sort_unstable();
    roots.dedup();
    roots.truncate(SHOWN);
    roots
}

/// Whether any pod on the node shows that it suffers.
fn felt(world: &World<'_>, node: &Node) -> Felt {
    let hurt = |pod: &&&Pod| !pod.finished() && !pod.ready();
    if world.pods_on(&node.metadata.name).iter().any(|pod| hurt(&pod)) {
        Felt::Visibly
    } else {
        Felt::Silently
    }
}

/// A component that is down: its unit says so, or the others can't reach it.
fn component_down(world: &World<'_>, node: &Node) -> Option<Draft> {
    let name = node.metadata.name.as_str();
    let at = reference("Node", &node.metadata);
    // The kubelet reports on the runtime, so a dead kubelet is told first.
    let units = std::iter::once("kubelet").chain(RUNTIMES.iter().copied()).chain(["kube-proxy"]);
    for unit in units {
        let Some(text) = world.unit_log(name, unit) else { continue };
        let State::Down { line } = units::state(text) else { continue };
        let (cause, confidence) = match unit {
            "kubelet" => (KUBELET_DOWN, 0.96),
            "kube-proxy" => (PROXY_DOWN, 0.94),
            _ => (RUNTIME_DOWN, 0.96),
        };
        let mut draft = Draft::new(cause, at, confidence, format!("{unit} on node {name} is not running"))
            .proof(unit_log(name, unit, line))
            .affects(victims(world, node))
            .param("unit", unit)
            .felt(felt(world, node));
        draft = with_ready_condition(draft, node);
        if let Some(event_) = runtime_event(world, node).filter(|_| unit != "kube-proxy") {
            draft = draft.proof(event(event_));
        }
        return Some(draft);
    }
    None
}

fn with_ready_condition(draft: Draft, node: &Node) -> Draft {
    let at = reference("Node", &node.metadata);
    match node.condition("Ready").filter(|ready| ready.status != "True") {
        Some(ready) => draft
            .proof(field(&at, "status.conditions[Ready].status", &ready.status))
            .proofs(
                (!ready.reason.is_empty())
                    .then(|| field(&at, "status.conditions[Ready].reason", &ready.reason)),
            )
            .proofs(
                (!ready.message.is_empty())
                    .then(|| field(&at, "status.conditions[Ready].message", &ready.message)),
            )
            .since(ready.last_transition_time),
        None => draft,
    }
}

/// An event of the node, or of a pod on it, that says the runtime can't be reached, after the last time it could.
fn runtime_event<'a>(world: &World<'a>, node: &Node) -> Option<&'a Event> {
    const FRESH: i64 = 15 * 60;
    let says = |event: &&&'a Event| {
        event.warns()
            && RUNTIME_UNREACHABLE.iter().any(|word| event.message.contains(word))
            && world.age(event.last_seen()).is_some_and(|age| age < FRESH)
    };
    let on_pods = world
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|pod| !pod.ready() && !pod.finished())
        .flat_map(|pod| world.pod_events(pod));
    let on_node = world.events("Node", "", &node.metadata.name).iter().chain(world.events(
        "Node",
        "default",
        &node.metadata.name,
    ));
    let mut on_pods = on_pods;
    if node.ready() { on_pods.find(says).copied() } else { on_pods.chain(on_node).find(says).copied() }
}

fn lost_lease(world: &World<'_>, node: &Node) -> Option<stethoscope_core::finding::Proof> {
    let lease = world.heartbeat(&node.metadata.name)?;
    let lost = LOST_LEASES * lease.spec.lease_duration_seconds.unwrap_or(40);
    let renewed = lease.spec.renew_time?;
    (world.age(Some(renewed))? > lost)
        .then(|| field(&reference("Lease", &lease.metadata), "spec.renewTime", renewed))
}

/// NotReady, by what the condition and the events say.
fn not_ready(world: &World<'_>, node: &Node) -> Option<Draft> {
    let at = reference("Node", &node.metadata);
    let name = &node.metadata.name;
    let runtime = runtime_event(world, node);
    let ready = node.condition("Ready");
    let Some(ready) = ready.filter(|ready| ready.status != "True") else {
        let runtime = runtime?;
        return Some(
            Draft::new(
                RUNTIME_DOWN,
                at,
                0.8,
                format!("the container runtime of node {name} does not answer"),
            )
            .proof(event(runtime))
            .affects(victims(world, node)),
        );
    };
    let says = |words: &[&str]| words.iter().any(|word| ready.message.contains(word));
    let (cause, confidence, what) = if ready.status == "Unknown" {
        // The node controller writes Unknown when heartbeats stop: the kubelet is down or cut off.
        (KUBELET_DOWN, 0.85, "its kubelet stopped posting status")
    } else if says(&["network plugin", "cni plugin", "NetworkPluginNotReady", "NetworkReady=false"]) {
        (NETWORK_PLUGIN, 0.88, "its network plugin is not ready")
    } else if runtime.is_some()
        || says(&["container runtime", "PLEG is not healthy", "runtime is down", "rpc error"])
    {
        (RUNTIME_DOWN, 0.9, "its container runtime does not answer")
    } else {
        (NOT_READY, 0.75, "it is not ready")
    };
    let mut draft = Draft::new(cause, at, confidence, format!("node {name} is not usable: {what}"))
        .affects(victims(world, node))
        .param("unit", if ready.status == "Unknown" { "kubelet" } else { "containerd" })
        .proofs(lost_lease(world, node))
        .felt(Felt::Visibly);
    draft = with_ready_condition(draft, node);
    if let Some(runtime) = runtime {
        draft = draft.proof(event(runtime));
    }
    Some(draft)
}

fn pressure(world: &World<'_>, node: &Node) -> Vec<Draft> {
    let at = reference("Node", &node.metadata);
    let name = &node.metadata.name;
    node.status
        .conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .filter_map(|condition| {
            let (cause, what) = match condition.kind.as_str() {
                "MemoryPressure" => (MEMORY_PRESSURE, "memory"),
                "DiskPressure" => (DISK_PRESSURE, "disk space"),
                "PIDPressure" => (PID_PRESSURE, "process ids"),
                "NetworkUnavailable" => (NETWORK_UNAVAILABLE, "a pod network"),
                _ => return None,
            };
            Some(
                Draft::new(cause, at.clone(), 0.85, format!("node {name} is short of {what}"))
                    .proof(field(&at, &format!("status.conditions[{}].status", condition.kind), "True"))
                    .proofs((!condition.message.is_empty()).then(|| {
                        field(
                            &at,
                            &format!("status.conditions[{}].message", condition.kind),
                            &condition.message,
                        )
                    }))
                    .affects(victims(world, node))
                    .felt(felt(world, node))
                    .since(condition.last_transition_time),
            )
        })
        .collect()
}

/// A cordon without a victim is background: somebody maintains the node.
fn cordoned(node: &Node) -> Option<Draft> {
    let at = reference("Node", &node.metadata);
    (node.spec.unschedulable && node.ready()).then(|| {
        Draft::new(CORDONED, at.clone(), 0.2, format!("node {} is cordoned", node.metadata.name))
            .proof(field(&at, "spec.unschedulable", "true"))
            .severity(Severity::Info)
            .felt(Felt::Nowhere)
    })
}
