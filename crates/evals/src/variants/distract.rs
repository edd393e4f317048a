//! Trouble that is not the trouble: old, elsewhere, or over.

use super::World;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

/// A namespace that no question names.
const ELSEWHERE: &str = "batch-experiments";

pub(super) fn distract(world: &mut World) {
    let now = world.incident.captured_at;
    let before =
        |hours: i64| now.checked_sub(Span::new().hours(hours)).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    let mut added = vec![json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": ELSEWHERE, "creationTimestamp": before(2_000)}, "status": {"phase": "Active"}
    })];
    added.extend(crash_looping(&before));
    if let Some(namespace) = &world.incident.namespace {
        added.push(finished_job(namespace, &before));
        added.extend(past_warning(world, namespace, &before));
    }
    world.objects.extend(added);
}

/// A workload in another namespace that has been crashing for twelve days.
fn crash_looping(before: &dyn Fn(i64) -> String) -> Vec<Value> {
    let labels = json!({"app": "nightly-probe"});
    let hash = "5d9c7b6f4d";
    let owner = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let spec = json!({"containers": [{"name": "probe", "image": "registry.example.com/experiments/probe:0.3"}], "restartPolicy": "Always"});
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let (deployment_uid, set_uid) =
        ("6a3c1be0-94f1-4d0b-8a55-1d3c4f1f9a01", "6a3c1be0-94f1-4d0b-8a55-1d3c4f1f9a02");
    let replica_set = format!("nightly-probe-{hash}");
    let ended = json!({"exitCode": 1, "reason": "Error", "startedAt": before(1), "finishedAt": before(1)});
    vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "nightly-probe", "namespace": ELSEWHERE, "uid": deployment_uid, "creationTimestamp": before(288), "labels": labels},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 1, "unavailableReplicas": 1, "updatedReplicas": 1}}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": replica_set, "namespace": ELSEWHERE, "uid": set_uid, "creationTimestamp": before(288), "labels": labels,
                "ownerReferences": owner("Deployment", "nightly-probe", deployment_uid)},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}, "status": {"replicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{replica_set}-x7k2p"), "namespace": ELSEWHERE, "uid": "6a3c1be0-94f1-4d0b-8a55-1d3c4f1f9a03",
                "creationTimestamp": before(288), "labels": labels, "ownerReferences": owner("ReplicaSet", &replica_set, set_uid)},
            "spec": spec,
            "status": {"phase": "Running", "startTime": before(288),
                "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": before(288)}],
                "containerStatuses": [{"name": "probe", "image": "registry.example.com/experiments/probe:0.3", "ready": false, "started": false,
                    "restartCount": 3_391, "lastState": {"terminated": ended},
                    "state": {"waiting": {"reason": "CrashLoopBackOff",
                        "message": format!("back-off 5m0s restarting failed container=probe pod={replica_set}-x7k2p_{ELSEWHERE}")}}}]}}),
    ]
}

/// A Job in the question's namespace that needed a second try, two days ago.
fn finished_job(namespace: &str, before: &dyn Fn(i64) -> String) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "schema-check-20", "namespace": namespace, "uid": "6a3c1be0-94f1-4d0b-8a55-1d3c4f1f9a04", "creationTimestamp": before(49)},
        "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 6, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "check", "image": "registry.example.com/tools/check:1"}]}}},
        "status": {"succeeded": 1, "failed": 1, "startTime": before(49), "completionTime": before(48),
            "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": before(48)}]}})
}

/// A probe that failed once on a pod that is ready now, as every start of a slow program leaves it behind.
fn past_warning(world: &World, namespace: &str, before: &dyn Fn(i64) -> String) -> Option<Value> {
    let ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        pod["kind"] == "Pod"
            && pod["metadata"]["namespace"] == namespace
            && conditions
                .iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let pod = world.objects.iter().find(ready)?;
    let metadata = &pod["metadata"];
    Some(json!({"apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.18f00d", metadata["name"].as_str()?), "namespace": namespace, "creationTimestamp": before(30)},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "namespace": namespace, "uid": metadata["uid"]},
        "reason": "Unhealthy", "type": "Warning", "count": 1, "firstTimestamp": before(30), "lastTimestamp": before(30),
        "message": "Readiness probe failed: HTTP probe failed with statuscode: 503", "source": {"component": "kubelet"}}))
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::super::tests::tiny;

    #[tokio::test]
    async fn what_is_added_lies_elsewhere_or_in_the_past_and_the_expectation_stays() {
        let before = tiny();
        let (after, _) = Variant::Distract.of(tiny(), 1, &crate::suite::Mapping::default()).await.unwrap();
        assert_eq!(after.expectation(), before.expectation());
        let added: Vec<String> = after
            .objects()
            .iter()
            .filter(|object| {
                !before.objects().iter().any(|old| old.name == object.name && old.kind == object.kind)
            })
            .map(|object| format!("{} {}", object.kind, object.namespace.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            added,
            [
                "Namespace -",
                "Pod batch-experiments",
                "Deployment batch-experiments",
                "ReplicaSet batch-experiments",
                "Job shop"
            ]
        );
        assert!(after.problems().is_empty(), "{:?}", after.problems());
    }
}
