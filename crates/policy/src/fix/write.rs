//! Peers, ports, rules and policies as the manifests of each kind have them.

use crate::engine::{Case, Plugin};
use crate::model::{Direction, Kind};
use crate::peer::{Labels, Peer, Pod, Reserved};
use crate::selector::NAMESPACE_NAME;
use crate::traffic::{Family, Request, Transport};
use serde_json::{Map, Value, json};
use stethoscope_core::object::ObjectRef;

/// Labels that name a workload, the most telling first.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>
const TELLING: [&str; 7] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app",
    "k8s-app",
    "name",
    "component",
];

/// Labels that change with every rollout or differ between the pods of one workload. Cilium leaves most of them out of
/// identities, so a policy that selects by them matches nothing.
/// <https://docs.cilium.io/en/stable/operations/performance/scalability/identity-relevant-labels/>
const FLEETING: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/controller-uid",
    "controller-uid",
];

/// The labels that stand for a pod's workload.
pub(super) fn workload(labels: &Labels) -> Labels {
    let telling: Labels = TELLING
        .iter()
        .filter_map(|key| labels.get_key_value(*key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !telling.is_empty() {
        return telling;
    }
    labels
        .iter()
        .filter(|(key, _)| !FLEETING.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A peer in a kind's own form: the field it stands in, and the item.
pub(super) struct PeerItem {
    pub(super) field: &'static str,
    pub(super) item: Value,
    pub(super) words: String,
}

fn selector(labels: &Labels) -> Value {
    if labels.is_empty() { json!({}) } else { json!({ "matchLabels": labels }) }
}

/// The other end in a NetworkPolicy's form.
fn network_policy_peer(case: &Case<'_>, namespace: &str, plugin: Plugin) -> Option<PeerItem> {
    let field = match case.direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let (item, words) = match (case.other(), case.other().managed()) {
        (_, Some(pod)) => {
            let mut item = Map::new();
            if pod.namespace != namespace {
                let name = json!({ "matchLabels": { NAMESPACE_NAME: pod.namespace } });
                item.insert("namespaceSelector".to_owned(), name);
            }
            item.insert("podSelector".to_owned(), selector(&workload(&pod.labels)));
            (Value::Object(item), pod_words(pod))
        }
        (Peer::World(world), None) => {
            let net = ipnet::IpNet::from(world.ip?);
            (json!({ "ipBlock": { "cidr": net.to_string() } }), net.to_string())
        }
        // Cilium's networks match no nodes.
        (Peer::Node(_) | Peer::Pod(_), None) if plugin == Plugin::Other => {
            let net = ipnet::IpNet::from(*case.other().ips().first()?);
            (json!({ "ipBlock": { "cidr": net.to_string() } }), net.to_string())
        }
        _ => return None,
    };
    Some(PeerItem { field, item, words })
}

/// The other end in Cilium's form; `namespace` is `None` for a clusterwide policy.
fn cilium_peer(case: &Case<'_>, namespace: Option<&str>) -> Option<PeerItem> {
    let ingress = case.direction == Direction::Ingress;
    let field = |from, to| if ingress { from } else { to };
    let entity = |word: &str| PeerItem {
        field: field("fromEntities", "toEntities"),
        item: json!(word),
        words: format!("entity {word}"),
    };
    let node = || if case.same_node() == crate::certainty::Match::Yes { "host" } else { "remote-node" };
    match (case.other(), case.other().managed()) {
        (_, Some(pod)) => {
            let mut labels = workload(&pod.labels);
            if namespace != Some(pod.namespace.as_str()) {
                labels.insert("k8s:io.kubernetes.pod.namespace".to_owned(), pod.namespace.clone());
            }
            let item = selector(&labels);
            Some(PeerItem { field: field("fromEndpoints", "toEndpoints"), item, words: pod_words(pod) })
        }
        (Peer::World(world), None) if world.kube_apiserver => Some(entity("kube-apiserver")),
        (Peer::World(world), None) => {
            let name = world.names.known().and_then(|names| names.first()).filter(|_| !ingress);
            if let Some(name) = name {
                let name = name.trim_end_matches('.');
                let item = json!({ "matchName": name });
                return Some(PeerItem { field: "toFQDNs", item, words: format!("DNS name {name}") });
            }
            let net = ipnet::IpNet::from(world.ip?).to_string();
            Some(PeerItem { field: field("fromCIDR", "toCIDR"), item: json!(net), words: net })
        }
        (Peer::Node(it), None) if it.kube_apiserver => Some(entity("kube-apiserver")),
        (Peer::Node(_) | Peer::Pod(_), None) => Some(entity(node())),
        (Peer::Reserved(reserved), None) => match reserved {
            // Pods that Cilium does not manage and endpoints without an identity are passing states.
            Reserved::Init | Reserved::Unmanaged => None,
            Reserved::Host
            | Reserved::RemoteNode
            | Reserved::KubeApiserver
            | Reserved::Health
            | Reserved::Ingress => Some(entity(reserved.word())),
        },
    }
}

fn pod_words(pod: &Pod) -> String {
    let labels: Vec<String> =
        workload(&pod.labels).iter().map(|(key, value)| format!("{key}={value}")).collect();
    let labels =
        if labels.is_empty() { "all pods".to_owned() } else { format!("pods with {}", labels.join(", ")) };
    format!("{labels} in namespace {}", pod.namespace)
}

/// The other end as an item of a policy of this kind.
pub(super) fn peer(kind: Kind, namespace: Option<&str>, case: &Case<'_>, plugin: Plugin) -> Option<PeerItem> {
    match kind {
        Kind::NetworkPolicy => network_policy_peer(case, namespace.unwrap_or_default(), plugin),
        Kind::CiliumNetworkPolicy | Kind::CiliumClusterwideNetworkPolicy => cilium_peer(case, namespace),
        Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy | Kind::ClusterNetworkPolicy => None,
    }
}

/// A port as an item of a policy of this kind, with the field it stands in.
pub(super) fn port(kind: Kind, transport: &Transport) -> Option<(&'static str, Value)> {
    match (kind, transport) {
        (Kind::NetworkPolicy, Transport::Port { protocol, port: Some(port) }) => {
            Some(("ports", json!({ "port": port, "protocol": protocol.word() })))
        }
        (_, Transport::Port { protocol, port: Some(port) }) => {
            let ports = json!([{ "port": port.to_string(), "protocol": protocol.word() }]);
            Some(("toPorts", json!({ "ports": ports })))
        }
        (Kind::NetworkPolicy, _) => None,
        (_, Transport::Icmp { family, kind: Some(kind) }) => {
            let family = if *family == Family::V4 { "IPv4" } else { "IPv6" };
            Some(("icmps", json!({ "fields": [{ "family": family, "type": kind }] })))
        }
        (_, Transport::Port { .. } | Transport::Icmp { .. } | Transport::Other(_)) => None,
    }
}

/// A rule that allows the question and no more.
pub(super) fn rule(kind: Kind, peer: &PeerItem, transport: &Transport) -> Option<Value> {
    let mut rule = Map::new();
    rule.insert(peer.field.to_owned(), json!([peer.item]));
    match port(kind, transport) {
        Some((field, item)) => {
            rule.insert(field.to_owned(), json!([item]));
        }
        // A NetworkPolicy can't name ICMP: only a rule without ports lets it pass.
        None if kind == Kind::NetworkPolicy && matches!(transport, Transport::Icmp { .. }) => {}
        None => return None,
    }
    Some(Value::Object(rule))
}

/// A policy that selects the asked pod's workload and has one rule.
pub(super) fn policy(
    kind: Kind,
    pod: &Pod,
    direction: Direction,
    transport: &Transport,
    rule: &Value,
    taken: impl Fn(&ObjectRef) -> bool,
) -> Option<(ObjectRef, Value)> {
    let labels = workload(&pod.labels);
    // Without a label it would select, and isolate, everything in the namespace.
    let called = labels.values().next()?;
    let side = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let port = match transport {
        Transport::Port { port: Some(port), .. } => port.to_string(),
        Transport::Port { .. } | Transport::Icmp { .. } | Transport::Other(_) => "icmp".to_owned(),
    };
    let base = format!("allow-{}-{side}-{port}", dns_label(called));
    let named = |name: &str| ObjectRef::namespaced(kind.word(), pod.namespace.clone(), name);
    let name = (1..100)
        .map(|number| if number == 1 { base.clone() } else { format!("{base}-{number}") })
        .find(|name| !taken(&named(name)))?;
    let metadata = json!({ "name": name, "namespace": pod.namespace });
    let manifest = if kind == Kind::NetworkPolicy {
        let types = match direction {
            Direction::Ingress => json!(["Ingress"]),
            Direction::Egress => json!(["Egress"]),
        };
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": { "podSelector": selector(&labels), "policyTypes": types, side: [rule] },
        })
    } else {
        json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": metadata,
            "spec": { "endpointSelector": selector(&labels), side: [rule] },
        })
    };
    Some((named(&name), manifest))
}

fn dns_label(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let kept: String =
        lower.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).take(40).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "pods".to_owned() } else { kept.to_owned() }
}

/// A request as an item of layer 7 rules, with the fields they stand in.
pub(super) fn request(request: &Request) -> (&'static str, Value) {
    match request {
        Request::Http { method, path, .. } => {
            ("rules/http", json!({ "method": regex::escape(method), "path": regex::escape(path) }))
        }
        Request::Dns { query } => ("rules/dns", json!({ "matchName": query.trim_end_matches('.') })),
        Request::Tls { server_name } => ("serverNames", json!(server_name)),
    }
}
