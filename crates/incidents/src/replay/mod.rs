//! A recorded cluster as a Kubernetes API server.
//!
//! The same [`axum::Router`] is used in process under `kube::Client` and over a socket for kubectl. Reads are answered
//! from the bundle; self reviews are answered from its `access.yaml`; every other write is 405.

mod discovery;
mod events;
mod kubeconfig;
mod logs;
mod node_logs;
mod objects;
mod openapi;
pub mod prometheus;
mod raw;
pub mod relay;
mod request;
mod resources;
mod review;
mod route;
mod selector;
mod service_proxy;
mod status;
mod store;
mod table;
mod version;
mod watch;

pub use kubeconfig::kubeconfig;

use crate::bundle::Bundle;
use axum::Router;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// A bundle, indexed for serving. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replay {
    store: Arc<Store>,
}

impl Replay {
    /// Indexes a bundle. The replay keeps no reference to it, so its expectation is out of reach for every handler.
    #[allow(clippy::needless_pass_by_value)] // callers share one bundle between several replay servers
    pub fn new(bundle: Arc<Bundle>) -> Self {
        Self { store: Arc::new(Store::new(&bundle)) }
    }

    /// Serves recorded metrics too, behind `services/proxy`, as a cluster does that runs its own Prometheus.
    #[must_use]
    pub fn with_metrics(self, metrics: Option<Router>) -> Self {
        let mut store = Arc::try_unwrap(self.store).unwrap_or_else(|shared| shared.shared_copy());
        store.metrics = metrics;
        Self { store: Arc::new(store) }
    }

    /// Lets continue tokens expire after so many pages (410 Expired), as etcd's compaction does on a live cluster.
    /// The token that comes with the 410 works again.
    #[must_use]
    pub fn expire_continue_after(self, pages: usize) -> Self {
        let mut store = Arc::try_unwrap(self.store).unwrap_or_else(|shared| shared.shared_copy());
        store.continue_expires = Some(pages);
        Self { store: Arc::new(store) }
    }

    /// The API as a router, for `axum::serve` or as a tower service under `kube::Client`.
    pub fn router(&self) -> Router {
        Router::new().fallback(route::answer).with_state(Arc::clone(&self.store))
    }
}

/// How long open watches and followed logs may go on after the shutdown signal.
const GRACE: Duration = Duration::from_secs(1);

/// Serves a router over a socket until `shutdown` completes. Watches that are still open are cut a second later.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    use axum::serve::ListenerExt;
    let (told, mut asked) = tokio::sync::watch::channel(false);
    let listener = listener.tap_io(|socket| {
        // Small answers wait for the client's delayed ACK otherwise.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
    });
    let signal = async move {
        shutdown.await;
        let _ = told.send(true);
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(signal);
    tokio::select! {
        ended = async { server.await } => ended,
        () = async {
            // An error means that the server ended, and the other branch says how.
            if asked.wait_for(|told| *told).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}
