//! Traces that changes leave in objects: creation times, managed fields, transitions, earlier templates.

use super::{Change, DIFFERENCES, FIELDS, How, VALUE};
use crate::object::{self, items, text, time};
use crate::show::flat;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Creation, and a deletion under way.
pub(super) fn lifecycle(item: &Value) -> Vec<Change> {
    let change = |path: &str, how| {
        Some(Change { at: time(item, path)?, object: object::reference(item), how, details: Vec::new() })
    };
    let mut changes: Vec<Change> = change("metadata.creationTimestamp", How::Created).into_iter().collect();
    if let Some(mut deleting) = change("metadata.deletionTimestamp", How::Deleting) {
        let finalizers: Vec<String> = items(item, "metadata.finalizers").iter().map(object::plain).collect();
        if !finalizers.is_empty() {
            deleting.details.push(format!("waits for finalizers {}", finalizers.join(", ")));
        }
        changes.push(deleting);
    }
    changes
}

/// Edits that `managedFields` tell of: everything but status, later than the creation.
pub(super) fn managed(item: &Value) -> Vec<Change> {
    /// An edit so soon after the creation is part of it.
    const PART_OF_CREATION: i64 = 2;
    let created = time(item, "metadata.creationTimestamp");
    items(item, "metadata.managedFields")
        .iter()
        .filter(|entry| text(entry, "subresource") != "status")
        .filter_map(|entry| {
            let at = time(entry, "time")?;
            let soon =
                created.is_some_and(|created| at.as_second() - created.as_second() <= PART_OF_CREATION);
            let mut fields = Vec::new();
            field_names(&entry["fieldsV1"], &mut String::new(), &mut fields);
            fields.retain(|field| !is_bookkeeping(field));
            if soon || fields.is_empty() {
                return None;
            }
            let more = fields.len().saturating_sub(FIELDS);
            fields.truncate(FIELDS);
            let more = if more > 0 { format!(" +{more} more") } else { String::new() };
            let through = match text(entry, "subresource") {
                "" => String::new(),
                sub => format!("/{sub}"),
            };
            let details = vec![format!(
                "by {}{through}; its fields: {}{more}",
                text(entry, "manager"),
                fields.join(", ")
            )];
            let how = if text(entry, "subresource") == "scale" { How::Scale } else { How::Edit };
            Some(Change { at, object: object::reference(item), how, details })
        })
        .collect()
}

/// Fields that controllers keep for themselves.
fn is_bookkeeping(field: &str) -> bool {
    ["status", "metadata.annotations[deployment.kubernetes.io/", "metadata.annotations[control-plane.alpha"]
        .iter()
        .any(|prefix| field.starts_with(prefix))
        || ["metadata.annotations", "metadata.labels", "data"].contains(&field)
        // The node controller and the kubelet renew these all the time.
        || field.starts_with("metadata.annotations[volumes.kubernetes.io/")
        || field.starts_with("metadata.annotations[node.alpha.kubernetes.io/")
}

/// `{"f:spec": {"f:replicas": {}}}` as `spec.replicas`.
fn field_names(fields: &Value, path: &mut String, out: &mut Vec<String>) {
    let Value::Object(map) = fields else { return };
    let mut leaf = true;
    for (key, inner) in map {
        let word = match key.split_once(':') {
            Some(("f", word)) => word.to_owned(),
            Some(("k", selector)) => {
                let value: Value = serde_json::from_str(selector).unwrap_or_default();
                format!("[{}]", value["name"].as_str().map_or_else(|| object::plain(&value), str::to_owned))
            }
            Some(("v", value)) => format!("[{value}]"),
            _ => continue,
        };
        leaf = false;
        let before = path.len();
        if word.starts_with('[') {
            path.push_str(&word);
        } else if word.contains('.') || word.contains('/') {
            path.push_str(&format!("[{word}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&word);
        }
        field_names(inner, path, out);
        path.truncate(before);
    }
    if leaf && !path.is_empty() {
        out.push(path.clone());
    }
}

/// Conditions that turned, and taints that came.
pub(super) fn node(node: &Value) -> Vec<Change> {
    let created = time(node, "metadata.creationTimestamp");
    let object = object::reference(node);
    let mut changes = Vec::new();
    for condition in items(node, "status.conditions") {
        let Some(at) = time(condition, "lastTransitionTime") else { continue };
        // The first state of a node's life is no change.
        if created.is_some_and(|created| at.as_second() - created.as_second() < 120) {
            continue;
        }
        changes.push(Change {
            at,
            object: object.clone(),
            how: How::Condition,
            details: vec![format!(
                "{} became {} ({}: {})",
                text(condition, "type"),
                text(condition, "status"),
                text(condition, "reason"),
                text(condition, "message")
            )],
        });
    }
    for taint in items(node, "spec.taints") {
        if let Some(at) = time(taint, "timeAdded") {
            let details = vec![format!("{}:{}", text(taint, "key"), text(taint, "effect"))];
            changes.push(Change { at, object: object.clone(), how: How::Taint, details });
        }
    }
    changes
}

/// Lines that differ between two templates: `path: old -> new`.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<String> {
    let lines = |template: &Value| -> BTreeMap<String, String> {
        let mut template = template.clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.shift_remove("pod-template-hash");
        }
        flat::prune(&mut template);
        flat::lines("", &template)
            .into_iter()
            .filter_map(|line| line.split_once(": ").map(|(path, value)| (path.to_owned(), value.to_owned())))
            .collect()
    };
    let (old, new) = (lines(old), lines(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut out: Vec<String> = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            let side = |lines: &BTreeMap<String, String>| {
                lines.get(path).map_or("(not set)".to_owned(), |value| value.chars().take(VALUE).collect())
            };
            format!("{path}: {} -> {}", side(&old), side(&new))
        })
        .collect();
    let more = out.len().saturating_sub(DIFFERENCES);
    out.truncate(DIFFERENCES);
    if more > 0 {
        out.push(format!("+{more} more differences"));
    }
    if out.is_empty() {
        out.push("the template is the same".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn templates_differ_by_the_lines_that_differ() {
        let template = |image: &str, hash: &str| {
            json!({"metadata": {"labels": {"app": "web", "pod-template-hash": hash}},
                "spec": {"containers": [{"name": "web", "image": image}]}})
        };
        assert_eq!(
            differences(&template("web:1", "a"), &template("web:2", "b")),
            vec!["spec.containers[web].image: web:1 -> web:2"]
        );
        assert_eq!(
            differences(&template("web:1", "a"), &template("web:1", "b")),
            vec!["the template is the same"]
        );
    }

    #[test]
    fn managed_fields_read_as_paths() {
        let entry = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}}, "f:metadata": {"f:labels": {".": {}, "f:a.b/c": {}}}});
        let mut out = Vec::new();
        field_names(&entry, &mut String::new(), &mut out);
        assert_eq!(
            out,
            vec!["spec.replicas", "spec.template.spec.containers[web].image", "metadata.labels[a.b/c]"]
        );
    }
}
