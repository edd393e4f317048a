//! What other sources than the API server saw: series and alerts, each as one sign on one thing.
//!
//! Detectors never ask a metrics backend. Whoever composes the product hands in [`Witness`]es, and their testimony
//! becomes part of the snapshot.

use super::Gap;
use crate::Focus;
use async_trait::async_trait;
use jiff::Timestamp;

/// A source of signals: Prometheus, flows.
#[async_trait]
pub trait Witness: Send + Sync {
    /// What a gap of it is called, e.g. `metrics`.
    fn name(&self) -> &'static str;

    /// What it saw until `now` of what the focus names. Never fails: what could not be seen is a gap.
    async fn testify(&self, focus: &Focus, now: Timestamp) -> Testimony;
}

/// What a witness says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Testimony {
    /// Signs of trouble.
    pub signals: Vec<Signal>,
    /// Whose latency is measured, in trouble or not.
    pub timed: Vec<About>,
    /// What it could not see.
    pub gaps: Vec<Gap>,
}

/// One sign of trouble on one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Which sign.
    pub kind: SignalKind,
    /// What it is about, as labels say it.
    pub about: About,
    /// The usual level; `None` when nobody says.
    pub before: Option<f64>,
    /// The level of the trouble, in the unit of `before`.
    pub after: Option<f64>,
    /// The quantile of a latency, in percent: 50 for the median. `None` for a mean, or when nobody says.
    pub quantile: Option<u8>,
    /// When it began.
    pub since: Option<Timestamp>,
    /// When it was over; `None` while it lasts, or when nobody says.
    pub until: Option<Timestamp>,
    /// Who says so.
    pub origin: SignalOrigin,
    /// The words to quote.
    pub quote: String,
}

/// Which sign of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalKind {
    /// A container is kept from running by its CPU limit; seconds a second, or a share.
    Throttling,
    /// CPU in use rose; cores.
    CpuUsage,
    /// TCP segments are sent again; segments a second.
    Retransmits,
    /// Packets are dropped or damaged; packets a second.
    PacketDrops,
    /// Answers take longer.
    Latency,
    /// Requests fail, or fewer succeed.
    Errors,
    /// More is asked.
    TrafficRise,
    /// Less is asked or answered.
    TrafficDrop,
}

/// Who saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalOrigin {
    /// A series of a metric.
    Series(String),
    /// An alert that fires or is pending.
    Alert(String),
}

/// What labels say of a thing, the most telling first; detectors look up which object that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Names: of a pod, a workload, a Service, a container.
    pub names: Vec<String>,
    /// Names and addresses (a port may follow) of a node.
    pub nodes: Vec<String>,
    /// Text that may hold a name: recording rules carry the name of their service in their own.
    pub within: Option<String>,
}
