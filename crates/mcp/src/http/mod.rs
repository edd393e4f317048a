//! Streamable HTTP at `/mcp`, behind a gate.
//!
//! ```text
//! socket (no delay) -> gate: authentication -> rate -> session's owner -> body (size, time) -> rmcp (Host, Origin, protocol)
//! ```

mod auth;
mod gate;
mod jwt;
mod rate;
mod signature;

use crate::audit::Audit;
use crate::server::Server;
pub use auth::{Authentication, Impersonation, OAuth};
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use gate::Gate;
pub use jwt::Fetch;
pub use rate::Rate;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The one path.
const PATH: &str = "/mcp";

/// How long requests may go on after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// How the transport behaves.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Who is let in.
    pub authentication: Authentication,
    /// Host names by which clients know this server, beside loopback's; `name` or `name:port`.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call; none unless named.
    pub allowed_origins: Vec<String>,
    /// Largest request.
    pub body_bytes: usize,
    /// Requests of one caller; `None` for no limit.
    pub rate: Option<Rate>,
    /// Sessions of the revision that has them, at once.
    pub sessions: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            authentication: Authentication::None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            body_bytes: 1 << 20,
            rate: None,
            sessions: 2_000,
        }
    }
}

/// The transport cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// An address that others reach, and nobody is asked who they are.
    #[error("{0} is reachable by others, and no authentication is configured")]
    Unguarded(SocketAddr),
    /// The socket.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The server ended.
    #[error("the HTTP server ended: {0}")]
    Serve(std::io::Error),
}

/// Why an address must not be served with this authentication, if it must not.
pub fn bind_error(address: SocketAddr, authentication: &Authentication) -> Option<HttpError> {
    let open = matches!(authentication, Authentication::None);
    (open && !address.ip().is_loopback()).then_some(HttpError::Unguarded(address))
}

/// Takes the address, if it may be served: loopback, or with authentication.
pub async fn bind(address: SocketAddr, authentication: &Authentication) -> Result<TcpListener, HttpError> {
    if let Some(error) = bind_error(address, authentication) {
        return Err(error);
    }
    TcpListener::bind(address).await.map_err(|source| HttpError::Bind { address, source })
}

/// Serves until `stop` resolves, then lets requests end for a while.
pub async fn serve_http(
    server: Server,
    listener: TcpListener,
    options: HttpOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HttpError> {
    let cancel = CancellationToken::new();
    let app = router(&server, options, cancel.clone());
    // An answer must not wait for the acknowledgement of the one before: 40 ms a call.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    let stopping = CancellationToken::new();
    let stopped = stopping.clone();
    tokio::spawn(async move {
        stop.await;
        stopped.cancel();
    });
    let asked = stopping.clone();
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { asked.cancelled().await });
    let mut serving = std::pin::pin!(async move { serving.await });
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = async {
            stopping.cancelled().await;
            // Streams that only wait for news would wait for ever: sessions end now, calls have a while.
            tokio::time::sleep(DRAIN / 10).await;
            cancel.cancel();
            tokio::time::sleep(DRAIN).await;
        } => Ok(()),
    };
    server.shut_down();
    ended.map_err(HttpError::Serve)
}

/// Everything that is served: `/mcp`, the metadata of the protected resource, a sign of life.
pub(crate) fn router(server: &Server, options: HttpOptions, cancel: CancellationToken) -> Router {
    mount(server.clone(), configuration(&options, cancel), options, server.inner.audit.clone())
}

/// How rmcp serves: whose Host and Origin pass, how large a body may be.
pub(crate) fn configuration(options: &HttpOptions, cancel: CancellationToken) -> StreamableHttpServerConfig {
    let mut config = StreamableHttpServerConfig::default()
        .with_cancellation_token(cancel)
        .with_max_request_body_bytes(options.body_bytes)
        // One message back is one JSON document; a stream only where there is more to say.
        .with_json_response(true)
        .enforce_origin_validation();
    config.allowed_hosts.extend(options.allowed_hosts.iter().cloned());
    // A page of this machine, whatever its port: its owner is already here.
    config.allowed_origins =
        ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"].map(str::to_owned).to_vec();
    config.allowed_origins.extend(options.allowed_origins.iter().cloned());
    config
}

/// Any handler behind our gate: the server, or the fixtures of a conformance suite.
pub(crate) fn mount<H>(
    handler: H,
    config: StreamableHttpServerConfig,
    options: HttpOptions,
    audit: Audit,
) -> Router
where
    H: rmcp::ServerHandler + Sessions,
{
    let sessions = Arc::new(LocalSessionManager::default());
    let metadata = options.authentication.metadata();
    let gate = Arc::new(Gate::new(options, sessions.clone(), audit));
    let service = StreamableHttpService::new(move || Ok(handler.another()), sessions, config);
    let mcp = Router::new()
        .route_service(PATH, service)
        .layer(axum::middleware::from_fn_with_state(gate, gate::pass));
    let mut app = mcp.route("/healthz", get(|| async { "ok\n" }));
    if let Some(metadata) = metadata {
        // RFC 9728: at the root and with the resource's path appended.
        for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
            let body = metadata.clone();
            app = app.route(path, get(move || async move { axum::Json(body) }));
        }
    }
    app
}

/// A handler that begins another session.
pub(crate) trait Sessions: Send + Sync + 'static {
    fn another(&self) -> Self;
}

impl Sessions for Server {
    fn another(&self) -> Self {
        self.session()
    }
}
