//! The one form that all policy kinds are read into.

mod layer7;
mod name;
mod ports;

pub(crate) use layer7::{Header, HttpRule, Layer7, Pattern};
pub(crate) use name::NamePattern;
pub(crate) use ports::{PortKind, PortMatch, PortSet, Ports};

use crate::selector::Selector;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stethoscope_core::object::ObjectRef;

/// Kinds of policies that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
    /// `cilium.io/v2`.
    CiliumNetworkPolicy,
    /// `cilium.io/v2`, cluster-scoped.
    CiliumClusterwideNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    AdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    BaselineAdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha2`.
    ClusterNetworkPolicy,
}

/// When a policy is asked. The first tier that decides wins; policies of the standard tier add up.
/// <https://network-policy-api.sigs.k8s.io/api-overview/>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Before all others; the smaller the priority, the earlier.
    Admin {
        /// 0 to 1000.
        priority: i64,
    },
    /// NetworkPolicy and Cilium's policies.
    Standard,
    /// Where no other policy decided.
    Baseline {
        /// 0 to 1000; a BaselineAdminNetworkPolicy has none and counts as 0.
        priority: i64,
    },
}

/// Which of its two ends a rule guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What leaves the source.
    Egress,
    /// What enters the destination.
    Ingress,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) reference: ObjectRef,
    pub(crate) kind: Kind,
    pub(crate) tier: Tier,
    pub(crate) sections: Vec<Section>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) manifest: Value,
}

impl Policy {
    /// Kind, namespace and name.
    pub fn reference(&self) -> &ObjectRef {
        &self.reference
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its tier.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// What could not be read as meant.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// A part of a policy that this engine, or upstream, does not take as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The policy.
    pub policy: ObjectRef,
    /// Where, e.g. `spec.ingress[0].fromCIDR[1]`.
    pub path: String,
    /// What sort.
    pub kind: ProblemKind,
    /// In words.
    pub says: String,
}

/// Sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Not of the form that upstream's schema wants; what depends on it is undecided.
    Malformed,
    /// Known upstream or unknown to us, but not evaluated; what depends on it is undecided.
    Unsupported,
    /// Understood, and without any effect.
    NoEffect,
    /// About nodes, which this engine does not judge.
    NotCovered,
}

/// One `spec`.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) path: String,
    pub(crate) subject: Subject,
    pub(crate) ingress: Option<Side>,
    pub(crate) egress: Option<Side>,
}

impl Section {
    pub(crate) fn side(&self, direction: Direction) -> Option<&Side> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }
}

/// Whom a section selects.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// Pods; the namespace stands in the selector.
    Pods(Selector),
    /// Nodes (host policies).
    Nodes,
    /// Its selector could not be read.
    Unreadable,
}

/// One direction of a section.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// Whether what no rule allows is dropped.
    pub(crate) isolates: Isolates,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolates {
    Yes,
    No,
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) path: String,
    pub(crate) name: Option<String>,
    pub(crate) action: Action,
    pub(crate) peers: Peers,
    pub(crate) ports: Ports,
    /// Cilium's mutual authentication: `required`, `test-always-fail`.
    pub(crate) authentication: Option<String>,
    /// A part of it that is not evaluated: whether it matches is undecided then.
    pub(crate) doubt: Option<String>,
}

impl Rule {
    /// A rule of which nothing is known but that it is there: whatever it could match is undecided.
    pub(crate) fn unreadable(path: String, action: Action) -> Self {
        let doubt = Some("it can't be read".to_owned());
        let (peers, ports) = (Peers::Any, Ports::Any);
        Self { path, name: None, action, peers, ports, authentication: None, doubt }
    }
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Allow (`Accept` in a ClusterNetworkPolicy).
    Allow,
    /// Deny.
    Deny,
    /// Leave it to the next tier.
    Pass,
}

/// Whom a rule speaks of.
#[derive(Clone, Debug)]
pub(crate) enum Peers {
    /// Everyone.
    Any,
    /// Any of these; none of them is nobody.
    Of(Vec<PeerMatch>),
}

#[derive(Clone, Debug)]
pub(crate) struct PeerMatch {
    pub(crate) who: Who,
}

#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Pods, or reserved identities by their label.
    Endpoints(Selector),
    /// Nodes by their labels.
    Nodes(Selector),
    /// Addresses.
    Block(Block),
    /// A CiliumCIDRGroup.
    Group { name: String, except: Vec<IpNet> },
    /// A word of Cilium's.
    Entity(Entity),
    /// DNS names.
    Name(NamePattern),
    /// A Service.
    Service(ServiceMatch),
    /// Something that is not evaluated, in words.
    Unsupported(String),
}

/// A network without some of its parts.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) net: IpNet,
    pub(crate) except: Vec<IpNet>,
    pub(crate) reach: Reach,
}

/// Whether a block speaks of pods that have an address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As the network plug-in has it: Cilium matches neither pods nor nodes.
    Plugin,
    /// Everyone with such an address (`networks` of the network policy API).
    Everyone,
}

/// Cilium's entities. <https://docs.cilium.io/en/stable/security/policy/layer3/#entities-based>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    All,
    World,
    WorldV4,
    WorldV6,
    Cluster,
    Host,
    RemoteNode,
    KubeApiserver,
    Ingress,
    Health,
    Init,
    Unmanaged,
    None,
}

const ENTITIES: [(&str, Entity); 13] = [
    ("all", Entity::All),
    ("world", Entity::World),
    ("world-ipv4", Entity::WorldV4),
    ("world-ipv6", Entity::WorldV6),
    ("cluster", Entity::Cluster),
    ("host", Entity::Host),
    ("remote-node", Entity::RemoteNode),
    ("kube-apiserver", Entity::KubeApiserver),
    ("ingress", Entity::Ingress),
    ("health", Entity::Health),
    ("init", Entity::Init),
    ("unmanaged", Entity::Unmanaged),
    ("none", Entity::None),
];

impl Entity {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        ENTITIES.iter().find(|(name, _)| *name == word).map(|(_, entity)| *entity)
    }

    pub(crate) fn word(self) -> &'static str {
        ENTITIES.iter().find(|(_, entity)| *entity == self).map_or("", |(name, _)| *name)
    }
}

/// `toServices`.
#[derive(Clone, Debug)]
pub(crate) struct ServiceMatch {
    /// `None` for all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) by: ServiceBy,
}

#[derive(Clone, Debug)]
pub(crate) enum ServiceBy {
    Name(String),
    Labels(Selector),
}
