//! A question to a source of flows, and what became of it.

use crate::record::Record;
use crate::scope::Scope;
use std::collections::BTreeMap;
use std::time::Duration;
use stethoscope_hubble::file::Report;
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// What is asked for. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) scope: Scope,
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    /// Flows read at most.
    pub(crate) most: u64,
    /// Time for it.
    pub(crate) deadline: Duration,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            since: None,
            until: None,
            most: 2_000_000,
            deadline: Duration::from_secs(10),
        }
    }
}

impl Ask {
    /// Whether a moment is asked for. What has no time is.
    pub(crate) fn has(&self, time: i64) -> bool {
        time == 0
            || (self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until))
    }
}

/// Who takes the flows.
pub(crate) trait Sink {
    /// A flow; its node and time may come from its envelope.
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64);
    /// A loss.
    fn lost(&mut self, event: &LostEvent);
    /// Nodes that take part, or do not.
    fn node_status(&mut self, status: &NodeStatusEvent);
}

/// How the reading went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// What was read.
    pub(crate) source: String,
    pub(crate) flows: u64,
    /// Why it ended before everything was read.
    pub(crate) stopped: Option<String>,
    /// The oldest flow each node still holds; empty for files, where everything is read.
    pub(crate) oldest: BTreeMap<String, i64>,
    /// For files.
    pub(crate) report: Option<Report>,
}
