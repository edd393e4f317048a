//! The harness: asks the questions of recorded incidents, scores the answers by program, and compares runs.
//!
//! ```text
//! suite.yaml ─> Suite ─> cases (incident × variant × model × repeat), a shard of them
//!   case ─> Bundle ─> replay server ─> the same agent, tools and model as `ask` ─> answer, transcript
//!        ─> score against `expect` (which no tool ever sees) ─> Row
//! Rows ─> Results ─> table | JSON lines | JUnit | HTML        Results + baseline ─> compare ─> verdict for CI
//! ```
//!
//! ```no_run
//! use jiff::Timestamp;
//! use std::path::Path;
//! use stethoscope_agent::Prompts;
//! use stethoscope_evals::suite::Place;
//! use stethoscope_evals::{Builtins, RunOptions, Silent, Suite, report, run};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let suite = Suite::load(Path::new("evals/suites/core.yaml"), &Place::default())?;
//! let options = RunOptions::new(Prompts::shipped()?, Timestamp::now());
//! let results = run(&suite, &options, &Builtins, &mut Silent).await?;
//! let table = report::table(&results);
//! # Ok(())
//! # }
//! ```
//!
//! Architecture invariants: the expectation meets the answer only in [`score`], after the investigation has ended;
//! what breaks in the machinery (an unreadable bundle, an endpoint that is down) is counted apart, never as a wrong
//! answer; figures of the optional judge are never mixed into the deterministic ones; the crate reads no environment
//! and prints nothing. Wall time is measured around an investigation and never enters its transcript.

mod backends;
pub mod canary;
pub mod cassette;
pub mod compare;
mod compose;
pub mod control;
mod error;
pub mod expected;
mod holmes;
pub mod judge;
mod paths;
pub mod report;
pub mod results;
mod run;
pub mod score;
mod shard;
pub mod statistics;
pub mod suite;
pub mod summary;
pub mod timeline;
pub mod traces;
pub mod transcript;
pub mod variants;

pub use backends::Backends;
pub use compare::compare;
pub use error::EvalError;
pub use results::{CaseKey, Outcome, Results, Row};
pub use run::{
    Builtins, Keep, ModelFactory, NoModel, Planned, RunObserver, RunOptions, Silent, Traffic, plan, run,
};
pub use score::score;
pub use shard::Shard;
pub use suite::Suite;
