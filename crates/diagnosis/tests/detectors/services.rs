use crate::world::{World, crashed, deployment, merged, pod, replica_set, service, slice, template, unready};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const WEB: &str = "on Service shop/web";
const FRONT: &str = "on Deployment shop/front";

fn behind(service_spec: Value) -> World {
    let base = World::empty()
        .with(Kind::Deployment, deployment("web"))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, pod("web"));
    base.with(Kind::Service, merged(service("web"), json!({"spec": service_spec})))
}

/// `front` with these variables, and a healthy `web` behind a Service on port 80.
fn calling(env: Value) -> World {
    let mut spec = template("front");
    spec["spec"]["containers"][0]["env"] = env;
    let front = merged(deployment("front"), json!({"spec": {"template": spec.clone()}}));
    let caller = merged(pod("front"), json!({"spec": spec["spec"]}));
    World::healthy()
        .with(Kind::Deployment, front)
        .with(Kind::ReplicaSet, replica_set("front"))
        .with(Kind::Pod, caller)
}

#[test]
fn a_selector_that_matches_no_pod_is_told_with_what_the_pods_carry() {
    let world = behind(json!({"selector": {"app": "website"}}));
    assert_eq!(world.causes(), vec![format!("service.selector-mismatch {WEB}")]);
    assert_eq!(
        world.diagnosis().findings[0].statement,
        "the selector app=website of Service web matches no pod; the pods of Deployment shop/web carry app=web"
    );
    assert_eq!(behind(json!({})).causes(), Vec::<String>::new());
}

#[test]
fn a_selector_for_pods_that_are_not_running_yet_is_no_mismatch() {
    let none = json!({"spec": {"replicas": 0}, "status": {"replicas": 0, "readyReplicas": 0}});
    let world = World::empty()
        .with(Kind::Deployment, merged(deployment("web"), none))
        .with(Kind::Service, service("web"));
    assert_eq!(world.causes(), vec!["workload.zero-replicas on Deployment shop/web".to_owned()]);
}

#[test]
fn a_service_that_selects_another_workload() {
    let world = World::healthy()
        .with(Kind::Deployment, deployment("cart"))
        .with(Kind::Service, merged(service("cart"), json!({"spec": {"selector": {"app": "web"}}})));
    assert_eq!(world.first(), "service.selects-another-workload on Service shop/cart");
    let alias = World::healthy()
        .with(Kind::Service, merged(service("web-external"), json!({"spec": {"selector": {"app": "web"}}})));
    assert_eq!(alias.causes(), Vec::<String>::new(), "a second Service for one workload is customary");
}

#[test]
fn target_ports_must_lead_to_a_port_of_the_pods() {
    let port = |target: Value, protocol: &str| {
        behind(json!({"ports": [{"name": "http", "port": 80, "targetPort": target, "protocol": protocol}]}))
    };
    assert_eq!(port(json!(9999), "TCP").first(), format!("service.port-mismatch {WEB}"));
    assert_eq!(port(json!("grpc"), "TCP").first(), format!("service.port-mismatch {WEB}"));
    assert_eq!(port(json!(8080), "UDP").first(), format!("service.protocol-mismatch {WEB}"));
    assert_eq!(port(json!("http"), "TCP").causes(), Vec::<String>::new());
    assert_eq!(port(json!(8080), "TCP").causes(), Vec::<String>::new());
}

#[test]
fn undeclared_ports_prove_nothing() {
    let bare = merged(pod("web"), json!({"spec": {"containers": [{"name": "main"}]}}));
    let world = World::empty()
        .with(Kind::Deployment, deployment("web"))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, bare)
        .with(Kind::Service, service("web"));
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn addresses_in_the_environment_must_lead_to_a_service() {
    let cases = [
        (json!([{"name": "WEB_ADDR", "value": "webb:80"}]), ""),
        (json!([{"name": "WEB_ADDR", "value": "web-invalid:80"}]), ""),
        (json!([{"name": "WEB_ADDR", "value": "web:8081"}]), "service.address-mismatch"),
        (
            json!([{"name": "WEB_HOST", "value": "web"}, {"name": "WEB_PORT", "value": "81"}]),
            "service.address-mismatch",
        ),
        (json!([{"name": "WEB_URL", "value": "http://web.prod:80/x"}]), "service.address-mismatch"),
        (json!([{"name": "WEB_ADDR", "value": "web:80"}]), ""),
        (json!([{"name": "OUTSIDE", "value": "https://api.example.com:443"}]), ""),
    ];
    for (env, cause) in cases {
        let told = calling(env.clone()).diagnosis();
        let first = told
            .findings
            .first()
            .filter(|it| it.confidence > 0.5)
            .map(|it| format!("{} on {}", it.cause, it.subject));
        let expected = (!cause.is_empty()).then(|| format!("{cause} {FRONT}"));
        assert_eq!(first, expected, "{env}");
    }
}

#[test]
fn a_slip_in_a_longer_name_is_recognised_and_an_uninstalled_integration_is_not_a_fault() {
    let with = |value: &str| {
        calling(json!([{"name": "CATALOG_ADDR", "value": value}]))
            .with(Kind::Service, merged(service("catalog"), json!({"spec": {"selector": null}})))
    };
    assert_eq!(with("catalogs:80").first(), format!("service.address-mismatch {FRONT}"));
    assert_eq!(with("catalog-invalid:80").first(), format!("service.address-mismatch {FRONT}"));
    let optional = with("assistant:80").diagnosis().findings;
    assert_eq!((optional.len(), optional[0].severity), (1, stethoscope_core::finding::Severity::Info));
}

#[test]
fn a_variable_named_after_one_service_that_leads_to_another() {
    let with = |value: &str| {
        calling(json!([{"name": "CATALOG_SERVICE_ADDR", "value": value}]))
            .with(Kind::Service, merged(service("catalog"), json!({"spec": {"selector": null}})))
    };
    assert_eq!(with("web:80").first(), format!("service.address-of-another {FRONT}"));
    assert_eq!(with("catalog:80").causes(), Vec::<String>::new());
}

#[test]
fn a_wrong_database_port_is_told_as_such() {
    let world = calling(json!([{"name": "DB_URL", "value": "jdbc:mysql://db:3307/x"}])).with(
        Kind::Service,
        merged(service("db"), json!({"spec": {"selector": null, "ports": [{"port": 3306}]}})),
    );
    assert_eq!(world.first(), format!("database.wrong-port {FRONT}"));
}

#[test]
fn a_database_port_without_its_host_in_sight_must_be_offered_by_some_service() {
    let with = |port: &str| {
        calling(json!([{"name": "ORDER_MYSQL_PORT", "value": port}])).with(
            Kind::Service,
            merged(service("db"), json!({"spec": {"selector": null, "ports": [{"port": 3306}]}})),
        )
    };
    assert_eq!(with("3307").first(), format!("database.wrong-port {FRONT}"));
    assert_eq!(with("3306").causes(), Vec::<String>::new());
}

#[test]
fn a_database_that_logs_whom_it_refused_is_not_at_fault() {
    let database = merged(
        pod("db"),
        json!({"spec": {"containers": [{"name": "main", "ports": [{"containerPort": 3306}]}]}}),
    );
    let world = World::empty()
        .with(Kind::Deployment, deployment("db"))
        .with(Kind::ReplicaSet, replica_set("db"))
        .with(Kind::Pod, database)
        .log("db-1-x", "main", false, "Access denied for user 'app'@'10.1.0.5' (using password: YES)");
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn databases_are_told_by_what_their_clients_log() {
    let cases = [
        (
            "Access denied for user 'app'@'10.1.0.5' (using password: YES)",
            "database.credentials-refused on Deployment shop/front",
        ),
        ("ERROR 1040 (HY000): Too many connections", "database.connections-exhausted on Deployment shop/db"),
        (
            "The MySQL server is running with the --read-only option so it cannot execute this statement",
            "database.read-only on Deployment shop/db",
        ),
    ];
    for (line, expected) in cases {
        let world = calling(json!([{"name": "DB_ADDR", "value": "db:3306"}]))
            .with(Kind::Deployment, deployment("db"))
            .with(Kind::ReplicaSet, replica_set("db"))
            .with(
                Kind::Pod,
                merged(
                    pod("db"),
                    json!({"spec": {"containers": [{"name": "main", "ports": [{"containerPort": 3306}]}]}}),
                ),
            )
            .with(
                Kind::Service,
                merged(service("db"), json!({"spec": {"ports": [{"port": 3306, "targetPort": 3306}]}})),
            )
            .log("front-1-x", "main", false, &format!("{line}\n{line}\n{line}\n"));
        assert_eq!(world.first(), expected, "{line}");
        assert!(world.diagnosis().findings[0].proofs.iter().any(|proof| proof.quote == line));
    }
}

#[test]
fn a_name_that_does_not_resolve_though_the_service_exists_is_dns() {
    let world = calling(json!([{"name": "WEB_ADDR", "value": "web:80"}])).log(
        "front-1-x",
        "main",
        false,
        "dial tcp: lookup web on 10.96.0.10:53: no such host",
    );
    assert_eq!(world.first(), format!("dns.resolution-failing {FRONT}"));
    let down = merged(
        deployment("coredns"),
        json!({"metadata": {"namespace": "kube-system"}, "status": {"readyReplicas": 0},
        "spec": {"template": {"metadata": {"labels": {"k8s-app": "kube-dns"}}}}}),
    );
    let world = world.with(Kind::Deployment, down);
    let findings = world.diagnosis().findings;
    assert_eq!(findings[0].cause.as_str(), "dns.cluster-dns-down");
    assert_eq!(findings.len(), 1, "the caller's trouble lies under it");
}

#[test]
fn a_pod_that_does_not_ask_the_cluster_dns() {
    let world = |policy: &str| {
        let mut spec = template("front");
        spec["spec"]["containers"][0]["env"] = json!([{"name": "WEB_ADDR", "value": "web:80"}]);
        spec["spec"]["dnsPolicy"] = json!(policy);
        World::healthy()
            .with(Kind::Deployment, deployment("front"))
            .with(Kind::ReplicaSet, replica_set("front"))
            .with(Kind::Pod, merged(pod("front"), json!({"spec": spec["spec"]})))
    };
    assert_eq!(world("Default").first(), format!("dns.pod-resolver-wrong {FRONT}"));
    assert_eq!(world("ClusterFirst").causes(), Vec::<String>::new());
}

#[test]
fn a_service_that_a_log_names_or_that_cluster_dns_is_told_of_needs_no_cluster_resolver() {
    let resolving = |namespace: &str, env: Value| {
        let placed = json!({"metadata": {"namespace": namespace, "labels": {"k8s-app": "kube-dns"}}});
        let spec = json!({"spec": {"dnsPolicy": "Default", "containers": [{"name": "main", "env": env}]}});
        World::healthy()
            .with(Kind::Deployment, merged(deployment("front"), placed.clone()))
            .with(Kind::ReplicaSet, merged(replica_set("front"), placed.clone()))
            .with(Kind::Pod, merged(merged(pod("front"), placed), spec))
            .log_in(namespace, "front-1-x", "main", false, "GET http://web.shop.svc:80/: connection refused")
    };
    let told = json!([{"name": "WEB_ADDR", "value": "web.shop:80"}]);
    assert!(resolving("shop", told.clone()).tells("dns.pod-resolver-wrong"));
    assert!(!resolving("shop", json!([])).tells("dns.pod-resolver-wrong"));
    assert!(!resolving("kube-system", told).tells("dns.pod-resolver-wrong"));
}

#[test]
fn what_a_ready_process_was_refused_once_is_no_fault_and_of_an_unknown_database_little_is_known() {
    let ready = |line: &str, times: usize| {
        World::healthy().log("web-1-x", "main", false, &format!("{line}\n").repeat(times))
    };
    for line in [
        "Access denied for user 'guest'@'10.1.0.5' (using password: YES)",
        "Too many connections",
        "cannot execute INSERT in a read-only transaction",
        "x509: certificate has expired or is not yet valid",
    ] {
        assert_eq!(ready(line, 1).causes(), Vec::<String>::new(), "{line}");
        assert_eq!(ready(line, 3).diagnosis().findings.len(), 1, "{line}");
    }
    let refused = ready("Access denied for user 'guest'@'10.1.0.5' (using password: YES)", 3).diagnosis();
    assert_eq!(refused.findings[0].confidence, 0.4);
    for left in ["EOF", "read tcp 10.1.0.5:8443->10.1.0.1:4711: read: connection reset by peer"] {
        let line = format!("http: TLS handshake error from 10.1.0.1:4711: {left}");
        assert_eq!(ready(&line, 9).causes(), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_callee_without_endpoints_explains_its_failing_caller() {
    let world = calling(json!([{"name": "WEB_ADDR", "value": "web:80"}])).log(
        "front-1-x",
        "main",
        false,
        "connect to web:80: connection refused",
    );
    assert_eq!(world.first(), format!("app.dependency-unreachable {FRONT}"));
    let broken = calling(json!([{"name": "DB_ADDR", "value": "db:80"}]))
        .with(Kind::Deployment, deployment("db"))
        .with(Kind::Service, merged(service("db"), json!({"spec": {"selector": {"app": "dbx"}}})))
        .log("front-1-x", "main", false, "connect to db:80: connection refused");
    assert_eq!(broken.causes(), vec!["service.selector-mismatch on Service shop/db".to_owned()]);
}

#[test]
fn tls_failures_are_read_from_logs() {
    let world = World::sick(json!({})).log(
        "web-1-x",
        "main",
        false,
        "x509: certificate has expired or is not yet valid",
    );
    assert!(world.tells("app.tls-failing"));
    assert!(
        !World::sick(json!({})).log("web-1-x", "main", false, "certificate loaded").tells("app.tls-failing")
    );
}

#[test]
fn an_ingress_must_point_at_a_service_and_its_port() {
    let ingress = |name: &str, port: i64| {
        World::healthy().with(
            Kind::Ingress,
            json!({"metadata": {"name": "edge", "namespace": "shop"}, "spec": {"rules": [{"http": {"paths": [
            {"path": "/", "backend": {"service": {"name": name, "port": {"number": port}}}}]}}]}}),
        )
    };
    assert_eq!(ingress("gone", 80).first(), "ingress.backend-missing on Ingress shop/edge");
    assert_eq!(ingress("web", 81).first(), "ingress.port-mismatch on Ingress shop/edge");
    assert_eq!(ingress("web", 80).causes(), Vec::<String>::new());
}

#[test]
fn a_policy_isolates_only_where_no_rule_allows_the_caller() {
    let policy = |ingress: Value| {
        calling(json!([{"name": "WEB_ADDR", "value": "web:80"}])).with(
            Kind::NetworkPolicy,
            json!({"metadata": {"name": "deny", "namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": ingress}}),
        )
    };
    assert_eq!(policy(json!([])).first(), "network.policy-isolates on NetworkPolicy shop/deny");
    assert_eq!(
        policy(json!([{"from": [{"podSelector": {"matchLabels": {"app": "other"}}}]}])).first(),
        "network.policy-isolates on NetworkPolicy shop/deny"
    );
    assert_eq!(
        policy(
            json!([{"from": [{"podSelector": {"matchLabels": {"app": "front"}}}], "ports": [{"port": 8080}]}])
        )
        .causes(),
        Vec::<String>::new()
    );
    assert_eq!(
        policy(
            json!([{"from": [{"podSelector": {"matchLabels": {"app": "front"}}}], "ports": [{"port": 9090}]}])
        )
        .first(),
        "network.policy-isolates on NetworkPolicy shop/deny"
    );
    assert_eq!(policy(json!([{}])).causes(), Vec::<String>::new());
    assert_eq!(policy(json!([{"ports": [{"port": 8000, "endPort": 8080}]}])).causes(), Vec::<String>::new());
    assert_eq!(
        policy(json!([{"ports": [{"port": 8080, "protocol": "UDP"}]}])).first(),
        "network.policy-isolates on NetworkPolicy shop/deny"
    );
    let block = json!([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]);
    assert_eq!(policy(block).causes(), Vec::<String>::new(), "the block may well include the caller");
}

#[test]
fn a_service_without_ready_endpoints_is_told_when_nothing_deeper_is_known() {
    let world = World::empty()
        .with(Kind::Pod, unready(merged(pod("web"), json!({"metadata": {"ownerReferences": []}}))))
        .with(Kind::Service, service("web"))
        .with(Kind::EndpointSlice, slice("web", false));
    assert_eq!(world.causes(), vec![format!("service.no-endpoints {WEB}")]);
    assert!(!World::sick(crashed(1, "Error")).tells("service.no-endpoints"), "the crash explains it");
}
