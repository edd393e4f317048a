//! Policies of any size and ill will: bounded answers, and never a guess.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test that called them")]

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use stethoscope_policy::{
    Engine, Kind, Known, Outcome, Peer, Plugin, Pod, Policy, PolicyError, Request, Settings, Surroundings,
    Traffic, Transport, World,
};

fn read(kind: Kind, spec: &Value) -> Policy {
    Policy::of_kind(kind, &json!({ "metadata": { "name": "p", "namespace": "n" }, "spec": spec })).unwrap()
}

fn cilium(policy: Policy) -> Engine {
    let settings = Settings { plugin: Plugin::Cilium, ..Settings::default() };
    Engine::new([Arc::new(policy)], Surroundings::default(), settings)
}

fn ask(request: Option<Request>) -> Traffic {
    let pod = Pod { namespace: "n".into(), name: "to".into(), ..Pod::default() };
    let world = World {
        ip: Some("203.0.113.1".parse().unwrap()),
        names: Known::Known(vec![]),
        kube_apiserver: false,
    };
    Traffic {
        source: Arc::new(Peer::World(world)),
        destination: Arc::new(Peer::Pod(pod)),
        transport: Transport::tcp(80),
        request,
    }
}

#[test]
fn ten_thousand_broken_rules_are_fifty_problems_and_a_count() {
    let rules: Vec<Value> = (0..10_000).map(|it| json!({ "from": [{ "podSelector": it }] })).collect();
    let policy = read(Kind::NetworkPolicy, &json!({ "podSelector": {}, "ingress": rules }));
    assert_eq!(policy.problems().len(), 51);
    assert_eq!(policy.problems()[50].says, "9950 more problems are not listed");
    let engine = cilium(policy);
    let verdict = engine.explain(&ask(None));
    assert_eq!(verdict.outcome, Outcome::Unknown);
    assert_eq!((verdict.ingress.nearest.len(), verdict.ingress.notes.len()), (3, 5));
}

#[test]
fn a_rule_with_thousands_of_networks_is_told_in_a_line() {
    let nets: Vec<String> = (0..5_000).map(|it| format!("10.{}.{}.0/24", it / 250, it % 250)).collect();
    let policy = read(
        Kind::CiliumNetworkPolicy,
        &json!({ "endpointSelector": {}, "ingress": [{ "fromCIDR": nets }] }),
    );
    assert_eq!(
        cilium(policy).explain(&ask(None)).ingress.nearest[0].to_string(),
        "CiliumNetworkPolicy n/p spec.ingress[0]: 203.0.113.1 of the source is not in 10.0.0.0/24, 10.0.1.0/24, \
         10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24, 10.0.5.0/24 and 4994 more"
    );
}

#[test]
fn a_pattern_that_would_fill_the_memory_is_undecided() {
    let rules = json!({ "http": [{ "path": "/(((a{1,999}){1,999}){1,999})*" }] });
    let policy = read(
        Kind::CiliumNetworkPolicy,
        &json!({ "endpointSelector": {}, "ingress": [{ "toPorts": [{ "ports": [{ "port": "80", "protocol": "TCP" }], "rules": rules }] }] }),
    );
    assert_eq!(policy.problems()[0].says, "a regular expression that can't be compiled");
    let request =
        Request::Http { method: "GET".into(), path: "/a".into(), host: String::new(), headers: vec![] };
    assert_eq!(cilium(policy).decide(&ask(Some(request))), Outcome::Unknown);
}

#[test]
fn layer_7_that_can_not_be_read_does_not_let_everything_pass() {
    for rules in [json!({ "http": 7 }), json!({ "dns": [{}] }), json!([]), json!({ "http": [3] })] {
        let policy = read(
            Kind::CiliumNetworkPolicy,
            &json!({ "endpointSelector": {}, "ingress": [{ "toPorts": [{ "ports": [{ "port": "80", "protocol": "TCP" }], "rules": rules }] }] }),
        );
        let request =
            Request::Http { method: "GET".into(), path: "/".into(), host: String::new(), headers: vec![] };
        assert_eq!(cilium(policy).decide(&ask(Some(request))), Outcome::Unknown, "{rules}");
    }
}

#[test]
fn lists_that_are_no_lists_are_undecided_instead_of_unlimited() {
    for ingress in [json!("all"), json!([{ "fromEndpoints": {} }]), json!([{ "toPorts": 80 }]), json!([7])] {
        let spec = json!({ "endpointSelector": {}, "ingress": ingress });
        assert_eq!(
            cilium(read(Kind::CiliumNetworkPolicy, &spec)).decide(&ask(None)),
            Outcome::Unknown,
            "{spec}"
        );
    }
    for ingress in [json!("all"), json!([{ "from": {} }]), json!([{ "ports": 80 }]), json!([7])] {
        let spec = json!({ "podSelector": {}, "ingress": ingress });
        assert_eq!(cilium(read(Kind::NetworkPolicy, &spec)).decide(&ask(None)), Outcome::Unknown, "{spec}");
    }
}

#[test]
fn what_is_no_policy_is_an_error() {
    let unknown = json!({ "kind": "Service", "apiVersion": "v1", "metadata": { "name": "s" } });
    assert_eq!(Policy::parse(&json!([])).unwrap_err(), PolicyError::NotAnObject);
    assert_eq!(
        Policy::parse(&unknown).unwrap_err().to_string(),
        "Service of v1 is no policy kind that is understood"
    );
    let nowhere =
        json!({ "kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": { "name": "s" } });
    assert_eq!(Policy::parse(&nowhere).unwrap_err().to_string(), "NetworkPolicy has no metadata.namespace");
}
