//! Where slowness comes from when nothing is saturated: the hypothesis that predicts who is slow, and who is not.
//!
//! Delay on the way to a workload shows at the workload and at everyone who waits for it; delay of a node shows at all
//! its pods and their callers. Each hypothesis is scored by how well its prediction meets the slow ones (a weighted F1);
//! a predicted one that shows nothing counts half, for it may be idle or not measured.

use super::place::Vitals;
use super::{hurts, proof, ratio};
use crate::draft::Draft;
use crate::snapshot::{Signal, SignalKind};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const POD_NETWORK: CauseCode = CauseCode::new("pod.network-slow");
const NODE_NETWORK: CauseCode = CauseCode::new("node.network-slow");
const SLOW: CauseCode = CauseCode::new("app.slow");

/// Times the usual latency that count as slow.
const SLOWER: f64 = 5.0;
/// A latency below this share of the worst is an echo.
const ECHO: f64 = 0.005;
/// A callee's latency below this share of its caller's does not explain the caller.
const EXPLAINS: f64 = 0.02;
/// Slow in its tail only, while others are slow at lower quantiles: may be an echo.
const TAIL: f64 = 0.3;
/// Failing without being slow weighs less: deadlines run out far from where time is lost.
const FAILING: f64 = 0.5;
/// So does a predicted workload that shows nothing.
const UNSEEN: f64 = 0.5;
/// Hypotheses told, and the least fit of one.
const TOLD: usize = 3;
const LEAST_FIT: f64 = 0.5;
/// The most confidence in a workload that calls what nobody measures.
const BLIND: f64 = 0.45;
/// Growth of CPU or traffic that speaks for work rather than for the network.
const BUSIER: f64 = 1.5;

/// A workload at which users notice something.
struct Sick<'w> {
    signal: &'w Signal,
    weight: f64,
}

/// Who is sick, and everybody's latency by quantile.
struct Ward<'w> {
    sick: BTreeMap<ObjectRef, Sick<'w>>,
    latencies: BTreeMap<ObjectRef, BTreeMap<u8, f64>>,
}

struct Hypothesis {
    subject: ObjectRef,
    of_node: bool,
    predicted: BTreeSet<ObjectRef>,
    fit: f64,
}

pub(super) fn detect(world: &World<'_>, vitals: &Vitals<'_>, explained: &[&Draft]) -> Vec<Draft> {
    let mut ward = Ward::of(vitals);
    ward.sick.retain(|workload, _| {
        !explained.iter().any(|draft| {
            draft.finding.confidence >= LEAST_FIT
                && (draft.finding.subject == *workload || draft.finding.affected.contains(workload))
        })
    });
    // Errors alone are somebody else's business: the detectors of objects and logs know better.
    if !ward.sick.values().any(is_slow) {
        return Vec::new();
    }
    let mut hypotheses: Vec<Hypothesis> =
        workloads(vitals, &ward).chain(nodes(world, vitals, &ward)).collect();
    hypotheses.retain(|hypothesis| hypothesis.fit >= LEAST_FIT);
    hypotheses
        .sort_by(|one, other| other.fit.total_cmp(&one.fit).then_with(|| one.subject.cmp(&other.subject)));
    let best = hypotheses.first().map_or(0.0, |hypothesis| hypothesis.fit);
    hypotheses
        .into_iter()
        .take(TOLD)
        .enumerate()
        .map(|(rank, hypothesis)| told(vitals, &ward.sick, hypothesis, rank, best))
        .collect()
}

impl<'w> Ward<'w> {
    fn of(vitals: &Vitals<'w>) -> Self {
        let mut latencies: BTreeMap<ObjectRef, BTreeMap<u8, f64>> = BTreeMap::new();
        let mut slow: BTreeMap<ObjectRef, (u8, &'w Signal)> = BTreeMap::new();
        for (workload, signals) in &vitals.workloads {
            for signal in signals.iter().filter(|signal| signal.kind == SignalKind::Latency) {
                let quantile = signal.quantile.unwrap_or(u8::MAX);
                if let Some(after) = signal.after {
                    let known = latencies.entry(workload.clone()).or_default().entry(quantile).or_default();
                    *known = known.max(after);
                }
                if ratio(signal).is_some_and(|ratio| ratio < SLOWER) {
                    continue;
                }
                let lowest = slow.entry(workload.clone()).or_insert((quantile, signal));
                if (quantile, lowest.1.after) < (lowest.0, signal.after) {
                    *lowest = (quantile, signal);
                }
            }
        }
        slow.retain(|workload, (quantile, _)| {
            let level = |levels: &BTreeMap<u8, f64>| levels.get(quantile).copied();
            let worst = latencies.values().filter_map(level).fold(0.0, f64::max);
            latencies.get(workload).and_then(level).is_none_or(|own| own >= ECHO * worst)
        });
        let lowest = slow.values().map(|(quantile, _)| *quantile).min();
        let mut sick: BTreeMap<ObjectRef, Sick<'w>> = slow
            .into_iter()
            .map(|(workload, (quantile, signal))| {
                let weight = if Some(quantile) == lowest { 1.0 } else { TAIL };
                (workload, Sick { signal, weight })
            })
            .collect();
        for (workload, signals) in &vitals.workloads {
            if let Some(signal) = signals.iter().find(|signal| signal.kind == SignalKind::Errors) {
                let known = sick.entry(workload.clone()).or_insert(Sick { signal, weight: FAILING });
                known.weight = known.weight.max(FAILING);
            }
        }
        Self { sick, latencies }
    }

    /// Whether the latency at `callee` is enough to make `caller` as slow as it is, at the lowest quantile that both
    /// know.
    fn explains(&self, callee: &ObjectRef, caller: &ObjectRef) -> bool {
        let (Some(inner), Some(outer)) = (self.latencies.get(callee), self.latencies.get(caller)) else {
            return true;
        };
        let common = outer.iter().find_map(|(quantile, outer)| Some((inner.get(quantile)?, outer)));
        common.is_none_or(|(inner, outer)| *inner >= EXPLAINS * outer)
    }
}

fn is_slow(one: &Sick<'_>) -> bool {
    one.signal.kind == SignalKind::Latency
}

fn workloads<'a>(vitals: &'a Vitals<'_>, ward: &'a Ward<'_>) -> impl Iterator<Item = Hypothesis> + 'a {
    ward.sick.keys().map(move |subject| {
        let mut inward = vitals.callers(subject);
        inward.insert(subject.clone());
        let waits = |workload: &ObjectRef| workload == subject || ward.explains(subject, workload);
        let alone = fit(vitals, ward, &inward, waits);
        // Its own way out slow: what it calls sees slow readers.
        let called: BTreeSet<ObjectRef> = vitals.callees(subject).cloned().collect();
        let both: BTreeSet<ObjectRef> = inward.union(&called).cloned().collect();
        let outward = 0.9 * fit(vitals, ward, &both, |workload| called.contains(workload) || waits(workload));
        let (predicted, fit) = if outward > alone { (both, outward) } else { (inward, alone) };
        Hypothesis { subject: subject.clone(), of_node: false, predicted, fit }
    })
}

fn nodes<'a>(
    world: &'a World<'_>,
    vitals: &'a Vitals<'_>,
    ward: &'a Ward<'_>,
) -> impl Iterator<Item = Hypothesis> + 'a {
    world.snapshot.nodes.iter().filter_map(move |node| {
        let there: BTreeSet<ObjectRef> = world
            .pods_on(&node.metadata.name)
            .iter()
            .filter(|pod| !pod.finished())
            .map(|pod| world.root(pod))
            .collect();
        let slow: BTreeSet<&ObjectRef> =
            there.iter().filter(|workload| ward.sick.get(workload).is_some_and(is_slow)).collect();
        // One sick workload and who waits for it speak for themselves, not for their node.
        let waits = |caller: &ObjectRef| vitals.waits_for(caller).iter().any(|callee| slow.contains(callee));
        if slow.iter().filter(|workload| !waits(workload)).count() < 2 {
            return None;
        }
        let mut predicted = there.clone();
        predicted.extend(there.iter().flat_map(|workload| vitals.callers(workload)));
        let fit = fit(vitals, ward, &predicted, |_| true);
        let subject = crate::world::reference("Node", &node.metadata);
        Some(Hypothesis { subject, of_node: true, predicted, fit })
    })
}

/// Twice the weight met, over that plus what was missed and half of what was predicted in vain.
fn fit(
    vitals: &Vitals<'_>,
    ward: &Ward<'_>,
    predicted: &BTreeSet<ObjectRef>,
    explained: impl Fn(&ObjectRef) -> bool,
) -> f64 {
    let (mut met, mut missed) = (0.0, 0.0);
    for (workload, one) in &ward.sick {
        if predicted.contains(workload) && explained(workload) {
            met += one.weight;
        } else {
            missed += one.weight;
        }
    }
    // Only what is measured can be missed.
    let well = |workload: &&ObjectRef| {
        vitals.workloads.contains_key(*workload) && !ward.sick.contains_key(*workload)
    };
    let vain = predicted.iter().filter(well).count() as f64 * UNSEEN;
    if met == 0.0 { 0.0 } else { 2.0 * met / (2.0 * met + missed + vain) }
}

fn told(
    vitals: &Vitals<'_>,
    sick: &BTreeMap<ObjectRef, Sick<'_>>,
    hypothesis: Hypothesis,
    rank: usize,
    best: f64,
) -> Draft {
    let subject = &hypothesis.subject;
    // The best one is as sure as it fits and stands out; the others are told as alternatives.
    let confidence = if rank == 0 { 0.35 + 0.35 * hypothesis.fit } else { 0.45 * hypothesis.fit / best };
    let own = vitals.workloads.get(subject).map(Vec::as_slice).unwrap_or_default();
    let busier = own.iter().find(|signal| {
        matches!(signal.kind, SignalKind::CpuUsage | SignalKind::TrafficRise)
            && ratio(signal).is_none_or(|ratio| ratio >= BUSIER)
    });
    let (cause, statement) = match (hypothesis.of_node, busier) {
        (true, _) => (
            NODE_NETWORK,
            format!(
                "the network of {subject} is slow: its pods and their callers are slow, pods elsewhere are not"
            ),
        ),
        (false, Some(_)) => (SLOW, format!("{subject} is slow by itself: it does more work than usual")),
        (false, None) => (
            POD_NETWORK,
            format!(
                "the network of {subject} is slow: it and those that wait for it are slow, and nothing shows that it does more work than usual"
            ),
        ),
    };
    // Somebody it waits for may be the slow one, and nobody would see it.
    let unseen = vitals.untimed_callees(subject);
    let (confidence, statement) = match unseen.as_slice() {
        // Alerts alone do not tell who is well.
        [] if !hypothesis.of_node && vitals.is_untimed() => (confidence.min(BLIND), statement),
        [] => (confidence, statement),
        [one, ..] => (
            confidence.min(BLIND),
            format!("{statement}; the latency of {one}, which it calls, is not measured"),
        ),
    };
    let mut draft = Draft::new(cause, subject.clone(), confidence, statement)
        .proofs(own.iter().filter(|signal| hurts(signal.kind)).take(2).map(|signal| proof(subject, signal)))
        .proofs(busier.map(|signal| proof(subject, signal)))
        .since(sick.get(subject).and_then(|one| one.signal.since));
    for (workload, one) in sick.iter().filter(|(workload, _)| hypothesis.predicted.contains(workload)) {
        if draft.finding.proofs.len() < 4 {
            draft = draft.proof(proof(workload, one.signal));
        }
        draft = draft.affects([workload.clone()]).since(one.signal.since);
    }
    draft
}
