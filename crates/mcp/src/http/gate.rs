//! The gate before the protocol: what is refused here never reaches it.

use super::HttpOptions;
use super::auth::{Authentication, Refusal};
use super::rate::{Limiter, Rate};
use crate::audit::Audit;
use crate::caller::{Caller, Scope};
use crate::catalogue::INVESTIGATE;
use crate::desk::lock;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long a request's body may take: a client that drips bytes must not hold a connection.
const BODY: Duration = Duration::from_secs(15);

/// Refused tokens of one address.
const FAILURES: Rate = Rate { per_second: 5.0, burst: 50.0 };

static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What a refused request gets.
type Refused = Box<Response>;

pub(super) struct Gate {
    authentication: Authentication,
    body_bytes: usize,
    most_sessions: usize,
    limiter: Option<Limiter>,
    /// Refused tokens by address: guessing is slow.
    failures: Limiter,
    sessions: Arc<LocalSessionManager>,
    /// Session to the caller who began it.
    owners: Mutex<HashMap<String, String>>,
    audit: Audit,
}

impl Gate {
    pub(super) fn new(options: HttpOptions, sessions: Arc<LocalSessionManager>, audit: Audit) -> Self {
        Self {
            authentication: options.authentication,
            body_bytes: options.body_bytes,
            most_sessions: options.sessions,
            limiter: options.rate.map(Limiter::new),
            failures: Limiter::new(FAILURES),
            sessions,
            owners: Mutex::default(),
            audit,
        }
    }

    /// Whether the request may go on, and as whom.
    async fn admit(&self, parts: &Parts) -> Result<Caller, Refused> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or_else(|| "unknown".to_owned(), |ConnectInfo(address)| address.ip().to_string());
        let caller = match self.authentication.admit(&parts.headers).await {
            Ok(caller) => caller,
            Err(refusal) => {
                self.pace(Some(&self.failures), &peer)?;
                return Err(Box::new(self.refuse(&peer, &refusal)));
            }
        };
        // Without authentication everybody has the same name; then the address tells callers apart.
        let who = if matches!(self.authentication, Authentication::None) { &peer } else { &caller.name };
        self.pace(self.limiter.as_ref(), who)?;
        Ok(caller)
    }

    fn pace(&self, limiter: Option<&Limiter>, who: &str) -> Result<(), Refused> {
        let Some(limiter) = limiter else { return Ok(()) };
        limiter.take(who, Instant::now()).map_err(|wait| {
            self.audit.refused(who, "too many requests");
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            let mut response = (StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            Box::new(response)
        })
    }

    fn refuse(&self, who: &str, refusal: &Refusal) -> Response {
        let (status, why) = match refusal {
            Refusal::Missing => (StatusCode::UNAUTHORIZED, "no token".to_owned()),
            Refusal::Invalid(why) => (StatusCode::UNAUTHORIZED, format!("token: {why}")),
            Refusal::Scope(scope) => (StatusCode::FORBIDDEN, format!("scope {} is missing", scope.as_str())),
        };
        self.audit.refused(who, &why);
        let mut response =
            (status, format!("{}\n", status.canonical_reason().unwrap_or("refused"))).into_response();
        if let Ok(challenge) = HeaderValue::from_str(&self.authentication.challenge(refusal)) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// A session is its beginner's alone; to others it does not exist.
    async fn session(&self, parts: &Parts, caller: &Caller) -> Result<(), Refused> {
        let Some(id) = parts.headers.get(&SESSION) else {
            let begins = parts.method == Method::POST;
            if begins && self.sessions.sessions.read().await.len() >= self.most_sessions {
                self.audit.refused(&caller.name, "too many sessions");
                let mut response = (StatusCode::SERVICE_UNAVAILABLE, "too many sessions\n").into_response();
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(30_u64));
                return Err(Box::new(response));
            }
            return Ok(());
        };
        let known = id.to_str().ok().and_then(|id| lock(&self.owners).get(id).cloned());
        if known.is_some_and(|owner| owner != caller.name) {
            self.audit.refused(&caller.name, "a session of somebody else");
            return Err(Box::new((StatusCode::NOT_FOUND, "Not Found: Session not found\n").into_response()));
        }
        Ok(())
    }

    /// Remembers who began the session that a response names.
    async fn remember(&self, headers: &HeaderMap, caller: &Caller) {
        let Some(id) = headers.get(&SESSION).and_then(|id| id.to_str().ok()) else { return };
        let full = lock(&self.owners).len() >= 2 * self.most_sessions;
        if full {
            let alive = self.sessions.sessions.read().await;
            lock(&self.owners).retain(|id, _| alive.contains_key(id.as_str()));
        }
        lock(&self.owners).insert(id.to_owned(), caller.name.clone());
    }

    /// The whole body, within its bounds.
    async fn body(&self, parts: &Parts, body: Body, caller: &Caller) -> Result<(Body, Wanted), Refused> {
        let announced = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        let refuse = |status: StatusCode, why: &str| {
            self.audit.refused(&caller.name, why);
            Box::new((status, format!("{why}\n")).into_response())
        };
        let most = self.body_bytes;
        if announced.is_some_and(|length| length > most) {
            return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
        }
        let bytes = match tokio::time::timeout(BODY, axum::body::to_bytes(body, most)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broken off"));
            }
            Err(_) => return Err(refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come")),
        };
        let wanted = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok((Body::from(bytes), wanted))
    }
}

/// The little of a message that decides about scopes before it is read in full.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    method: String,
    params: WantedParams,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WantedParams {
    name: String,
}

impl Wanted {
    /// The scope without which a call is refused by HTTP, so that the client can step up. Everything is checked again
    /// where it is called.
    fn scope(&self) -> Option<Scope> {
        (self.method == "tools/call")
            .then(|| if self.params.name == INVESTIGATE { Scope::Investigate } else { Scope::Read })
    }
}

pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let caller = match gate.admit(&parts).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    if let Err(refused) = gate.session(&parts, &caller).await {
        return *refused;
    }
    if parts.method == Method::POST {
        let wanted;
        (body, wanted) = match gate.body(&parts, body, &caller).await {
            Ok(whole) => whole,
            Err(refused) => return *refused,
        };
        if let Some(scope) = wanted.scope().filter(|scope| !caller.may(*scope)) {
            return gate.refuse(&caller.name, &Refusal::Scope(scope));
        }
    }
    parts.extensions.insert(caller.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() == StatusCode::FORBIDDEN {
        gate.audit.refused(&caller.name, "Host or Origin is not allowed");
    }
    gate.remember(response.headers(), &caller).await;
    response
}
