//! The investigation: from a question to a checked answer.
//!
//! The loop is a sans-IO state machine; the driver does what it says.
//!
//! ```text
//!            +--------------------- Investigation (pure, serializable) --------------------+
//! question ->| next() -> CallModel(request) | CallTools(calls) | Done(answer)              |
//!            | model_replied(reply)   tools_finished(results)   interrupt()   model_failed |
//!            +----------------------------------^-------------------------------------------+
//!                                               |
//!                 drive(): the model port, the tool registry, the clock, Ctrl-C
//! ```
//!
//! Architecture invariants: no Kubernetes client, no HTTP, no model SDK here; tools are known only as `dyn Tool`;
//! every tool call in the conversation has exactly one result, in call order; no output reaches the conversation
//! but through [`stethoscope_core::evidence::Intake`]; an answer's quotes are looked up before anybody sees it.

mod driver;
mod investigation;
mod prompts;

pub use driver::{DriveError, Ended, Means, Observer, drive};
pub use investigation::{
    CONCLUDE, Conclude, Investigation, Limits, PendingCall, Setup, Step, StepError, ToolResult,
    conclude_declaration,
};
pub use prompts::{PROMPT_NAMES, PromptError, Prompts};
