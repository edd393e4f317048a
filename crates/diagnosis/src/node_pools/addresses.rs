//! Ranges of pod addresses that are used up: of a node, or of the whole network.
//!
//! Texts: CNI host-local, amazon-vpc-cni, azure-cns, Calico IPAM, Cilium IPAM; `CIDRNotAvailable` of
//! `pkg/controller/nodeipam/ipam/range_allocator.go`.

use crate::control_plane::voices::recent;
use crate::draft::{Draft, Felt, absence, event, field, newest};
use crate::snapshot::{Event, Node};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const RANGE: CauseCode = CauseCode::new("network.pod-range-exhausted");

/// Whose addresses are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The node's own: a pod less helps.
    Node,
    /// The subnet's or the pool's: every node suffers.
    Network,
}

const SAYS_NODE: &[&str] = &[
    "no IP addresses available",
    "failed to assign an IP address",
    "no addresses available",
    "range is full",
    "No more IPs available",
];
const SAYS_NETWORK: &[&str] = &[
    "InsufficientFreeAddressesInSubnet",
    "insufficient free addresses",
    "IPs available in pools",
    "no more free affine blocks",
    "subnet is full",
    "SubnetIsFull",
    "not enough free IP",
];

/// What an event says of addresses.
pub(crate) fn exhausted(said: &str) -> Option<Reach> {
    let holds = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if holds(SAYS_NETWORK) {
        Some(Reach::Network)
    } else if holds(SAYS_NODE) {
        Some(Reach::Node)
    } else {
        None
    }
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    found.extend(without_range(world));
    found.extend(network_full(world));
}

/// Nodes that got no range because the cluster's is handed out.
fn without_range(world: &World<'_>) -> Option<Draft> {
    let nodes = &world.snapshot.nodes;
    let refused = |node: &Node| -> Option<Event> {
        let events = world.events("Node", "", &node.metadata.name);
        events.iter().find(|event| event.reason == "CIDRNotAvailable").map(|event| (*event).clone())
    };
    let lacking: Vec<&Node> =
        nodes.iter().filter(|node| node.spec.pod_range.is_none() && (refused(node).is_some())).collect();
    let first = lacking.first()?;
    let at = reference("Node", &first.metadata);
    let handed_out = nodes.iter().filter(|node| node.spec.pod_range.is_some()).count();
    let statement = format!(
        "node {} got no range of pod addresses: the cluster's is handed out to {handed_out} other nodes",
        first.metadata.name
    );
    let hurt = lacking.iter().any(|node| !node.ready());
    let mut draft = Draft::new(RANGE, at.clone(), 0.95, statement)
        .proofs(refused(first).as_ref().map(event))
        .proof(absence(&at, format!("no spec.podCIDR on Node {}", first.metadata.name)))
        .affects(lacking.iter().take(8).map(|node| reference("Node", &node.metadata)))
        .affects(
            lacking
                .iter()
                .flat_map(|node| world.pods_on(&node.metadata.name))
                .take(10)
                .map(|pod| world.root(pod)),
        )
        .affects(waiting_for_new_nodes(world))
        .since(first.metadata.creation_timestamp);
    if let Some(other) = nodes.iter().find_map(|node| Some((node, node.spec.pod_range.as_deref()?))) {
        draft = draft.proof(field(&reference("Node", &other.0.metadata), "spec.podCIDR", other.1));
    }
    Some(if hurt { draft } else { draft.felt(Felt::Silently) })
}

/// Workloads whose pods the scheduler would give to a node that is not ready yet: the room that was meant for them.
fn waiting_for_new_nodes(world: &World<'_>) -> Vec<ObjectRef> {
    const SHOWN: usize = 20;
    const NOT_YET: &[&str] = &["node.kubernetes.io/not-ready", "node.kubernetes.io/network-unavailable"];
    let would_fit = |pod: &&crate::snapshot::Pod| {
        crate::scheduling::unscheduled(pod)
            && newest(world, pod, &["FailedScheduling"])
                .is_some_and(|said| NOT_YET.iter().any(|taint| said.message.contains(taint)))
    };
    let mut roots: Vec<ObjectRef> =
        world.snapshot.pods.iter().filter(would_fit).map(|pod| world.root(pod)).collect();
    roots.sort_unstable();
    roots.dedup();
    roots.truncate(SHOWN);
    roots
}

/// Pods on any node get no address because the subnet or the pool behind all of them is full.
fn network_full(world: &World<'_>) -> Option<Draft> {
    let stuck = |pod: &&crate::snapshot::Pod| {
        pod.status.phase == "Pending" && pod.node().is_some() && !pod.terminating()
    };
    let mut refused: Vec<(&str, ObjectRef, &Event)> = Vec::new();
    for pod in world.snapshot.pods.iter().filter(stuck) {
        let said = world.pod_events(pod).iter().find(|event| {
            event.reason == "FailedCreatePodSandBox"
                && exhausted(&event.message) == Some(Reach::Network)
                && recent(world, event)
        });
        if let (Some(said), Some(node)) = (said, pod.node()) {
            refused.push((node, world.root(pod), said));
        }
    }
    let (node, _, first) = refused.first()?;
    let nodes: std::collections::BTreeSet<&str> = refused.iter().map(|(node, _, _)| *node).collect();
    let statement =
        format!("the network behind {} nodes has no pod addresses left, so new pods get none", nodes.len());
    Some(
        Draft::new(RANGE, ObjectRef::cluster("Node", *node), 0.93, statement)
            .proof(event(first))
            .affects(nodes.iter().take(8).map(|node| ObjectRef::cluster("Node", *node)))
            .affects(refused.iter().take(20).map(|(_, root, _)| root.clone()))
            .since(first.first_timestamp.or(first.event_time)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn plugins_say_whose_addresses_are_used_up() {
        let cases = [
            (
                "plugin type=\"bridge\" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.3.1-10.244.3.254",
                Some(Reach::Node),
            ),
            (
                "plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container",
                Some(Reach::Node),
            ),
            (
                "InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses",
                Some(Reach::Network),
            ),
            (
                "plugin type=\"calico\" failed (add): Assigned 0 out of 1 requested IPv4 addresses; No IPs available in pools: [10.0.0.0/24]",
                Some(Reach::Network),
            ),
            ("plugin type=\"calico\" failed (add): connection refused", None),
        ];
        for (said, expected) in cases {
            assert_eq!(exhausted(said), expected, "{said}");
        }
    }
}
