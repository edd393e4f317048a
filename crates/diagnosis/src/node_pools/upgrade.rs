//! Nodes that are replaced by newer ones, and the change does not get through.
//!
//! ```text
//! old nodes: lower version, cordoned or being drained ──┐
//! new nodes: higher version, not ready or too few ──────┴─> pods wait; uncordon the old ones to roll back
//! ```
//! Blue-green pools and surge upgrades look alike: what tells is versions and cordons, labels only give the pools names.

use crate::control_plane::skew::minor;
use crate::draft::{Draft, event, field, newest, some_pods};
use crate::snapshot::{Node, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const NOT_READY: CauseCode = CauseCode::new("node-pool.replacement-not-ready");
const TOO_SMALL: CauseCode = CauseCode::new("node-pool.replacement-too-small");

/// Labels by which providers name the pool of a node.
const POOL_LABELS: &[&str] = &[
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
    "doks.digitalocean.com/node-pool",
    "k8s.scaleway.com/pool-name",
    "lke.linode.com/pool-id",
    "kops.k8s.io/instancegroup",
    "cluster.x-k8s.io/deployment-name",
    "node.cluster.x-k8s.io/pool",
];

/// Node objects named.
const SHOWN: usize = 8;

/// An upgrade under way: nodes that go and nodes that came.
pub(crate) struct Change<'a> {
    /// Cordoned, of a lower version.
    pub(crate) old: Vec<&'a Node>,
    /// Of the highest version.
    pub(crate) new: Vec<&'a Node>,
}

impl Change<'_> {
    /// `pool green (v1.33.5) to pool blue (v1.34.1)`.
    pub(crate) fn in_words(&self) -> String {
        let name = |nodes: &[&Node]| {
            let version = nodes.first().map_or("", |node| node.status.node_info.kubelet_version.as_str());
            match nodes.first().and_then(|node| pool(node)) {
                Some(pool) => format!("pool {pool} ({version})"),
                None => version.to_owned(),
            }
        };
        format!("{} to {}", name(&self.old), name(&self.new))
    }
}

/// The pool a node belongs to.
pub(crate) fn pool(node: &Node) -> Option<&str> {
    POOL_LABELS.iter().find_map(|label| node.metadata.labels.text(label))
}

/// `v1.34.1-gke.5` as numbers that compare.
fn version(node: &Node) -> Option<(u32, u32)> {
    let text = node.status.node_info.kubelet_version.as_str();
    let patch = text.split('.').nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((minor(text)?, patch.parse().ok()?))
}

/// The upgrade that is under way among the worker nodes, if one is.
pub(crate) fn change<'a>(world: &World<'a>) -> Option<Change<'a>> {
    let workers = || world.snapshot.nodes.iter().filter(|node| !crate::scheduling::is_control_plane(node));
    let newest = workers().filter_map(version).max()?;
    let old: Vec<&Node> = workers()
        .filter(|node| node.spec.unschedulable && version(node).is_some_and(|version| version < newest))
        .collect();
    let new: Vec<&Node> =
        workers().filter(|node| version(node) == Some(newest) && !node.spec.unschedulable).collect();
    (!old.is_empty() && !new.is_empty()).then_some(Change { old, new })
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let Some(change) = change(world) else { return };
    let waiting: Vec<&Pod> = world
        .snapshot
        .pods
        .iter()
        .filter(|pod| crate::scheduling::unscheduled(pod) && crate::scheduling::considered(world, pod))
        .filter(|pod| cordons_matter(world, pod))
        // What never could run on the old nodes does not wait for their upgrade.
        .filter(|pod| change.old.iter().any(|node| crate::scheduling::would_fit(world, pod, node)))
        .collect();
    let Some(first) = waiting.first() else { return };
    let unready: Vec<&Node> = change.new.iter().filter(|node| !node.ready()).copied().collect();
    let mut roots: Vec<ObjectRef> = waiting.iter().map(|pod| world.root(pod)).collect();
    roots.sort_unstable();
    roots.dedup();
    roots.truncate(20);
    let draft = match unready.first() {
        Some(node) => not_ready(&change, node, &unready),
        None => too_small(&change),
    };
    let said = newest(world, first, &["FailedScheduling"]).map(event);
    found.push(
        draft
            .proofs(said)
            .proofs(
                change
                    .old
                    .iter()
                    .take(2)
                    .map(|node| field(&reference("Node", &node.metadata), "spec.unschedulable", "true")),
            )
            .affects(roots)
            .affects(some_pods(&waiting))
            .affects(change.old.iter().take(SHOWN).map(|node| reference("Node", &node.metadata)))
            .affects(unready.iter().take(SHOWN).map(|node| reference("Node", &node.metadata)))
            .param("upgrade", change.in_words())
            .param("old_nodes", names(&change.old))
            .since(first.metadata.creation_timestamp),
    );
}

fn names(nodes: &[&Node]) -> String {
    let names: Vec<&str> = nodes.iter().take(SHOWN).map(|node| node.metadata.name.as_str()).collect();
    names.join(" ")
}

/// Whether the pod would have had a place on a cordoned node: its scheduler said that nodes were unschedulable, or it
/// was not told about any other reason than room.
fn cordons_matter(world: &World<'_>, pod: &Pod) -> bool {
    let said = newest(world, pod, &["FailedScheduling"]).map(|event| event.message.as_str());
    let said =
        said.or_else(|| pod.condition("PodScheduled").map(|it| it.message.as_str())).unwrap_or_default();
    said.contains("unschedulable") && !said.contains("unbound immediate")
}

fn version_proof(node: &Node) -> Proof {
    field(
        &reference("Node", &node.metadata),
        "status.nodeInfo.kubeletVersion",
        &node.status.node_info.kubelet_version,
    )
}

fn not_ready(change: &Change<'_>, node: &Node, unready: &[&Node]) -> Draft {
    let at = reference("Node", &node.metadata);
    let statement = format!(
        "the upgrade from {} is stuck: {} of {} new nodes are not ready while the old ones are cordoned",
        change.in_words(),
        unready.len(),
        change.new.len()
    );
    let ready = node.condition("Ready");
    Draft::new(NOT_READY, at.clone(), 0.95, statement)
        .proofs(
            ready
                .filter(|it| !it.message.is_empty())
                .map(|it| field(&at, "status.conditions[Ready].message", &it.message)),
        )
        .proofs(
            ready
                .filter(|it| it.message.is_empty())
                .map(|it| field(&at, "status.conditions[Ready].status", &it.status)),
        )
        .proof(version_proof(node))
}

fn too_small(change: &Change<'_>) -> Draft {
    let first = change.old[0];
    let at = reference("Node", &first.metadata);
    let statement = format!(
        "the upgrade from {} is stuck: {} new nodes don't have room for what the {} cordoned ones still carry or gave up",
        change.in_words(),
        change.new.len(),
        change.old.len()
    );
    Draft::new(TOO_SMALL, at, 0.92, statement)
        .proof(version_proof(first))
        .proofs(change.new.first().map(|node| version_proof(node)))
}
