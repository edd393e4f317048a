//! One HTTP exchange under async-openai: the tower service that replaces its own executor, which would retry in
//! silence and obey any `Retry-After`. Keeps the time limits, bounds what is read, and notes why an exchange failed.

use super::config::Timeouts;
use super::failure::{Failure, Kind, quote, title};
use super::lines::Lines;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use http::HeaderMap;
use serde_json::Value;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::time::{Instant, timeout_at};

/// Bytes read of a streamed reply: some 250 for each token's chunk.
const MAX_STREAM: usize = 64 << 20;
/// Bytes read of a reply that comes as one JSON body.
const MAX_WHOLE: usize = 16 << 20;
/// Bytes read of an error.
const MAX_ERROR: usize = 64 << 10;

/// What an exchange shows besides its events: async-openai gives only the text of an error, and the end of the body
/// and `[DONE]` look the same behind it.
#[derive(Debug, Default)]
pub(super) struct Signs(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    failure: Option<Failure>,
    complete: bool,
}

impl Signs {
    /// Why it failed, when this side noticed it.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }

    /// Whether the server said that all has been sent.
    pub(super) fn complete(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).complete
    }

    fn note_complete(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).complete = true;
    }

    fn note(&self, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.words.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
        error
    }
}

/// The service.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) http: reqwest::Client,
    pub(super) timeouts: Timeouts,
    /// Where it goes, for messages.
    pub(super) place: String,
    pub(super) signs: Arc<Signs>,
}

impl tower::Service<HttpRequestFactory> for Exchange {
    type Response = reqwest::Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<reqwest::Response, OpenAIError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequestFactory) -> Self::Future {
        let exchange = self.clone();
        Box::pin(async move {
            let request = request.build().await?;
            let signs = Arc::clone(&exchange.signs);
            exchange.run(request).await.map_err(|failure| OpenAIError::Boxed(signs.note(failure).into()))
        })
    }
}

impl Exchange {
    async fn run(self, request: reqwest::Request) -> Result<reqwest::Response, Failure> {
        let first_byte = self.timeouts.first_byte;
        let deadline = Instant::now() + first_byte;
        let late = || Failure::timeout("nothing came from the server", first_byte);
        let response = timeout_at(deadline, self.http.execute(request)).await.map_err(|_| late())?;
        let response = response.map_err(|error| Failure::of_transport(&error, &self.place))?;
        let status = response.status();
        let headers = response.headers().clone();
        if !status.is_success() {
            let body = timeout_at(deadline, read_error(response)).await.map_err(|_| late())?;
            return Err(Failure::of_status(status.as_u16(), &headers, &body));
        }
        let place = self.place.clone();
        let body = response
            .bytes_stream()
            .map(move |piece| piece.map_err(|error| Failure::of_transport(&error, &place)));
        Ok(respond_with(body.boxed(), &headers, deadline, self.timeouts, self.signs))
    }
}

/// A response whose body is guarded.
pub(super) fn respond_with(
    body: BoxStream<'static, Result<Bytes, Failure>>,
    headers: &HeaderMap,
    first_byte: Instant,
    timeouts: Timeouts,
    signs: Arc<Signs>,
) -> reqwest::Response {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let form =
        if kind.starts_with("text/event-stream") { Form::Unknown(Vec::new()) } else { Form::of_kind(kind) };
    let guard = Guard {
        body,
        signs,
        timeouts,
        deadline: first_byte,
        form,
        lines: Lines::default(),
        read: 0,
        state: Reading::On,
    };
    let stream = futures::stream::unfold(guard, |mut guard| async move {
        let piece = guard.next().await?;
        Some((piece, guard))
    });
    http::Response::new(reqwest::Body::wrap_stream(stream)).into()
}

/// Reads an error's body up to its limit; what breaks off is taken as far as it came.
async fn read_error(response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        body.extend_from_slice(&piece);
        if body.len() >= MAX_ERROR {
            body.truncate(MAX_ERROR);
            break;
        }
    }
    body
}

struct Guard {
    body: BoxStream<'static, Result<Bytes, Failure>>,
    signs: Arc<Signs>,
    timeouts: Timeouts,
    deadline: Instant,
    form: Form,
    lines: Lines,
    read: usize,
    state: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    On,
    Over,
}

/// What the body is. Content types are often wrong: the first byte that is not blank decides.
enum Form {
    /// Only blanks so far, kept for they may be the beginning of a byte order mark.
    Unknown(Vec<u8>),
    Events,
    /// One JSON document.
    Whole(Vec<u8>),
    Page(Vec<u8>),
}

impl Form {
    fn of_kind(kind: &str) -> Self {
        if kind.starts_with("text/html") { Self::Page(Vec::new()) } else { Self::Unknown(Vec::new()) }
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Guard {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        loop {
            if self.state == Reading::Over {
                return None;
            }
            let piece = match timeout_at(self.deadline, self.body.next()).await {
                Err(_) => Err(self.late()),
                Ok(None) => {
                    self.state = Reading::Over;
                    self.close()
                }
                Ok(Some(Err(failure))) => Err(failure),
                Ok(Some(Ok(bytes))) => {
                    self.deadline = Instant::now() + self.timeouts.idle;
                    self.take(&bytes)
                }
            };
            match piece {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some(Ok(Bytes::from(piece))),
                Err(failure) => {
                    self.state = Reading::Over;
                    return Some(Err(self.signs.note(failure)));
                }
            }
        }
    }

    fn late(&self) -> Failure {
        if self.read == 0 {
            Failure::timeout("nothing came from the server", self.timeouts.first_byte)
        } else {
            Failure::timeout("the reply stopped half way and nothing more came", self.timeouts.idle)
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        self.read += bytes.len();
        if self.read > MAX_STREAM {
            return Err(Failure::protocol(format!("the reply has more than {MAX_STREAM} bytes")));
        }
        let begun = match &mut self.form {
            Form::Events => return self.events(bytes),
            Form::Whole(body) => {
                body.extend_from_slice(bytes);
                if body.len() > MAX_WHOLE {
                    return Err(Failure::protocol(format!("the reply has more than {MAX_WHOLE} bytes")));
                }
                return Ok(Vec::new());
            }
            Form::Page(body) => {
                body.extend_from_slice(bytes);
                body.truncate(MAX_ERROR);
                return Ok(Vec::new());
            }
            Form::Unknown(begun) => {
                begun.extend_from_slice(bytes);
                std::mem::take(begun)
            }
        };
        let rest = skip_blanks(&begun);
        match rest.first() {
            _ if rest.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(rest) => {
                self.form = Form::Unknown(rest.to_vec());
                Ok(Vec::new())
            }
            Some(b'{' | b'[') => {
                self.form = Form::Whole(rest.to_vec());
                Ok(Vec::new())
            }
            Some(b'<') => {
                self.form = Form::Page(rest.to_vec());
                Ok(Vec::new())
            }
            _ => {
                self.form = Form::Events;
                let rest = rest.to_vec();
                self.events(&rest)
            }
        }
    }

    fn events(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let lines = self.lines.push(bytes);
        let lines = lines.map_err(|_| Failure::protocol("the reply has a line without end"))?;
        if self.lines.done() {
            self.signs.note_complete();
            self.state = Reading::Over;
        }
        Ok(lines)
    }

    /// What is still to be given at the end of the body.
    fn close(&mut self) -> Result<Vec<u8>, Failure> {
        match &self.form {
            Form::Unknown(_) => Ok(Vec::new()),
            Form::Events => {
                let rest = self.lines.finish();
                if self.lines.done() {
                    self.signs.note_complete();
                }
                Ok(rest)
            }
            Form::Page(page) => Err(Failure::protocol(format!(
                "it answers with {}: the base URL may lack its path, e.g. /v1",
                title(&String::from_utf8_lossy(page))
            ))),
            Form::Whole(body) => match serde_json::from_slice::<Value>(body) {
                Ok(document) => {
                    self.signs.note_complete();
                    Ok(format!("data: {document}\n\n").into_bytes())
                }
                // A body that ends in the middle of the document.
                Err(error) if error.is_eof() => Err(Failure::cut("the JSON body is not whole")),
                Err(_) => Err(Failure::protocol(format!(
                    "it answers neither with events nor with one JSON document: {}",
                    quote(&String::from_utf8_lossy(body))
                ))),
            },
        }
    }
}

/// Without blanks and byte order marks at the beginning.
fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    loop {
        let trimmed = bytes.trim_ascii_start();
        match trimmed.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => bytes = rest,
            None => return trimmed,
        }
    }
}

/// A failure of async-openai's own, where [`Signs`] know nothing better.
pub(super) fn of_client(error: &OpenAIError) -> Failure {
    match error {
        OpenAIError::JSONDeserialize(error, content) => {
            let words = format!("an event is not JSON ({error}): {}", quote(content));
            Failure::new(Kind::Unavailable, super::failure::Again::Yes, words)
        }
        OpenAIError::InvalidArgument(words) => {
            Failure::new(Kind::BadRequest, super::failure::Again::Never, quote(words))
        }
        OpenAIError::StreamError(error) => Failure::cut(&quote(&error.to_string())),
        other => Failure::protocol(quote(&other.to_string())),
    }
}
