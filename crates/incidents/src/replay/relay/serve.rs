//! Relay over a socket: plain, with TLS, or with client certificates, as Relay can be installed.

use super::Relay;
use std::future::Future;
use stethoscope_hubble::{HealthService, ObserverService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// Relay's certificates, PEM.
#[derive(Clone)]
pub struct RelayTls {
    /// Its certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The authority of clients' certificates (`relay.tls.server.mtls`); `None` takes any client.
    pub client_authority: Option<String>,
}

impl std::fmt::Debug for RelayTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is none of anyone's business.
        f.debug_struct("RelayTls").field("mtls", &self.client_authority.is_some()).finish_non_exhaustive()
    }
}

/// Serves flows over a socket until `shutdown` completes.
///
/// # Errors
/// When a certificate can't be used or the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    relay: &Relay,
    tls: Option<&RelayTls>,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let mut server = Server::builder();
    if let Some(tls) = tls {
        let mut config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key));
        if let Some(authority) = &tls.client_authority {
            config = config.client_ca_root(Certificate::from_pem(authority));
        }
        server = server.tls_config(config).map_err(std::io::Error::other)?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    server
        .add_service(ObserverService::new(relay.clone()))
        .add_service(HealthService)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
        .map_err(std::io::Error::other)
}
