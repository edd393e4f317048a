use crate::world::{World, container, deployment, event, merged, node, pod, replica_set, unready};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

/// A component of the control plane as kubeadm runs it.
fn component(name: &str) -> Value {
    let mut pod = merged(
        pod("web"),
        json!({"metadata": {"name": format!("{name}-n1"), "namespace": "kube-system", "labels": {"component": name, "tier": "control-plane"}}}),
    );
    pod["metadata"]["ownerReferences"] = json!([{"kind": "Node", "name": "n1", "controller": true}]);
    pod["spec"]["containers"][0]["name"] = json!(name);
    pod["status"]["containerStatuses"][0]["name"] = json!(name);
    pod
}

fn lease(namespace: &str, name: &str, renewed: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"holderIdentity": "n1_4f", "leaseDurationSeconds": 15, "renewTime": renewed}})
}

fn beats(world: World) -> World {
    ["n1", "n2", "n3"].into_iter().fold(world, |world, node| {
        world.with(Kind::Lease, lease("kube-node-lease", node, "2026-01-01T11:59:55.000000Z"))
    })
}

#[test]
fn a_full_etcd_is_told_from_a_refusal_and_an_application_with_its_own_is_not() {
    let none = json!({"status": {"replicas": 0, "readyReplicas": 0}});
    let refused = World::empty()
        .with(Kind::Pod, component("etcd"))
        .with(Kind::Deployment, merged(deployment("web"), none.clone()))
        .with(Kind::ReplicaSet, merged(replica_set("web"), none))
        .with(
            Kind::Event,
            event(
                "ReplicaSet",
                "web-1",
                "FailedCreate",
                "Error creating: etcdserver: mvcc: database space exceeded",
            ),
        );
    assert_eq!(refused.first(), "control-plane.etcd-full on Pod kube-system/etcd-n1");
    let own = World::healthy().log("web-1-x", "main", false, "etcdserver: mvcc: database space exceeded");
    assert!(!own.tells("control-plane."));
}

#[test]
fn a_slow_etcd_warns_many_times_and_a_single_warning_is_everyday() {
    let line =
        "{\"level\":\"warn\",\"ts\":\"2026-01-01T11:59:00Z\",\"msg\":\"apply request took too long\"}\n";
    let world = |times: usize| {
        World::healthy().with(Kind::Pod, component("etcd")).log_in(
            "kube-system",
            "etcd-n1",
            "etcd",
            false,
            &line.repeat(times),
        )
    };
    assert!(world(8).tells("control-plane.etcd-slow"));
    assert!(!world(1).tells("control-plane.etcd-slow"));
    let old = line.replace("2026-01-01T11:59", "2026-01-01T03:59").repeat(8);
    let long_ago = World::healthy().with(Kind::Pod, component("etcd")).log_in(
        "kube-system",
        "etcd-n1",
        "etcd",
        false,
        &old,
    );
    assert!(!long_ago.tells("control-plane.etcd-slow"), "what the log says of this morning is history");
}

#[test]
fn a_flooded_api_names_the_client_that_is_turned_away_most() {
    let line = |agent: &str| {
        format!(
            "I0101 11:59:00.1 1 httplog.go:132] \"HTTP\" verb=\"LIST\" userAgent=\"{agent}/v0.0.0\" resp=429\n"
        )
    };
    let world = |log: &str| {
        World::healthy().with(Kind::Pod, component("kube-apiserver")).log_in(
            "kube-system",
            "kube-apiserver-n1",
            "kube-apiserver",
            false,
            log,
        )
    };
    let loud = format!("{}{}", line("kubectl"), line("web").repeat(5));
    assert_eq!(world(&loud).first(), "control-plane.api-throttling on Deployment shop/web");
    let mixed = format!("{}{}", line("kubectl"), line("web"));
    assert_eq!(world(&mixed).first(), "control-plane.api-throttling on Service default/kubernetes");
    let others = World::healthy().log(
        "web-1-x",
        "main",
        false,
        "POST https://api.partner.example/ Too many requests, please try again later",
    );
    assert_eq!(others.causes(), Vec::<String>::new(), "another API's 429 is not the cluster's");
}

#[test]
fn a_client_that_throttles_itself_is_background() {
    let line = "I0101 11:59:00.1 1 request.go:697] Waited for 3.1s due to client-side throttling, not priority and fairness, request: GET:https://10.96.0.1:443/api\n";
    let world = World::healthy().log("web-1-x", "main", false, &line.repeat(9));
    let findings = world.diagnosis().findings;
    assert_eq!(
        (findings[0].cause.as_str(), findings[0].severity),
        ("app.client-throttled", stethoscope_core::finding::Severity::Low)
    );
}

#[test]
fn a_controller_manager_whose_lease_is_old_explains_what_nobody_looked_at() {
    let changed = merged(
        deployment("web"),
        json!({"metadata": {"generation": 4}, "status": {"observedGeneration": 3}}),
    );
    let world = |renewed: &str| {
        beats(World::empty())
            .with(Kind::Lease, lease("kube-system", "kube-controller-manager", renewed))
            .with(Kind::Lease, lease("kube-system", "kube-scheduler", "2026-01-01T11:59:58.000000Z"))
            .with(Kind::Deployment, changed.clone())
    };
    assert_eq!(
        world("2026-01-01T11:20:00.000000Z").first(),
        "control-plane.controller-manager-down on Node n1"
    );
    assert!(!world("2026-01-01T11:59:57.000000Z").tells("control-plane."), "it leads");
}

#[test]
fn losing_the_lead_again_and_again_is_told_and_explained_by_a_slow_api() {
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T11:40:00Z", "finishedAt": "2026-01-01T11:58:00Z"}});
    let crashing = |restarts: i64| {
        merged(
            unready(pod("web")),
            container(
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}),
                ended.clone(),
                restarts,
            ),
        )
    };
    let lost = "problem running manager: leader election lost";
    let world = |restarts| {
        World::empty()
            .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
            .with(Kind::ReplicaSet, replica_set("web"))
            .with(Kind::Pod, crashing(restarts))
            .log("web-1-x", "main", true, lost)
    };
    assert_eq!(world(7).first(), "container.leader-election-lost on Deployment shop/web");
    let slow =
        world(7).with(Kind::Pod, component("etcd")).with(Kind::Pod, component("kube-apiserver")).log_in(
            "kube-system",
            "kube-apiserver-n1",
            "kube-apiserver",
            false,
            "E0101 11:59:00.1 1 status.go:71] etcdserver: request timed out",
        );
    assert_eq!(slow.causes(), vec!["control-plane.etcd-slow on Pod kube-system/etcd-n1".to_owned()]);
    let once = merged(pod("web"), container(json!({"running": {}}), ended, 1));
    let once = merged(
        once,
        json!({"status": {"containerStatuses": [{"name": "main", "ready": true, "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T11:58:00Z"}}}]}}),
    );
    let once = World::empty()
        .with(Kind::Deployment, deployment("web"))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, once)
        .log("web-1-x", "main", true, lost);
    assert!(
        once.diagnosis().findings.iter().all(|it| it.severity <= stethoscope_core::finding::Severity::Low
            || it.cause.as_str() != "container.leader-election-lost"),
        "one failover is as it should be"
    );
}

#[test]
fn a_clock_ahead_of_the_others_is_told_and_a_late_heartbeat_is_not() {
    let nodes =
        |world: World| ["n2", "n3"].into_iter().fold(world, |world, name| world.with(Kind::Node, node(name)));
    let world = |renewed: &str| {
        nodes(World::healthy())
            .with(Kind::Lease, lease("kube-node-lease", "n1", renewed))
            .with(Kind::Lease, lease("kube-node-lease", "n2", "2026-01-01T11:59:55.000000Z"))
            .with(Kind::Lease, lease("kube-node-lease", "n3", "2026-01-01T11:59:51.000000Z"))
    };
    let ahead =
        world("2026-01-01T12:09:00.000000Z").log("web-1-x", "main", false, "token used before issued");
    assert_eq!(ahead.first(), "node.clock-skew on Node n1");
    assert!(world("2026-01-01T11:50:00.000000Z").tells("node.clock-skew"));
    assert!(!world("2026-01-01T11:59:10.000000Z").tells("node.clock-skew"));
}

#[test]
fn a_kubelet_out_of_the_supported_range_matters_where_pods_fail_only_there() {
    let at = |name: &str, version: &str| {
        merged(node(name), json!({"status": {"nodeInfo": {"kubeletVersion": version}}}))
    };
    let good = merged(pod("web"), json!({"metadata": {"name": "web-1-y"}, "spec": {"nodeName": "n2"}}));
    let world = |version: &str| {
        World::sick(json!({}))
            .without_nodes()
            .server("v1.34.2")
            .with(Kind::Node, at("n1", version))
            .with(Kind::Node, at("n2", "v1.34.2"))
            .with(Kind::Pod, good.clone())
    };
    assert!(world("v1.29.4").tells("control-plane.version-skew on Node n1"));
    assert!(world("v1.35.0").tells("control-plane.version-skew on Node n1"));
    assert!(!world("v1.31.9").tells("control-plane."));
}

#[test]
fn a_removed_version_is_told_from_a_kind_that_nobody_installed() {
    let said = |version: &str| {
        World::healthy().with(
            Kind::Event,
            event(
                "Kustomization",
                "apps",
                "ReconciliationFailed",
                &format!("dry-run failed: no matches for kind \"Thing\" in version \"{version}\""),
            ),
        )
    };
    assert_eq!(said("policy/v1beta1").first(), "api.version-removed on Kustomization shop/apps");
    assert_eq!(said("example.com/v1").first(), "api.kind-missing on Kustomization shop/apps");
    let well = World::healthy().log(
        "web-1-x",
        "main",
        false,
        "failed to list *v1beta1.CronJob: the server could not find the requested resource",
    );
    assert_eq!(
        well.diagnosis().findings[0].severity,
        stethoscope_core::finding::Severity::Low,
        "a program that runs in spite of it has a fallback"
    );
}

#[test]
fn an_api_without_its_server_explains_autoscalers_without_metrics() {
    let api = |available: &str| {
        json!({"metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "service": {"namespace": "kube-system", "name": "metrics-server"}},
            "status": {"conditions": [{"type": "Available", "status": available, "reason": "FailedDiscoveryCheck", "message": "no response"}]}})
    };
    let scaler = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric",
            "message": "failed to get cpu utilization: the server is currently unable to handle the request (get pods.metrics.k8s.io)"}]}});
    let down =
        World::healthy().with(Kind::ApiService, api("False")).with(Kind::HorizontalPodAutoscaler, scaler);
    assert_eq!(
        down.causes(),
        vec!["api.service-unavailable on APIService v1beta1.metrics.k8s.io".to_owned()]
    );
    let up = World::healthy().with(Kind::ApiService, api("True"));
    assert_eq!(up.causes(), Vec::<String>::new());
}

#[test]
fn an_eviction_that_a_budget_refuses_and_a_program_told_once_are_no_flood() {
    let eviction = "I0101 11:59:00.1 1 httplog.go:132] \"HTTP\" verb=\"POST\" URI=\"/api/v1/namespaces/shop/pods/web-1-x/eviction\" userAgent=\"web/v1\" resp=429\n";
    let refused = World::healthy().with(Kind::Pod, component("kube-apiserver")).log_in(
        "kube-system",
        "kube-apiserver-n1",
        "kube-apiserver",
        false,
        &eviction.repeat(5),
    );
    assert!(!refused.tells("control-plane."), "{:?}", refused.causes());
    let once = "2026-01-01T11:59:00Z the server has received too many requests and has asked us to try again later\n";
    let confidence = |times: usize| {
        let world = World::healthy().log("web-1-x", "main", false, &once.repeat(times));
        world.diagnosis().findings[0].confidence
    };
    assert!(confidence(1) < 0.5);
    assert!(confidence(4) >= 0.5);
}

#[test]
fn a_lead_that_is_handed_over_once_is_no_trouble() {
    let line =
        "{\"level\":\"warn\",\"ts\":\"2026-01-01T11:59:00Z\",\"msg\":\"etcdserver: leader changed\"}\n";
    let world = |times: usize| {
        World::healthy().with(Kind::Pod, component("etcd")).log_in(
            "kube-system",
            "etcd-n1",
            "etcd",
            false,
            &line.repeat(times),
        )
    };
    assert!(!world(1).tells("control-plane.etcd-no-leader"));
    assert!(world(4).tells("control-plane.etcd-no-leader"));
}

#[test]
fn one_program_that_hears_of_a_wrong_clock_does_not_accuse_its_node() {
    let line = "2026-01-01T11:59:00Z 401 for client 203.0.113.9: token is not valid yet\n";
    let one = beats(World::healthy()).log("web-1-x", "main", false, line);
    let told =
        one.diagnosis().findings.into_iter().find(|finding| finding.cause.as_str() == "node.clock-skew");
    assert!(told.is_none_or(|finding| finding.confidence < 0.5));
}
