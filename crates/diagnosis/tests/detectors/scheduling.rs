use crate::world::{World, deployment, event, merged, node, pod, replica_set, unscheduled};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const WEB: &str = "on Deployment shop/web";

/// A pending pod of `web` with this spec among these nodes.
fn pending(nodes: Vec<Value>, spec: Value) -> World {
    let mut world = World::empty().without_nodes();
    for node in nodes {
        world = world.with(Kind::Node, node);
    }
    world
        .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, unscheduled("web", spec))
}

fn cordoned(name: &str) -> Value {
    merged(node(name), json!({"spec": {"unschedulable": true}}))
}

fn tainted(name: &str, key: &str) -> Value {
    merged(node(name), json!({"spec": {"taints": [{"key": key, "value": "x", "effect": "NoSchedule"}]}}))
}

fn labelled(node: Value, value: &str) -> Value {
    merged(node, json!({"metadata": {"labels": {"disk": value}}}))
}

#[test]
fn the_single_repair_that_frees_a_node_is_the_cause() {
    let ssd = json!({"nodeSelector": {"disk": "ssd"}});
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]}}}});
    let resources = |what: &str, much: &str| json!({"containers": [{"name": "main", "resources": {"requests": {what: much}}}]});
    let cases = [
        (
            "no node has the label",
            vec![node("n1"), node("n2")],
            ssd.clone(),
            "scheduling.node-selector-mismatch",
        ),
        (
            "the node with the label is cordoned",
            vec![labelled(cordoned("n1"), "ssd"), node("n2")],
            ssd.clone(),
            "scheduling.node-cordoned",
        ),
        (
            "the node with the label is tainted",
            vec![labelled(tainted("n1", "team"), "ssd"), node("n2")],
            ssd.clone(),
            "scheduling.taint-not-tolerated",
        ),
        (
            "no node satisfies the affinity",
            vec![node("n1"), labelled(node("n2"), "hdd")],
            affinity,
            "scheduling.node-affinity-mismatch",
        ),
        (
            "all nodes are cordoned",
            vec![cordoned("n1"), cordoned("n2")],
            json!({}),
            "scheduling.node-cordoned",
        ),
        (
            "all nodes are tainted",
            vec![tainted("n1", "team"), tainted("n2", "team")],
            json!({}),
            "scheduling.taint-not-tolerated",
        ),
        (
            "one cordon beside many taints",
            vec![cordoned("n0"), tainted("n1", "team"), tainted("n2", "team")],
            json!({}),
            "scheduling.taint-not-tolerated",
        ),
        ("too much CPU", vec![node("n1")], resources("cpu", "64"), "scheduling.insufficient-cpu"),
        ("too much memory", vec![node("n1")], resources("memory", "64Gi"), "scheduling.insufficient-memory"),
        (
            "a resource nobody offers",
            vec![node("n1")],
            resources("example.com/gpu", "1"),
            "scheduling.insufficient-resource",
        ),
        (
            "a condition's taint",
            vec![tainted("n1", "node.kubernetes.io/disk-pressure")],
            json!({}),
            "scheduling.node-unavailable",
        ),
        ("gated", vec![node("n1")], json!({"schedulingGates": [{"name": "x/quota"}]}), "scheduling.gated"),
    ];
    for (what, nodes, spec, cause) in cases {
        assert_eq!(pending(nodes, spec).first(), format!("{cause} {WEB}"), "{what}");
    }
}

#[test]
fn a_tolerated_taint_and_a_tolerated_cordon_are_no_obstacles() {
    let bears =
        json!({"tolerations": [{"key": "team", "operator": "Exists"}], "nodeSelector": {"disk": "ssd"}});
    assert_eq!(
        pending(vec![tainted("n1", "team")], bears).first(),
        format!("scheduling.node-selector-mismatch {WEB}")
    );
}

#[test]
fn a_neighbour_that_the_anti_affinity_forbids_is_found() {
    let rule = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}]}}});
    let other = merged(pod("web"), json!({"metadata": {"name": "web-1-y"}}));
    assert_eq!(
        pending(vec![node("n1")], rule.clone()).with(Kind::Pod, other).first(),
        format!("scheduling.pod-anti-affinity {WEB}")
    );
    assert_eq!(
        pending(vec![node("n1")], rule).first(),
        format!("scheduling.unschedulable {WEB}"),
        "alone it fits"
    );
}

#[test]
fn an_affinity_without_a_neighbour_and_a_taken_host_port_are_found() {
    let near = json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": "zone"}]}}});
    assert_eq!(pending(vec![node("n1")], near).first(), format!("scheduling.pod-affinity {WEB}"));
    let port = json!({"containers": [{"name": "main", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let holder = merged(pod("edge"), json!({"spec": port.clone()}));
    assert_eq!(
        pending(vec![node("n1")], port).with(Kind::Pod, holder).first(),
        format!("scheduling.host-port-taken {WEB}")
    );
}

#[test]
fn a_volume_on_another_node_and_a_full_node_are_found() {
    let spec = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let world = pending(vec![node("n1")], spec)
        .with(Kind::PersistentVolumeClaim, json!({"metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}}))
        .with(Kind::PersistentVolume, json!({"metadata": {"name": "pv"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]}}}, "status": {"phase": "Bound"}}));
    // No node at all is in the volume's zone.
    assert_eq!(world.first(), format!("storage.zone-without-nodes {WEB}"));
    let cordoned = merged(
        node("n2"),
        json!({"metadata": {"labels": {"zone": "b"}}, "spec": {"taints": [{"key": "other", "effect": "NoSchedule"}]}}),
    );
    assert!(!world.with(Kind::Node, cordoned).tells("storage.zone-without-nodes"));
    let full = merged(node("n1"), json!({"status": {"allocatable": {"pods": "0"}}}));
    assert_eq!(pending(vec![full], json!({})).first(), format!("scheduling.too-many-pods {WEB}"));
}

#[test]
fn the_event_decides_where_the_simulation_sees_a_fit() {
    let cases = [
        ("0/1 nodes are available: 1 Insufficient cpu.", "scheduling.insufficient-cpu"),
        (
            "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints.",
            "scheduling.topology-spread",
        ),
        ("0/0 nodes are available: no nodes available to schedule pods.", "scheduling.no-nodes"),
    ];
    for (message, cause) in cases {
        let world = pending(vec![node("n1")], json!({}))
            .with(Kind::Event, event("Pod", "web-1-x", "FailedScheduling", message));
        assert_eq!(world.first(), format!("{cause} {WEB}"));
        assert!(
            world.diagnosis().findings[0].proofs.iter().any(|proof| proof.quote == message),
            "quoted verbatim"
        );
    }
}

#[test]
fn a_pod_nobody_looked_at_points_to_the_scheduler() {
    let silent = |spec: Value| {
        let mut pod = unscheduled("web", spec);
        pod["status"] = json!({"phase": "Pending"});
        World::empty()
            .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
            .with(Kind::ReplicaSet, replica_set("web"))
            .with(Kind::Pod, pod)
    };
    assert_eq!(silent(json!({})).first(), format!("scheduling.not-considered {WEB}"));
    assert_eq!(
        silent(json!({"schedulerName": "batch"})).first(),
        format!("scheduling.unknown-scheduler {WEB}")
    );
    let stopped = silent(json!({})).unit("n1", "kube-scheduler", "     Active: inactive (dead) since Fri");
    assert_eq!(stopped.causes(), vec!["node.kube-scheduler-down on Node n1".to_owned()]);
}
