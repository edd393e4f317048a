//! Admission webhooks that do not answer, and what the API server refuses because of them.
//!
//! Texts: `apiserver/pkg/admission/plugin/webhook/errors/statuserror.go` (`failed calling webhook`), Go's `net` and `x509`.

use crate::control_plane::voices::{about, in_events, in_logs};
use crate::control_plane::{Backend, backend, behind};
use crate::draft::{Draft, Felt, absence, event, field};
use crate::snapshot::{Event, Snapshot, Webhook, WebhookConfiguration};
use crate::world::{World, reference};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const FAILING: CauseCode = CauseCode::new("admission.webhook-failing");
const TIMEOUT: CauseCode = CauseCode::new("admission.webhook-timeout");
const CERTIFICATE: CauseCode = CauseCode::new("admission.webhook-certificate");

const SAYS_FAILED: &str = "failed calling webhook \"";
const SAYS_LATE: &[&str] =
    &["context deadline exceeded", "Client.Timeout", "i/o timeout", "TLS handshake timeout"];
const SAYS_CERTIFICATE: &[&str] = &["x509: ", "tls: "];

/// Seconds within which a refusal of something that is no workload counts.
const LATELY: i64 = 900;
/// Seconds that a webhook's pods may take to start or to be replaced.
const STARTING: i64 = 300;
/// Refusals quoted.
const SHOWN: usize = 3;

/// Both kinds of webhook configurations, by kind.
pub(crate) fn configurations<'a>(world: &World<'a>) -> [(&'static str, &'a [WebhookConfiguration]); 2] {
    [
        ("ValidatingWebhookConfiguration", &world.snapshot.validating_webhooks),
        ("MutatingWebhookConfiguration", &world.snapshot.mutating_webhooks),
    ]
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let mut failing = BTreeMap::<&str, Vec<(&Event, ObjectRef)>>::new();
    for event in in_events(world, &[SAYS_FAILED]) {
        let blocked = about(world, event);
        if let Some(name) = name(&event.message).filter(|_| blocks(world, event, &blocked)) {
            failing.entry(name).or_default().push((event, blocked));
        }
    }
    let mut told = BTreeSet::new();
    for (name, refusals) in &failing {
        match configured(world, name) {
            Some((at, webhook)) => {
                told.insert(at.clone());
                found.push(refuses(world, at, webhook, refusals));
            }
            None => unconfigured(refusals, found),
        }
    }
    for (kind, configurations) in configurations(world) {
        for configuration in configurations {
            let at = reference(kind, &configuration.metadata);
            if !told.contains(&at) {
                found.extend(without_endpoints(world, &at, configuration));
            }
        }
    }
}

/// Namespaces of the webhooks that events name as failing and of the aggregated APIs that are not available: what is
/// wrong with them shows there.
pub(crate) fn backends(snapshot: &Snapshot) -> BTreeSet<&str> {
    let failing: BTreeSet<&str> = snapshot
        .events
        .iter()
        .filter(|event| event.warns())
        .filter_map(|event| name(&event.message))
        .collect();
    let webhooks = snapshot.validating_webhooks.iter().chain(&snapshot.mutating_webhooks);
    let webhooks = webhooks
        .flat_map(|it| &it.webhooks)
        .filter(|webhook| failing.contains(webhook.name.as_str()))
        .filter_map(|webhook| webhook.client_config.service.as_ref());
    let apis = snapshot.api_services.iter().filter(|api| api.unavailable().is_some());
    let apis = apis.filter_map(|api| api.spec.service.as_ref());
    webhooks.chain(apis).map(|service| service.namespace.as_str()).collect()
}

fn name(said: &str) -> Option<&str> {
    said.split_once(SAYS_FAILED)?.1.split('"').next()
}

/// Whether the refusal still keeps something from being. What was overcome since is history.
fn blocks(world: &World<'_>, event: &Event, blocked: &ObjectRef) -> bool {
    let about = &event.involved_object;
    if about.kind == "ReplicaSet" {
        return world.snapshot.replica_sets.iter().any(|set| {
            set.metadata.name == about.name
                && set.metadata.namespace == about.namespace
                && set.status.replicas < set.spec.wanted()
        });
    }
    match world.workload(blocked) {
        Some(workload) => workload.present < workload.wanted || about.kind != workload.kind,
        None => world.age(event.last_seen()).is_none_or(|age| age < LATELY),
    }
}

fn configured<'a>(world: &World<'a>, name: &str) -> Option<(ObjectRef, &'a Webhook)> {
    configurations(world).into_iter().find_map(|(kind, configurations)| {
        configurations.iter().find_map(|configuration| {
            let webhook = configuration.webhooks.iter().find(|webhook| webhook.name == name)?;
            Some((reference(kind, &configuration.metadata), webhook))
        })
    })
}

/// How the call failed, by the words of the newest refusal.
fn cause(said: &str) -> (CauseCode, &'static str) {
    let holds = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if holds(SAYS_CERTIFICATE) {
        (CERTIFICATE, "its certificate is not accepted")
    } else if holds(SAYS_LATE) {
        (TIMEOUT, "it does not answer in time")
    } else {
        (FAILING, "it can't be reached")
    }
}

fn refuses(world: &World<'_>, at: ObjectRef, webhook: &Webhook, refusals: &[(&Event, ObjectRef)]) -> Draft {
    let said = refusals.first().map_or("", |(event, _)| event.message.as_str());
    let (cause, what) = cause(said);
    let statement = format!(
        "the API server refuses to create what the webhook {} of {at} guards, because {what}",
        webhook.name
    );
    let path = format!("webhooks[{}]", webhook.name);
    let mut draft = Draft::new(cause, at.clone(), 0.95, statement)
        .proofs(refusals.iter().take(SHOWN).map(|(refusal, _)| event(refusal)))
        .proof(field(
            &at,
            &format!("{path}.failurePolicy"),
            webhook.failure_policy.as_deref().unwrap_or("Fail"),
        ))
        .affects(refusals.iter().map(|(_, blocked)| blocked.clone()))
        .param("webhook", webhook.name.as_str())
        .since(refusals.iter().filter_map(|(event, _)| event.first_timestamp.or(event.last_seen())).min());
    if let Some(service) = &webhook.client_config.service {
        let served = ObjectRef::namespaced("Service", &service.namespace, &service.name);
        draft = draft
            .through(behind(world, &service.namespace, &service.name))
            .param("service", service.name.as_str())
            .param("service_namespace", service.namespace.as_str());
        draft = match backend(world, &service.namespace, &service.name) {
            Backend::Missing => draft.proof(absence(&served, format!("no {served}"))),
            Backend::Empty => draft.proof(absence(&served, format!("no ready endpoint of {served}"))),
            Backend::Unseen | Backend::Ready => draft,
        };
    }
    if let Some(seconds) = webhook.timeout_seconds.filter(|_| draft.finding.cause == TIMEOUT) {
        draft = draft.proof(field(&at, &format!("{path}.timeoutSeconds"), seconds));
    }
    draft
}

/// The configuration may not be read, or is gone: each blocked object is told by itself.
fn unconfigured(refusals: &[(&Event, ObjectRef)], found: &mut Vec<Draft>) {
    let mut told = BTreeSet::new();
    for (refusal, blocked) in refusals {
        if !told.insert(blocked) {
            continue;
        }
        let (cause, what) = cause(&refusal.message);
        let webhook = name(&refusal.message).unwrap_or_default();
        let statement = format!(
            "the API server refuses to create pods of {blocked}: its admission webhook {webhook} fails, {what}"
        );
        found.push(
            Draft::new(cause, blocked.clone(), 0.93, statement)
                .proof(event(refusal))
                .param("webhook", webhook)
                .since(refusal.first_timestamp.or(refusal.last_seen())),
        );
    }
}

/// A webhook that must answer and has nobody behind it: the next object that it guards will be refused.
fn without_endpoints(
    world: &World<'_>,
    at: &ObjectRef,
    configuration: &WebhookConfiguration,
) -> Option<Draft> {
    let strict = |webhook: &&Webhook| webhook.failure_policy.as_deref() != Some("Ignore");
    let (webhook, service, state) = configuration.webhooks.iter().filter(strict).find_map(|webhook| {
        let service = webhook.client_config.service.as_ref()?;
        match backend(world, &service.namespace, &service.name) {
            state @ (Backend::Missing | Backend::Empty) => Some((webhook, service, state)),
            Backend::Unseen | Backend::Ready => None,
        }
    })?;
    let served = ObjectRef::namespaced("Service", &service.namespace, &service.name);
    let lacks = if state == Backend::Missing {
        format!("no {served}")
    } else {
        format!("no ready endpoint of {served}")
    };
    let statement =
        format!("nobody answers for the webhook {} of {at}: what it guards can't be created", webhook.name);
    let passing = lately_ready(world, &service.namespace, &service.name) && !complained_of(world, webhook);
    Some(
        Draft::new(FAILING, at.clone(), if passing { 0.45 } else { 0.6 }, statement)
            .proof(absence(&served, lacks))
            .proof(field(at, &format!("webhooks[{}].failurePolicy", webhook.name), "Fail"))
            .through(behind(world, &service.namespace, &service.name))
            .param("webhook", webhook.name.as_str())
            .param("service", service.name.as_str())
            .param("service_namespace", service.namespace.as_str())
            .felt(Felt::Silently),
    )
}

/// Whether one of the pods behind a Service ceased to be ready, or was made, only a moment ago.
fn lately_ready(world: &World<'_>, namespace: &str, service: &str) -> bool {
    let Some(service) = world.service(namespace, service).filter(|it| !it.spec.selector.is_empty()) else {
        return false;
    };
    world.selected(namespace, &service.spec.selector).iter().filter(|pod| !pod.finished()).any(|pod| {
        let since = pod.condition("Ready").and_then(|it| it.last_transition_time);
        world.age(since.or(pod.metadata.creation_timestamp)).is_some_and(|age| age < STARTING)
    })
}

/// Whether an event or the control plane's logs tell of a call to the webhook that failed.
fn complained_of(world: &World<'_>, webhook: &Webhook) -> bool {
    let told = format!("{SAYS_FAILED}{}\"", webhook.name);
    // Structured logs escape quotes.
    let escaped = told.replace('"', "\\\"");
    let words = [told.as_str(), escaped.as_str()];
    !in_events(world, &words).is_empty() || !in_logs(world, &words).is_empty()
}
