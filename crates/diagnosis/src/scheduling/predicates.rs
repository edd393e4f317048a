//! The scheduler's filters, evaluated against one node.
//!
//! Order and meaning: `pkg/scheduler/framework/plugins` (NodeUnschedulable, TaintToleration, NodeAffinity, NodePorts,
//! NodeResourcesFit, VolumeBinding, PodTopologySpread, InterPodAffinity).

use crate::snapshot::{
    Amounts, Labels, Node, NodeSelector, NodeSelectorTerm, Pod, PodAffinity, PodAffinityTerm, Requirement,
    Taint, Toleration,
};
use crate::world::World;
use std::collections::HashMap;

/// What keeps a pod off a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// A taint somebody set; written as `key=value:effect`.
    Taint(String),
    /// A taint the node controller set because the node is not well.
    NodeUnavailable(String),
    Selector,
    Affinity,
    /// `cpu`, `memory`, `pods`, …
    Resource(String),
    AntiAffinity,
    PodAffinity,
    Spread,
    HostPort(i64),
    Volume,
    Cordon,
    NoNodes,
    Unknown,
}

/// The taint that `kubectl cordon` leads to.
const CORDON: &str = "node.kubernetes.io/unschedulable";
/// Taints under this prefix are set by the node lifecycle controller from conditions.
const BY_CONDITION: &str = "node.kubernetes.io/";

/// What pods on each node reserve, in milli units, and how many there are.
pub(super) struct Usage {
    by_node: HashMap<String, HashMap<String, i128>>,
}

impl Usage {
    pub(super) fn of(world: &World<'_>) -> Self {
        let mut by_node = HashMap::<String, HashMap<String, i128>>::new();
        for pod in &world.snapshot.pods {
            let Some(node) = pod.node().filter(|_| !pod.finished()) else { continue };
            let used = by_node.entry(node.to_owned()).or_default();
            for resource in requested(pod) {
                *used.entry(resource.clone()).or_default() += pod.spec.request(&resource);
            }
            *used.entry("pods".to_owned()).or_default() += 1000;
        }
        Self { by_node }
    }

    /// Nobody runs anywhere.
    pub(super) fn none() -> Self {
        Self { by_node: HashMap::new() }
    }

    fn used(&self, node: &str, resource: &str) -> i128 {
        self.by_node.get(node).and_then(|used| used.get(resource)).copied().unwrap_or(0)
    }
}

/// Resources a pod asks for.
fn requested(pod: &Pod) -> Vec<String> {
    let names = |amounts: &Amounts| amounts.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    let mut all: Vec<String> = pod
        .spec
        .all_containers()
        .flat_map(|container| {
            let mut both = names(&container.resources.requests);
            both.extend(names(&container.resources.limits));
            both
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Nodes that are set apart for the control plane; upstream's labels, and the ones of older installers.
pub(crate) fn is_control_plane(node: &Node) -> bool {
    let labels = &node.metadata.labels;
    labels.get("node-role.kubernetes.io/control-plane").is_some()
        || labels.get("node-role.kubernetes.io/master").is_some()
        || matches!(labels.text("kubernetes.io/role"), Some("master" | "control-plane"))
}

/// Everything that keeps the pod off the node; empty means it fits.
pub(super) fn obstacles(world: &World<'_>, usage: &Usage, pod: &Pod, node: &Node) -> Vec<Obstacle> {
    let mut all = Vec::new();
    let cordoned = node.spec.unschedulable || node.spec.taints.iter().any(|taint| taint.key == CORDON);
    let bears_cordon = pod
        .spec
        .tolerations
        .iter()
        .any(|it| it.key.is_empty() && it.operator == "Exists" || it.key == CORDON);
    if cordoned && !bears_cordon {
        all.push(Obstacle::Cordon);
    }
    for taint in &node.spec.taints {
        let repels = matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
        if repels && taint.key != CORDON && !pod.spec.tolerations.iter().any(|it| tolerates(it, taint)) {
            let obstacle = if taint.key.starts_with(BY_CONDITION) {
                Obstacle::NodeUnavailable(taint.key.clone())
            } else {
                Obstacle::Taint(taint.written())
            };
            if !all.contains(&obstacle) {
                all.push(obstacle);
            }
        }
    }
    if !selected(node, &pod.spec.node_selector) {
        all.push(Obstacle::Selector);
    }
    let required = pod.spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.required.as_ref());
    if required.is_some_and(|selector| !satisfies(selector, node)) {
        all.push(Obstacle::Affinity);
    }
    if let Some(port) = taken_port(world, pod, node) {
        all.push(Obstacle::HostPort(port));
    }
    for resource in requested(pod) {
        let wanted = pod.spec.request(&resource);
        let room = node.status.allocatable.get(&resource).map_or(0, crate::snapshot::Quantity::milli);
        let known = !node.status.allocatable.is_empty();
        if wanted > 0 && known && wanted > room - usage.used(&node.metadata.name, &resource) {
            all.push(Obstacle::Resource(resource));
        }
    }
    if let Some(room) = node.status.allocatable.get("pods")
        && usage.used(&node.metadata.name, "pods") >= room.milli()
    {
        all.push(Obstacle::Resource("pods".to_owned()));
    }
    if !volumes_reach(world, pod, node) {
        all.push(Obstacle::Volume);
    }
    if let Some(affinity) = &pod.spec.affinity {
        if affinity.pod_anti_affinity.required.iter().any(|term| met(world, pod, node, term)) {
            all.push(Obstacle::AntiAffinity);
        }
        let own = |term: &PodAffinityTerm| {
            term.label_selector.as_ref().is_some_and(|selector| selector.matches(&pod.metadata.labels))
        };
        // A pod that matches its own affinity may be the first of its kind.
        if affinity.pod_affinity.required.iter().any(|term| !own(term) && !met(world, pod, node, term)) {
            all.push(Obstacle::PodAffinity);
        }
    }
    all
}

/// Whether a node carries a nodeSelector's labels. Kubelets label their node with its host name, which is the node's name
/// unless overridden, so a record without that label is read as having it.
fn selected(node: &Node, selector: &Labels) -> bool {
    const HOSTNAME: &str = "kubernetes.io/hostname";
    selector.iter().all(|(name, value)| match node.metadata.labels.text(name) {
        Some(have) => have == &**value,
        None => name == HOSTNAME && **value == *node.metadata.name,
    })
}

/// `Toleration.ToleratesTaint` in `k8s.io/api/core/v1`.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    if !toleration.effect.is_empty() && toleration.effect != taint.effect {
        return false;
    }
    if !toleration.key.is_empty() && toleration.key != taint.key {
        return false;
    }
    match toleration.operator.as_str() {
        "Exists" => true,
        "" | "Equal" => !toleration.key.is_empty() && toleration.value == taint.value,
        _ => false,
    }
}

/// Whether one of the terms holds; a term without requirements matches nothing.
pub(super) fn satisfies(selector: &NodeSelector, node: &Node) -> bool {
    let name: Labels = [("metadata.name", Box::from(node.metadata.name.as_str()))].into_iter().collect();
    let holds = |term: &NodeSelectorTerm| {
        let empty = term.match_expressions.is_empty() && term.match_fields.is_empty();
        !empty
            && term.match_expressions.iter().all(|rule| rule.holds(&node.metadata.labels))
            && term.match_fields.iter().all(|rule| rule.holds(&name))
    };
    selector.node_selector_terms.iter().any(holds)
}

fn taken_port(world: &World<'_>, pod: &Pod, node: &Node) -> Option<i64> {
    let ports = |pod: &Pod| {
        pod.spec
            .containers
            .iter()
            .flat_map(|container| &container.ports)
            .filter_map(|port| port.host_port)
            .collect::<Vec<_>>()
    };
    let wanted = ports(pod);
    if wanted.is_empty() {
        return None;
    }
    world
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|other| !other.finished())
        .flat_map(|other| ports(other))
        .find(|port| wanted.contains(port))
}

/// Whether the node reaches the pod's bound volumes.
fn volumes_reach(world: &World<'_>, pod: &Pod, node: &Node) -> bool {
    pod.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref()).all(|claim| {
        let bound = world
            .claim(&pod.metadata.namespace, &claim.claim_name)
            .and_then(|claim| claim.spec.volume_name.as_deref());
        let Some(name) = bound else { return true };
        let volume = world.volume(name);
        volume
            .and_then(|volume| volume.spec.node_affinity.required.as_ref())
            .is_none_or(|selector| satisfies(selector, node))
    })
}

/// Whether a pod that the term means runs in the node's topology domain.
fn met(world: &World<'_>, pod: &Pod, node: &Node, term: &PodAffinityTerm) -> bool {
    let Some(domain) = node.metadata.labels.text(&term.topology_key) else { return false };
    let Some(selector) = &term.label_selector else { return false };
    let means = |other: &&&Pod| {
        let namespace = other.metadata.namespace.as_str();
        let in_namespace = if let Some(namespaces) = &term.namespace_selector {
            world.namespace_labels(namespace).is_some_and(|labels| namespaces.matches(labels))
        } else if term.namespaces.is_empty() {
            namespace == pod.metadata.namespace
        } else {
            term.namespaces.iter().any(|listed| listed == namespace)
        };
        in_namespace && !other.finished() && selector.matches(&other.metadata.labels)
    };
    if term.topology_key == "kubernetes.io/hostname" {
        return world.pods_on(&node.metadata.name).iter().any(|other| means(&other));
    }
    let same_domain = |other: &Node| other.metadata.labels.text(&term.topology_key) == Some(domain);
    world
        .snapshot
        .nodes
        .iter()
        .filter(|other| same_domain(other))
        .any(|other| world.pods_on(&other.metadata.name).iter().any(|other| means(&other)))
}

/// The required node affinity in words.
pub(super) fn written_affinity(pod: &Pod) -> String {
    let Some(selector) = pod.spec.affinity.as_ref().and_then(|it| it.node_affinity.required.as_ref()) else {
        return String::new();
    };
    let term = |term: &NodeSelectorTerm| {
        let rules: Vec<String> =
            term.match_expressions.iter().chain(&term.match_fields).map(Requirement::written).collect();
        rules.join(" and ")
    };
    selector.node_selector_terms.iter().map(term).collect::<Vec<_>>().join(" or ")
}

/// The required pod affinity or anti-affinity in words.
pub(super) fn written_pod_affinity(terms: &PodAffinity) -> String {
    let term = |term: &PodAffinityTerm| {
        let selector =
            term.label_selector.as_ref().map(crate::snapshot::LabelSelector::written).unwrap_or_default();
        format!("{selector} on {}", term.topology_key)
    };
    terms.required.iter().map(term).collect::<Vec<_>>().join("; ")
}
