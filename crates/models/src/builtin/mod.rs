//! `builtin`: the embedded model. Rules, no tokens, no network; it drives the same loop as an LLM.
//!
//! ```text
//! question's words -> k8s_overview -> diagnose -> the reads that prove or refute the top causes -> conclude
//! ```
//!
//! It keeps no state: each reply follows from the conversation and the evidence, so a stored investigation goes on
//! with it, and two runs give the same bytes.

mod conclusion;
mod reads;
mod scope;

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stethoscope_core::evidence::Evidence;
use stethoscope_core::finding::Finding;
use stethoscope_core::model::{
    Delta, Finish, Message, Model, ModelError, ModelReply, ModelRequest, TokenUsage, ToolCall, ToolChoice,
};

/// The name that answers carry.
pub const BUILTIN: &str = "builtin";

const OVERVIEW: &str = "k8s_overview";
const DIAGNOSE: &str = "diagnose";

/// The embedded rule-based model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

#[async_trait]
impl Model for Builtin {
    fn name(&self) -> &str {
        BUILTIN
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let (text, calls) = decide(&request);
        if !text.is_empty() {
            on_delta(Delta::Text(text.clone()));
        }
        Ok(ModelReply { text, calls, usage: TokenUsage::default(), finish: Finish::ToolCalls })
    }
}

/// The next calls, and a line for the person who watches.
fn decide(request: &ModelRequest<'_>) -> (String, Vec<ToolCall>) {
    let called = called(request.messages);
    let turn = called.len();
    let may = |tool: &str| request.tools.iter().any(|declared| declared.name == tool);
    let concludes = matches!(request.tool_choice, ToolChoice::Tool(_));
    if !concludes && may(OVERVIEW) && !called.iter().any(|name| name == OVERVIEW) {
        let mut arguments = json!({});
        if let Some(namespace) = scope::named_namespace(request.messages) {
            arguments["namespace"] = Value::String(namespace);
        }
        return (
            "First an overview, to find what the question is about.\n".to_owned(),
            vec![call(turn, 0, OVERVIEW, arguments)],
        );
    }
    let scope = scope::Scope::of(request);
    if !concludes && may(DIAGNOSE) && !called.iter().any(|name| name == DIAGNOSE) {
        let text = format!("{}\n", scope.in_words());
        return (text, vec![call(turn, 0, DIAGNOSE, scope.diagnose_arguments())]);
    }
    let findings = findings(request);
    let asked_more = called.iter().any(|name| name != OVERVIEW && name != DIAGNOSE);
    if !concludes && !asked_more {
        let calls: Vec<ToolCall> = reads::for_findings(&findings, &scope)
            .into_iter()
            .filter(|(tool, _)| may(tool))
            .enumerate()
            .map(|(place, (tool, arguments))| call(turn, place, tool, arguments))
            .collect();
        if !calls.is_empty() {
            return (conclusion::hypotheses_in_words(&findings), calls);
        }
    }
    let conclusion = conclusion::conclude(request, &findings, &scope);
    (String::new(), vec![call(turn, 0, "conclude", conclusion)])
}

fn call(turn: usize, place: usize, name: &str, arguments: Value) -> ToolCall {
    ToolCall {
        id: format!("builtin_{turn}_{place}"),
        name: name.to_owned(),
        arguments: arguments.to_string(),
    }
}

/// Names of the tools called so far, in order.
fn called(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Assistant { calls, .. } => Some(calls),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => None,
        })
        .flatten()
        .map(|call| call.name.clone())
        .collect()
}

/// The newest output of a tool.
fn newest<'a>(request: &ModelRequest<'a>, tool: &str) -> Option<&'a Evidence> {
    request.evidence.iter().rev().find(|evidence| evidence.tool == tool)
}

/// The detectors' findings, best first.
fn findings(request: &ModelRequest<'_>) -> Vec<Finding> {
    newest(request, DIAGNOSE)
        .and_then(|evidence| serde_json::from_value(evidence.data.get("findings")?.clone()).ok())
        .unwrap_or_default()
}

/// Words of a text: lower case, at least three characters, none of the words that every question has.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '.'))
        .map(|word| word.trim_matches(['-', '_', '.']).to_lowercase())
        .filter(|word| word.chars().count() >= 3 && !scope::is_stop_word(word))
        .collect()
}
