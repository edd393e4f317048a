//! The deciding evidence is gone: only `inconclusive`, or a stated low confidence, is right.
//!
//! ```text
//! the detectors' finding of the expected cause ─> what its proofs cite ─> taken away ─> asked again, until it is found no more
//! ```
//!
//! What is taken away is what a cluster loses in the same way, so that nothing that stays says something untrue: events expire,
//! log lines rotate away, series are gone, and a field is hidden by denying its kind in its namespace, as RBAC would have it. An
//! emptied field would be a lie: a Service without a selector is another Service. Everything else stays readable.
//!
//! Where the detectors do not find the expected cause in the first place, and where health is what was to be told, the state of
//! the subject's namespace may not be read at all.

use super::{World, subjects};
use crate::compose;
use crate::expected::Expected;
use crate::score::{Owners, SubjectMatch};
use crate::suite::Mapping;
use crate::timeline::Stopwatch;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use stethoscope_agent::{Investigation, Limits, Prompts};
use stethoscope_core::evidence::find_quote;
use stethoscope_core::finding::{Finding, Proof, ProofSource};
use stethoscope_incidents::Bundle;
use stethoscope_incidents::bundle::Denial;
use stethoscope_models::builtin::Builtin;

/// Times that the detectors are asked whether the cause can still be told.
const MOST_ROUNDS: usize = 12;
/// From here on events and logs go as a whole: other lines of them tell the same.
const WHOLE_FROM: usize = 4;
/// What carries a pod's template: a field of one of them stands in the others too.
const TEMPLATES: [&str; 7] =
    ["pods", "replicasets", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"];
/// What tells the state of a namespace.
const TELLING: [&str; 14] = [
    "pods",
    "pods/log",
    "events",
    "replicasets",
    "deployments",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "endpoints",
    "endpointslices",
    "services",
    "persistentvolumeclaims",
    "resourcequotas",
];
/// What tells the state of nodes.
const OF_NODES: [&str; 3] = ["nodes", "nodes/proxy", "leases"];

/// Takes the deciding evidence away. `Err` is one sentence.
pub(super) async fn ablate(bundle: Bundle, mapping: &Mapping) -> Result<Bundle, String> {
    let mut world = World::of(&bundle);
    let expected = world.expect.as_ref().map(|expect| Expected::read(expect, mapping)).transpose()?;
    remove_expected_words(&mut world);
    let cut = match &expected {
        Some(expected) if expected.wants_cause() => cut(&mut world, expected).await?,
        Some(_) | None => Cut::NotFound,
    };
    if cut == Cut::NotFound {
        hide(&mut world, mapping);
    }
    silence(&mut world, Grain::Lines);
    if let Some(expect) = &mut world.expect {
        expect.cause = None;
        expect.more.insert("verdict".to_owned(), json!("inconclusive"));
        expect.more.remove("evidence");
    }
    world.bundle()
}

/// What the detectors find in a bundle when its question is asked. `Err` is one sentence.
async fn findings(bundle: Bundle) -> Result<Vec<Finding>, String> {
    let prompts = Prompts::shipped().map_err(|error| error.to_string())?;
    // The overview, the detectors, the conclusion.
    let limits = Limits { turns: 3, ..Limits::default() };
    // Nobody reads these times.
    let watch = Stopwatch::start(Timestamp::UNIX_EPOCH);
    let asked = compose::ask(Arc::new(bundle), &Builtin, limits, &prompts, &watch).await?;
    let investigation: Investigation = serde_json::from_str(&asked.whole)
        .map_err(|error| format!("the stored investigation cannot be read: {error}"))?;
    let digests = investigation.ledger().iter().rev().find_map(|evidence| evidence.data.get("findings"));
    Ok(digests.and_then(|found| serde_json::from_value(found.clone()).ok()).unwrap_or_default())
}

/// Whether the proofs of the expected cause could be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The cause was found, and is found no more.
    Away,
    /// The cause was not found, or is found whatever is taken away.
    NotFound,
}

async fn cut(world: &mut World, expected: &Expected) -> Result<Cut, String> {
    let mut found = Cut::NotFound;
    for round in 0..MOST_ROUNDS {
        let bundle = world.clone().bundle()?;
        let owners = Owners::of(&bundle);
        let namespace = bundle.namespace().map(ToOwned::to_owned);
        let findings = findings(bundle).await?;
        let subject = |finding: &Finding| {
            let mut patterns = expected.subjects.iter();
            let same = |pattern| {
                owners.compare(&finding.subject, pattern, namespace.as_deref()) > SubjectMatch::Different
            };
            expected.subjects.is_empty() || patterns.any(same)
        };
        let deciding: Vec<Proof> = findings
            .into_iter()
            .filter(|finding| expected.causes.contains(&finding.cause.to_string()) && subject(finding))
            .flat_map(|finding| finding.proofs)
            .collect();
        if deciding.is_empty() {
            return Ok(found);
        }
        found = Cut::Away;
        let before = size(world);
        for proof in &deciding {
            remove(world, proof, if round < WHOLE_FROM { Grain::Lines } else { Grain::Whole });
        }
        if size(world) == before && round >= WHOLE_FROM {
            break;
        }
    }
    Ok(Cut::NotFound)
}

/// How much of a log or of the events goes with a line that tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Lines,
    Whole,
}

/// Enough to see whether something was taken away.
fn size(world: &World) -> (usize, usize, usize, usize) {
    let logs =
        world.pod_logs.iter().map(|log| log.text.len()).chain(world.node_logs.values().map(String::len));
    let series = [&world.metrics, &world.alerts].into_iter().flatten().map(String::len).sum();
    (world.objects.len(), logs.sum(), world.access.deny.len(), series)
}

fn remove(world: &mut World, proof: &Proof, grain: Grain) {
    let namespace = proof.object.namespace.clone();
    if let ProofSource::Event { .. } = &proof.source {
        match grain {
            Grain::Lines => {
                world.objects.retain(|object| !is_event(object) || !tells(message(object), &proof.quote));
                // A condition often repeats the event word for word.
                let repeating: BTreeSet<(Option<String>, String)> = world
                    .objects
                    .iter()
                    .filter(|object| holds(object, &proof.quote))
                    .map(|object| {
                        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
                        let kind = plural(object["kind"].as_str().unwrap_or_default());
                        (text(&object["metadata"]["namespace"]), kind)
                    })
                    .collect();
                for (namespace, kind) in repeating {
                    deny(world, namespace, &[kind.as_str()]);
                }
            }
            Grain::Whole => deny(world, namespace, &["events"]),
        }
    } else if let ProofSource::Log { container, .. } = &proof.source {
        let logs = world
            .pod_logs
            .iter_mut()
            .filter(|log| Some(&log.namespace) == namespace.as_ref() && log.container == *container);
        logs.for_each(|log| log.text = rotated(&log.text, &proof.quote, grain));
    } else if let ProofSource::NodeLog { unit } = &proof.source {
        let logs = world.node_logs.iter_mut().filter(|((_, known), _)| known == unit);
        logs.for_each(|(_, text)| *text = rotated(text, &proof.quote, grain));
    } else if let ProofSource::Field { path } = &proof.source {
        let kind = plural(&proof.object.kind);
        if TEMPLATES.contains(&kind.as_str()) && !path.starts_with("status") {
            deny(world, namespace, &TEMPLATES);
        } else {
            deny(world, namespace, &[kind.as_str()]);
        }
    } else if proof.source == ProofSource::Absence {
        // What is not there is told by the list of its kind.
        deny(world, namespace.clone(), &[plural(&proof.object.kind).as_str()]);
        if proof.quote.contains("endpoint") {
            deny(world, namespace.clone(), &["endpoints", "endpointslices"]);
        }
        if proof.quote.contains("event") {
            deny(world, namespace, &["events"]);
        }
    } else {
        // A series or an alert.
        silence(world, grain);
    }
}

/// The text without the lines that tell.
fn rotated(text: &str, quote: &str, grain: Grain) -> String {
    let kept: Vec<&str> = match grain {
        Grain::Lines => text.lines().filter(|line| !tells(line, quote)).collect(),
        Grain::Whole => Vec::new(),
    };
    if kept.is_empty() { String::new() } else { kept.join("\n") + "\n" }
}

/// Whether a text says what a quote says: it holds it, or it is the same line of another moment, pod or address.
fn tells(text: &str, quote: &str) -> bool {
    find_quote(text, quote) || quote.lines().any(|line| !shape(line).is_empty() && shape(text) == shape(line))
}

/// The words of a line without those that hold digits.
fn shape(line: &str) -> Vec<&str> {
    // Upstream's event series (events/eventseries.go) put these words in front.
    let line = line.trim().trim_start_matches("(combined from similar events): ");
    line.split_whitespace().filter(|word| !word.contains(|letter: char| letter.is_ascii_digit())).collect()
}

/// Whether any text in an object holds the quote.
fn holds(value: &Value, quote: &str) -> bool {
    match value {
        Value::String(text) => text.contains(quote),
        Value::Array(items) => items.iter().any(|item| holds(item, quote)),
        Value::Object(fields) => fields.values().any(|field| holds(field, quote)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_event(object: &Value) -> bool {
    object["kind"] == "Event"
}

fn message(event: &Value) -> &str {
    event["message"].as_str().or_else(|| event["note"].as_str()).unwrap_or_default()
}

/// Lines and events that hold a sentence which the expectation names as evidence.
fn remove_expected_words(world: &mut World) {
    let evidence: Vec<String> = world
        .expect
        .as_ref()
        .and_then(|expect| serde_json::from_value(expect.more.get("evidence")?.clone()).ok())
        .unwrap_or_default();
    // A single word is a name or a state and stands in much that decides nothing.
    for words in evidence.iter().filter(|words| words.contains(' ')) {
        world.objects.retain(|object| !is_event(object) || !tells(message(object), words));
        for text in world.pod_logs.iter_mut().map(|log| &mut log.text).chain(world.node_logs.values_mut()) {
            *text = rotated(text, words, Grain::Lines);
        }
    }
}

/// Takes the subjects' series and alerts away, or all.
fn silence(world: &mut World, grain: Grain) {
    if grain == Grain::Whole {
        (world.metrics, world.alerts) = (None, None);
        return;
    }
    let names: Vec<String> = subjects(world)
        .iter()
        .filter_map(|subject| subject.rsplit('/').next())
        .map(ToOwned::to_owned)
        .collect();
    let named = |text: &str| {
        names.iter().any(|name| {
            text.match_indices(name.as_str()).any(|(at, _)| {
                let after = text[at + name.len()..].chars().next();
                let before = text[..at].chars().next_back();
                [before, after].into_iter().flatten().all(|letter| !letter.is_alphanumeric())
            })
        })
    };
    world.metrics = world.metrics.take().map(|text| {
        let kept = text.lines().filter(|line| line.starts_with('#') || !named(line));
        kept.fold(String::new(), |kept, line| kept + line + "\n")
    });
    world.alerts = world.alerts.take().map(|text| {
        let Ok(mut alerts) = serde_json::from_str::<Value>(&text) else { return text };
        keep_other_alerts(&mut alerts, &named);
        alerts.to_string()
    });
}

/// Alerts lie in arrays, in Prometheus's answer as in Alertmanager's.
fn keep_other_alerts(value: &mut Value, named: &dyn Fn(&str) -> bool) {
    match value {
        Value::Array(items) => items.retain(|item| !named(&item.to_string())),
        Value::Object(map) => map.values_mut().for_each(|value| keep_other_alerts(value, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn deny(world: &mut World, namespace: Option<String>, resources: &[&str]) {
    for resource in resources {
        let denial =
            Denial { group: "*".to_owned(), resource: (*resource).to_owned(), namespace: namespace.clone() };
        if !world.access.deny.contains(&denial) {
            world.access.deny.push(denial);
        }
    }
}

/// Nothing that tells the state of the subjects may be read.
fn hide(world: &mut World, mapping: &Mapping) {
    let subjects = subjects(world);
    let mut hidden: BTreeSet<(Option<String>, String)> = BTreeSet::new();
    let asked = world.incident.namespace.clone();
    let mut namespaces: BTreeSet<Option<String>> = [asked.clone()].into();
    for subject in &subjects {
        let parts: Vec<&str> = subject.split('/').collect();
        let (kind, namespace) = match parts.as_slice() {
            [kind, namespace, _] => (*kind, Some((*namespace).to_owned())),
            [kind, _] => (*kind, asked.clone()),
            _ => continue,
        };
        let kinds = mapping.subjects.get(kind).cloned().unwrap_or_else(|| vec![kind.to_owned()]);
        for kind in kinds {
            if kind.eq_ignore_ascii_case("node") {
                hidden.extend(OF_NODES.iter().map(|resource| (None, (*resource).to_owned())));
                world.node_logs.clear();
                // Every namespace has pods on it, and its events lie in `default`.
                namespaces.insert(None);
            } else if kind.eq_ignore_ascii_case("namespace") {
                namespaces.insert(Some(subject.rsplit('/').next().unwrap_or_default().to_owned()));
            } else {
                let scoped = is_cluster_scoped(world, &kind);
                hidden.insert((if scoped { None } else { namespace.clone() }, plural(&kind)));
                namespaces.insert(namespace.clone());
            }
        }
    }
    for namespace in namespaces {
        hidden.extend(TELLING.iter().map(|resource| (namespace.clone(), (*resource).to_owned())));
    }
    for (namespace, resource) in hidden {
        deny(world, namespace, &[resource.as_str()]);
    }
}

fn is_cluster_scoped(world: &World, kind: &str) -> bool {
    let mut of_kind = world
        .objects
        .iter()
        .filter(|object| object["kind"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind)));
    of_kind.next().is_some_and(|object| object["metadata"]["namespace"].is_null())
}

/// The resource of a kind, by upstream's rule for its own types (`meta.UnsafeGuessKindToResource` of apimachinery).
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        _ if kind == "endpoints" => kind,
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::super::tests::tiny;
    use super::*;
    use pretty_assertions::assert_eq;
    use stethoscope_core::object::ObjectRef;

    fn verdict(bundle: &Bundle) -> (&'static str, bool) {
        let expected =
            crate::expected::Expected::read(bundle.expectation().unwrap(), &Mapping::default()).unwrap();
        (crate::expected::word(expected.verdict), expected.wants_cause())
    }

    #[tokio::test]
    async fn a_cause_that_is_not_found_hides_the_state_of_its_namespace() {
        let (bundle, _) = Variant::Ablate.of(tiny(), 1, &Mapping::default()).await.unwrap();
        assert!(!bundle.objects().iter().any(|object| object.kind == "Event"));
        for resource in ["deployments", "pods", "pods/log", "events"] {
            assert!(bundle.access().denies("", resource, Some("shop")), "{resource} can be read");
        }
        assert!(!bundle.access().denies("", "pods", Some("other")));
        assert_eq!(verdict(&bundle), ("inconclusive", false));
    }

    /// A Service whose selector matches nothing, its workload, and a bystander.
    fn mismatch() -> Bundle {
        let pod = |name: &str, app: &str| {
            json!({"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": app}},
            "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": "registry.example.com/a:1", "ports": [{"containerPort": 80}]}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "state": {"running": {}}}]}})
        };
        let objects = json!({"kind": "List", "apiVersion": "v1", "items": [
            {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop"}},
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "cart", "namespace": "shop"},
                "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "basket"}, "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}]}},
            pod("cart-1", "cart"), pod("orders-1", "orders")
        ]});
        let incident = r#"{"apiVersion": "stethoscope.dev/v1", "kind": "Incident", "metadata": {"name": "cart"},
            "question": "why does cart not answer?", "namespace": "shop", "capturedAt": "2026-03-29T10:20:00Z",
            "expect": {"cause": "service.selector-mismatch", "subject": "Service/shop/cart"}}"#;
        Bundle::from_files(
            "cart",
            [("incident.yaml", incident.to_owned()), ("cluster-resources/all.json", objects.to_string())],
        )
        .unwrap()
    }

    #[tokio::test]
    async fn what_the_finding_cites_is_denied_and_the_rest_can_be_read() {
        let cited = findings(mismatch()).await.unwrap();
        assert_eq!(cited[0].cause.to_string(), "service.selector-mismatch");
        let (bundle, _) = Variant::Ablate.of(mismatch(), 1, &Mapping::default()).await.unwrap();
        assert!(bundle.access().denies("", "services", Some("shop")));
        assert!(!bundle.access().denies("", "namespaces", None), "{:?}", bundle.access());
        assert_eq!(bundle.objects().len(), mismatch().objects().len(), "nothing is taken out of the objects");
        let left = findings(bundle).await.unwrap();
        assert!(!left.iter().any(|finding| finding.cause == cited[0].cause), "{left:?}");
    }

    fn proof(source: ProofSource, quote: &str) -> Proof {
        let object = ObjectRef::namespaced("Pod", "shop", "payments-x1-abc");
        Proof { object, source, quote: quote.to_owned() }
    }

    #[test]
    fn a_line_goes_with_its_likes_of_other_moments_and_the_others_stay() {
        let log = "10:01 pool 7 is full\n10:02 started\n10:03 pool 9 is full\n";
        assert_eq!(rotated(log, "10:01 pool 7 is full", Grain::Lines), "10:02 started\n");
        assert_eq!(rotated(log, "10:01 pool 7 is full", Grain::Whole), "");
        assert!(!tells("12 34", "56 78"), "lines without a word have no shape");
        let mut world = World::of(&tiny());
        let source = ProofSource::Log { container: "payments".to_owned(), previous: false };
        remove(&mut world, &proof(source, "2026-03-29T10:17:00Z payments starts"), Grain::Lines);
        assert!(!world.pod_logs[0].text.contains("starts") && world.pod_logs[0].text.contains("hello"));
    }

    #[test]
    fn an_event_expires_and_a_field_hides_its_kind_and_what_carries_the_same_template() {
        let mut world = World::of(&tiny());
        let event = ProofSource::Event { reason: "BackOff".to_owned() };
        remove(&mut world, &proof(event, "back-off restarting payments in payments-x9-zzz9"), Grain::Lines);
        assert!(!world.objects.iter().any(is_event));
        let denied = |path: &str| {
            let mut world = World::of(&tiny());
            remove(&mut world, &proof(ProofSource::Field { path: path.to_owned() }, "x"), Grain::Lines);
            world.access.deny.into_iter().map(|denial| denial.resource).collect::<Vec<_>>()
        };
        assert_eq!(denied("status.phase"), ["pods"]);
        assert_eq!(denied("spec.containers[a].image"), TEMPLATES);
    }

    #[test]
    fn the_subjects_series_and_alerts_go_and_those_of_others_stay() {
        let mut world = World::of(&tiny());
        world.metrics =
            Some("# TYPE up gauge\nup{pod=\"payments-x1\"} 1 1\nup{pod=\"prepayments\"} 1 1\n".to_owned());
        world.alerts = Some(
            r#"{"data":{"alerts":[{"labels":{"pod":"payments-1"}},{"labels":{"pod":"cart"}}]}}"#.to_owned(),
        );
        silence(&mut world, Grain::Lines);
        assert_eq!(world.metrics.unwrap(), "# TYPE up gauge\nup{pod=\"prepayments\"} 1 1\n");
        assert_eq!(world.alerts.unwrap(), r#"{"data":{"alerts":[{"labels":{"pod":"cart"}}]}}"#);
    }

    #[test]
    fn kinds_become_resources_as_upstream_guesses_them() {
        let found: Vec<String> = ["NetworkPolicy", "Ingress", "StorageClass", "Endpoints", "Pod"]
            .iter()
            .map(|kind| plural(kind))
            .collect();
        assert_eq!(found, ["networkpolicies", "ingresses", "storageclasses", "endpoints", "pods"]);
    }
}
