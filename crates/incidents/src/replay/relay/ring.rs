//! What a node holds: its newest events, in the order it saw them.

use std::sync::Arc;
use stethoscope_hubble::{Flow, LostEvent};

/// The default of a live ring.
const CAPACITY: usize = 4_095;

/// One place of a ring. Times are nanoseconds since 1970.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A flow.
    Flow { time: i64, flow: Arc<Flow> },
    /// Events were lost here.
    Lost { time: i64, event: LostEvent },
}

impl Event {
    pub(super) fn flow(time: i64, flow: Flow) -> Self {
        Self::Flow { time, flow: Arc::new(flow) }
    }

    pub(super) fn lost(time: i64, event: LostEvent) -> Self {
        Self::Lost { time, event }
    }

    pub(super) fn time(&self) -> i64 {
        match self {
            Self::Flow { time, .. } | Self::Lost { time, .. } => *time,
        }
    }
}

/// A node's ring.
#[derive(Debug)]
pub(super) struct Ring {
    events: Vec<Event>,
    capacity: usize,
    /// Flows that fell out.
    gone: u64,
}

impl Ring {
    /// Everything that was recorded of a node: its ring held so much. Sorted by time, as a ring is.
    pub(super) fn new(mut events: Vec<Event>) -> Self {
        events.sort_by_key(Event::time);
        let capacity = CAPACITY.max(events.len());
        Self { events, capacity, gone: 0 }
    }

    /// The newest of it.
    pub(super) fn newest(&self, capacity: usize) -> Self {
        let from = self.events.len().saturating_sub(capacity);
        let gone = self.events[..from].iter().filter(|event| matches!(event, Event::Flow { .. })).count();
        Self { events: self.events[from..].to_vec(), capacity, gone: self.gone + gone as u64 }
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    fn flows(&self) -> impl DoubleEndedIterator<Item = (i64, &Flow)> {
        self.events.iter().filter_map(|event| match event {
            Event::Flow { time, flow } => Some((*time, flow.as_ref())),
            Event::Lost { .. } => None,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.flows().count() as u64
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity as u64
    }

    pub(super) fn seen(&self) -> u64 {
        self.len() + self.gone
    }

    /// Nanoseconds from its first event to the moment of the recording.
    pub(super) fn uptime(&self, now: i64) -> u64 {
        let first = self.events.iter().map(Event::time).find(|time| *time != 0);
        first.map_or(0, |first| u64::try_from(now.saturating_sub(first)).unwrap_or_default())
    }

    pub(super) fn flows_since(&self, since: i64) -> impl Iterator<Item = &Flow> {
        self.flows().rev().take_while(move |(time, _)| *time >= since).map(|(_, flow)| flow)
    }
}
