//! The OpenAI adapter against a server on a real socket, in the dialects and failures that the field has.

#![expect(clippy::unwrap_used, reason = "what a test needs to begin with is there, or it fails")]

mod dialects;
mod failures;
mod limits;
mod refusals;

use std::time::Duration;
use stethoscope_core::evidence::Ledger;
use stethoscope_core::model::{
    Delta, Message, Model as _, ModelError, ModelReply, ModelRequest, ToolCall, ToolChoice, ToolDeclaration,
};
use stethoscope_models::{OpenAi, OpenAiConfig, RetryPolicy, Timeouts};
use stethoscope_testkit::FakeModel;

/// Long enough never to be hit by a test that works.
const LONG: Duration = Duration::from_secs(30);

/// An endpoint with waits so small that tests do not feel them.
fn config(server: &FakeModel) -> OpenAiConfig {
    let mut config = OpenAiConfig::new(server.url(), "fake");
    config.timeouts = Timeouts { connect: LONG, first_byte: LONG, idle: LONG, whole: LONG };
    config.retry = RetryPolicy {
        max_attempts: 3,
        base: Duration::from_millis(1),
        cap: Duration::from_millis(20),
        budget: LONG,
    };
    config
}

fn model(server: &FakeModel) -> OpenAi {
    OpenAi::new(config(server), 7).unwrap()
}

fn question() -> Vec<Message> {
    vec![
        Message::System { text: "you look at clusters".to_owned() },
        Message::User { text: "why is it failing?".to_owned() },
    ]
}

fn tools() -> Vec<ToolDeclaration> {
    let tool = |name: &str| ToolDeclaration {
        name: name.to_owned(),
        description: "Reads something.".to_owned(),
        parameters: serde_json::json!({"type": "object", "properties": {"name": {"type": "string"}}}),
    };
    vec![tool("k8s_get"), tool("k8s_logs")]
}

/// Everything that one exchange gave.
#[derive(Debug)]
struct Exchange {
    reply: Result<ModelReply, ModelError>,
    deltas: Vec<Delta>,
}

impl Exchange {
    /// The streamed text, without what retries made void.
    fn text(&self) -> String {
        let mut text = String::new();
        for delta in &self.deltas {
            match delta {
                Delta::Text(piece) => text.push_str(piece),
                Delta::Retry { .. } => text.clear(),
                Delta::Reasoning(_) => {}
            }
        }
        text
    }

    fn reasoning(&self) -> String {
        let pieces = self.deltas.iter().filter_map(|delta| match delta {
            Delta::Reasoning(piece) => Some(piece.as_str()),
            Delta::Text(_) | Delta::Retry { .. } => None,
        });
        pieces.collect()
    }

    fn retries(&self) -> Vec<(u32, Duration, String)> {
        let retries = self.deltas.iter().filter_map(|delta| match delta {
            Delta::Retry { attempt, after, reason } => Some((*attempt, *after, reason.clone())),
            Delta::Text(_) | Delta::Reasoning(_) => None,
        });
        retries.collect()
    }

    #[track_caller]
    fn ok(&self) -> &ModelReply {
        self.reply.as_ref().unwrap()
    }

    #[track_caller]
    fn error(&self) -> String {
        self.reply.as_ref().unwrap_err().to_string()
    }
}

async fn ask(model: &OpenAi) -> Exchange {
    ask_with(model, &question(), ToolChoice::Auto, 1_000).await
}

async fn ask_with(
    model: &OpenAi,
    messages: &[Message],
    tool_choice: ToolChoice,
    max_output_tokens: usize,
) -> Exchange {
    let tools = tools();
    let evidence = Ledger::default();
    let request =
        ModelRequest { messages, tools: &tools, evidence: &evidence, max_output_tokens, tool_choice };
    let mut deltas = Vec::new();
    let reply = model.respond(request, &mut |delta| deltas.push(delta)).await;
    Exchange { reply, deltas }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}
