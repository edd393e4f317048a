//! Hubble's wire: the messages of its Observer API in protobuf and in JSON, calls and service without generated code,
//! and a lenient reader of flow files.
//!
//! ```text
//! gRPC  ─> ObserverClient ─┐
//! file  ─> file::each ─────┴─> GetFlowsResponse | Entry ─> whoever aggregates
//! ObserverService <─ Observer (the replay Relay)
//! ```
//!
//! Messages are written by hand from the field numbers of Cilium's `api/v1/{flow,observer,relay}` (v1.19): only what
//! is used here is declared, what is not is skipped when decoded. Enumerations stay numbers, so that values which a
//! newer Cilium or Retina adds survive; [`words`] names those that are known.
//!
//! ```
//! use stethoscope_hubble::{Flow, file};
//!
//! let line = br#"{"flow":{"verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED"},"node_name":"n1"}"#;
//! let file::Entry::Flow { flow, node_name, .. } = file::decode::<Flow>(line)? else { unreachable!() };
//! assert_eq!((flow.drop_reason_desc, node_name.as_deref()), (133, Some("n1")));
//! # Ok::<(), file::Rejection>(())
//! ```

mod client;
pub mod file;
pub mod json;
mod message;
mod server;
mod time;
pub mod words;

pub use client::ObserverClient;
pub use message::agent::{
    AgentEvent, EndpointNotice, IpCacheNotice, PolicyNotice, RegenerationNotice, TimeNotice,
};
pub use message::filter::{EventTypeFilter, FlowFilter};
pub use message::flow::{
    Aggregate, Ethernet, EventType, File, Flow, Interface, Ip, Policy, TraceContext, TraceParent,
};
pub use message::layer4::{Icmp, Layer4, Ports, Tcp, TcpFlags};
pub use message::layer7::{Dns, Header, Http, Kafka, Layer7};
pub use message::observer::{
    GetAgentEventsRequest, GetAgentEventsResponse, GetFlowsRequest, GetFlowsResponse, GetNamespacesRequest,
    GetNamespacesResponse, GetNodesRequest, GetNodesResponse, HealthCheckRequest, HealthCheckResponse,
    LostEvent, Namespace, Node, NodeStatusEvent, ServerStatusRequest, ServerStatusResponse, Tls,
};
pub use message::party::{Endpoint, Service, Workload};
pub use server::{AgentEventStream, FlowStream, HealthService, Observer, ObserverService};
pub use time::{from_nanos, nanos, parse_nanos, show_nanos};

pub use prost_types::{FieldMask, Timestamp};
