use crate::world::{World, deployment, event, merged, replica_set, service, template};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const WEB: &str = "on Deployment shop/web";

/// `web` without a pod, and the API server's refusal.
fn refused(message: &str) -> World {
    let none = json!({"status": {"replicas": 0, "readyReplicas": 0}});
    World::empty()
        .with(Kind::Deployment, merged(deployment("web"), none.clone()))
        .with(Kind::ReplicaSet, merged(replica_set("web"), none))
        .with(Kind::Event, event("ReplicaSet", "web-1", "FailedCreate", message))
}

fn quota(resource: &str, hard: &str, used: &str) -> Value {
    json!({"metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": {resource: hard}}, "status": {"hard": {resource: hard}, "used": {resource: used}}})
}

#[test]
fn a_used_up_quota_is_told_on_the_namespace() {
    let cases = [
        ("requests.cpu", "admission.quota-cpu"),
        ("limits.memory", "admission.quota-memory"),
        ("pods", "admission.quota-pods"),
        ("requests.nvidia.com/gpu", "admission.quota-other"),
    ];
    for (resource, cause) in cases {
        let world = refused(&format!("Error creating: pods \"web-1-\" is forbidden: exceeded quota: q, requested: {resource}=1, used: {resource}=4, limited: {resource}=4"))
            .with(Kind::ResourceQuota, quota(resource, "4", "4"));
        assert_eq!(world.causes(), vec![format!("{cause} on Namespace shop")]);
    }
}

#[test]
fn other_refusals_are_told_on_the_workload() {
    let cases = [
        (
            "Error creating: pods \"web-1-\" is forbidden: error looking up service account shop/x: serviceaccount \"x\" not found",
            "admission.service-account-missing",
        ),
        (
            "Error creating: pods \"web-1-\" is forbidden: failed quota: q: must specify cpu for: main",
            "admission.quota-needs-requests",
        ),
        (
            "Error creating: Internal error occurred: failed calling webhook \"v.example.com\": context deadline exceeded",
            "admission.webhook-timeout",
        ),
        (
            "Error creating: admission webhook \"v.example.com\" denied the request: no",
            "admission.webhook-denies",
        ),
        (
            "Error creating: pods \"web-1-\" is forbidden: violates PodSecurity \"restricted:latest\"",
            "admission.pod-security",
        ),
        (
            "Error creating: pods \"web-1-\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi",
            "admission.limit-range",
        ),
        ("Error creating: odd", "admission.refused"),
    ];
    for (message, cause) in cases {
        assert_eq!(refused(message).causes(), vec![format!("{cause} {WEB}")], "{message}");
    }
}

#[test]
fn a_refusal_that_was_overcome_is_history() {
    let world = World::healthy().with(Kind::Event, event("ReplicaSet", "web-1", "FailedCreate", "Error creating: pods \"web-1-\" is forbidden: error looking up service account shop/x: serviceaccount \"x\" not found"));
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn a_refused_rollout_is_told_while_the_old_pods_serve() {
    let new = merged(replica_set("web"), json!({"metadata": {"name": "web-2"}, "status": {"replicas": 0}}));
    let world = World::healthy().with(Kind::ReplicaSet, new).with(
        Kind::Event,
        event(
            "ReplicaSet",
            "web-2",
            "FailedCreate",
            "Error creating: error looking up service account shop/x: serviceaccount \"x\" not found",
        ),
    );
    assert_eq!(world.first(), format!("admission.service-account-missing {WEB}"));
}

#[test]
fn a_full_service_quota_matters_only_where_a_service_is_missing() {
    let full = || World::healthy().with(Kind::ResourceQuota, quota("services", "1", "1"));
    assert_eq!(full().diagnosis().findings[0].severity, stethoscope_core::finding::Severity::Low);
    let orphan = full().with(Kind::Deployment, deployment("cart"));
    let findings = orphan.diagnosis().findings;
    assert_eq!(
        format!("{} on {} {}", findings[0].cause, findings[0].subject, findings[0].confidence),
        "admission.quota-services on Namespace shop 0.9"
    );
}

#[test]
fn a_claim_that_a_storage_quota_kept_from_being_made() {
    let spec = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let world = World::empty()
        .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, crate::world::unscheduled("web", spec));
    assert_eq!(world.first(), format!("storage.claim-missing {WEB}"));
    let world = world.with(Kind::ResourceQuota, quota("requests.storage", "1Gi", "0"));
    assert_eq!(world.causes(), vec!["admission.quota-storage on Namespace shop".to_owned()]);
}

#[test]
fn a_service_account_is_proven_absent_only_when_accounts_were_listed() {
    let message = "Error creating: error looking up service account shop/x: serviceaccount \"x\" not found";
    let absent = |world: World| {
        world.diagnosis().findings[0].proofs.iter().any(|proof| proof.quote.starts_with("no ServiceAccount"))
    };
    assert!(!absent(refused(message)));
    assert!(absent(
        refused(message)
            .with(Kind::ServiceAccount, json!({"metadata": {"name": "other", "namespace": "shop"}}))
    ));
}

#[test]
fn the_missing_service_is_told_without_a_quota() {
    let mut caller = template("front");
    caller["spec"]["containers"][0]["env"] = json!([{"name": "WEB_ADDR", "value": "web:80"}]);
    let front = merged(deployment("front"), json!({"spec": {"template": caller}}));
    let world = World::empty()
        .with(Kind::Deployment, front)
        .with(Kind::Deployment, deployment("web"))
        .with(Kind::Service, service("front"));
    assert_eq!(world.first(), format!("service.missing {WEB}"));
}
