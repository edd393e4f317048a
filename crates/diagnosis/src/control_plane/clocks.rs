//! Nodes whose clock is wrong: their heartbeats are stamped in the future or the past, and certificates and tokens that
//! are good seem not to be valid yet, or any more.

use super::voices::in_logs;
use crate::draft::{Draft, Felt, field};
use crate::snapshot::Node;
use crate::world::{World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const SKEW: CauseCode = CauseCode::new("node.clock-skew");

/// Seconds ahead of the other nodes' heartbeats that no delay explains.
const AHEAD: i64 = 60;
/// Seconds behind; a node whose heartbeats really stop is told to be unknown within 50 seconds.
const BEHIND: i64 = 300;

/// Words of who sees the future: Go's x509, token libraries, cloud APIs.
const SAYS_FUTURE: &[&str] = &[
    " is before 20",
    "certificate is not yet valid",
    "token used before issued",
    "issued in the future",
    "issued at is in the future",
    "JWT not yet valid",
    "token is not valid yet",
    "not active yet (nbf)",
    "RequestTimeTooSkewed",
    "Clock skew too great",
];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let complaints = complaints(world);
    let mut told = false;
    let median = median(world);
    for node in &world.snapshot.nodes {
        let name = node.metadata.name.as_str();
        let Some((seconds, proof)) = median.and_then(|median| drift(world, node, median)) else { continue };
        let way = if seconds > 0 { "ahead of" } else { "behind" };
        let statement = format!(
            "the clock of node {name} is about {} seconds {way} that of the other nodes",
            seconds.abs()
        );
        let voices = complaints.get(name).map(Vec::as_slice).unwrap_or_default();
        let elsewhere = complaints.values().flatten();
        let draft = Draft::new(
            SKEW,
            reference("Node", &node.metadata),
            if voices.is_empty() { 0.85 } else { 0.95 },
            statement,
        )
        .proof(proof)
        .proofs(voices.iter().take(3).map(|(proof, _)| proof.clone()))
        .affects(voices.iter().filter_map(|(_, root)| root.clone()))
        .param("seconds", seconds.to_string());
        // Who runs elsewhere refuses what the wrong clock stamped.
        let draft = draft.proofs(elsewhere.clone().take(4).map(|(proof, _)| proof.clone()));
        let draft = draft.affects(elsewhere.filter_map(|(_, root)| root.clone()));
        let nobody = draft.finding.affected.is_empty() && node.ready();
        found.push(if nobody { draft.felt(Felt::Silently) } else { draft });
        told = true;
    }
    if told {
        return;
    }
    // Without a heartbeat that shows it, one node whose programs alone complain is enough.
    if let (1, Some((node, voices))) = (complaints.len(), complaints.iter().next()) {
        // A single program may well hear of somebody else's clock.
        let workloads: std::collections::BTreeSet<_> =
            voices.iter().filter_map(|(_, root)| root.as_ref()).collect();
        let sure = if workloads.len() > 1 { 0.7 } else { 0.4 };
        let statement = format!(
            "programs on node {node} find good certificates or tokens not valid yet: is its clock behind?"
        );
        found.push(
            Draft::new(SKEW, ObjectRef::cluster("Node", *node), sure, statement)
                .proofs(voices.iter().take(4).map(|(proof, _)| proof.clone()))
                .affects(voices.iter().filter_map(|(_, root)| root.clone())),
        );
    }
}

/// What programs say on each node, and the workload they belong to.
fn complaints<'a>(world: &World<'a>) -> BTreeMap<&'a str, Vec<(Proof, Option<ObjectRef>)>> {
    let mut by_node = BTreeMap::<&str, Vec<(Proof, Option<ObjectRef>)>>::new();
    for voice in in_logs(world, SAYS_FUTURE) {
        let Some(node) = voice.node else { continue };
        by_node.entry(node).or_default().push((voice.proof, voice.pod.map(|pod| world.root(pod))));
    }
    by_node
}

/// The middle of the ready nodes' heartbeats: one wrong clock does not move it.
fn median(world: &World<'_>) -> Option<i64> {
    let mut stamps: Vec<i64> = world
        .snapshot
        .nodes
        .iter()
        .filter(|node| node.ready())
        .filter_map(|node| Some(world.heartbeat(&node.metadata.name)?.spec.renew_time?.as_second()))
        .collect();
    stamps.sort_unstable();
    // Of two stamps nobody can say which is wrong.
    stamps.get(stamps.len() / 2).copied().filter(|_| stamps.len() >= 3)
}

/// How far a node's own time stamps are from those of the others, when nothing but its clock explains it.
fn drift(world: &World<'_>, node: &Node, median: i64) -> Option<(i64, Proof)> {
    let lease = world.heartbeat(&node.metadata.name)?;
    let own = lease.spec.renew_time?.as_second();
    let seconds = own - median;
    // A node that is not ready has stopped to renew; a ready one renews, so a stale stamp is a wrong one.
    let wrong = seconds > AHEAD || seconds < -BEHIND && node.ready();
    wrong.then(|| {
        (
            seconds,
            field(
                &reference("Lease", &lease.metadata),
                "spec.renewTime",
                lease.spec.renew_time.unwrap_or_default(),
            ),
        )
    })
}
