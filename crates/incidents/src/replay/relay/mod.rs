//! A bundle's flows as Hubble Relay serves them.
//!
//! ```text
//! hubble/flows.jsonl[.gz|.zst] ─> a ring a node ─> filters, since, until, number, mask ─> merged by time ─> gRPC
//! ```
//!
//! With the semantics of the real server (Cilium `pkg/hubble/{observer,relay,filters}`): `since` beats `number`, so that
//! both together give the earliest flows; `number` counts for each node; losses are not filtered; a request that nodes
//! do not take is no error of the call but a `NODE_ERROR` of each; agent events are not served. No new flows come:
//! `follow` waits until the client goes.

mod filter;
mod labels;
mod mask;
mod pattern;
mod ring;
mod select;
mod serve;

pub use serve::{RelayTls, serve};

use crate::bundle::Bundle;
use filter::Filters;
use futures::{StreamExt, stream};
use mask::Mask;
use ring::{Event, Ring};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use stethoscope_hubble::file::{self, Bounds, Entry, Report};

use stethoscope_hubble::{
    AgentEventStream, Flow, FlowStream, GetAgentEventsRequest, GetFlowsRequest, GetFlowsResponse,
    GetNamespacesResponse, GetNodesResponse, LostEvent, Namespace, Node, NodeStatusEvent, Observer,
    ObserverService, ServerStatusResponse, from_nanos, nanos,
};
use tonic::metadata::MetadataValue;
use tonic::{Response, Status};

/// Records read at most: a recording is of rings, which hold 65,535 flows each at most.
const RECORDS: u64 = 2_000_000;
/// Names of unavailable nodes in a status at most (`numUnavailableNodesReportMax`).
const UNAVAILABLE: usize = 10;
const CONNECTED: i32 = 1;
const NODE_ERROR: i32 = 4;
const HOUR: i64 = 3_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;
/// Whose semantics hold.
const VERSION: &str = concat!("v1.19-replay (stethoscope ", env!("CARGO_PKG_VERSION"), ")");

/// Recorded flows, ready to be served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Relay {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rings: BTreeMap<String, Arc<Ring>>,
    /// Nodes that were not there, with their state and why.
    absent: BTreeMap<String, (i32, String)>,
    /// The moment of the recording, nanoseconds since 1970.
    now: i64,
    report: Report,
}

impl Relay {
    /// Reads a bundle's `hubble/flows.jsonl`; `None` when it has none. Blocking.
    pub fn new(bundle: &Bundle) -> Option<Self> {
        let (_, bytes) = bundle.flows()?;
        let now = i64::try_from(bundle.captured_at().as_nanosecond()).unwrap_or(i64::MAX);
        Some(Self::read(std::io::Cursor::new(bytes.clone()), now))
    }

    /// Reads recorded flows in any form that [`stethoscope_hubble::file`] knows. `now` is the moment of the recording in
    /// nanoseconds since 1970. Blocking.
    pub fn read(source: impl std::io::Read + Send + 'static, now: i64) -> Self {
        let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        let mut states: BTreeMap<String, (i32, String)> = BTreeMap::new();
        let bounds = Bounds { records: RECORDS, ..Bounds::default() };
        let report = file::each(source, &bounds, |line| {
            match file::decode::<Flow>(line)? {
                Entry::Flow { mut flow, node_name, time } => {
                    if flow.node_name.is_empty() {
                        flow.node_name = node_name.map(std::borrow::Cow::into_owned).unwrap_or_default();
                    }
                    flow.time = flow.time.or_else(|| time.map(from_nanos));
                    let time = flow.time.as_ref().map_or(0, nanos);
                    let ring = events.entry(flow.node_name.clone()).or_default();
                    ring.push(Event::flow(time, flow));
                }
                Entry::Lost { event, node_name, time } => {
                    let node = node_name.map(std::borrow::Cow::into_owned).unwrap_or_default();
                    events.entry(node).or_default().push(Event::lost(time.unwrap_or_default(), event));
                }
                Entry::NodeStatus(status) => {
                    for name in status.node_names {
                        states.insert(name, (status.state_change, status.message.clone()));
                    }
                }
                Entry::Agent { .. } | Entry::Debug => {}
            }
            Ok(ControlFlow::Continue(()))
        });
        // A node that is only named as connected has an empty ring.
        for (name, (state, _)) in &states {
            if *state == CONNECTED {
                events.entry(name.clone()).or_default();
            }
        }
        states.retain(|name, (state, _)| *state != CONNECTED && !events.contains_key(name));
        let rings = events.into_iter().map(|(node, events)| (node, Arc::new(Ring::new(events)))).collect();
        Self { shared: Arc::new(Shared { rings, absent: states, now, report }) }
    }

    /// Lets each node hold only its newest events, as rings of that size do (4,095 by default on a live cluster).
    #[must_use]
    pub fn with_ring_capacity(self, capacity: usize) -> Self {
        let shared = &self.shared;
        let rings = shared.rings.iter().map(|(node, ring)| (node.clone(), Arc::new(ring.newest(capacity))));
        Self {
            shared: Arc::new(Shared {
                rings: rings.collect(),
                absent: shared.absent.clone(),
                now: shared.now,
                report: shared.report.clone(),
            }),
        }
    }

    /// What could not be read and was passed over, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        let report = &self.shared.report;
        let mut problems = Vec::new();
        if let Some((number, why)) = &report.first_rejected {
            problems.push(format!(
                "hubble/flows: {} of {} records can't be read, the first is number {number}: {why}",
                report.rejected, report.records
            ));
        }
        problems.extend(report.stopped.iter().map(|why| format!("hubble/flows: {why}")));
        problems
    }

    /// The Observer API as a tower service, in process.
    pub fn service(&self) -> ObserverService<Self> {
        ObserverService::new(self.clone())
    }

    fn answer<T>(message: T) -> Response<T> {
        let mut response = Response::new(message);
        // Clients tell the version by it (`pkg/hubble/relay/defaults`).
        if let Ok(version) = MetadataValue::try_from(VERSION) {
            response.metadata_mut().insert("hubble-relay-version", version);
        }
        response
    }

    /// States that come before the flows: who takes part, who does not, who can't serve the request.
    fn states(&self, refused: Option<&str>) -> Vec<GetFlowsResponse> {
        let shared = &self.shared;
        let mut states: BTreeMap<(i32, String), Vec<String>> = BTreeMap::new();
        for (node, (state, message)) in &shared.absent {
            states.entry((*state, message.clone())).or_default().push(node.clone());
        }
        let connected: Vec<String> = shared.rings.keys().cloned().collect();
        if !connected.is_empty() {
            states.insert((CONNECTED, String::new()), connected.clone());
            if let Some(why) = refused {
                states.insert((NODE_ERROR, why.to_owned()), connected);
            }
        }
        states
            .into_iter()
            .map(|((state_change, message), node_names)| GetFlowsResponse {
                node_status: Some(NodeStatusEvent { state_change, node_names, message }),
                time: Some(from_nanos(shared.now)),
                ..GetFlowsResponse::default()
            })
            .collect()
    }
}

impl Observer for Relay {
    fn get_flows(&self, request: GetFlowsRequest) -> Result<Response<FlowStream>, Status> {
        let selected = match (Filters::new(&request), Mask::new(request.field_mask.as_ref())) {
            (Ok(filters), Ok(mask)) => Ok((filters, mask)),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        let stream: FlowStream = match selected {
            _ if request.first && request.follow => {
                let why = "rpc error: code = InvalidArgument desc = first cannot be specified with follow";
                stream::iter(self.states(Some(why)).into_iter().map(Ok)).boxed()
            }
            Err(why) => stream::iter(self.states(Some(&why)).into_iter().map(Ok)).boxed(),
            Ok((filters, mask)) => {
                let rings = self.shared.rings.values().map(Arc::clone).collect();
                let events = select::merged(rings, &request, Arc::new(filters));
                let messages = events.map(move |event| message(&event, &mask));
                let all = stream::iter(self.states(None).into_iter().chain(messages).map(Ok));
                if request.follow { all.chain(stream::pending()).boxed() } else { all.boxed() }
            }
        };
        Ok(Self::answer(stream))
    }

    fn get_agent_events(&self, _: GetAgentEventsRequest) -> Result<Response<AgentEventStream>, Status> {
        Err(Status::unimplemented("GetAgentEvents not yet implemented"))
    }

    fn get_nodes(&self) -> Result<Response<GetNodesResponse>, Status> {
        let shared = &self.shared;
        let connected = shared.rings.iter().map(|(name, ring)| Node {
            name: name.clone(),
            version: VERSION.to_owned(),
            state: CONNECTED,
            uptime_ns: ring.uptime(shared.now),
            num_flows: ring.len(),
            max_flows: ring.capacity(),
            seen_flows: ring.seen(),
            ..Node::default()
        });
        let absent = shared.absent.iter().map(|(name, (state, _))| Node {
            name: name.clone(),
            state: *state,
            ..Node::default()
        });
        let mut nodes: Vec<Node> = connected.chain(absent).collect();
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self::answer(GetNodesResponse { nodes }))
    }

    fn get_namespaces(&self) -> Result<Response<GetNamespacesResponse>, Status> {
        let mut names = BTreeSet::new();
        for ring in self.shared.rings.values() {
            for flow in ring.flows_since(self.shared.now.saturating_sub(HOUR)) {
                for end in [&flow.source, &flow.destination].into_iter().flatten() {
                    if !end.namespace.is_empty() {
                        names.insert((end.cluster_name.clone(), end.namespace.clone()));
                    }
                }
            }
        }
        let namespaces =
            names.into_iter().map(|(cluster, namespace)| Namespace { cluster, namespace }).collect();
        Ok(Self::answer(GetNamespacesResponse { namespaces }))
    }

    fn server_status(&self) -> Result<Response<ServerStatusResponse>, Status> {
        let shared = &self.shared;
        let rings = || shared.rings.values();
        let recent: usize =
            rings().map(|ring| ring.flows_since(shared.now.saturating_sub(MINUTE)).count()).sum();
        let small = |number: usize| Some(u32::try_from(number).unwrap_or(u32::MAX));
        Ok(Self::answer(ServerStatusResponse {
            num_flows: rings().map(|ring| ring.len()).sum(),
            max_flows: rings().map(|ring| ring.capacity()).sum(),
            seen_flows: rings().map(|ring| ring.seen()).sum(),
            uptime_ns: rings().map(|ring| ring.uptime(shared.now)).max().unwrap_or_default(),
            num_connected_nodes: small(shared.rings.len()),
            num_unavailable_nodes: small(shared.absent.len()),
            unavailable_nodes: shared.absent.keys().take(UNAVAILABLE).cloned().collect(),
            version: VERSION.to_owned(),
            flows_rate: recent as f64 / 60.0,
        }))
    }
}

/// What goes over the wire. Node and time are those that the mask leaves.
fn message(event: &Event, mask: &Mask) -> GetFlowsResponse {
    match event {
        Event::Flow { flow, .. } => {
            let flow = mask.apply(flow);
            GetFlowsResponse {
                node_name: flow.node_name.clone(),
                time: flow.time,
                flow: Some(Box::new(flow)),
                ..GetFlowsResponse::default()
            }
        }
        Event::Lost { time, event } => lost(*time, event),
    }
}

fn lost(time: i64, event: &LostEvent) -> GetFlowsResponse {
    GetFlowsResponse {
        lost_events: Some(event.clone()),
        time: Some(from_nanos(time)),
        ..GetFlowsResponse::default()
    }
}

#[cfg(test)]
mod tests;
