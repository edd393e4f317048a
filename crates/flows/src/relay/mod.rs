//! A client of Hubble's Observer API: Relay's, or an agent's.

mod connect;
mod read;

use crate::error::FlowsError;
use crate::options::RelayOptions;
use futures::StreamExt;
use std::time::Duration;
use stethoscope_hubble::{
    GetAgentEventsRequest, GetAgentEventsResponse, GetFlowsRequest, GetFlowsResponse, GetNamespacesRequest,
    GetNodesRequest, Namespace, Node, ObserverClient, ServerStatusRequest, ServerStatusResponse,
};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Streaming};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// Whatever a transport says. A type of its own, so that it is `Send` for all to see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TransportError(#[source] StdError);

/// An Observer server: Hubble Relay, an agent, or a recording. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    client: ObserverClient<Transport>,
    address: String,
    authorization: Option<MetadataValue<Ascii>>,
    timeout: Duration,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Observer {
    /// A server over the network. Nothing is sent until the first call, which also says whether it can be reached.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address, a certificate or another setting is wrong.
    pub fn new(options: &RelayOptions) -> Result<Self, FlowsError> {
        let channel = connect::channel(options)?;
        let mut observer = Self::over_service(channel, options.address());
        observer.authorization = connect::authorization(options)?;
        // A connection is made within the first request.
        observer.timeout = options.request_timeout + options.connect_timeout;
        Ok(observer)
    }

    /// A server in process, e.g. the replay Relay of an incident. `address` is how messages call it.
    pub fn over_service<S>(service: S, address: impl Into<String>) -> Self
    where
        S: tower::Service<http::Request<Body>, Response = http::Response<Body>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<StdError>,
        S::Future: Send + 'static,
    {
        let service =
            BoxCloneSyncService::new(service.map_err(|error: S::Error| TransportError(error.into())));
        Self {
            client: ObserverClient::new(service),
            address: address.into(),
            authorization: None,
            timeout: Duration::from_secs(12),
        }
    }

    /// How messages call it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How many flows and nodes it has.
    ///
    /// # Errors
    /// When it can't be asked.
    pub async fn server_status(&self) -> Result<ServerStatusResponse, FlowsError> {
        let mut client = self.client.clone();
        let call = client.server_status(self.request(ServerStatusRequest {}));
        self.within("ServerStatus", call).await.map(tonic::Response::into_inner)
    }

    /// Its nodes. Only Relay tells them.
    ///
    /// # Errors
    /// When it can't be asked; [`FlowsError::NotServed`] from an agent.
    pub async fn nodes(&self) -> Result<Vec<Node>, FlowsError> {
        let mut client = self.client.clone();
        let call = client.get_nodes(self.request(GetNodesRequest {}));
        self.within("GetNodes", call).await.map(|answer| answer.into_inner().nodes)
    }

    /// Namespaces with flows in the last hour.
    ///
    /// # Errors
    /// When it can't be asked.
    pub async fn namespaces(&self) -> Result<Vec<Namespace>, FlowsError> {
        let mut client = self.client.clone();
        let call = client.get_namespaces(self.request(GetNamespacesRequest {}));
        self.within("GetNamespaces", call).await.map(|answer| answer.into_inner().namespaces)
    }

    /// Flows as the server gives them: read [`GetFlowsRequest`] on what `since` does to `number`.
    ///
    /// # Errors
    /// When the request is refused at once; what fails later is in the stream.
    pub async fn flows(&self, request: GetFlowsRequest) -> Result<Streaming<GetFlowsResponse>, FlowsError> {
        let mut client = self.client.clone();
        let call = client.get_flows(self.request(request));
        self.within("GetFlows", call).await.map(tonic::Response::into_inner)
    }

    /// At most `most` events of agents: policies, endpoints, identities. Relay does not pass them on.
    ///
    /// # Errors
    /// When it can't be asked; [`FlowsError::NotServed`] from Relay.
    pub async fn agent_events(
        &self,
        request: GetAgentEventsRequest,
        most: usize,
    ) -> Result<Vec<GetAgentEventsResponse>, FlowsError> {
        let mut client = self.client.clone();
        let call = client.get_agent_events(self.request(request));
        let mut stream = self.within("GetAgentEvents", call).await?.into_inner();
        let mut events = Vec::new();
        let read = async {
            while events.len() < most {
                match stream.next().await {
                    Some(event) => {
                        let event = event.map_err(|status| self.failed("GetAgentEvents", &status))?;
                        events.push(event);
                    }
                    None => break,
                }
            }
            Ok(())
        };
        // What has come when time is up counts.
        timeout(self.timeout, read).await.unwrap_or(Ok(()))?;
        Ok(events)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    async fn within<T>(
        &self,
        call: &'static str,
        future: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, FlowsError> {
        match timeout(self.timeout, future).await {
            Ok(result) => result.map_err(|status| self.failed(call, &status)),
            Err(_) => Err(FlowsError::Timeout { address: self.address.clone(), after: self.timeout }),
        }
    }

    fn failed(&self, call: &'static str, status: &tonic::Status) -> FlowsError {
        FlowsError::status(&self.address, call, self.timeout, status)
    }
}
