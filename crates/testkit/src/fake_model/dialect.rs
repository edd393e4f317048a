//! The ways in which servers that call themselves OpenAI-compatible stream a reply.

use super::turn::{Call, Reply};
use axum::body::Bytes;
use serde_json::{Map, Value, json};

/// How a reply is streamed. Each departs from OpenAI's way in one point, as servers in the field do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A role chunk, arguments in pieces, a usage chunk without choices, `[DONE]`.
    OpenAi,
    /// Each call whole, in one chunk (vLLM, Ollama, Gemini).
    WholeArguments,
    /// Calls have an index but no id.
    NoIds,
    /// Calls have an id in every piece but no index.
    NoIndex,
    /// Calls have neither id nor index; each call begins with its name.
    Bare,
    /// All calls are in one delta, whole, with neither id nor index.
    BareTogether,
    /// The id and the name are repeated in each piece.
    RepeatedName,
    /// Every call claims index 0; only ids tell them apart.
    SameIndex,
    /// Arguments are a JSON object and not a string.
    ObjectArguments,
    /// Tool calls end with the finish reason `stop`.
    StopAtCalls,
    /// The old `function_call` form: one call at most.
    FunctionCall,
    /// Reasoning in `reasoning_content` (DeepSeek, vLLM).
    ReasoningContent,
    /// Reasoning in `reasoning` (OpenRouter, Ollama).
    Reasoning,
    /// Reasoning in `thinking`.
    Thinking,
    /// Reasoning in the text between `<think>` and `</think>`, cut into single characters.
    ThinkTags,
    /// Text as a list of parts (Mistral).
    ContentParts,
    /// Comments between the chunks (OpenRouter).
    KeepAlive,
    /// Lines end in CR LF.
    CrLf,
    /// No `[DONE]` at the end.
    WithoutDone,
    /// No usage anywhere.
    WithoutUsage,
    /// Usage in the chunk that has the finish reason (Mistral, Groq).
    UsageWithFinish,
    /// A 200 with the whole reply as a JSON body.
    JsonBody,
}

/// Characters in one piece of text or arguments.
const PIECE: usize = 7;

/// The frames of a streamed reply.
pub(super) fn frames(reply: &Reply, dialect: Dialect, request: usize) -> Vec<Bytes> {
    let mut deltas = vec![json!({"role": "assistant", "content": ""})];
    deltas.extend(reasoning_deltas(reply, dialect));
    deltas.extend(text_deltas(reply, dialect));
    deltas.extend(call_deltas(&reply.calls, dialect, request));
    let mut chunks: Vec<Value> =
        deltas.into_iter().map(|delta| chunk(&delta, &Value::Null, request)).collect();
    let mut last = chunk(&json!({}), &json!(finish(reply, dialect)), request);
    if dialect == Dialect::UsageWithFinish {
        last["usage"] = usage(reply);
    }
    chunks.push(last);
    if !matches!(dialect, Dialect::WithoutUsage | Dialect::UsageWithFinish) {
        let mut tail = chunk(&json!({}), &Value::Null, request);
        tail["choices"] = json!([]);
        tail["usage"] = usage(reply);
        chunks.push(tail);
    }
    let line_end = if dialect == Dialect::CrLf { "\r\n" } else { "\n" };
    let mut frames = Vec::new();
    for chunk in chunks {
        if dialect == Dialect::KeepAlive {
            frames.push(Bytes::from_static(b": OPENROUTER PROCESSING\n\n"));
        }
        frames.push(Bytes::from(format!("data: {chunk}{line_end}{line_end}")));
    }
    if dialect != Dialect::WithoutDone {
        frames.push(Bytes::from(format!("data: [DONE]{line_end}{line_end}")));
    }
    frames
}

/// The whole reply as one JSON object.
pub(super) fn whole(reply: &Reply, request: usize) -> Value {
    let calls: Vec<Value> = reply
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            json!({"id": id(request, index), "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        })
        .collect();
    let mut message = json!({"role": "assistant", "content": reply.text});
    if !reply.reasoning.is_empty() {
        message["reasoning_content"] = json!(reply.reasoning);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({"id": format!("chatcmpl-{request}"), "object": "chat.completion", "created": 1_700_000_000, "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish(reply, Dialect::JsonBody)}],
        "usage": usage(reply)})
}

fn chunk(delta: &Value, finish: &Value, request: usize) -> Value {
    json!({"id": format!("chatcmpl-{request}"), "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": "fake", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn usage(reply: &Reply) -> Value {
    let (prompt, completion, cached) = reply.usage;
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached}})
}

fn finish(reply: &Reply, dialect: Dialect) -> String {
    let usual = match dialect {
        _ if reply.calls.is_empty() => "stop",
        Dialect::StopAtCalls => "stop",
        Dialect::FunctionCall => "function_call",
        _ => "tool_calls",
    };
    reply.finish.clone().unwrap_or_else(|| usual.to_owned())
}

fn id(request: usize, index: usize) -> String {
    format!("call_r{request}n{index}")
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn reasoning_deltas(reply: &Reply, dialect: Dialect) -> Vec<Value> {
    let field = match dialect {
        Dialect::Reasoning => "reasoning",
        Dialect::Thinking => "thinking",
        Dialect::ThinkTags => return Vec::new(),
        _ => "reasoning_content",
    };
    let delta = |piece| Value::Object(Map::from_iter([(field.to_owned(), Value::String(piece))]));
    pieces(&reply.reasoning, PIECE).into_iter().map(delta).collect()
}

fn text_deltas(reply: &Reply, dialect: Dialect) -> Vec<Value> {
    match dialect {
        Dialect::ThinkTags => {
            let text = format!("<think>\n{}\n</think>\n\n{}", reply.reasoning, reply.text);
            pieces(&text, 1).into_iter().map(|piece| json!({"content": piece})).collect()
        }
        Dialect::ContentParts => pieces(&reply.text, PIECE)
            .into_iter()
            .map(|piece| json!({"content": [{"type": "text", "text": piece}]}))
            .collect(),
        _ => pieces(&reply.text, PIECE).into_iter().map(|piece| json!({"content": piece})).collect(),
    }
}

fn call_deltas(calls: &[Call], dialect: Dialect, request: usize) -> Vec<Value> {
    if dialect == Dialect::BareTogether {
        let all: Vec<Value> = calls
            .iter()
            .map(|call| json!({"function": {"name": call.name, "arguments": call.arguments}}))
            .collect();
        return if all.is_empty() { Vec::new() } else { vec![json!({"tool_calls": all})] };
    }
    calls.iter().enumerate().flat_map(|(index, call)| one_call(call, index, dialect, request)).collect()
}

fn one_call(call: &Call, index: usize, dialect: Dialect, request: usize) -> Vec<Value> {
    let id = id(request, index);
    let name = &call.name;
    let arguments = &call.arguments;
    let tool = |entry: Value| json!({"tool_calls": [entry]});
    let whole = |arguments: Value| {
        vec![tool(json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}))]
    };
    let in_pieces = |first: Value, rest: &dyn Fn(String) -> Value| {
        let mut deltas = vec![first];
        deltas.extend(pieces(arguments, PIECE).into_iter().map(rest));
        deltas.into_iter().map(tool).collect::<Vec<_>>()
    };
    match dialect {
        Dialect::WholeArguments => whole(json!(arguments)),
        Dialect::ObjectArguments => {
            whole(serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments)))
        }
        Dialect::SameIndex => vec![tool(json!({"index": 0, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}))],
        Dialect::NoIds => in_pieces(
            json!({"index": index, "type": "function", "function": {"name": name, "arguments": ""}}),
            &|piece| json!({"index": index, "function": {"arguments": piece}}),
        ),
        Dialect::NoIndex => in_pieces(
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}}),
            &|piece| json!({"id": id, "function": {"arguments": piece}}),
        ),
        Dialect::Bare => in_pieces(
            json!({"function": {"name": name, "arguments": ""}}),
            &|piece| json!({"function": {"arguments": piece}}),
        ),
        Dialect::RepeatedName => in_pieces(
            json!({"index": index, "id": id, "function": {"name": name, "arguments": ""}}),
            &|piece| json!({"index": index, "id": id, "function": {"name": name, "arguments": piece}}),
        ),
        Dialect::FunctionCall => {
            let mut deltas = vec![json!({"function_call": {"name": name, "arguments": ""}})];
            let rest = pieces(arguments, PIECE).into_iter();
            deltas.extend(rest.map(|piece| json!({"function_call": {"arguments": piece}})));
            deltas
        }
        _ => in_pieces(
            json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}),
            &|piece| json!({"index": index, "function": {"arguments": piece}}),
        ),
    }
}
