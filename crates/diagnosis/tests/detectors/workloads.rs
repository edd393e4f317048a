use crate::world::{World, deployment, merged, service};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn changed(patch: Value) -> World {
    World::empty().with(Kind::Deployment, merged(deployment("web"), patch))
}

#[test]
fn zero_replicas_are_a_fault_only_where_a_service_routes_to_them() {
    let zero = || changed(json!({"spec": {"replicas": 0}, "status": {"replicas": 0, "readyReplicas": 0}}));
    assert_eq!(zero().diagnosis().findings[0].severity, stethoscope_core::finding::Severity::Info);
    let routed = zero().with(Kind::Service, service("web")).diagnosis();
    assert_eq!(
        (routed.findings[0].cause.as_str(), routed.findings[0].confidence),
        ("workload.zero-replicas", 0.92)
    );
}

#[test]
fn paused_stalled_and_unavailable_rollouts_are_told() {
    assert_eq!(
        changed(json!({"spec": {"paused": true}, "status": {"updatedReplicas": 0}})).first(),
        "workload.paused on Deployment shop/web"
    );
    let stalled = json!({"status": {"readyReplicas": 0, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "x"}]}});
    assert_eq!(changed(stalled).first(), "workload.rollout-stalled on Deployment shop/web");
    assert_eq!(
        changed(json!({"status": {"readyReplicas": 0}})).first(),
        "workload.unavailable on Deployment shop/web"
    );
    assert_eq!(
        changed(json!({"spec": {"paused": true}})).causes(),
        Vec::<String>::new(),
        "paused with nothing left to roll out"
    );
}

#[test]
fn a_daemon_set_with_gaps_is_told() {
    let set = |ready: i64| json!({"metadata": {"name": "agent", "namespace": "shop"}, "status": {"desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberReady": ready}});
    assert_eq!(
        World::empty().with(Kind::DaemonSet, set(2)).first(),
        "workload.daemonset-gap on DaemonSet shop/agent"
    );
    assert_eq!(World::empty().with(Kind::DaemonSet, set(3)).causes(), Vec::<String>::new());
}

#[test]
fn failed_jobs_are_told_on_their_cron_job_and_old_ones_last() {
    let job = |reason: &str, when: &str| {
        json!({"metadata": {"name": "sync-1", "namespace": "shop", "ownerReferences": [{"kind": "CronJob", "name": "sync", "controller": true}]},
            "status": {"failed": 7, "conditions": [{"type": "Failed", "status": "True", "reason": reason, "message": "m", "lastTransitionTime": when}]}})
    };
    for (reason, cause) in [
        ("BackoffLimitExceeded", "job.backoff-limit-exceeded"),
        ("DeadlineExceeded", "job.deadline-exceeded"),
        ("PodFailurePolicy", "job.failed"),
    ] {
        let world = World::empty().with(Kind::Job, job(reason, "2026-01-01T11:30:00Z"));
        assert_eq!(world.first(), format!("{cause} on CronJob shop/sync"));
    }
    let old = World::empty().with(Kind::Job, job("BackoffLimitExceeded", "2025-12-01T00:00:00Z")).diagnosis();
    assert_eq!(old.findings[0].severity, stethoscope_core::finding::Severity::Low);
    let running =
        json!({"metadata": {"name": "sync-1", "namespace": "shop"}, "status": {"active": 1, "failed": 1}});
    assert_eq!(World::empty().with(Kind::Job, running).causes(), Vec::<String>::new());
}

#[test]
fn autoscalers_tell_what_keeps_them_from_scaling() {
    let scaler = |kind: &str, status: &str, reason: &str| {
        World::empty().with(Kind::HorizontalPodAutoscaler, json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3},
            "status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": "m"}]}}))
    };
    let at = "on HorizontalPodAutoscaler shop/web";
    assert_eq!(
        scaler("ScalingActive", "False", "FailedGetResourceMetric").first(),
        format!("autoscaler.no-metrics {at}")
    );
    assert_eq!(
        scaler("AbleToScale", "False", "FailedGetScale").first(),
        format!("autoscaler.target-missing {at}")
    );
    assert_eq!(
        scaler("ScalingLimited", "True", "TooManyReplicas").first(),
        format!("autoscaler.at-maximum {at}")
    );
    assert_eq!(scaler("ScalingActive", "False", "ScalingDisabled").causes(), Vec::<String>::new());
    assert_eq!(scaler("ScalingActive", "True", "ValidMetricFound").causes(), Vec::<String>::new());
}

#[test]
fn a_budget_that_blocks_a_drain_is_told_and_a_tight_one_is_background() {
    let budget = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}});
    let tight = World::healthy().with(Kind::PodDisruptionBudget, budget.clone()).diagnosis();
    assert_eq!(tight.findings[0].severity, stethoscope_core::finding::Severity::Low);
    let drained = World::healthy()
        .without_nodes()
        .with(Kind::Node, merged(crate::world::node("n1"), json!({"spec": {"unschedulable": true}})))
        .with(Kind::PodDisruptionBudget, budget);
    assert_eq!(drained.first(), "disruption-budget.blocks-eviction on PodDisruptionBudget shop/web");
}

#[test]
fn events_of_the_newer_api_are_read_too() {
    let event = json!({"metadata": {"name": "e", "namespace": "shop"}, "regarding": {"kind": "ReplicaSet", "name": "web-1", "namespace": "shop"},
        "type": "Warning", "reason": "FailedCreate", "note": "Error creating: odd", "eventTime": "2026-01-01T11:59:00.000000Z", "deprecatedCount": 2});
    let none = json!({"status": {"replicas": 0, "readyReplicas": 0}});
    let world = changed(none.clone())
        .with(Kind::ReplicaSet, merged(crate::world::replica_set("web"), none))
        .with(Kind::Event, event);
    assert_eq!(world.first(), "admission.refused on Deployment shop/web");
}
