//! A model server on a loopback port that answers from a script and checks every request it is sent.

mod dialect;
mod rules;
mod turn;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
pub use dialect::Dialect;
use futures::StreamExt as _;
pub use rules::{History, Rules};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use turn::{Answer, Lasts};
pub use turn::{Call, Reply, StreamEnd, Turn};

/// The largest request read, in bytes.
const MAX_REQUEST_BYTES: usize = 64 << 20;

/// The fake server. Dropping it stops it, and panics when a request broke a rule that nobody has looked at.
#[derive(Debug)]
pub struct FakeModel {
    address: std::net::SocketAddr,
    script: Arc<Script>,
    server: JoinHandle<()>,
}

/// The head of a request, without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers but for the ones that carry credentials.
    pub headers: HeaderMap,
    /// Names of the credential headers that were sent, e.g. `authorization`.
    pub credentials: Vec<String>,
}

#[derive(Debug)]
struct Script {
    rules: Rules,
    seen: Mutex<Seen>,
    hang_ups: watch::Sender<usize>,
    arrived: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Seen {
    turns: VecDeque<Turn>,
    requests: Vec<Value>,
    heads: Vec<RequestHead>,
    violations: Vec<String>,
    looked_at: Acknowledged,
}

/// Whether a test has taken note of the violations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Acknowledged {
    #[default]
    No,
    Yes,
}

impl FakeModel {
    /// Starts a server with the default rules.
    pub async fn start(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::start_with(Rules::default(), turns).await
    }

    /// Starts a server with these rules.
    ///
    /// # Panics
    /// When no loopback port can be bound: the test cannot go on.
    #[expect(clippy::expect_used, reason = "a test without a loopback port cannot go on")]
    pub async fn start_with(rules: Rules, turns: impl IntoIterator<Item = Turn>) -> Self {
        let seen = Seen { turns: turns.into_iter().collect(), ..Seen::default() };
        let script = Arc::new(Script {
            rules,
            seen: Mutex::new(seen),
            hang_ups: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the bound address");
        let router = Router::new().fallback(serve).with_state(Arc::clone(&script));
        let server = tokio::spawn(async move {
            // `axum::serve` only ends with its task.
            drop(axum::serve(listener, router).await);
        });
        Self { address, script, server }
    }

    /// The base URL, e.g. `http://127.0.0.1:40123/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The bodies of all requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Value> {
        self.script.seen().requests.clone()
    }

    /// The heads of all requests so far, in order of arrival.
    pub fn heads(&self) -> Vec<RequestHead> {
        self.script.seen().heads.clone()
    }

    /// What the requests did wrong. Taking it tells the server that the test deals with it.
    pub fn violations(&self) -> Vec<String> {
        let mut seen = self.script.seen();
        seen.looked_at = Acknowledged::Yes;
        seen.violations.clone()
    }

    /// Panics when a request broke a rule.
    #[track_caller]
    pub fn assert_ok(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "requests broke rules:\n- {}", violations.join("\n- "));
    }

    /// Turns of the script that have not been used; a turn that repeats for ever counts as one.
    pub fn turns_left(&self) -> usize {
        self.script.seen().turns.len()
    }

    /// Waits until the client has hung up on `count` answers before their end.
    pub async fn wait_for_hang_ups(&self, count: usize) {
        let mut hang_ups = self.script.hang_ups.subscribe();
        // The sender lives in `self.script`, so the channel cannot close while this waits.
        drop(hang_ups.wait_for(|seen| *seen >= count).await);
    }

    /// Waits until `count` requests have arrived.
    pub async fn wait_for_requests(&self, count: usize) {
        let mut arrived = self.script.arrived.subscribe();
        drop(arrived.wait_for(|seen| *seen >= count).await);
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.server.abort();
        let seen = self.script.seen();
        let unseen = seen.looked_at == Acknowledged::No && !seen.violations.is_empty();
        let violations = seen.violations.join("\n- ");
        drop(seen);
        assert!(!unseen || std::thread::panicking(), "requests broke rules:\n- {violations}");
    }
}

impl Script {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the request, keeps it, and gives the turn that answers it.
    fn take(&self, head: RequestHead, raw: &[u8]) -> (Turn, Value) {
        let mut seen = self.seen();
        let number = seen.requests.len() + 1;
        let mut found = Vec::new();
        if head.method != "POST"
            || !head.target.split('?').next().unwrap_or("").ends_with("/chat/completions")
        {
            found.push(format!("{} {} is not the chat completions endpoint", head.method, head.target));
        }
        let body: Value = serde_json::from_slice(raw).unwrap_or_else(|error| {
            found.push(format!("the body is not JSON: {error}"));
            Value::Null
        });
        found.extend(self.rules.check(&body, raw));
        let turn = match seen.turns.front() {
            Some(turn) if turn.lasts == Lasts::ForEver => Some(turn.clone()),
            Some(_) => seen.turns.pop_front(),
            None => None,
        };
        if turn.is_none() {
            found.push("the script has no turn left for it".to_owned());
        }
        let history = turn.as_ref().map_or(History::AppendOnly, |turn| turn.history);
        if let Some(previous) = seen.requests.last() {
            found.extend(self.rules.check_history(previous, &body, history));
        }
        seen.violations.extend(found.into_iter().map(|what| format!("request {number}: {what}")));
        seen.heads.push(head);
        seen.requests.push(body.clone());
        drop(seen);
        self.arrived.send_modify(|count| *count += 1);
        let over = || Turn::status(400).error("the script of the fake model is over");
        (turn.unwrap_or_else(over), body)
    }
}

/// Counts a hang-up unless the answer was sent to its end.
struct UntilTheEnd {
    script: Arc<Script>,
    reached: bool,
}

impl Drop for UntilTheEnd {
    fn drop(&mut self) {
        if !self.reached {
            self.script.hang_ups.send_modify(|count| *count += 1);
        }
    }
}

async fn serve(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(raw) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", Body::from("the request is too large"));
    };
    let (turn, body) = script.take(head_of(&parts), &raw);
    let mut response = answer(&script, &turn, &body).await;
    for (name, value) in &turn.headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answer(script: &Arc<Script>, turn: &Turn, request: &Value) -> Response {
    let mut guard = UntilTheEnd { script: Arc::clone(script), reached: false };
    let number = script.seen().requests.len();
    let reply = match &turn.answer {
        Answer::Reply(reply) => reply.clone(),
        Answer::Dynamic(decide) => decide(request),
        Answer::Status { code, body, content_type } => {
            guard.reached = true;
            let code = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return plain(code, content_type, Body::from(body.clone()));
        }
        Answer::Frames { frames, end } => return stream(guard, frames.clone(), *end),
        Answer::Hang => {
            futures::future::pending::<()>().await;
            return plain(StatusCode::OK, "text/plain", Body::empty());
        }
    };
    if turn.dialect == Dialect::JsonBody {
        guard.reached = true;
        let body = dialect::whole(&reply, number);
        return plain(StatusCode::OK, "application/json", Body::from(body.to_string()));
    }
    let mut frames = dialect::frames(&reply, turn.dialect, number);
    let mut end = StreamEnd::Close;
    if let Some((after, how)) = turn.cut {
        frames.truncate(after);
        end = how;
    }
    stream(guard, frames, end)
}

fn stream(guard: UntilTheEnd, frames: Vec<Bytes>, end: StreamEnd) -> Response {
    let again = frames.last().cloned().unwrap_or_default();
    let state = (guard, VecDeque::from(frames), false);
    let body = futures::stream::unfold(state, move |(mut guard, mut frames, ended)| {
        let again = again.clone();
        async move {
            // Hyper flushes what it holds when the body is not ready: every frame leaves on its own.
            tokio::task::yield_now().await;
            if let Some(frame) = frames.pop_front() {
                return Some((Ok(frame), (guard, frames, ended)));
            }
            match end {
                StreamEnd::Close => {
                    guard.reached = true;
                    drop(guard);
                    None
                }
                StreamEnd::Abort if ended => None,
                StreamEnd::Abort => {
                    guard.reached = true;
                    Some((Err(std::io::Error::other("the script cuts the stream")), (guard, frames, true)))
                }
                StreamEnd::Hang => futures::future::pending().await,
                StreamEnd::RepeatLast => Some((Ok(again), (guard, frames, ended))),
            }
        }
    });
    plain(StatusCode::OK, "text/event-stream", Body::from_stream(body.boxed()))
}

fn plain(code: StatusCode, content_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

fn head_of(parts: &axum::http::request::Parts) -> RequestHead {
    let mut headers = parts.headers.clone();
    let credentials = crate::recording::strip_credentials(&mut headers);
    let target = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    RequestHead { method: parts.method.to_string(), target, headers, credentials }
}

/// The evidence ids that a request shows to the model, oldest first: tool messages begin with theirs (`E7`).
pub fn shown_evidence(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools = messages.iter().filter(|message| message["role"] == json!("tool"));
    tools
        .filter_map(|message| message["content"].as_str()?.split_whitespace().next())
        .filter(|word| {
            word.strip_prefix('E')
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(ToOwned::to_owned)
        .collect()
}
