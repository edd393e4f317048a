//! Nodes, namespaces, events, and the kinds of policy and access.

use super::duration;
use super::field::{NONE, Printed, list, text};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn node(o: Printed<'_>) -> Vec<Value> {
    let ready = o.list("/status/conditions").iter().rev().find(|c| text(c, "/type") == "Ready");
    let mut status = match ready.map(|c| text(c, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if o.object.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = o.list("/status/addresses").iter().find(|a| text(a, "/type") == kind);
        found.map_or(NONE, |a| text(a, "/address"))
    };
    let info = |key: &str| o.text_or(&format!("/status/nodeInfo/{key}"), "<unknown>").to_owned();
    vec![
        json!(o.name()),
        json!(status),
        json!(roles(o)),
        json!(o.age()),
        json!(o.text("/status/nodeInfo/kubeletVersion")),
        json!(address("InternalIP")),
        json!(address("ExternalIP")),
        json!(info("osImage")),
        json!(info("kernelVersion")),
        json!(info("containerRuntimeVersion")),
    ]
}

fn roles(o: Printed<'_>) -> String {
    let labels = o.object.pointer("/metadata/labels").and_then(Value::as_object);
    let mut roles = BTreeSet::new();
    for (key, value) in labels.into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty()) {
            roles.insert(role);
        } else if key == "kubernetes.io/role" {
            roles.extend(value.as_str().filter(|role| !role.is_empty()));
        }
    }
    if roles.is_empty() { NONE.to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

pub(super) fn namespace(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/status/phase")), json!(o.age())]
}

pub(super) fn event(o: Printed<'_>) -> Vec<Value> {
    let since = |at: &str| duration::since(o.now, Some(at).filter(|t| !t.is_empty()));
    // events.k8s.io has the same under other names.
    let either = |core: &str, new: &str| match o.text(core) {
        "" => o.text(new),
        found => found,
    };
    let first_at = match either("/firstTimestamp", "/deprecatedFirstTimestamp") {
        "" => o.text("/eventTime"),
        at => at,
    };
    let last_at = match either("/lastTimestamp", "/deprecatedLastTimestamp") {
        "" => first_at,
        at => at,
    };
    let (last_at, count) = match o.object.get("series").filter(|s| s.is_object()) {
        Some(series) => {
            (text(series, "/lastObservedTime"), series.get("count").and_then(Value::as_i64).unwrap_or(0))
        }
        None => (last_at, o.int("/count").max(o.int("/deprecatedCount")).max(1)),
    };
    let subject = if o.has("/involvedObject") { "/involvedObject" } else { "/regarding" };
    let part = |key: &str| o.text(&format!("{subject}/{key}"));
    let kind = part("kind").to_lowercase();
    let object = if part("name").is_empty() { kind } else { format!("{kind}/{}", part("name")) };
    let component = match either("/source/component", "/deprecatedSource/component") {
        "" => either("/reportingComponent", "/reportingController"),
        component => component,
    };
    let host = match either("/source/host", "/deprecatedSource/host") {
        "" => o.text("/reportingInstance"),
        host => host,
    };
    let source = if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") };
    vec![
        json!(since(last_at)),
        json!(o.text("/type")),
        json!(o.text("/reason")),
        json!(object),
        json!(part("fieldPath")),
        json!(source),
        json!(either("/message", "/note").trim()),
        json!(since(first_at)),
        json!(count),
        json!(o.name()),
    ]
}

fn size(o: Printed<'_>, pointer: &str) -> usize {
    match o.object.pointer(pointer) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

pub(super) fn secret(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/type")), json!(size(o, "/data")), json!(o.age())]
}

pub(super) fn config_map(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(size(o, "/data") + size(o, "/binaryData")), json!(o.age())]
}

pub(super) fn service_account(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(size(o, "/secrets")), json!(o.age())]
}

pub(super) fn quota(o: Printed<'_>) -> Vec<Value> {
    let map = |pointer: &str| o.object.pointer(pointer).and_then(Value::as_object);
    let hard: BTreeMap<&String, &Value> = map("/status/hard").into_iter().flatten().collect();
    let empty = Map::new();
    let used = map("/status/used").unwrap_or(&empty);
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, most) in hard {
        let used = used.get(resource).and_then(Value::as_str).unwrap_or("0");
        let shown = format!("{resource}: {used}/{}", most.as_str().unwrap_or_default());
        if resource.starts_with("limits.") { &mut limits } else { &mut requests }.push(shown);
    }
    vec![json!(o.name()), json!(requests.join(", ")), json!(limits.join(", ")), json!(o.age())]
}

/// Name and creation time: limit ranges, roles and definitions.
pub(super) fn created(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/metadata/creationTimestamp"))]
}

pub(super) fn lease(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/spec/holderIdentity")), json!(o.age())]
}

pub(super) fn binding(o: Printed<'_>) -> Vec<Value> {
    let subjects = |kind: &str| -> String {
        let of_kind = o.list("/subjects").iter().filter(|s| text(s, "/kind") == kind);
        let names = of_kind.map(|s| match (kind, text(s, "/namespace")) {
            ("ServiceAccount", namespace) => format!("{namespace}/{}", text(s, "/name")),
            _ => text(s, "/name").to_owned(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    vec![
        json!(o.name()),
        json!(format!("{}/{}", o.text("/roleRef/kind"), o.text("/roleRef/name"))),
        json!(o.age()),
        json!(subjects("User")),
        json!(subjects("Group")),
        json!(subjects("ServiceAccount")),
    ]
}

pub(super) fn priority_class(o: Printed<'_>) -> Vec<Value> {
    vec![
        json!(o.name()),
        json!(o.int("/value")),
        json!(o.object.get("globalDefault").and_then(Value::as_bool).unwrap_or(false)),
        json!(o.age()),
        json!(o.text_or("/preemptionPolicy", "PreemptLowerPriority")),
    ]
}

pub(super) fn webhooks(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.list("/webhooks").len()), json!(o.age())]
}

pub(super) fn runtime_class(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/handler")), json!(o.age())]
}

pub(super) fn api_service(o: Printed<'_>) -> Vec<Value> {
    let service = if o.has("/spec/service") {
        format!("{}/{}", o.text("/spec/service/namespace"), o.text("/spec/service/name"))
    } else {
        "Local".to_owned()
    };
    let condition = o.list("/status/conditions").iter().find(|c| text(c, "/type") == "Available");
    let available = match condition.map(|c| (text(c, "/status"), text(c, "/reason"))) {
        None => "Unknown".to_owned(),
        Some(("True", _)) => "True".to_owned(),
        Some((status, reason)) => format!("{status} ({reason})"),
    };
    vec![json!(o.name()), json!(service), json!(available), json!(o.age())]
}

pub(super) fn signing_request(o: Printed<'_>) -> Vec<Value> {
    let holds = |kind: &str| o.list("/status/conditions").iter().any(|c| text(c, "/type") == kind);
    let mut status = if holds("Denied") {
        "Denied"
    } else if holds("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if holds("Failed") {
        status.push_str(",Failed");
    }
    if !o.text("/status/certificate").is_empty() {
        status.push_str(",Issued");
    }
    let seconds = o.object.pointer("/spec/expirationSeconds").and_then(Value::as_i64);
    vec![
        json!(o.name()),
        json!(o.age()),
        json!(o.text("/spec/signerName")),
        json!(o.text("/spec/username")),
        json!(seconds.map_or(NONE.to_owned(), duration::human)),
        json!(status),
    ]
}

/// `resourceClaimState`: what the claim's status adds up to.
pub(super) fn resource_claim(o: Printed<'_>) -> Vec<Value> {
    let mut states = Vec::new();
    if o.has("/metadata/deletionTimestamp") {
        states.push("deleted");
    }
    if o.has("/status/allocation") {
        states.push("allocated");
        if !list(o.object, "/status/reservedFor").is_empty() {
            states.push("reserved");
        }
    } else {
        states.push("pending");
    }
    vec![json!(o.name()), json!(states.join(",")), json!(o.age())]
}

pub(super) fn resource_slice(o: Printed<'_>) -> Vec<Value> {
    vec![
        json!(o.name()),
        json!(o.text("/spec/nodeName")),
        json!(o.text("/spec/driver")),
        json!(o.text("/spec/pool/name")),
        json!(o.age()),
    ]
}

pub(super) fn admission_policy(o: Printed<'_>) -> Vec<Value> {
    let parameters = match (o.text("/spec/paramKind/apiVersion"), o.text("/spec/paramKind/kind")) {
        (_, "") => "<unset>".to_owned(),
        (api_version, kind) => format!("{api_version}/{kind}"),
    };
    vec![json!(o.name()), json!(o.list("/spec/validations").len()), json!(parameters), json!(o.age())]
}

pub(super) fn admission_binding(o: Printed<'_>) -> Vec<Value> {
    let reference = match (o.text("/spec/paramRef/namespace"), o.text("/spec/paramRef/name")) {
        _ if !o.has("/spec/paramRef") => "<unset>".to_owned(),
        (namespace, "") => format!("{namespace}/*"),
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    vec![json!(o.name()), json!(o.text("/spec/policyName")), json!(reference), json!(o.age())]
}
