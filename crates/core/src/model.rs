//! The model port: whatever decides the next step.

use crate::evidence::{EvidenceId, Ledger};
use crate::tool::ToolSpec;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Something that decides the next step: an LLM, or the embedded rules.
#[async_trait]
pub trait Model: Send + Sync {
    /// Its name, e.g. `builtin`.
    fn name(&self) -> &str;

    /// Tokens that a request may hold.
    fn context_window(&self) -> usize {
        128_000
    }

    /// Price in US dollars per million input and output tokens, when known.
    fn price(&self) -> Option<Price> {
        None
    }

    /// One exchange. Text is reported piece by piece through `on_delta` as it arrives.
    /// Dropping the future cancels the exchange.
    async fn respond(
        &self,
        request: ModelRequest<'_>,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError>;
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Prompt tokens.
    pub input: f64,
    /// Completion tokens.
    pub output: f64,
}

/// What a model is asked. Borrowed: history is never copied for a step.
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    /// The conversation, oldest first; the first message is the system's.
    pub messages: &'a [Message],
    /// Tools that it may call.
    pub tools: &'a [ToolDeclaration],
    /// The evidence so far. LLMs see its shaped text inside `messages`; `builtin` reads the typed data here.
    pub evidence: &'a Ledger,
    /// Tokens that the reply may hold.
    pub max_output_tokens: usize,
    /// Whether the model must, may or must not call tools.
    pub tool_choice: ToolChoice,
}

/// Whether the model must call tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// It decides.
    Auto,
    /// It must call this one.
    Tool(&'static str),
}

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDeclaration {
    /// Name.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

impl From<&ToolSpec> for ToolDeclaration {
    fn from(spec: &ToolSpec) -> Self {
        Self {
            name: spec.name.clone(),
            description: spec.description.clone(),
            parameters: spec.input_schema.clone(),
        }
    }
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum Message {
    /// Instructions.
    System {
        /// Text.
        text: String,
    },
    /// The question, and notes from the loop (limits, refused conclusions).
    User {
        /// Text.
        text: String,
    },
    /// What the model said and called.
    Assistant {
        /// Text.
        text: String,
        /// Calls, in the model's order.
        calls: Vec<ToolCall>,
    },
    /// The result of one call. Every call has exactly one.
    Tool {
        /// The call's id.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// The evidence it became; `None` for errors and refusals of the loop itself.
        evidence: Option<EvidenceId>,
        /// Redacted, fenced, shaped text.
        text: String,
    },
}

/// A call that a model wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's id of it; made up by the adapter when the server omits it.
    pub id: String,
    /// Tool name.
    pub name: String,
    /// Arguments as the model wrote them: should be a JSON object, may be anything.
    pub arguments: String,
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Text for the person.
    Text(String),
    /// Reasoning that the server chose to show.
    Reasoning(String),
    /// The exchange is tried again; what was streamed of the failed try is void.
    Retry {
        /// 1, 2, …
        attempt: u32,
        /// Wait before the next try.
        after: Duration,
        /// Why.
        reason: String,
    },
}

/// A whole reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReply {
    /// Text.
    pub text: String,
    /// Calls, in the model's order.
    pub calls: Vec<ToolCall>,
    /// What it cost.
    pub usage: TokenUsage,
    /// Why it ended.
    pub finish: Finish,
}

/// Tokens of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Prompt tokens.
    pub input: u64,
    /// Completion tokens.
    pub output: u64,
    /// Prompt tokens that the server had cached.
    pub cached: u64,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It said all it wanted.
    #[default]
    Stop,
    /// It wants tools called.
    ToolCalls,
    /// The output limit cut it.
    Length,
    /// The server's filter cut it.
    ContentFilter,
}

/// Why an exchange failed, after the adapter's own retries.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// The key is missing, wrong or not allowed to use this model.
    #[error("the model endpoint refused the credentials: {0}; check OPENAI_API_KEY")]
    Authentication(String),
    /// The endpoint does not know the model, or the request is malformed for it.
    #[error("the model endpoint refused the request: {0}")]
    BadRequest(String),
    /// The conversation is too long for the model.
    #[error("the conversation is too long for the model: {0}")]
    ContextOverflow(String),
    /// Too many requests, still after the retries.
    #[error("the model endpoint is rate limiting: {0}; try again later or lower --max-steps")]
    RateLimited(String),
    /// No answer, or answers that are not the protocol.
    #[error("the model endpoint cannot be used: {0}; check OPENAI_BASE_URL")]
    Unavailable(String),
    /// No answer in time.
    #[error("the model endpoint did not answer in time: {0}")]
    Timeout(String),
}
