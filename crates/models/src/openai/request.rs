//! The body of a request: history as chat messages in which every call has exactly one result.

use super::calls::is_object;
use super::parameters::{OutputLimit, Parameters};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use stethoscope_core::model::{Message, ModelRequest, ToolCall, ToolChoice};

/// Bytes of malformed arguments that are shown to the model again.
const MALFORMED_SHOWN: usize = 2_000;
/// Said in place of a result that the history lacks.
const NO_RESULT: &str = "error: the call was not made";
/// OpenAI's longest function name.
const MAX_NAME: usize = 64;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<ChatMessage<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Declared<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
}

#[derive(Serialize)]
struct Declared<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "role")]
pub(super) enum ChatMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: Cow<'a, str>,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ChatCall<'a>>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: &'a str,
    },
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ChatCall<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: ChatFunction<'a>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ChatFunction<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

/// Serialises a request with these parameters.
pub(super) fn body(
    model: &str,
    temperature: Option<f32>,
    request: &ModelRequest<'_>,
    parameters: Parameters,
) -> Result<Box<RawValue>, serde_json::Error> {
    let tools: Vec<Declared<'_>> = request
        .tools
        .iter()
        .map(|tool| Declared {
            r#type: "function",
            function: Function {
                name: &tool.name,
                description: &tool.description,
                parameters: &tool.parameters,
            },
        })
        .collect();
    let has_tools = !tools.is_empty();
    let forced = matches!(request.tool_choice, ToolChoice::Tool(_));
    let limit = request.max_output_tokens.max(1);
    serde_json::value::to_raw_value(&Body {
        model,
        messages: chat_messages(request.messages),
        stream: true,
        stream_options: parameters.stream_options.then(|| json!({"include_usage": true})),
        tools,
        tool_choice: parameters.tool_choice(request.tool_choice).filter(|_| has_tools),
        // Servers refuse it without tools; with one forced tool it says nothing.
        parallel_tool_calls: (has_tools && !forced && parameters.parallel_tool_calls).then_some(true),
        max_completion_tokens: (parameters.output_limit == OutputLimit::MaxCompletionTokens).then_some(limit),
        max_tokens: (parameters.output_limit == OutputLimit::MaxTokens).then_some(limit),
        temperature: temperature.filter(|_| parameters.temperature),
    })
}

/// Converts history. Results move behind the message that made the call, in call order; a call without a result
/// gets one that says so; a result without a call becomes a note, so that its text is not lost.
pub(super) fn chat_messages(messages: &[Message]) -> Vec<ChatMessage<'_>> {
    let mut results: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, message) in messages.iter().enumerate() {
        if let Message::Tool { call_id, .. } = message {
            results.entry(call_id).or_default().push_back(at);
        }
    }
    let mut used = HashSet::new();
    let mut ids = HashSet::new();
    let mut chat = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        match message {
            Message::System { text } => chat.push(ChatMessage::System { content: text }),
            Message::User { text } => chat.push(ChatMessage::User { content: Cow::Borrowed(text) }),
            // Strict servers refuse an assistant that neither says nor calls anything.
            Message::Assistant { text, calls } if text.is_empty() && calls.is_empty() => {}
            Message::Assistant { text, calls } => {
                let unique: Vec<Cow<'_, str>> =
                    calls.iter().map(|call| unique_id(&call.id, &mut ids)).collect();
                let answers: Vec<&str> = calls
                    .iter()
                    .map(|call| {
                        let later = results.get_mut(call.id.as_str()).and_then(|positions| {
                            while positions.front().is_some_and(|position| *position < at) {
                                positions.pop_front();
                            }
                            positions.pop_front()
                        });
                        later.map_or(NO_RESULT, |position| {
                            used.insert(position);
                            result_text(&messages[position])
                        })
                    })
                    .collect();
                chat.push(ChatMessage::Assistant {
                    content: Some(text.as_str()).filter(|text| !text.is_empty()),
                    tool_calls: calls
                        .iter()
                        .zip(&unique)
                        .map(|(call, id)| chat_call(call, id.clone()))
                        .collect(),
                });
                let answered = unique.into_iter().zip(answers);
                chat.extend(
                    answered.map(|(tool_call_id, content)| ChatMessage::Tool { tool_call_id, content }),
                );
            }
            Message::Tool { .. } if used.contains(&at) => {}
            Message::Tool { tool, text, .. } => {
                chat.push(ChatMessage::User { content: Cow::Owned(format!("[result of {tool}]\n{text}")) });
            }
        }
    }
    chat
}

fn result_text(message: &Message) -> &str {
    match message {
        Message::Tool { text, .. } if text.is_empty() => "(no output)",
        Message::Tool { text, .. }
        | Message::System { text }
        | Message::User { text }
        | Message::Assistant { text, .. } => text,
    }
}

/// Servers refuse an id that was used before.
fn unique_id<'a>(id: &'a str, taken: &mut HashSet<String>) -> Cow<'a, str> {
    if taken.insert(id.to_owned()) {
        return Cow::Borrowed(id);
    }
    let mut number = 2;
    loop {
        let candidate = format!("{id}_{number}");
        if taken.insert(candidate.clone()) {
            return Cow::Owned(candidate);
        }
        number += 1;
    }
}

fn chat_call<'a>(call: &'a ToolCall, id: Cow<'a, str>) -> ChatCall<'a> {
    let function = ChatFunction { name: valid_name(&call.name), arguments: valid_arguments(&call.arguments) };
    ChatCall { id, r#type: "function", function }
}

/// What a model made up as a name may not be one that servers accept back.
fn valid_name(name: &str) -> Cow<'_, str> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed) {
        return Cow::Borrowed(name);
    }
    let mended: String = name
        .chars()
        .take(MAX_NAME)
        .map(|character| if allowed(character) { character } else { '_' })
        .collect();
    Cow::Owned(if mended.is_empty() { "unnamed".to_owned() } else { mended })
}

/// Servers that hand arguments on to a template parse them, and refuse the whole history for one broken call.
fn valid_arguments(arguments: &str) -> Cow<'_, str> {
    if is_object(arguments) {
        return Cow::Borrowed(arguments);
    }
    if arguments.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    let shown: String = arguments.chars().take(MALFORMED_SHOWN).collect();
    Cow::Owned(json!({"malformed_arguments": shown}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    fn assistant(calls: Vec<ToolCall>) -> Message {
        Message::Assistant { text: String::new(), calls }
    }

    fn result(id: &str, text: &str) -> Message {
        let text = text.to_owned();
        Message::Tool { call_id: id.to_owned(), tool: "k8s_get".to_owned(), evidence: None, text }
    }

    fn converted(messages: &[Message]) -> Value {
        serde_json::to_value(chat_messages(messages)).unwrap()
    }

    fn chat(id: &str, name: &str, arguments: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn puts_results_in_call_order_right_behind_their_call() {
        let messages = [
            Message::System { text: "s".to_owned() },
            assistant(vec![call("a", "k8s_get", "{}"), call("b", "k8s_get", "{}")]),
            result("b", "second"),
            Message::User { text: "note".to_owned() },
            result("a", "first"),
        ];
        assert_eq!(
            converted(&messages),
            json!([
                {"role": "system", "content": "s"},
                {"role": "assistant", "content": null, "tool_calls": [chat("a", "k8s_get", "{}"), chat("b", "k8s_get", "{}")]},
                {"role": "tool", "tool_call_id": "a", "content": "first"},
                {"role": "tool", "tool_call_id": "b", "content": "second"},
                {"role": "user", "content": "note"},
            ])
        );
    }

    #[test]
    fn gives_every_call_one_result_and_keeps_orphans_as_notes() {
        let messages = [
            result("lost", "orphan"),
            assistant(vec![call("a", "k8s_get", "{}"), call("b", "k8s_get", "{}")]),
            result("a", ""),
            result("a", "again"),
        ];
        assert_eq!(
            converted(&messages),
            json!([
                {"role": "user", "content": "[result of k8s_get]\norphan"},
                {"role": "assistant", "content": null, "tool_calls": [chat("a", "k8s_get", "{}"), chat("b", "k8s_get", "{}")]},
                {"role": "tool", "tool_call_id": "a", "content": "(no output)"},
                {"role": "tool", "tool_call_id": "b", "content": NO_RESULT},
                {"role": "user", "content": "[result of k8s_get]\nagain"},
            ])
        );
    }

    #[test]
    fn makes_reused_ids_unique_and_pairs_them_by_place() {
        let messages = [
            assistant(vec![call("a", "k8s_get", "{}")]),
            result("a", "one"),
            assistant(vec![call("a", "k8s_get", "{}")]),
            result("a", "two"),
        ];
        assert_eq!(
            converted(&messages),
            json!([
                {"role": "assistant", "content": null, "tool_calls": [chat("a", "k8s_get", "{}")]},
                {"role": "tool", "tool_call_id": "a", "content": "one"},
                {"role": "assistant", "content": null, "tool_calls": [chat("a_2", "k8s_get", "{}")]},
                {"role": "tool", "tool_call_id": "a_2", "content": "two"},
            ])
        );
    }

    #[test]
    fn sends_broken_arguments_and_names_back_in_a_form_that_strict_servers_accept() {
        assert_eq!(valid_arguments("{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(valid_arguments("{\"a\": "), r#"{"malformed_arguments":"{\"a\": "}"#);
        assert_eq!(valid_arguments("[1]"), r#"{"malformed_arguments":"[1]"}"#);
        assert_eq!(valid_arguments("  "), "{}");
        assert_eq!(valid_name("k8s.get(pods)"), "k8s_get_pods_");
        assert_eq!(valid_name(""), "unnamed");
    }

    #[test]
    fn leaves_out_an_assistant_that_says_and_calls_nothing() {
        assert_eq!(converted(&[assistant(vec![])]), json!([]));
    }
}
