//! What a client asks for.

use crate::json::{absent, codes, number, or_null};
use crate::message::layer4::TcpFlags;
use crate::message::party::Workload;
use crate::words;

/// All set fields must match; of one field's values any.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct FlowFilter {
    /// Addresses or networks of the source.
    #[prost(string, repeated, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_ip: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_ip: Vec<String>,
    /// Of the source after masquerading.
    #[prost(string, repeated, tag = "34")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_ip_xlated: Vec<String>,
    /// Prefixes: `namespace/prefix`, `namespace/`.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_pod: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_pod: Vec<String>,
    /// Names, `*` for any part.
    #[prost(string, repeated, tag = "7")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_fqdn: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "8")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_fqdn: Vec<String>,
    /// Label selectors.
    #[prost(string, repeated, tag = "10")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_label: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "11")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_label: Vec<String>,
    /// Prefixes as for pods.
    #[prost(string, repeated, tag = "16")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_service: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "17")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_service: Vec<String>,
    /// Owners.
    #[prost(message, repeated, tag = "26")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_workload: Vec<Workload>,
    /// Of the destination.
    #[prost(message, repeated, tag = "27")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_workload: Vec<Workload>,
    /// Clusters.
    #[prost(string, repeated, tag = "37")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_cluster_name: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "38")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_cluster_name: Vec<String>,
    /// Directions.
    #[prost(int32, repeated, tag = "30")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "codes::<words::Direction, _>")]
    pub traffic_direction: Vec<i32>,
    /// Verdicts.
    #[prost(int32, repeated, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "codes::<words::Verdict, _>")]
    pub verdict: Vec<i32>,
    /// Drop reasons.
    #[prost(int32, repeated, tag = "33")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "codes::<words::DropReason, _>")]
    pub drop_reason_desc: Vec<i32>,
    /// Events.
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub event_type: Vec<EventTypeFilter>,
    /// `404` or a prefix, `5+`.
    #[prost(string, repeated, tag = "9")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub http_status_code: Vec<String>,
    /// Methods.
    #[prost(string, repeated, tag = "21")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub http_method: Vec<String>,
    /// Regular expressions.
    #[prost(string, repeated, tag = "22")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub http_path: Vec<String>,
    /// Regular expressions.
    #[prost(string, repeated, tag = "31")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub http_url: Vec<String>,
    /// Names; one that is not known is an error.
    #[prost(string, repeated, tag = "12")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub protocol: Vec<String>,
    /// Ports.
    #[prost(string, repeated, tag = "13")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_port: Vec<String>,
    /// Of the destination.
    #[prost(string, repeated, tag = "14")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_port: Vec<String>,
    /// Answers or not.
    #[prost(bool, repeated, tag = "15")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub reply: Vec<bool>,
    /// Regular expressions.
    #[prost(string, repeated, tag = "18")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub dns_query: Vec<String>,
    /// Identities.
    #[prost(uint32, repeated, tag = "19")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub source_identity: Vec<u32>,
    /// Of the destination.
    #[prost(uint32, repeated, tag = "20")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub destination_identity: Vec<u32>,
    /// Flags that must all be set.
    #[prost(message, repeated, tag = "23")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub tcp_flags: Vec<TcpFlags>,
    /// `cluster/node`, `*` for any part.
    #[prost(string, repeated, tag = "24")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub node_name: Vec<String>,
    /// IP versions.
    #[prost(int32, repeated, tag = "25")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "codes::<words::IpVersion, _>")]
    pub ip_version: Vec<i32>,
    /// Trace ids.
    #[prost(string, repeated, tag = "28")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub trace_id: Vec<String>,
    /// Flow ids.
    #[prost(string, repeated, tag = "29")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub uuid: Vec<String>,
    /// Encrypted or not.
    #[prost(bool, repeated, tag = "40")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub encrypted: Vec<bool>,
}

/// An event.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct EventTypeFilter {
    /// Its type.
    #[prost(int32, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "absent", deserialize_with = "number")]
    pub kind: i32,
    /// Whether the next counts: 0 is a valid one.
    #[prost(bool, tag = "2")]
    #[serde(rename = "match_sub_type", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub match_sub_kind: bool,
    /// Its sub-type.
    #[prost(int32, tag = "3")]
    #[serde(rename = "sub_type", skip_serializing_if = "absent", deserialize_with = "number")]
    pub sub_kind: i32,
}
