//! What Cilium agents tell of themselves.

use crate::json::{absent, as_name, as_text, as_time, code, number, or_null, time};
use crate::words;

/// An event of an agent. Of the notices at most one is set: on the wire they are a oneof.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AgentEvent {
    /// What happened.
    #[prost(int32, tag = "1")]
    #[serde(
        rename = "type",
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::AgentEventType, _>",
        serialize_with = "as_name::<words::AgentEventType, _>"
    )]
    pub kind: i32,
    /// An agent started.
    #[prost(message, optional, tag = "101")]
    #[serde(skip_serializing_if = "absent")]
    pub agent_start: Option<TimeNotice>,
    /// A policy changed or went.
    #[prost(message, optional, tag = "102")]
    #[serde(skip_serializing_if = "absent")]
    pub policy_update: Option<PolicyNotice>,
    /// An endpoint was regenerated.
    #[prost(message, optional, tag = "103")]
    #[serde(skip_serializing_if = "absent")]
    pub endpoint_regenerate: Option<RegenerationNotice>,
    /// An endpoint came or went.
    #[prost(message, optional, tag = "104")]
    #[serde(skip_serializing_if = "absent")]
    pub endpoint_update: Option<EndpointNotice>,
    /// An address got another identity.
    #[prost(message, optional, tag = "105")]
    #[serde(skip_serializing_if = "absent")]
    pub ipcache_update: Option<IpCacheNotice>,
}

/// A moment.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TimeNotice {
    /// When.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "time", serialize_with = "as_time")]
    pub time: Option<prost_types::Timestamp>,
}

/// A change of policies.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct PolicyNotice {
    /// Labels that name the policy.
    #[prost(string, repeated, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub labels: Vec<String>,
    /// Revision.
    #[prost(uint64, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub revision: u64,
    /// Rules.
    #[prost(int64, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub rule_count: i64,
}

/// A regeneration.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RegenerationNotice {
    /// Endpoint.
    #[prost(uint64, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub id: u64,
    /// Its labels.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub labels: Vec<String>,
    /// Why it failed.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub error: String,
}

/// An endpoint.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct EndpointNotice {
    /// Endpoint.
    #[prost(uint64, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub id: u64,
    /// Its labels.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub labels: Vec<String>,
    /// What failed.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub error: String,
    /// Pod.
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub pod_name: String,
    /// Namespace.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub namespace: String,
}

/// An address and its identity.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct IpCacheNotice {
    /// Network.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub cidr: String,
    /// Identity now.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub identity: u32,
    /// Identity before.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "absent")]
    pub old_identity: Option<u32>,
    /// Node.
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub host_ip: String,
    /// Node before.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub old_host_ip: String,
    /// Key.
    #[prost(uint32, tag = "6")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub encrypt_key: u32,
    /// Namespace.
    #[prost(string, tag = "7")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub namespace: String,
    /// Pod.
    #[prost(string, tag = "8")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub pod_name: String,
}
