//! The client over a wilful API server: retries, paging, bounds, and how failures are told.

#![allow(clippy::unwrap_used, reason = "a failing test fails")]

mod fake;

use fake::{Fake, Fault, Seen, call, call_in, status};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::time::Duration;
use stethoscope_cluster::{Cluster, ClusterError, SnapshotRequest, Traffic};
use stethoscope_core::tool::ToolError;
use stethoscope_diagnosis::snapshot::{Gap, GapReason};
use tokio::time::Instant;

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
        "creationTimestamp": "2026-03-01T11:00:00Z", "managedFields": [{"manager": "x"}]},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]}, "status": {"phase": "Running"}})
}

fn pods(count: usize) -> Fake {
    (0..count).fold(Fake::new(), |fake, index| fake.with(pod(&format!("web-{index:05}"))))
}

async fn names(cluster: &Cluster) -> Result<Vec<String>, ToolError> {
    let arguments = json!({"kind": "pods", "sort": "name", "limit": 500});
    let output = call(cluster, "k8s_list", arguments).await?;
    let rows = output.data["rows"].as_array().unwrap();
    Ok(rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_tried_again_after_what_the_server_asks() {
    let fake = pods(1).fail(PODS, Fault::RetryAfter(429, 2)).fail(PODS, Fault::RetryAfter(503, 0));
    let cluster = fake.cluster_with(Traffic { qps: 0.0, ..Traffic::default() });
    let begin = Instant::now();
    assert_eq!(names(&cluster).await, Ok(vec!["web-00000".to_owned()]));
    assert_eq!(fake.seen_at(PODS).len(), 3);
    assert_eq!(begin.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_day_waits_no_longer_than_the_cap() {
    let fake = pods(1).fail(PODS, Fault::RetryAfter(429, 86_400));
    let cluster = fake.cluster_with(Traffic { qps: 0.0, ..Traffic::default() });
    let begin = Instant::now();
    assert!(names(&cluster).await.is_ok());
    assert_eq!(begin.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_failing_is_told_with_its_words() {
    let fake = pods(1).fail_always(PODS, Fault::Status(500, status(500, "etcdserver: request timed out")));
    let told = names(&fake.cluster()).await;
    assert_eq!(
        told,
        Err(ToolError::Unavailable {
            message:
                "list pods in namespace shop failed: 500 Internal Server Error: etcdserver: request timed out"
                    .to_owned(),
            hint: None,
        })
    );
    assert_eq!(fake.seen_at(PODS).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_tried_again_and_then_unreachable() {
    let fake = pods(1).fail(PODS, Fault::Broken);
    assert!(names(&fake.cluster()).await.is_ok());
    let fake = pods(1).fail_always(PODS, Fault::Broken);
    assert_eq!(
        names(&fake.cluster()).await,
        Err(ToolError::Unavailable {
            message: "the API server at in-process does not answer: connection reset by peer".to_owned(),
            hint: Some(
                "check the address in the kubeconfig, VPN and proxy, and that the cluster runs".to_owned()
            ),
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_a_timeout_and_not_asked_for_again() {
    let fake = pods(1).fail_always(PODS, Fault::Slow(Duration::from_mins(5)));
    assert_eq!(
        names(&fake.cluster()).await,
        Err(ToolError::Timeout {
            message: "no answer to list pods in namespace shop within 30 s".to_owned()
        })
    );
    assert_eq!(fake.seen_at(PODS).len(), 1);
}

#[tokio::test]
async fn forbidden_names_the_missing_rule() {
    let fake = pods(1).fail_always(PODS, Fault::Status(403, status(403, "pods is forbidden: User \"jane\"")));
    assert_eq!(
        names(&fake.cluster()).await,
        Err(ToolError::Forbidden {
            message: "pods is forbidden: User \"jane\"".to_owned(),
            rule: Some("needs list pods in namespace shop".to_owned()),
        })
    );
}

#[tokio::test]
async fn an_unknown_user_is_an_authentication_error_of_the_snapshot_too() {
    let fake = pods(1).fail_always(PODS, Fault::Status(401, status(401, "Unauthorized")));
    let error = fake.cluster().snapshot(&SnapshotRequest::of(Some("shop"))).await.unwrap_err();
    assert_eq!(
        error,
        ClusterError::Authentication {
            message: "Unauthorized".to_owned(),
            hint: "the credentials of this context are missing or expired; log in again".to_owned(),
        }
    );
}

#[tokio::test]
async fn a_missing_object_gives_the_nearest_names() {
    let fake = pods(3);
    assert_eq!(
        call(&fake.cluster(), "k8s_get", json!({"name": "pod/web-0000"})).await,
        Err(ToolError::NotFound {
            message: "no Pod called web-0000 in namespace shop".to_owned(),
            nearest: vec!["web-00000".to_owned(), "web-00001".to_owned(), "web-00002".to_owned()],
        })
    );
}

#[tokio::test]
async fn pages_are_followed_to_the_end() {
    let fake = pods(1_201);
    let output =
        call(&fake.cluster(), "k8s_list", json!({"kind": "po", "group_by": "status"})).await.unwrap();
    assert_eq!(output.data["groups"], json!([["Running", 1201]]));
    let queries: Vec<String> = fake.seen_at(PODS).into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, vec!["limit=500", "limit=500&continue=500", "limit=500&continue=1000"]);
}

#[tokio::test]
async fn an_expired_token_goes_on_with_the_servers_new_one() {
    // The second request is the one with the token; its failure brings a token for the place after the first page.
    let mut expired = status(410, "The provided continue parameter is too old");
    expired["reason"] = json!("Expired");
    expired["metadata"] = json!({"continue": "500"});
    let fake =
        pods(1_201).fail(PODS, Fault::Body(page(0, 500, "500"))).fail(PODS, Fault::Status(410, expired));
    assert_eq!(counted(&fake).await, 1_201);
    let queries: Vec<String> = fake.seen_at(PODS).into_iter().map(|seen| seen.query).collect();
    assert_eq!(
        queries,
        vec!["limit=500", "limit=500&continue=500", "limit=500&continue=500", "limit=500&continue=1000"]
    );
}

#[tokio::test]
async fn an_expired_token_without_a_new_one_restarts_without_duplicates() {
    let fake = pods(1_201)
        .fail(PODS, Fault::Body(page(0, 500, "500")))
        .fail(PODS, Fault::Status(410, status(410, "too old resource version")));
    assert_eq!(counted(&fake).await, 1_201);
}

#[tokio::test]
async fn a_list_that_expires_for_ever_is_given_up() {
    let mut fake = pods(501);
    for _ in 0..8 {
        fake = fake
            .fail(PODS, Fault::Body(page(0, 500, "500")))
            .fail(PODS, Fault::Status(410, status(410, "too old resource version")));
    }
    let told = call(&fake.cluster(), "k8s_list", json!({"kind": "pods", "group_by": "status"})).await;
    assert_eq!(
        told.map(|output| output.text),
        Err(ToolError::Unavailable {
            message: "list pods in namespace shop: its pages expired again and again".to_owned(),
            hint: None,
        })
    );
}

#[tokio::test]
async fn a_body_that_was_cut_is_asked_for_again_without_duplicates() {
    let whole = page(0, 500, "500");
    let fake = pods(1_201).fail(PODS, Fault::Body(whole[..whole.len() / 2].to_owned()));
    assert_eq!(counted(&fake).await, 1_201);
}

#[tokio::test]
async fn nonsense_is_said_to_be_unreadable() {
    let fake = pods(1).fail_always(PODS, Fault::Body("<html>proxy</html>".to_owned()));
    let told = names(&fake.cluster()).await.unwrap_err().to_string();
    assert!(
        told.starts_with("unavailable: the answer to list pods cannot be read: expected value"),
        "{told}"
    );
}

#[tokio::test]
async fn an_answer_beyond_the_cap_is_refused() {
    let fake = pods(50);
    let cluster = fake.cluster_with(Traffic { qps: 0.0, answer_bytes: 4_000, ..Traffic::default() });
    assert_eq!(
        names(&cluster).await,
        Err(ToolError::Unavailable {
            message: "the answer to list pods in namespace shop is larger than 4000 bytes; narrow it with a selector \
                      or a limit"
                .to_owned(),
            hint: None,
        })
    );
}

#[tokio::test]
async fn an_empty_list_may_be_null() {
    let fake = Fake::new().fail(PODS, Fault::Body(json!({"metadata": {}, "items": null}).to_string()));
    assert_eq!(names(&fake.cluster()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn old_servers_without_aggregated_discovery_resolve_the_same_words() {
    let fake = pods(2).legacy();
    assert_eq!(names(&fake.cluster()).await, Ok(vec!["web-00000".to_owned(), "web-00001".to_owned()]));
    let legacy: Vec<Seen> = fake.seen_at("/apis/apps/v1");
    assert_eq!(legacy.len(), 1);
}

#[tokio::test]
async fn a_group_that_cannot_be_read_leaves_the_others() {
    let fake = pods(1)
        .legacy()
        .fail_always("/apis/metrics.k8s.io/v1beta1", Fault::Status(404, status(404, "page not found")));
    let cluster = fake.cluster();
    assert_eq!(names(&cluster).await, Ok(vec!["web-00000".to_owned()]));
    let told = call(&cluster, "k8s_list", json!({"kind": "podmetrics"})).await.unwrap_err().to_string();
    assert!(told.contains("not every API group could be read: metrics.k8s.io/v1beta1"), "{told}");
}

#[tokio::test]
async fn discovery_is_asked_for_once() {
    let fake = pods(1);
    let cluster = fake.cluster();
    for _ in 0..3 {
        names(&cluster).await.unwrap();
    }
    assert_eq!(fake.seen_at("/apis").len(), 1);
}

#[tokio::test]
async fn a_snapshot_says_what_it_may_not_see() {
    let services = "/api/v1/namespaces/shop/services";
    let claims = "/api/v1/namespaces/shop/persistentvolumeclaims";
    let fake = pods(600)
        .without("priorityclasses")
        .without("resourcequotas")
        .fail_always(services, Fault::Status(403, status(403, "services is forbidden")))
        .fail_always(claims, Fault::Status(500, status(500, "boom")));
    let snapshot = fake.cluster().snapshot(&SnapshotRequest::of(Some("shop"))).await.unwrap();
    assert_eq!(snapshot.pods.len(), 600);
    let gap = |kind: &str, why| Gap { kind: kind.to_owned(), namespace: Some("shop".to_owned()), why };
    assert_eq!(
        snapshot.gaps,
        vec![
            gap("Service", GapReason::Forbidden),
            gap(
                "PersistentVolumeClaim",
                GapReason::Failed(
                    "list persistentvolumeclaims in namespace shop failed: 500 Internal Server Error: boom"
                        .to_owned()
                )
            ),
            gap("ResourceQuota", GapReason::NotServed),
        ]
    );
}

#[tokio::test]
async fn secrets_are_asked_for_as_metadata_only_by_everything() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
        "data": {"password": "aHVudGVyMg=="}});
    let fake = pods(1).with(secret);
    let cluster = fake.cluster();
    cluster.snapshot(&SnapshotRequest::of(Some("shop"))).await.unwrap();
    let listed = call(&cluster, "k8s_list", json!({"kind": "secrets"})).await.unwrap();
    let got = call(&cluster, "k8s_get", json!({"kind": "secret", "name": "db"})).await.unwrap();
    let secrets: Vec<Seen> = fake.seen().into_iter().filter(|seen| seen.path.contains("secrets")).collect();
    assert!(secrets.len() >= 3);
    for seen in secrets {
        assert!(seen.accept.starts_with("application/json;as=PartialObjectMetadata"), "{seen:?}");
    }
    for text in [listed.text, listed.data.to_string(), got.text, got.data.to_string()] {
        assert!(!text.contains("aHVudGVyMg"), "{text}");
    }
}

#[tokio::test]
async fn no_argument_changes_what_is_read() {
    let fake = pods(1);
    let cluster = fake.cluster();
    call(&cluster, "k8s_get", json!({"name": "web-00000"})).await.unwrap();
    let before = fake.seen().len();
    for name in ["../secrets/db", "web-0?watch=1", "web-0/exec", "web%2f..", "a b/c", "web-0;x"] {
        let told = call(&cluster, "k8s_get", json!({"name": name})).await;
        assert!(told.is_err(), "{name}");
    }
    for place in ["shop/secrets/db?x=", "..", "shop%2fsecrets"] {
        let told = call(&cluster, "k8s_logs", json!({"name": "web-00000", "namespace": place})).await;
        assert!(matches!(told, Err(ToolError::BadArguments { .. })), "{place}: {told:?}");
    }
    let after: Vec<Seen> = fake.seen().split_off(before);
    assert!(
        after.iter().all(|seen| !seen.path.contains("secret") && !seen.path.contains("exec")),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_name_in_several_namespaces_asks_which() {
    let mut other = pod("web-00000");
    other["metadata"]["namespace"] = json!("lab");
    let fake = pods(1).with(other);
    assert_eq!(
        call_in(&fake.cluster(), "k8s_get", json!({"name": "web-00000"}), None).await,
        Err(ToolError::BadArguments {
            message: "Pod web-00000 exists in several namespaces".to_owned(),
            hint: Some("give namespace: lab, shop".to_owned()),
        })
    );
}

async fn counted(fake: &Fake) -> u64 {
    let arguments = json!({"kind": "pods", "group_by": "status"});
    let output = call(&fake.cluster(), "k8s_list", arguments).await.unwrap();
    output.data["groups"][0][1].as_u64().unwrap()
}

fn page(from: usize, count: usize, next: &str) -> String {
    let items: Vec<Value> = (from..from + count).map(|index| pod(&format!("web-{index:05}"))).collect();
    json!({"kind": "PodList", "metadata": {"continue": next}, "items": items}).to_string()
}
