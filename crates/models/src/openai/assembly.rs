//! Chunks in, one reply out. Forgives form; never takes a cut reply for a whole one.

use super::calls::{Calls, Ids, TooManyCalls};
use super::failure::Failure;
use super::think::{Piece, Think, without_headless_reasoning};
use serde_json::Value;
use stethoscope_core::model::{Delta, Finish, ModelReply, TokenUsage};

/// Bytes of a reply that are taken however few tokens were asked for.
const LEAST_LIMIT: usize = 64 << 10;
/// Bytes taken for each token asked for: servers that ignore the limit are cut off well behind it.
const BYTES_A_TOKEN: usize = 16;

/// Where the pieces of a reply are reported.
pub(super) type OnDelta<'a> = &'a mut (dyn FnMut(Delta) + Send);

/// A reply in the making.
pub(super) struct Assembly {
    text: String,
    think: Think,
    calls: Calls,
    usage: Option<TokenUsage>,
    finish: Option<String>,
    choices: Choices,
    taken: usize,
    limit: usize,
}

/// Whether any choice was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choices {
    None,
    Some,
}

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// The reply is far longer than asked for.
    Enough,
}

impl Assembly {
    pub(super) fn new(max_output_tokens: usize) -> Self {
        Self {
            text: String::new(),
            think: Think::new(),
            calls: Calls::default(),
            usage: None,
            finish: None,
            choices: Choices::None,
            taken: 0,
            limit: max_output_tokens.saturating_mul(BYTES_A_TOKEN).max(LEAST_LIMIT),
        }
    }

    /// Whether the server has said why it ended; only usage may follow.
    pub(super) fn finished(&self) -> bool {
        self.finish.is_some()
    }

    pub(super) fn push(&mut self, chunk: &Value, on_delta: OnDelta<'_>) -> Result<Progress, Failure> {
        if is_error(chunk) {
            return Err(Failure::of_error(chunk));
        }
        self.take_usage(chunk);
        let choices = chunk["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let first = choices.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(Progress::More) };
        self.choices = Choices::Some;
        if choice["error"].is_object() {
            return Err(Failure::of_error(choice));
        }
        self.take_usage(choice);
        let delta = &choice["delta"];
        if delta.is_object() {
            self.take_delta(delta, on_delta)?;
        } else if self.taken == 0 {
            // A whole message; some servers also repeat it behind the deltas.
            self.take_delta(&choice["message"], on_delta)?;
        }
        match choice["finish_reason"].as_str() {
            None | Some("" | "null") => {}
            // OpenRouter, when the provider behind it fails.
            Some("error") => return Err(Failure::cut("the server says that it ended with an error")),
            Some(reason) => self.finish = Some(reason.to_owned()),
        }
        if self.taken > self.limit {
            self.finish = Some("length".to_owned());
            return Ok(Progress::Enough);
        }
        Ok(Progress::More)
    }

    fn take_delta(&mut self, delta: &Value, on_delta: OnDelta<'_>) -> Result<(), Failure> {
        // Servers in transition send the same reasoning under two names.
        let reasoning =
            ["reasoning_content", "reasoning", "thinking"].iter().find_map(|field| delta[*field].as_str());
        if let Some(reasoning) = reasoning.filter(|text| !text.is_empty()) {
            self.taken += reasoning.len();
            on_delta(Delta::Reasoning(reasoning.to_owned()));
        }
        match &delta["content"] {
            Value::String(text) => self.take_text(text, on_delta),
            Value::Array(parts) => parts.iter().for_each(|part| self.take_part(part, on_delta)),
            _ => {}
        }
        if let Some(refusal) = delta["refusal"].as_str() {
            self.take_text(refusal, on_delta);
        }
        for calls in [&delta["tool_calls"], &delta["function_call"]] {
            let bytes = self.calls.push(calls);
            let bytes = bytes
                .map_err(|TooManyCalls| Failure::protocol("one reply calls more tools than can be meant"))?;
            self.taken += bytes;
        }
        Ok(())
    }

    fn take_text(&mut self, text: &str, on_delta: OnDelta<'_>) {
        self.taken += text.len();
        let pieces = self.think.push(text);
        self.report(pieces, on_delta);
    }

    /// Mistral sends text as a list of parts, reasoning among them.
    fn take_part(&mut self, part: &Value, on_delta: OnDelta<'_>) {
        if let Some(text) = part["text"].as_str() {
            self.take_text(text, on_delta);
        }
        let thoughts = part["thinking"].as_array().map(Vec::as_slice).unwrap_or_default();
        for text in thoughts.iter().filter_map(|thought| thought["text"].as_str()) {
            self.taken += text.len();
            on_delta(Delta::Reasoning(text.to_owned()));
        }
    }

    fn report(&mut self, pieces: Vec<Piece>, on_delta: OnDelta<'_>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    self.text.push_str(&text);
                    on_delta(Delta::Text(text));
                }
                Piece::Reasoning(text) => on_delta(Delta::Reasoning(text)),
            }
        }
    }

    fn take_usage(&mut self, holder: &Value) {
        let usage =
            [&holder["usage"], &holder["x_groq"]["usage"]].into_iter().find(|usage| usage.is_object());
        let Some(usage) = usage else { return };
        let number =
            |paths: &[&str]| paths.iter().find_map(|path| usage.pointer(path).and_then(Value::as_u64));
        let input = number(&["/prompt_tokens", "/input_tokens"]);
        let output = number(&["/completion_tokens", "/output_tokens"]);
        // vLLM sends usage with each chunk when asked; the last one counts.
        if input.is_some() || output.is_some() {
            let cached = number(&[
                "/prompt_tokens_details/cached_tokens",
                "/prompt_cache_hit_tokens",
                "/cached_tokens",
            ]);
            self.usage = Some(TokenUsage {
                input: input.unwrap_or(0),
                output: output.unwrap_or(0),
                cached: cached.unwrap_or(0),
            });
        }
    }

    /// The reply. `complete` says that the server sent `[DONE]` or a whole JSON body; `request_bytes` is the size of
    /// the request, from which usage is estimated where the server tells none.
    pub(super) fn finish(
        mut self,
        complete: Complete,
        request_bytes: usize,
        ids: &mut Ids,
        on_delta: OnDelta<'_>,
    ) -> Result<ModelReply, Failure> {
        if self.choices == Choices::None {
            return Err(Failure::cut("it ended without any content"));
        }
        if self.finish.is_none() && complete == Complete::No {
            return Err(Failure::cut("the stream ended without a finish reason"));
        }
        let rest = self.think.finish();
        self.report(rest, on_delta);
        let text = match without_headless_reasoning(&self.text) {
            Some((_, text)) => text.to_owned(),
            None => self.text,
        };
        let usage = self.usage.unwrap_or_else(|| TokenUsage {
            input: request_bytes.div_ceil(4) as u64,
            output: self.taken.div_ceil(4) as u64,
            cached: 0,
        });
        let finish = match self.finish.as_deref() {
            Some("length" | "max_tokens" | "model_length") => Finish::Length,
            Some("content_filter") => Finish::ContentFilter,
            // Some servers say `stop` where they call tools.
            _ if !self.calls.is_empty() => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        Ok(ModelReply { text, calls: self.calls.finish(ids), usage, finish })
    }
}

/// Whether the server said that it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complete {
    Yes,
    No,
}

/// OpenAI and most: `error`. vLLM: `object: error`. Others: a message and no choices.
fn is_error(chunk: &Value) -> bool {
    let error = &chunk["error"];
    if error.is_object() || error.as_str().is_some_and(|words| !words.is_empty()) {
        return true;
    }
    chunk.get("choices").is_none()
        && (chunk["object"] == "error"
            || chunk["message"].is_string()
            || !chunk["detail"].is_null()
            || chunk.as_array().is_some_and(|list| list.first().is_some_and(is_error)))
}
