//! When things happened in an investigation, by the wall. Kept beside the transcript, never in it: a replayed transcript is the
//! same to the byte, its times are not.

use crate::transcript::cut;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use stethoscope_core::event::{Event, EventKind, Outcome};
use stethoscope_core::model::{Delta, Finish, Model, ModelError, ModelReply, ModelRequest, Price};

/// Bytes of a call's arguments that are kept.
const KEPT_ARGUMENTS: usize = 1 << 10;

/// The times of one investigation. Seconds count from its begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// When it began.
    pub began: Timestamp,
    /// Seconds until it ended.
    pub seconds: f64,
    /// Exchanges with the model.
    pub turns: Vec<TurnTime>,
    /// Tool calls, in call order.
    pub calls: Vec<CallTime>,
}

/// One exchange with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnTime {
    /// Begin.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// Why the reply ended, or why there is none.
    pub finish: Result<Finish, String>,
}

/// One tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallTime {
    /// The model's id of it.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Arguments, redacted, cut.
    pub arguments: String,
    /// Begin.
    pub start: f64,
    /// End; the begin for a call that never ended.
    pub end: f64,
    /// How it ended; `None` for a call that never did.
    pub outcome: Option<Outcome>,
    /// The evidence it became.
    pub evidence: Option<String>,
}

/// Takes the times while an investigation goes on.
pub(crate) struct Stopwatch {
    began: Timestamp,
    since: Instant,
    turns: Mutex<Vec<TurnTime>>,
    calls: Mutex<Vec<CallTime>>,
}

impl Stopwatch {
    /// Begins now; `began` is what the wall clock says.
    pub(crate) fn start(began: Timestamp) -> Self {
        Self { began, since: Instant::now(), turns: Mutex::default(), calls: Mutex::default() }
    }

    fn now(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    /// An event of the investigation.
    pub(crate) fn event(&self, event: &Event) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let EventKind::ToolStarted { call_id, tool, arguments } = &event.kind {
            let now = self.now();
            calls.push(CallTime {
                id: call_id.clone(),
                tool: tool.clone(),
                arguments: cut(arguments, KEPT_ARGUMENTS),
                start: now,
                end: now,
                outcome: None,
                evidence: None,
            });
        } else if let EventKind::ToolFinished { call_id, outcome, evidence, .. } = &event.kind
            && let Some(call) = calls.iter_mut().rev().find(|call| call.id == *call_id)
        {
            // The loop itself answers some calls: those end here. The others ended before their turn to be told came.
            if call.end <= call.start {
                call.end = self.now();
            }
            call.outcome = Some(*outcome);
            call.evidence = evidence.map(|id| id.to_string());
        }
    }

    /// A call ended; its event follows in call order.
    pub(crate) fn call_ended(&self, call_id: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.iter_mut().rev().find(|call| call.id == call_id) {
            call.end = self.now();
        }
    }

    pub(crate) fn timeline(self) -> Timeline {
        let seconds = self.now();
        Timeline {
            began: self.began,
            seconds,
            turns: self.turns.into_inner().unwrap_or_else(PoisonError::into_inner),
            calls: self.calls.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Timeline {
    /// A moment of it by the wall.
    pub fn at(&self, seconds: f64) -> Timestamp {
        let passed = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        self.began.checked_add(passed).unwrap_or(self.began)
    }
}

/// A model whose exchanges are timed.
pub(crate) struct Timed<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) watch: &'a Stopwatch,
}

#[async_trait]
impl Model for Timed<'_> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn context_window(&self) -> usize {
        self.model.context_window()
    }

    fn price(&self) -> Option<Price> {
        self.model.price()
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let start = self.watch.now();
        let reply = self.model.respond(request, on_delta).await;
        let usage = reply.as_ref().map(|reply| reply.usage).unwrap_or_default();
        let turn = TurnTime {
            start,
            end: self.watch.now(),
            tokens_in: usage.input,
            tokens_out: usage.output,
            finish: reply.as_ref().map(|reply| reply.finish).map_err(ToString::to_string),
        };
        self.watch.turns.lock().unwrap_or_else(PoisonError::into_inner).push(turn);
        reply
    }
}
