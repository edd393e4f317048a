//! Nodes, namespaces, heartbeats.

use super::meta::{Amounts, Condition, List, Meta, time};
use jiff::Timestamp;
use serde::Deserialize;

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: NodeSpec,
    /// What is.
    pub status: NodeStatus,
}

/// A node's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeSpec {
    /// Cordoned.
    pub unschedulable: bool,
    /// Taints.
    pub taints: List<Taint>,
    /// The range its pods get their addresses from, where the cluster hands out ranges.
    #[serde(rename = "podCIDR")]
    pub pod_range: Option<Box<str>>,
}

/// A taint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
    /// Since when.
    #[serde(deserialize_with = "time")]
    pub time_added: Option<Timestamp>,
}

/// A node's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeStatus {
    /// Conditions.
    pub conditions: List<Condition>,
    /// What pods may ask for together.
    pub allocatable: Amounts,
    /// What the machine has.
    pub capacity: Amounts,
    /// Versions and architecture.
    pub node_info: NodeInfo,
    /// Host names and addresses.
    pub addresses: List<NodeAddress>,
}

/// One way to reach a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// E.g. `10.0.0.7`.
    pub address: Box<str>,
}

/// Versions and architecture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeInfo {
    /// E.g. `amd64`.
    pub architecture: String,
    /// E.g. `v1.31.2`.
    pub kubelet_version: String,
    /// E.g. `containerd://1.7.23`.
    pub container_runtime_version: String,
}

impl Node {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the kubelet says it can run pods.
    pub fn ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

impl Taint {
    /// `key=value:effect`, or `key:effect` without a value.
    pub fn written(&self) -> String {
        if self.value.is_empty() {
            format!("{}:{}", self.key, self.effect)
        } else {
            format!("{}={}:{}", self.key, self.value, self.effect)
        }
    }
}

/// A namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Metadata.
    pub metadata: Meta,
    /// What is.
    pub status: NamespaceStatus,
}

/// A namespace's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub phase: String,
    /// Why it does not go away.
    pub conditions: List<Condition>,
}

/// A lease: a node's heartbeat, or who leads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Metadata.
    pub metadata: Meta,
    /// Who holds it and since when.
    pub spec: LeaseSpec,
}

/// A lease's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LeaseSpec {
    /// Holder.
    pub holder_identity: Option<Box<str>>,
    /// Seconds after which it counts as lost.
    pub lease_duration_seconds: Option<i64>,
    /// Last renewal.
    #[serde(deserialize_with = "time")]
    pub renew_time: Option<Timestamp>,
}

/// A priority class.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PriorityClass {
    /// Metadata.
    pub metadata: Meta,
    /// Priority.
    pub value: i64,
}
