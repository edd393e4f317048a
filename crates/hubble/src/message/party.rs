//! The ends of a flow.

use crate::json::{absent, number, or_null};

/// One end of a flow, as far as Cilium knows it.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The endpoint's number, on its own node only.
    #[prost(uint32, tag = "1")]
    #[serde(rename = "ID", skip_serializing_if = "absent", deserialize_with = "number")]
    pub id: u32,
    /// Security identity: what policies decide by.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "number")]
    pub identity: u32,
    /// Namespace of the pod.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub namespace: String,
    /// Security-relevant labels, each `source:key=value`.
    #[prost(string, repeated, tag = "4")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub labels: Vec<String>,
    /// Name of the pod. May be set although the identity is `world` (host network).
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub pod_name: String,
    /// What the pod belongs to.
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub workloads: Vec<Workload>,
    /// Cluster of the pod.
    #[prost(string, tag = "7")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub cluster_name: String,
}

/// What owns a pod.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub name: String,
    /// Its kind, e.g. `Deployment`.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub kind: String,
}

/// A Service, where an address is one of its.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub name: String,
    /// Its namespace.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "absent", deserialize_with = "or_null")]
    pub namespace: String,
}
