//! One recorded incident, asked as `stethoscope ask --incident` asks it: the same tools, choke point, seeds and prompts.

use crate::backends::Backends;
use crate::timeline::Stopwatch;
use crate::transcript::Transcript;
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;
use stethoscope_agent::{Ended, Investigation, Limits, Means, Observer, Prompts, Setup, drive};
use stethoscope_core::answer::Answer;
use stethoscope_core::clock::{Clock, FixedClock};
use stethoscope_core::event::{Event, EventKind, Outcome};
use stethoscope_core::evidence::{Intake, ReplaySeed};
use stethoscope_core::model::Model;
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::redact::Redactor;
use stethoscope_core::text::sanitize;
use stethoscope_incidents::Bundle;

/// What came of one question.
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) transcript: Transcript,
    /// The investigation as stored, for canaries and for `--transcript`.
    pub(crate) whole: String,
    pub(crate) failed_calls: u32,
    pub(crate) skipped_calls: u32,
    /// Wall seconds of the investigation, without reading the bundle.
    pub(crate) seconds: f64,
}

/// Asks the bundle's question. `Err` is one sentence: the machinery broke, and nothing can be said about the answer.
pub(crate) async fn ask(
    bundle: Arc<Bundle>,
    model: &dyn Model,
    limits: Limits,
    prompts: &Prompts,
    watch: &Stopwatch,
) -> Result<Asked, String> {
    let began = Instant::now();
    let incident = bundle.incident().clone();
    let text = incident.question.clone().ok_or("the incident has no question")?;
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(incident.captured_at));
    let seed = ReplaySeed::of(&incident.name, incident.captured_at);
    let sealer = seed.sealer();
    let default_namespace = incident.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let backends = Backends::recorded(bundle, default_namespace, sealer.clone(), clock.clone()).await;
    let registry = backends.registry().map_err(|error| error.to_string())?;
    let mut intake =
        Intake::new(Redactor::new(sealer), seed.fence(), stethoscope_core::evidence::Limits::default());
    let scope = Scope { cluster: Some(incident.name.clone()), namespace: incident.namespace };
    let setup = Setup {
        id: incident.name,
        question: Question { text: sanitize(&text), scope },
        model: model.name().to_owned(),
        context_window: model.context_window(),
        price: model.price(),
        tools: registry.specs().map(Into::into).collect(),
        limits,
    };
    let broke = |error: &dyn std::fmt::Display| format!("the investigation broke: {error}");
    let (mut investigation, opening) =
        Investigation::start(setup, prompts, &mut intake, clock.now()).map_err(|error| broke(&error))?;
    let means = Means { model, registry: &registry, clock: clock.as_ref(), prompts };
    let mut calls = Calls { failed: 0, skipped: 0, watch };
    let ended = drive(&mut investigation, opening, &mut intake, &means, &mut calls, pending())
        .await
        .map_err(|error| broke(&error))?;
    let answer = match ended {
        Ended::Answered(answer) => answer,
        Ended::Interrupted(_) => return Err("the investigation was interrupted".to_owned()),
        Ended::ModelFailed(_, error) => return Err(format!("the model could not be asked: {error}")),
    };
    let seconds = began.elapsed().as_secs_f64();
    let transcript = Transcript::of(&investigation, &answer);
    let whole = serde_json::to_string(&investigation).map_err(|error| broke(&error))?;
    Ok(Asked { answer, transcript, whole, failed_calls: calls.failed, skipped_calls: calls.skipped, seconds })
}

/// Counts how calls ended, and when.
struct Calls<'a> {
    failed: u32,
    skipped: u32,
    watch: &'a Stopwatch,
}

impl Observer for Calls<'_> {
    fn call_ended(&mut self, call_id: &str) {
        self.watch.call_ended(call_id);
    }

    fn event(&mut self, event: &Event) {
        self.watch.event(event);
        if let EventKind::ToolFinished { outcome, .. } = &event.kind {
            match outcome {
                Outcome::Ok => {}
                Outcome::Error => self.failed += 1,
                Outcome::Skipped => self.skipped += 1,
            }
        }
    }
}
