//! The replayed API, asked in process and over a socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod support;

use http::{Method, StatusCode};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stethoscope_incidents::Bundle;
use stethoscope_incidents::replay::{Replay, kubeconfig};
use support::{Server, ask, bundle, fixture, get, get_as, send};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
const LAMP: &str = "/api/v1/namespaces/lighthouse/pods/lamp-6c9f7d5b8c-x2x4p";

fn replay() -> Replay {
    Replay::new(fixture())
}

/// Pods `p-0000…` in one namespace, alternating between two labels.
fn many_pods(count: usize) -> Replay {
    let pods: Vec<String> = (0..count)
        .map(|at| {
            let half = if at % 2 == 0 { "even" } else { "odd" };
            format!(
                r#"{{"metadata":{{"name":"p-{at:05}","namespace":"shop","labels":{{"half":"{half}"}}}},
                "spec":{{"nodeName":"n{}","containers":[{{"name":"c"}}]}},"status":{{"phase":"Running"}}}}"#,
                at % 7
            )
        })
        .collect();
    let list = format!(r#"{{"apiVersion":"v1","kind":"PodList","items":[{}]}}"#, pods.join(","));
    Replay::new(Arc::new(bundle(&[("cluster-resources/pods/shop.json", &list)])))
}

#[tokio::test]
async fn objects_are_served_as_recorded_with_their_type() {
    let replay = replay();
    let pod = get(&replay, LAMP).await;
    assert_eq!(pod.headers["content-type"], "application/json");
    let pod = pod.json();
    assert_eq!((&pod["kind"], &pod["apiVersion"]), (&json!("Pod"), &json!("v1")));
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 10);
    let list = get(&replay, "/api/v1/pods").await;
    assert_eq!((&list.json()["kind"], &list.json()["apiVersion"]), (&json!("PodList"), &json!("v1")));
    assert_eq!(list.names(), ["beacon-7d8f9c6b5d-aaaaa", "foghorn-0", "lamp-6c9f7d5b8c-x2x4p", "painter-28"]);
    assert_eq!(get(&replay, "/api/v1/namespaces/shore/pods").await.names(), ["painter-28"]);
    assert_eq!(get(&replay, "/api/v1/namespaces/nosuch/pods").await.names(), [] as [&str; 0]);
    assert_eq!(get(&replay, "/api/v1/namespaces").await.names(), ["lighthouse", "shore"]);
    assert_eq!(get(&replay, "/api/v1/namespaces/shore").await.json()["metadata"]["name"], "shore");
    assert_eq!(get(&replay, "/apis/sea.example/v1/signals").await.names(), ["north"]);
}

#[tokio::test]
async fn selectors_narrow_lists() {
    let replay = replay();
    let pods = async |query: &str| get(&replay, &format!("/api/v1/pods?{query}")).await.names();
    assert_eq!(pods("labelSelector=app%20in%20(lamp,horn),tier").await, ["lamp-6c9f7d5b8c-x2x4p"]);
    assert_eq!(pods("labelSelector=!app").await, ["painter-28"]);
    assert_eq!(pods("fieldSelector=spec.nodeName%3Drock-2").await, ["painter-28"]);
    assert_eq!(pods("fieldSelector=spec.nodeName%3D").await, ["foghorn-0"]);
    let events = "/api/v1/events?fieldSelector=involvedObject.kind%3DPod,type!%3DNormal,reason%3DBackOff";
    assert_eq!(get(&replay, events).await.names(), ["lamp.1"]);
    let services = "/api/v1/services?fieldSelector=spec.type%3DLoadBalancer";
    assert_eq!(get(&replay, services).await.names(), ["beacon"]);
    let wrong = get(&replay, "/api/v1/pods?labelSelector=a%20b").await.failure();
    assert_eq!((wrong.0, wrong.1.as_str()), (400, "BadRequest"));
    assert!(wrong.2.contains("unable to parse label selector"), "{}", wrong.2);
}

#[tokio::test]
async fn pages_add_up_to_the_whole_list() {
    let replay = many_pods(25);
    let mut names = Vec::new();
    let mut path = "/api/v1/pods?limit=10".to_owned();
    let mut remaining = Vec::new();
    loop {
        let page = get(&replay, &path).await;
        names.extend(page.names());
        let meta = page.json()["metadata"].clone();
        remaining.push(meta["remainingItemCount"].as_u64());
        let Some(next) = meta["continue"].as_str() else { break };
        path = format!("/api/v1/pods?limit=10&continue={next}");
    }
    assert_eq!(remaining, [Some(15), Some(5), None]);
    assert_eq!(names, get(&replay, "/api/v1/pods").await.names());
    assert_eq!(names.len(), 25);
}

#[tokio::test]
async fn pages_of_a_selection_hold_as_many_as_asked_for_and_no_count() {
    let replay = many_pods(25);
    let page = get(&replay, "/api/v1/pods?limit=12&labelSelector=half%3Dodd").await;
    assert_eq!(page.names().len(), 12);
    assert_eq!(page.json()["metadata"]["continue"], Value::Null);
    let page = get(&replay, "/api/v1/pods?limit=12&labelSelector=half%3Deven").await;
    assert_eq!(page.json()["metadata"]["remainingItemCount"], Value::Null);
    let next = page.json()["metadata"]["continue"].as_str().unwrap().to_owned();
    let rest =
        get(&replay, &format!("/api/v1/pods?limit=12&labelSelector=half%3Deven&continue={next}")).await;
    assert_eq!(rest.names(), ["p-00024"]);
}

#[tokio::test]
async fn foreign_and_expired_continue_tokens_are_told_apart() {
    let replay = many_pods(25);
    let malformed = get(&replay, "/api/v1/pods?limit=2&continue=xyz").await.failure();
    assert_eq!((malformed.0, malformed.1.as_str()), (400, "BadRequest"));

    let replay = many_pods(25).expire_continue_after(2);
    let token = async |path: String| {
        let page = get(&replay, &path).await;
        (page.status, page.json()["metadata"]["continue"].as_str().unwrap_or_default().to_owned())
    };
    let (_, first) = token("/api/v1/pods?limit=5".to_owned()).await;
    let (status, second) = token(format!("/api/v1/pods?limit=5&continue={first}")).await;
    assert_eq!(status, StatusCode::OK);
    let expired = get(&replay, &format!("/api/v1/pods?limit=5&continue={second}")).await;
    assert_eq!((expired.failure().0, expired.failure().1.as_str()), (410, "Expired"));
    let renewed = expired.json()["metadata"]["continue"].as_str().unwrap().to_owned();
    let rest = get(&replay, &format!("/api/v1/pods?limit=50&continue={renewed}")).await;
    assert_eq!(rest.names().first().map(String::as_str), Some("p-00010"));
    assert_eq!(rest.names().len(), 15);
}

#[tokio::test]
async fn a_token_of_another_recording_has_expired() {
    let token = get(&many_pods(5), "/api/v1/pods?limit=2").await.json()["metadata"]["continue"].clone();
    let other = get(&replay(), &format!("/api/v1/pods?limit=2&continue={}", token.as_str().unwrap())).await;
    assert_eq!(other.failure().1, "Expired");
}

#[tokio::test]
async fn tables_carry_what_includeobject_asks_for() {
    let replay = replay();
    let rows =
        async |query: &str| get_as(&replay, &format!("/api/v1/pods?limit=1{query}"), TABLE).await.json();
    let table = rows("").await;
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    let row = &table["rows"][0];
    assert_eq!(
        row["cells"],
        json!([
            "beacon-7d8f9c6b5d-aaaaa",
            "2/2",
            "Running",
            "1 (30m ago)",
            "24h",
            "10.1.0.11",
            "rock-1",
            "<none>",
            "<none>"
        ])
    );
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert!(table["metadata"]["continue"].is_string());
    assert_eq!(rows("&includeObject=Object").await["rows"][0]["object"]["kind"], "Pod");
    assert_eq!(rows("&includeObject=None").await["rows"][0].get("object"), None);
    let one = get_as(&replay, LAMP, TABLE).await.json();
    assert_eq!(one["rows"][0]["cells"][2], "CrashLoopBackOff");
}

#[tokio::test]
async fn metadata_only_lists_leave_out_spec_and_status() {
    let list = get_as(&replay(), "/api/v1/pods?limit=1", METADATA).await.json();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    let item = list["items"][0].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["kind", "apiVersion", "metadata"]);
    assert_eq!(item["metadata"]["labels"]["app"], "beacon");
}

#[tokio::test]
async fn discovery_says_the_same_in_both_forms() {
    let replay = replay();
    let mut legacy: Vec<String> = Vec::new();
    for group in get(&replay, "/apis").await.json()["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let path = version["groupVersion"].as_str().unwrap();
            let resources = get(&replay, &format!("/apis/{path}")).await.json();
            let resources = resources["resources"].as_array().unwrap().clone();
            legacy.extend(resources.iter().map(|r| format!("{path}/{}", r["name"].as_str().unwrap())));
        }
    }
    let answer = get_as(&replay, "/apis", AGGREGATED).await;
    assert_eq!(
        answer.headers["content-type"],
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    );
    let mut aggregated: Vec<String> = Vec::new();
    for group in answer.json()["items"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let path = format!(
                "{}/{}",
                group["metadata"]["name"].as_str().unwrap(),
                version["version"].as_str().unwrap()
            );
            let resources = version["resources"].as_array().unwrap();
            aggregated
                .extend(resources.iter().map(|r| format!("{path}/{}", r["resource"].as_str().unwrap())));
        }
    }
    assert_eq!(legacy, aggregated);
    assert!(legacy.contains(&"sea.example/v1/signals".to_owned()));
    assert!(legacy.contains(&"metrics.k8s.io/v1beta1/nodes".to_owned()));
    let core = get(&replay, "/api/v1").await.json();
    assert!(core["resources"].as_array().unwrap().iter().any(|r| r["name"] == "pods/log"));
}

#[tokio::test]
async fn metrics_are_served_only_when_recorded() {
    let recorded = get(&replay(), "/apis/metrics.k8s.io/v1beta1/nodes").await;
    assert_eq!(recorded.names(), ["rock-1"]);
    let not = get(&many_pods(1), "/apis/metrics.k8s.io/v1beta1/nodes").await.failure();
    assert_eq!(not, (404, "NotFound".into(), "the server could not find the requested resource".into()));
}

#[tokio::test]
async fn objects_in_another_version_are_found_under_that_version() {
    let hpa = r#"{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"h","namespace":"shop"}}"#;
    let replay = Replay::new(Arc::new(bundle(&[("cluster-resources/hpa.json", hpa)])));
    let group = get(&replay, "/apis/autoscaling").await.json();
    assert_eq!(group["preferredVersion"]["version"], "v1");
    assert_eq!(get(&replay, "/apis/autoscaling/v1/horizontalpodautoscalers").await.names(), ["h"]);
}

#[tokio::test]
async fn events_of_the_newer_group_are_core_events_too() {
    let event = get(&replay(), "/api/v1/namespaces/lighthouse/events/foghorn.2").await.json();
    assert_eq!(
        (&event["apiVersion"], &event["message"]),
        (&json!("v1"), &json!("storageclass.storage.k8s.io \"fast\" not found"))
    );
    assert_eq!((&event["involvedObject"]["name"], &event["count"]), (&json!("air-foghorn-0"), &json!(5)));
}

#[tokio::test]
async fn failures_are_worded_as_upstream_words_them() {
    let replay = replay();
    let failure = async |path: &str| get(&replay, path).await.failure();
    assert_eq!(
        failure("/api/v1/namespaces/lighthouse/pods/nosuch").await,
        (404, "NotFound".into(), "pods \"nosuch\" not found".into())
    );
    assert_eq!(
        failure("/apis/apps/v1/namespaces/lighthouse/deployments/nosuch").await.2,
        "deployments.apps \"nosuch\" not found"
    );
    for path in [
        "/apis/nosuch/v1/things",
        "/api/v2/pods",
        "/nosuch",
        "/api/v1/pods/without-namespace",
        "/api/v1/namespaces/lighthouse/nodes",
    ] {
        assert_eq!(failure(path).await.2, "the server could not find the requested resource", "{path}");
    }
}

#[tokio::test]
async fn every_write_is_refused() {
    let replay = replay();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS, Method::CONNECT]
    {
        let answer = send(&replay, method.clone(), LAMP, &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.failure().1.as_str()),
            (405, "MethodNotAllowed"),
            "{method}"
        );
    }
    let eviction = send(&replay, Method::POST, &format!("{LAMP}/eviction"), &json!({})).await;
    assert_eq!(eviction.failure().0, 405);
    let exec = get(&replay, &format!("{LAMP}/exec?command=ls")).await;
    assert_eq!(exec.failure().0, 404);
}

#[tokio::test]
async fn head_brings_headers_and_no_body() {
    let request = http::Request::head(LAMP).body(axum::body::Body::empty()).unwrap();
    let answer = ask(&replay(), request).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert_eq!(answer.headers["content-type"], "application/json");
    let length = get(&replay(), LAMP).await.body.len();
    assert_eq!(answer.headers["content-length"], length.to_string());
}

#[tokio::test]
async fn logs_that_do_not_exist_say_why() {
    let replay = replay();
    let log = async |pod: &str, query: &str| {
        get(&replay, &format!("/api/v1/namespaces/lighthouse/pods/{pod}/log?{query}")).await
    };
    let several = log("beacon-7d8f9c6b5d-aaaaa", "").await.failure();
    assert_eq!(
        several,
        (400, "BadRequest".into(), "a container name must be specified for pod beacon-7d8f9c6b5d-aaaaa, choose one of: [beacon sidecar]".into())
    );
    let unknown = log("beacon-7d8f9c6b5d-aaaaa", "container=x").await.failure();
    assert_eq!(unknown.2, "container x is not valid for pod beacon-7d8f9c6b5d-aaaaa");
    assert_eq!(
        log("lamp-6c9f7d5b8c-x2x4p", "tailLines=1").await.text(),
        "fatal: lookup oil.shore: no such host\n"
    );
    assert_eq!(
        log("lamp-6c9f7d5b8c-x2x4p", "sinceSeconds=121").await.text(),
        "fatal: lookup oil.shore: no such host\n"
    );
    let both = log("lamp-6c9f7d5b8c-x2x4p", "sinceSeconds=1&sinceTime=2026-03-02T09:00:00Z").await.failure();
    assert_eq!(both.2, "at most one of sinceTime or sinceSeconds may be specified");
    assert_eq!(log("lamp-6c9f7d5b8c-x2x4p", "tailLines=-1").await.failure().0, 400);
    assert_eq!(log("nosuch", "").await.failure().2, "pods \"nosuch\" not found");
}

#[tokio::test]
async fn a_container_that_waits_for_its_restart_shows_its_last_run() {
    let pod = r#"[{"metadata":{"name":"p","namespace":"shop"},"spec":{"containers":[{"name":"c"}]},"status":{"containerStatuses":
        [{"name":"c","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1}}}]}}]"#;
    let replay = Replay::new(Arc::new(bundle(&[
        ("cluster-resources/pods.json", pod),
        ("cluster-resources/pods/logs/shop/p/c-previous.log", "boom\n"),
    ])));
    assert_eq!(get(&replay, "/api/v1/namespaces/shop/pods/p/log").await.text(), "boom\n");
}

#[tokio::test]
async fn node_logs_are_listed_queried_and_filtered() {
    let replay = replay();
    let ask = async |rest: &str| get(&replay, &format!("/api/v1/nodes/rock-1/proxy/logs/{rest}")).await;
    assert!(ask("").await.text().contains("<a href=\"kubelet.log\">kubelet.log</a>"));
    assert_eq!(ask("?query=kubelet&tailLines=1").await.text(), "Mar 02 09:22:00 rock-1 kubelet[1]: third\n");
    let both = ask("?query=containerd&query=kubelet.service&tailLines=1").await.text();
    assert_eq!(both, "containerd ready\nMar 02 09:22:00 rock-1 kubelet[1]: third\n");
    assert_eq!(ask("containerd.log").await.text(), "containerd ready\n");
    assert!(ask("?query=crio").await.failure().2.contains("recorded: containerd, kubelet"));
    assert_eq!(ask("?query=kubelet&pattern=(").await.failure().0, 400);
    let other = get(&replay, "/api/v1/nodes/rock-2/proxy/logs/?query=kubelet").await.failure();
    assert_eq!(other.2, "logs of node \"rock-2\" were not recorded in this incident");
    assert_eq!(get(&replay, "/api/v1/nodes/rock-1/proxy/stats/summary").await.failure().0, 404);
}

#[tokio::test]
async fn node_log_lines_with_full_times_are_cut_by_time() {
    let log = "2026-01-01T10:00:00.000001Z one\n2026-01-01T10:00:09.000001Z two\n";
    let replay = Replay::new(Arc::new(bundle(&[
        ("cluster-resources/nodes.json", r#"[{"metadata":{"name":"n"}}]"#),
        ("nodes/n/logs/kubelet.log", log),
    ])));
    let path = "/api/v1/nodes/n/proxy/logs/?query=kubelet&sinceTime=2026-01-01T10:00:05Z";
    assert_eq!(get(&replay, path).await.text(), "2026-01-01T10:00:09.000001Z two\n");
}

fn access_review(verb: &str, group: &str, resource: &str, namespace: &str) -> Value {
    json!({"spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": resource, "namespace": namespace}}})
}

#[tokio::test]
async fn an_access_file_denies_with_the_words_of_the_authorizer() {
    let replay = Replay::new(Arc::new(bundle(&[
        ("incident.yaml", "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: x}\n"),
        (
            "access.yaml",
            "deny:\n- {group: '', resource: pods, namespace: shop}\n- {group: apps, resource: '*'}\n- {group: '', resource: pods/log}\n",
        ),
        (
            "cluster-resources/pods.json",
            r#"[{"metadata":{"name":"p","namespace":"shop"}},{"metadata":{"name":"q","namespace":"lab"},"spec":{"containers":[{"name":"c"}]}}]"#,
        ),
    ])));
    let user = "User \"system:serviceaccount:stethoscope:stethoscope\" cannot";
    let denied = get(&replay, "/api/v1/namespaces/shop/pods").await;
    assert_eq!(
        denied.failure(),
        (
            403,
            "Forbidden".into(),
            format!(
                "pods is forbidden: {user} list resource \"pods\" in API group \"\" in the namespace \"shop\""
            )
        )
    );
    assert_eq!(denied.json()["details"], json!({"kind": "pods"}));
    assert_eq!(
        get(&replay, "/api/v1/namespaces/shop/pods/p").await.failure().2,
        format!(
            "pods \"p\" is forbidden: {user} get resource \"pods\" in API group \"\" in the namespace \"shop\""
        )
    );
    assert_eq!(
        get(&replay, "/apis/apps/v1/deployments").await.failure().2,
        format!(
            "deployments.apps is forbidden: {user} list resource \"deployments\" in API group \"apps\" at the cluster scope"
        )
    );
    assert_eq!(
        get(&replay, "/api/v1/pods").await.failure().0,
        403,
        "a namespace is denied, so all of them are"
    );
    assert_eq!(get(&replay, "/api/v1/namespaces/lab/pods").await.names(), ["q"]);
    assert_eq!(get(&replay, "/api/v1/namespaces/lab/pods/q/log").await.failure().0, 403);

    let allowed = async |review: Value| {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = send(&replay, Method::POST, path, &review).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        answer.json()["status"]["allowed"].as_bool().unwrap()
    };
    assert!(!allowed(access_review("list", "", "pods", "shop")).await);
    assert!(allowed(access_review("list", "", "pods", "lab")).await);
    assert!(!allowed(access_review("list", "", "pods", "")).await);
    assert!(!allowed(access_review("get", "apps", "deployments", "lab")).await);
    assert!(!allowed(access_review("get", "", "secrets", "lab")).await);
    assert!(!allowed(access_review("delete", "", "services", "lab")).await);
    assert!(allowed(access_review("watch", "", "services", "lab")).await);
    let rules = send(
        &replay,
        Method::POST,
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        &json!({"spec": {"namespace": "shop"}}),
    )
    .await;
    let text = rules.text();
    assert!(
        text.contains("\"services\"")
            && !text.contains("\"pods\"")
            && !text.contains("\"secrets\"")
            && !text.contains("\"deployments\""),
        "{text}"
    );
}

#[tokio::test]
async fn a_review_that_is_garbage_is_a_bad_request() {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let request = http::Request::post(path).body(axum::body::Body::from(&b"k8s\0\xff\xff"[..])).unwrap();
    assert_eq!(ask(&replay(), request).await.failure().0, 400);
    let large = http::Request::post(path).body(axum::body::Body::from(vec![b' '; 2 << 20])).unwrap();
    assert_eq!(ask(&replay(), large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_expected_answer_is_in_nothing_that_is_served() {
    let bundle = fixture();
    assert!(bundle.expectation().unwrap().cause.as_deref().unwrap().contains("canary"));
    let replay = Replay::new(Arc::clone(&bundle));
    let mut paths =
        vec!["/".to_owned(), "/version".to_owned(), "/openapi/v3".to_owned(), "/nosuch".to_owned()];
    let root = get(&replay, "/").await.json();
    for path in root["paths"].as_array().unwrap() {
        let path = path.as_str().unwrap();
        paths.push(path.to_owned());
        let resources = get(&replay, path).await;
        let Ok(resources) = serde_json::from_slice::<Value>(&resources.body) else { continue };
        for resource in resources["resources"].as_array().into_iter().flatten() {
            paths.push(format!("{path}/{}", resource["name"].as_str().unwrap()));
        }
    }
    assert!(paths.len() > 100, "{}", paths.len());
    for path in paths {
        for accept in ["application/json", TABLE, METADATA, AGGREGATED] {
            let answer = get_as(&replay, &path, accept).await.text();
            assert!(!answer.contains("canary"), "{path}: {answer}");
            assert!(!answer.contains("Y2FuYXJ5"), "{path} serves the value of a secret");
        }
    }
    assert!(!format!("{replay:?}").contains("canary"), "the replay holds the expectation in memory");
}

#[tokio::test]
async fn a_list_of_nothing_recorded_warns() {
    let empty = get(&replay(), "/apis/batch/v1/namespaces/lighthouse/jobs").await;
    assert_eq!(
        (empty.names().len(), empty.headers.get("warning")),
        (0, None),
        "jobs were recorded elsewhere"
    );
    let none = get(&replay(), "/api/v1/replicationcontrollers").await;
    assert_eq!(none.headers["warning"], "299 - \"no replicationcontrollers were recorded in this incident\"");
}

#[tokio::test]
async fn watches_begin_with_what_is_there_and_then_stay_quiet() {
    let replay = replay();
    let watch = async |query: &str| -> Vec<(String, String)> {
        let path = format!("/api/v1/namespaces/lighthouse/pods?watch=true&timeoutSeconds=0{query}");
        let body = get(&replay, &path).await.text();
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            (event["type"].as_str().unwrap().to_owned(), name)
        };
        body.lines().map(event).collect()
    };
    let added = |name: &str| ("ADDED".to_owned(), name.to_owned());
    let pods = [added("beacon-7d8f9c6b5d-aaaaa"), added("foghorn-0"), added("lamp-6c9f7d5b8c-x2x4p")];
    assert_eq!(watch("").await, pods);
    assert_eq!(watch("&resourceVersion=5").await, []);
    let mut with_end = pods.to_vec();
    with_end.push(("BOOKMARK".to_owned(), String::new()));
    assert_eq!(watch("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan").await, with_end);
    assert_eq!(watch("&labelSelector=app%3Dlamp").await, [added("lamp-6c9f7d5b8c-x2x4p")]);
}

#[tokio::test]
async fn twenty_thousand_pods_are_paged_and_listed_in_linear_time() {
    let replay = many_pods(20_000);
    let started = Instant::now();
    let whole = get(&replay, "/api/v1/pods").await;
    assert_eq!(whole.names().len(), 20_000);
    let mut path = "/api/v1/pods?limit=500".to_owned();
    let mut seen = 0;
    loop {
        let page = get(&replay, &path).await.json();
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["metadata"]["continue"].as_str() else { break };
        path = format!("/api/v1/pods?limit=500&continue={next}");
    }
    assert_eq!(seen, 20_000);
    let on_node = get(&replay, "/api/v1/pods?fieldSelector=spec.nodeName%3Dn3").await;
    assert_eq!(on_node.names().len(), 2857);
    // Unoptimised and on a busy machine; quadratic work would take minutes.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_server_answers_over_a_socket_and_ends_with_an_open_watch() {
    use std::io::{BufRead, BufReader, Write};
    let server = Server::start(&replay());
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /api/v1/nodes?watch=1 HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "HTTP/1.1 200 OK");
    assert!(lines.any(|line| line.unwrap().contains("\"ADDED\"")));
    let started = Instant::now();
    drop(server);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn head_over_a_socket_ends_after_the_headers() {
    use std::io::{Read, Write};
    let server = Server::start(&replay());
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "HEAD {LAMP} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(!answer.contains("content-length: 0"), "{answer}");
}

#[test]
fn a_kubeconfig_quotes_what_it_is_given() {
    assert_eq!(
        kubeconfig("http://127.0.0.1:1", "a \"b\": c", Some("shop")),
        "apiVersion: v1\nkind: Config\nclusters:\n- name: \"a \\\"b\\\": c\"\n  cluster:\n    server: \"http://127.0.0.1:1\"\n\
         users:\n- name: \"a \\\"b\\\": c\"\n  user: {}\ncontexts:\n- name: \"a \\\"b\\\": c\"\n  context:\n    \
         cluster: \"a \\\"b\\\": c\"\n    user: \"a \\\"b\\\": c\"\n    namespace: \"shop\"\ncurrent-context: \"a \\\"b\\\": c\"\n"
    );
}

#[tokio::test]
async fn the_version_is_the_recorded_one_or_the_newest_kubelets() {
    assert_eq!(get(&replay(), "/version").await.json()["gitVersion"], "v1.32.3");
    let node = |name: &str, version: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}},"status":{{"nodeInfo":{{"kubeletVersion":"{version}"}}}}}}"#
        )
    };
    let nodes = [node("a", "v1.9.11"), node("b", "v1.31.2+k3s1")].join("\n");
    let bundle = Bundle::from_files("test", [("cluster-resources/nodes.json", nodes.into_bytes())]).unwrap();
    let version = get(&Replay::new(Arc::new(bundle)), "/version").await.json();
    assert_eq!((&version["gitVersion"], &version["minor"]), (&json!("v1.31.2+k3s1"), &json!("31")));
}
