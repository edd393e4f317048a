//! Layer 7.

use crate::json::{absent, as_name, as_text, code, number, or_null};
use crate::words;

/// What a proxy saw. Of the records one is set: on the wire they are a oneof.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Layer7 {
    /// Request or response.
    #[prost(int32, tag = "1")]
    #[serde(
        rename = "type",
        skip_serializing_if = "absent",
        deserialize_with = "code::<words::L7Type, _>",
        serialize_with = "as_name::<words::L7Type, _>"
    )]
    pub kind: i32,
    /// From request to response; set in responses.
    #[prost(uint64, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number", serialize_with = "as_text")]
    pub latency_ns: u64,
    /// DNS.
    #[prost(message, optional, tag = "100")]
    #[serde(skip_serializing_if = "absent")]
    pub dns: Option<Dns>,
    /// HTTP, gRPC within.
    #[prost(message, optional, tag = "101")]
    #[serde(skip_serializing_if = "absent")]
    pub http: Option<Http>,
    /// Kafka (deprecated upstream).
    #[prost(message, optional, tag = "102")]
    #[serde(skip_serializing_if = "absent")]
    pub kafka: Option<Kafka>,
}

/// A DNS message.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Dns {
    /// The name asked for, with its final dot.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub query: String,
    /// Addresses answered.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ips: Vec<String>,
    /// Seconds they hold.
    #[prost(uint32, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub ttl: u32,
    /// Aliases answered.
    #[prost(string, repeated, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub cnames: Vec<String>,
    /// Who saw it, e.g. `proxy`.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub observation_source: String,
    /// Response code (IANA): 0 no error, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    #[prost(uint32, tag = "6")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub rcode: u32,
    /// Record types asked for.
    #[prost(string, repeated, tag = "7")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub qtypes: Vec<String>,
    /// Record types answered.
    #[prost(string, repeated, tag = "8")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub rrtypes: Vec<String>,
}

/// An HTTP message.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Http {
    /// Status; 0 in requests.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub code: u32,
    /// Method.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub method: String,
    /// URL. May hold secrets in its query.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub url: String,
    /// e.g. `HTTP/1.1`.
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub protocol: String,
    /// Headers. May hold secrets.
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub headers: Vec<Header>,
}

/// An HTTP header.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Header {
    /// Name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub value: String,
}

/// A Kafka message.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Kafka {
    /// Error.
    #[prost(int32, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub error_code: i32,
    /// Version.
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub api_version: i32,
    /// Kind of request.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub api_key: String,
    /// Correlation.
    #[prost(int32, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub correlation_id: i32,
    /// Topic.
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub topic: String,
}
