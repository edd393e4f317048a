//! Secrets planted in every place they turn up: none reaches the model, stdout, stderr or the transcript.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use harness::stethoscope;
use serde_json::json;
use std::path::Path;
use stethoscope_testkit::{Call, FakeModel, Rules, Turn};

/// Made-up values, put together here so that no scanner takes them for real ones.
fn planted() -> Vec<(&'static str, String)> {
    vec![
        ("env", ["Zx9", "plantedEnvPassword", "77"].concat()),
        ("annotation", ["Qp4", "plantedAnnotation", "Value"].concat()),
        ("log", ["Lk2", "plantedLogToken", "5521"].concat()),
        ("event", ["Wm8", "plantedEventPassword"].concat()),
        ("args", ["Rt6", "plantedArgument", "Token"].concat()),
        ("configmap", ["Hb3", "plantedConfig", "Secret9"].concat()),
        (
            "jwt",
            ["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiJwbGFudGVkLWp3dCJ9", ".c2lnbmF0dXJlLXBsYW50ZWQtaGVyZQ"]
                .concat(),
        ),
        ("secret", ["Yc7", "plantedSecretData", "01"].concat()),
        ("url", ["Nf5", "plantedUrlPassword"].concat()),
    ]
}

fn value(name: &str) -> String {
    planted().into_iter().find(|(planted, _)| *planted == name).unwrap().1
}

/// A crashing workload with a secret in every place.
fn bundle(root: &Path) {
    let write = |path: &str, content: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    let list = |items: Vec<serde_json::Value>| {
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    };
    let applied = json!({"spec": {"template": {"spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": value("env")}]}]}}}});
    let spec = json!({
        "containers": [{
            "name": "app", "image": "registry.example.com/app:1",
            "args": ["--token", value("args"), format!("--api-key={}", value("args"))],
            "env": [
                {"name": "DB_PASSWORD", "value": value("env")},
                {"name": "DATABASE_URL", "value": format!("postgres://app:{}@db.vault:5432/app", value("url"))}
            ]
        }]
    });
    let labels = json!({"app": "vault-app"});
    write(
        "incident.yaml",
        "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: planted}\nquestion: why does it crash?\nnamespace: vault\ncapturedAt: 2026-05-01T10:00:00Z\n",
    );
    write(
        "cluster-resources/namespaces.json",
        &list(vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vault"}, "status": {"phase": "Active"}}),
        ]),
    );
    write(
        "cluster-resources/deployments/vault.json",
        &list(vec![json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "app", "namespace": "vault", "uid": "u1", "creationTimestamp": "2026-05-01T09:00:00Z", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
                "example.com/legacy": format!("password={}", value("annotation"))}},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {"replicas": 1, "unavailableReplicas": 1}
        })]),
    );
    write(
        "cluster-resources/pods/vault.json",
        &list(vec![json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "app-1", "namespace": "vault", "uid": "u2", "labels": labels, "creationTimestamp": "2026-05-01T09:00:00Z"},
            "spec": spec,
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "ready": false, "restartCount": 7, "image": "registry.example.com/app:1", "imageID": "",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-05-01T09:59:00Z", "message": format!("login with password={} failed", value("log"))}}}]}
        })]),
    );
    write(
        "cluster-resources/events/vault.json",
        &list(vec![json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "vault"}, "type": "Warning", "reason": "BackOff",
            "message": format!("Back-off restarting failed container: connect with DB_PASSWORD={}", value("event")),
            "involvedObject": {"kind": "Pod", "namespace": "vault", "name": "app-1", "uid": "u2"}, "count": 9, "lastTimestamp": "2026-05-01T09:59:30Z"
        })]),
    );
    write(
        "cluster-resources/configmaps/vault.json",
        &list(vec![json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app", "namespace": "vault"},
            "data": {"app.yaml": format!("db:\n  host: db\n  password: {}\n", value("configmap")), "API_TOKEN": value("configmap")}
        })]),
    );
    write(
        "cluster-resources/secrets/vault.json",
        &list(vec![json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app", "namespace": "vault"}, "type": "Opaque", "stringData": {"password": value("secret")}
        })]),
    );
    let log = format!(
        "2026-05-01T09:59:00Z INFO starting\n2026-05-01T09:59:00Z DEBUG {{\"password\":\"{0}\",\"user\":\"app\"}}\nAuthorization: Bearer {1}\nconnect postgres://app:{2}@db:5432 failed: connection refused\nexport API_TOKEN='{0}'\n",
        value("log"),
        value("jwt"),
        value("url")
    );
    write("cluster-resources/pods/logs/vault/app-1/app.log", &log);
    write("cluster-resources/pods/logs/vault/app-1/app-previous.log", &log);
}

fn call(name: &str, arguments: serde_json::Value) -> Call {
    Call::new(name, &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_reach_neither_the_model_nor_the_person_nor_the_transcript() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("bundle");
    bundle(&root);
    let secrets: Vec<String> = planted().into_iter().map(|(_, value)| value).collect();
    let turns = || {
        [
            Turn::calls([
                call("k8s_get", json!({"kind": "deployment", "name": "app"})),
                call("k8s_get", json!({"kind": "configmap", "name": "app"})),
                call("k8s_get", json!({"kind": "secret", "name": "app"})),
                call("k8s_describe", json!({"kind": "pod", "name": "app-1"})),
                call("k8s_list", json!({"kind": "secrets"})),
                call("k8s_list", json!({"kind": "configmaps", "columns": ["metadata.name", "data"]})),
                call("k8s_events", json!({})),
                call("k8s_logs", json!({"pod": "app-1"})),
                call("k8s_logs", json!({"pod": "app-1", "previous": true, "grep": "password|Bearer"})),
                call("k8s_changes", json!({})),
                call("diagnose", json!({})),
            ]),
            Turn::calls([
                call("read_output", json!({"id": "E1", "from": 1})),
                call("read_output", json!({"id": "E2", "grep": "pass"})),
            ]),
            Turn::calls([call(
                "conclude",
                json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []}),
            )]),
        ]
    };
    let server = FakeModel::start_with(Rules::default().forbid(secrets.clone()), turns()).await;
    let transcript = directory.path().join("transcript.json");
    let mut command = stethoscope();
    command
        .args(["ask", "--model", "fake", "--base-url", &server.url(), "-vv", "--incident"])
        .arg(&root)
        .arg("--transcript")
        .arg(&transcript)
        .arg(format!("why does login with password={} fail?", value("event")));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    server.assert_ok();
    assert_eq!(server.requests().len(), 3, "{}", String::from_utf8_lossy(&output.stderr));
    let places = [
        ("stdout", String::from_utf8_lossy(&output.stdout).into_owned()),
        ("stderr", String::from_utf8_lossy(&output.stderr).into_owned()),
        ("transcript", std::fs::read_to_string(&transcript).unwrap()),
    ];
    for (place, text) in &places {
        for (name, secret) in planted() {
            if let Some(at) = text.find(&secret) {
                panic!("the {name} secret is in {place}: …{}…", &text[at.saturating_sub(160)..at]);
            }
        }
    }
    assert!(places[2].1.contains("[secret:"), "pseudonyms stand where the secrets were");
}

#[test]
fn tools_called_by_hand_redact_too() {
    let directory = tempfile::tempdir().unwrap();
    bundle(directory.path());
    let calls = [
        ("k8s_get", json!({"kind": "deployment", "name": "app"})),
        ("k8s_logs", json!({"pod": "app-1"})),
        ("k8s_describe", json!({"kind": "pod", "name": "app-1"})),
    ];
    for (tool, arguments) in calls {
        for format in ["text", "json"] {
            let output = stethoscope()
                .args([
                    "tools",
                    "call",
                    tool,
                    "--output",
                    format,
                    "--args",
                    &arguments.to_string(),
                    "--incident",
                ])
                .arg(directory.path())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            for (name, secret) in planted() {
                assert!(!text.contains(&secret), "{tool} as {format} shows the {name} secret");
            }
        }
    }
}
