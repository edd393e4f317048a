//! Pods that do not start, or are taken away: init containers, users, profiles, disks, gates, grace periods.

use crate::world::{World, container, crashed, event, merged, pod, unscheduled, waiting};
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn sick(patch: Value) -> World {
    World::sick(patch)
}

fn with_init(state: Value, restarts: i64) -> World {
    sick(json!({
        "spec": {"initContainers": [{"name": "prepare", "image": "registry.example/prepare:1", "command": ["sh", "-c", "until nc -z ledger 80; do sleep 2; done"]}]},
        "status": {"phase": "Pending",
            "initContainerStatuses": [{"name": "prepare", "ready": false, "restartCount": restarts, "state": state,
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": "2026-01-01T11:59:00Z"}}}],
            "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}]}
    }))
}

#[test]
fn a_failing_init_container_is_told_as_such() {
    let failing =
        with_init(waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=prepare"), 6);
    assert_eq!(failing.first(), "container.init-failing on Deployment shop/web");
    // It failed twice and then did its work.
    let done = with_init(json!({"terminated": {"exitCode": 0, "reason": "Completed"}}), 2);
    assert!(!done.tells("container."), "{:?}", done.causes());
}

#[test]
fn an_init_container_that_waits_is_told_and_what_it_waits_for_explains_it() {
    let since = |when: &str| json!({"running": {"startedAt": when}});
    let long = with_init(since("2026-01-01T11:40:00Z"), 0);
    assert_eq!(long.first(), "container.init-waiting on Deployment shop/web");
    assert!(!with_init(since("2026-01-01T11:59:00Z"), 0).tells("container.init-waiting"));
    let ledger = merged(crate::world::unready(pod("ledger")), crashed(1, "Error"));
    let blamed = with_init(since("2026-01-01T11:40:00Z"), 0)
        .with(
            Kind::Deployment,
            merged(crate::world::deployment("ledger"), json!({"status": {"readyReplicas": 0}})),
        )
        .with(Kind::ReplicaSet, crate::world::replica_set("ledger"))
        .with(Kind::Pod, ledger)
        .with(Kind::Service, crate::world::service("ledger"))
        .with(Kind::EndpointSlice, crate::world::slice("ledger", false));
    assert_eq!(blamed.first(), "container.crashing on Deployment shop/ledger");
    assert!(!blamed.tells("container.init-waiting"), "listed under its cause: {:?}", blamed.causes());
}

#[test]
fn a_user_or_profile_that_is_refused_is_no_missing_secret() {
    let refused = |reason: &str, message: &str| {
        sick(merged(
            json!({"status": {"phase": "Pending"}}),
            container(waiting(reason, message), json!({}), 0),
        ))
    };
    for message in [
        "container has runAsNonRoot and image will run as root (pod: \"web-1-x_shop(1)\", container: main)",
        "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: \"web-1-x_shop(1)\", container: main)",
    ] {
        assert_eq!(
            refused("CreateContainerConfigError", message).first(),
            "config.root-refused on Deployment shop/web"
        );
    }
    for message in [
        "failed to create containerd container: cannot load seccomp profile \"/var/lib/kubelet/seccomp/audit.json\": open /var/lib/kubelet/seccomp/audit.json: no such file or directory",
        "failed to create containerd container: apparmor profile not found deny-write",
    ] {
        let world = refused("CreateContainerError", message);
        assert_eq!(world.first(), "config.security-profile-missing on Deployment shop/web");
    }
    let missing = refused("CreateContainerConfigError", "secret \"db\" not found");
    assert_eq!(missing.first(), "config.secret-missing on Deployment shop/web");
}

#[test]
fn a_crash_says_why_in_its_log() {
    let told = |line: &str, patch: Value| {
        sick(merged(crashed(1, "Error"), patch)).log("web-1-x", "main", true, line).first()
    };
    let none = || json!({});
    assert_eq!(told("KeyError: 'QUEUE_URL'", none()), "config.environment-missing on Deployment shop/web");
    assert_eq!(told("KeyError: 'title'", none()), "container.crashing on Deployment shop/web");
    assert_eq!(
        told("exec /app/server: exec format error", none()),
        "image.wrong-architecture on Deployment shop/web"
    );
    assert_eq!(
        told("django.db.utils.ProgrammingError: relation \"loan\" does not exist", none()),
        "database.schema-behind on Deployment shop/web"
    );
    assert_eq!(
        told("error: Dirty database version 14. Fix and force version.", none()),
        "database.migration-locked on Deployment shop/web"
    );
    let locked = json!({"spec": {"containers": [{"name": "main", "image": "i", "securityContext": {"readOnlyRootFilesystem": true}, "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}]}});
    let line = "OSError: [Errno 30] Read-only file system: '/app/.cache'";
    assert_eq!(told(line, locked.clone()), "container.read-only-root on Deployment shop/web");
    let on_volume = "OSError: [Errno 30] Read-only file system: '/scratch/out'";
    assert_eq!(told(on_volume, locked), "storage.permission-denied on Deployment shop/web");
}

fn evicted(message: &str, ended: &str) -> World {
    let gone = merged(
        pod("web"),
        json!({"metadata": {"name": "web-1-old"}, "status": {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [],
            "startTime": ended, "containerStatuses": []}}),
    );
    World::healthy().with(Kind::Pod, gone)
}

#[test]
fn a_pod_over_its_own_disk_limit_is_told_even_where_its_replacement_runs() {
    let just_now = "2026-01-01T11:50:00Z";
    for message in [
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        "Usage of EmptyDir volume \"cache\" exceeds the limit \"500Mi\". ",
        "Container main exceeded its local ephemeral storage limit \"1Gi\". ",
    ] {
        assert_eq!(
            evicted(message, just_now).first(),
            "pod.ephemeral-storage-exceeded on Deployment shop/web"
        );
    }
    let long_ago =
        evicted("Usage of EmptyDir volume \"cache\" exceeds the limit \"500Mi\". ", "2026-01-01T01:00:00Z");
    assert_eq!(long_ago.diagnosis().findings[0].severity, stethoscope_core::finding::Severity::Low);
    let by_node = evicted(
        "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi.",
        just_now,
    );
    assert_eq!(by_node.first(), "pod.evicted on Deployment shop/web");
}

#[test]
fn a_readiness_gate_holds_a_pod_back_whose_containers_are_ready() {
    let gate = |reason: &str, message: &str| {
        sick(json!({
            "spec": {"readinessGates": [{"conditionType": "lb.example.com/registered"}]},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T11:50:00Z"}],
                "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "state": {"running": {}}}]}
        }))
    };
    let message =
        "corresponding condition of pod readiness gate \"lb.example.com/registered\" does not exist.";
    assert_eq!(
        gate("ReadinessGatesNotReady", message).first(),
        "pod.readiness-gate-unmet on Deployment shop/web"
    );
    assert!(
        !gate("ContainersNotReady", "containers with unready status: [main]").tells("pod.readiness-gate")
    );
}

#[test]
fn a_setting_or_table_that_the_program_goes_on_without_is_not_why_it_ends() {
    let said = |log: &str| sick(crashed(1, "Error")).log("web-1-x", "main", true, log);
    for line in [
        "no pending migrations",
        "0 pending migrations to apply",
        "environment variable CACHE_SIZE not set, using default 64",
        "environment variable CACHE_SIZE not set: defaulting to 64",
        "column rank does not exist, falling back to name",
    ] {
        assert_eq!(said(line).first(), "container.crashing on Deployment shop/web", "{line}");
    }
    assert_eq!(said("10 pending migrations").first(), "database.schema-behind on Deployment shop/web");
    let unset = "environment variable QUEUE_URL is not set\n";
    let confidence = |log: String| {
        let findings = said(&log).diagnosis().findings;
        findings.iter().find(|it| it.cause.as_str() == "config.environment-missing").map(|it| it.confidence)
    };
    let frames = "    at start (main.js:1)\n".repeat(40);
    assert_eq!(confidence(format!("{unset}{frames}")), Some(0.93));
    let served = "GET / 200\n".repeat(40);
    assert_eq!(confidence(format!("{unset}{served}")), Some(0.45));
}

#[test]
fn a_kill_that_a_ready_container_has_long_got_over_is_history() {
    let killed = |finished: &str| {
        let status = json!({"status": {"containerStatuses": [{"name": "main", "ready": true, "restartCount": 1, "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": finished}}}]}});
        World::healthy()
            .with(Kind::Pod, merged(merged(pod("web"), json!({"metadata": {"name": "web-1-y"}})), status))
            .log("web-1-y", "main", true, "INFO received SIGTERM, draining 41 connections")
    };
    assert!(killed("2026-01-01T11:50:00Z").tells("container.grace-period-too-short"));
    assert!(!killed("2026-01-01T11:00:00Z").tells("container.grace-period-too-short"));
}

#[test]
fn a_process_that_was_killed_while_it_shut_down_needs_more_time() {
    let killed = |log: &str, event_: Option<Value>| {
        let mut world =
            sick(merged(crashed(137, "Error"), json!({"spec": {"terminationGracePeriodSeconds": 10}})));
        if let Some(told) = event_ {
            world = world.with(Kind::Event, told);
        }
        world.log("web-1-x", "main", true, log)
    };
    let draining = "INFO received SIGTERM, draining 41 connections\nINFO 12 left";
    assert!(killed(draining, None).tells("container.grace-period-too-short"));
    assert!(!killed("INFO serving", None).tells("container.grace-period-too-short"));
    let by_probe =
        event("Pod", "web-1-x", "Killing", "Container main failed liveness probe, will be restarted");
    assert!(!killed(draining, Some(by_probe)).tells("container.grace-period-too-short"));
}

#[test]
fn what_started_too_early_and_runs_now_is_told_as_that() {
    let callee = |ready: bool| {
        World::empty()
            .with(Kind::Deployment, crate::world::deployment("web"))
            .with(Kind::ReplicaSet, crate::world::replica_set("web"))
            .with(Kind::Pod, merged(pod("web"), json!({"status": {"containerStatuses": [{"name": "main", "ready": true, "restartCount": 3,
                "state": {"running": {"startedAt": "2026-01-01T11:50:05Z"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T11:49:00Z"}}}]}})))
            .with(Kind::Service, crate::world::service("ledger"))
            .with(Kind::EndpointSlice, crate::world::slice("ledger", ready))
            .log("web-1-x", "main", true, "dial tcp: lookup ledger on 10.96.0.10:53: no such host\nError: connect ECONNREFUSED 10.0.0.7:80")
    };
    assert_eq!(callee(true).first(), "app.dependency-late on Deployment shop/web");
    assert!(!callee(false).tells("app.dependency-late"));
}

#[test]
fn volumes_that_a_node_does_not_have_are_told_apart() {
    let mounting = |message: &str| {
        sick(json!({"status": {"phase": "Pending", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]}}))
            .with(Kind::Event, event("Pod", "web-1-x", "FailedMount", message))
    };
    let cases = [
        (
            "MountVolume.SetUp failed for volume \"models\" : hostPath type check failed: /mnt/models is not a directory",
            "storage.host-path-missing",
        ),
        (
            "MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name block.csi.example.com not found in the list of registered CSI drivers",
            "storage.driver-missing",
        ),
        (
            "MountVolume.SetUp failed for volume \"pvc-1\" : mount failed: exit status 32",
            "storage.mount-failed",
        ),
    ];
    for (message, cause) in cases {
        assert_eq!(mounting(message).first(), format!("{cause} on Deployment shop/web"));
    }
    let slow = sick(json!({"spec": {"securityContext": {"fsGroup": 2000}}, "status": {"phase": "Pending", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]}}))
        .with(Kind::Event, event("Pod", "web-1-x", "VolumePermissionChangeInProgress", "Setting volume ownership for web-1-x/volumes/data, processed 800000 files."));
    assert_eq!(slow.first(), "storage.ownership-change-slow on Deployment shop/web");
}

#[test]
fn a_volume_in_a_zone_without_nodes_is_deeper_than_the_pod_that_waits() {
    let world = |zone: &str| {
        World::empty()
            .with(Kind::StatefulSet, json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"replicas": 1, "template": crate::world::template("db")}, "status": {"replicas": 1}}))
            .with(Kind::Pod, merged(unscheduled("db", json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]})), json!({"metadata": {"name": "db-0", "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]}})))
            .with(Kind::Event, event("Pod", "db-0", "FailedScheduling", "0/1 nodes are available: 1 node(s) had volume node affinity conflict."))
            .with(Kind::PersistentVolumeClaim, json!({"metadata": {"name": "data-db-0", "namespace": "shop"}, "spec": {"volumeName": "pv-1", "storageClassName": "zonal"}, "status": {"phase": "Bound"}}))
            .with(Kind::PersistentVolume, json!({"metadata": {"name": "pv-1"}, "spec": {"storageClassName": "zonal", "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}]}}}, "status": {"phase": "Bound"}}))
    };
    assert_eq!(world("c").causes(), vec!["storage.zone-without-nodes on StatefulSet shop/db".to_owned()]);
    assert!(!world("a").tells("storage.zone-without-nodes"));
}

#[test]
fn a_runtime_class_is_missing_in_the_api_or_on_the_node() {
    let on_node = sick(json!({"spec": {"runtimeClassName": "sandboxed"}, "status": {"phase": "Pending", "containerStatuses": []}}))
        .with(Kind::Event, event("Pod", "web-1-x", "FailedCreatePodSandBox", "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for \"sandboxed\" is configured"));
    assert_eq!(on_node.first(), "pod.runtime-class-missing on Deployment shop/web");
    let none = json!({"status": {"replicas": 0, "readyReplicas": 0}});
    let in_api = World::empty()
        .with(Kind::Deployment, merged(crate::world::deployment("web"), none.clone()))
        .with(Kind::ReplicaSet, merged(crate::world::replica_set("web"), none))
        .with(Kind::Event, event("ReplicaSet", "web-1", "FailedCreate", "Error creating: pods \"web-1-\" is forbidden: pod rejected: RuntimeClass \"sandboxed\" not found"));
    assert_eq!(in_api.first(), "pod.runtime-class-missing on Deployment shop/web");
}
