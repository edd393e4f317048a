//! The deciding evidence is gone: only `inconclusive`, or a stated low confidence, is right.
//!
//! Two things happen. Words that the expectation names as evidence are taken out of logs, events and fields. And what tells the
//! state of the subject may not be read, as RBAC would have it: the subject's kinds, the pods, workloads, endpoints, events and
//! logs of its namespace; for a node, the nodes and their logs too.

use super::World;
use crate::suite::Mapping;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stethoscope_core::evidence::find_quote;
use stethoscope_incidents::bundle::Denial;

/// What tells the state of a namespace.
const TELLING: [&str; 14] = [
    "pods",
    "pods/log",
    "events",
    "replicasets",
    "deployments",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "endpoints",
    "endpointslices",
    "services",
    "persistentvolumeclaims",
    "resourcequotas",
];
/// What tells the state of nodes.
const OF_NODES: [&str; 3] = ["nodes", "nodes/proxy", "leases"];

pub(super) fn ablate(world: &mut World, mapping: &Mapping) {
    let evidence: Vec<String> = world
        .expect
        .as_ref()
        .and_then(|expect| serde_json::from_value(expect.more.get("evidence")?.clone()).ok())
        .unwrap_or_default();
    remove_words(world, &evidence);
    hide(world, mapping);
    if let Some(expect) = &mut world.expect {
        expect.cause = None;
        expect.more.insert("verdict".to_owned(), json!("inconclusive"));
        expect.more.remove("evidence");
    }
}

fn remove_words(world: &mut World, evidence: &[String]) {
    let tells = |text: &str| evidence.iter().any(|words| find_quote(text, words));
    for text in world.pod_logs.iter_mut().map(|log| &mut log.text).chain(world.node_logs.values_mut()) {
        let kept: Vec<&str> = text.lines().filter(|line| !tells(line)).collect();
        *text = if kept.is_empty() { String::new() } else { kept.join("\n") + "\n" };
    }
    world.objects.retain(|object| {
        let named = object["metadata"]["name"].as_str().is_some_and(tells);
        let words = ["message", "note", "reason"];
        let event =
            object["kind"] == "Event" && words.iter().any(|key| object[key].as_str().is_some_and(tells));
        !(named || event)
    });
    for object in &mut world.objects {
        remove_fields(object, &tells);
    }
}

/// Drops fields below metadata, spec and status whose text tells.
fn remove_fields(value: &mut Value, tells: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                key == "name" || key == "namespace" || !value.as_str().is_some_and(tells)
            });
            map.values_mut().for_each(|value| remove_fields(value, tells));
        }
        Value::Array(items) => {
            items.retain(|value| !value.as_str().is_some_and(tells));
            for value in items {
                remove_fields(value, tells);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn hide(world: &mut World, mapping: &Mapping) {
    let subjects = subjects(world);
    let mut hidden: BTreeSet<(Option<String>, String)> = BTreeSet::new();
    let asked = world.incident.namespace.clone();
    let mut namespaces: BTreeSet<Option<String>> = [asked.clone()].into();
    for subject in &subjects {
        let parts: Vec<&str> = subject.split('/').collect();
        let (kind, namespace) = match parts.as_slice() {
            [kind, namespace, _] => (*kind, Some((*namespace).to_owned())),
            [kind, _] => (*kind, asked.clone()),
            _ => continue,
        };
        let kinds = mapping.subjects.get(kind).cloned().unwrap_or_else(|| vec![kind.to_owned()]);
        for kind in kinds {
            if kind.eq_ignore_ascii_case("node") {
                hidden.extend(OF_NODES.iter().map(|resource| (None, (*resource).to_owned())));
                world.node_logs.clear();
                // Every namespace has pods on it, and its events lie in `default`.
                namespaces.insert(None);
            } else if kind.eq_ignore_ascii_case("namespace") {
                namespaces.insert(Some(subject.rsplit('/').next().unwrap_or_default().to_owned()));
            } else {
                let scoped = is_cluster_scoped(world, &kind);
                hidden.insert((if scoped { None } else { namespace.clone() }, plural(&kind)));
                namespaces.insert(namespace.clone());
            }
        }
    }
    for namespace in namespaces {
        hidden.extend(TELLING.iter().map(|resource| (namespace.clone(), (*resource).to_owned())));
    }
    world.access.deny.extend(hidden.into_iter().map(|(namespace, resource)| Denial {
        group: "*".to_owned(),
        resource,
        namespace,
    }));
}

fn subjects(world: &World) -> Vec<String> {
    let Some(expect) = &world.expect else { return Vec::new() };
    let more: Option<Vec<String>> =
        expect.more.get("subjects").and_then(|value| serde_json::from_value(value.clone()).ok());
    expect.subject.iter().cloned().chain(more.unwrap_or_default()).collect()
}

fn is_cluster_scoped(world: &World, kind: &str) -> bool {
    let mut of_kind = world
        .objects
        .iter()
        .filter(|object| object["kind"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind)));
    of_kind.next().is_some_and(|object| object["metadata"]["namespace"].is_null())
}

/// The resource of a kind, by upstream's rule for its own types (`meta.UnsafeGuessKindToResource` of apimachinery).
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        _ if kind == "endpoints" => kind,
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::super::tests::tiny;
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_evidence_is_gone_the_subject_is_denied_and_only_inconclusive_is_right() {
        let (bundle, _) = Variant::Ablate.of(tiny(), 1, &Mapping::default()).unwrap();
        assert!(!bundle.objects().iter().any(|object| object.kind == "Event"));
        for resource in ["deployments", "pods", "pods/log", "events"] {
            assert!(bundle.access().denies("", resource, Some("shop")), "{resource} can be read");
        }
        assert!(!bundle.access().denies("", "pods", Some("other")));
        let expected =
            crate::expected::Expected::read(bundle.expectation().unwrap(), &Mapping::default()).unwrap();
        assert_eq!(
            (crate::expected::word(expected.verdict), expected.wants_cause()),
            ("inconclusive", false)
        );
    }

    #[test]
    fn kinds_become_resources_as_upstream_guesses_them() {
        let found: Vec<String> = ["NetworkPolicy", "Ingress", "StorageClass", "Endpoints", "Pod"]
            .iter()
            .map(|kind| plural(kind))
            .collect();
        assert_eq!(found, ["networkpolicies", "ingresses", "storageclasses", "endpoints", "pods"]);
    }
}
