//! The connection: plain, TLS, mTLS, a unix socket.

use crate::error::FlowsError;
use crate::options::RelayOptions;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Bytes under way at most, so that a fast server does not fill memory before flows are aggregated.
const WINDOW: u32 = 1 << 20;
/// A dead peer is noticed within so long.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A channel that connects when it is first used.
pub(super) fn channel(options: &RelayOptions) -> Result<Channel, FlowsError> {
    let wrong = |why: String| FlowsError::Configuration(why);
    let address = options.address().trim();
    let server = || {
        wrong(format!(
            "{address:?} is no server; give host:port, tls://host:port or unix:///path, e.g. localhost:4245"
        ))
    };
    let socket = address.starts_with("unix:");
    let uri = if socket {
        address.to_owned()
    } else {
        if address.contains("://") || !address.contains(':') {
            return Err(server());
        }
        // The scheme decides nothing here but must be there; TLS is set below.
        format!("{}://{address}", if options.is_tls() { "https" } else { "http" })
    };
    let endpoint = Endpoint::from_shared(uri).map_err(|_| server())?;
    let endpoint = endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .keep_alive_timeout(KEEP_ALIVE)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    if !options.is_tls() {
        return Ok(endpoint.connect_lazy());
    }
    if socket {
        return Err(wrong("TLS is not spoken over a unix socket".to_owned()));
    }
    let mut tls = ClientTlsConfig::new();
    if let Some(name) = &options.server_name {
        tls = tls.domain_name(name);
    }
    if let Some((certificate, key)) = &options.client_pem {
        tls = tls.identity(Identity::from_pem(certificate, key.expose_secret()));
    }
    let endpoint = if options.allow_insecure {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        endpoint.tls_config_with_verifier(tls, Arc::new(AnyCertificate(provider)))
    } else if options.ca_pem.is_empty() {
        return Err(wrong(
            "TLS needs the authority of Relay's certificate (ca.crt of the Secret hubble-relay-server-certs) in HUBBLE_TLS_CA_CERT_FILES"
                .to_owned(),
        ));
    } else {
        endpoint.tls_config(tls.ca_certificates(options.ca_pem.iter().map(Certificate::from_pem)))
    };
    let endpoint = endpoint.map_err(|error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        wrong(format!("the TLS settings can't be used: {why}"))
    })?;
    Ok(endpoint.connect_lazy())
}

/// `Basic` credentials as metadata.
pub(super) fn authorization(options: &RelayOptions) -> Result<Option<MetadataValue<Ascii>>, FlowsError> {
    let Some((user, password)) = &options.basic else { return Ok(None) };
    let plain = format!("{user}:{}", password.expose_secret());
    let mut value: MetadataValue<Ascii> = format!("Basic {}", base64(plain.as_bytes()))
        .parse()
        .map_err(|_| FlowsError::Configuration("the credentials can't be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(LETTERS[(word >> (18 - 6 * place) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// Takes any certificate, because the person asked for it (`HUBBLE_TLS_ALLOW_INSECURE`). Signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use secrecy::SecretString;

    #[tokio::test]
    async fn wrong_addresses_and_half_settings_are_refused_with_what_to_do() {
        for (options, word) in [
            (RelayOptions::new("relay"), "host:port"),
            (RelayOptions::new("http://relay:80"), "host:port"),
            (RelayOptions::new("a b:1"), "host:port"),
            (RelayOptions::new("tls://relay:443"), "HUBBLE_TLS_CA_CERT_FILES"),
            (RelayOptions { tls: true, ..RelayOptions::new("unix:///run/x.sock") }, "unix socket"),
            (
                RelayOptions {
                    ca_pem: vec![b"x".to_vec()],
                    client_pem: Some((b"x".to_vec(), SecretString::from("x"))),
                    ..RelayOptions::new("tls://relay:443")
                },
                "TLS settings",
            ),
        ] {
            let error = channel(&options).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(channel(&RelayOptions::new("localhost:4245")).is_ok());
        assert!(channel(&RelayOptions::new("unix:///var/run/cilium/hubble.sock")).is_ok());
    }

    #[test]
    fn credentials_are_encoded() {
        let encoded = ["", "f", "fo", "foo", "foob", "user:pass"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "dXNlcjpwYXNz"]);
    }
}
