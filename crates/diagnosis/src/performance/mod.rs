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
use crate::snapshot::{Signal, SignalKind, SignalOrigin};
use crate::world::World;
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
