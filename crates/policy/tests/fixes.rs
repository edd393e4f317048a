//! Suggestions, their text, and their proofs.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test that called them")]

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use stethoscope_policy::{
    Change, ChangeError, Edit, EditKind, Engine, Fate, Known, NamedPort, Observed, Outcome, PatchOp, Peer,
    Plugin, Pod, Policy, Request, Reserved, Settings, Suggestions, Surroundings, Traffic, Transport, World,
};

fn engine(plugin: Plugin, policies: &[Value]) -> Engine {
    let policies: Vec<Arc<Policy>> = policies.iter().map(|it| Arc::new(Policy::parse(it).unwrap())).collect();
    Engine::new(policies, Surroundings::default(), Settings { plugin, ..Settings::default() })
}

fn pod(namespace: &str, app: &str, name: &str) -> Arc<Peer> {
    Arc::new(Peer::Pod(Pod {
        namespace: namespace.into(),
        name: name.into(),
        labels: [("app".to_owned(), app.to_owned()), ("pod-template-hash".to_owned(), "5f6d".to_owned())]
            .into(),
        namespace_labels: Known::Known([].into()),
        named_ports: Known::Known(Vec::<NamedPort>::new()),
        ..Pod::default()
    }))
}

fn seen(
    source: &Arc<Peer>,
    destination: &Arc<Peer>,
    transport: Transport,
    count: u64,
    fate: Fate,
) -> Observed {
    let traffic =
        Traffic { source: source.clone(), destination: destination.clone(), transport, request: None };
    Observed { traffic, count, fate }
}

fn said(suggestions: &Suggestions) -> Vec<String> {
    let words = |it: &stethoscope_policy::Suggestion| {
        let edits: Vec<&str> = it.change.edits.iter().map(|edit| edit.words.as_str()).collect();
        format!("{} -> {}", edits.join(" + "), it.proof)
    };
    suggestions.ranked.iter().map(words).collect()
}

fn ports_of_callers() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "callers", "namespace": "shop" },
        "spec": {
            "podSelector": { "matchLabels": { "app": "api" } },
            "ingress": [{
                "from": [{ "podSelector": { "matchLabels": { "app": "web" } } }],
                "ports": [{ "port": 80, "protocol": "TCP" }],
            }],
        },
    })
}

#[test]
fn a_missing_port_goes_into_the_rule_that_lacks_nothing_else() {
    let engine = engine(Plugin::Other, &[ports_of_callers()]);
    let (api, other) = (pod("shop", "api", "api-0"), pod("shop", "batch", "batch-0"));
    let denied: Vec<Observed> = (0..3)
        .map(|it| {
            seen(&pod("shop", "web", &format!("web-{it}")), &api, Transport::tcp(8080), 104, Fate::Dropped)
        })
        .collect();
    let mut observed = denied.clone();
    observed.push(seen(&other, &api, Transport::tcp(8080), 5, Fate::Dropped));
    observed.push(seen(&pod("shop", "web", "web-0"), &api, Transport::tcp(80), 900, Fate::Forwarded));

    let suggestions = engine.suggest(&denied, &observed);
    assert_eq!(
        said(&suggestions),
        [
            "spec.ingress[0] of NetworkPolicy shop/callers also allows port 8080/TCP \
             -> would allow 312 of 312 dropped, opens 0 other observed pairs",
            "NetworkPolicy shop/callers gets one more ingress rule: pods with app=web in namespace shop on 8080/TCP \
             -> would allow 312 of 312 dropped, opens 0 other observed pairs",
            "a new NetworkPolicy shop/allow-api-ingress-8080 allows traffic from pods with app=web in namespace shop \
             on 8080/TCP -> would allow 312 of 312 dropped, opens 0 other observed pairs",
        ]
    );
    assert_eq!(
        suggestions.ranked[0].change.edits[0].patch,
        [PatchOp {
            op: "add".into(),
            path: "/spec/ingress/0/ports/-".into(),
            value: json!({ "port": 8080, "protocol": "TCP" })
        }]
    );
    assert_eq!(
        suggestions.ranked[2].change.edits[0].yaml,
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: allow-api-ingress-8080\n  \
         namespace: shop\nspec:\n  podSelector:\n    matchLabels:\n      app: api\n  policyTypes:\n    - Ingress\n  \
         ingress:\n    - from:\n        - podSelector:\n            matchLabels:\n              app: web\n      \
         ports:\n        - port: 8080\n          protocol: TCP\n"
    );
    assert_eq!(suggestions.obstacles, []);
}

#[test]
fn a_missing_caller_goes_into_the_rule_or_beside_it_whichever_opens_less() {
    let engine = engine(Plugin::Other, &[ports_of_callers()]);
    let (api, batch) = (pod("shop", "api", "api-0"), pod("desk", "batch", "batch-0"));
    let denied = [seen(&batch, &api, Transport::tcp(80), 7, Fate::Dropped)];
    let suggestions = engine.suggest(&denied, &denied);
    assert_eq!(
        said(&suggestions)[0],
        "spec.ingress[0] of NetworkPolicy shop/callers also speaks of pods with app=batch in namespace desk \
         -> would allow 7 of 7 dropped, opens 0 other observed pairs"
    );
    assert_eq!(
        suggestions.ranked[0].change.edits[0].yaml,
        "namespaceSelector:\n  matchLabels:\n    kubernetes.io/metadata.name: desk\npodSelector:\n  matchLabels:\n    \
         app: batch\n"
    );
}

#[test]
fn a_change_that_opens_less_of_what_was_observed_comes_first() {
    let engine = engine(
        Plugin::Other,
        &[json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "all", "namespace": "shop" },
            "spec": { "podSelector": {}, "ingress": [{ "from": [{ "podSelector": { "matchLabels": { "app": "web" } } }], "ports": [{ "port": 80 }] }] },
        })],
    );
    let (web, api, db) =
        (pod("shop", "web", "web-0"), pod("shop", "api", "api-0"), pod("shop", "db", "db-0"));
    let denied = [seen(&web, &api, Transport::tcp(8080), 10, Fate::Dropped)];
    let observed = [seen(&web, &db, Transport::tcp(8080), 3, Fate::Dropped)];
    let suggestions = engine.suggest(&denied, &observed);
    assert_eq!(
        said(&suggestions),
        [
            "a new NetworkPolicy shop/allow-api-ingress-8080 allows traffic from pods with app=web in namespace shop \
             on 8080/TCP -> would allow 10 of 10 dropped, opens 0 other observed pairs",
            "spec.ingress[0] of NetworkPolicy shop/all also allows port 8080/TCP \
             -> would allow 10 of 10 dropped, opens 1 other observed pairs",
            "NetworkPolicy shop/all gets one more ingress rule: pods with app=web in namespace shop on 8080/TCP \
             -> would allow 10 of 10 dropped, opens 1 other observed pairs",
        ]
    );
    assert_eq!(suggestions.ranked[1].proof.opens[0].destination, "pod shop/db-0");
}

#[test]
fn both_ends_are_mended_where_both_deny() {
    let closed = |namespace: &str, types: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "closed", "namespace": namespace },
            "spec": { "podSelector": {}, "policyTypes": types },
        })
    };
    let engine = engine(Plugin::Other, &[closed("a", json!(["Egress"])), closed("b", json!(["Ingress"]))]);
    let denied =
        [seen(&pod("a", "from", "from-0"), &pod("b", "to", "to-0"), Transport::udp(53), 2, Fate::Dropped)];
    let suggestions = engine.suggest(&denied, &denied);
    let best = &suggestions.ranked[0];
    assert_eq!(best.proof.to_string(), "would allow 2 of 2 dropped, opens 0 other observed pairs");
    let policies: Vec<String> = best.change.edits.iter().map(|edit| edit.policy.to_string()).collect();
    assert_eq!(policies, ["NetworkPolicy a/allow-from-egress-53", "NetworkPolicy b/allow-to-ingress-53"]);
}

#[test]
fn callers_of_one_pod_share_one_new_policy() {
    let engine = engine(
        Plugin::Cilium,
        &[json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumClusterwideNetworkPolicy",
            "metadata": { "name": "isolate" },
            "spec": { "endpointSelector": {}, "ingress": [{}] },
        })],
    );
    let api = pod("shop", "api", "api-0");
    let node = Arc::new(Peer::Reserved(Reserved::RemoteNode));
    let denied = [
        seen(&pod("shop", "web", "web-0"), &api, Transport::tcp(80), 2, Fate::Dropped),
        seen(&pod("desk", "web", "web-1"), &api, Transport::tcp(81), 2, Fate::Dropped),
        seen(&node, &api, Transport::tcp(9090), 2, Fate::Dropped),
    ];
    let suggestions = engine.suggest(&denied, &denied);
    let own = suggestions
        .ranked
        .iter()
        .find(|it| it.change.edits.iter().all(|edit| edit.kind == EditKind::NewPolicy));
    let own = own.unwrap();
    assert_eq!(own.proof.to_string(), "would allow 6 of 6 dropped, opens 0 other observed pairs");
    // A NetworkPolicy can't name nodes with Cilium: that one needs a policy of Cilium's.
    let kinds: Vec<&str> = own.change.edits.iter().map(|edit| edit.policy.kind.as_str()).collect();
    assert_eq!(kinds, ["NetworkPolicy", "CiliumNetworkPolicy"]);
    assert!(
        own.change.edits[1].yaml.contains("fromEntities:\n        - remote-node\n"),
        "{}",
        own.change.edits[1].yaml
    );
}

#[test]
fn a_name_is_allowed_by_name_where_cilium_knows_it() {
    let engine = engine(
        Plugin::Cilium,
        &[json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "closed", "namespace": "shop" },
            "spec": { "podSelector": {}, "policyTypes": ["Egress"] },
        })],
    );
    let world = Arc::new(Peer::World(World {
        ip: Some("203.0.113.7".parse().unwrap()),
        names: Known::Known(vec!["pay.example.test.".into()]),
        kube_apiserver: false,
    }));
    let denied = [seen(&pod("shop", "web", "web-0"), &world, Transport::tcp(443), 9, Fate::Dropped)];
    let suggestions = engine.suggest(&denied, &denied);
    let own = suggestions.ranked.iter().find(|it| it.change.edits[0].kind == EditKind::NewPolicy).unwrap();
    assert_eq!(
        own.change.edits[0].manifest.as_ref().unwrap()["spec"]["egress"],
        json!([{ "toFQDNs": [{ "matchName": "pay.example.test" }], "toPorts": [{ "ports": [{ "port": "443", "protocol": "TCP" }] }] }])
    );
    assert_eq!(own.proof.to_string(), "would allow 9 of 9 dropped, opens 0 other observed pairs");
}

#[test]
fn a_refused_request_is_added_to_the_requests_of_the_rule() {
    let engine = engine(
        Plugin::Cilium,
        &[json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "http", "namespace": "shop" },
            "spec": {
                "endpointSelector": { "matchLabels": { "app": "api" } },
                "ingress": [{ "toPorts": [{ "ports": [{ "port": "80", "protocol": "TCP" }], "rules": { "http": [{ "method": "GET", "path": "/ok" }] } }] }],
            },
        })],
    );
    let mut refused = seen(
        &pod("shop", "web", "web-0"),
        &pod("shop", "api", "api-0"),
        Transport::tcp(80),
        4,
        Fate::Dropped,
    );
    refused.traffic.request = Some(Request::Http {
        method: "GET".into(),
        path: "/v1.0/x".into(),
        host: String::new(),
        headers: Vec::new(),
    });
    let suggestions = engine.suggest(std::slice::from_ref(&refused), &[]);
    assert_eq!(
        suggestions.ranked[0].change.edits,
        [Edit {
            policy: stethoscope_core::object::ObjectRef::namespaced("CiliumNetworkPolicy", "shop", "http"),
            kind: EditKind::AddRequest,
            words: "spec.ingress[0] of CiliumNetworkPolicy shop/http also lets GET /v1.0/x pass".into(),
            patch: vec![PatchOp {
                op: "add".into(),
                path: "/spec/ingress/0/toPorts/0/rules/http/-".into(),
                value: json!({ "method": "GET", "path": "/v1\\.0/x" }),
            }],
            manifest: None,
            yaml: "method: GET\npath: \"/v1\\\\.0/x\"\n".into(),
        }]
    );
    assert_eq!(
        suggestions.ranked[0].proof.to_string(),
        "would allow 4 of 4 dropped, opens 0 other observed pairs"
    );
}

#[test]
fn explicit_denials_and_what_is_not_denied_are_said_instead_of_mended() {
    let engine = engine(
        Plugin::Cilium,
        &[json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "no", "namespace": "shop" },
            "spec": { "endpointSelector": { "matchLabels": { "app": "api" } }, "ingressDeny": [{ "fromEntities": ["all"] }] },
        })],
    );
    let (web, api, db) =
        (pod("shop", "web", "web-0"), pod("shop", "api", "api-0"), pod("shop", "db", "db-0"));
    let denied = [
        seen(&web, &api, Transport::tcp(80), 1, Fate::Dropped),
        seen(&web, &db, Transport::tcp(80), 1, Fate::Dropped),
    ];
    let suggestions = engine.suggest(&denied, &denied);
    assert_eq!(suggestions.ranked, []);
    let obstacles: Vec<String> = suggestions.obstacles.iter().map(ToString::to_string).collect();
    assert_eq!(
        obstacles,
        [
            "CiliumNetworkPolicy shop/no spec.ingressDeny[0] denies it, and denials win: only that rule itself can be \
             narrowed or removed",
            "these policies let pod shop/web-0 to pod shop/db-0 on 80/TCP pass: something else drops it",
        ]
    );
}

#[test]
fn a_proof_says_what_closes_and_what_went_otherwise() {
    let engine = engine(Plugin::Other, &[]);
    let (web, api, db) =
        (pod("shop", "web", "web-0"), pod("shop", "api", "api-0"), pod("shop", "db", "db-0"));
    let manifest = ports_of_callers();
    let change = Change {
        edits: vec![Edit {
            policy: Policy::parse(&manifest).unwrap().reference().clone(),
            kind: EditKind::NewPolicy,
            words: String::new(),
            patch: Vec::new(),
            manifest: Some(manifest),
            yaml: String::new(),
        }],
    };
    let observed = [
        seen(&web, &api, Transport::tcp(80), 50, Fate::Forwarded),
        seen(&db, &api, Transport::tcp(80), 20, Fate::Forwarded),
        seen(&db, &web, Transport::tcp(1), 3, Fate::Dropped),
    ];
    let proof = engine.prove(&change, &[], &observed).unwrap();
    assert_eq!(
        proof.to_string(),
        "would allow 0 of 0 dropped, opens 0 other observed pairs, closes 1 observed pairs; 1 of 3 pairs went \
         otherwise than these policies say"
    );
    assert_eq!(proof.closes[0].source, "pod shop/db-0");
    assert_eq!(engine.after(&change).unwrap().decide(&observed[1].traffic), Outcome::Denied);
}

#[test]
fn a_change_of_something_else_is_an_error() {
    let engine = engine(Plugin::Other, &[ports_of_callers()]);
    let reference = engine.policies()[0].reference().clone();
    let patch = |policy: stethoscope_core::object::ObjectRef, path: &str| Change {
        edits: vec![Edit {
            policy,
            kind: EditKind::AddRule,
            words: String::new(),
            patch: vec![PatchOp { op: "add".into(), path: path.into(), value: json!({}) }],
            manifest: None,
            yaml: String::new(),
        }],
    };
    let mut stranger = reference.clone();
    stranger.name = "stranger".into();
    assert_eq!(
        engine.after(&patch(stranger.clone(), "/spec/ingress/-")).unwrap_err(),
        ChangeError::NoSuchPolicy(stranger)
    );
    assert_eq!(
        engine.after(&patch(reference.clone(), "/spec/egress/-")).unwrap_err(),
        ChangeError::NoSuchPlace { policy: reference, path: "/spec/egress/-".into() }
    );
}
