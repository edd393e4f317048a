//! Invariant 1: whatever a tool is asked, only reads reach the transport.

mod fake;

use bytes::Bytes;
use fake::{Fake, NOW, context};
use http::{Method, Request, Response};
use http_body_util::Full;
use kube::client::Body;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stethoscope_cluster::guard::{BodyKind, GuardLayer, judge};
use stethoscope_cluster::{Cluster, Sealer};
use stethoscope_core::clock::FixedClock;
use tower::{BoxError, Layer, ServiceExt};

/// A world in which every tool finds something to read further on.
fn world() -> Fake {
    let labels = json!({"app": "web"});
    let mut fake = Fake::new();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": labels}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}),
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-0", "namespace": "shop", "labels": labels},
            "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": "web:1",
                "env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "db", "key": "t"}}}]}]},
            "status": {"phase": "Running"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}}),
    ] {
        fake = fake.with(object);
    }
    fake.with_text("/api/v1/namespaces/shop/pods/web-0/log", "hello\n")
        .with_text("/api/v1/nodes/n1/proxy/logs/", "kubelet line\n")
}

#[tokio::test]
async fn every_tool_sends_reads_only() {
    let fake = world();
    let cluster = fake.cluster();
    let calls = [
        ("diagnose", json!({})),
        ("k8s_access", json!({})),
        ("k8s_access", json!({"verb": "get", "resource": "pods/log"})),
        ("k8s_access", json!({"subject": "sa/shop/web", "verb": "list", "resource": "secrets"})),
        ("k8s_access", json!({"subject": "anyone", "verb": "delete", "resource": "pods"})),
        ("k8s_changes", json!({})),
        ("k8s_describe", json!({"name": "pod/web-0"})),
        ("k8s_describe", json!({"name": "service/web"})),
        ("k8s_describe", json!({"name": "deploy/web"})),
        ("k8s_describe", json!({"name": "secret/db"})),
        ("k8s_describe", json!({"name": "node/n1"})),
        ("k8s_events", json!({})),
        ("k8s_get", json!({"name": "secret/db"})),
        ("k8s_list", json!({"kind": "secrets"})),
        ("k8s_list", json!({"kind": "pods", "where": "restarts>0"})),
        ("k8s_logs", json!({"name": "deploy/web"})),
        ("k8s_node_logs", json!({"node": "n1"})),
        ("k8s_overview", json!({})),
        ("k8s_top", json!({"kind": "nodes"})),
    ];
    let tools = stethoscope_cluster::tools(&cluster, &[]);
    for tool in &tools {
        let name = &tool.spec().name;
        assert!(calls.iter().any(|(called, _)| called == name), "{name} is not called here");
    }
    for (name, arguments) in calls {
        let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let answer = tool.call(arguments.clone(), &context(Some("shop"))).await;
        assert!(answer.is_ok(), "{name} {arguments}: {answer:?}");
    }
    cluster.probe().await;
    let seen = fake.seen();
    assert!(seen.len() > 50);
    for request in seen {
        match request.method.as_str() {
            "GET" => assert!(
                !request.path.contains("/secrets") || request.accept.contains("as=PartialObjectMetadata"),
                "{request:?}"
            ),
            "POST" => {
                let review = "/apis/authorization.k8s.io/v1/selfsubject";
                assert!(request.path.starts_with(review), "{request:?}");
            }
            _ => panic!("{request:?}"),
        }
        for word in ["exec", "attach", "portforward", "token", "watch=", "follow="] {
            assert!(!request.path.contains(word) && !request.query.contains(word), "{request:?}");
        }
    }
}

#[tokio::test]
async fn what_the_guard_refuses_never_reaches_the_transport() {
    let reached: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = reached.clone();
    let transport = tower::service_fn(move |request: Request<Body>| {
        log.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) }
    });
    let guarded = GuardLayer.layer(transport);
    for (method, uri) in [
        (Method::DELETE, "/api/v1/namespaces/shop/pods/web-0"),
        (Method::PATCH, "/apis/apps/v1/namespaces/shop/deployments/web"),
        (Method::POST, "/api/v1/namespaces/shop/pods/web-0/exec?command=sh"),
        (Method::GET, "/api/v1/namespaces/shop/secrets/db"),
        (Method::GET, "/api/v1/namespaces/shop/pods/web-0/%2e%2e/%2e%2e/secrets"),
    ] {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let told = guarded.clone().oneshot(request).await.unwrap_err();
        assert!(told.downcast_ref::<stethoscope_cluster::guard::Refusal>().is_some(), "{uri}: {told}");
    }
    assert_eq!(*reached.lock().unwrap(), Vec::<String>::new());
    let request = Request::builder().uri("/version").body(Body::empty()).unwrap();
    assert!(guarded.oneshot(request).await.is_ok());
    assert_eq!(*reached.lock().unwrap(), vec!["GET /version".to_owned()]);
}

/// A transport that records what passes; the shape in which the binary proves the same of its own tools.
#[tokio::test]
async fn a_recording_service_can_stand_in_for_the_transport() {
    let seen: Arc<Mutex<Vec<(Method, String)>>> = Arc::default();
    let log = seen.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let told = judge(request.method(), request.uri(), request.headers(), BodyKind::Empty);
        assert!(told.is_ok() || request.method() == Method::POST, "{told:?}");
        log.lock().unwrap().push((request.method().clone(), request.uri().path().to_owned()));
        async {
            let body = json!({"items": [], "versions": [], "groups": [], "metadata": {}}).to_string();
            Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(body))))
        }
    });
    let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
    let cluster = Cluster::over_service(service, "default", Sealer::new([1; 32]), clock);
    for tool in stethoscope_cluster::tools(&cluster, &[]) {
        for arguments in [json!({}), json!({"name": "x"}), json!({"kind": "pods"}), json!({"node": "n"})] {
            let _ = tool.call(arguments, &context(None)).await;
        }
    }
    assert!(seen.lock().unwrap().len() > 30);
}

#[test]
fn the_schemas_of_all_tools_are_small() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let cluster = Fake::new().cluster();
    let mut total = 0;
    let mut sizes = Vec::new();
    for tool in stethoscope_cluster::tools(&cluster, &[]) {
        let spec = tool.spec();
        let shown: Value =
            json!({"name": spec.name, "description": spec.description, "input_schema": spec.input_schema});
        sizes.push((spec.name.clone(), shown.to_string().len()));
        total += shown.to_string().len();
    }
    // read_output, conclude and later toolsets share the 10 KB.
    assert!(total <= 7_000, "{total}: {sizes:?}");
}
