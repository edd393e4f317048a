//! Pods that a word means, and what is said about them.

use crate::backend::Backend;
use crate::object::{self, items, text};
use futures::{StreamExt, stream};
use serde_json::Value;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{ToolError, nearest_names};

/// Pods read to find those that are meant.
const READ: usize = 5_000;

/// The pods of a name: the pod itself, else those of a workload of that name, or of a label (`app=x`).
pub(crate) async fn find(
    backend: &Backend,
    name: &str,
    namespace: Option<&str>,
    missing: &mut Vec<String>,
) -> Result<Vec<Value>, ToolError> {
    let pods = KindName::new("", "pods");
    // `pod/x`, `ns/x` and `pod/ns/x` are ways to say it too.
    let parts: Vec<&str> = name.trim().split('/').filter(|part| !part.is_empty()).collect();
    let (namespace, name) = match parts.as_slice() {
        [_, place, name] => (Some(*place), *name),
        [kind, name] if matches!(kind.to_lowercase().as_str(), "pod" | "pods" | "po") => (namespace, *name),
        [place, name] => (Some(*place), *name),
        _ => (namespace, name.trim()),
    };
    let wanted = Wanted::all(pods, READ).within(namespace);
    if name.contains('=') {
        return backend.list(&wanted.labelled(name), missing).await;
    }
    let all = backend.list(&wanted, missing).await?;
    let exact: Vec<Value> = all.iter().filter(|pod| object::name(pod) == name).cloned().collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let prefix = format!("{name}-");
    let owned = |pod: &&Value| {
        object::name(pod).starts_with(&prefix)
            || items(pod, "metadata.ownerReferences").iter().any(|owner| text(owner, "name") == name)
    };
    let found: Vec<Value> = all.iter().filter(owned).cloned().collect();
    if found.is_empty() {
        return Err(ToolError::NotFound {
            message: format!("no pod, and no workload with pods, is called {name}{}", place(namespace)),
            nearest: nearest_names(name, all.iter().map(object::name), 3),
        });
    }
    Ok(found)
}

fn place(namespace: Option<&str>) -> String {
    namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default()
}

/// The one pod that is meant.
pub(crate) async fn one(
    backend: &Backend,
    name: &str,
    namespace: Option<&str>,
    missing: &mut Vec<String>,
) -> Result<Value, ToolError> {
    let mut found = find(backend, name, namespace, missing).await?;
    // Of a workload's pods the one that waits is meant.
    found.sort_by_key(|pod| (text(pod, "status.phase") != "Pending", object::name(pod).to_owned()));
    found.into_iter().next().ok_or_else(|| ToolError::NotFound {
        message: format!("no pod called {name}{}", place(namespace)),
        nearest: Vec::new(),
    })
}

/// Up to so many nodes their pods are asked for node by node, so many at once; beyond, one list of all pods.
const NODE_BY_NODE: usize = 40;
const AT_ONCE: usize = 6;
const ALL: usize = 50_000;

/// The pods on some nodes.
pub(crate) async fn on_nodes(
    backend: &Backend,
    nodes: &[String],
    missing: &mut Vec<String>,
) -> Result<Vec<Value>, ToolError> {
    let all = Wanted::all(KindName::new("", "pods"), ALL);
    if nodes.len() > NODE_BY_NODE {
        let pods = backend.list(&all, missing).await?;
        let here = |pod: &Value| nodes.iter().any(|node| node == text(pod, "spec.nodeName"));
        return Ok(pods.into_iter().filter(here).collect());
    }
    let objects = backend.objects()?;
    let wanted: Vec<Wanted> =
        nodes.iter().map(|node| all.clone().with_fields(format!("spec.nodeName={node}"))).collect();
    let lists: Vec<_> = stream::iter(wanted)
        .map(|wanted| async move { objects.list(&wanted).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut pods = Vec::new();
    for list in lists {
        let list = list?;
        pods.extend(list.items);
        // One node's remark is every node's.
        missing.extend(list.missing.filter(|remark| !missing.contains(remark)));
    }
    Ok(pods)
}

/// The last warnings about an object, and events with these reasons, newest last.
pub(crate) async fn events(
    backend: &Backend,
    object: &Value,
    reasons: &[&str],
    missing: &mut Vec<String>,
) -> Result<Vec<String>, ToolError> {
    let wanted = Wanted::all(KindName::new("", "events").at("v1"), 500)
        .within(Some(object::namespace(object)).filter(|name| !name.is_empty()))
        .with_fields(format!("involvedObject.name={}", object::name(object)));
    let mut events: Vec<(String, String)> = backend
        .list(&wanted, missing)
        .await?
        .iter()
        .filter(|event| text(event, "involvedObject.name") == object::name(object))
        .filter(|event| text(event, "type") != "Normal" || reasons.contains(&text(event, "reason")))
        .map(|event| {
            let time = [text(event, "lastTimestamp"), text(event, "eventTime")].concat();
            (time, format!("{}: {}", text(event, "reason"), object::cut(text(event, "message"))))
        })
        .collect();
    events.sort();
    events.dedup_by(|one, two| one.1 == two.1);
    let skip = events.len().saturating_sub(8);
    Ok(events.into_iter().skip(skip).map(|(_, text)| text).collect())
}

/// `Running`, `Pending (Unschedulable: …)`, `Running, app CrashLoopBackOff`.
pub(crate) fn state(pod: &Value) -> String {
    let mut words = vec![text(pod, "status.phase").to_owned()];
    if let Some(scheduled) = object::condition(pod, "PodScheduled")
        && text(scheduled, "status") == "False"
    {
        words.push(object::spoken_condition(scheduled));
    }
    for list in ["status.initContainerStatuses", "status.containerStatuses"] {
        for status in items(pod, list) {
            let name = text(status, "name");
            let waiting = text(status, "state.waiting.reason");
            if !waiting.is_empty() && waiting != "PodInitializing" && waiting != "ContainerCreating" {
                words.push(format!("{name} {waiting}"));
            }
            for (run, place) in [("", "state.terminated"), ("before: ", "lastState.terminated")] {
                let reason = text(status, &format!("{place}.reason"));
                if !matches!(reason, "" | "Completed") {
                    let code = object::number(status, &format!("{place}.exitCode")).unwrap_or_default();
                    words.push(format!("{run}{name} {reason} (exit {code})"));
                }
            }
        }
    }
    let reason = text(pod, "status.reason");
    if !reason.is_empty() {
        words.push(format!("{reason}: {}", object::cut(text(pod, "status.message"))));
    }
    words.join(", ")
}

/// Whether a pod is not as it should be.
pub(crate) fn is_troubled(pod: &Value) -> bool {
    let phase = text(pod, "status.phase");
    if phase == "Succeeded" {
        return false;
    }
    phase != "Running" || object::condition(pod, "Ready").is_none_or(|ready| text(ready, "status") != "True")
}
