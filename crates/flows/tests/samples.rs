//! Public recordings of real clusters, where they lie beside the repository.

#![expect(clippy::print_stderr, reason = "a test says what it skips")]

mod support;

use pretty_assertions::assert_eq;
use serde_json::json;
use std::path::{Path, PathBuf};
use stethoscope_flows::{Backend, FlowFiles};
use support::call;

fn sample(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/hubble").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {name} is not here");
    None
}

#[tokio::test]
async fn every_sample_is_read_without_a_rejection() {
    for (name, records) in [
        ("hubble-otel-basic-sample-10-flows.json", 10),
        ("hubble-otel-basic-sample-400-icmpv4-flows.json", 18),
        ("hubble-otel-basic-sample-400-l7-redirected-flows.json", 400),
        ("hubble-otel-basic-sample-400-tcp-flows.json", 400),
        ("hubble-otel-basic-sample-400-udp-flows.json", 400),
        ("hubble-otel-basic-sample-5-dns-flows.json", 5),
        ("hubble-otel-basic-sample-5-http-flows.json", 5),
        ("cilium-docs-exporter-2-drops.jsonl", 2),
    ] {
        let Some(path) = sample(name) else { continue };
        let backend = Backend::files(FlowFiles::open(&path).unwrap());
        let output = call(&backend, "flows_summary", json!({})).await.unwrap();
        assert!(output.text.contains(&format!("{records} of {records} records in scope")), "{}", output.text);
        assert!(!output.text.contains("rejected"), "{}", output.text);
        assert!(output.text.len() < 7_000);
    }
}

#[tokio::test]
async fn the_two_documented_drops_are_one_of_noise_and_one_of_policy() {
    let Some(path) = sample("cilium-docs-exporter-2-drops.jsonl") else { return };
    let backend = Backend::files(FlowFiles::open(&path).unwrap());
    let output = call(&backend, "flows_summary", json!({})).await.unwrap();
    assert_eq!(output.data["noise"], json!({"INVALID_SOURCE_IP": 1}));
    let drops = output.data["drops"].as_array().unwrap();
    assert_eq!(drops.len(), 1);
    assert_eq!(
        (&drops[0]["reason"], &drops[0]["from"], &drops[0]["to"], &drops[0]["port"]),
        (&json!("POLICY_DENIED"), &json!("default/xwing"), &json!("default/deathstar"), &json!("tcp/80"))
    );
}
