//! The two ends of a connection as policies see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Labels of a pod, a namespace, a node or a Service.
pub type Labels = BTreeMap<String, String>;

/// Something that was looked up, or was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// This is how it is.
    Known(T),
    /// Nobody looked, or nobody may: a rule that depends on it is undecided, not refused.
    #[default]
    Unknown,
}

impl<T> Known<T> {
    /// The value, when it was looked up.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

/// One end of a connection.
///
/// With Cilium the security identity decides, not the name: a flow that carries a pod's name but the identity `world`
/// (a host-networked pod, a NodePort that was translated on the way) is a [`World`] or a [`Reserved`] peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// A pod.
    Pod(Pod),
    /// A node itself.
    Node(Node),
    /// An address outside of the cluster.
    World(World),
    /// One of Cilium's reserved identities, when no more is known.
    Reserved(Reserved),
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Labels of its namespace.
    pub namespace_labels: Known<Labels>,
    /// Its service account.
    pub service_account: Known<String>,
    /// Cluster Mesh's name of its cluster; `None` means the one whose policies are asked.
    pub cluster: Option<String>,
    /// Its named container ports.
    pub named_ports: Known<Vec<NamedPort>>,
    /// Whether it shares its node's network: policies then see the node, not the pod.
    pub host_network: bool,
    /// Its addresses; none means that they are not known.
    pub ips: Vec<IpAddr>,
    /// The node it runs on, when it is scheduled.
    pub node: Option<String>,
}

/// A container port with a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedPort {
    /// Name.
    pub name: String,
    /// Number.
    pub port: u16,
    /// Protocol; upstream's default is TCP.
    #[serde(default)]
    pub protocol: crate::traffic::Protocol,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Known<Labels>,
    /// Addresses; none means that they are not known.
    pub ips: Vec<IpAddr>,
    /// Whether the API server is known to answer there.
    pub kube_apiserver: bool,
}

/// An address outside of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// The address.
    pub ip: Option<IpAddr>,
    /// DNS names that the DNS proxy has seen for it (Hubble: `destination_names`).
    pub names: Known<Vec<String>>,
    /// Whether the API server is known to answer there.
    pub kube_apiserver: bool,
}

/// Cilium's reserved identities that are not the world (`pkg/identity/numericidentity.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reserved {
    /// The node on which the other end runs.
    Host,
    /// Another node.
    RemoteNode,
    /// The API server on a node.
    KubeApiserver,
    /// Cilium's health endpoints.
    Health,
    /// An endpoint that has no identity yet.
    Init,
    /// A pod that Cilium does not manage.
    Unmanaged,
    /// Cilium's Envoy for Ingress and Gateway API.
    Ingress,
}

impl Reserved {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::RemoteNode => "remote-node",
            Self::KubeApiserver => "kube-apiserver",
            Self::Health => "health",
            Self::Init => "init",
            Self::Unmanaged => "unmanaged",
            Self::Ingress => "ingress",
        }
    }
}

impl Peer {
    /// The pod, when it has a network of its own: only such pods have an identity made of labels.
    pub(crate) fn managed(&self) -> Option<&Pod> {
        match self {
            Self::Pod(pod) if !pod.host_network => Some(pod),
            _ => None,
        }
    }

    /// Addresses that are known.
    pub(crate) fn ips(&self) -> &[IpAddr] {
        match self {
            Self::Pod(pod) => &pod.ips,
            Self::Node(node) => &node.ips,
            Self::World(world) => world.ip.as_slice(),
            Self::Reserved(_) => &[],
        }
    }

    /// What it is called in sentences.
    pub(crate) fn called(&self) -> String {
        match self {
            Self::Pod(pod) if pod.host_network => {
                format!("host-networked pod {}/{}", pod.namespace, pod.name)
            }
            Self::Pod(pod) => format!("pod {}/{}", pod.namespace, pod.name),
            Self::Node(node) => format!("node {}", node.name),
            Self::World(world) => match (&world.ip, world.names.known().and_then(|names| names.first())) {
                (Some(ip), Some(name)) => format!("{name} ({ip})"),
                (Some(ip), None) => ip.to_string(),
                (None, Some(name)) => name.clone(),
                (None, None) => "an address outside of the cluster".to_owned(),
            },
            Self::Reserved(reserved) => format!("reserved:{}", reserved.word()),
        }
    }
}
