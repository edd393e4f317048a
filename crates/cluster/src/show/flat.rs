//! An object as `path: value` lines, the form in which findings quote fields.

use serde_json::{Map, Value};

/// Maps written on one line as `key=value,key=value`, as upstream prints labels and selectors.
const ON_ONE_LINE: [&str; 4] = ["labels", "matchLabels", "selector", "nodeSelector"];

/// Fields that never explain anything.
const NOISE: [&str; 5] =
    ["metadata.managedFields", "metadata.resourceVersion", "metadata.uid", "metadata.selfLink", "apiVersion"];

/// Annotations that repeat the object or the machinery's bookkeeping.
const NOISY_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "control-plane.alpha.kubernetes.io/leader",
    "deployment.kubernetes.io/desired-replicas",
];

/// Fields left out where they have the value that the API server fills in.
const DEFAULTS: [(&str, &str); 15] = [
    ("terminationMessagePath", "/dev/termination-log"),
    ("terminationMessagePolicy", "File"),
    ("dnsPolicy", "ClusterFirst"),
    ("schedulerName", "default-scheduler"),
    ("enableServiceLinks", "true"),
    ("preemptionPolicy", "PreemptLowerPriority"),
    ("sessionAffinity", "None"),
    ("internalTrafficPolicy", "Cluster"),
    ("ipFamilyPolicy", "SingleStack"),
    ("revisionHistoryLimit", "10"),
    ("progressDeadlineSeconds", "600"),
    ("terminationGracePeriodSeconds", "30"),
    ("restartPolicy", "Always"),
    ("defaultMode", "420"),
    ("recursiveReadOnly", "Disabled"),
];

/// Longest value shown on a line; the rest of it is counted.
const LONGEST_VALUE: usize = 2_000;

/// Takes out of an object what costs tokens and explains nothing.
pub(crate) fn prune(object: &mut Value) {
    for path in NOISE {
        match path.split_once('.') {
            Some((parent, key)) => {
                if let Some(map) = object.get_mut(parent).and_then(Value::as_object_mut) {
                    map.shift_remove(key);
                }
            }
            None => {
                if let Value::Object(map) = object {
                    map.shift_remove(path);
                }
            }
        }
    }
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        for key in NOISY_ANNOTATIONS {
            annotations.shift_remove(key);
        }
    }
    strip(object);
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, inner| !is_default(key, inner));
            for (key, inner) in map.iter_mut() {
                if let Value::Array(list) = inner {
                    list.retain(|item| !is_injected(key, item));
                    if key == "ownerReferences" {
                        let owners = list.iter_mut().filter_map(Value::as_object_mut);
                        owners.for_each(|owner| owner.retain(|field, _| field == "kind" || field == "name"));
                    }
                }
                strip(inner);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

fn is_default(key: &str, value: &Value) -> bool {
    let as_text = match value {
        Value::Null => return true,
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return false,
    };
    DEFAULTS.iter().any(|(name, default)| *name == key && *default == as_text)
}

/// The service account's volume and the tolerations that admission adds to every pod.
fn is_injected(list: &str, item: &Value) -> bool {
    match list {
        "volumes" | "volumeMounts" => {
            item["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-"))
        }
        "tolerations" => {
            item["tolerationSeconds"].as_i64() == Some(300)
                && item["key"].as_str().is_some_and(|key| {
                    matches!(key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
                })
        }
        _ => false,
    }
}

/// The lines of a value below a path (empty for the whole object).
pub(crate) fn lines(path: &str, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    flatten(path, path.rsplit('.').next().unwrap_or(path), value, &mut out);
    out
}

fn flatten(path: &str, key: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if map.is_empty() => out.push(format!("{path}: {{}}")),
        Value::Object(map) if ON_ONE_LINE.contains(&key) && is_flat(map) => {
            out.push(format!("{path}: {}", crate::object::plain(value)));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&below, key, inner, out);
            }
        }
        Value::Array(list) if list.is_empty() => out.push(format!("{path}: []")),
        Value::Array(list) if list.iter().all(|item| !item.is_object() && !item.is_array()) => {
            out.push(format!("{path}: {}", list.iter().map(scalar).collect::<Vec<_>>().join(" ")));
        }
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                let Some((field, key)) = item_key(item) else {
                    flatten(&format!("{path}[{index}]"), "", item, out);
                    continue;
                };
                let path = format!("{path}[{key}]");
                match item {
                    // Environment variables and the like: a name and a value.
                    Value::Object(map) if map.len() == 2 && map.get("value").is_some_and(is_scalar) => {
                        flatten(&path, "", &map["value"], out);
                    }
                    // The key stands in the path already.
                    Value::Object(map) if map.len() > 1 => {
                        let rest = map.iter().filter(|(name, _)| *name != field);
                        rest.for_each(|(name, inner)| flatten(&format!("{path}.{name}"), name, inner, out));
                    }
                    _ => flatten(&path, "", item, out),
                }
            }
        }
        scalar_value => {
            let text = scalar(scalar_value);
            if text.contains('\n') {
                out.push(format!("{path}: |"));
                out.extend(text.lines().map(|line| format!("  {line}")));
            } else {
                out.push(format!("{path}: {text}"));
            }
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn is_flat(map: &Map<String, Value>) -> bool {
    map.values().all(is_scalar)
}

/// Items are known by name (containers, env), type (conditions) or key (taints), else by place.
fn item_key(item: &Value) -> Option<(&'static str, &str)> {
    ["name", "type", "key"].into_iter().find_map(|field| Some((field, item.get(field)?.as_str()?)))
}

fn scalar(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() <= LONGEST_VALUE {
        return text;
    }
    let shown: String = text.chars().take(LONGEST_VALUE).collect();
    format!("{shown}… [{} of {} characters]", LONGEST_VALUE, text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn fields_read_as_findings_quote_them() {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-0", "uid": "x", "managedFields": [{}], "labels": {"app": "web", "tier": "a"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {
                "nodeSelector": {"disktype": "ssd"}, "dnsPolicy": "ClusterFirst",
                "containers": [{"name": "web", "image": "web:1", "args": ["--a", "--b"],
                    "resources": {"limits": {"cpu": "1", "memory": "64Mi"}},
                    "env": [{"name": "DB", "value": "db"}],
                    "volumeMounts": [{"name": "kube-api-access-x"}]}],
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "tolerationSeconds": 300}],
            },
            "status": {"conditions": [{"type": "Ready", "status": "False", "lastProbeTime": null}]},
        });
        prune(&mut pod);
        assert_eq!(
            lines("", &pod),
            vec![
                "kind: Pod",
                "metadata.name: web-0",
                "metadata.labels: app=web,tier=a",
                "metadata.annotations: {}",
                "spec.nodeSelector: disktype=ssd",
                "spec.containers[web].image: web:1",
                "spec.containers[web].args: --a --b",
                "spec.containers[web].resources.limits.cpu: 1",
                "spec.containers[web].resources.limits.memory: 64Mi",
                "spec.containers[web].env[DB]: db",
                "spec.containers[web].volumeMounts: []",
                "spec.tolerations: []",
                "status.conditions[Ready].status: False",
            ]
        );
    }

    #[test]
    fn texts_of_many_lines_are_kept_as_lines_and_huge_ones_are_cut() {
        assert_eq!(lines("data.conf", &json!("a=1\nb=2")), vec!["data.conf: |", "  a=1", "  b=2"]);
        let huge = lines("data.blob", &json!("x".repeat(5_000)));
        assert!(huge[0].ends_with("… [2000 of 5000 characters]"), "{}", huge[0].len());
    }
}
