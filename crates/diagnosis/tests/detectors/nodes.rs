use crate::world::{World, event, merged, node};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn sick(condition: Value) -> World {
    World::sick(json!({}))
        .without_nodes()
        .with(Kind::Node, merged(node("n1"), json!({"status": {"conditions": [condition]}})))
}

#[test]
fn a_node_is_not_ready_for_a_reason() {
    let cases = [
        (
            json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}),
            "node.kubelet-down",
        ),
        (
            json!({"type": "Ready", "status": "False", "message": "container runtime is down, PLEG is not healthy"}),
            "node.container-runtime-down",
        ),
        (
            json!({"type": "Ready", "status": "False", "message": "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"}),
            "node.network-plugin-failing",
        ),
        (json!({"type": "Ready", "status": "False", "message": "odd"}), "node.not-ready"),
    ];
    for (condition, cause) in cases {
        assert_eq!(
            sick(condition).causes(),
            vec![format!("{cause} on Node n1")],
            "everything on the node lies under it"
        );
    }
}

#[test]
fn pressure_is_told_by_kind() {
    for (kind, cause) in [
        ("MemoryPressure", "node.memory-pressure"),
        ("DiskPressure", "node.disk-pressure"),
        ("PIDPressure", "node.pid-pressure"),
        ("NetworkUnavailable", "node.network-unavailable"),
    ] {
        let conditions = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": kind, "status": "True"}]}});
        let world = World::empty().without_nodes().with(Kind::Node, merged(node("n1"), conditions));
        assert_eq!(world.causes(), vec![format!("{cause} on Node n1")]);
    }
}

#[test]
fn a_stopped_unit_is_the_cause_and_a_running_one_is_not() {
    let dead = "     Active: inactive (dead) since Fri 2026-01-02 12:32:29 CST; 1min ago";
    for (unit, cause) in [
        ("kubelet", "node.kubelet-down"),
        ("containerd", "node.container-runtime-down"),
        ("kube-proxy", "node.kube-proxy-down"),
    ] {
        assert_eq!(World::healthy().unit("n1", unit, dead).first(), format!("{cause} on Node n1"));
        assert_eq!(
            World::healthy().unit("n1", unit, "     Active: active (running) since Fri").causes(),
            Vec::<String>::new()
        );
    }
}

#[test]
fn an_unreachable_runtime_socket_is_told_from_pod_events() {
    let patch = json!({"status": {"phase": "Pending"}});
    let world = World::sick(patch).with(Kind::Event, event("Pod", "web-1-x", "FailedCreatePodSandBox", "rpc error: code = Unavailable desc = dial unix /run/containerd/containerd.sock: connect: no such file or directory"));
    assert_eq!(world.first(), "node.container-runtime-down on Node n1");
}

#[test]
fn a_cordon_without_a_victim_is_background() {
    let world = World::healthy()
        .without_nodes()
        .with(Kind::Node, merged(node("n1"), json!({"spec": {"unschedulable": true}})));
    let findings = world.diagnosis().findings;
    assert_eq!(
        (findings.len(), findings[0].cause.as_str(), findings[0].severity),
        (1, "node.cordoned", stethoscope_core::finding::Severity::Info)
    );
}

#[test]
fn a_lost_lease_is_quoted() {
    let lease = json!({"metadata": {"name": "n1", "namespace": "kube-node-lease"}, "spec": {"leaseDurationSeconds": 40, "renewTime": "2026-01-01T11:50:00.000000Z"}});
    let world = sick(json!({"type": "Ready", "status": "Unknown"})).with(Kind::Lease, lease);
    let quotes: Vec<String> =
        world.diagnosis().findings[0].proofs.iter().map(|proof| proof.quote.clone()).collect();
    assert_eq!(
        quotes,
        vec![
            "spec.renewTime: 2026-01-01T11:50:00Z".to_owned(),
            "status.conditions[Ready].status: Unknown".to_owned()
        ]
    );
}
