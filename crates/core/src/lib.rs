//! The words of Stethoscope as types, and the rules every other crate keeps.
//!
//! Pure: no IO, no tokio, no Kubernetes client, no crate of ours.
//!
//! ```text
//! Question -> (model) ToolCall -> Registry -> ToolOutput | ToolError
//!                                               |
//!                     Intake: redact -> sanitise -> shape to a budget
//!                                               |
//!                                           Evidence (Ledger) -> Answer
//! ```
//!
//! Everything a model, a log or a person sees has passed [`evidence::Intake`]; there is no other way
//! from a tool's output to an [`evidence::Ledger`].

pub mod answer;
pub mod cause;
pub mod clock;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod model;
pub mod object;
pub mod question;
pub mod reader;
pub mod redact;
pub mod text;
pub mod tool;
