//! For benchmarks: aggregation without a tool around it, and beside it the bare decoding of the same stream.

use crate::aggregate::Aggregate;
use crate::ask::{Ask, Sink};
use crate::error::FlowsError;
use crate::files;
use crate::record::Record;
use crate::relay::Observer;
use crate::turn::turn;
use std::io::Read;
use stethoscope_hubble::file::Bounds;
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// What a pass over flows found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Flows read.
    pub flows: u64,
    /// Flow events after duplicates were merged; 0 when only decoded.
    pub events: u64,
    /// Groups of drops.
    pub drop_groups: u64,
}

#[derive(Default)]
struct Aggregating(Aggregate);

impl Sink for Aggregating {
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64) {
        self.0.seen.event(node, time);
        self.0.add(record, &turn(record), node, time);
    }

    fn lost(&mut self, event: &LostEvent) {
        self.0.lost(event);
    }

    fn node_status(&mut self, status: &NodeStatusEvent) {
        self.0.node_status(status);
    }
}

/// Takes what it is given and keeps a sum, so that no field is optimised away.
#[derive(Default)]
struct Decoding(u64);

impl Sink for Decoding {
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64) {
        self.0 = self.0.wrapping_add(time.cast_unsigned() ^ node.len() as u64 ^ record.weight());
    }

    fn lost(&mut self, event: &LostEvent) {
        self.0 = self.0.wrapping_add(event.num_events_lost);
    }

    fn node_status(&mut self, status: &NodeStatusEvent) {
        self.0 = self.0.wrapping_add(status.node_names.len() as u64);
    }
}

fn bounds() -> Bounds {
    Bounds { records: u64::MAX, bytes: u64::MAX, ..Bounds::default() }
}

/// Aggregates a file.
pub fn aggregate_file(source: impl Read + Send + 'static) -> Figures {
    let (mut sink, mut flows) = (Aggregating::default(), 0);
    files::read(source, &bounds(), &mut sink, &mut flows);
    Figures { flows, events: sink.0.events, drop_groups: sink.0.drops.len() as u64 }
}

/// Only decodes a file.
pub fn decode_file(source: impl Read + Send + 'static) -> Figures {
    let (mut sink, mut flows) = (Decoding::default(), 0);
    files::read(source, &bounds(), &mut sink, &mut flows);
    std::hint::black_box(sink.0);
    Figures { flows, ..Figures::default() }
}

fn everything() -> Ask {
    Ask { most: u64::MAX, deadline: std::time::Duration::from_hours(1), ..Ask::default() }
}

/// Aggregates everything that an observer holds.
///
/// # Errors
/// When it can't be asked.
pub async fn aggregate_relay(observer: &Observer) -> Result<Figures, FlowsError> {
    let mut sink = Aggregating::default();
    let reading = observer.feed(&everything(), &mut sink).await?;
    Ok(Figures { flows: reading.flows, events: sink.0.events, drop_groups: sink.0.drops.len() as u64 })
}

/// Only decodes everything that an observer holds.
///
/// # Errors
/// When it can't be asked.
pub async fn decode_relay(observer: &Observer) -> Result<Figures, FlowsError> {
    let mut sink = Decoding::default();
    let reading = observer.feed(&everything(), &mut sink).await?;
    std::hint::black_box(sink.0);
    Ok(Figures { flows: reading.flows, ..Figures::default() })
}
