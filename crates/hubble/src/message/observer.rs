//! Requests and answers of the Observer.

use crate::json::{absent, as_name, as_text, as_time, code, number, or_null, time};
use crate::message::agent::AgentEvent;
use crate::message::filter::FlowFilter;
use crate::message::flow::Flow;
use crate::words;

/// Which flows. `since` beats `number` and `first`: with it the *earliest* `number` flows come, of each node.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetFlowsRequest {
    /// Of each node so many at most; 0: all.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// The oldest instead of the newest. Not with `follow`.
    #[prost(bool, tag = "9")]
    pub first: bool,
    /// Go on with new ones.
    #[prost(bool, tag = "3")]
    pub follow: bool,
    /// Not those that any of these matches.
    #[prost(message, repeated, tag = "5")]
    pub blacklist: Vec<FlowFilter>,
    /// Only those that any of these matches.
    #[prost(message, repeated, tag = "6")]
    pub whitelist: Vec<FlowFilter>,
    /// Not before.
    #[prost(message, optional, tag = "7")]
    pub since: Option<prost_types::Timestamp>,
    /// Not after.
    #[prost(message, optional, tag = "8")]
    pub until: Option<prost_types::Timestamp>,
    /// Only these fields.
    #[prost(message, optional, tag = "10")]
    pub field_mask: Option<prost_types::FieldMask>,
}

/// One event. Of the first three fields one is set: on the wire they are a oneof.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct GetFlowsResponse {
    /// A flow.
    #[prost(message, optional, boxed, tag = "1")]
    #[serde(skip_serializing_if = "absent")]
    pub flow: Option<Box<Flow>>,
    /// Nodes that take part, or do not.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "absent")]
    pub node_status: Option<NodeStatusEvent>,
    /// Events that were lost.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "absent")]
    pub lost_events: Option<LostEvent>,
    /// Who saw it.
    #[prost(string, tag = "1000")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub node_name: String,
    /// When.
    #[prost(message, optional, tag = "1001")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "time", serialize_with = "as_time")]
    pub time: Option<prost_types::Timestamp>,
}

/// The state of nodes in this request.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct NodeStatusEvent {
    /// State.
    #[prost(int32, tag = "1")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::NodeState, _>",
        serialize_with = "as_name::<words::NodeState, _>"
    )]
    pub state_change: i32,
    /// Nodes.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub node_names: Vec<String>,
    /// Why.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub message: String,
}

/// A loss.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct LostEvent {
    /// Where.
    #[prost(int32, tag = "1")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::LostSource, _>",
        serialize_with = "as_name::<words::LostSource, _>"
    )]
    pub source: i32,
    /// How many.
    #[prost(uint64, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub num_events_lost: u64,
    /// On which CPU.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "absent")]
    pub cpu: Option<i32>,
    /// From.
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "time", serialize_with = "as_time")]
    pub first: Option<prost_types::Timestamp>,
    /// To.
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "time", serialize_with = "as_time")]
    pub last: Option<prost_types::Timestamp>,
}

/// Which agent events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetAgentEventsRequest {
    /// So many at most; 0: all.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// The oldest instead of the newest.
    #[prost(bool, tag = "9")]
    pub first: bool,
    /// Go on with new ones.
    #[prost(bool, tag = "2")]
    pub follow: bool,
    /// Not before.
    #[prost(message, optional, tag = "7")]
    pub since: Option<prost_types::Timestamp>,
    /// Not after.
    #[prost(message, optional, tag = "8")]
    pub until: Option<prost_types::Timestamp>,
}

/// One agent event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetAgentEventsResponse {
    /// The event.
    #[prost(message, optional, tag = "1")]
    pub agent_event: Option<AgentEvent>,
    /// Whose.
    #[prost(string, tag = "1000")]
    pub node_name: String,
    /// When.
    #[prost(message, optional, tag = "1001")]
    pub time: Option<prost_types::Timestamp>,
}

/// Asks for the state.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServerStatusRequest {}

/// The state of a server, of all nodes together from Relay.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServerStatusResponse {
    /// Flows held.
    #[prost(uint64, tag = "1")]
    pub num_flows: u64,
    /// Flows that can be held.
    #[prost(uint64, tag = "2")]
    pub max_flows: u64,
    /// Flows ever seen.
    #[prost(uint64, tag = "3")]
    pub seen_flows: u64,
    /// Time since the start.
    #[prost(uint64, tag = "4")]
    pub uptime_ns: u64,
    /// Nodes connected; from Relay only.
    #[prost(message, optional, tag = "5")]
    pub num_connected_nodes: Option<u32>,
    /// Nodes that are not.
    #[prost(message, optional, tag = "6")]
    pub num_unavailable_nodes: Option<u32>,
    /// Their names, ten at most.
    #[prost(string, repeated, tag = "7")]
    pub unavailable_nodes: Vec<String>,
    /// Version.
    #[prost(string, tag = "8")]
    pub version: String,
    /// Flows a second, over the last minute.
    #[prost(double, tag = "9")]
    pub flows_rate: f64,
}

/// Asks for the nodes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetNodesRequest {}

/// All nodes. From Relay only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetNodesResponse {
    /// Nodes.
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Node {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Address.
    #[prost(string, tag = "3")]
    pub address: String,
    /// State.
    #[prost(int32, tag = "4")]
    pub state: i32,
    /// TLS.
    #[prost(message, optional, tag = "5")]
    pub tls: Option<Tls>,
    /// Time since the start.
    #[prost(uint64, tag = "6")]
    pub uptime_ns: u64,
    /// Flows held.
    #[prost(uint64, tag = "7")]
    pub num_flows: u64,
    /// Flows that can be held.
    #[prost(uint64, tag = "8")]
    pub max_flows: u64,
    /// Flows ever seen.
    #[prost(uint64, tag = "9")]
    pub seen_flows: u64,
}

/// TLS between Relay and a node.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Tls {
    /// Whether it is on.
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    /// The name in the certificate.
    #[prost(string, tag = "2")]
    pub server_name: String,
}

/// Asks for the namespaces.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetNamespacesRequest {}

/// Namespaces with flows in the last hour.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetNamespacesResponse {
    /// Namespaces.
    #[prost(message, repeated, tag = "1")]
    pub namespaces: Vec<Namespace>,
}

/// A namespace.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Namespace {
    /// Cluster.
    #[prost(string, tag = "1")]
    pub cluster: String,
    /// Name.
    #[prost(string, tag = "2")]
    pub namespace: String,
}

/// grpc.health.v1.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthCheckRequest {
    /// Which service; empty for all.
    #[prost(string, tag = "1")]
    pub service: String,
}

/// grpc.health.v1.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthCheckResponse {
    /// 1 is serving.
    #[prost(int32, tag = "1")]
    pub status: i32,
}
