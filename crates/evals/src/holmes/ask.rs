//! A case, asked over its recorded outputs: the same loop, choke point and prompts as every other question.

use super::fixture::Fixture;
use super::tool::RecordedTool;
use crate::timeline::Stopwatch;
use crate::transcript::Transcript;
use jiff::Timestamp;
use std::future::pending;
use std::sync::Arc;
use stethoscope_agent::{Ended, Investigation, Limits, Means, Observer, Prompts, Setup, drive};
use stethoscope_core::answer::Answer;
use stethoscope_core::clock::FixedClock;
use stethoscope_core::event::Event;
use stethoscope_core::evidence::{Intake, ReplaySeed};
use stethoscope_core::model::Model;
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::redact::Redactor;
use stethoscope_core::text::sanitize;
use stethoscope_core::tool::Registry;

/// Asks the case's question. `Err` is one sentence: the machinery broke.
pub(crate) async fn ask(
    name: &str,
    repeat: u32,
    fixture: &Fixture,
    model: &dyn Model,
    limits: Limits,
    prompts: &Prompts,
    watch: &Stopwatch,
) -> Result<(Answer, Transcript), String> {
    // The layout does not say when a case was recorded.
    let clock = FixedClock(Timestamp::UNIX_EPOCH);
    let seed = ReplaySeed::of(name, clock.0);
    let mut registry = Registry::default();
    for (tool, outputs) in &fixture.outputs {
        registry
            .add(Arc::new(RecordedTool::new(tool, outputs.clone())))
            .map_err(|error| format!("two recorded tools cannot be told apart: {error}"))?;
    }
    let mut intake = Intake::new(
        Redactor::new(seed.sealer()),
        seed.fence(),
        stethoscope_core::evidence::Limits::default(),
    );
    let setup = Setup {
        id: name.to_owned(),
        question: Question { text: sanitize(fixture.prompt(repeat)), scope: Scope::default() },
        model: model.name().to_owned(),
        context_window: model.context_window(),
        price: model.price(),
        tools: registry.specs().map(Into::into).collect(),
        limits,
    };
    let broke = |error: &dyn std::fmt::Display| format!("the investigation broke: {error}");
    let (mut investigation, opening) =
        Investigation::start(setup, prompts, &mut intake, clock.0).map_err(|error| broke(&error))?;
    let means = Means { model, registry: &registry, clock: &clock, prompts };
    let ended = drive(&mut investigation, opening, &mut intake, &means, &mut Watching(watch), pending())
        .await
        .map_err(|error| broke(&error))?;
    match ended {
        Ended::Answered(answer) => {
            let transcript = Transcript::of(&investigation, &answer);
            Ok((answer, transcript))
        }
        Ended::Interrupted(_) => Err("the investigation was interrupted".to_owned()),
        Ended::ModelFailed(_, error) => Err(format!("the model could not be asked: {error}")),
    }
}

struct Watching<'a>(&'a Stopwatch);

impl Observer for Watching<'_> {
    fn event(&mut self, event: &Event) {
        self.0.event(event);
    }

    fn call_ended(&mut self, call_id: &str) {
        self.0.call_ended(call_id);
    }
}
