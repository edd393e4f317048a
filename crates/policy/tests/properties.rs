//! What must hold for any input.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test that called them")]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use stethoscope_policy::{
    Engine, Fate, Kind, Known, NamedPort, Observed, Outcome, Peer, Plugin, Pod, Policy, Protocol, Reserved,
    Settings, Surroundings, Traffic, Transport, World,
};

const KINDS: [Kind; 6] = [
    Kind::NetworkPolicy,
    Kind::CiliumNetworkPolicy,
    Kind::CiliumClusterwideNetworkPolicy,
    Kind::AdminNetworkPolicy,
    Kind::BaselineAdminNetworkPolicy,
    Kind::ClusterNetworkPolicy,
];

/// Words that reach deep into the readers.
const WORDS: [&str; 64] = [
    "spec",
    "specs",
    "ingress",
    "egress",
    "ingressDeny",
    "egressDeny",
    "from",
    "to",
    "ports",
    "port",
    "endPort",
    "protocol",
    "podSelector",
    "namespaceSelector",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "ipBlock",
    "cidr",
    "except",
    "policyTypes",
    "endpointSelector",
    "nodeSelector",
    "fromEndpoints",
    "toEndpoints",
    "fromEntities",
    "toEntities",
    "toFQDNs",
    "matchName",
    "matchPattern",
    "toPorts",
    "rules",
    "http",
    "dns",
    "path",
    "method",
    "headers",
    "icmps",
    "fields",
    "type",
    "family",
    "toCIDRSet",
    "fromCIDR",
    "cidrGroupRef",
    "toServices",
    "k8sService",
    "k8sServiceSelector",
    "enableDefaultDeny",
    "subject",
    "namespaces",
    "pods",
    "action",
    "priority",
    "tier",
    "networks",
    "domainNames",
    "protocols",
    "tcp",
    "destinationPort",
    "number",
    "In",
    "app",
];

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(&WORDS[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "[-0-9a-z*./:(\\[]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 160, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(word.clone(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object(spec: Value) -> Value {
    json!({ "metadata": { "name": "p", "namespace": "n1" }, "spec": spec, "specs": spec })
}

fn labels() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        prop::sample::select(vec!["a", "b"]).prop_map(|app| json!({ "matchLabels": { "app": app } })),
        prop::sample::select(vec!["a", "b"]).prop_map(
            |app| json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": [app] }] })
        ),
    ]
}

fn peers() -> impl Strategy<Value = Value> {
    let peer = prop_oneof![
        labels().prop_map(|pods| json!({ "podSelector": pods })),
        labels().prop_map(|pods| json!({ "podSelector": pods, "namespaceSelector": {} })),
        Just(json!({ "namespaceSelector": { "matchLabels": { "tier": "x" } } })),
        Just(json!({ "ipBlock": { "cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"] } })),
    ];
    vec(peer, 0..3).prop_map(Value::from)
}

fn rule(direction: &'static str) -> impl Strategy<Value = Value> {
    let port = prop_oneof![
        (1_u16..4).prop_map(|port| json!({ "port": port })),
        Just(json!({ "port": "web" })),
        Just(json!({ "protocol": "UDP" })),
    ];
    (peers(), vec(port, 0..3)).prop_map(move |(peers, ports)| json!({ direction: peers, "ports": ports }))
}

fn network_policy() -> impl Strategy<Value = Value> {
    let types = prop::sample::subsequence(vec!["Ingress", "Egress"], 0..=2);
    let namespace = prop::sample::select(vec!["n1", "n2"]);
    (labels(), types, vec(rule("from"), 0..3), vec(rule("to"), 0..3), namespace, 0..1000_u32).prop_map(
        |(pods, types, ingress, egress, namespace, name)| {
            json!({
                "metadata": { "name": format!("p{name}"), "namespace": namespace },
                "spec": { "podSelector": pods, "policyTypes": types, "ingress": ingress, "egress": egress },
            })
        },
    )
}

fn cilium_policy() -> impl Strategy<Value = Value> {
    let item = || {
        let endpoints = vec(labels(), 0..2).prop_map(Value::from);
        let entities = prop::sample::subsequence(vec!["world", "cluster", "remote-node"], 0..=2);
        let peers = prop_oneof![
            endpoints.prop_map(|it| ("fromEndpoints", it)),
            entities.prop_map(|it| ("fromEntities", json!(it))),
            Just(("fromCIDR", json!(["203.0.113.0/25"]))),
        ];
        (peers, prop::option::of(1_u16..4)).prop_map(|((field, peers), port)| {
            let mut rule = Map::new();
            rule.insert(field.to_owned(), peers);
            if let Some(port) = port {
                let ports = json!([{ "ports": [{ "port": port.to_string(), "protocol": "ANY" }] }]);
                rule.insert("toPorts".to_owned(), ports);
            }
            Value::Object(rule)
        })
    };
    (labels(), vec(item(), 0..3), vec(item(), 0..2), prop::option::of(any::<bool>()), 0..1000_u32).prop_map(
        |(pods, ingress, deny, default, name)| {
            json!({
                "metadata": { "name": format!("c{name}"), "namespace": "n1" },
                "spec": { "endpointSelector": pods, "ingress": ingress, "ingressDeny": deny, "enableDefaultDeny": { "ingress": default } },
            })
        },
    )
}

fn peer() -> impl Strategy<Value = Arc<Peer>> {
    let pod = (
        prop::sample::select(vec!["n1", "n2"]),
        prop::sample::select(vec!["a", "b"]),
        prop::sample::select(vec![
            Known::Unknown,
            Known::Known([("tier".to_owned(), "x".to_owned())].into()),
        ]),
        any::<bool>(),
        0..3_u8,
    );
    prop_oneof![
        4 => pod.prop_map(|(namespace, app, namespace_labels, host_network, name)| Peer::Pod(Pod {
            namespace: namespace.into(),
            name: format!("{app}-{name}"),
            labels: [("app".to_owned(), app.to_owned())].into(),
            namespace_labels,
            host_network,
            named_ports: Known::Known(vec![NamedPort { name: "web".into(), port: 2, protocol: Protocol::Tcp }]),
            node: Some(format!("node-{name}")),
            ..Pod::default()
        })),
        1 => any::<u8>().prop_map(|last| Peer::World(World {
            ip: Some(std::net::IpAddr::from([203, 0, 113, last])),
            names: Known::Known(vec![]),
            kube_apiserver: false,
        })),
        1 => Just(Peer::Reserved(Reserved::RemoteNode)),
    ]
    .prop_map(Arc::new)
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let transport = prop_oneof![
        (1_u16..4).prop_map(Transport::tcp),
        (1_u16..4).prop_map(Transport::udp),
        Just(Transport::Port { protocol: Protocol::Tcp, port: None }),
        Just(Transport::Other("IGMP".into())),
    ];
    (peer(), peer(), transport).prop_map(|(source, destination, transport)| Traffic {
        source,
        destination,
        transport,
        request: None,
    })
}

fn read(kind: Kind, objects: &[Value]) -> Vec<Arc<Policy>> {
    objects.iter().map(|object| Arc::new(Policy::of_kind(kind, object).unwrap())).collect()
}

fn engine(policies: Vec<Arc<Policy>>, plugin: Plugin) -> Engine {
    Engine::new(policies, Surroundings::default(), Settings { plugin, ..Settings::default() })
}

fn plugin() -> impl Strategy<Value = Plugin> {
    prop::sample::select(vec![Plugin::Cilium, Plugin::Other])
}

/// Distinct names: two objects of one name do not live in one cluster.
fn numbered(mut objects: Vec<Value>) -> Vec<Value> {
    for (number, object) in objects.iter_mut().enumerate() {
        let name = format!("{}-{number}", object["metadata"]["name"].as_str().unwrap());
        object["metadata"]["name"] = name.into();
    }
    objects
}

proptest! {
    #[test]
    fn no_json_panics(value in any_json(), questions in vec(traffic(), 1..4), plugin in plugin()) {
        let _ = Policy::parse(&value);
        let mut policies = Vec::new();
        for kind in KINDS {
            let _ = Policy::of_kind(kind, &value);
            policies.push(Arc::new(Policy::of_kind(kind, &object(value.clone())).unwrap()));
        }
        let engine = engine(policies, plugin);
        for traffic in &questions {
            let verdict = engine.explain(traffic);
            prop_assert_eq!(verdict.outcome, engine.decide(traffic));
            prop_assert!(!verdict.to_string().is_empty());
        }
        let denied: Vec<Observed> =
            questions.into_iter().map(|traffic| Observed { traffic, count: 1, fate: Fate::Dropped }).collect();
        let _ = engine.suggest(&denied, &denied);
    }

    #[test]
    fn the_order_of_policies_does_not_matter(
        kubernetes in vec(network_policy(), 0..4),
        cilium in vec(cilium_policy(), 0..3),
        questions in vec(traffic(), 1..8),
        plugin in plugin(),
    ) {
        let mut policies = read(Kind::NetworkPolicy, &numbered(kubernetes));
        policies.extend(read(Kind::CiliumNetworkPolicy, &numbered(cilium)));
        let one = engine(policies.clone(), plugin);
        policies.reverse();
        let other = engine(policies, plugin);
        for traffic in &questions {
            prop_assert_eq!(one.explain(traffic), other.explain(traffic));
        }
    }

    #[test]
    fn one_more_allowing_rule_closes_nothing(
        kubernetes in vec(network_policy(), 1..4),
        cilium in vec(cilium_policy(), 0..3),
        which in any::<prop::sample::Index>(),
        more in rule("from"),
        questions in vec(traffic(), 1..8),
        plugin in plugin(),
    ) {
        let kubernetes = numbered(kubernetes);
        let cilium = read(Kind::CiliumNetworkPolicy, &numbered(cilium));
        let mut wider = kubernetes.clone();
        wider[which.index(kubernetes.len())]["spec"]["ingress"].as_array_mut().unwrap().push(more);
        let with = |objects: &[Value]| {
            let mut policies = read(Kind::NetworkPolicy, objects);
            policies.extend(cilium.iter().cloned());
            engine(policies, plugin)
        };
        let (before, after) = (with(&kubernetes), with(&wider));
        for traffic in &questions {
            if before.decide(traffic) == Outcome::Allowed {
                prop_assert_eq!(after.decide(traffic), Outcome::Allowed);
            }
        }
    }

    #[test]
    fn what_a_suggestion_promises_its_change_keeps(
        kubernetes in vec(network_policy(), 1..4),
        cilium in vec(cilium_policy(), 0..3),
        questions in vec(traffic(), 1..8),
        plugin in plugin(),
    ) {
        let mut policies = read(Kind::NetworkPolicy, &numbered(kubernetes));
        if plugin == Plugin::Cilium {
            policies.extend(read(Kind::CiliumNetworkPolicy, &numbered(cilium)));
        }
        let engine = engine(policies, plugin);
        let observed: Vec<Observed> =
            questions.into_iter().map(|traffic| Observed { traffic, count: 1, fate: Fate::Dropped }).collect();
        let denied: Vec<Observed> =
            observed.iter().filter(|it| engine.decide(&it.traffic) == Outcome::Denied).cloned().collect();
        for suggestion in engine.suggest(&denied, &observed).ranked {
            let after = engine.after(&suggestion.change).unwrap();
            let allowed = denied.iter().filter(|it| after.decide(&it.traffic) == Outcome::Allowed).count();
            prop_assert_eq!(suggestion.proof.dropped, denied.len() as u64);
            prop_assert_eq!(suggestion.proof.allowed, allowed as u64);
            for edit in &suggestion.change.edits {
                let text: Value = serde_saphyr::from_str(&edit.yaml).unwrap();
                let meant = edit.manifest.clone().unwrap_or_else(|| edit.patch[0].value.clone());
                prop_assert_eq!(text, meant);
            }
        }
    }
}
