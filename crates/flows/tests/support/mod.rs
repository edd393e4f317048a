//! What the tests share: a recording behind the replay Relay, and calls of tools.

#![allow(dead_code, clippy::unwrap_used, reason = "helpers of tests; not each test uses all")]

use serde_json::Value;
use std::io::Cursor;
use stethoscope_core::tool::{CallContext, Registry, ToolError, ToolOutput};
use stethoscope_flows::generate::{Incident, Options, lines};
use stethoscope_flows::{Backend, Observer, tools};
use stethoscope_incidents::replay::relay::Relay;

/// The moment after a generated stream of the default length.
pub(crate) const NOW: &str = "2026-01-01T12:01:00Z";

pub(crate) fn nanos(time: &str) -> i64 {
    let time: jiff::Timestamp = time.parse().unwrap();
    i64::try_from(time.as_nanosecond()).unwrap()
}

pub(crate) fn context() -> CallContext {
    CallContext { namespace: None, now: NOW.parse().unwrap() }
}

pub(crate) fn relay_of(text: impl Into<String>) -> Relay {
    Relay::read(Cursor::new(text.into()), nanos(NOW))
}

pub(crate) fn recorded(options: &Options) -> Relay {
    relay_of(lines(options).collect::<Vec<_>>().join("\n"))
}

pub(crate) fn incident(incident: Incident) -> Relay {
    recorded(&Options { incident, ..Options::default() })
}

pub(crate) fn backend(relay: &Relay) -> Backend {
    Backend::relay(Observer::over_service(relay.service(), "the recording"))
}

pub(crate) async fn call(backend: &Backend, tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
    let mut registry = Registry::default();
    for tool in tools(backend) {
        registry.add(tool).unwrap();
    }
    registry.call(tool, arguments, &context()).await
}

pub(crate) async fn text(relay: &Relay, tool: &str, arguments: Value) -> String {
    let output = call(&backend(relay), tool, arguments).await.unwrap();
    format!("{}[{}] {:?}", output.text, output.summary, output.coverage)
}

/// A server from before some field that ours asks for.
pub(crate) struct Older(pub(crate) Relay);

impl stethoscope_hubble::Observer for Older {
    fn get_flows(
        &self,
        mut request: stethoscope_hubble::GetFlowsRequest,
    ) -> Result<tonic::Response<stethoscope_hubble::FlowStream>, tonic::Status> {
        if let Some(mask) = request.field_mask.as_mut()
            && mask.paths.iter().any(|path| path == "egress_denied_by")
        {
            mask.paths.push("not known yet".to_owned());
        }
        self.0.get_flows(request)
    }

    fn get_agent_events(
        &self,
        request: stethoscope_hubble::GetAgentEventsRequest,
    ) -> Result<tonic::Response<stethoscope_hubble::AgentEventStream>, tonic::Status> {
        self.0.get_agent_events(request)
    }

    fn get_nodes(&self) -> Result<tonic::Response<stethoscope_hubble::GetNodesResponse>, tonic::Status> {
        self.0.get_nodes()
    }

    fn get_namespaces(
        &self,
    ) -> Result<tonic::Response<stethoscope_hubble::GetNamespacesResponse>, tonic::Status> {
        self.0.get_namespaces()
    }

    fn server_status(
        &self,
    ) -> Result<tonic::Response<stethoscope_hubble::ServerStatusResponse>, tonic::Status> {
        self.0.server_status()
    }
}
