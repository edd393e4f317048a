//! Pods, Services and claims that the API server refuses to create: quotas, service accounts, webhooks, policies.
//!
//! Texts: `k8s.io/apiserver/pkg/admission` and the plugins below `plugin/pkg/admission`.

use crate::draft::{Draft, Felt, absence, event, field};
use crate::snapshot::{Event, Kind, ReplicaSet, ResourceQuota};
use crate::world::{Workload, World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const QUOTA_CPU: CauseCode = CauseCode::new("admission.quota-cpu");
const QUOTA_MEMORY: CauseCode = CauseCode::new("admission.quota-memory");
const QUOTA_PODS: CauseCode = CauseCode::new("admission.quota-pods");
const QUOTA_SERVICES: CauseCode = CauseCode::new("admission.quota-services");
const QUOTA_STORAGE: CauseCode = CauseCode::new("admission.quota-storage");
const QUOTA_OTHER: CauseCode = CauseCode::new("admission.quota-other");
const QUOTA_UNSPECIFIED: CauseCode = CauseCode::new("admission.quota-needs-requests");
const SERVICE_ACCOUNT: CauseCode = CauseCode::new("admission.service-account-missing");
const WEBHOOK_DENIES: CauseCode = CauseCode::new("admission.webhook-denies");
const POD_SECURITY: CauseCode = CauseCode::new("admission.pod-security");
const LIMIT_RANGE: CauseCode = CauseCode::new("admission.limit-range");
const RUNTIME_CLASS: CauseCode = CauseCode::new("pod.runtime-class-missing");
const REFUSED: CauseCode = CauseCode::new("admission.refused");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let mut quotas = BTreeMap::<(CauseCode, ObjectRef), Draft>::new();
    for workload in world.workloads.iter().filter(|workload| lacks_pods(world, workload)) {
        let Some(refusal) = refusal(world, workload) else { continue };
        // Told of the webhook, once for all that it blocks.
        if refusal.message.contains("failed calling webhook") {
            continue;
        }
        let draft = explain(world, workload, refusal);
        // One quota stops many workloads: one finding.
        if draft.finding.subject.kind == "Namespace" {
            let key = (draft.finding.cause.clone(), draft.finding.subject.clone());
            let others = draft.finding.affected.clone();
            let entry = quotas.entry(key).or_insert_with(|| draft.clone());
            *entry = entry.clone().affects(others);
        } else {
            found.push(draft);
        }
    }
    found.extend(quotas.into_values());
    found.extend(services_refused(world));
    found.extend(claims_refused(world));
}

/// Whether pods are missing that should exist, also those of a rollout whose old pods still serve. What is Pending or
/// crashing exists.
fn lacks_pods(world: &World<'_>, workload: &Workload<'_>) -> bool {
    workload.present < workload.wanted || world.replica_sets_of(workload).iter().any(|set| short_set(set))
}

/// The newest refusal to create a pod, on the workload or on its newest ReplicaSet that still lacks pods. Refusals that
/// were overcome since are history.
fn refusal<'a>(world: &World<'a>, workload: &Workload<'_>) -> Option<&'a Event> {
    let failed = |kind: &str, name: &str| {
        world
            .events(kind, &workload.meta.namespace, name)
            .iter()
            .copied()
            .filter(|event| event.reason == "FailedCreate")
            .collect::<Vec<_>>()
    };
    let mut events = failed(workload.kind, &workload.meta.name);
    for set in world.replica_sets_of(workload) {
        if short_set(set) {
            events.extend(failed("ReplicaSet", &set.metadata.name));
        }
    }
    events.into_iter().max_by_key(|event| (event.last_seen(), event.times()))
}

fn short_set(set: &ReplicaSet) -> bool {
    set.spec.wanted() > 0 && set.status.replicas < set.spec.wanted()
}

fn explain(world: &World<'_>, workload: &Workload<'_>, refusal: &Event) -> Draft {
    let root = workload.reference();
    let said = refusal.message.as_str();
    let namespace = ObjectRef::cluster("Namespace", &workload.meta.namespace);
    let draft = if let Some((_, rest)) = said.split_once("exceeded quota: ") {
        exceeded(world, &workload.meta.namespace, rest).affects([root])
    } else if said.contains("failed quota: ") {
        let statement = format!(
            "a quota of namespace {} wants every pod to state requests or limits, and {root} does not",
            namespace.name
        );
        Draft::new(QUOTA_UNSPECIFIED, root, 0.93, statement)
    } else if said.contains("error looking up service account") {
        missing_account(world, workload, &root)
    } else if said.contains("admission webhook") && said.contains("denied the request") {
        Draft::new(
            WEBHOOK_DENIES,
            root.clone(),
            0.93,
            format!("an admission webhook denies the pods of {root}"),
        )
        .param("webhook", quoted(said).unwrap_or_default())
    } else if said.contains("RuntimeClass \"") && said.contains("not found") {
        let class = workload.template.spec.runtime_class_name.as_deref().unwrap_or_default();
        let statement = format!("pods of {root} ask for the RuntimeClass {class}, which does not exist");
        Draft::new(RUNTIME_CLASS, root.clone(), 0.95, statement).proof(field(
            &root,
            "spec.template.spec.runtimeClassName",
            class,
        ))
    } else if said.contains("violates PodSecurity") {
        Draft::new(
            POD_SECURITY,
            root.clone(),
            0.95,
            format!("the pod security level of namespace {} forbids the pods of {root}", namespace.name),
        )
    } else if said.contains("usage per Container")
        || said.contains("usage per Pod")
        || said.contains("per Container is")
    {
        Draft::new(
            LIMIT_RANGE,
            root.clone(),
            0.93,
            format!("a LimitRange of namespace {} forbids the pods of {root}", namespace.name),
        )
    } else {
        Draft::new(REFUSED, root.clone(), 0.75, format!("the API server refuses to create pods of {root}"))
    };
    draft
        .proof(event(refusal))
        .proof(field(&workload.reference(), "status.replicas", workload.present))
        .since(refusal.first_timestamp.or(refusal.last_seen()))
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(if text.contains("pods \"") { 3 } else { 1 })
}

fn missing_account(world: &World<'_>, workload: &Workload<'_>, root: &ObjectRef) -> Draft {
    let account = workload.template.spec.service_account_name.as_deref().unwrap_or("default");
    let namespace = &workload.meta.namespace;
    let statement = format!(
        "{root} runs as the service account {account}, which does not exist in namespace {namespace}"
    );
    let mut draft = Draft::new(SERVICE_ACCOUNT, root.clone(), 0.96, statement)
        .proof(field(root, "spec.template.spec.serviceAccountName", account))
        .param("account", account);
    let listed = !world.snapshot.service_accounts.is_empty()
        && !world.snapshot.has_gap(Kind::ServiceAccount, namespace);
    if listed && !world.has_service_account(namespace, account) {
        let at = ObjectRef::namespaced("ServiceAccount", namespace, account);
        draft = draft.proof(absence(&at, format!("no ServiceAccount {account} in namespace {namespace}")));
    }
    draft
}

/// `name, requested: requests.cpu=1, used: requests.cpu=10, limited: requests.cpu=10`.
fn exceeded(world: &World<'_>, namespace: &str, words: &str) -> Draft {
    let name = words.split(',').next().unwrap_or_default().trim();
    let resource = words
        .split_once("requested: ")
        .and_then(|(_, rest)| rest.split('=').next())
        .unwrap_or_default()
        .trim();
    let quota = world
        .snapshot
        .quotas
        .iter()
        .find(|quota| quota.metadata.namespace == namespace && quota.metadata.name == name);
    let cause = cause_of(resource);
    let statement = format!("the quota {name} of namespace {namespace} leaves no room for {resource}");
    let at = ObjectRef::cluster("Namespace", namespace);
    let draft = Draft::new(cause, at, 0.97, statement).param("quota", name).param("resource", resource);
    draft.proofs(quota.into_iter().flat_map(|quota| usage(quota, resource)))
}

fn cause_of(resource: &str) -> CauseCode {
    match resource {
        "cpu" | "requests.cpu" | "limits.cpu" => QUOTA_CPU,
        "memory" | "requests.memory" | "limits.memory" => QUOTA_MEMORY,
        "pods" | "count/pods" => QUOTA_PODS,
        "services" | "count/services" | "services.nodeports" | "services.loadbalancers" => QUOTA_SERVICES,
        "requests.storage" | "persistentvolumeclaims" | "count/persistentvolumeclaims" => QUOTA_STORAGE,
        other if other.contains("storageclass.storage.k8s.io") => QUOTA_STORAGE,
        _ => QUOTA_OTHER,
    }
}

fn usage(quota: &ResourceQuota, resource: &str) -> Vec<stethoscope_core::finding::Proof> {
    let at = reference("ResourceQuota", &quota.metadata);
    let mut proofs = Vec::new();
    if let Some(hard) = quota.status.hard.get(resource).or_else(|| quota.spec.hard.get(resource)) {
        proofs.push(field(&at, &format!("status.hard.{resource}"), hard));
    }
    if let Some(used) = quota.status.used.get(resource) {
        proofs.push(field(&at, &format!("status.used.{resource}"), used));
    }
    proofs
}

/// A quota on Services is used up, and a workload that others call has no Service.
fn services_refused(world: &World<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for quota in &world.snapshot.quotas {
        let namespace = quota.metadata.namespace.as_str();
        let full = ["services", "count/services"].into_iter().find(|resource| {
            let hard = quota.status.hard.get(resource).or_else(|| quota.spec.hard.get(resource));
            matches!((hard, quota.status.used.get(resource)), (Some(hard), Some(used)) if used >= hard)
        });
        let Some(resource) = full else { continue };
        let orphans: Vec<ObjectRef> = world
            .workloads_in(namespace)
            .iter()
            .filter(|workload| workload.kind != "DaemonSet")
            .filter(|workload| {
                let serves =
                    workload.template.spec.containers.iter().any(|container| !container.ports.is_empty());
                serves && world.services_of(namespace, &workload.template.metadata.labels).is_empty()
            })
            .map(Workload::reference)
            .collect();
        let at = ObjectRef::cluster("Namespace", namespace);
        let name = &quota.metadata.name;
        let draft = Draft::new(
            QUOTA_SERVICES,
            at,
            if orphans.is_empty() { 0.3 } else { 0.9 },
            format!("the quota {name} of namespace {namespace} allows no more Services"),
        )
        .proofs(usage(quota, resource))
        .param("quota", name.as_str())
        .param("resource", resource);
        drafts.push(if orphans.is_empty() {
            draft.felt(Felt::Nowhere).severity(stethoscope_core::finding::Severity::Low)
        } else {
            let first = orphans[0].clone();
            let mut draft = draft.proof(absence(&first, format!("no Service selects the pods of {first}")));
            draft.finding.statement = format!("{}; {first} has none", draft.finding.statement);
            draft.affects(orphans)
        });
    }
    drafts
}

/// Pods wait for a claim that was never made, in a namespace whose quota has no room for it.
fn claims_refused(world: &World<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for quota in &world.snapshot.quotas {
        let namespace = quota.metadata.namespace.as_str();
        let Some(resource) = ["requests.storage", "persistentvolumeclaims", "count/persistentvolumeclaims"]
            .into_iter()
            .find(|resource| {
                quota.spec.hard.get(resource).or_else(|| quota.status.hard.get(resource)).is_some()
            })
        else {
            continue;
        };
        let waiting = world.pods_in(namespace).iter().find_map(|pod| {
            let claim = pod
                .spec
                .volumes
                .iter()
                .filter_map(|volume| volume.persistent_volume_claim.as_ref())
                .find(|claim| world.claim(namespace, &claim.claim_name).is_none())?;
            crate::scheduling::unscheduled(pod).then_some((*pod, claim.claim_name.clone()))
        });
        let Some((pod, claim)) = waiting else { continue };
        let at = ObjectRef::cluster("Namespace", namespace);
        let missing = ObjectRef::namespaced("PersistentVolumeClaim", namespace, &claim);
        let statement = format!(
            "the claim {claim} was never created and the quota {} of namespace {namespace} limits {resource}",
            quota.metadata.name
        );
        let mut draft = Draft::new(QUOTA_STORAGE, at, 0.85, statement)
            .proofs(usage(quota, resource))
            .proof(absence(&missing, format!("no PersistentVolumeClaim {claim} in namespace {namespace}")))
            .affects([missing, world.root(pod)])
            .param("quota", quota.metadata.name.as_str())
            .param("resource", resource)
            .since(pod.metadata.creation_timestamp);
        if let Some(failed) = crate::draft::newest(world, pod, &["FailedScheduling"]) {
            draft = draft.proof(event(failed));
        }
        drafts.push(draft);
    }
    drafts
}
