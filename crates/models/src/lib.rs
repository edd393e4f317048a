//! Implementations of the core's `Model` port.
//!
//! ```text
//! agent --ModelRequest--> OpenAi:  request (history -> chat messages) -> exchange (one HTTP try, guarded) -> assembly
//!                            ^                                                                    |
//!                            +--- retry, or without a parameter that the server refuses ---- Failure
//! ```
//!
//! [`OpenAi`] speaks to any endpoint with OpenAI's chat completions API. It forgives what compatible servers get
//! wrong, and never what would make a cut reply look whole.

pub mod builtin;
pub mod http;
mod openai;

pub use openai::{ApiKey, OpenAi, OpenAiConfig, RetryPolicy, Timeouts};
