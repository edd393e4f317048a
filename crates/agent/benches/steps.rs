//! The loop's own cost per step: 30 steps, each with an output of 60 KB, no model and no cluster.
//!
//! `cargo bench -p stethoscope-agent --bench steps`

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use serde_json::json;
use stethoscope_agent::{Investigation, Limits, Prompts, Setup, Step, ToolResult};
use stethoscope_core::evidence::{Intake, Limits as Shape};
use stethoscope_core::model::{ModelReply, ToolCall};
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::redact::{Redactor, Sealer};
use stethoscope_core::text::Fence;
use stethoscope_core::tool::{Coverage, ToolOutput};

const STEPS: usize = 30;
const BYTES: usize = 60_000;

fn main() {
    divan::main();
}

/// A log as services write it, with a few things that look like secrets.
fn log() -> String {
    let mut text = String::new();
    let mut line = 0;
    while text.len() < BYTES {
        line += 1;
        text.push_str(&format!(
            "2026-11-01T10:00:{:02}.123Z INFO  [worker-{}] handled GET /api/cart/{line} in {} ms trace=4bf92f3577b34da6a3ce929d0e0e47{:02x}\n",
            line % 60,
            line % 8,
            line % 250,
            line % 256
        ));
    }
    text
}

#[divan::bench(sample_count = 20)]
fn thirty_steps_of_60_kb(bencher: divan::Bencher<'_, '_>) {
    let prompts = Prompts::shipped().unwrap();
    let now = "2026-11-01T10:00:00Z".parse().unwrap();
    let log = log();
    bencher.counter(divan::counter::ItemsCount::new(STEPS)).bench(|| {
        let mut intake =
            Intake::new(Redactor::new(Sealer::new([1; 32])), Fence::new("data-1"), Shape::default());
        let setup = Setup {
            id: "bench".to_owned(),
            question: Question { text: "why?".to_owned(), scope: Scope::default() },
            model: "bench".to_owned(),
            context_window: 128_000,
            price: None,
            tools: Vec::new(),
            limits: Limits { turns: 100, tool_calls: 100, tokens: u64::MAX, ..Limits::default() },
        };
        let (mut investigation, _) = Investigation::start(setup, &prompts, &mut intake, now).unwrap();
        for step in 0..STEPS {
            let call = ToolCall {
                id: format!("c{step}"),
                name: "logs".to_owned(),
                arguments: json!({"step": step}).to_string(),
            };
            let reply = ModelReply { calls: vec![call], ..ModelReply::default() };
            investigation.model_replied(reply, &prompts, &mut intake, now).unwrap();
            let output = ToolOutput {
                text: log.clone(),
                data: json!({}),
                subject: None,
                summary: "log".to_owned(),
                coverage: Coverage::default(),
            };
            let result = ToolResult { call_id: format!("c{step}"), result: Ok(output) };
            investigation.tool_finished(result, &mut intake, now).unwrap();
            investigation.round_finished(&prompts, now).unwrap();
            assert!(matches!(investigation.next(), Step::CallModel(_)));
        }
        investigation.request_tokens()
    });
}
