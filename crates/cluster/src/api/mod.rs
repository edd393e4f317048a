//! One request after another: paced, bounded, retried, and its failures named.

mod pace;
mod retry;

use crate::error::ClusterError;
use crate::guard::{Refusal, path};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use kube::client::Body;
use pace::Pace;
use retry::{RetryPolicy, is_transient, retry_after};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// JSON, as every list and object is asked for.
pub(crate) const JSON: &str = "application/json";
/// Metadata of one object.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Metadata of a list: what may be asked of Secrets.
pub(crate) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Bounds of the traffic with one API server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Longest wait for one whole answer.
    pub request_timeout: Duration,
    /// Requests a second in the long run; zero or less means no limit.
    pub qps: f32,
    /// Requests that may go at once before `qps` holds.
    pub burst: u32,
    /// Tries after the first for reads that fail transiently.
    pub retries: u32,
    /// Longest wait between two tries, whatever `Retry-After` says.
    pub longest_backoff: Duration,
    /// Bytes of one answer (a page of a list, an object), decompressed.
    pub answer_bytes: usize,
    /// Requests under way at once.
    pub concurrent: usize,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            qps: 50.0,
            burst: 100,
            retries: 3,
            longest_backoff: Duration::from_secs(10),
            answer_bytes: 64 << 20,
            concurrent: 16,
        }
    }
}

/// The client with its bounds.
pub(crate) struct Api {
    client: kube::Client,
    server: String,
    pace: Pace,
    policy: RetryPolicy,
    traffic: Traffic,
    permits: Semaphore,
}

/// What to do with an answer longer than its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Refuse,
    Cut,
}

/// An answer's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// It was longer and is cut.
    pub(crate) cut: bool,
}

/// One try's failure.
enum Failed {
    Transient { error: ClusterError, retry_after: Option<Duration> },
    Final(ClusterError),
}

impl Api {
    pub(crate) fn new(client: kube::Client, server: String, traffic: Traffic) -> Self {
        Self {
            client,
            server,
            pace: Pace::new(traffic.qps, traffic.burst),
            policy: RetryPolicy {
                retries: traffic.retries,
                base: Duration::from_millis(200),
                longest: traffic.longest_backoff,
            },
            permits: Semaphore::new(traffic.concurrent.max(1)),
            traffic,
        }
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// GETs JSON bytes.
    pub(crate) async fn get(&self, path_and_query: &str, accept: &str) -> Result<Bytes, ClusterError> {
        let cap = self.traffic.answer_bytes;
        self.read(path_and_query, accept, cap, Overflow::Refuse).await.map(|(bytes, _)| bytes)
    }

    /// GETs and parses a JSON document.
    pub(crate) async fn get_value(&self, path_and_query: &str, accept: &str) -> Result<Value, ClusterError> {
        let bytes = self.get(path_and_query, accept).await?;
        decode(&spoken(path_and_query), &bytes)
    }

    /// GETs text; what is beyond `cap` bytes is left unread.
    pub(crate) async fn get_text(&self, path_and_query: &str, cap: usize) -> Result<Text, ClusterError> {
        let (bytes, cut) = self.read(path_and_query, "*/*", cap, Overflow::Cut).await?;
        Ok(Text { text: String::from_utf8_lossy(&bytes).into_owned(), cut })
    }

    /// POSTs a self-review. Not retried: one more would be harmless, but it is no read.
    pub(crate) async fn review(&self, resource: &str, body: &Value) -> Result<Value, ClusterError> {
        let path = format!("/apis/authorization.k8s.io/v1/{resource}");
        let bytes = serde_json::to_vec(body)
            .map_err(|error| ClusterError::Decode { what: path.clone(), message: error.to_string() })?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&path)
            .header(header::CONTENT_TYPE, JSON)
            .header(header::ACCEPT, JSON)
            .body(Body::from(bytes))
            .map_err(|error| bad_request(&path, &error))?;
        let answer = self.attempt(request, &path, 1 << 20, Overflow::Refuse).await;
        match answer {
            Ok((bytes, _)) => decode(resource, &bytes),
            Err(Failed::Transient { error, .. } | Failed::Final(error)) => Err(error),
        }
    }

    async fn read(
        &self,
        path_and_query: &str,
        accept: &str,
        cap: usize,
        overflow: Overflow,
    ) -> Result<(Bytes, bool), ClusterError> {
        let mut attempt = 0;
        loop {
            let request = Request::builder()
                .method(Method::GET)
                .uri(path_and_query)
                .header(header::ACCEPT, accept)
                .body(Body::empty())
                .map_err(|error| bad_request(path_and_query, &error))?;
            match self.attempt(request, path_and_query, cap, overflow).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Transient { error, .. }) if attempt >= self.policy.retries => return Err(error),
                Err(Failed::Transient { error, retry_after }) => {
                    let wait = self.policy.wait(attempt, retry_after);
                    tracing::debug!(%error, ?wait, attempt, "trying again");
                    sleep(wait).await;
                    attempt += 1;
                }
            }
        }
    }

    async fn attempt(
        &self,
        request: Request<Body>,
        path_and_query: &str,
        cap: usize,
        overflow: Overflow,
    ) -> Result<(Bytes, bool), Failed> {
        let what = spoken(path_and_query);
        let _permit = self.permits.acquire().await.map_err(|_| {
            Failed::Final(ClusterError::Server {
                what: what.clone(),
                message: "the client is closed".to_owned(),
            })
        })?;
        self.pace.take().await;
        let exchange = self.exchange(request, path_and_query, &what, cap, overflow);
        match timeout(self.traffic.request_timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Failed::Final(ClusterError::Timeout {
                what,
                seconds: self.traffic.request_timeout.as_secs(),
            })),
        }
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        path_and_query: &str,
        what: &str,
        cap: usize,
        overflow: Overflow,
    ) -> Result<(Bytes, bool), Failed> {
        let response = self.client.send(request).await.map_err(|error| self.transport(error))?;
        let (parts, mut body) = response.into_parts();
        // A failure's Status is short; a page that claims to be one is not read to its end.
        let success = parts.status.is_success();
        let (cap, overflow) = if success { (cap, overflow) } else { (64 << 10, Overflow::Cut) };
        let mut bytes = BytesMut::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failed::Transient {
                error: ClusterError::Server {
                    what: what.to_owned(),
                    message: format!("the answer broke off: {}", lowest(&error)),
                },
                retry_after: None,
            })?;
            let Ok(data) = frame.into_data() else { continue };
            let room = cap - bytes.len();
            if data.len() > room {
                if overflow == Overflow::Refuse {
                    return Err(Failed::Final(ClusterError::TooLarge { what: what.to_owned(), limit: cap }));
                }
                bytes.extend_from_slice(&data[..room]);
                cut = true;
                break;
            }
            bytes.extend_from_slice(&data);
        }
        if success {
            return Ok((bytes.freeze(), cut));
        }
        Err(refused(parts.status, &parts.headers, &bytes, path_and_query, what))
    }

    /// A failure below HTTP.
    fn transport(&self, error: kube::Error) -> Failed {
        if let Some(refusal) = refusal_in(&error) {
            return Failed::Final(ClusterError::Denied(refusal));
        }
        if let Some(error) = authentication(&error) {
            return Failed::Final(error);
        }
        let message = lowest(&error);
        let certificate = message.contains("certificate") || message.contains("UnknownIssuer");
        let hint = if certificate {
            "the kubeconfig's certificate-authority does not fit this server"
        } else {
            "check the address in the kubeconfig, VPN and proxy, and that the cluster runs"
        };
        let error = ClusterError::Unreachable { server: self.server.clone(), message, hint: hint.to_owned() };
        if certificate { Failed::Final(error) } else { Failed::Transient { error, retry_after: None } }
    }
}

/// `list deployments.apps in namespace shop`, for messages.
fn spoken(path_and_query: &str) -> String {
    let path = path_and_query.split('?').next().unwrap_or_default();
    match path::parse(path) {
        Ok(path::ApiPath::Resource(parsed)) => {
            let place = parsed.namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
            match parsed.name {
                Some(name) => format!("get {} {name}{place}", parsed.spoken()),
                None => format!("list {}{place}", parsed.spoken()),
            }
        }
        Ok(path::ApiPath::NonResource(_)) | Err(_) => format!("get {path}"),
    }
}

fn decode<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, ClusterError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ClusterError::Decode { what: what.to_owned(), message: error.to_string() })
}

fn bad_request(path: &str, error: &dyn std::fmt::Display) -> ClusterError {
    ClusterError::BadRequest { what: path.to_owned(), message: error.to_string() }
}

/// The parts of a `metav1.Status` that matter here.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    details: Option<Details>,
    #[serde(default)]
    metadata: Option<ListMeta>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    name: String,
    #[serde(rename = "retryAfterSeconds", default)]
    retry_after: Option<u64>,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    #[serde(rename = "continue", default)]
    continue_token: Option<String>,
}

/// Longest message of an API server that is passed on.
const MESSAGE: usize = 400;

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8], path_and_query: &str, what: &str) -> Failed {
    let parsed: Status = serde_json::from_slice(body).unwrap_or_default();
    let words =
        if parsed.message.is_empty() { String::from_utf8_lossy(body) } else { (&parsed.message).into() };
    let message: String = words.trim().chars().take(MESSAGE).collect();
    let what = what.to_owned();
    let error = match status.as_u16() {
        401 => ClusterError::Authentication {
            message: if message.is_empty() { "401 Unauthorized".to_owned() } else { message },
            hint: "the credentials of this context are missing or expired; log in again".to_owned(),
        },
        403 => ClusterError::Forbidden { rule: missing_rule(path_and_query), message },
        404 if parsed.details.as_ref().is_some_and(|details| !details.name.is_empty())
            || parsed.message.ends_with("not found") =>
        {
            ClusterError::NotFound { what: message }
        }
        404 => ClusterError::NotServed { what },
        410 => ClusterError::Expired {
            what,
            continue_token: parsed
                .metadata
                .and_then(|meta| meta.continue_token)
                .filter(|token| !token.is_empty()),
        },
        400 | 406 | 415 | 422 => ClusterError::BadRequest { what, message },
        _ if is_transient(status) => {
            let asked = retry_after(headers)
                .or(parsed.details.and_then(|details| details.retry_after).map(Duration::from_secs));
            let error = ClusterError::Server { what, message: format!("{status}: {message}") };
            return Failed::Transient { error, retry_after: asked };
        }
        _ => {
            let reason =
                if parsed.reason.is_empty() { String::new() } else { format!(" ({})", parsed.reason) };
            ClusterError::Server { what, message: format!("{status}{reason}: {message}") }
        }
    };
    Failed::Final(error)
}

fn missing_rule(path_and_query: &str) -> String {
    let path = path_and_query.split('?').next().unwrap_or_default();
    match path::parse(path) {
        Ok(path::ApiPath::Resource(parsed)) => parsed.rule(),
        Ok(path::ApiPath::NonResource(_)) | Err(_) => format!("needs get on the non-resource URL {path}"),
    }
}

fn refusal_in(error: &kube::Error) -> Option<Refusal> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        cause = current.source();
    }
    None
}

/// Failures of exec plugins, token files and OIDC. A plugin's output is not repeated: it may hold a token.
pub(crate) fn authentication(error: &kube::Error) -> Option<ClusterError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let auth = loop {
        let current = cause?;
        if let Some(auth) = current.downcast_ref::<kube::client::AuthError>() {
            break auth;
        }
        cause = current.source();
    };
    let message = match auth {
        kube::client::AuthError::AuthExecRun { cmd, out } => {
            let program = cmd.split_whitespace().next().unwrap_or_default();
            format!("the credential plugin {program} failed with {}", out.status)
        }
        kube::client::AuthError::AuthExecParse(_) => {
            "the credential plugin's output is not an ExecCredential".to_owned()
        }
        other => other.to_string(),
    };
    Some(ClusterError::Authentication {
        message,
        hint: "run the credential plugin or log in by hand, and see that kubectl works with this context"
            .to_owned(),
    })
}

/// The lowest cause of an error: the one that says what happened.
fn lowest(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        words = current.to_string();
        cause = current.source();
    }
    words
}
