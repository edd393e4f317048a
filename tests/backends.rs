//! What tools a command has depends on what there is to read: flows, GPUs, a Prometheus of the cluster's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking, and what it skips"
)]

mod harness;

use harness::{incident, run, stethoscope};
use pretty_assertions::assert_eq;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use stethoscope_flows::generate::{Incident, Options, lines, subjects};

fn names(arguments: &[&str]) -> Vec<String> {
    let listed = run(&[&["tools", "list", "--output", "json"], arguments].concat()).json();
    let there = |tool: &&serde_json::Value| tool["missing"].is_null();
    let name = |tool: &serde_json::Value| tool["spec"]["name"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().filter(there).map(name).collect()
}

fn call(tool: &str, arguments: &str, bundle: &Path) -> String {
    let ran = run(&["tools", "call", tool, "--args", arguments, "--incident", bundle.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn recorded_flows_are_summed_up_with_what_they_rest_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("hubble")).unwrap();
    std::fs::create_dir_all(folder.path().join("cluster-resources")).unwrap();
    let options = Options { incident: Incident::IngressDefaultDeny, ..Options::default() };
    let flows: Vec<String> = lines(&options).collect();
    std::fs::write(folder.path().join("hubble/flows.jsonl"), flows.join("\n")).unwrap();
    let manifest = "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata:\n  name: pier\nquestion: why\nnamespace: pier\ncapturedAt: '2026-01-01T12:00:10Z'\n";
    std::fs::write(folder.path().join("incident.yaml"), manifest).unwrap();
    let namespaces = r#"{"kind":"NamespaceList","apiVersion":"v1","items":[{"metadata":{"name":"pier"}}]}"#;
    std::fs::write(folder.path().join("cluster-resources/namespaces.json"), namespaces).unwrap();
    let text = call("flows_summary", r#"{"namespace":"pier"}"#, folder.path());
    let (client, server) = subjects(&options);
    assert!(text.contains(&client) && text.contains(&server), "{text}");
    assert!(text.to_lowercase().contains("drop"), "{text}");
    assert!(names(&["--incident", folder.path().to_str().unwrap()]).contains(&"flow_examples".to_owned()));
}

#[test]
fn tools_without_anything_to_read_are_not_there() {
    let bundle = incident("lantern-checkout-errors");
    let there = names(&["--incident", bundle.to_str().unwrap()]);
    for prefix in ["flow", "gpu_", "dra_", "metrics_"] {
        assert!(!there.iter().any(|name| name.starts_with(prefix)), "{prefix}: {there:?}");
    }
    assert!(there.contains(&"diagnose".to_owned()), "{there:?}");
}

/// `stethoscope replay` of a bundle, and its KUBECONFIG.
struct Served {
    process: Child,
    kubeconfig: String,
}

impl Served {
    fn start(bundle: &Path) -> Self {
        let mut process = stethoscope()
            .args(["replay", bundle.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let kubeconfig = line.trim().strip_prefix("KUBECONFIG=").unwrap().to_owned();
        Self { process, kubeconfig }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_clusters_own_prometheus_is_found_and_read_through_the_api_server() {
    let served = Served::start(&incident("airport-gate-displays-stutter"));
    let live = |arguments: &[&str]| {
        stethoscope()
            .env("KUBECONFIG", &served.kubeconfig)
            .args(arguments)
            .output()
            .map(|output| {
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
            })
            .unwrap()
    };
    let query =
        r#"{"query":"sum by (service) (service:http_requests:rate1m)","time":"2026-07-02T15:12:00Z"}"#;
    let (text, errors) = live(&["tools", "call", "metrics_query", "--args", query]);
    assert!(text.contains("kiosk"), "{text}{errors}");
    let (listed, _) = live(&["tools", "list"]);
    assert!(listed.contains("metrics_anomalies"), "{listed}");
}
