//! Who calls whom: the faulty callee before its failing callers.

use crate::world::{World, crashed, deployment, merged, pod, replica_set, service, slice, unready};
use serde_json::json;
use stethoscope_diagnosis::snapshot::Kind;

/// A crashing `app` behind a Service of its address.
fn crashing(world: World, app: &str, address: &str) -> World {
    world
        .with(Kind::Deployment, merged(deployment(app), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set(app))
        .with(Kind::Pod, merged(unready(pod(app)), crashed(1, "Error")))
        .with(Kind::Service, merged(service(app), json!({"spec": {"clusterIP": address}})))
        .with(Kind::EndpointSlice, slice(app, false))
}

#[test]
fn of_two_crashing_processes_the_one_that_the_other_blames_is_the_cause() {
    let both = crashing(crashing(World::empty(), "api", "10.0.0.8"), "ledger", "10.0.0.9");
    let blamed = both.log("api-1-x", "main", true, "Error: connect ECONNREFUSED 10.0.0.9:80").log(
        "ledger-1-x",
        "main",
        true,
        "panic: tariff table is empty",
    );
    assert_eq!(blamed.causes(), vec!["container.crashing on Deployment shop/ledger".to_owned()]);
}

#[test]
fn two_that_blame_each_other_are_both_told() {
    let both = crashing(crashing(World::empty(), "api", "10.0.0.8"), "ledger", "10.0.0.9");
    let blamed = both.log("api-1-x", "main", true, "Error: connect ECONNREFUSED 10.0.0.9:80").log(
        "ledger-1-x",
        "main",
        true,
        "Error: connect ECONNREFUSED 10.0.0.8:80",
    );
    assert_eq!(
        blamed.causes().len(),
        1,
        "one is listed under the other, none is lost: {:?}",
        blamed.causes()
    );
}

#[test]
fn a_caller_names_its_callee_in_its_log_where_no_variable_does() {
    let world = crashing(World::healthy(), "ledger", "10.0.0.9").log(
        "web-1-x",
        "main",
        false,
        "dial tcp 10.0.0.9:80: connect: connection refused",
    );
    assert_eq!(world.first(), "container.crashing on Deployment shop/ledger");
    assert!(!world.tells("app.dependency-unreachable"), "{:?}", world.causes());
}

#[test]
fn a_caller_whose_callee_is_fine_stays_undecided() {
    let world = World::healthy()
        .with(Kind::Deployment, deployment("ledger"))
        .with(Kind::ReplicaSet, replica_set("ledger"))
        .with(Kind::Pod, pod("ledger"))
        .with(Kind::Service, merged(service("ledger"), json!({"spec": {"clusterIP": "10.0.0.9"}})))
        .with(Kind::EndpointSlice, slice("ledger", true))
        .log("web-1-x", "main", false, "dial tcp 10.0.0.9:80: i/o timeout");
    let diagnosis = world.diagnosis();
    assert_eq!(world.first(), "app.dependency-unreachable on Deployment shop/web");
    assert!(diagnosis.findings[0].confidence < 0.5);
}

#[test]
fn complaints_that_processes_get_over_need_to_be_many_and_late() {
    let line = "Got error produce response, retrying. Error: NOT_LEADER_OR_FOLLOWER";
    let once = World::healthy().log("web-1-x", "main", false, line);
    assert_eq!(once.causes(), Vec::<String>::new());
    let often = World::healthy().log("web-1-x", "main", false, &[line; 5].join("\n"));
    assert!(often.tells("messaging.no-leader"), "{:?}", often.causes());
    let over = format!("{}\n{}", [line; 5].join("\n"), ["INFO sent"; 40].join("\n"));
    assert_eq!(World::healthy().log("web-1-x", "main", false, &over).causes(), Vec::<String>::new());
}

#[test]
fn a_complaint_that_a_running_process_got_over_long_ago_is_history() {
    let world = |later: &str| {
        World::healthy()
            .with(Kind::Deployment, deployment("ledger"))
            .with(Kind::ReplicaSet, replica_set("ledger"))
            .with(Kind::Pod, pod("ledger"))
            .with(Kind::Service, merged(service("ledger"), json!({"spec": {"clusterIP": "10.0.0.9"}})))
            .with(Kind::EndpointSlice, slice("ledger", true))
            .log("web-1-x", "main", false, &format!("2026-01-01T11:00:00Z lookup ledger on 10.96.0.10:53: server misbehaving\n{later} INFO posted"))
    };
    assert!(world("2026-01-01T11:00:20Z").tells("dns.resolution-failing"));
    assert_eq!(world("2026-01-01T11:40:00Z").causes(), Vec::<String>::new());
}

/// The cluster's DNS with one pod that is not ready.
fn dns(log: &str) -> World {
    let labels = json!({"k8s-app": "kube-dns"});
    let mut server = deployment("coredns");
    server["metadata"]["namespace"] = json!("kube-system");
    server["spec"]["template"]["metadata"]["labels"] = labels.clone();
    server["status"]["readyReplicas"] = json!(0);
    let mut set = replica_set("coredns");
    set["metadata"]["namespace"] = json!("kube-system");
    let mut down = merged(unready(pod("coredns")), crashed(1, "Error"));
    down["metadata"]["namespace"] = json!("kube-system");
    down["metadata"]["labels"] = labels;
    World::healthy()
        .with(Kind::Deployment, server)
        .with(Kind::ReplicaSet, set)
        .with(Kind::Pod, down)
        .log_in("kube-system", "coredns-1-x", "main", true, log)
        .log("web-1-x", "main", false, "lookup ledger on 10.96.0.10:53: server misbehaving")
}

#[test]
fn the_cluster_dns_says_why_it_is_down() {
    let subject = "on Deployment kube-system/coredns";
    let looping = dns(
        "[FATAL] plugin/loop: Loop (127.0.0.1:55953 -> :53) detected for zone \".\", see https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO 4547991504243258144.3688648895315093531.\"",
    );
    assert_eq!(looping.first(), format!("dns.forwarding-loop {subject}"));
    let unreadable = dns("/etc/coredns/Corefile:7 - Error during parsing: Unknown directive 'forwrad'");
    assert_eq!(unreadable.first(), format!("dns.configuration-invalid {subject}"));
    assert_eq!(dns("panic: runtime error").first(), format!("dns.cluster-dns-down {subject}"));
}
