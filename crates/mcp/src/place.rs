//! One cluster as one identity: opened when first asked, kept, and its choke point.

use crate::caller::Identity;
use crate::desk::{Desk, lock};
use crate::permission;
use crate::ports::{Granted, Source, SourceError, Sources};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stethoscope_core::evidence::{EvidenceId, Intake, IntakeError};
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{Availability, CallContext, Coverage, ToolError, ToolOutput, ToolSpec};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Places at once; the one that was not used for longest goes first.
const PLACES: usize = 64;

/// How long an answer about permissions holds.
const GRANTED_FOR: Duration = Duration::from_mins(1);

/// How long a list waits for a cluster; a dead one must not hold up an editor's start.
const PATIENCE: Duration = Duration::from_secs(2);

/// Secrets that one choke point numbers before it starts afresh: its table must not grow without end.
const SECRETS: usize = 20_000;

/// One cluster as one identity.
pub(crate) struct Place {
    pub(crate) source: Source,
    intake: Mutex<Intake>,
    granted: tokio::sync::Mutex<Option<(Instant, Arc<Granted>)>>,
}

/// An output that has passed the choke point.
pub(crate) struct Admitted {
    pub(crate) id: EvidenceId,
    /// As a model sees it: fenced, shaped.
    pub(crate) shown: String,
    pub(crate) summary: String,
    pub(crate) subject: Option<ObjectRef>,
    pub(crate) coverage: Coverage,
    pub(crate) redactions: u32,
    /// The typed output, redacted; only where it was asked for.
    pub(crate) data: Option<Value>,
}

/// Whether the typed output is wanted beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Wanted,
    Unwanted,
}

/// An output cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdmitError {
    #[error(transparent)]
    Withheld(#[from] IntakeError),
    #[error("the output was lost on the way to the evidence")]
    Lost,
}

impl Place {
    fn new(source: Source) -> Self {
        let intake = Mutex::new(source.intake.clone());
        Self { source, intake, granted: tokio::sync::Mutex::default() }
    }

    pub(crate) fn context(&self) -> CallContext {
        CallContext { namespace: self.source.scope.namespace.clone(), now: self.source.clock.now() }
    }

    /// The way of every output: [`Intake::admit`].
    pub(crate) fn admit(
        &self,
        desk: &Mutex<Desk>,
        tool: &str,
        arguments: &Value,
        output: ToolOutput,
        data: Data,
    ) -> Result<Admitted, AdmitError> {
        let mut intake = lock(&self.intake);
        if intake.secrets_seen() > SECRETS {
            *intake = self.source.intake.clone();
        }
        let mut desk = lock(desk);
        let (id, shown) = intake.admit(&mut desk.ledger, tool, arguments, self.source.clock.now(), output)?;
        let kept = desk.ledger.get(id).ok_or(AdmitError::Lost)?;
        let admitted = Admitted {
            id,
            shown,
            summary: kept.summary.clone(),
            subject: kept.subject.clone(),
            coverage: kept.coverage.clone(),
            redactions: kept.redactions,
            data: (data == Data::Wanted).then(|| kept.data.clone()),
        };
        desk.trim(id);
        Ok(admitted)
    }

    /// The text of an error, redacted.
    pub(crate) fn error(&self, error: &ToolError) -> Result<String, IntakeError> {
        lock(&self.intake).error(error)
    }

    /// A text from outside, redacted.
    pub(crate) fn clean(&self, text: &str) -> Result<String, IntakeError> {
        lock(&self.intake).clean(text)
    }

    /// Evidence read again, shaped.
    pub(crate) fn shape_again(&self, id: EvidenceId, text: &str) -> String {
        lock(&self.intake).shape_again(id, text)
    }

    /// What the identity may read; asked for once a minute at most.
    pub(crate) async fn granted(&self) -> Arc<Granted> {
        let asked = async {
            let mut known = self.granted.lock().await;
            if let Some((at, granted)) = known.as_ref()
                && at.elapsed() < GRANTED_FOR
            {
                return granted.clone();
            }
            let granted = Arc::new(self.source.permits.granted().await);
            *known = Some((Instant::now(), granted.clone()));
            granted
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Arc::new(Granted::Unknown))
    }

    /// Why a tool cannot be used here, if it cannot. Permissions were asked for in the place's own namespace: of another
    /// one, the API server alone knows.
    pub(crate) async fn hindrance(&self, spec: &ToolSpec, namespace: Option<&str>) -> Option<ToolError> {
        let tool = self.source.registry.get(&spec.name)?;
        if let Availability::Missing(why) = tool.available() {
            return Some(ToolError::Unavailable { message: format!("{}: {why}", spec.name), hint: None });
        }
        if namespace.is_some_and(|namespace| Some(namespace) != self.source.scope.namespace.as_deref()) {
            return None;
        }
        let lack = permission::missing(spec, self.granted().await.as_ref())?;
        Some(ToolError::Forbidden {
            message: format!("{} is of no use to this identity", spec.name),
            rule: Some(format!("{lack}; `stethoscope rbac --tools {}` prints the rules", spec.name)),
        })
    }
}

type Key = (Option<String>, Identity);
type Opened = Arc<OnceCell<Arc<Place>>>;

/// Every place.
pub(crate) struct Places {
    sources: Arc<dyn Sources>,
    places: Mutex<HashMap<Key, (u64, Opened)>>,
}

impl Places {
    pub(crate) fn new(sources: Arc<dyn Sources>) -> Self {
        Self { sources, places: Mutex::default() }
    }

    pub(crate) fn sources(&self) -> &dyn Sources {
        self.sources.as_ref()
    }

    /// The place for a context and an identity. A failed attempt is not kept: the next call tries again.
    pub(crate) async fn open(
        &self,
        context: Option<&str>,
        identity: &Identity,
    ) -> Result<Arc<Place>, SourceError> {
        let contexts = self.sources.contexts();
        let context = context.or(contexts.first().map(String::as_str));
        if let Some(wanted) = context
            && !contexts.is_empty()
            && !contexts.iter().any(|known| known == wanted)
        {
            return Err(SourceError {
                message: format!("context {wanted:?} is not allowed by the configuration"),
                hint: Some(format!("allowed: {}", contexts.join(", "))),
            });
        }
        let context = context.map(ToOwned::to_owned);
        let cell = self.cell((context.clone(), identity.clone()));
        let place = cell
            .get_or_try_init(|| async {
                let source = self.sources.open(context.as_deref(), identity).await?;
                Ok::<_, SourceError>(Arc::new(Place::new(source)))
            })
            .await?;
        Ok(place.clone())
    }

    /// As [`Self::open`] for lists, which go on without a cluster that does not answer soon.
    pub(crate) async fn open_soon(self: &Arc<Self>, identity: &Identity) -> Option<Arc<Place>> {
        let (places, identity) = (self.clone(), identity.clone());
        // On its own task: what was begun goes on when the list no longer waits.
        let opening = tokio::spawn(async move { places.open(None, &identity).await });
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok(Ok(place))) => Some(place),
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the cluster cannot be asked; its tools are listed all the same");
                None
            }
            Ok(Err(_)) | Err(_) => None,
        }
    }

    fn cell(&self, key: Key) -> Opened {
        let mut places = lock(&self.places);
        let now = places.values().map(|(used, _)| *used).max().unwrap_or(0) + 1;
        if let Some((used, cell)) = places.get_mut(&key) {
            *used = now;
            return cell.clone();
        }
        if places.len() >= PLACES
            && let Some(oldest) = places.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            places.remove(&oldest);
        }
        let cell = Opened::default();
        places.insert(key, (now, cell.clone()));
        cell
    }
}
