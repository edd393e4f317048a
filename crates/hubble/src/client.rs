//! Calls of the Observer service, over any transport that speaks gRPC.

use crate::message::observer::{
    GetAgentEventsRequest, GetAgentEventsResponse, GetFlowsRequest, GetFlowsResponse, GetNamespacesRequest,
    GetNamespacesResponse, GetNodesRequest, GetNodesResponse, ServerStatusRequest, ServerStatusResponse,
};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http_body::Body as HttpBody;
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// The Observer service as a client sees it. `S` is a `tonic` channel, or an [`crate::ObserverService`] in process.
#[derive(Clone, Debug)]
pub struct ObserverClient<S> {
    grpc: Grpc<S>,
}

impl<S> ObserverClient<S>
where
    S: GrpcService<Body>,
    S::Error: Into<tonic::codegen::StdError>,
    S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <S::ResponseBody as HttpBody>::Error: Into<tonic::codegen::StdError> + Send,
{
    /// Over a transport.
    pub fn new(service: S) -> Self {
        Self { grpc: Grpc::new(service) }
    }

    /// Flows, node states and losses.
    pub async fn get_flows(
        &mut self,
        request: Request<GetFlowsRequest>,
    ) -> Result<Response<Streaming<GetFlowsResponse>>, Status> {
        self.streaming(request, "/observer.Observer/GetFlows").await
    }

    /// Events of agents. Relay does not serve them: only agents do.
    pub async fn get_agent_events(
        &mut self,
        request: Request<GetAgentEventsRequest>,
    ) -> Result<Response<Streaming<GetAgentEventsResponse>>, Status> {
        self.streaming(request, "/observer.Observer/GetAgentEvents").await
    }

    /// The state of the server.
    pub async fn server_status(
        &mut self,
        request: Request<ServerStatusRequest>,
    ) -> Result<Response<ServerStatusResponse>, Status> {
        self.unary(request, "/observer.Observer/ServerStatus").await
    }

    /// The nodes. Agents do not serve them: only Relay does.
    pub async fn get_nodes(
        &mut self,
        request: Request<GetNodesRequest>,
    ) -> Result<Response<GetNodesResponse>, Status> {
        self.unary(request, "/observer.Observer/GetNodes").await
    }

    /// Namespaces that had flows in the last hour.
    pub async fn get_namespaces(
        &mut self,
        request: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        self.unary(request, "/observer.Observer/GetNamespaces").await
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.grpc.ready().await.map_err(|error| {
            let error: tonic::codegen::StdError = error.into();
            Status::from_error(error)
        })
    }

    async fn unary<Q, A>(&mut self, request: Request<Q>, path: &'static str) -> Result<Response<A>, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        self.grpc.unary(request, PathAndQuery::from_static(path), codec).await
    }

    async fn streaming<Q, A>(
        &mut self,
        request: Request<Q>,
        path: &'static str,
    ) -> Result<Response<Streaming<A>>, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        self.grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await
    }
}
