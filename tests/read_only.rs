//! Invariant 1: whatever a tool is asked, only reads and self-reviews leave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use serde_json::{Value, json};
use std::sync::Arc;
use stethoscope_cluster::Cluster;
use stethoscope_core::clock::FixedClock;
use stethoscope_core::redact::Sealer;
use stethoscope_core::tool::{CallContext, Registry, ToolError};
use stethoscope_incidents::replay::Replay;
use stethoscope_incidents::{Bundle, OpenLimits};
use stethoscope_testkit::{Recording, RecordingTransport};

fn world() -> (Registry, Recording, CallContext) {
    let bundle = Bundle::open(&harness::incident("ticket-desk-down"), &OpenLimits::default()).unwrap();
    let now = bundle.captured_at();
    let transport = RecordingTransport::new(Replay::new(Arc::new(bundle)).router());
    let recording = transport.recording().clone();
    let cluster = Cluster::over_service(transport, "desk", Sealer::new([3; 32]), Arc::new(FixedClock(now)));
    let mut registry = Registry::default();
    for tool in stethoscope_cluster::tools(&cluster, &[]) {
        registry.add(tool).unwrap();
    }
    (registry, recording, CallContext { namespace: Some("desk".to_owned()), now })
}

/// Arguments that make each tool do all it can. A new tool without an entry here fails the test.
fn arguments(tool: &str) -> Vec<Value> {
    match tool {
        "k8s_overview" => vec![json!({}), json!({"namespace": "desk"})],
        "k8s_list" => vec![
            json!({"kind": "pods"}),
            json!({"kind": "deploy", "namespace": "desk"}),
            json!({"kind": "secrets"}),
        ],
        "k8s_get" => vec![
            json!({"kind": "Deployment", "name": "desk-api"}),
            json!({"kind": "secret", "name": "desk-db"}),
        ],
        "k8s_describe" => vec![
            json!({"kind": "StatefulSet", "name": "desk-db"}),
            json!({"kind": "pod", "name": "desk-db-0"}),
        ],
        "k8s_events" => vec![json!({}), json!({"type": "Warning"})],
        "k8s_logs" => vec![
            json!({"workload": "deployment/desk-api"}),
            json!({"pod": "desk-db-0"}),
            json!({"pod": "desk-api", "previous": true}),
        ],
        "k8s_changes" | "k8s_top" | "diagnose" => vec![json!({}), json!({"namespace": "desk"})],
        "k8s_access" => vec![
            json!({}),
            json!({"verb": "delete", "resource": "pods"}),
            json!({"subject": "system:serviceaccount:desk:default", "verb": "get", "resource": "pods"}),
        ],
        "k8s_node_logs" => vec![
            json!({"node": "worker-1", "unit": "kubelet"}),
            json!({"node": "../../secrets", "unit": "kubelet"}),
            json!({"node": "worker-1", "unit": "kubelet&query=../../etc/passwd"}),
        ],
        other => panic!("{other} has no case here: add what makes it send every request it can"),
    }
}

#[tokio::test]
async fn every_tool_sends_reads_and_self_reviews_only() {
    let (registry, recording, context) = world();
    let names: Vec<String> = registry.all().map(|tool| tool.spec().name.clone()).collect();
    for name in &names {
        let before = recording.requests().len();
        for arguments in arguments(name) {
            if let Err(ToolError::Bug { message }) = registry.call(name, arguments, &context).await {
                panic!("{name}: {message}");
            }
        }
        assert!(recording.requests().len() > before, "{name} asked the cluster nothing");
    }
    let reviews = [
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    ];
    for request in recording.requests() {
        let path = request.uri.path();
        let read = request.method == http::Method::GET || request.method == http::Method::HEAD;
        let review = request.method == http::Method::POST && reviews.contains(&path);
        assert!(read || review, "{} {} left", request.method, request.uri);
        assert!(
            !path.contains("/exec") && !path.contains("/attach") && !path.contains("/portforward"),
            "{path} left"
        );
        if path.contains("/proxy") {
            assert!(path.contains("/proxy/logs"), "{path} left");
        }
        if path.contains("/secrets") {
            let accept =
                request.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert!(
                accept.contains("PartialObjectMetadata"),
                "bodies of Secrets were asked for: {path} with {accept:?}"
            );
        }
    }
}

#[tokio::test]
async fn hostile_names_do_not_become_paths() {
    let (registry, recording, context) = world();
    for name in [
        "../../secrets",
        "x/exec",
        "x?watch=1",
        "%2e%2e/secrets",
        "a b",
        "",
        "x/../../../api/v1/namespaces/desk/secrets/y",
    ] {
        for tool in ["k8s_get", "k8s_describe"] {
            let result = registry
                .call(tool, json!({"kind": "pods", "name": name, "namespace": "desk"}), &context)
                .await;
            assert!(result.is_err(), "{tool} {name:?} gave an output");
        }
        let result = registry.call("k8s_logs", json!({"pod": name, "namespace": "desk"}), &context).await;
        assert!(result.is_err(), "k8s_logs {name:?} gave an output");
    }
    for request in recording.requests() {
        let path = request.uri.path();
        // `x/exec` may be read as the pod `exec` of namespace `x`, never as the subresource of a pod.
        let subresource = path.split('/').skip(1).count() > 6 && !path.ends_with("/log");
        assert!(!path.contains("secrets") && !path.contains("..") && !subresource, "{path} left");
    }
}
