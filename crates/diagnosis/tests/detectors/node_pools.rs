use crate::world::{World, deployment, event, merged, node, replica_set, unscheduled};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const CORDONED: &str = "0/2 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 1 node(s) were unschedulable.";

fn old() -> Value {
    merged(
        node("n1"),
        json!({"metadata": {"labels": {"agentpool": "blue"}}, "spec": {"unschedulable": true}, "status": {"nodeInfo": {"kubeletVersion": "v1.33.6"}}}),
    )
}

fn new(version: &str, ready: &str) -> Value {
    let not_ready = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    let taints = if ready == "True" { json!([]) } else { not_ready };
    merged(
        node("n2"),
        json!({"metadata": {"labels": {"agentpool": "green"}}, "spec": {"taints": taints}, "status": {"nodeInfo": {"kubeletVersion": version}, "allocatable": {"cpu": "50m", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": ready, "message": "cni plugin not initialized"}]}}),
    )
}

fn waiting(message: &str, nodes: [Value; 2]) -> World {
    let world = World::empty()
        .without_nodes()
        .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, unscheduled("web", json!({})))
        .with(Kind::Event, event("Pod", "web-1-x", "FailedScheduling", message));
    nodes.into_iter().fold(world, |world, node| world.with(Kind::Node, node))
}

#[test]
fn an_upgrade_whose_new_nodes_do_not_come_is_the_cause_of_what_waits() {
    let stuck = waiting(CORDONED, [old(), new("v1.34.2", "False")]);
    assert_eq!(stuck.causes(), vec!["node-pool.replacement-not-ready on Node n2".to_owned()]);
    let small = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.";
    let small = waiting(small, [old(), new("v1.34.2", "True")]);
    assert_eq!(small.first(), "node-pool.replacement-too-small on Node n1");
}

#[test]
fn a_cordon_without_a_newer_pool_is_no_upgrade() {
    let same = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.";
    let world = waiting(same, [old(), new("v1.33.6", "True")]);
    assert!(!world.tells("node-pool."), "{:?}", world.causes());
}

#[test]
fn what_never_fitted_the_old_nodes_does_not_wait_for_their_upgrade() {
    let small = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.";
    let tiny =
        merged(old(), json!({"status": {"allocatable": {"cpu": "10m", "memory": "8Gi", "pods": "110"}}}));
    let world = waiting(small, [tiny, new("v1.34.2", "True")]);
    assert!(!world.tells("node-pool."), "{:?}", world.causes());
}

#[test]
fn a_drain_that_a_budget_holds_up_says_which_upgrade_waits() {
    let budget = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}});
    let world = World::healthy()
        .without_nodes()
        .with(Kind::Node, old())
        .with(Kind::Node, new("v1.34.2", "True"))
        .with(Kind::PodDisruptionBudget, budget);
    let finding = &world.diagnosis().findings[0];
    assert_eq!(
        (finding.cause.as_str(), finding.params["upgrade"].as_str()),
        ("disruption-budget.blocks-eviction", "pool blue (v1.33.6) to pool green (v1.34.2)")
    );
}

#[test]
fn an_autoscaler_at_its_maximum_explains_what_waits_and_one_that_scales_does_not() {
    let full = "0/1 nodes are available: 1 Insufficient cpu.";
    let busy = || {
        merged(node("n1"), json!({"status": {"allocatable": {"cpu": "50m", "memory": "8Gi", "pods": "110"}}}))
    };
    let world = |reason: &str, message: &str| {
        let mut said = event("Pod", "web-1-x", reason, message);
        said["type"] = json!("Normal");
        waiting(full, [busy(), merged(busy(), json!({"metadata": {"name": "n2"}}))]).with(Kind::Event, said)
    };
    assert_eq!(
        world("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached").causes(),
        vec!["node-pool.at-maximum on Deployment shop/web".to_owned()]
    );
    assert_eq!(
        world("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 in backoff after failed scale-up").first(),
        "node-pool.scale-up-failed on Deployment shop/web"
    );
    assert!(!world("TriggeredScaleUp", "pod triggered scale-up: [{pool 1->2 (max: 4)}]").tells("node-pool."));
    assert!(
        !world("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 Insufficient cpu").tells("node-pool.")
    );
}

#[test]
fn a_node_without_a_range_says_that_the_network_is_used_up() {
    let bare = merged(new("v1.34.2", "False"), json!({"spec": {"taints": []}}));
    let other = merged(node("n1"), json!({"spec": {"podCIDR": "10.244.0.0/24"}}));
    let mut said = event("Node", "n2", "CIDRNotAvailable", "Node n2 status is now: CIDRNotAvailable");
    said["involvedObject"] = json!({"kind": "Node", "name": "n2"});
    let world = World::empty().without_nodes().with(Kind::Node, other).with(Kind::Node, bare.clone());
    assert!(!world.tells("network."), "a plugin with ranges of its own leaves podCIDR empty");
    let world = world.with(Kind::Event, said);
    assert_eq!(world.causes(), vec!["network.pod-range-exhausted on Node n2".to_owned()]);
}

#[test]
fn a_read_only_file_system_is_told_by_the_problem_detector() {
    let unwell = |status: &str| {
        let condition = json!({"type": "ReadonlyFilesystem", "status": status, "reason": "FilesystemIsReadOnly", "message": "Filesystem is read-only"});
        let conditions = json!([{"type": "Ready", "status": "True"}, condition]);
        World::healthy()
            .without_nodes()
            .with(Kind::Node, merged(node("n1"), json!({"status": {"conditions": conditions}})))
    };
    assert_eq!(unwell("True").first(), "node.filesystem-read-only on Node n1");
    assert_eq!(unwell("False").causes(), Vec::<String>::new());
}
