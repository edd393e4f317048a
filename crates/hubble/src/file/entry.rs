//! One record: which of the shapes it has, and what is in it.

use crate::message::agent::AgentEvent;
use crate::message::flow::Flow;
use crate::message::observer::{LostEvent, NodeStatusEvent};
use crate::time::parse_nanos;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Why a record could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not JSON, or a field has the wrong type.
    #[error("{0}")]
    NotJson(String),
    /// JSON, but neither a flow nor anything else that Hubble writes.
    #[error("no flow, lost_events, node_status or agent_event")]
    NotAFlow,
}

/// A type that flows are decoded to: the whole message, or as much of it as someone needs.
pub trait Bare {
    /// Whether anything that only flows have was found: records without an envelope are told by it.
    fn is_flow(&self) -> bool;
}

impl Bare for Flow {
    fn is_flow(&self) -> bool {
        self.verdict != 0 || self.ip.is_some() || self.l4.is_some() || self.event_type.is_some()
    }
}

/// What a record tells.
#[expect(clippy::large_enum_variant, reason = "nearly all are flows, and none is kept")]
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a, F> {
    /// A flow.
    Flow {
        /// The flow.
        flow: F,
        /// Who saw it, by the envelope.
        node_name: Option<Cow<'a, str>>,
        /// When, by the envelope, in nanoseconds.
        time: Option<i64>,
    },
    /// Events were lost.
    Lost {
        /// The loss.
        event: LostEvent,
        /// Whose.
        node_name: Option<Cow<'a, str>>,
        /// When, in nanoseconds.
        time: Option<i64>,
    },
    /// The state of nodes.
    NodeStatus(NodeStatusEvent),
    /// An agent's event.
    Agent {
        /// The event.
        event: AgentEvent,
        /// Whose.
        node_name: Option<Cow<'a, str>>,
        /// When, in nanoseconds.
        time: Option<i64>,
    },
    /// A debug event, of which nothing is used.
    Debug,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
struct Envelope<'a, F> {
    #[serde(default = "nothing")]
    flow: Option<F>,
    #[serde(default)]
    lost_events: Option<LostEvent>,
    #[serde(default)]
    node_status: Option<NodeStatusEvent>,
    #[serde(default)]
    agent_event: Option<AgentEvent>,
    #[serde(default)]
    debug_event: Option<serde::de::IgnoredAny>,
    #[serde(default, borrow)]
    node_name: Option<Text<'a>>,
    #[serde(default, borrow)]
    time: Option<Text<'a>>,
}

/// `Cow` alone would copy inside an `Option`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn nothing<F>() -> Option<F> {
    None
}

/// Objects around an object: Elasticsearch, Google Cloud Logging, `hubble` of old.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow, default, rename = "_source", alias = "jsonPayload", alias = "result")]
    inner: Option<&'a RawValue>,
}

/// Objects around the line as text: Docker, Loki, Fluent Bit.
#[derive(Deserialize)]
struct Shipped {
    #[serde(default, alias = "line", alias = "message", alias = "msg")]
    log: Option<String>,
}

/// Decodes one record.
///
/// # Errors
/// When it is no JSON object, a field has an impossible type, or nothing in it is Hubble's.
pub fn decode<'a, F: Deserialize<'a> + Bare>(record: &'a [u8]) -> Result<Entry<'a, F>, Rejection> {
    let wrong = |error: serde_json::Error| Rejection::NotJson(error.to_string());
    let envelope: Envelope<'a, F> = serde_json::from_slice(record).map_err(wrong)?;
    let time = envelope.time.and_then(|text| parse_nanos(&text.0));
    let node_name = envelope.node_name.map(|text| text.0);
    if let Some(flow) = envelope.flow {
        return Ok(Entry::Flow { flow, node_name, time });
    }
    if let Some(event) = envelope.lost_events {
        return Ok(Entry::Lost { event, node_name, time });
    }
    if let Some(status) = envelope.node_status {
        return Ok(Entry::NodeStatus(status));
    }
    if let Some(event) = envelope.agent_event {
        return Ok(Entry::Agent { event, node_name, time });
    }
    if envelope.debug_event.is_some() {
        return Ok(Entry::Debug);
    }
    let flow: F = serde_json::from_slice(record).map_err(wrong)?;
    if flow.is_flow() {
        return Ok(Entry::Flow { flow, node_name, time });
    }
    let wrapped: Wrapped<'a> = serde_json::from_slice(record).map_err(wrong)?;
    match wrapped.inner.map(|inner| inner.get().as_bytes()) {
        // One level: what wraps a wrapper is no flow.
        Some(inner) if inner.starts_with(b"{") && inner.len() < record.len() => decode(inner),
        _ => Err(Rejection::NotAFlow),
    }
}

/// The line that a log shipper wrapped.
pub(super) fn inner_text(record: &[u8]) -> Option<String> {
    let shipped: Shipped = serde_json::from_slice(record).ok()?;
    shipped.log.filter(|text| text.trim_start().starts_with('{'))
}
