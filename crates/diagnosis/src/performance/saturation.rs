//! Things at their own limit: containers that their CPU limit holds back, nodes that send packets again.

use super::place::Vitals;
use super::{hurts, proof, ratio};
use crate::draft::{Draft, Felt};
use crate::snapshot::{Signal, SignalKind};
use crate::world::World;
use std::collections::BTreeSet;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const SATURATED: CauseCode = CauseCode::new("container.cpu-saturated");
const LOSS: CauseCode = CauseCode::new("node.packet-loss");

/// Throttled seconds a second from which requests feel it.
const THROTTLED: f64 = 0.1;
/// Growth that is no daily noise.
const GROWN: f64 = 2.0;
/// Segments sent again each second that a healthy link does not show.
const LOSSY: f64 = 2.0;
/// The lossy node stands out by so much.
const OUTSTANDING: f64 = 3.0;

/// Workloads throttled by their CPU limit. Who saturated first is the surest: it may have slowed or loaded the others.
pub(super) fn detect(vitals: &Vitals<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = vitals
        .workloads
        .iter()
        .filter_map(|(workload, signals)| saturated(vitals, workload, signals))
        .collect();
    drafts.sort_by_key(|draft| (draft.since.is_none(), draft.since));
    for (later, draft) in drafts.iter_mut().enumerate() {
        draft.finding.confidence -= 0.05 * later.min(4) as f64;
    }
    drafts
}

fn saturated(vitals: &Vitals<'_>, workload: &ObjectRef, signals: &[&Signal]) -> Option<Draft> {
    let throttled = signals.iter().filter(|signal| signal.kind == SignalKind::Throttling).find(|signal| {
        let high = signal.after.is_none_or(|after| after >= THROTTLED);
        high && signals.iter().filter(|other| hurts(other.kind)).all(|hurt| lasts(signal, hurt))
            && ratio(signal).is_none_or(|ratio| ratio >= GROWN)
    })?;
    let busy = signals
        .iter()
        .filter(|signal| signal.kind == SignalKind::CpuUsage)
        .find(|signal| ratio(signal).is_none_or(|ratio| ratio >= GROWN));
    let callers: BTreeSet<ObjectRef> =
        vitals.callers(workload).into_iter().filter(|caller| vitals.suffers(caller)).collect();
    let slow = vitals.suffers(workload) || !callers.is_empty();
    let confidence = match (busy.is_some(), slow) {
        (true, true) => 0.9,
        (true, false) => 0.7,
        (false, true) => 0.65,
        (false, false) => 0.4,
    };
    let statement = match busy {
        Some(_) => format!("{workload} uses all the CPU that its limit allows and is throttled"),
        None => format!("{workload} is throttled by its CPU limit"),
    };
    let hurt = signals.iter().filter(|signal| hurts(signal.kind)).take(1);
    Some(
        Draft::new(SATURATED, workload.clone(), confidence, statement)
            .proof(proof(workload, throttled))
            .proofs(busy.map(|signal| proof(workload, signal)))
            .proofs(hurt.map(|signal| proof(workload, signal)))
            .affects(callers)
            .since(throttled.since)
            .felt(if slow { Felt::Visibly } else { Felt::Silently }),
    )
}

/// Whether the throttling lasts into the second half of the harm: what is over before did not cause it.
fn lasts(throttled: &Signal, hurt: &Signal) -> bool {
    let (Some(over), Some(since), Some(until)) = (throttled.until, hurt.since, hurt.until) else {
        return true;
    };
    over.as_second() >= i64::midpoint(since.as_second(), until.as_second())
}

/// The node whose packets get lost: it stands out among the nodes, and what runs there suffers.
pub(super) fn lossy_nodes(world: &World<'_>, vitals: &Vitals<'_>) -> Vec<Draft> {
    let mut levels: Vec<(f64, &ObjectRef, &Signal)> = vitals
        .nodes
        .iter()
        .filter_map(|(node, signals)| {
            signals
                .iter()
                .filter(|signal| matches!(signal.kind, SignalKind::Retransmits | SignalKind::PacketDrops))
                .map(|signal| (signal.after.unwrap_or(LOSSY), node, *signal))
                .max_by(|one, other| one.0.total_cmp(&other.0))
        })
        // A node where nobody suffers may well be the far end of somebody's loss.
        .filter(|(_, node, _)| !sufferers(world, vitals, node).is_empty())
        .collect();
    levels.sort_by(|one, other| other.0.total_cmp(&one.0));
    let Some((level, node, signal)) = levels.first().copied() else { return Vec::new() };
    let next = levels.get(1).map_or(0.0, |(level, _, _)| *level);
    if level < LOSSY || level < OUTSTANDING * next {
        return Vec::new();
    }
    let sufferers = sufferers(world, vitals, node);
    let callers: BTreeSet<ObjectRef> = sufferers
        .iter()
        .flat_map(|workload| vitals.callers(workload))
        .filter(|caller| vitals.suffers(caller))
        .collect();
    let statement = format!("{node} loses packets: segments are sent again while what runs there is slow");
    let hurt = sufferers.first().and_then(|workload| {
        let signals = vitals.workloads.get(workload)?;
        Some(proof(workload, signals.iter().find(|signal| hurts(signal.kind))?))
    });
    vec![
        Draft::new(LOSS, node.clone(), 0.8, statement)
            .proof(proof(node, signal))
            .proofs(hurt)
            .affects(sufferers)
            .affects(callers)
            .since(signal.since),
    ]
}

/// Workloads with a pod on the node at which users notice something.
fn sufferers(world: &World<'_>, vitals: &Vitals<'_>, node: &ObjectRef) -> Vec<ObjectRef> {
    let there: BTreeSet<ObjectRef> =
        world.pods_on(&node.name).iter().filter(|pod| !pod.finished()).map(|pod| world.root(pod)).collect();
    there.into_iter().filter(|workload| vitals.suffers(workload)).collect()
}
