//! The tools over recorded clusters, through the replay server in this process.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failing test fails, a skipped one says so")]

use pretty_assertions::assert_eq;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stethoscope_cluster::{Cluster, Sealer, SnapshotRequest};
use stethoscope_core::clock::FixedClock;
use stethoscope_core::tool::{CallContext, ToolError};
use stethoscope_incidents::replay::Replay;
use stethoscope_incidents::{Bundle, OpenLimits};

fn incidents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evals/incidents");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no incidents at {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("incident.yaml").exists())
        .collect();
    paths.sort();
    paths
}

fn open(path: &Path, pages: Option<usize>) -> (Cluster, CallContext) {
    let bundle = Arc::new(Bundle::open(path, &OpenLimits::default()).unwrap());
    let now = bundle.captured_at();
    let namespace = bundle.namespace().map(str::to_owned);
    let mut replay = Replay::new(bundle);
    if let Some(pages) = pages {
        replay = replay.expire_continue_after(pages);
    }
    let clock = Arc::new(FixedClock(now));
    let cluster = Cluster::over_service(replay.router(), "default", Sealer::new([3; 32]), clock);
    (cluster, CallContext { namespace, now })
}

#[tokio::test]
async fn every_tool_answers_over_every_incident_and_twice_the_same() {
    for path in incidents() {
        let (cluster, context) = open(&path, None);
        let (again, _) = open(&path, None);
        for (name, arguments) in [
            ("k8s_overview", json!({})),
            ("k8s_list", json!({"kind": "pods", "sort": "-restarts"})),
            ("k8s_list", json!({"kind": "nodes"})),
            ("k8s_events", json!({})),
            ("k8s_changes", json!({})),
            ("k8s_access", json!({"verb": "list", "resource": "pods"})),
            ("diagnose", json!({})),
        ] {
            let call = async |cluster: &Cluster| {
                let tools = stethoscope_cluster::tools(cluster, &[]);
                let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
                tool.call(arguments.clone(), &context).await
            };
            let first = call(&cluster).await;
            // What an incident's recorder was not permitted to read, the tools are told.
            assert!(
                matches!(first, Ok(_) | Err(ToolError::Forbidden { .. })),
                "{}: {name}: {first:?}",
                path.display()
            );
            assert_eq!(first, call(&again).await, "{}: {name}", path.display());
        }
    }
}

#[tokio::test]
async fn every_pod_can_be_described_and_its_logs_read() {
    for path in incidents() {
        let (cluster, context) = open(&path, None);
        let tools = stethoscope_cluster::tools(&cluster, &[]);
        let tool = |name: &str| tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let listed = tool("k8s_list").call(json!({"kind": "pods"}), &context).await.unwrap();
        for row in listed.data["rows"].as_array().unwrap().iter().take(3) {
            // Across all namespaces the first column is the namespace.
            let (place, name) = if context.namespace.is_some() {
                (context.namespace.clone().unwrap(), row[0].as_str().unwrap())
            } else {
                (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap())
            };
            let arguments = json!({"name": format!("pod/{name}"), "namespace": place});
            let described = tool("k8s_describe").call(arguments.clone(), &context).await;
            assert!(described.is_ok(), "{}: {name}: {described:?}", path.display());
            let logs = tool("k8s_logs").call(arguments, &context).await;
            // What was not recorded is said to be missing; nothing else may fail.
            assert!(
                matches!(logs, Ok(_) | Err(ToolError::NotFound { .. } | ToolError::Unavailable { .. })),
                "{}: {name}: {logs:?}",
                path.display()
            );
        }
    }
}

#[tokio::test]
async fn tokens_that_expire_at_every_page_lose_and_double_nothing() {
    for path in incidents() {
        let (whole, _) = open(&path, None);
        let (expiring, _) = open(&path, Some(1));
        let one = whole.snapshot(&SnapshotRequest::default()).await.unwrap();
        let other = expiring.snapshot(&SnapshotRequest::default()).await.unwrap();
        let counts = |snapshot: &stethoscope_diagnosis::snapshot::Snapshot| {
            (snapshot.pods.len(), snapshot.events.len(), snapshot.services.len(), snapshot.nodes.len())
        };
        assert_eq!(counts(&one), counts(&other), "{}", path.display());
        assert!(!one.pods.is_empty(), "{}", path.display());
    }
}
