//! What happens during an investigation, for every door to render.

use crate::{answer::Answer, evidence::EvidenceId, finding::Finding, question::Question};
use serde::{Deserialize, Serialize};

/// An event with the investigation it belongs to and its place in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Investigation id.
    pub investigation: String,
    /// 1, 2, 3 … within the investigation.
    pub sequence: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Exhaustive on purpose: a door that forgets one does not compile.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// The investigation began.
    Started {
        /// What was asked.
        question: Question,
        /// The model that decides.
        model: String,
    },
    /// A piece of the model's text: its plan, its hypotheses, its reasoning shown to the person.
    ModelDelta {
        /// The piece.
        text: String,
    },
    /// A tool call began.
    ToolStarted {
        /// The model's id of the call.
        call_id: String,
        /// Tool name.
        tool: String,
        /// Arguments, redacted, compact JSON.
        arguments: String,
    },
    /// A tool call ended.
    ToolFinished {
        /// The model's id of the call.
        call_id: String,
        /// Tool name.
        tool: String,
        /// The evidence it became, if any.
        evidence: Option<EvidenceId>,
        /// How it ended.
        outcome: Outcome,
        /// One line for people, e.g. `42 pods` or `forbidden: needs get pods/log in shop`.
        summary: String,
    },
    /// A detector's finding became known.
    Finding {
        /// The finding.
        finding: Box<Finding>,
    },
    /// The conversation was shortened to fit the model's context.
    Compacted {
        /// Estimated tokens before.
        tokens_before: usize,
        /// Estimated tokens after.
        tokens_after: usize,
    },
    /// A model call is tried again.
    Retrying {
        /// 1, 2, …
        attempt: u32,
        /// Seconds until the next try.
        after_seconds: f64,
        /// Why.
        reason: String,
    },
    /// The checked answer.
    Answer {
        /// The answer.
        answer: Box<Answer>,
    },
    /// The investigation could not go on.
    Failed {
        /// What, why, and what to do next.
        error: String,
    },
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It gave an output.
    Ok,
    /// It gave an error, which the model was told.
    Error,
    /// It was refused or skipped (repeated call, budget).
    Skipped,
}
