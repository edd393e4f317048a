//! What other programs that read Hubble get wrong, each as a test that ours does not.

mod support;

use pretty_assertions::assert_eq;
use serde_json::json;
use stethoscope_flows::Observer;
use stethoscope_flows::generate::{Incident, Options};
use stethoscope_hubble::{FlowFilter, GetFlowsRequest};
use support::{backend, call, incident, nanos, relay_of, text};

/// A drop of `shop/<pod>` towards port 53 or 8080.
fn drop(second: i64, pod: &str, port: u16) -> String {
    let time = stethoscope_hubble::show_nanos(nanos("2026-01-01T12:00:00Z") + second * 1_000_000_000);
    format!(
        r#"{{"flow":{{"time":"{time}","uuid":"u{second}","verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED","node_name":"n1","IP":{{"source":"10.0.0.1","destination":"10.0.0.2"}},"l4":{{"TCP":{{"source_port":{},"destination_port":{port},"flags":{{"SYN":true}}}}}},"source":{{"identity":1001,"namespace":"shop","pod_name":"{pod}"}},"destination":{{"identity":1002,"namespace":"bank","pod_name":"db-0"}},"traffic_direction":"EGRESS","event_type":{{"type":1,"sub_type":133}}}},"node_name":"n1","time":"{time}"}}"#,
        40_000 + second
    )
}

/// `since` with `number` gives the oldest: a failure of now hides behind a hundred older ones.
#[tokio::test]
async fn the_failure_of_now_is_seen_behind_a_hundred_older_ones() {
    let mut lines: Vec<String> = (0..=110).map(|second| drop(second / 2, "cart-0", 8080)).collect();
    lines.push(drop(58, "cart-0", 5432));
    let relay = relay_of(lines.join("\n"));
    let summary =
        call(&backend(&relay), "flows_summary", json!({"since": "5m", "verdict": "DROPPED"})).await.unwrap();
    assert!(summary.text.contains("tcp/5432"), "{}", summary.text);
    let newest = call(&backend(&relay), "flow_examples", json!({"since": "5m", "limit": 1})).await.unwrap();
    assert!(newest.text.contains("10.0.0.2:5432"), "{}", newest.text);
    assert_eq!(newest.coverage.truncated, ["111 older records"]);
}

/// `--protocol grpc` is always refused by the server; through Relay nobody even sees the error.
#[tokio::test]
async fn grpc_is_asked_for_in_a_way_that_the_server_knows() {
    let relay = incident(Incident::UpstreamTimeout);
    let output = call(&backend(&relay), "flows_summary", json!({"protocol": "grpc"})).await.unwrap();
    assert!(output.data["http"].as_array().unwrap().len() > 1, "{}", output.text);
    assert!(output.coverage.missing.is_empty());
}

/// A pod filter is a prefix: `api` is not `api-gateway`.
#[tokio::test]
async fn a_workload_is_exactly_that_workload() {
    let relay = relay_of(
        [drop(1, "api-7d8f9c6b5d-x2x4p", 8080), drop(2, "api-gateway-7d8f9c6b5d-k7w2x", 8080)].join("\n"),
    );
    let output = call(&backend(&relay), "flows_summary", json!({"namespace": "shop", "workload": "api"}))
        .await
        .unwrap();
    assert_eq!(output.data["events"], 1);
    assert!(!output.text.contains("gateway"), "{}", output.text);
}

/// One denied packet is two records, and nobody counts it once.
#[tokio::test]
async fn a_denied_packet_counts_once() {
    let verdict = drop(1, "cart-0", 8080).replace(r#""type":1,"sub_type":133"#, r#""type":5"#);
    let relay = relay_of([verdict, drop(1, "cart-0", 8080)].join("\n"));
    let output = call(&backend(&relay), "flows_summary", json!({})).await.unwrap();
    assert_eq!((&output.data["events"], &output.data["drops"][0]["count"]), (&json!(1), &json!(1)));
    assert!(output.text.contains("1 verdict+drop twins"), "{}", output.text);
}

/// A default deny names no policy; a reader must not take that for no policy at all.
#[tokio::test]
async fn a_default_deny_is_told_from_a_deny_rule() {
    let open = text(&incident(Incident::IngressDefaultDeny), "flows_summary", json!({})).await;
    assert!(open.contains("default deny: no policy allows it"), "{open}");
    let named = text(&incident(Incident::DenyRule), "flows_summary", json!({})).await;
    assert!(named.contains("denied by CiliumNetworkPolicy pier/no-visitors"), "{named}");
}

/// A refusal at layer 7 has no drop reason.
#[tokio::test]
async fn a_refusal_at_layer_7_is_seen() {
    let output =
        text(&incident(Incident::Layer7Denied), "flows_summary", json!({"verdict": "DROPPED"})).await;
    assert!(output.contains("refused by the L7 proxy") && output.contains("GET /admin"), "{output}");
}

/// Answers swap the ends: a reader that does not turn them sees servers calling clients.
#[tokio::test]
async fn nobody_is_called_on_a_client_s_port() {
    let output = call(&backend(&incident(Incident::Healthy)), "flows_summary", json!({})).await.unwrap();
    assert!(!output.text.contains("/high"), "{}", output.text);
}

/// Losses and windows are said, though everything that was read looks fine.
#[tokio::test]
async fn an_answer_without_drops_still_says_what_it_could_not_see() {
    let options = Options { incident: Incident::Healthy, loss: true, absent: 1, ..Options::default() };
    let relay = support::recorded(&options).with_ring_capacity(300);
    let output =
        call(&backend(&relay), "flows_summary", json!({"since": "1m", "verdict": "AUDIT"})).await.unwrap();
    let said = output.coverage.missing.join("\n");
    for word in ["lost events", "nodes missing: quay-4 (unavailable)", "do not reach back to"] {
        assert!(said.contains(word) && output.text.contains(word), "{word}: {}", output.text);
    }
}

/// The API's own traps, as they are: what the tools above have to work around.
#[tokio::test]
async fn the_server_really_behaves_so() {
    let lines: Vec<String> = (0..20).map(|second| drop(second, "cart-0", 8080)).collect();
    let observer = Observer::over_service(relay_of(lines.join("\n")).service(), "the recording");
    let uuids = async |request: GetFlowsRequest| {
        let mut stream = observer.flows(request).await.unwrap();
        let mut uuids = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            uuids.extend(message.flow.map(|flow| flow.uuid));
        }
        uuids
    };
    let since = Some(stethoscope_hubble::from_nanos(nanos("2026-01-01T12:00:05Z")));
    let both = uuids(GetFlowsRequest { since, number: 2, ..GetFlowsRequest::default() }).await;
    assert_eq!(both, ["u5", "u6"]);
    let filter = FlowFilter { protocol: vec!["grpc".to_owned()], ..FlowFilter::default() };
    let refused = uuids(GetFlowsRequest { whitelist: vec![filter], ..GetFlowsRequest::default() }).await;
    assert!(refused.is_empty(), "no flows, and no error of the call");
}

/// A server that does not know a field of the mask is asked again without one.
#[tokio::test]
async fn an_older_server_is_asked_without_a_mask() {
    let older = support::Older(relay_of(drop(1, "cart-0", 8080)));
    let observer = Observer::over_service(stethoscope_hubble::ObserverService::new(older), "an older Relay");
    let output =
        call(&stethoscope_flows::Backend::relay(observer), "flows_summary", json!({})).await.unwrap();
    assert_eq!(output.data["events"], 1);
    assert!(output.coverage.missing.is_empty(), "{:?}", output.coverage);
}
