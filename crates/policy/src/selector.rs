//! Label selectors of all policy kinds in one form: a conjunction of requirements on what is known of a peer.

use crate::certainty::{Match, all};
use crate::peer::{Known, Labels, Peer, Reserved};
use std::fmt;

/// What a requirement looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A label of the pod.
    Pod(String),
    /// The pod's namespace (Cilium: `io.kubernetes.pod.namespace`).
    Namespace,
    /// A label of the pod's namespace (Cilium: `io.cilium.k8s.namespace.labels.<key>`).
    NamespaceLabel(String),
    /// The pod's service account (`io.cilium.k8s.policy.serviceaccount`).
    ServiceAccount,
    /// The pod's cluster (`io.cilium.k8s.policy.cluster`).
    Cluster,
    /// A reserved identity (`reserved:<name>`).
    Reserved(String),
    /// A label of a node.
    Node(String),
    /// A label of a source that this engine has no data of, e.g. `container:`.
    Foreign(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(key) => write!(f, "label {key}"),
            Self::Namespace => f.write_str("namespace"),
            Self::NamespaceLabel(key) => write!(f, "namespace label {key}"),
            Self::ServiceAccount => f.write_str("service account"),
            Self::Cluster => f.write_str("cluster"),
            Self::Reserved(name) => write!(f, "identity reserved:{name}"),
            Self::Node(key) => write!(f, "node label {key}"),
            Self::Foreign(key) => write!(f, "label {key}"),
        }
    }
}

/// Operators of `matchExpressions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    /// One of the values.
    In,
    /// None of the values; an absent label satisfies it.
    NotIn,
    /// Present with any value.
    Exists,
    /// Absent.
    DoesNotExist,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Requirement {
    /// Of what.
    pub(crate) key: Key,
    /// How.
    pub(crate) operator: Operator,
    /// Values of `In` and `NotIn`.
    pub(crate) values: Vec<String>,
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match (self.operator, self.values.as_slice()) {
            (Operator::In, [value]) => write!(f, "{key}={value}"),
            (Operator::NotIn, [value]) => write!(f, "{key}!={value}"),
            (Operator::In, values) => write!(f, "{key} in ({})", values.join(", ")),
            (Operator::NotIn, values) => write!(f, "{key} not in ({})", values.join(", ")),
            (Operator::Exists, _) => write!(f, "{key}"),
            (Operator::DoesNotExist, _) => write!(f, "no {key}"),
        }
    }
}

/// All of these must hold; none selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Selector {
    /// The requirements.
    pub(crate) requirements: Vec<Requirement>,
}

/// What looking for a key gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look<'a> {
    Value(&'a str),
    Absent,
    Unknown,
}

impl Requirement {
    pub(crate) fn equals(key: Key, value: &str) -> Self {
        Self { key, operator: Operator::In, values: vec![value.to_owned()] }
    }

    pub(crate) fn exists(key: Key) -> Self {
        Self { key, operator: Operator::Exists, values: Vec::new() }
    }

    pub(crate) fn matches(&self, peer: &Peer) -> Match {
        match look(peer, &self.key) {
            Look::Unknown => Match::Maybe,
            Look::Value(value) => Match::of(self.holds(Some(value))),
            Look::Absent => Match::of(self.holds(None)),
        }
    }

    /// Whether a label with this value, or without one, satisfies it.
    pub(crate) fn holds(&self, value: Option<&str>) -> bool {
        let listed = value.is_some_and(|value| self.values.iter().any(|it| it == value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl Selector {
    pub(crate) fn matches(&self, peer: &Peer) -> Match {
        all(self.requirements.iter().map(|requirement| requirement.matches(peer)))
    }

    /// Against labels of something that is no peer, e.g. a Service.
    pub(crate) fn matches_labels(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|it| match &it.key {
            Key::Pod(name) => it.holds(labels.get(name).map(String::as_str)),
            _ => false,
        })
    }

    pub(crate) fn and(mut self, requirement: Requirement) -> Self {
        self.requirements.push(requirement);
        self
    }

    pub(crate) fn joined(mut self, other: Self) -> Self {
        self.requirements.extend(other.requirements);
        self
    }

    pub(crate) fn names(&self, wanted: impl Fn(&Key) -> bool) -> bool {
        self.requirements.iter().any(|requirement| wanted(&requirement.key))
    }

    /// The one value that a key must have.
    pub(crate) fn pinned(&self, key: &Key) -> Option<&str> {
        self.requirements.iter().find_map(|it| match (it.operator, it.values.as_slice()) {
            (Operator::In, [value]) if it.key == *key => Some(value.as_str()),
            _ => None,
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requirements.is_empty() {
            return f.write_str("everything");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

/// Upstream sets this label on every namespace, so it is known where the namespace is.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
pub(crate) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

pub(crate) fn look<'a>(peer: &'a Peer, key: &Key) -> Look<'a> {
    let Some(pod) = peer.managed() else { return look_elsewhere(peer, key) };
    match key {
        Key::Pod(name) => pod.labels.get(name).map_or(Look::Absent, |value| Look::Value(value)),
        Key::Namespace => Look::Value(&pod.namespace),
        Key::NamespaceLabel(name) => match &pod.namespace_labels {
            Known::Known(labels) => match labels.get(name) {
                Some(value) => Look::Value(value),
                None if name == NAMESPACE_NAME => Look::Value(&pod.namespace),
                None => Look::Absent,
            },
            Known::Unknown if name == NAMESPACE_NAME => Look::Value(&pod.namespace),
            Known::Unknown => Look::Unknown,
        },
        Key::ServiceAccount => pod.service_account.known().map_or(Look::Unknown, |name| Look::Value(name)),
        Key::Cluster => pod.cluster.as_deref().map_or(Look::Unknown, Look::Value),
        Key::Reserved(_) | Key::Node(_) => Look::Absent,
        Key::Foreign(_) => Look::Unknown,
    }
}

/// Whoever is not a pod with its own network has no labels of pods, only an identity.
fn look_elsewhere<'a>(peer: &'a Peer, key: &Key) -> Look<'a> {
    match (peer, key) {
        (Peer::Node(node), Key::Node(name)) => match &node.labels {
            Known::Known(labels) => labels.get(name).map_or(Look::Absent, |value| Look::Value(value)),
            Known::Unknown => Look::Unknown,
        },
        // A host-networked pod is its node, of which only the name is known here.
        (
            Peer::Pod(_) | Peer::Reserved(Reserved::Host | Reserved::RemoteNode | Reserved::KubeApiserver),
            Key::Node(_),
        ) => Look::Unknown,
        (Peer::Reserved(reserved), Key::Reserved(name)) => presence(reserved.word() == name),
        (Peer::World(world), Key::Reserved(name)) => {
            presence(name == "world" || name == "kube-apiserver" && world.kube_apiserver)
        }
        // Which of the two a node is depends on the other end.
        (Peer::Node(_) | Peer::Pod(_), Key::Reserved(name)) if name == "host" || name == "remote-node" => {
            Look::Unknown
        }
        (Peer::Node(node), Key::Reserved(name)) => presence(name == "kube-apiserver" && node.kube_apiserver),
        (_, Key::Foreign(_)) => Look::Unknown,
        _ => Look::Absent,
    }
}

fn presence(there: bool) -> Look<'static> {
    if there { Look::Value("") } else { Look::Absent }
}
