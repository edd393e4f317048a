//! Reading what a question asks for, in the way that the server really answers.
//!
//! - `since` makes the server return the *earliest* `number` flows after it, so the two are never sent together.
//! - `number` alone is the newest, of each node. `until` does not move where it counts from, so those two are never
//!   sent together either.
//! - Through Relay a node's refusal (an unknown field in the mask, an unknown protocol) is not an error of the call but
//!   a `NODE_ERROR` in the stream.
//! - How far back a node's ring reaches is not told. The oldest flow of each node tells it.

use super::Observer;
use crate::ask::{Ask, Reading, Sink};
use crate::error::FlowsError;
use crate::record::Record;
use futures::StreamExt;
use std::time::Duration;
use stethoscope_hubble::{FieldMask, GetFlowsRequest, GetFlowsResponse, NodeStatusEvent, from_nanos};
use tokio::time::{Instant, timeout_at};

/// Fields that are used, by proto name. Labels are not: servers always tell the identity. The hubble CLI's own default leaves out the reason of a drop.
const MASK: [&str; 35] = [
    "time",
    "uuid",
    "verdict",
    "drop_reason",
    "drop_reason_desc",
    "auth_type",
    "IP.source",
    "IP.destination",
    "l4",
    "source.identity",
    "source.namespace",
    "source.pod_name",
    "source.workloads",
    "source.cluster_name",
    "destination.identity",
    "destination.namespace",
    "destination.pod_name",
    "destination.workloads",
    "destination.cluster_name",
    "node_name",
    "source_names",
    "destination_names",
    "l7.type",
    "l7.latency_ns",
    "l7.dns.query",
    "l7.dns.rcode",
    "l7.http.code",
    "l7.http.method",
    "l7.http.url",
    "is_reply",
    "event_type",
    "traffic_direction",
    "egress_denied_by",
    "ingress_denied_by",
    "policy_match_type",
];
/// Fields of the first flow of a node's ring.
const PROBE: [&str; 2] = ["time", "node_name"];
/// Messages after which other tasks get their turn.
const TURN: u64 = 1_024;
/// Time for the probe.
const PROBE_TIME: Duration = Duration::from_secs(3);

impl Observer {
    /// Streams what is asked for into a sink.
    pub(crate) async fn feed(&self, ask: &Ask, sink: &mut impl Sink) -> Result<Reading, FlowsError> {
        let mut reading = Reading { source: format!("Hubble at {}", self.address()), ..Reading::default() };
        let deadline = Instant::now() + ask.deadline;
        let mut masked = true;
        loop {
            let mut stream = match self.flows(request(ask, masked)).await {
                Err(FlowsError::Request { .. }) if masked => {
                    masked = false;
                    continue;
                }
                other => other?,
            };
            let mut refused: Vec<NodeStatusEvent> = Vec::new();
            let mut flows = 0_u64;
            loop {
                let message = match timeout_at(deadline, stream.next()).await {
                    Err(_) => {
                        reading.stopped = Some(format!("stopped after {}s", ask.deadline.as_secs()));
                        break;
                    }
                    Ok(None) => break,
                    Ok(Some(Err(status))) if flows == 0 => {
                        let error = self.failed("GetFlows", &status);
                        if masked && matches!(error, FlowsError::Request { .. }) {
                            refused.push(NodeStatusEvent::default());
                            break;
                        }
                        return Err(error);
                    }
                    Ok(Some(Err(status))) => {
                        // What has come counts.
                        reading.stopped = Some(format!("broken off: {}", self.failed("GetFlows", &status)));
                        break;
                    }
                    Ok(Some(Ok(message))) => message,
                };
                if let Some(status) = &message.node_status
                    && masked
                    && is_refusal(status)
                {
                    refused.push(status.clone());
                    continue;
                }
                flows += take(message, sink);
                if flows >= ask.most {
                    reading.stopped = Some(format!("stopped after {flows} flows"));
                    break;
                }
                if flows.is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
            }
            if masked && !refused.is_empty() && flows == 0 {
                masked = false;
                continue;
            }
            for status in &refused {
                sink.node_status(status);
            }
            reading.flows = flows;
            break;
        }
        if let Ok(oldest) = tokio::time::timeout(PROBE_TIME, self.oldest()).await {
            reading.oldest = oldest.unwrap_or_default();
        }
        Ok(reading)
    }

    /// The oldest flow that each node still holds.
    async fn oldest(&self) -> Result<std::collections::BTreeMap<String, i64>, FlowsError> {
        let mask = FieldMask { paths: PROBE.map(str::to_owned).to_vec() };
        let request =
            GetFlowsRequest { number: 1, first: true, field_mask: Some(mask), ..GetFlowsRequest::default() };
        let mut stream = self.flows(request).await?;
        let mut oldest = std::collections::BTreeMap::new();
        while let Some(Ok(message)) = stream.next().await {
            if let Some(flow) = &message.flow
                && let Some(time) = flow.time.as_ref().or(message.time.as_ref())
            {
                let node = if flow.node_name.is_empty() { &message.node_name } else { &flow.node_name };
                oldest.entry(node.clone()).or_insert_with(|| stethoscope_hubble::nanos(time));
            }
        }
        Ok(oldest)
    }
}

/// The request for a question. Without a beginning: the newest that rings hold.
pub(super) fn request(ask: &Ask, masked: bool) -> GetFlowsRequest {
    let newest = ask.since.is_none() && ask.until.is_none();
    GetFlowsRequest {
        // 0 is everything; a number only where it means the newest.
        number: if newest { ask.most } else { 0 },
        since: ask.since.map(from_nanos),
        until: ask.until.map(from_nanos),
        whitelist: ask.scope.filters(),
        field_mask: masked.then(|| FieldMask { paths: MASK.map(str::to_owned).to_vec() }),
        ..GetFlowsRequest::default()
    }
}

/// A node that does not take the request, as opposed to one that can't be reached.
fn is_refusal(status: &NodeStatusEvent) -> bool {
    let message = status.message.to_ascii_lowercase();
    status.state_change == 4
        && ["invalidargument", "invalid argument", "invalid field mask", "field mask", "fieldmask"]
            .iter()
            .any(|word| message.contains(word))
}

/// Hands a message on; says how many flows it was.
fn take(message: GetFlowsResponse, sink: &mut impl Sink) -> u64 {
    if let Some(flow) = &message.flow {
        let record = Record::of(flow);
        let node =
            if record.node_name.0.is_empty() { &message.node_name } else { record.node_name.0.as_ref() };
        let time = if record.time == 0 {
            message.time.as_ref().map_or(0, stethoscope_hubble::nanos)
        } else {
            record.time
        };
        sink.flow(&record, node, time);
        return 1;
    }
    if let Some(event) = &message.lost_events {
        sink.lost(event);
    }
    if let Some(status) = &message.node_status {
        sink.node_status(status);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn since_and_number_are_never_sent_together() {
        let ask = |since, until| request(&Ask { since, until, ..Ask::default() }, true);
        assert_eq!((ask(Some(5), None).number, ask(None, Some(5)).number), (0, 0));
        assert!(ask(None, None).number > 0 && ask(None, None).since.is_none());
        assert!(!ask(None, None).first);
    }

    #[test]
    fn a_drop_s_reason_is_in_the_mask_and_headers_are_not() {
        let mask = request(&Ask::default(), true).field_mask.unwrap().paths;
        assert!(mask.contains(&"drop_reason_desc".to_owned()));
        assert!(mask.iter().all(|path| !path.contains("header")));
        assert_eq!(request(&Ask::default(), false).field_mask, None);
    }
}
