//! What was seen, and what was not: without it a figure means nothing.

use std::collections::{BTreeMap, BTreeSet};
use stethoscope_hubble::words::{LostSource, NodeState, Words};
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// Nodes told apart at most.
const NODES: usize = 10_000;

/// What an aggregation rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Per node: first and last event, nanoseconds, and records.
    pub(crate) nodes: BTreeMap<String, Window>,
    /// Nodes that should have answered, by Relay's word.
    pub(crate) connected: BTreeSet<String>,
    /// Nodes that did not, and why.
    pub(crate) absent: BTreeMap<String, String>,
    /// Events lost, by where.
    pub(crate) lost: BTreeMap<String, u64>,
    /// Records without a time.
    pub(crate) timeless: u64,
}

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: u64,
}

impl Window {
    pub(crate) fn add(window: &mut Option<Self>, time: i64) {
        match window {
            None => *window = Some(Self { first: time, last: time, records: 1 }),
            Some(window) => {
                window.first = window.first.min(time);
                window.last = window.last.max(time);
                window.records += 1;
            }
        }
    }
}

impl Seen {
    pub(crate) fn event(&mut self, node: &str, time: i64) {
        if time == 0 {
            self.timeless += 1;
        }
        if let Some(window) = self.nodes.get_mut(node) {
            window.records += 1;
            if time != 0 {
                window.first = if window.first == 0 { time } else { window.first.min(time) };
                window.last = window.last.max(time);
            }
        } else if self.nodes.len() < NODES {
            self.nodes.insert(node.to_owned(), Window { first: time, last: time, records: 1 });
        }
    }

    pub(crate) fn lost(&mut self, event: &LostEvent) {
        let source = match event.source {
            1 => "perf ring".to_owned(),
            2 => "event queue".to_owned(),
            3 => "Hubble ring".to_owned(),
            code => LostSource::show(code),
        };
        let sum = self.lost.entry(source).or_default();
        *sum = sum.saturating_add(event.num_events_lost);
    }

    pub(crate) fn node_status(&mut self, status: &NodeStatusEvent) {
        for name in status.node_names.iter().take(NODES) {
            if status.state_change == 1 {
                if self.connected.len() < NODES {
                    self.connected.insert(name.clone());
                }
                self.absent.remove(name);
                continue;
            }
            let state = match status.state_change {
                2 => "unavailable".to_owned(),
                3 => "gone".to_owned(),
                4 => "error".to_owned(),
                code => NodeState::show(code),
            };
            let why = if status.message.is_empty() { state } else { format!("{state}: {}", status.message) };
            if self.absent.len() < NODES {
                self.absent.insert(name.clone(), why);
            }
        }
    }

    /// First and last event of all nodes.
    pub(crate) fn window(&self) -> Option<(i64, i64)> {
        let windows = self.nodes.values().filter(|window| window.first != 0);
        windows.fold(None, |sum, window| {
            let (first, last) = sum.unwrap_or((window.first, window.last));
            Some((first.min(window.first), last.max(window.last)))
        })
    }

    pub(crate) fn lost_total(&self) -> u64 {
        self.lost.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}
