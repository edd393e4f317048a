//! The Observer service as a tower service, for a socket or in process.

use crate::message::observer::{
    GetAgentEventsRequest, GetAgentEventsResponse, GetFlowsRequest, GetFlowsResponse, GetNamespacesRequest,
    GetNamespacesResponse, GetNodesRequest, GetNodesResponse, HealthCheckRequest, HealthCheckResponse,
    ServerStatusRequest, ServerStatusResponse,
};
use bytes::Bytes;
use futures::future::{BoxFuture, Future, ready};
use futures::stream::BoxStream;
use http_body::Body as HttpBody;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::server::{Grpc, NamedService};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// Answers of `GetFlows`.
pub type FlowStream = BoxStream<'static, Result<GetFlowsResponse, Status>>;
/// Answers of `GetAgentEvents`.
pub type AgentEventStream = BoxStream<'static, Result<GetAgentEventsResponse, Status>>;

/// What an Observer server answers with. Nothing here waits: what takes time is in the streams.
pub trait Observer: Send + Sync + 'static {
    /// Flows, node states and losses.
    fn get_flows(&self, request: GetFlowsRequest) -> Result<Response<FlowStream>, Status>;

    /// Events of agents.
    fn get_agent_events(&self, request: GetAgentEventsRequest) -> Result<Response<AgentEventStream>, Status>;

    /// The nodes.
    fn get_nodes(&self) -> Result<Response<GetNodesResponse>, Status>;

    /// The namespaces.
    fn get_namespaces(&self) -> Result<Response<GetNamespacesResponse>, Status>;

    /// The state.
    fn server_status(&self) -> Result<Response<ServerStatusResponse>, Status>;
}

/// An [`Observer`] as a tower service. Cheap to clone.
#[derive(Debug)]
pub struct ObserverService<T> {
    observer: Arc<T>,
}

impl<T> ObserverService<T> {
    /// Serves an observer.
    pub fn new(observer: T) -> Self {
        Self { observer: Arc::new(observer) }
    }
}

impl<T> Clone for ObserverService<T> {
    fn clone(&self) -> Self {
        Self { observer: Arc::clone(&self.observer) }
    }
}

impl<T> NamedService for ObserverService<T> {
    const NAME: &'static str = "observer.Observer";
}

type Answer = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

impl<T, B> tower::Service<http::Request<B>> for ObserverService<T>
where
    T: Observer,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        let observer = Arc::clone(&self.observer);
        match request.uri().path() {
            "/observer.Observer/GetFlows" => streaming(request, move |asked: Request<GetFlowsRequest>| {
                ready(observer.get_flows(asked.into_inner()))
            }),
            "/observer.Observer/GetAgentEvents" => {
                streaming(request, move |asked: Request<GetAgentEventsRequest>| {
                    ready(observer.get_agent_events(asked.into_inner()))
                })
            }
            "/observer.Observer/GetNodes" => {
                unary(request, move |_: Request<GetNodesRequest>| ready(observer.get_nodes()))
            }
            "/observer.Observer/GetNamespaces" => {
                unary(request, move |_: Request<GetNamespacesRequest>| ready(observer.get_namespaces()))
            }
            "/observer.Observer/ServerStatus" => {
                unary(request, move |_: Request<ServerStatusRequest>| ready(observer.server_status()))
            }
            _ => unimplemented(),
        }
    }
}

/// `grpc.health.v1.Health`, which `hubble status` asks first: always serving.
#[derive(Clone, Copy, Debug, Default)]
pub struct HealthService;

impl NamedService for HealthService {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl<B> tower::Service<http::Request<B>> for HealthService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        match request.uri().path() {
            "/grpc.health.v1.Health/Check" => unary(request, |_: Request<HealthCheckRequest>| {
                ready(Ok(Response::new(HealthCheckResponse { status: 1 })))
            }),
            _ => unimplemented(),
        }
    }
}

fn unary<B, Q, A, F, R>(request: http::Request<B>, handler: F) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Send + 'static,
    F: FnMut(Request<Q>) -> R + Send + 'static,
    R: Future<Output = Result<Response<A>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = Grpc::new(ProstCodec::<A, Q>::default());
        Ok(grpc.unary(service_fn(handler), request).await)
    })
}

fn streaming<B, Q, A, F, R>(request: http::Request<B>, handler: F) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Send + 'static,
    F: FnMut(Request<Q>) -> R + Send + 'static,
    R: Future<Output = Result<Response<BoxStream<'static, Result<A, Status>>>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = Grpc::new(ProstCodec::<A, Q>::default());
        Ok(grpc.server_streaming(service_fn(handler), request).await)
    })
}

fn unimplemented() -> Answer {
    Box::pin(ready(Ok(Status::new(Code::Unimplemented, "unknown method").into_http())))
}
