use crate::world::{World, container, crashed, event, merged, pod, waiting};
use pretty_assertions::assert_eq;
use serde_json::json;
use stethoscope_diagnosis::snapshot::Kind;

const WEB: &str = "on Deployment shop/web";

fn pending(patch: serde_json::Value) -> serde_json::Value {
    merged(json!({"status": {"phase": "Pending"}}), patch)
}

#[test]
fn a_healthy_world_has_no_findings() {
    assert_eq!(World::healthy().causes(), Vec::<String>::new());
}

#[test]
fn tells_image_pulls_apart_by_what_the_registry_said() {
    let cases = [
        ("failed to resolve reference \"x\": x:1: not found", "image.not-found"),
        (
            "failed to do request: Head \"https://r\": dial tcp: lookup r on 1.1.1.1:53: no such host",
            "image.registry-dns",
        ),
        ("failed to authorize: failed to fetch anonymous token: 401 Unauthorized", "image.pull-unauthorized"),
        ("toomanyrequests: You have reached your pull rate limit", "image.rate-limited"),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "image.registry-tls",
        ),
        ("no match for platform in manifest: not found", "image.wrong-architecture"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "image.registry-unreachable"),
        ("something new", "image.pull-failed"),
    ];
    for (said, cause) in cases {
        let world = World::sick(pending(container(
            waiting("ImagePullBackOff", "Back-off pulling image"),
            json!({}),
            0,
        )))
        .with(
            Kind::Event,
            event("Pod", "web-1-x", "Failed", &format!("Failed to pull image \"x:1\": {said}")),
        );
        assert_eq!(world.causes(), vec![format!("{cause} {WEB}")], "{said}");
    }
}

#[test]
fn a_named_pull_secret_that_can_not_be_read_outranks_the_refusal() {
    let patch = merged(
        pending(container(waiting("ErrImagePull", ""), json!({}), 0)),
        json!({"spec": {"imagePullSecrets": [{"name": "regcred"}]}}),
    );
    let world = World::sick(patch)
        .with(Kind::Event, event("Pod", "web-1-x", "Failed", "Failed to pull image \"x\": 401 Unauthorized"))
        .with(Kind::Event, event("Pod", "web-1-x", "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed."));
    assert_eq!(world.first(), format!("image.pull-secret-missing {WEB}"));
}

#[test]
fn an_invalid_or_never_pulled_image_needs_no_event() {
    for (reason, cause) in
        [("InvalidImageName", "image.invalid-name"), ("ErrImageNeverPull", "image.never-pulled")]
    {
        let world = World::sick(pending(container(waiting(reason, ""), json!({}), 0)));
        assert_eq!(world.first(), format!("{cause} {WEB}"));
    }
}

#[test]
fn an_old_pull_failure_of_a_running_pod_is_no_finding() {
    let world = World::healthy()
        .with(Kind::Event, event("Pod", "web-1-x", "Failed", "Failed to pull image \"x\": not found"));
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn names_the_missing_secret_config_map_and_key() {
    let cases = [
        ("secret \"db\" not found", "config.secret-missing"),
        ("configmap \"db\" not found", "config.config-map-missing"),
        ("couldn't find key url in Secret shop/db", "config.key-missing"),
        ("container has runAsNonRoot and image will run as root", "config.root-refused"),
        ("failed to sync configmap cache: timed out waiting for the condition", "config.container-invalid"),
    ];
    for (message, cause) in cases {
        let world =
            World::sick(pending(container(waiting("CreateContainerConfigError", message), json!({}), 0)));
        assert_eq!(world.first(), format!("{cause} {WEB}"), "{message}");
    }
}

#[test]
fn a_volume_of_a_missing_secret_is_a_missing_secret_not_a_mount_failure() {
    let creating = pending(container(waiting("ContainerCreating", ""), json!({}), 0));
    let world = World::sick(creating.clone()).with(
        Kind::Event,
        event(
            "Pod",
            "web-1-x",
            "FailedMount",
            "MountVolume.SetUp failed for volume \"c\" : secret \"tls\" not found",
        ),
    );
    assert_eq!(world.causes(), vec![format!("config.secret-missing {WEB}")]);
    let other = World::sick(creating).with(
        Kind::Event,
        event(
            "Pod",
            "web-1-x",
            "FailedMount",
            "MountVolume.SetUp failed for volume \"c\" : mount failed: exit status 32",
        ),
    );
    assert_eq!(other.causes(), vec![format!("storage.mount-failed {WEB}")]);
}

#[test]
fn exit_codes_have_their_meaning() {
    let cases = [
        (137, "OOMKilled", "container.oom-killed"),
        (137, "Error", "container.killed"),
        (143, "Error", "container.terminated"),
        (139, "Error", "container.segmentation-fault"),
        (134, "Error", "container.aborted"),
        (127, "Error", "container.command-not-found"),
        (126, "Error", "container.command-not-executable"),
        (1, "Error", "container.crashing"),
        (2, "Error", "container.crashing"),
        (0, "Completed", "container.runs-to-completion"),
    ];
    for (code, reason, cause) in cases {
        assert_eq!(
            World::sick(crashed(code, reason)).causes(),
            vec![format!("{cause} {WEB}")],
            "{code} {reason}"
        );
    }
}

#[test]
fn a_restart_long_ago_of_a_ready_pod_is_background() {
    let patch = json!({"status": {"containerStatuses": [{"name": "main", "ready": true, "restartCount": 3, "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2025-12-20T00:00:00Z"}}}]}});
    let world = World::empty()
        .with(Kind::Deployment, crate::world::deployment("web"))
        .with(Kind::ReplicaSet, crate::world::replica_set("web"))
        .with(Kind::Pod, merged(pod("web"), patch));
    let findings = world.diagnosis().findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, stethoscope_core::finding::Severity::Low);
}

#[test]
fn a_finished_pod_is_no_crash() {
    let done = json!({"status": {"phase": "Succeeded", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]}});
    assert_eq!(World::empty().with(Kind::Pod, merged(pod("web"), done)).causes(), Vec::<String>::new());
}

#[test]
fn the_log_tells_a_taken_port_from_another_crash() {
    let world = World::sick(crashed(1, "Error"));
    assert!(!world.tells("container.port-conflict"));
    let world =
        world.log("web-1-x", "main", true, "starting\nlisten tcp :8080: bind: address already in use\n");
    assert_eq!(world.first(), format!("container.port-conflict {WEB}"));
    let proofs = &world.diagnosis().findings[0].proofs;
    assert!(proofs.iter().any(|proof| proof.quote == "listen tcp :8080: bind: address already in use"));
}

#[test]
fn a_crashing_sidecar_with_a_port_declared_twice_is_a_port_conflict() {
    let both = json!({"spec": {"containers": [
        {"name": "main", "ports": [{"containerPort": 8080}]}, {"name": "proxy", "ports": [{"containerPort": 8080}]}]}});
    assert_eq!(
        World::sick(merged(both.clone(), crashed(1, "Error"))).first(),
        format!("container.port-conflict {WEB}")
    );
    assert!(!World::sick(both).tells("container.port-conflict"), "declared twice alone proves nothing");
}

#[test]
fn a_refused_write_below_a_mount_is_a_permission_fault() {
    let mounts = json!({"spec": {"containers": [{"name": "main", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}});
    let world = World::sick(merged(mounts, crashed(1, "Error")));
    assert_eq!(world.first(), format!("container.crashing {WEB}"));
    let world = world.log("web-1-x", "main", true, "open /data/db: Permission denied");
    assert_eq!(world.first(), format!("storage.permission-denied {WEB}"));
}

#[test]
fn a_limit_too_small_to_start_is_out_of_memory_and_a_network_plugin_is_not() {
    let creating = || World::sick(pending(container(waiting("ContainerCreating", ""), json!({}), 0)));
    let small = creating().with(
        Kind::Event,
        event(
            "Pod",
            "web-1-x",
            "FailedCreatePodSandBox",
            "Failed to create pod sandbox: container init was OOM-killed (memory limit too low?): unknown",
        ),
    );
    assert_eq!(small.first(), format!("container.oom-killed {WEB}"));
    let plugin = creating().with(Kind::Event, event("Pod", "web-1-x", "FailedCreatePodSandBox", "Failed to create pod sandbox: failed to setup network for sandbox \"1\": plugin type=\"x\" failed (add)"));
    assert_eq!(plugin.first(), "node.network-plugin-failing on Node n1");
    let full = creating().with(
        Kind::Event,
        event("Pod", "web-1-x", "FailedCreatePodSandBox", "no IP addresses available in range set"),
    );
    assert_eq!(full.first(), "node.no-pod-addresses on Node n1");
}

fn probe(role: &str, probe: serde_json::Value, message: &str, restarts: i64) -> World {
    let mut patch = json!({"spec": {"containers": [{"name": "main", "ports": [{"containerPort": 8080}]}]}});
    patch["spec"]["containers"][0][role] = probe;
    let last = if restarts > 0 {
        json!({"terminated": {"exitCode": 137, "reason": "Error", "startedAt": "2026-01-01T11:58:00Z", "finishedAt": "2026-01-01T11:58:10Z"}})
    } else {
        json!({})
    };
    let patch =
        merged(patch, container(json!({"running": {"startedAt": "2026-01-01T11:59:50Z"}}), last, restarts));
    World::sick(patch).with(Kind::Event, event("Pod", "web-1-x", "Unhealthy", message))
}

#[test]
fn tells_wrong_ports_protocols_and_timing_of_probes_apart() {
    let refused = |role: &str, port: i64| {
        format!("{role} probe failed: dial tcp 10.1.0.5:{port}: connect: connection refused")
    };
    let cases = [
        ("readinessProbe", json!({"tcpSocket": {"port": 9090}}), refused("Readiness", 9090), 0, "probe.readiness-wrong-port"),
        ("readinessProbe", json!({"tcpSocket": {"port": 8080}}), refused("Readiness", 8080), 0, "probe.readiness-failing"),
        ("readinessProbe", json!({"httpGet": {"port": 8080}}), "Readiness probe failed: Get \"http://10.1.0.5:8080/\": net/http: HTTP/1.x transport connection broken: malformed HTTP response".to_owned(), 0, "probe.readiness-wrong-protocol"),
        ("livenessProbe", json!({"grpc": {"port": 9090}}), refused("Liveness", 9090), 4, "probe.liveness-wrong-port"),
        ("livenessProbe", json!({"httpGet": {"port": 8080}}), "Liveness probe failed: malformed HTTP status code".to_owned(), 4, "probe.liveness-wrong-protocol"),
        ("livenessProbe", json!({"tcpSocket": {"port": 8080}, "initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 1}), refused("Liveness", 8080), 4, "probe.liveness-too-early"),
        ("livenessProbe", json!({"httpGet": {"port": 8080}, "initialDelaySeconds": 60}), "Liveness probe failed: HTTP probe failed with statuscode: 500".to_owned(), 4, "probe.liveness-failing"),
        ("startupProbe", json!({"tcpSocket": {"port": 9090}}), refused("Startup", 9090), 4, "probe.startup-wrong-port"),
        ("startupProbe", json!({"httpGet": {"port": 8080}}), "Startup probe failed: malformed HTTP response".to_owned(), 4, "probe.startup-wrong-protocol"),
        ("startupProbe", json!({"tcpSocket": {"port": 8080}}), refused("Startup", 8080), 4, "probe.startup-failing"),
    ];
    for (role, spec, message, restarts, cause) in cases {
        assert_eq!(probe(role, spec, &message, restarts).first(), format!("{cause} {WEB}"), "{message}");
    }
}

#[test]
fn an_overcome_probe_failure_is_no_finding() {
    let world = World::healthy().with(
        Kind::Event,
        event("Pod", "web-1-x", "Unhealthy", "Readiness probe failed: connection refused"),
    );
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn evictions_and_stuck_pods_are_told_with_their_reason() {
    let evicted = World::sick(
        json!({"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.", "containerStatuses": []}}),
    );
    assert_eq!(evicted.first(), format!("pod.evicted {WEB}"));
    let stuck = World::sick(
        json!({"metadata": {"deletionTimestamp": "2026-01-01T11:00:00Z", "finalizers": ["x/y"]}}),
    );
    assert_eq!(stuck.first(), format!("pod.stuck-terminating {WEB}"));
    let going = World::sick(json!({"metadata": {"deletionTimestamp": "2026-01-01T11:59:50Z"}}));
    assert!(!going.tells("pod.stuck-terminating"));
}

#[test]
fn a_namespace_that_does_not_go_away_says_why() {
    let namespace = |since: &str| {
        json!({"metadata": {"name": "shop", "deletionTimestamp": since}, "status": {"phase": "Terminating",
        "conditions": [{"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining"}]}})
    };
    assert_eq!(
        World::empty().with(Kind::Namespace, namespace("2026-01-01T10:00:00Z")).first(),
        "namespace.stuck-terminating on Namespace shop"
    );
    assert_eq!(World::empty().with(Kind::Namespace, namespace("2026-01-01T11:59:30Z")).first(), "");
}

#[test]
fn attach_failures_are_told_apart() {
    let creating = || World::sick(pending(container(waiting("ContainerCreating", ""), json!({}), 0)));
    let cases = [
        ("FailedAttachVolume", "Multi-Attach error for volume \"pv\"", "storage.attached-elsewhere"),
        (
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"pv\" : timeout",
            "storage.attach-failed",
        ),
        (
            "FailedMount",
            "MountVolume.SetUp failed: mount.nfs: access denied by server",
            "storage.permission-denied",
        ),
    ];
    for (reason, message, cause) in cases {
        assert_eq!(
            creating().with(Kind::Event, event("Pod", "web-1-x", reason, message)).first(),
            format!("{cause} {WEB}"),
            "{message}"
        );
    }
}

#[test]
fn a_command_that_can_not_be_started_is_read_from_the_runtime() {
    let cases = [
        ("exec: \"serve\": executable file not found in $PATH", "container.command-not-found"),
        ("exec /serve: exec format error", "image.wrong-architecture"),
        ("exec: \"/serve\": permission denied", "container.command-not-executable"),
    ];
    for (message, cause) in cases {
        assert_eq!(
            World::sick(container(waiting("RunContainerError", message), json!({}), 2)).first(),
            format!("{cause} {WEB}")
        );
    }
}

#[test]
fn a_full_disk_is_read_from_the_log() {
    let world = World::sick(crashed(1, "Error")).log(
        "web-1-x",
        "main",
        true,
        "write /tmp/x: no space left on device",
    );
    assert_eq!(world.first(), format!("container.disk-full {WEB}"));
}

#[test]
fn a_sandbox_failure_without_a_known_reason_is_told_on_the_workload() {
    let world = World::sick(pending(container(waiting("ContainerCreating", ""), json!({}), 0))).with(
        Kind::Event,
        event("Pod", "web-1-x", "FailedCreatePodSandBox", "Failed to create pod sandbox: odd"),
    );
    assert_eq!(world.first(), format!("pod.sandbox-failing {WEB}"));
}
