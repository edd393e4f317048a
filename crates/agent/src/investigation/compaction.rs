//! Shortening the conversation so that it fits the model's context. Evidence ids stay; whole texts stay in the ledger.

use super::{Investigation, tokens_with_overhead};
use stethoscope_core::event::EventKind;
use stethoscope_core::model::{Message, ToolDeclaration};
use stethoscope_core::text::{estimate_tokens, truncate_to_tokens};

/// Share of the context window at which the conversation is shortened.
const FULL: f64 = 0.7;
/// Share that it is shortened to.
const AIM: f64 = 0.4;
/// Tokens of old assistant text that are kept.
const OLD_TEXT_TOKENS: usize = 120;

pub(super) fn message_tokens(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            tokens_with_overhead(text)
        }
        Message::Assistant { text, calls } => {
            let calls: usize = calls
                .iter()
                .map(|call| tokens_with_overhead(&call.arguments) + estimate_tokens(&call.name))
                .sum();
            tokens_with_overhead(text) + calls
        }
    }
}

pub(super) fn declaration_tokens(tool: &ToolDeclaration) -> usize {
    estimate_tokens(&tool.name)
        + estimate_tokens(&tool.description)
        + estimate_tokens(&tool.parameters.to_string())
}

impl Investigation {
    /// Shortens the oldest outputs to one line each until the request fits. The system prompt, the question, the
    /// order of calls and results, and every evidence id stay.
    pub(super) fn compact(&mut self) -> Vec<EventKind> {
        let before = self.request_tokens();
        let room = |share: f64| (self.context_window as f64 * share) as usize;
        let aim = room(AIM);
        if before <= room(FULL) {
            return Vec::new();
        }
        // The first two messages are the instructions and the question; the newest output stays whole.
        let newest = self.messages.len().saturating_sub(1);
        let mut tokens = before;
        for index in 2..newest {
            if tokens <= aim {
                break;
            }
            let shorter = match &self.messages[index] {
                Message::Tool { call_id, tool, evidence, text } => {
                    let note = match evidence.and_then(|id| self.ledger.get(id)) {
                        Some(evidence) => format!(
                            "{}: {} (shortened; read_output {{\"id\":\"{}\"}} shows it again)",
                            evidence.id, evidence.summary, evidence.id
                        ),
                        None => truncate_to_tokens(text, OLD_TEXT_TOKENS).0.to_owned(),
                    };
                    Message::Tool {
                        call_id: call_id.clone(),
                        tool: tool.clone(),
                        evidence: *evidence,
                        text: note,
                    }
                }
                Message::Assistant { text, calls } => Message::Assistant {
                    text: truncate_to_tokens(text, OLD_TEXT_TOKENS).0.to_owned(),
                    calls: calls.clone(),
                },
                Message::System { .. } | Message::User { .. } => continue,
            };
            let size = message_tokens(&shorter);
            if size < self.sizes[index] {
                tokens = tokens - self.sizes[index] + size;
                self.sizes[index] = size;
                self.messages[index] = shorter;
            }
        }
        if tokens == before {
            return Vec::new();
        }
        vec![EventKind::Compacted { tokens_before: before, tokens_after: tokens }]
    }
}
