//! Layer 4.

use crate::json::{absent, number, or_null};

/// The transport. One of the fields is set: on the wire it is a oneof.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Layer4 {
    /// TCP.
    #[prost(message, optional, tag = "1")]
    #[serde(rename = "TCP", skip_serializing_if = "absent")]
    pub tcp: Option<Tcp>,
    /// UDP.
    #[prost(message, optional, tag = "2")]
    #[serde(rename = "UDP", skip_serializing_if = "absent")]
    pub udp: Option<Ports>,
    /// ICMP.
    #[prost(message, optional, tag = "3")]
    #[serde(rename = "ICMPv4", skip_serializing_if = "absent")]
    pub icmpv4: Option<Icmp>,
    /// ICMPv6.
    #[prost(message, optional, tag = "4")]
    #[serde(rename = "ICMPv6", skip_serializing_if = "absent")]
    pub icmpv6: Option<Icmp>,
    /// SCTP.
    #[prost(message, optional, tag = "5")]
    #[serde(rename = "SCTP", skip_serializing_if = "absent")]
    pub sctp: Option<Ports>,
}

/// TCP.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Tcp {
    /// From.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub source_port: u32,
    /// To.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub destination_port: u32,
    /// Flags of the packet.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "absent")]
    pub flags: Option<TcpFlags>,
}

/// UDP or SCTP.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Ports {
    /// From.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub source_port: u32,
    /// To.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub destination_port: u32,
}

/// ICMP of either version.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Icmp {
    /// Its type.
    #[prost(uint32, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "absent", deserialize_with = "number")]
    pub kind: u32,
    /// Its code.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub code: u32,
}

/// Flags of a TCP packet.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TcpFlags {
    /// FIN.
    #[prost(bool, tag = "1")]
    #[serde(rename = "FIN", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub fin: bool,
    /// SYN.
    #[prost(bool, tag = "2")]
    #[serde(rename = "SYN", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub syn: bool,
    /// RST.
    #[prost(bool, tag = "3")]
    #[serde(rename = "RST", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub rst: bool,
    /// PSH.
    #[prost(bool, tag = "4")]
    #[serde(rename = "PSH", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub psh: bool,
    /// ACK.
    #[prost(bool, tag = "5")]
    #[serde(rename = "ACK", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ack: bool,
    /// URG.
    #[prost(bool, tag = "6")]
    #[serde(rename = "URG", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub urg: bool,
    /// ECE.
    #[prost(bool, tag = "7")]
    #[serde(rename = "ECE", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ece: bool,
    /// CWR.
    #[prost(bool, tag = "8")]
    #[serde(rename = "CWR", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub cwr: bool,
    /// NS.
    #[prost(bool, tag = "9")]
    #[serde(rename = "NS", skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub ns: bool,
}
