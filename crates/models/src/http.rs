//! The one place where this crate makes an HTTP client.

use std::error::Error as _;
use std::sync::Once;
use std::time::Duration;

/// What a client is for, which decides what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// TLS to hosts that public or system authorities vouch for, through the system's proxy.
    Tls,
    /// Plain HTTP through the system's proxy; needs no certificates.
    Plain,
    /// Plain HTTP on this machine; never through a proxy.
    Loopback,
    /// TLS on this machine; never through a proxy.
    LoopbackTls,
}

/// No client can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpClientError {
    /// The machine has no certificate authorities: reqwest refuses to build a client that could verify nobody.
    #[error(
        "no CA certificates were found on this machine; install ca-certificates or point SSL_CERT_FILE at a bundle"
    )]
    NoCertificates,
    /// Anything else, in reqwest's words.
    #[error("the HTTP client cannot be made: {0}")]
    Build(String),
}

/// Makes a client. Redirects are not followed: a redirected POST would lose its body or carry keys elsewhere.
pub fn client(reach: Reach, connect_timeout: Duration) -> Result<reqwest::Client, HttpClientError> {
    install_tls_provider();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("stethoscope/", env!("CARGO_PKG_VERSION")));
    if matches!(reach, Reach::Plain | Reach::Loopback) {
        // Without this reqwest loads the system's authorities even for http:// and fails where there are none.
        builder = builder.tls_certs_only([]);
    }
    if matches!(reach, Reach::Loopback | Reach::LoopbackTls) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| explain(&error))
}

/// reqwest is built without a TLS provider of its own and panics when the process has none.
fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Refused when the process already has a provider: that one serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

fn explain(error: &reqwest::Error) -> HttpClientError {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    // rustls-platform-verifier's words.
    if words.contains("No CA certificates were loaded") {
        return HttpClientError::NoCertificates;
    }
    HttpClientError::Build(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "STETHOSCOPE_TEST_WITHOUT_CERTIFICATES";

    #[test]
    fn says_what_is_missing_on_a_machine_without_certificates_and_still_serves_plain_http() {
        if std::env::var_os(CHILD).is_some() {
            let wait = Duration::from_secs(1);
            assert_eq!(client(Reach::Tls, wait).err(), Some(HttpClientError::NoCertificates));
            assert_eq!(client(Reach::Plain, wait).err(), None);
            return;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "an empty certificate store is a matter of the environment"
        )]
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let name =
            "http::tests::says_what_is_missing_on_a_machine_without_certificates_and_still_serves_plain_http";
        child.args(["--exact", name]).env(CHILD, "1");
        let empty = std::env::current_exe().unwrap().with_extension("no-such-directory");
        child.env("SSL_CERT_FILE", &empty).env("SSL_CERT_DIR", &empty);
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn makes_a_client_although_the_process_has_no_tls_provider() {
        assert_eq!(client(Reach::Tls, Duration::from_secs(1)).err(), None);
        assert_eq!(client(Reach::Loopback, Duration::from_secs(1)).err(), None);
    }
}
