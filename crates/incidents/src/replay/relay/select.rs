//! Which events of the rings a request means, and in which order they come.
//!
//! The real server first walks back from the newest event to where reading begins, then reads forward
//! (`newRingReader` and `eventsReader` in Cilium's `pkg/hubble/observer/local_observer.go`). What follows from it is kept:
//! with `since` the walk ends there and `number` then stops the reading early, so the earliest come; `until` does not
//! count in the walk, so `number` with `until` may give few or none.

use super::filter::Filters;
use super::ring::{Event, Ring};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use stethoscope_hubble::{GetFlowsRequest, nanos};

/// The events of all nodes, merged by time.
pub(super) fn merged(
    rings: Vec<Arc<Ring>>,
    request: &GetFlowsRequest,
    filters: Arc<Filters>,
) -> impl Iterator<Item = Event> + Send + use<> {
    let mut readers: Vec<Reader> =
        rings.into_iter().map(|ring| Reader::new(ring, request, Arc::clone(&filters))).collect();
    let mut heap = BinaryHeap::new();
    for (place, reader) in readers.iter_mut().enumerate() {
        if let Some(at) = reader.advance() {
            heap.push(Reverse((reader.time(at), place, at)));
        }
    }
    std::iter::from_fn(move || {
        let Reverse((_, place, at)) = heap.pop()?;
        let reader = readers.get_mut(place)?;
        let event = reader.ring.events().get(at).cloned();
        if let Some(next) = reader.advance() {
            heap.push(Reverse((reader.time(next), place, next)));
        }
        event
    })
}

/// A walk through one ring.
struct Reader {
    ring: Arc<Ring>,
    filters: Arc<Filters>,
    next: usize,
    /// Flows that may still come; `None` for any number.
    left: Option<u64>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Reader {
    fn new(ring: Arc<Ring>, request: &GetFlowsRequest, filters: Arc<Filters>) -> Self {
        let since = request.since.as_ref().map(nanos);
        let next = begin(&ring, request, since, &filters);
        // Following, the number only says how far back to begin.
        let left = (request.number > 0 && !request.follow).then_some(request.number);
        Self { ring, filters, next, left, since, until: request.until.as_ref().map(nanos) }
    }

    fn time(&self, at: usize) -> i64 {
        self.ring.events().get(at).map_or(0, Event::time)
    }

    /// The next event that is meant.
    fn advance(&mut self) -> Option<usize> {
        loop {
            if self.left == Some(0) {
                return None;
            }
            let at = self.next;
            let event = self.ring.events().get(at)?;
            self.next += 1;
            match event {
                // Nobody asks for losses, and neither filters nor times apply to them.
                Event::Lost { .. } => return Some(at),
                Event::Flow { time, flow } => {
                    if self.until.is_some_and(|until| *time > until) {
                        self.left = Some(0);
                        return None;
                    }
                    if self.since.is_some_and(|since| *time < since) || !self.filters.pass(flow) {
                        continue;
                    }
                    if let Some(left) = &mut self.left {
                        *left -= 1;
                    }
                    return Some(at);
                }
            }
        }
    }
}

/// Where reading begins.
fn begin(ring: &Ring, request: &GetFlowsRequest, since: Option<i64>, filters: &Filters) -> usize {
    let events = ring.events();
    if request.first && since.is_none() {
        return 0;
    }
    if request.follow && request.number == 0 && since.is_none() {
        return events.len();
    }
    let mut found = 0;
    for (at, event) in events.iter().enumerate().rev() {
        let Event::Flow { time, flow } = event else { continue };
        if !filters.pass(flow) {
            continue;
        }
        found += 1;
        match since {
            Some(since) if *time < since => return at + 1,
            None if found == request.number => return at,
            _ => {}
        }
    }
    0
}
