//! What the binary gives: clusters with their tools, the agent, permissions.

use crate::caller::Identity;
use async_trait::async_trait;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use stethoscope_agent::Observer;
use stethoscope_core::answer::Answer;
use stethoscope_core::clock::Clock;
use stethoscope_core::evidence::{Intake, Ledger};
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::reader::ObjectReader;
use stethoscope_core::tool::{RbacRule, Registry};

/// Resolves when the caller wants an investigation to end.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The clusters that may be asked.
#[async_trait]
pub trait Sources: Send + Sync + 'static {
    /// Every tool with its schema, whether or not a cluster answers. Never called, only described.
    fn catalogue(&self) -> &Registry;

    /// Contexts that a caller may name, the default first; empty when there is only one.
    fn contexts(&self) -> &[String];

    /// Connects to a cluster as somebody. Kept by the server; called again after an error.
    async fn open(&self, context: Option<&str>, identity: &Identity) -> Result<Source, SourceError>;
}

/// A cluster cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct SourceError {
    /// What failed and why.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// One cluster, live or recorded, as one identity.
pub struct Source {
    /// Its tools.
    pub registry: Registry,
    /// A choke point that has seen nothing yet.
    pub intake: Intake,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Cluster name and default namespace.
    pub scope: Scope,
    /// The question that a recorded incident came with.
    pub question: Option<String>,
    /// Reads objects, for completions.
    pub objects: Arc<dyn ObjectReader>,
    /// The agent.
    pub agent: Arc<dyn Investigate>,
    /// What the identity may read.
    pub permits: Arc<dyn Permits>,
}

/// The whole agent, over one source.
#[async_trait]
pub trait Investigate: Send + Sync {
    /// The model that decides.
    fn model(&self) -> &str;

    /// From a question to a checked answer. `stop` ends it early with what is known.
    async fn investigate(
        &self,
        question: Question,
        observer: &mut dyn Observer,
        stop: Stop,
    ) -> Result<Concluded, String>;
}

/// An investigation that ended.
#[derive(Clone, Debug)]
pub struct Concluded {
    /// The checked answer.
    pub answer: Answer,
    /// The same as Markdown.
    pub markdown: String,
    /// What it rests on.
    pub ledger: Ledger,
}

/// Tells what an identity may read.
#[async_trait]
pub trait Permits: Send + Sync {
    /// Asks the API server.
    async fn granted(&self) -> Granted;
}

/// What an identity may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The API server does not say, or not all of it: nothing is hidden.
    Unknown,
    /// These rules; `*` stands for all.
    Rules(Vec<RbacRule>),
}
