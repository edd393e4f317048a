//! The tools over generated incidents, through the replay Relay, with the very client that asks a live one.

mod support;

use pretty_assertions::assert_eq;
use serde_json::json;
use stethoscope_core::tool::{Availability, ToolError};
use stethoscope_flows::generate::{Incident, Options, lines};
use stethoscope_flows::{Backend, FlowFiles, Observer, RelayOptions, tools};
use support::{backend, call, incident, recorded, text};

#[tokio::test]
async fn every_incident_shows_what_is_wrong_and_what_the_answer_rests_on() {
    for (name, which) in [
        ("ingress_default_deny", Incident::IngressDefaultDeny),
        ("egress_default_deny", Incident::EgressDefaultDeny),
        ("deny_rule", Incident::DenyRule),
        ("dns_typo", Incident::DnsTypo),
        ("upstream_timeout", Incident::UpstreamTimeout),
        ("layer7_denied", Incident::Layer7Denied),
        ("refused", Incident::Refused),
        ("unanswered", Incident::Unanswered),
        ("audit", Incident::Audit),
        ("healthy", Incident::Healthy),
    ] {
        insta::assert_snapshot!(
            format!("summary_{name}"),
            text(&incident(which), "flows_summary", json!({"namespace": "pier", "workload": "anchor"})).await
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let options = Options { incident: Incident::Healthy, absent: 2, loss: true, ..Options::default() };
    let relay = recorded(&options).with_ring_capacity(400);
    insta::assert_snapshot!("summary_gaps", text(&relay, "flows_summary", json!({"since": "1m"})).await);
    insta::assert_snapshot!(
        "summary_nothing",
        text(&relay, "flows_summary", json!({"namespace": "elsewhere"})).await
    );
}

#[tokio::test]
async fn a_group_s_records_can_be_looked_at() {
    let relay = incident(Incident::IngressDefaultDeny);
    let summary = call(&backend(&relay), "flows_summary", json!({"verdict": "DROPPED"})).await.unwrap();
    let id = summary.data["drops"][0]["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(
        "examples_group",
        text(&relay, "flow_examples", json!({"group": id, "limit": "3"})).await
    );
    insta::assert_snapshot!(
        "examples_http",
        text(
            &incident(Incident::UpstreamTimeout),
            "flow_examples",
            json!({"workload": "anchor", "protocol": "http", "limit": 2})
        )
        .await
    );
    let nothing = call(&backend(&relay), "flow_examples", json!({"group": "d000000"})).await.unwrap();
    assert!(nothing.text.contains("none match in what was seen"), "{}", nothing.text);
}

#[tokio::test]
async fn files_and_relay_give_the_same_groups() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default();
    let all: Vec<String> = lines(&options).collect();
    // A sysdump has a file a node; the names are those of its files.
    for node in 1..=3 {
        let name = format!("\"node_name\":\"quay-{node}\"");
        let own: Vec<&str> = all.iter().map(String::as_str).filter(|line| line.contains(&name)).collect();
        let path = folder.path().join(format!("hubble-flows-cilium-{node}-20260101-120100.json"));
        std::fs::write(path, own.join("\n")).unwrap();
    }
    let files = Backend::files(FlowFiles::open(folder.path()).unwrap());
    let (one, other) = (
        call(&files, "flows_summary", json!({})).await.unwrap(),
        call(&backend(&recorded(&options)), "flows_summary", json!({})).await.unwrap(),
    );
    for field in ["events", "verdicts", "drops", "noise", "http", "dns", "tcp", "talkers"] {
        assert_eq!(one.data[field], other.data[field], "{field}");
    }
    assert!(one.text.contains("3 flow files"));
}

#[tokio::test]
async fn an_answer_is_bounded_however_much_there_is() {
    let options =
        Options { records: 30_000, workloads: 400, nodes: 40, rate: 1_000, loss: true, ..Options::default() };
    let output = call(&backend(&recorded(&options)), "flows_summary", json!({})).await.unwrap();
    assert!(output.text.len() <= 6_900, "{} bytes", output.text.len());
    assert!(output.text.contains("not shown:"), "what is cut is said");
    assert!(!output.coverage.truncated.is_empty());
}

#[tokio::test]
async fn without_a_source_the_tools_say_why() {
    let missing = Backend::missing("no Hubble Relay is named; set HUBBLE_SERVER");
    for tool in tools(&missing) {
        assert_eq!(
            tool.available(),
            Availability::Missing("no Hubble Relay is named; set HUBBLE_SERVER".to_owned())
        );
    }
    let error = call(&missing, "flows_summary", json!({})).await.unwrap_err();
    assert!(matches!(error, ToolError::Unavailable { .. }));
    // A port that nothing listens on: bound, and closed again.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let dead = Backend::relay(Observer::new(&RelayOptions::new(address)).unwrap());
    let error = call(&dead, "flows_summary", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("can't reach Hubble Relay") && error.contains("port-forward"), "{error}");
    assert!(FlowFiles::open(std::path::Path::new("no/such/file")).is_err());
    let empty = tempfile::tempdir().unwrap();
    let error = FlowFiles::open(empty.path()).unwrap_err().to_string();
    assert!(error.contains("hubble-flows-*.json"), "{error}");
}

#[test]
fn schemas_are_small() {
    let bytes: usize = tools(&Backend::missing("x"))
        .iter()
        .map(|tool| tool.spec().input_schema.to_string().len() + tool.spec().description.len())
        .sum();
    assert!(bytes < 2_800, "{bytes} bytes");
}
