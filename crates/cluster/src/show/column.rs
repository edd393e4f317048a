//! Columns of a kind: what `kubectl get` shows, computed from the object.

use super::age;
use super::pod::pod_status;
use crate::object::{self, Path, at, items, number, text, time};
use jiff::Timestamp;
use serde_json::Value;

/// One cell: its words, and its worth for comparing and sorting where it has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) worth: Option<f64>,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let worth = worth(&text);
        Self { text, worth }
    }

    fn count(number: i64) -> Self {
        Self { text: number.to_string(), worth: Some(number as f64) }
    }

    fn age(now: Timestamp, then: Option<Timestamp>) -> Self {
        match then {
            Some(then) => {
                let seconds = (now.as_second() - then.as_second()).max(0);
                Self { text: age(now, then), worth: Some(seconds as f64) }
            }
            None => Self::default(),
        }
    }
}

/// What a text is worth as a number: plain numbers, quantities (`500m`, `2Gi`), percentages, `3/4` by its first
/// number. Durations are read by the filter, where the other side says that they are meant.
pub(crate) fn worth(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" | "%" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        rest if rest.starts_with('/') => 1.0,
        _ => return None,
    };
    Some(number * factor)
}

/// The columns shown when none are asked for, after name and namespace.
pub(crate) fn standard(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &["ready", "status", "restarts", "age", "node"],
        "Deployment" => &["ready", "updated", "available", "age", "images"],
        "ReplicaSet" => &["ready", "owner", "age", "images"],
        "StatefulSet" | "ReplicationController" => &["ready", "age", "images"],
        "DaemonSet" => &["ready", "updated", "available", "age", "images"],
        "Job" => &["status", "completions", "age"],
        "CronJob" => &["schedule", "suspend", "last", "age"],
        "Service" => &["type", "cluster-ip", "ports", "selector", "age"],
        "EndpointSlice" => &["service", "ports", "endpoints", "age"],
        "Ingress" => &["class", "hosts", "backends", "age"],
        "Node" => &["status", "roles", "version", "taints", "age"],
        "Namespace" => &["status", "age"],
        "PersistentVolumeClaim" => &["status", "volume", "capacity", "class", "age"],
        "PersistentVolume" => &["status", "capacity", "claim", "class", "age"],
        "StorageClass" => &["provisioner", "binding", "default", "age"],
        "ConfigMap" => &["keys", "age"],
        "HorizontalPodAutoscaler" => &["target", "replicas", "min", "max", "age"],
        "PodDisruptionBudget" => &["min-available", "max-unavailable", "allowed", "age"],
        "ResourceQuota" => &["hard", "used", "age"],
        "NetworkPolicy" => &["pod-selector", "types", "age"],
        "ServiceAccount" => &["age"],
        "Event" => &["last", "type", "reason", "object", "count", "message"],
        "RoleBinding" | "ClusterRoleBinding" => &["role", "subjects", "age"],
        "PodMetrics" => &["cpu", "memory"],
        "NodeMetrics" => &["cpu", "memory"],
        _ => &["status", "age"],
    }
}

/// A cell by its column's name; `None` when the name is no column, and a path then.
pub(crate) fn named(kind: &str, column: &str, object: &Value, now: Timestamp) -> Option<Cell> {
    let cell = match column {
        "name" => Cell::text(object::name(object)),
        "namespace" => Cell::text(object::namespace(object).unwrap_or_default()),
        "kind" => Cell::text(text(object, "kind")),
        "age" => Cell::age(now, time(object, "metadata.creationTimestamp")),
        "created" => Cell::text(text(object, "metadata.creationTimestamp")),
        "labels" => Cell::text(at(object, "metadata.labels").map(object::plain).unwrap_or_default()),
        "owner" => {
            Cell::text(object::owner(object).map(|(kind, name)| format!("{kind}/{name}")).unwrap_or_default())
        }
        "images" => Cell::text(images(object).join(",")),
        _ => return special(kind, column, object, now),
    };
    Some(cell)
}

fn special(kind: &str, column: &str, object: &Value, now: Timestamp) -> Option<Cell> {
    match kind {
        "Pod" => pod(column, object, now),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" | "DaemonSet" => {
            workload(kind, column, object)
        }
        "Job" | "CronJob" | "HorizontalPodAutoscaler" | "PodDisruptionBudget" => {
            batch_and_scaling(kind, column, object, now)
        }
        "Service" | "EndpointSlice" | "Ingress" | "NetworkPolicy" => network(kind, column, object),
        "Node" | "Namespace" => node(kind, column, object),
        "PersistentVolumeClaim" | "PersistentVolume" | "StorageClass" => storage(kind, column, object),
        "Event" => event(column, object, now),
        _ => other(kind, column, object),
    }
}

fn pod(column: &str, pod: &Value, now: Timestamp) -> Option<Cell> {
    let statuses = items(pod, "status.containerStatuses");
    Some(match column {
        "ready" => {
            let ready = statuses.iter().filter(|status| status["ready"] == true).count();
            let total = items(pod, "spec.containers").len();
            Cell { text: format!("{ready}/{total}"), worth: Some(ready as f64) }
        }
        "status" => Cell::text(pod_status(pod)),
        "restarts" => {
            let all = statuses.iter().chain(items(pod, "status.initContainerStatuses"));
            let restarts = all.filter_map(|status| number(status, "restartCount")).sum();
            let last =
                statuses.iter().filter_map(|status| time(status, "lastState.terminated.finishedAt")).max();
            match last {
                Some(last) if restarts > 0 => Cell {
                    text: format!("{restarts} ({} ago)", age(now, last)),
                    worth: Some(restarts as f64),
                },
                _ => Cell::count(restarts),
            }
        }
        "node" => Cell::text(text(pod, "spec.nodeName")),
        "ip" => Cell::text(text(pod, "status.podIP")),
        "qos" => Cell::text(text(pod, "status.qosClass")),
        "phase" => Cell::text(text(pod, "status.phase")),
        "containers" => Cell::text(
            items(pod, "spec.containers").iter().map(|c| text(c, "name")).collect::<Vec<_>>().join(","),
        ),
        "priority" => Cell::text(text(pod, "spec.priorityClassName")),
        _ => return None,
    })
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "status.conditions").iter().find(|condition| text(condition, "type") == kind)
}

/// Ready and desired replicas of a workload.
pub(crate) fn replicas(kind: &str, object: &Value) -> (i64, i64) {
    let count = |path: &str| number(object, path).unwrap_or_default();
    match kind {
        "DaemonSet" => (count("status.numberReady"), count("status.desiredNumberScheduled")),
        _ => (count("status.readyReplicas"), number(object, "spec.replicas").unwrap_or(1)),
    }
}

fn workload(kind: &str, column: &str, object: &Value) -> Option<Cell> {
    let count = |path: &str| Cell::count(number(object, path).unwrap_or_default());
    Some(match (column, kind) {
        ("ready", _) => {
            let (ready, desired) = replicas(kind, object);
            Cell { text: format!("{ready}/{desired}"), worth: Some(ready as f64) }
        }
        ("desired" | "replicas", _) => Cell::count(replicas(kind, object).1),
        ("updated", "DaemonSet") => count("status.updatedNumberScheduled"),
        ("updated", _) => count("status.updatedReplicas"),
        ("available", "DaemonSet") => count("status.numberAvailable"),
        ("available", _) => count("status.availableReplicas"),
        ("unavailable", _) => {
            let (ready, desired) = replicas(kind, object);
            Cell::count((desired - ready).max(0))
        }
        ("selector", _) => {
            Cell::text(at(object, "spec.selector.matchLabels").map(object::plain).unwrap_or_default())
        }
        ("revision", _) => Cell::text(
            object["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .unwrap_or_default(),
        ),
        _ => return None,
    })
}

fn batch_and_scaling(kind: &str, column: &str, object: &Value, now: Timestamp) -> Option<Cell> {
    let words = |path: &str| Cell::text(at(object, path).map(object::plain).unwrap_or_default());
    Some(match (kind, column) {
        ("Job", "status") => Cell::text(job_status(object)),
        ("Job", "completions") => Cell::text(format!(
            "{}/{}",
            number(object, "status.succeeded").unwrap_or_default(),
            number(object, "spec.completions").unwrap_or(1)
        )),
        ("Job", "failed") => Cell::count(number(object, "status.failed").unwrap_or_default()),
        ("CronJob", "schedule") => words("spec.schedule"),
        ("CronJob", "suspend") => words("spec.suspend"),
        ("CronJob", "last") => Cell::age(now, time(object, "status.lastScheduleTime")),
        ("HorizontalPodAutoscaler", "target") => Cell::text(format!(
            "{}/{}",
            text(object, "spec.scaleTargetRef.kind"),
            text(object, "spec.scaleTargetRef.name")
        )),
        ("HorizontalPodAutoscaler", "replicas") => words("status.currentReplicas"),
        ("HorizontalPodAutoscaler", "min") => words("spec.minReplicas"),
        ("HorizontalPodAutoscaler", "max") => words("spec.maxReplicas"),
        ("PodDisruptionBudget", "min-available") => words("spec.minAvailable"),
        ("PodDisruptionBudget", "max-unavailable") => words("spec.maxUnavailable"),
        ("PodDisruptionBudget", "allowed") => words("status.disruptionsAllowed"),
        _ => return None,
    })
}

fn job_status(job: &Value) -> String {
    for kind in ["Failed", "Complete", "Suspended"] {
        if let Some(found) = condition(job, kind).filter(|condition| condition["status"] == "True") {
            return match text(found, "reason") {
                "" => kind.to_owned(),
                reason => format!("{kind}:{reason}"),
            };
        }
    }
    "Running".to_owned()
}

fn network(kind: &str, column: &str, object: &Value) -> Option<Cell> {
    let words = |path: &str| Cell::text(at(object, path).map(object::plain).unwrap_or_default());
    let joined = |list: Vec<String>| Cell::text(list.join(","));
    Some(match (kind, column) {
        ("Service", "type") => words("spec.type"),
        ("Service", "cluster-ip") => words("spec.clusterIP"),
        ("Service", "selector") => words("spec.selector"),
        ("Service", "ports") => joined(items(object, "spec.ports").iter().map(service_port).collect()),
        ("EndpointSlice", "service") => Cell::text(
            object["metadata"]["labels"]["kubernetes.io/service-name"].as_str().unwrap_or_default(),
        ),
        ("EndpointSlice", "ports") => joined(
            items(object, "ports")
                .iter()
                .map(|port| {
                    format!("{}/{}", number(port, "port").unwrap_or_default(), text(port, "protocol"))
                })
                .collect(),
        ),
        ("EndpointSlice", "endpoints") => {
            let endpoints = items(object, "endpoints");
            let ready = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] != false).count();
            Cell { text: format!("{ready}/{} ready", endpoints.len()), worth: Some(ready as f64) }
        }
        ("Ingress", "class") => words("spec.ingressClassName"),
        ("Ingress", "hosts") => {
            joined(items(object, "spec.rules").iter().map(|rule| text(rule, "host").to_owned()).collect())
        }
        ("Ingress", "backends") => joined(ingress_backends(object)),
        ("NetworkPolicy", "pod-selector") => words("spec.podSelector"),
        ("NetworkPolicy", "types") => words("spec.policyTypes"),
        _ => return None,
    })
}

/// `80->8080/TCP`: the port and where it leads.
fn service_port(port: &Value) -> String {
    let number_of = number(port, "port").unwrap_or_default();
    let target = port.get("targetPort").map(object::plain).unwrap_or_default();
    let protocol = text(port, "protocol");
    if target.is_empty() || target == number_of.to_string() {
        format!("{number_of}/{protocol}")
    } else {
        format!("{number_of}->{target}/{protocol}")
    }
}

/// Services an Ingress leads to, sorted, each once.
pub(crate) fn ingress_backends(ingress: &Value) -> Vec<String> {
    let mut names: Vec<String> = items(ingress, "spec.rules")
        .iter()
        .flat_map(|rule| items(rule, "http.paths"))
        .map(|path| text(path, "backend.service.name").to_owned())
        .chain([text(ingress, "spec.defaultBackend.service.name").to_owned()])
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// `Ready`, `NotReady`, `Ready,SchedulingDisabled`, as kubectl; pressures added.
pub(crate) fn node_status(node: &Value) -> String {
    let mut words = vec![
        match condition(node, "Ready").map(|condition| text(condition, "status")) {
            Some("True") => "Ready",
            Some(_) => "NotReady",
            None => "Unknown",
        }
        .to_owned(),
    ];
    if at(node, "spec.unschedulable").is_some_and(|value| value == true) {
        words.push("SchedulingDisabled".to_owned());
    }
    for found in items(node, "status.conditions") {
        if text(found, "type") != "Ready" && found["status"] == "True" {
            words.push(text(found, "type").to_owned());
        }
    }
    words.join(",")
}

fn node(kind: &str, column: &str, object: &Value) -> Option<Cell> {
    Some(match (kind, column) {
        ("Node", "status") => Cell::text(node_status(object)),
        ("Node", "roles") => Cell::text(
            object::pairs(object, "metadata.labels")
                .iter()
                .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
                .collect::<Vec<_>>()
                .join(","),
        ),
        ("Node", "version") => Cell::text(text(object, "status.nodeInfo.kubeletVersion")),
        ("Node", "taints") => Cell::text(
            items(object, "spec.taints")
                .iter()
                .map(|taint| match text(taint, "value") {
                    "" => format!("{}:{}", text(taint, "key"), text(taint, "effect")),
                    value => format!("{}={value}:{}", text(taint, "key"), text(taint, "effect")),
                })
                .collect::<Vec<_>>()
                .join(","),
        ),
        ("Node", "cpu" | "memory" | "pods") => Cell::text(
            at(object, &format!("status.allocatable.{column}")).map(object::plain).unwrap_or_default(),
        ),
        ("Namespace", "status") => Cell::text(text(object, "status.phase")),
        _ => return None,
    })
}

fn storage(kind: &str, column: &str, object: &Value) -> Option<Cell> {
    let words = |path: &str| Cell::text(at(object, path).map(object::plain).unwrap_or_default());
    Some(match (kind, column) {
        ("PersistentVolumeClaim", "volume") => words("spec.volumeName"),
        ("PersistentVolumeClaim", "capacity") => {
            let path = if at(object, "status.capacity.storage").is_some() {
                "status.capacity.storage"
            } else {
                "spec.resources.requests.storage"
            };
            words(path)
        }
        ("PersistentVolume", "capacity") => words("spec.capacity.storage"),
        ("PersistentVolume", "claim") => match text(object, "spec.claimRef.name") {
            "" => Cell::default(),
            name => Cell::text(format!("{}/{name}", text(object, "spec.claimRef.namespace"))),
        },
        ("StorageClass", "provisioner") => words("provisioner"),
        ("StorageClass", "binding") => words("volumeBindingMode"),
        ("StorageClass", "default") => Cell::text(
            object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"]
                .as_str()
                .unwrap_or_default(),
        ),
        (_, "status") => words("status.phase"),
        (_, "class") => words("spec.storageClassName"),
        _ => return None,
    })
}

/// When an event was last seen: series, then `lastTimestamp`, `eventTime`, `firstTimestamp`, creation.
pub(crate) fn event_time(event: &Value) -> Option<Timestamp> {
    ["series.lastObservedTime", "lastTimestamp", "eventTime", "firstTimestamp", "metadata.creationTimestamp"]
        .iter()
        .find_map(|path| time(event, path))
}

/// How often an event happened.
pub(crate) fn event_count(event: &Value) -> i64 {
    number(event, "series.count").or_else(|| number(event, "count")).unwrap_or(1).max(1)
}

fn event(column: &str, event: &Value, now: Timestamp) -> Option<Cell> {
    Some(match column {
        "last" => Cell::age(now, event_time(event)),
        "type" => Cell::text(text(event, "type")),
        "reason" => Cell::text(text(event, "reason")),
        "object" => Cell::text(format!(
            "{}/{}",
            text(event, "involvedObject.kind"),
            text(event, "involvedObject.name")
        )),
        "count" => Cell::count(event_count(event)),
        "message" => Cell::text(text(event, "message")),
        _ => return None,
    })
}

fn other(kind: &str, column: &str, object: &Value) -> Option<Cell> {
    let words = |path: &str| Cell::text(at(object, path).map(object::plain).unwrap_or_default());
    Some(match (kind, column) {
        ("ConfigMap", "keys") => {
            let keys = ["data", "binaryData"].iter().filter_map(|field| object[*field].as_object());
            Cell::text(keys.flat_map(|map| map.keys().cloned()).collect::<Vec<_>>().join(","))
        }
        ("ResourceQuota", "hard") => words("status.hard"),
        ("ResourceQuota", "used") => words("status.used"),
        ("RoleBinding" | "ClusterRoleBinding", "role") => {
            Cell::text(format!("{}/{}", text(object, "roleRef.kind"), text(object, "roleRef.name")))
        }
        ("RoleBinding" | "ClusterRoleBinding", "subjects") => Cell::text(
            items(object, "subjects")
                .iter()
                .map(|subject| format!("{}/{}", text(subject, "kind"), text(subject, "name")))
                .collect::<Vec<_>>()
                .join(","),
        ),
        ("PodMetrics", "cpu" | "memory") => {
            let containers = items(object, "containers");
            let sum: f64 = containers
                .iter()
                .filter_map(|container| worth(text(container, &format!("usage.{column}"))))
                .sum();
            Cell { text: amount(column, sum), worth: Some(sum) }
        }
        ("NodeMetrics", "cpu" | "memory") => {
            let used = worth(text(object, &format!("usage.{column}"))).unwrap_or_default();
            Cell { text: amount(column, used), worth: Some(used) }
        }
        (_, "status") => match text(object, "status.phase") {
            "" => Cell::text(
                condition(object, "Ready")
                    .or_else(|| condition(object, "Available"))
                    .map(|found| format!("{}={}", text(found, "type"), text(found, "status")))
                    .unwrap_or_default(),
            ),
            phase => Cell::text(phase),
        },
        _ => return None,
    })
}

/// CPU in millicores, memory in Mi.
pub(crate) fn amount(resource: &str, value: f64) -> String {
    if resource == "cpu" {
        format!("{:.0}m", value * 1_000.0)
    } else {
        format!("{:.0}Mi", value / 1_048_576.0)
    }
}

/// Images of a pod or of a pod template.
pub(crate) fn images(object: &Value) -> Vec<String> {
    ["spec.containers", "spec.template.spec.containers", "spec.jobTemplate.spec.template.spec.containers"]
        .iter()
        .flat_map(|path| items(object, path))
        .map(|container| text(container, "image").to_owned())
        .collect()
}

/// A column asked for by name, by path, or as `TITLE:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) title: String,
    source: String,
    path: Path,
}

impl Column {
    pub(crate) fn parse(words: &str) -> Self {
        let (title, source) = match words.split_once([':', '=']) {
            // A label key in brackets may hold a colon or an equals sign; a title never has a bracket or a dot.
            Some((title, source)) if !title.contains(['[', '.']) && !title.is_empty() => (title, source),
            _ => (words, words),
        };
        Self {
            title: title.trim().to_owned(),
            source: source.trim().to_lowercase().replace('_', "-"),
            path: Path::parse(source),
        }
    }

    pub(crate) fn cell(&self, kind: &str, object: &Value, now: Timestamp) -> Cell {
        if let Some(cell) = named(kind, &self.source, object, now) {
            return cell;
        }
        Cell::text(self.path.find(object).into_iter().map(object::plain).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn worth_reads_quantities_and_the_first_number_of_a_ratio() {
        assert_eq!(worth("500m"), Some(0.5));
        assert_eq!(worth("2Gi"), Some(2_147_483_648.0));
        assert_eq!(worth("1/3"), Some(1.0));
        assert_eq!(worth("80%"), Some(80.0));
        assert_eq!(worth("10.0.0.1"), None);
        assert_eq!(worth("web"), None);
    }

    #[test]
    fn a_column_is_a_name_a_path_or_a_title_with_a_path() {
        let now = "2026-01-01T00:10:00Z".parse().unwrap();
        let pod = json!({"metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"a.b/c": "x"}}, "spec": {"nodeName": "n1"}});
        let cell = |words: &str| {
            let column = Column::parse(words);
            (column.title.clone(), column.cell("Pod", &pod, now).text)
        };
        assert_eq!(cell("AGE"), ("AGE".to_owned(), "10m".to_owned()));
        assert_eq!(cell("spec.nodeName"), ("spec.nodeName".to_owned(), "n1".to_owned()));
        assert_eq!(cell("where:spec.nodeName"), ("where".to_owned(), "n1".to_owned()));
        assert_eq!(cell("metadata.labels[a.b/c]").1, "x");
    }
}
