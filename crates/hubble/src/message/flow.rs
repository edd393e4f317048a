//! A flow: one event of the datapath or of a proxy.

use crate::json::{absent, as_name, as_text, as_time, code, number, or_null, time, truth};
use crate::message::layer4::Layer4;
use crate::message::layer7::Layer7;
use crate::message::party::{Endpoint, Service};
use crate::words;

/// A flow event. Several of them may tell of one packet, and one may stand for many.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Flow {
    /// When.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "time", serialize_with = "as_time")]
    pub time: Option<prost_types::Timestamp>,
    /// Its own id.
    #[prost(string, tag = "34")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub uuid: String,
    /// What became of it.
    #[prost(int32, tag = "2")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::Verdict, _>",
        serialize_with = "as_name::<words::Verdict, _>"
    )]
    pub verdict: i32,
    /// Old form of `drop_reason_desc`.
    #[prost(uint32, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub drop_reason: u32,
    /// Why it was dropped.
    #[prost(int32, tag = "25")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::DropReason, _>",
        serialize_with = "as_name::<words::DropReason, _>"
    )]
    pub drop_reason_desc: i32,
    /// Mutual authentication, in policy verdicts.
    #[prost(int32, tag = "35")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::AuthType, _>",
        serialize_with = "as_name::<words::AuthType, _>"
    )]
    pub auth_type: i32,
    /// Layer 2.
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "absent")]
    pub ethernet: Option<Ethernet>,
    /// Layer 3.
    #[prost(message, optional, tag = "5")]
    #[serde(rename = "IP", skip_serializing_if = "absent")]
    pub ip: Option<Ip>,
    /// Layer 4.
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "absent")]
    pub l4: Option<Layer4>,
    /// From.
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "absent")]
    pub source: Option<Endpoint>,
    /// To.
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "absent")]
    pub destination: Option<Endpoint>,
    /// Its layer.
    #[prost(int32, tag = "10")]
    #[serde(
        rename = "Type",
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::FlowType, _>",
        serialize_with = "as_name::<words::FlowType, _>"
    )]
    pub kind: i32,
    /// The node that saw it, `cluster/node` outside the default cluster.
    #[prost(string, tag = "11")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub node_name: String,
    /// Names that resolved to the source.
    #[prost(string, repeated, tag = "13")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_names: Vec<String>,
    /// Names that resolved to the destination.
    #[prost(string, repeated, tag = "14")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_names: Vec<String>,
    /// Layer 7, in L7 flows.
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "absent")]
    pub l7: Option<Layer7>,
    /// Old form of `is_reply`: false may mean unknown.
    #[prost(bool, tag = "16")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub reply: bool,
    /// Whether source and destination are those of an answer. Absent: unknown.
    #[prost(message, optional, tag = "26")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "truth")]
    pub is_reply: Option<bool>,
    /// Cilium's event.
    #[prost(message, optional, tag = "19")]
    #[serde(skip_serializing_if = "absent")]
    pub event_type: Option<EventType>,
    /// Service of the source.
    #[prost(message, optional, tag = "20")]
    #[serde(skip_serializing_if = "absent")]
    pub source_service: Option<Service>,
    /// Service of the destination.
    #[prost(message, optional, tag = "21")]
    #[serde(skip_serializing_if = "absent")]
    pub destination_service: Option<Service>,
    /// Whose side: EGRESS is the source, INGRESS the destination.
    #[prost(int32, tag = "22")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::Direction, _>",
        serialize_with = "as_name::<words::Direction, _>"
    )]
    pub traffic_direction: i32,
    /// How a policy matched, in policy verdicts.
    #[prost(uint32, tag = "23")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub policy_match_type: u32,
    /// Where it was seen.
    #[prost(int32, tag = "24")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::ObservationPoint, _>",
        serialize_with = "as_name::<words::ObservationPoint, _>"
    )]
    pub trace_observation_point: i32,
    /// Why it was traced.
    #[prost(int32, tag = "36")]
    #[serde(
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::TraceReason, _>",
        serialize_with = "as_name::<words::TraceReason, _>"
    )]
    pub trace_reason: i32,
    /// Where in the datapath it was dropped.
    #[prost(message, optional, tag = "38")]
    #[serde(skip_serializing_if = "absent")]
    pub file: Option<File>,
    /// Network interface.
    #[prost(message, optional, tag = "28")]
    #[serde(skip_serializing_if = "absent")]
    pub interface: Option<Interface>,
    /// Port of the proxy it was sent to.
    #[prost(uint32, tag = "29")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub proxy_port: u32,
    /// Trace of the request.
    #[prost(message, optional, tag = "30")]
    #[serde(skip_serializing_if = "absent")]
    pub trace_context: Option<TraceContext>,
    /// A line for people (deprecated upstream).
    #[prost(string, tag = "100000")]
    #[serde(rename = "Summary", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub summary: String,
    /// Policies that allowed it out.
    #[prost(message, repeated, tag = "21001")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub egress_allowed_by: Vec<Policy>,
    /// Policies that allowed it in.
    #[prost(message, repeated, tag = "21002")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ingress_allowed_by: Vec<Policy>,
    /// Policies that denied it out; empty where nothing allowed it.
    #[prost(message, repeated, tag = "21004")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub egress_denied_by: Vec<Policy>,
    /// Policies that denied it in; empty where nothing allowed it.
    #[prost(message, repeated, tag = "21005")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ingress_denied_by: Vec<Policy>,
    /// What the policies' `log` fields say.
    #[prost(string, repeated, tag = "21006")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub policy_log: Vec<String>,
    /// How many flows this one stands for.
    #[prost(message, optional, tag = "21007")]
    #[serde(skip_serializing_if = "absent")]
    pub aggregate: Option<Aggregate>,
}

/// Layer 2.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Ethernet {
    /// From.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source: String,
    /// To.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination: String,
}

/// Layer 3.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Ip {
    /// From.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source: String,
    /// To.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination: String,
    /// 4 or 6.
    #[prost(int32, tag = "3")]
    #[serde(
        rename = "ipVersion",
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::IpVersion, _>",
        serialize_with = "as_name::<words::IpVersion, _>"
    )]
    pub version: i32,
    /// Whether it was seen encrypted.
    #[prost(bool, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub encrypted: bool,
    /// The source after masquerading.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_xlated: String,
}

/// Cilium's event, see [`crate::words::event`].
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct EventType {
    /// Its type.
    #[prost(int32, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "absent", deserialize_with = "number")]
    pub kind: i32,
    /// Drop code, observation point or alike.
    #[prost(int32, tag = "2")]
    #[serde(rename = "sub_type", skip_serializing_if = "absent", deserialize_with = "number")]
    pub sub_kind: i32,
}

/// A place in the datapath's source.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct File {
    /// File.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub name: String,
    /// Line.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub line: u32,
}

/// A network interface.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its number.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub index: u32,
    /// Its name.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub name: String,
}

/// Trace of a request.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TraceContext {
    /// The caller.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "absent")]
    pub parent: Option<TraceParent>,
}

/// The caller in a trace.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TraceParent {
    /// W3C trace id.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub trace_id: String,
}

/// A policy as flows name it.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub name: String,
    /// Its namespace.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub namespace: String,
    /// Its labels.
    #[prost(string, repeated, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub labels: Vec<String>,
    /// Revision.
    #[prost(uint64, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub revision: u64,
    /// Its kind, e.g. `CiliumNetworkPolicy`.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub kind: String,
}

/// Counts of an aggregating exporter.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Aggregate {
    /// Ingress flows.
    #[prost(uint64, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub ingress_flow_count: u64,
    /// Egress flows.
    #[prost(uint64, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub egress_flow_count: u64,
    /// Flows without direction.
    #[prost(uint64, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub unknown_direction_flow_count: u64,
}
