//! Slow and failing without a broken object: what series and alerts tell of workloads and nodes.
//!
//! ```text
//! signals ──> on which workload or node ──> saturated itself?         container.cpu-saturated
//!                                      ──> its node sends again?     node.packet-loss
//!                                      ──> whose slowness would show exactly there?
//!                                            one workload's           pod.network-slow, app.slow
//!                                            one node's pods'         node.network-slow
//! ```
//! A caller that waits is slow too. So slowness is put where it explains the most with the least: the workload that
//! saturates itself first, then the hypothesis whose callers are the slow ones.

mod place;
mod saturation;
mod spread;

use crate::draft::Draft;
use crate::snapshot::{Gap, GapReason, Signal, SignalKind, SignalOrigin};
use crate::world::World;
use crate::{Focus, UNTIMED};
use place::Vitals;
use stethoscope_core::finding::{Proof, ProofSource};
use stethoscope_core::object::ObjectRef;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    if world.snapshot.signals.is_empty() {
        return;
    }
    let vitals = Vitals::of(world);
    let saturated = saturation::detect(&vitals);
    let lossy = saturation::lossy_nodes(world, &vitals);
    let explained: Vec<&Draft> = saturated.iter().chain(&lossy).collect();
    found.extend(spread::detect(world, &vitals, &explained));
    found.extend(saturated);
    found.extend(lossy);
}

/// Beginnings of words for slowness.
const SLOW: [&str; 8] = ["slow", "lag", "latenc", "crawl", "stutter", "delay", "sluggish", "forever"];

/// Somebody calls it slow, and nothing measures how long some of what is served takes: objects look healthy then, and
/// prove nothing.
pub(crate) fn untimed(world: &World<'_>, focus: &Focus) -> Option<Gap> {
    let asked = focus.words.iter().map(|word| word.to_lowercase()).any(|word| {
        let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        SLOW.iter().any(|slow| word.starts_with(slow))
    });
    let alerted = || world.snapshot.signals.iter().any(|signal| signal.kind == SignalKind::Latency);
    if !asked || alerted() {
        return None;
    }
    let timed = place::timed(world);
    let mut blind: Vec<String> = world
        .workloads
        .iter()
        .filter(|workload| {
            let meta = workload.meta;
            focus.namespace.as_ref().is_some_and(|namespace| *namespace == meta.namespace)
                && !world.services_of(&meta.namespace, &workload.template.metadata.labels).is_empty()
                && !timed.contains(&workload.reference())
        })
        .map(|workload| workload.meta.name.clone())
        .collect();
    if blind.is_empty() && !timed.is_empty() {
        return None;
    }
    let more = blind.len().saturating_sub(NAMED);
    blind.truncate(NAMED);
    let whose = if blind.is_empty() { String::new() } else { format!(" to {}", blind.join(", ")) };
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(Gap {
        kind: UNTIMED.to_owned(),
        namespace: focus.namespace.clone(),
        why: GapReason::Failed(format!("no metric tells how long requests{whose}{rest} take")),
    })
}

/// Workloads named in the gap.
const NAMED: usize = 3;

/// A signal as a proof on an object.
fn proof(object: &ObjectRef, signal: &Signal) -> Proof {
    let source = match &signal.origin {
        SignalOrigin::Series(series) => ProofSource::Metric { series: series.clone() },
        SignalOrigin::Alert(name) => ProofSource::Alert { name: name.clone() },
    };
    Proof { object: object.clone(), source, quote: signal.quote.clone() }
}

/// How many times the usual level; `None` when either is unknown.
fn ratio(signal: &Signal) -> Option<f64> {
    let (before, after) = (signal.before?, signal.after?);
    (after > 0.0).then(|| after / before.max(f64::MIN_POSITIVE))
}

/// Whether users notice: answers late, or none.
const fn hurts(kind: SignalKind) -> bool {
    matches!(kind, SignalKind::Latency | SignalKind::Errors)
}
