//! The network. The one place where this crate makes an HTTP client.

use super::{LARGEST_ANSWER, Transport};
use crate::error::MetricsError;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Url};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Once;
use std::time::Duration;

/// How to reach a backend.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// What comes before `/api/v1`, e.g. `https://mimir.example/prometheus`.
    pub base_url: String,
    /// Further headers, e.g. `X-Scope-OrgID` for Mimir.
    pub headers: Vec<(String, SecretString)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<SecretString>,
    /// User and password, sent as `Authorization: Basic`.
    pub basic: Option<(String, SecretString)>,
    /// PEM certificates of further authorities.
    pub roots_pem: Option<Vec<u8>>,
    /// Time for a connection.
    pub connect_timeout: Duration,
    /// Time for a whole request.
    pub timeout: Duration,
    /// Bytes of one answer at most.
    pub largest_answer: usize,
}

impl HttpOptions {
    /// Defaults for a base URL: no credentials, 5 s to connect, 30 s a request, 32 MiB an answer.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            headers: Vec::new(),
            bearer: None,
            basic: None,
            roots_pem: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            largest_answer: LARGEST_ANSWER,
        }
    }
}

/// Requests over the network.
pub struct HttpTransport {
    client: Client,
    base: Url,
    address: String,
    headers: HeaderMap,
    basic: Option<(String, SecretString)>,
    timeout: Duration,
    limit: usize,
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers may hold credentials.
        f.debug_struct("HttpTransport").field("address", &self.address).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the URL, a header or a certificate is wrong, or the machine has no certificate authorities.
    pub fn new(options: &HttpOptions) -> Result<Self, MetricsError> {
        let (base, address, own_credentials) = base(&options.base_url)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let wrong = |()| MetricsError::Configuration(format!("the header {name:?} can't be sent"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(()))?;
            headers.insert(key, secret_header(value).ok_or(()).map_err(wrong)?);
        }
        if let Some(token) = &options.bearer {
            let value = SecretString::from(format!("Bearer {}", token.expose_secret().trim()));
            let wrong =
                || MetricsError::Configuration("the bearer token can't be sent as a header".to_owned());
            headers.insert(AUTHORIZATION, secret_header(&value).ok_or_else(wrong)?);
        }
        Ok(Self {
            client: client(options, &base)?,
            base,
            address,
            headers,
            basic: options.basic.clone().or(own_credentials),
            timeout: options.timeout,
            limit: options.largest_answer,
        })
    }

    fn url(&self, path_and_query: &str) -> Url {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut url = self.base.clone();
        let joined = format!("{}{path}", self.base.path().trim_end_matches('/'));
        url.set_path(&joined);
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    fn failed(&self, error: &reqwest::Error) -> MetricsError {
        if error.is_timeout() {
            return MetricsError::Timeout { address: self.address.clone(), after: self.timeout };
        }
        MetricsError::Unreachable { address: self.address.clone(), why: words(error) }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn get(&self, path_and_query: &str) -> Result<(u16, Bytes), MetricsError> {
        let mut request = self.client.get(self.url(path_and_query)).headers(self.headers.clone());
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let mut response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if body.len() + chunk.len() > self.limit {
                return Err(MetricsError::TooLarge { address: self.address.clone(), limit: self.limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.freeze()))
    }

    fn address(&self) -> &str {
        &self.address
    }
}

type Credentials = Option<(String, SecretString)>;

/// The URL without credentials, how messages call it, and the credentials it held.
fn base(text: &str) -> Result<(Url, String, Credentials), MetricsError> {
    let wrong = |why: &str| {
        MetricsError::Configuration(format!("the base URL {why}, e.g. http://prometheus.monitoring:9090"))
    };
    let mut url = Url::parse(text.trim()).map_err(|_| wrong("can't be read; it needs a scheme"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must be http or https"));
    }
    let plain = |text: &str| {
        let escaped = text.replace('+', "%2B");
        form_urlencoded::parse(escaped.as_bytes())
            .next()
            .map_or_else(String::new, |(name, _)| name.into_owned())
    };
    let password = url.password().map(plain).unwrap_or_default();
    let credentials =
        (!url.username().is_empty()).then(|| (plain(url.username()), SecretString::from(password)));
    // Both can only fail for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    // People paste the API's own URL.
    let path = url.path().trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
    url.set_path(&path);
    let address = url.as_str().trim_end_matches('/').to_owned();
    Ok((url, address, credentials))
}

fn client(options: &HttpOptions, base: &Url) -> Result<Client, MetricsError> {
    install_tls_provider();
    let mut builder = Client::builder()
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .tcp_nodelay(true)
        // A redirect would carry the credentials elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("stethoscope/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" {
        // Without this reqwest loads the system's authorities even for http:// and fails where there are none.
        builder = builder.tls_certs_only([]);
    } else if let Some(pem) = &options.roots_pem {
        let roots = Certificate::from_pem_bundle(pem).map_err(|error| {
            MetricsError::Configuration(format!("the CA certificates can't be read: {}", words(&error)))
        })?;
        if roots.is_empty() {
            return Err(MetricsError::Configuration("the CA file holds no PEM certificate".to_owned()));
        }
        builder = builder.tls_certs_merge(roots);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let why = words(&error);
        // rustls-platform-verifier's words.
        let hint = if why.contains("No CA certificates were loaded") {
            "; install ca-certificates or give a CA file"
        } else {
            ""
        };
        MetricsError::Configuration(format!("the HTTP client can't be made: {why}{hint}"))
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn secret_header(value: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// reqwest is built without a TLS provider of its own and panics when the process has none.
fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Refused when the process already has a provider: that one serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// The error and its causes, without the URL, whose query is long.
fn words(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut words = Vec::new();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    if words.is_empty() {
        let kind = if error.is_connect() { "no connection" } else { "the request failed" };
        words.push(kind.to_owned());
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn read(text: &str) -> (String, Option<String>) {
        let (_, address, credentials) = base(text).unwrap();
        (address, credentials.map(|(user, password)| format!("{user}:{}", password.expose_secret())))
    }

    #[test]
    fn credentials_of_a_url_are_sent_but_never_shown() {
        assert_eq!(read("http://prom:9090/"), ("http://prom:9090".to_owned(), None));
        let expected = ("https://mimir.example/prometheus".to_owned(), Some("me:p@ss".to_owned()));
        assert_eq!(read("https://me:p%40ss@mimir.example/prometheus/api/v1/?x=1#y"), expected);
    }

    #[test]
    fn wrong_settings_are_told() {
        for (url, why) in [
            ("prom:9090", "must be http or https"),
            ("ftp://x", "must be http or https"),
            ("", "needs a scheme"),
        ] {
            let error = HttpTransport::new(&HttpOptions::new(url))
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(why), "{url}: {error}");
        }
        let bad = SecretString::from("a\nb");
        let options = HttpOptions { bearer: Some(bad), ..HttpOptions::new("http://x") };
        let expected = MetricsError::Configuration("the bearer token can't be sent as a header".to_owned());
        assert_eq!(HttpTransport::new(&options).err(), Some(expected));
        let options = HttpOptions { roots_pem: Some(b"nothing".to_vec()), ..HttpOptions::new("https://x") };
        assert!(HttpTransport::new(&options).is_err());
    }

    #[test]
    fn paths_are_joined_to_the_prefix() {
        let transport = HttpTransport::new(&HttpOptions::new("http://x/prom/")).unwrap();
        assert_eq!(
            transport.url("/api/v1/query?query=up%2B1").as_str(),
            "http://x/prom/api/v1/query?query=up%2B1"
        );
    }
}
