//! What runs by the clock, by load or in order: CronJobs, Jobs, autoscalers, StatefulSets, preemption.

use crate::world::{World, deployment, event, merged, pod, replica_set, unready, unscheduled};
use serde_json::{Value, json};
use stethoscope_core::finding::Severity;
use stethoscope_diagnosis::snapshot::Kind;

fn cron(spec: Value, status: Value) -> Value {
    json!({"metadata": {"name": "sync", "namespace": "shop"}, "spec": merged(json!({"schedule": "*/10 * * * *"}), spec), "status": status})
}

fn about(reason: &str, message: &str) -> Value {
    event("CronJob", "sync", reason, message)
}

#[test]
fn a_cron_job_that_was_suspended_lately_is_told_and_an_old_one_is_background() {
    let suspended = |last: &str| {
        World::empty().with(Kind::CronJob, cron(json!({"suspend": true}), json!({"lastScheduleTime": last})))
    };
    assert_eq!(suspended("2025-12-31T12:00:00Z").first(), "job.suspended on CronJob shop/sync");
    assert_eq!(suspended("2025-06-01T12:00:00Z").diagnosis().findings[0].severity, Severity::Info);
    let runs = World::empty()
        .with(Kind::CronJob, cron(json!({}), json!({"lastScheduleTime": "2026-01-01T11:50:00Z"})));
    assert_eq!(runs.causes(), Vec::<String>::new());
}

fn hanging(policy: &str, start: &str) -> World {
    World::empty()
        .with(Kind::CronJob, cron(json!({"concurrencyPolicy": policy}), json!({"active": [{"kind": "Job", "name": "sync-1"}], "lastScheduleTime": start})))
        .with(Kind::Job, json!({"metadata": {"name": "sync-1", "namespace": "shop", "ownerReferences": [{"kind": "CronJob", "name": "sync", "controller": true}]}, "status": {"active": 1, "startTime": start}}))
        .with(Kind::Event, about("JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid"))
}

#[test]
fn a_run_that_hangs_blocks_the_next_ones_where_the_policy_forbids_them() {
    let long_ago = "2026-01-01T07:00:00Z";
    assert_eq!(hanging("Forbid", long_ago).first(), "job.previous-still-running on CronJob shop/sync");
    assert_eq!(hanging("Allow", long_ago).causes(), Vec::<String>::new());
    assert_eq!(hanging("Forbid", "2026-01-01T11:55:00Z").causes(), Vec::<String>::new());
}

#[test]
fn missed_and_unreadable_schedules_are_told_until_a_run_catches_up() {
    let missed = |last: &str| {
        World::empty()
            .with(
                Kind::CronJob,
                cron(json!({"startingDeadlineSeconds": 10}), json!({"lastScheduleTime": last})),
            )
            .with(
                Kind::Event,
                about("MissSchedule", "Missed scheduled time to start a job: Thu, 01 Jan 2026 11:50:00 UTC"),
            )
    };
    assert_eq!(missed("2026-01-01T09:00:00Z").first(), "job.schedule-missed on CronJob shop/sync");
    assert_eq!(missed("2026-01-01T11:59:45Z").causes(), Vec::<String>::new());
    let unreadable =
        World::empty().with(Kind::CronJob, cron(json!({"schedule": "61 * * * *"}), json!({}))).with(
            Kind::Event,
            about(
                "UnparseableSchedule",
                "unparseable schedule \"61 * * * *\": end of range (61) above maximum (59): 61",
            ),
        );
    assert_eq!(unreadable.first(), "job.schedule-invalid on CronJob shop/sync");
}

#[test]
fn a_sidecar_that_runs_on_holds_its_job() {
    let world = |finished: &str, sidecar: Value| {
        World::empty()
            .with(Kind::Job, json!({"metadata": {"name": "load", "namespace": "shop"}, "status": {"active": 1, "startTime": "2026-01-01T08:00:00Z"}}))
            .with(Kind::Pod, json!({"metadata": {"name": "load-x", "namespace": "shop", "ownerReferences": [{"kind": "Job", "name": "load", "controller": true}]},
                "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [{"name": "load"}, {"name": "proxy"}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [
                    {"name": "load", "ready": false, "state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": finished}}},
                    {"name": "proxy", "ready": true, "state": sidecar}]}}))
    };
    let runs = json!({"running": {"startedAt": "2026-01-01T08:00:02Z"}});
    assert_eq!(world("2026-01-01T08:30:00Z", runs.clone()).first(), "job.held-by-sidecar on Job shop/load");
    assert!(!world("2026-01-01T11:58:00Z", runs).tells("job.held-by-sidecar"));
    assert!(
        !world("2026-01-01T08:30:00Z", json!({"terminated": {"exitCode": 0}})).tells("job.held-by-sidecar")
    );
}

#[test]
fn another_container_that_runs_on_may_still_work() {
    let held = |name: &str, image: &str| {
        World::empty()
            .with(Kind::Job, json!({"metadata": {"name": "load", "namespace": "shop"}, "status": {"active": 1, "startTime": "2026-01-01T08:00:00Z"}}))
            .with(Kind::Pod, json!({"metadata": {"name": "load-x", "namespace": "shop", "ownerReferences": [{"kind": "Job", "name": "load", "controller": true}]},
                "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [{"name": "load"}, {"name": name, "image": image}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [
                    {"name": "load", "ready": false, "state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-01-01T08:30:00Z"}}},
                    {"name": name, "ready": true, "state": {"running": {"startedAt": "2026-01-01T08:00:02Z"}}}]}}))
            .diagnosis()
            .findings
            .iter()
            .find(|it| it.cause.as_str() == "job.held-by-sidecar")
            .map(|it| it.confidence)
    };
    assert_eq!(held("mesh", "registry.example/istio/proxyv2:1.22"), Some(0.95));
    assert_eq!(held("upload", "registry.example/proxy-cache/upload:1"), Some(0.4));
    assert_eq!(held("hotel-import", "registry.example/import:1"), Some(0.4));
}

#[test]
fn a_job_that_waits_in_a_queue_is_suspended_by_design() {
    let suspended = |labels: Value| {
        World::empty().with(
            Kind::Job,
            json!({"metadata": {"name": "load", "namespace": "shop", "labels": labels}, "spec": {"suspend": true},
                "status": {"conditions": [{"type": "Suspended", "status": "True", "message": "Job suspended", "lastTransitionTime": "2026-01-01T11:00:00Z"}]}}),
        )
    };
    assert_eq!(suspended(json!({})).first(), "job.suspended on Job shop/load");
    assert_eq!(suspended(json!({"kueue.x-k8s.io/queue-name": "batch"})).causes(), Vec::<String>::new());
}

#[test]
fn a_load_beyond_all_numbers_is_just_high() {
    let status = condition(
        "ScalingLimited",
        "True",
        "TooManyReplicas",
        "the desired replica count is more than the maximum replica count",
        i64::MAX,
    );
    assert_eq!(scaler(json!({}), status).diagnosis().findings[0].confidence, 0.75);
}

fn scaler(spec: Value, status: Value) -> World {
    World::healthy().with(
        Kind::HorizontalPodAutoscaler,
        json!({"metadata": {"name": "web", "namespace": "shop"},
            "spec": merged(json!({"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 6,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]}), spec),
            "status": status}),
    )
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, load: i64) -> Value {
    json!({"currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": load}}}],
        "conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]})
}

#[test]
fn an_autoscaler_without_requests_blames_the_workload() {
    let message = "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container main of Pod web-1-x";
    let world = scaler(json!({}), condition("ScalingActive", "False", "FailedGetResourceMetric", message, 0));
    assert_eq!(world.first(), "autoscaler.requests-missing on Deployment shop/web");
    let params = &world.diagnosis().findings[0].params;
    assert_eq!((params["container"].as_str(), params["resource"].as_str()), ("main", "cpu"));
    let no_server = "unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)";
    let world =
        scaler(json!({}), condition("ScalingActive", "False", "FailedGetResourceMetric", no_server, 0));
    assert_eq!(world.first(), "autoscaler.no-metrics on HorizontalPodAutoscaler shop/web");
}

#[test]
fn at_its_limit_matters_as_much_as_the_load_is_above_its_target() {
    let limited = |spec: Value, load: i64| {
        let world = scaler(
            spec,
            condition(
                "ScalingLimited",
                "True",
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
                load,
            ),
        );
        let diagnosis = world.diagnosis();
        (diagnosis.findings[0].cause.to_string(), diagnosis.findings[0].confidence)
    };
    assert_eq!(limited(json!({}), 140), ("autoscaler.at-maximum".to_owned(), 0.75));
    assert_eq!(limited(json!({}), 63), ("autoscaler.at-maximum".to_owned(), 0.4));
    assert_eq!(limited(json!({"minReplicas": 6}), 140), ("autoscaler.fixed-size".to_owned(), 0.88));
    let stabilised = scaler(
        json!({}),
        condition(
            "AbleToScale",
            "True",
            "ScaleDownStabilized",
            "recent recommendations were higher than current one",
            20,
        ),
    );
    assert_eq!(stabilised.causes(), Vec::<String>::new());
}

#[test]
fn two_autoscalers_on_the_same_pods_are_told() {
    let message = "pods by selector app=web are controlled by multiple HPAs: [shop/web shop/web-2]";
    let world = scaler(json!({}), condition("ScalingActive", "False", "AmbiguousSelector", message, 0));
    assert_eq!(world.first(), "autoscaler.ambiguous-selector on HorizontalPodAutoscaler shop/web");
}

#[test]
fn a_stateful_set_waits_for_its_first_pod_unless_it_starts_all_at_once() {
    let set = |policy: &str| {
        World::empty()
            .with(Kind::StatefulSet, json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"replicas": 3, "podManagementPolicy": policy, "template": crate::world::template("db")}, "status": {"replicas": 1, "readyReplicas": 0}}))
            .with(Kind::Pod, merged(unready(pod("db")), json!({"metadata": {"name": "db-0", "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]}})))
    };
    assert!(set("OrderedReady").tells("workload.ordered-start-blocked"));
    assert!(!set("Parallel").tells("workload.ordered-start-blocked"));
}

#[test]
fn preempted_pods_are_told_while_they_are_missed() {
    let world = |ready: i64, replacement: Value| {
        World::empty()
            .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": ready}})))
            .with(Kind::ReplicaSet, replica_set("web"))
            .with(Kind::Pod, replacement)
            .with(
                Kind::Event,
                event(
                    "Pod",
                    "web-1-gone",
                    "Preempted",
                    "Preempted by pod 6f1c3d6e-8a50-4d5e-9df0-2f6f9a0b1c2d on node n1",
                ),
            )
    };
    let waits = || unscheduled("web", json!({}));
    assert_eq!(world(0, waits()).first(), "scheduling.preempted on Deployment shop/web");
    assert!(!world(1, waits()).tells("scheduling.preempted"));
    let has_its_node = world(0, unready(pod("web")));
    assert!(!has_its_node.tells("scheduling.preempted"), "{:?}", has_its_node.causes());
}

#[test]
fn a_new_taint_keeps_a_daemon_off_a_node_and_an_old_one_is_meant_so() {
    let world = |added: &str, tolerations: Value| {
        World::empty()
            .with(Kind::Node, merged(crate::world::node("n2"), json!({"spec": {"taints": [{"key": "team", "value": "ml", "effect": "NoSchedule", "timeAdded": added}]}})))
            .with(Kind::DaemonSet, json!({"metadata": {"name": "agent", "namespace": "shop"}, "spec": {"template": {"spec": {"tolerations": tolerations}}},
                "status": {"desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberReady": 1}}))
    };
    let lately = "2026-01-01T09:00:00Z";
    assert_eq!(world(lately, json!([])).first(), "workload.daemonset-excluded on DaemonSet shop/agent");
    assert_eq!(world("2025-10-01T09:00:00Z", json!([])).diagnosis().findings[0].severity, Severity::Info);
    assert_eq!(world(lately, json!([{"operator": "Exists"}])).causes(), Vec::<String>::new());
}
