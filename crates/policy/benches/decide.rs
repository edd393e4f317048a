//! 1,000 policies, 10,000 pods, 100,000 questions.
#![expect(clippy::expect_used, reason = "a bench that can not be set up has nothing to measure")]

use divan::Bencher;
use serde_json::json;
use std::sync::Arc;
use stethoscope_policy::{
    Engine, Fate, Known, Observed, Outcome, Peer, Plugin, Pod, Policy, Settings, Surroundings, Traffic,
    Transport,
};

const NAMESPACES: usize = 50;
const POLICIES: usize = 1_000;
const PODS: usize = 10_000;
const QUESTIONS: usize = 100_000;

fn main() {
    divan::main();
}

fn engine() -> Engine {
    let policies = (0..POLICIES).map(|number| {
        let (namespace, app) = (format!("ns-{}", number % NAMESPACES), format!("app-{}", number / NAMESPACES));
        let caller = format!("app-{}", (number / NAMESPACES + 1) % 20);
        let policy = match number % 10 {
            0 => Policy::parse(&json!({
                "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy",
                "metadata": { "name": format!("c-{number}") },
                "spec": {
                    "endpointSelector": { "matchLabels": { "app": app } },
                    "enableDefaultDeny": { "egress": false },
                    "egressDeny": [{ "toCIDRSet": [{ "cidr": "198.51.100.0/24", "except": ["198.51.100.7/32"] }] }],
                },
            })),
            1 => Policy::parse(&json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": { "name": format!("d-{number}"), "namespace": namespace },
                "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
            })),
            _ => Policy::parse(&json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": { "name": format!("n-{number}"), "namespace": namespace },
                "spec": {
                    "podSelector": { "matchLabels": { "app": app } },
                    "ingress": [{
                        "from": [{ "podSelector": { "matchLabels": { "app": caller } } }, { "namespaceSelector": { "matchLabels": { "team": "ops" } } }],
                        "ports": [{ "port": 8080 }, { "port": 9000, "endPort": 9100 }],
                    }],
                },
            })),
        };
        Arc::new(policy.expect("a policy"))
    });
    Engine::new(policies, Surroundings::default(), Settings { plugin: Plugin::Cilium, ..Settings::default() })
}

fn questions() -> Vec<Traffic> {
    let pods: Vec<Arc<Peer>> = (0..PODS)
        .map(|number| {
            let labels =
                [("app", number / NAMESPACES % 20), ("pod-template-hash", number), ("version", number % 3)];
            Arc::new(Peer::Pod(Pod {
                namespace: format!("ns-{}", number % NAMESPACES),
                name: format!("pod-{number}"),
                labels: labels.map(|(key, value)| (key.to_owned(), format!("{key}-{value}"))).into(),
                namespace_labels: Known::Known([("team".to_owned(), "dev".to_owned())].into()),
                node: Some(format!("node-{}", number % 100)),
                ..Pod::default()
            }))
        })
        .collect();
    (0..QUESTIONS)
        .map(|number| Traffic {
            source: pods[number * 7 % PODS].clone(),
            destination: pods[number * 13 % PODS].clone(),
            transport: Transport::tcp([8080, 9050, 443][number % 3]),
            request: None,
        })
        .collect()
}

#[divan::bench(sample_count = 10)]
fn builds_the_index(bencher: Bencher<'_, '_>) {
    bencher.bench(engine);
}

#[divan::bench(sample_count = 10)]
fn decides_100_000_questions(bencher: Bencher<'_, '_>) {
    let (engine, questions) = (engine(), questions());
    bencher.bench(|| questions.iter().filter(|traffic| engine.decide(traffic) == Outcome::Denied).count());
}

#[divan::bench(sample_count = 10)]
fn explains_10_000_questions(bencher: Bencher<'_, '_>) {
    let (engine, questions) = (engine(), questions());
    bencher.bench(|| {
        questions
            .iter()
            .take(10_000)
            .map(|traffic| engine.explain(traffic).ingress.selected_by.len())
            .sum::<usize>()
    });
}

#[divan::bench(sample_count = 10)]
fn suggests_and_proves_against_100_000_questions(bencher: Bencher<'_, '_>) {
    let (engine, questions) = (engine(), questions());
    let fate = |traffic: &Traffic| match engine.decide(traffic) {
        Outcome::Denied => Fate::Dropped,
        Outcome::Allowed | Outcome::Audited | Outcome::Unknown => Fate::Forwarded,
    };
    let observed: Vec<Observed> =
        questions.into_iter().map(|traffic| Observed { fate: fate(&traffic), traffic, count: 1 }).collect();
    let denied: Vec<Observed> =
        observed.iter().filter(|it| it.fate == Fate::Dropped).take(5).cloned().collect();
    bencher.bench(|| engine.suggest(&denied, &observed).ranked.len());
}
