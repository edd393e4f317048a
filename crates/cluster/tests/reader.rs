//! The cluster as a port: what other tool crates read through.

#![allow(clippy::unwrap_used, reason = "a failing test fails")]

mod fake;

use fake::{Fake, Fault, status};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_core::reader::{
    KindName, LogText, LogWanted, ObjectReader, Objects, Run, Scope, Served, ServedKind, Stamps, Tail, Wanted,
};
use stethoscope_core::tool::ToolError;

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": "web:1",
            "env": [{"name": "DB_PASSWORD", "value": "planted-Value-81x"}]}]}})
}

fn pods() -> KindName {
    KindName::new("", "pods")
}

#[tokio::test]
async fn discovery_is_asked_once_for_all_groups() {
    let fake = Fake::new();
    let cluster = fake.cluster();
    let reader: &dyn ObjectReader = &cluster;
    let cart = ServedKind {
        version: "v1".to_owned(),
        plural: "carts".to_owned(),
        kind: "Cart".to_owned(),
        scope: Scope::Namespaced,
    };
    assert_eq!(reader.serves("shop.example.com").await, Ok(Served { kinds: vec![cart], missing: None }));
    let before = fake.seen().len();
    assert_eq!(reader.serves("ray.io").await, Ok(Served::default()));
    assert_eq!(fake.seen().len(), before);
}

#[tokio::test]
async fn lists_are_sealed_bounded_and_say_what_is_missing() {
    let fake = (0..3).fold(Fake::new(), |fake, index| fake.with(pod(&format!("web-{index}"))));
    let cluster = fake.cluster();
    let read = cluster.list(&Wanted::all(pods(), 2).within(Some("shop"))).await.unwrap();
    assert_eq!((read.items.len(), read.missing.as_deref()), (2, Some("pods: only the first 2 were read")));
    assert_eq!((&read.items[0]["kind"], &read.items[0]["apiVersion"]), (&json!("Pod"), &json!("v1")));
    assert!(!read.items[0].to_string().contains("planted-Value-81x"));
    let unknown = cluster.list(&Wanted::all(KindName::new("ray.io", "rayclusters").at("v1"), 2)).await;
    let missing = Some("rayclusters.v1.ray.io: not served".to_owned());
    assert_eq!(unknown, Ok(Objects { items: Vec::new(), missing }));
}

#[tokio::test]
async fn a_forbidden_list_is_a_remark_and_a_missing_object_has_neighbours() {
    let fake = Fake::new()
        .with(pod("web-0"))
        .fail("/api/v1/pods", Fault::Status(403, status(403, "pods is forbidden")));
    let cluster = fake.cluster();
    let read = cluster.list(&Wanted::all(pods(), 5)).await.unwrap();
    assert!(read.items.is_empty() && read.missing.unwrap().starts_with("pods: forbidden"));
    let told = cluster.get(&pods(), Some("shop"), "web-1").await;
    assert!(matches!(told, Err(ToolError::NotFound { nearest, .. }) if nearest == ["web-0"]));
    let told = cluster.get(&KindName::new("ray.io", "rayclusters"), Some("shop"), "a").await;
    assert!(matches!(told, Err(ToolError::Unavailable { .. })));
}

#[tokio::test]
async fn logs_are_cut_at_lines_and_bytes_and_bad_names_never_leave() {
    let fake = Fake::new().with_text("/api/v1/namespaces/shop/pods/web-0/log", "one\ntwo\nthree\n");
    let cluster = fake.cluster();
    let wanted = LogWanted {
        namespace: "shop".to_owned(),
        pod: "web-0".to_owned(),
        container: Some("web".to_owned()),
        run: Run::Current,
        tail: Tail { lines: 500, bytes: 7 },
        stamps: Stamps::None,
    };
    let told = cluster.logs(&wanted).await;
    let missing = Some("only 7 bytes were read".to_owned());
    assert_eq!(told, Ok(LogText { text: "one\ntwo".to_owned(), missing }));
    let query = &fake.seen_at("/api/v1/namespaces/shop/pods/web-0/log")[0].query;
    assert_eq!(query, "container=web&tailLines=500");
    let previous = LogWanted { run: Run::Previous, stamps: Stamps::Each, ..wanted.clone() };
    assert!(matches!(cluster.logs(&previous).await, Err(ToolError::BadArguments { .. })));
    let query = &fake.seen_at("/api/v1/namespaces/shop/pods/web-0/log")[1].query;
    assert_eq!(query, "container=web&previous=true&timestamps=true&tailLines=500");
    let hostile = LogWanted { pod: "../secrets/a".to_owned(), ..wanted };
    let before = fake.seen().len();
    assert!(matches!(cluster.logs(&hostile).await, Err(ToolError::BadArguments { .. })));
    assert!(cluster.node_log("a/b", "kubelet", Tail { lines: 5, bytes: 5 }).await.is_err());
    assert_eq!(fake.seen().len(), before);
}
