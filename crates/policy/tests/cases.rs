//! Upstream's documented semantics as questions with expected answers (`tests/cases/*.yaml`).
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test that called them")]

use pretty_assertions::assert_eq;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use stethoscope_policy::{
    Decision, Engine, Family, Known, Labels, Outcome, Peer, Policy, Protocol, Request, Service, Settings,
    SideVerdict, Surroundings, Traffic, Transport,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    namespaces: BTreeMap<String, Labels>,
    peers: BTreeMap<String, Peer>,
    #[serde(default)]
    services: Vec<Service>,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    says: String,
    settings: Option<Settings>,
    policies: Vec<Value>,
    #[serde(default)]
    problems: Vec<String>,
    ask: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    from: String,
    to: String,
    on: String,
    request: Option<Request>,
    is: Outcome,
    egress: Option<Value>,
    ingress: Option<Value>,
    nearest: Option<String>,
    note: Option<String>,
}

fn transport(text: &str) -> Transport {
    if let Some((port, protocol)) = text.split_once('/') {
        let protocol: Protocol = serde_json::from_value(protocol.into()).unwrap();
        return Transport::Port { protocol, port: port.parse().ok() };
    }
    match text.split_once(' ') {
        Some(("icmp", kind)) => Transport::Icmp { family: Family::V4, kind: kind.parse().ok() },
        Some(("icmpv6", kind)) => Transport::Icmp { family: Family::V6, kind: kind.parse().ok() },
        _ => Transport::Other(text.to_owned()),
    }
}

/// `open`, or `allowed by Kind ns/name path`, with `, proxy` behind.
fn decision(side: &SideVerdict) -> String {
    match &side.decision {
        Decision::Allowed { rule, proxy: false } => format!("allowed by {rule}"),
        Decision::Allowed { rule, proxy: true } => format!("allowed by {rule}, proxy"),
        Decision::Denied { rule } => format!("denied by {rule}"),
        Decision::Refused { rule } => format!("refused by {rule}"),
        Decision::Conflict { .. } => "conflict".to_owned(),
        Decision::Outside => "outside".to_owned(),
        Decision::Open => "open".to_owned(),
        Decision::Itself => "itself".to_owned(),
        Decision::LocalHost => "local host".to_owned(),
        Decision::DefaultDeny => "default deny".to_owned(),
        Decision::Unknown => "unknown".to_owned(),
    }
}

fn check(file: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let value: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let file: File = serde_json::from_value(value).unwrap();
    let mut asked = 0;
    for scenario in &file.scenarios {
        let policies: Vec<Arc<Policy>> =
            scenario.policies.iter().map(|it| Arc::new(Policy::parse(it).unwrap())).collect();
        let surroundings =
            Surroundings { services: Known::Known(file.services.clone()), ..Surroundings::default() };
        let settings = scenario.settings.as_ref().unwrap_or(&file.settings).clone();
        let engine = Engine::new(policies, surroundings, settings);
        let problems: Vec<String> = engine.problems().map(|it| format!("{}: {}", it.path, it.says)).collect();
        assert_eq!(problems, scenario.problems, "{}", scenario.says);
        for question in &scenario.ask {
            asked += 1;
            let peer = |name: &str| {
                let mut peer = file.peers[name].clone();
                if let Peer::Pod(pod) = &mut peer
                    && pod.namespace_labels == Known::Unknown
                    && let Some(labels) = file.namespaces.get(&pod.namespace)
                {
                    pod.namespace_labels = Known::Known(labels.clone());
                }
                Arc::new(peer)
            };
            let traffic = Traffic {
                source: peer(&question.from),
                destination: peer(&question.to),
                transport: transport(&question.on),
                request: question.request.clone(),
            };
            let verdict = engine.explain(&traffic);
            let about = format!("{}: {} to {} on {}", scenario.says, question.from, question.to, question.on);
            assert_eq!(verdict.outcome, question.is, "{about}\n{verdict}");
            assert_eq!(engine.decide(&traffic), question.is, "{about}");
            for (expected, side) in
                [(&question.egress, &verdict.egress), (&question.ingress, &verdict.ingress)]
            {
                if let Some(Value::String(expected)) = expected {
                    assert_eq!(&decision(side), expected, "{about}\n{verdict}");
                }
            }
            if let Some(nearest) = &question.nearest {
                let misses = verdict.egress.nearest.iter().chain(&verdict.ingress.nearest);
                assert_eq!(
                    misses.map(ToString::to_string).next().as_ref(),
                    Some(nearest),
                    "{about}\n{verdict}"
                );
            }
            if let Some(note) = &question.note {
                let mut notes = verdict.egress.notes.iter().chain(&verdict.ingress.notes);
                assert!(notes.any(|it| it == note), "{about}\n{verdict}");
            }
        }
    }
    asked
}

#[test]
fn network_policies_answer_as_kubernetes_documents() {
    assert!(check("kubernetes.yaml") >= 30);
}

#[test]
fn cilium_policies_answer_as_cilium_documents() {
    assert!(check("cilium.yaml") >= 40);
}

#[test]
fn denials_of_cilium_answer_as_its_table_says() {
    assert!(check("deny.yaml") >= 15);
}

#[test]
fn requests_answer_as_layer_7_is_documented() {
    assert!(check("layer7.yaml") >= 12);
}

#[test]
fn tiers_of_administrators_answer_in_order() {
    assert!(check("admin.yaml") >= 20);
}

#[test]
fn traps_of_flow_records_do_not_mislead() {
    assert!(check("traps.yaml") >= 10);
}
