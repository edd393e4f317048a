//! Where flows come from.

use crate::ask::{Ask, Reading, Sink};
use crate::error::FlowsError;
use crate::files::FlowFiles;
use crate::relay::Observer;
use stethoscope_core::tool::{Availability, ToolError};

/// The source of flows of the tools. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backend {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Relay(Observer),
    Files(FlowFiles),
    Missing(String),
}

impl Backend {
    /// Hubble Relay, an agent, or the replay Relay of an incident.
    pub fn relay(observer: Observer) -> Self {
        Self { source: Source::Relay(observer) }
    }

    /// Recorded flows.
    pub fn files(files: FlowFiles) -> Self {
        Self { source: Source::Files(files) }
    }

    /// None, with the reason and what to do, which `doctor` shows.
    pub fn missing(why: impl Into<String>) -> Self {
        Self { source: Source::Missing(why.into()) }
    }

    pub(crate) fn available(&self) -> Availability {
        match &self.source {
            Source::Relay(_) | Source::Files(_) => Availability::Available,
            Source::Missing(why) => Availability::Missing(why.clone()),
        }
    }

    /// Streams what is asked for into a sink and gives it back.
    pub(crate) async fn feed<S: Sink + Send + 'static>(
        &self,
        ask: Ask,
        mut sink: S,
    ) -> Result<(S, Reading), ToolError> {
        match &self.source {
            Source::Relay(observer) => {
                let reading = observer.feed(&ask, &mut sink).await?;
                Ok((sink, reading))
            }
            Source::Files(files) => {
                let files = files.clone();
                let work = move || files.feed(&ask, &mut sink).map(|reading| (sink, reading));
                let result: Result<_, FlowsError> = tokio::task::spawn_blocking(work)
                    .await
                    .map_err(|error| ToolError::Bug { message: format!("reading flows stopped: {error}") })?;
                Ok(result?)
            }
            Source::Missing(why) => Err(ToolError::Unavailable {
                message: why.clone(),
                hint: Some("go on without flows".to_owned()),
            }),
        }
    }
}
