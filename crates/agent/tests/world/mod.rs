//! A small world for the loop: a scripted model and tools that answer from memory.

#![allow(unreachable_pub, missing_docs, clippy::wildcard_imports, reason = "part of one test")]

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stethoscope_agent::{Ended, Investigation, Limits, Means, Observer, Prompts, Setup, drive};
use stethoscope_core::clock::FixedClock;
use stethoscope_core::event::{Event, EventKind};
use stethoscope_core::evidence::{Intake, Limits as Shape};
use stethoscope_core::model::*;
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::redact::{Redactor, Sealer};
use stethoscope_core::text::Fence;
use stethoscope_core::tool::{CallContext, Coverage, Registry, Tool, ToolError, ToolOutput, ToolSpec};

pub type Turn = Box<dyn Fn(&Seen) -> Result<ModelReply, ModelError> + Send>;

/// What the model was shown in one turn.
#[derive(Clone, Debug)]
pub struct Seen {
    pub messages: Vec<Message>,
    pub choice: ToolChoice,
}

/// Replies from a script; says so when the script is over.
pub struct Script {
    turns: Mutex<VecDeque<Turn>>,
    pub seen: Mutex<Vec<Seen>>,
    window: usize,
}

impl Script {
    pub fn new(turns: Vec<Turn>) -> Self {
        Self { turns: Mutex::new(turns.into()), seen: Mutex::default(), window: 128_000 }
    }

    pub fn with_window(turns: Vec<Turn>, window: usize) -> Self {
        Self { window, ..Self::new(turns) }
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Model for Script {
    fn name(&self) -> &str {
        "script"
    }

    fn context_window(&self) -> usize {
        self.window
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        _: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let seen = Seen { messages: request.messages.to_vec(), choice: request.tool_choice };
        self.seen.lock().unwrap().push(seen.clone());
        let turn = self.turns.lock().unwrap().pop_front();
        match turn {
            Some(turn) => turn(&seen),
            None => Err(ModelError::Unavailable("the script is over".to_owned())),
        }
    }
}

pub fn calls(calls: Vec<(&str, &str, Value)>) -> Turn {
    let reply = ModelReply {
        text: String::new(),
        calls: calls
            .into_iter()
            .map(|(id, name, arguments)| ToolCall {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: match arguments {
                    Value::String(raw) => raw,
                    other => other.to_string(),
                },
            })
            .collect(),
        usage: TokenUsage { input: 100, output: 10, cached: 0 },
        finish: Finish::ToolCalls,
    };
    Box::new(move |_| Ok(reply.clone()))
}

pub fn text(text: &str) -> Turn {
    let reply = ModelReply { text: text.to_owned(), ..ModelReply::default() };
    Box::new(move |_| Ok(reply.clone()))
}

pub fn fails() -> Turn {
    Box::new(|_| Err(ModelError::Timeout("60 s".to_owned())))
}

pub fn conclude(cause: &str, confidence: f64, quotes: &[(&str, &str)]) -> Value {
    let quotes: Vec<Value> = quotes.iter().map(|(id, quote)| json!({"id": id, "quote": quote})).collect();
    json!({
        "verdict": "root_cause_found", "summary": "because",
        "hypotheses": [{"cause": cause, "subject": {"kind": "Service", "namespace": "shop", "name": "cart"},
            "statement": "s", "confidence": confidence, "evidence": quotes}]
    })
}

/// Answers `{"text": …}` from its arguments after `ms` milliseconds; `fail` makes it fail, `bytes` makes it long.
struct Echo(ToolSpec);

#[async_trait]
impl Tool for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, arguments: Value, _: &CallContext) -> Result<ToolOutput, ToolError> {
        tokio::time::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap_or(0))).await;
        if let Some(message) = arguments["fail"].as_str() {
            return Err(ToolError::Forbidden { message: message.to_owned(), rule: None });
        }
        let mut text = arguments["text"].as_str().unwrap_or("nothing").to_owned();
        let bytes = arguments["bytes"].as_u64().unwrap_or(0) as usize;
        for line in 1.. {
            if text.len() >= bytes {
                break;
            }
            text.push_str(&format!("\nline {line} of the long output"));
        }
        Ok(ToolOutput {
            text,
            data: json!({}),
            subject: None,
            summary: "echoed".to_owned(),
            coverage: Coverage::default(),
        })
    }
}

/// One finding about the Service shop/cart, as `diagnose` gives it.
struct Digest(ToolSpec);

#[async_trait]
impl Tool for Digest {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: Value, _: &CallContext) -> Result<ToolOutput, ToolError> {
        let finding = json!({
            "cause": "service.selector-mismatch",
            "subject": {"kind": "Service", "namespace": "shop", "name": "cart"},
            "severity": "high", "confidence": 0.9, "statement": "the selector matches no pod",
            "proofs": [{"object": {"kind": "Service", "namespace": "shop", "name": "cart"},
                "source": {"type": "field", "path": "spec.selector"}, "quote": "spec.selector: app=cart-v2"}]
        });
        Ok(ToolOutput {
            text: "1. service.selector-mismatch\n   spec.selector: app=cart-v2".to_owned(),
            data: json!({"findings": [finding]}),
            subject: None,
            summary: "1 finding".to_owned(),
            coverage: Coverage::default(),
        })
    }
}

fn spec(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        toolset: "test".to_owned(),
        description: "A tool of the test.".to_owned(),
        input_schema: json!({"type": "object"}),
        output_schema: json!({"type": "object"}),
        rbac: Vec::new(),
    }
}

pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.add(Arc::new(Echo(spec("echo")))).unwrap();
    registry.add(Arc::new(Digest(spec("digest")))).unwrap();
    registry
}

/// Keeps every event.
#[derive(Default)]
pub struct Kept(pub Vec<Event>);

impl Observer for Kept {
    fn event(&mut self, event: &Event) {
        self.0.push(event.clone());
    }
}

pub fn intake() -> Intake {
    Intake::new(Redactor::new(Sealer::new([7; 32])), Fence::new("data-1"), Shape::default())
}

pub fn clock() -> FixedClock {
    FixedClock("2026-11-01T10:00:00Z".parse().unwrap())
}

pub fn start(script: &Script, limits: Limits, intake: &mut Intake) -> (Investigation, Vec<EventKind>) {
    let setup = Setup {
        id: "test".to_owned(),
        question: Question {
            text: "why is checkout failing?".to_owned(),
            scope: Scope { cluster: None, namespace: Some("shop".to_owned()) },
        },
        model: script.name().to_owned(),
        context_window: script.context_window(),
        price: None,
        tools: registry()
            .specs()
            .map(|spec| ToolDeclaration {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.input_schema.clone(),
            })
            .collect(),
        limits,
    };
    Investigation::start(setup, &Prompts::shipped().unwrap(), intake, clock().0).unwrap()
}

/// Runs a script to its end; checks what must hold of every conversation.
pub async fn run_with(script: &Script, limits: Limits) -> (Ended, Investigation, Vec<Event>) {
    let mut intake = intake();
    let (mut investigation, opening) = start(script, limits, &mut intake);
    let prompts = Prompts::shipped().unwrap();
    let registry = registry();
    let means = Means { model: script, registry: &registry, clock: &clock(), prompts: &prompts };
    let mut kept = Kept::default();
    let ended = drive(&mut investigation, opening, &mut intake, &means, &mut kept, std::future::pending())
        .await
        .unwrap();
    for seen in script.requests() {
        every_call_has_one_result(&seen.messages);
    }
    (ended, investigation, kept.0)
}

pub async fn run(turns: Vec<Turn>) -> (Ended, Investigation, Vec<Event>) {
    run_with(&Script::new(turns), Limits::default()).await
}

/// Results follow their calls directly, in call order, one each.
pub fn every_call_has_one_result(messages: &[Message]) {
    let mut waiting: VecDeque<&str> = VecDeque::new();
    for message in messages {
        match message {
            Message::Assistant { calls, .. } => {
                assert!(waiting.is_empty(), "calls without a result: {waiting:?}");
                waiting = calls.iter().map(|call| call.id.as_str()).collect();
            }
            Message::Tool { call_id, .. } => {
                assert_eq!(waiting.pop_front(), Some(call_id.as_str()), "a result out of order");
            }
            Message::System { .. } | Message::User { .. } => {
                assert!(waiting.is_empty(), "calls without a result: {waiting:?}");
            }
        }
    }
    assert!(waiting.is_empty(), "calls without a result: {waiting:?}");
}

/// The texts of the tool results, in order.
pub fn results(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect()
}
