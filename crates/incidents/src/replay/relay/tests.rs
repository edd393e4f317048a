//! What the real server does, asked through the real client.

use super::*;
use pretty_assertions::assert_eq;
use stethoscope_hubble::{FlowFilter, ObserverClient, Workload};

/// Seconds after the beginning of 2026.
fn at(second: i64) -> i64 {
    1_767_225_600_000_000_000 + second * 1_000_000_000
}

fn line(node: &str, second: i64, uuid: &str, more: &str) -> String {
    format!(
        r#"{{"flow":{{"time":"{}","uuid":"{uuid}","node_name":"{node}"{more}}}}}"#,
        stethoscope_hubble::show_nanos(at(second))
    )
}

/// Node a: drops at 0, 2, 4, …, 18, and a flow of another kind last. Node b: one drop at 3 and a loss. Node c: away.
fn relay() -> Relay {
    let mut lines: Vec<String> = (0..10)
        .map(|number| {
            let pod =
                format!(r#","verdict":"DROPPED","source":{{"namespace":"shop","pod_name":"api-{number}"}}"#);
            line("a", number * 2, &format!("a{number}"), &pod)
        })
        .collect();
    lines.push(line("a", 20, "tail", r#","verdict":"FORWARDED","l7":{"dns":{"query":"x."}}"#));
    lines.push(line(
        "b",
        3,
        "b0",
        r#","verdict":"DROPPED","source":{"namespace":"shop","pod_name":"api-gateway-1","workloads":[{"name":"api-gateway","kind":"Deployment"}]}"#,
    ));
    lines.push(format!(
        r#"{{"lost_events":{{"source":"HUBBLE_RING_BUFFER","num_events_lost":"7"}},"node_name":"b","time":"{}"}}"#,
        stethoscope_hubble::show_nanos(at(1))
    ));
    lines.push(
        r#"{"node_status":{"state_change":"NODE_UNAVAILABLE","node_names":["c"],"message":"no route"}}"#
            .to_owned(),
    );
    Relay::read(std::io::Cursor::new(lines.join("\n")), at(30))
}

/// Ids of flows, losses as their number, states other than connected as node and message.
async fn ask(relay: &Relay, request: GetFlowsRequest) -> Vec<String> {
    let mut client = ObserverClient::new(relay.service());
    let answer = client.get_flows(tonic::Request::new(request)).await.unwrap();
    assert!(answer.metadata().contains_key("hubble-relay-version"));
    let mut seen = Vec::new();
    let mut stream = answer.into_inner();
    while let Some(message) = stream.next().await {
        let message = message.unwrap();
        if let Some(flow) = message.flow {
            seen.push(flow.uuid);
        }
        if let Some(event) = message.lost_events {
            seen.push(format!("lost {}", event.num_events_lost));
        }
        if let Some(status) = message.node_status.filter(|status| status.state_change != CONNECTED) {
            seen.push(format!("{} {}", status.node_names.join("+"), status.message));
        }
    }
    seen
}

fn drops() -> Vec<FlowFilter> {
    vec![FlowFilter { verdict: vec![2], ..FlowFilter::default() }]
}

#[tokio::test]
async fn everything_comes_in_the_order_of_time_and_says_who_is_away() {
    let all = ask(&relay(), GetFlowsRequest::default()).await;
    assert_eq!(
        all,
        ["c no route", "a0", "lost 7", "a1", "b0", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "tail"]
    );
}

#[tokio::test]
async fn number_is_of_each_node_and_means_the_newest_that_match() {
    let request = GetFlowsRequest { number: 2, whitelist: drops(), ..GetFlowsRequest::default() };
    // Node b has less than two: the walk goes to the end and meets the loss.
    assert_eq!(ask(&relay(), request).await, ["c no route", "lost 7", "b0", "a8", "a9"]);
    let first = GetFlowsRequest { number: 2, first: true, ..GetFlowsRequest::default() };
    assert_eq!(ask(&relay(), first).await, ["c no route", "a0", "lost 7", "a1", "b0"]);
}

#[tokio::test]
async fn since_beats_number_so_the_earliest_come() {
    let since = Some(from_nanos(at(5)));
    let request = GetFlowsRequest { number: 2, since, whitelist: drops(), ..GetFlowsRequest::default() };
    let seen = ask(&relay(), request).await;
    assert_eq!(seen, ["c no route", "a3", "a4"], "the newest drops are not among them");
    let window = GetFlowsRequest { since, until: Some(from_nanos(at(8))), ..GetFlowsRequest::default() };
    assert_eq!(ask(&relay(), window).await, ["c no route", "a3", "a4"]);
}

#[tokio::test]
async fn until_does_not_move_where_number_counts_from() {
    let request = GetFlowsRequest {
        number: 2,
        until: Some(from_nanos(at(8))),
        whitelist: drops(),
        ..GetFlowsRequest::default()
    };
    // Of node a the two newest are later than `until`: nothing of it comes.
    assert_eq!(ask(&relay(), request).await, ["c no route", "lost 7", "b0"]);
}

#[tokio::test]
async fn a_pod_filter_is_a_prefix_and_a_bare_one_means_the_namespace_default() {
    let pods = |text: &str| GetFlowsRequest {
        whitelist: vec![FlowFilter { source_pod: vec![text.to_owned()], ..FlowFilter::default() }],
        since: Some(from_nanos(at(15))),
        ..GetFlowsRequest::default()
    };
    assert_eq!(ask(&relay(), pods("shop/api")).await, ["c no route", "a8", "a9"]);
    assert_eq!(ask(&relay(), pods("shop/")).await, ["c no route", "a8", "a9"]);
    // The walk back ends at what matches, so here at the end of the ring, before the loss.
    assert_eq!(ask(&relay(), pods("api")).await, ["c no route", "lost 7"]);
    let owner = Workload { name: "api-gateway".to_owned(), kind: String::new() };
    let workload = GetFlowsRequest {
        whitelist: vec![FlowFilter { source_workload: vec![owner], ..FlowFilter::default() }],
        ..GetFlowsRequest::default()
    };
    assert_eq!(ask(&relay(), workload).await, ["c no route", "lost 7", "b0"]);
}

#[tokio::test]
async fn what_nodes_do_not_take_is_their_error_and_not_the_call_s() {
    let protocol = FlowFilter { protocol: vec!["grpc".to_owned()], ..FlowFilter::default() };
    let request = GetFlowsRequest { whitelist: vec![protocol], ..GetFlowsRequest::default() };
    assert_eq!(ask(&relay(), request).await, ["c no route", "a+b unknown protocol: \"grpc\""]);
    let mask = stethoscope_hubble::FieldMask { paths: vec!["newer_field".to_owned()] };
    let request = GetFlowsRequest { field_mask: Some(mask), ..GetFlowsRequest::default() };
    assert_eq!(ask(&relay(), request).await, ["c no route", "a+b invalid fieldmask"]);
    let both = GetFlowsRequest { first: true, follow: true, ..GetFlowsRequest::default() };
    assert_eq!(
        ask(&relay(), both).await[1],
        "a+b rpc error: code = InvalidArgument desc = first cannot be specified with follow"
    );
}

#[tokio::test]
async fn a_mask_leaves_only_what_it_names() {
    let mask = stethoscope_hubble::FieldMask { paths: vec!["uuid".to_owned(), "source.pod_name".to_owned()] };
    let request = GetFlowsRequest {
        number: 1,
        field_mask: Some(mask),
        whitelist: drops(),
        ..GetFlowsRequest::default()
    };
    let mut client = ObserverClient::new(relay().service());
    let mut stream = client.get_flows(tonic::Request::new(request)).await.unwrap().into_inner();
    let mut flows = Vec::new();
    while let Some(Ok(message)) = stream.next().await {
        flows.extend(message.flow.map(|flow| (*flow, message.node_name)));
    }
    let source = |name: &str| {
        Some(stethoscope_hubble::Endpoint {
            pod_name: name.to_owned(),
            ..stethoscope_hubble::Endpoint::default()
        })
    };
    assert_eq!(
        flows,
        [
            (
                Flow { uuid: "b0".to_owned(), source: source("api-gateway-1"), ..Flow::default() },
                String::new()
            ),
            (Flow { uuid: "a9".to_owned(), source: source("api-9"), ..Flow::default() }, String::new()),
        ]
    );
}

#[tokio::test]
async fn a_ring_forgets_and_the_state_says_how_much_there_is() {
    let small = relay().with_ring_capacity(3);
    assert_eq!(
        ask(&small, GetFlowsRequest::default()).await,
        ["c no route", "lost 7", "b0", "a8", "a9", "tail"]
    );
    let mut client = ObserverClient::new(small.service());
    let status = client
        .server_status(tonic::Request::new(stethoscope_hubble::ServerStatusRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (
            status.num_flows,
            status.max_flows,
            status.seen_flows,
            status.num_connected_nodes,
            status.num_unavailable_nodes
        ),
        (4, 6, 12, Some(2), Some(1))
    );
    assert_eq!(status.unavailable_nodes, ["c"]);
    let nodes = client.get_nodes(tonic::Request::new(stethoscope_hubble::GetNodesRequest {})).await.unwrap();
    let states: Vec<(String, i32)> =
        nodes.into_inner().nodes.into_iter().map(|node| (node.name, node.state)).collect();
    assert_eq!(states, [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 2)]);
    let spaces = client
        .get_namespaces(tonic::Request::new(stethoscope_hubble::GetNamespacesRequest {}))
        .await
        .unwrap();
    assert_eq!(
        spaces.into_inner().namespaces,
        [Namespace { namespace: "shop".to_owned(), ..Namespace::default() }]
    );
    let events = client.get_agent_events(tonic::Request::new(GetAgentEventsRequest::default())).await;
    assert_eq!(events.unwrap_err().code(), tonic::Code::Unimplemented, "Relay does not pass them on");
}

#[tokio::test]
async fn following_waits_after_what_there_is() {
    let mut client = ObserverClient::new(relay().service());
    let request =
        GetFlowsRequest { follow: true, number: 1, whitelist: drops(), ..GetFlowsRequest::default() };
    let mut stream = client.get_flows(tonic::Request::new(request)).await.unwrap().into_inner();
    let mut flows = 0;
    while flows < 2 {
        let message = stream.next().await.unwrap().unwrap();
        flows += usize::from(message.flow.is_some());
    }
    let next = futures::FutureExt::now_or_never(stream.next());
    assert!(next.is_none(), "no end and no more flows");
}

#[test]
fn a_bundle_without_flows_has_no_relay_and_bad_lines_are_told() {
    let pods = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "web", "namespace": "shop"}}]}"#;
    let files = vec![("cluster-resources/pods/shop.json", pods.to_owned())];
    assert!(Relay::new(&Bundle::from_files("x", files.clone()).unwrap()).is_none());
    let flows = format!("{}\nnot a flow\n", line("a", 0, "u", r#","verdict":"FORWARDED""#));
    let bundle = Bundle::from_files("x", files.into_iter().chain([("hubble/flows.jsonl", flows)])).unwrap();
    let relay = Relay::new(&bundle).unwrap();
    assert_eq!(
        relay.problems(),
        ["hubble/flows: 1 of 2 records can't be read, the first is number 2: no JSON object"]
    );
}
