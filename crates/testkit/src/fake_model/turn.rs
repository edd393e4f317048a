//! What the fake model answers: turns of a script, and the replies in them.

use super::dialect::Dialect;
use super::rules::History;
use axum::body::Bytes;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// The answer to one request.
#[derive(Clone, Debug)]
pub struct Turn {
    pub(super) answer: Answer,
    pub(super) dialect: Dialect,
    pub(super) headers: Vec<(String, String)>,
    pub(super) history: History,
    pub(super) lasts: Lasts,
    pub(super) cut: Option<(usize, StreamEnd)>,
}

/// For how many requests a turn is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    Once,
    ForEver,
}

/// How a stream ends after its last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The body ends as HTTP wants it.
    Close,
    /// The connection is torn down.
    Abort,
    /// Nothing more comes and the connection stays open.
    Hang,
    /// The last frame is sent again and again.
    RepeatLast,
}

#[derive(Clone)]
pub(super) enum Answer {
    Reply(Reply),
    Dynamic(Arc<dyn Fn(&Value) -> Reply + Send + Sync>),
    Status { code: u16, body: String, content_type: String },
    Frames { frames: Vec<Bytes>, end: StreamEnd },
    Hang,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => f.debug_tuple("Reply").field(reply).finish(),
            Self::Dynamic(_) => f.write_str("Dynamic"),
            Self::Status { code, .. } => f.debug_tuple("Status").field(code).finish(),
            Self::Frames { frames, end } => f.debug_tuple("Frames").field(&frames.len()).field(end).finish(),
            Self::Hang => f.write_str("Hang"),
        }
    }
}

/// What the model says and calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Text.
    pub text: String,
    /// Reasoning, shown in the way of the dialect.
    pub reasoning: String,
    /// Calls in order.
    pub calls: Vec<Call>,
    /// Prompt, completion and cached tokens.
    pub usage: (u64, u64, u64),
    /// The finish reason; `None` takes the dialect's usual one.
    pub finish: Option<String>,
}

/// A tool call that the fake model makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Tool name.
    pub name: String,
    /// Arguments as they are written on the wire.
    pub arguments: String,
}

impl Call {
    /// A call with JSON arguments.
    pub fn new(name: impl Into<String>, arguments: &Value) -> Self {
        Self { name: name.into(), arguments: arguments.to_string() }
    }

    /// A call with whatever arguments, e.g. broken JSON.
    pub fn raw(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into() }
    }
}

impl Reply {
    /// A reply that only talks.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            reasoning: String::new(),
            calls: Vec::new(),
            usage: (100, 20, 0),
            finish: None,
        }
    }

    /// A reply that only calls tools.
    pub fn calls(calls: impl IntoIterator<Item = Call>) -> Self {
        Self { calls: calls.into_iter().collect(), ..Self::text("") }
    }

    /// The same with text.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// The same with reasoning.
    #[must_use]
    pub fn with_reasoning(self, reasoning: impl Into<String>) -> Self {
        Self { reasoning: reasoning.into(), ..self }
    }

    /// The same with this usage: prompt, completion and cached tokens.
    #[must_use]
    pub fn with_usage(self, prompt: u64, completion: u64, cached: u64) -> Self {
        Self { usage: (prompt, completion, cached), ..self }
    }

    /// The same with this finish reason.
    #[must_use]
    pub fn with_finish(self, reason: impl Into<String>) -> Self {
        Self { finish: Some(reason.into()), ..self }
    }
}

impl Turn {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            dialect: Dialect::OpenAi,
            headers: Vec::new(),
            history: History::AppendOnly,
            lasts: Lasts::Once,
            cut: None,
        }
    }

    /// Answers with this reply.
    pub fn reply(reply: Reply) -> Self {
        Self::new(Answer::Reply(reply))
    }

    /// Answers with text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::reply(Reply::text(text))
    }

    /// Calls tools.
    pub fn calls(calls: impl IntoIterator<Item = Call>) -> Self {
        Self::reply(Reply::calls(calls))
    }

    /// Answers with what the closure makes of the request, e.g. to cite the evidence ids that it shows.
    pub fn respond_with(decide: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(Answer::Dynamic(Arc::new(decide)))
    }

    /// Answers this request and every later one with this turn: a model that repeats itself or never concludes.
    pub fn repeat_forever(turn: Self) -> Self {
        Self { lasts: Lasts::ForEver, ..turn }
    }

    /// Answers with an HTTP status and a small error in OpenAI's form.
    pub fn status(code: u16) -> Self {
        let body = json!({"error": {"message": format!("scripted status {code}"), "type": "scripted",
            "param": null, "code": null}});
        Self::new(Answer::Status {
            code,
            body: body.to_string(),
            content_type: "application/json".to_owned(),
        })
    }

    /// Refuses one parameter the way OpenAI does.
    pub fn refuse_parameter(name: &str) -> Self {
        let body = json!({"error": {"message": format!("Unsupported parameter: '{name}' is not supported with this model."),
            "type": "invalid_request_error", "param": name, "code": "unsupported_parameter"}});
        Self::status(400).body("application/json", body.to_string())
    }

    /// Replaces the message of a status turn.
    #[must_use]
    pub fn error(self, message: &str) -> Self {
        let body = json!({"error": {"message": message, "type": "scripted", "param": null, "code": null}});
        self.body("application/json", body.to_string())
    }

    /// Replaces the body of a status turn.
    #[must_use]
    pub fn body(mut self, content_type: &str, text: impl Into<String>) -> Self {
        if let Answer::Status { body, content_type: kind, .. } = &mut self.answer {
            *body = text.into();
            content_type.clone_into(kind);
        }
        self
    }

    /// A 200 with this JSON instead of a stream.
    pub fn json_body(body: &Value) -> Self {
        Self::status(200).body("application/json", body.to_string())
    }

    /// A stream of exactly this text.
    pub fn raw_sse(text: impl Into<String>) -> Self {
        Self::raw_frames([Bytes::from(text.into())], StreamEnd::Close)
    }

    /// A stream of exactly these frames, each written on its own, with this end.
    pub fn raw_frames(frames: impl IntoIterator<Item = Bytes>, end: StreamEnd) -> Self {
        Self::new(Answer::Frames { frames: frames.into_iter().collect(), end })
    }

    /// Begins to say this text and tears the connection down half way.
    pub fn cut_mid_stream(text: impl Into<String>) -> Self {
        Self::text(text).cut(2, StreamEnd::Abort)
    }

    /// Says the same piece of text without end.
    pub fn endless_text(piece: &str) -> Self {
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
        Self::raw_frames([Bytes::from(format!("data: {chunk}\n\n"))], StreamEnd::RepeatLast)
    }

    /// Takes the request and never answers.
    pub fn hang() -> Self {
        Self::new(Answer::Hang)
    }

    /// Streams only the first `frames` frames of a reply, then ends in this way.
    #[must_use]
    pub fn cut(self, frames: usize, end: StreamEnd) -> Self {
        Self { cut: Some((frames, end)), ..self }
    }

    /// Speaks this dialect.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    /// Declares that the history may have been rewritten before the request that this turn answers.
    #[must_use]
    pub fn after_compaction(self) -> Self {
        Self { history: History::MayCompact, ..self }
    }
}
