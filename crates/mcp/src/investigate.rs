//! `investigate`: the whole agent as one tool, as a task where the client can follow one.

use crate::audit::{Audit, Line, Outcome, identifiers};
use crate::call::{Ended, framed};
use crate::caller::{Caller, Scope};
use crate::catalogue::INVESTIGATE;
use crate::desk::{Desk, lock};
use crate::log::Weight;
use crate::place::Place;
use crate::ports::{Concluded, Stop};
use crate::server::{Payload, Server, refusal};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult, ProgressNotificationParam, Resource,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::task_manager::{TaskContext, TaskExit, TaskOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stethoscope_agent::Observer;
use stethoscope_core::answer::Verdict;
use stethoscope_core::event::{Event, EventKind};
use stethoscope_core::question::{Question, Scope as Where};
use stethoscope_core::text::sanitize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Bytes of a question or an alert that are taken.
const LONGEST_QUESTION: usize = 64 << 10;

/// How long a task and its result are kept. Investigations end within the agent's own limits, minutes at most.
const TASK_TTL_MS: u64 = 60 * 60 * 1000;

/// Steps that wait to be told; more are dropped, since each is only a sign of life.
const STEPS: usize = 64;

/// Tasks that are remembered as somebody's.
const OWNED: usize = 4_096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    question: String,
    #[serde(default)]
    namespace: Option<String>,
}

/// One investigation that may begin.
struct Case {
    caller: Caller,
    place: Arc<Place>,
    desk: Arc<Mutex<Desk>>,
    question: Question,
    payload: Payload,
    audit: Audit,
    arguments: Value,
    /// Held to the end.
    _permit: OwnedSemaphorePermit,
}

impl Server {
    pub(crate) async fn investigate(
        &self,
        caller: &Caller,
        arguments: Value,
        payload: Payload,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let case = match self.case(caller, arguments.clone(), payload).await {
            Ok(case) => case,
            Err(ended) => return Ok(self.audited(caller, INVESTIGATE, &arguments, ended).into()),
        };
        if context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks()) {
            return Ok(CallToolResponse::Task(self.as_task(case)));
        }
        self.level
            .tell(&context, Weight::Info, json!({"investigating": case.question.scope.namespace}))
            .await;
        let (sender, mut steps) = mpsc::channel(STEPS);
        let cancelled = context.ct.clone();
        let stop: Stop = Box::pin(async move { cancelled.cancelled().await });
        let mut work = std::pin::pin!(case.run(sender, stop));
        let token = context.meta.get_progress_token();
        let mut told = 0_u32;
        loop {
            tokio::select! {
                biased;
                Some(step) = steps.recv() => if let Some(token) = &token {
                    told += 1;
                    let progress = ProgressNotificationParam::new(token.clone(), f64::from(told));
                    let _ = context.peer.notify_progress(progress.with_message(step)).await;
                },
                result = &mut work => return Ok(result.into()),
            }
        }
    }

    /// Everything that can be refused before the agent begins.
    async fn case(&self, caller: &Caller, mut arguments: Value, payload: Payload) -> Result<Case, Ended> {
        if let Some(error) = refusal(self, caller, Scope::Investigate) {
            return Err(Ended::error(format!("error: {error}"), Outcome::Refused, "denied"));
        }
        let bad = |message: String| Ended::error(message, Outcome::Error, "bad_arguments");
        let whole = arguments.clone();
        let place = self.place(caller, &mut arguments).await?;
        let input: Input = serde_json::from_value(arguments).map_err(|error| {
            bad(format!("error: bad arguments: {error}; investigate takes question*, namespace (* required)"))
        })?;
        let text = sanitize(input.question.trim());
        if text.is_empty() || text.len() > LONGEST_QUESTION {
            return Err(bad(format!(
                "error: bad arguments: the question has {} bytes; it takes 1 to {LONGEST_QUESTION}",
                text.len()
            )));
        }
        let own = &place.source.scope;
        let named = input.namespace.filter(|name| !name.is_empty());
        let namespace = match named.as_deref() {
            Some("*") => None,
            Some(name) => Some(sanitize(name)),
            None => own.namespace.clone(),
        };
        let question = Question { text, scope: Where { cluster: own.cluster.clone(), namespace } };
        let Ok(permit) = self.inner.investigations.clone().try_acquire_owned() else {
            let most = self.inner.options.investigations;
            let text =
                format!("error: unavailable: {most} investigations are running; try again in a minute");
            return Err(Ended::error(text, Outcome::Error, "busy"));
        };
        Ok(Case {
            caller: caller.clone(),
            desk: self.desk(caller),
            place,
            question,
            payload,
            audit: self.inner.audit.clone(),
            arguments: whole,
            _permit: permit,
        })
    }

    fn as_task(&self, case: Case) -> CreateTaskResult {
        let options =
            TaskOptions::new().with_ttl_ms(TASK_TTL_MS).with_status_message("the investigation began");
        let owner = case.caller.name.clone();
        let task = self.inner.tasks.spawn(options, |task| Box::pin(follow(case, task)));
        let mut owners = lock(&self.inner.owners);
        if owners.len() >= OWNED {
            // Only tasks that the manager still knows can be asked for.
            owners.retain(|id, _| self.inner.tasks.get_task(id).is_ok());
        }
        owners.insert(task.task_id.clone(), owner);
        CreateTaskResult::new(task)
    }
}

/// The investigation as the operation of a task.
async fn follow(case: Case, task: TaskContext) -> Result<CallToolResult, TaskExit> {
    let (sender, mut steps) = mpsc::channel(STEPS);
    let waiting = task.clone();
    let stop: Stop = Box::pin(async move { waiting.cancelled().await });
    let mut work = std::pin::pin!(case.run(sender, stop));
    let result = loop {
        tokio::select! {
            biased;
            Some(step) = steps.recv() => task.set_status_message(step),
            result = &mut work => break result,
        }
    };
    if task.is_cancel_requested() { Err(TaskExit::Cancelled) } else { Ok(result) }
}

impl Case {
    async fn run(self, steps: mpsc::Sender<String>, stop: Stop) -> CallToolResult {
        let mut watcher = Watcher { steps, audit: self.audit.clone(), caller: self.caller.clone() };
        let number = lock(&self.desk).next_investigation();
        let agent = self.place.source.agent.clone();
        let ended = match agent.investigate(self.question.clone(), &mut watcher, stop).await {
            Ok(concluded) => self.present(number, Arc::new(concluded)),
            Err(error) => {
                let text = self.place.clean(&error).unwrap_or_else(|withheld| withheld.to_string());
                Ended::error(format!("error: {text}"), Outcome::Error, "failed")
            }
        };
        self.audit.write(&Line {
            caller: &self.caller.name,
            method: "tools/call",
            tool: Some(INVESTIGATE),
            about: identifiers(&self.arguments),
            outcome: ended.outcome,
            why: ended.why.as_deref(),
            evidence: ended.evidence,
            bytes: ended.bytes,
            redactions: ended.redactions,
        });
        ended.result
    }

    fn present(&self, number: u32, concluded: Arc<Concluded>) -> Ended {
        let answer = &concluded.answer;
        let verdict = match answer.verdict {
            Verdict::RootCauseFound => "root_cause_found",
            Verdict::NoIssue => "no_issue",
            Verdict::Inconclusive => "inconclusive",
        };
        let id = format!("I{number}");
        let redactions = concluded.ledger.iter().map(|evidence| evidence.redactions).sum();
        let first = answer.summary.lines().next().unwrap_or_default();
        let mut frame = json!({"investigation": id, "verdict": verdict, "summary": first});
        let bytes = concluded.markdown.len();
        let mut result = if self.payload == Payload::Data {
            frame["data"] = json!(answer);
            let mut result = CallToolResult::success(vec![ContentBlock::text(format!("{id}: {first}"))]);
            result.structured_content = Some(frame);
            result
        } else {
            // The first words of the answer are in its text.
            frame["summary"] = json!(verdict);
            framed(frame, concluded.markdown.clone(), self.payload)
        };
        result.content.push(ContentBlock::resource_link(link(number, answer)));
        lock(&self.desk).keep_answer(number, concluded.clone());
        Ended { result, outcome: Outcome::Ok, why: None, evidence: Some(id), bytes, redactions }
    }
}

/// The link to an answer.
pub(crate) fn link(number: u32, answer: &stethoscope_core::answer::Answer) -> Resource {
    let question: String = answer.question.chars().take(80).collect();
    Resource::new(format!("incident://I{number}"), format!("I{number}"))
        .with_title(question)
        .with_description("Answer of an investigation (answer.v1)")
        .with_mime_type("application/json")
}

/// Turns events into signs of life and into lines of the audit log.
struct Watcher {
    steps: mpsc::Sender<String>,
    audit: Audit,
    caller: Caller,
}

impl Watcher {
    fn say(&self, step: String) {
        // A client that does not keep up misses steps, not the answer.
        let _ = self.steps.try_send(step);
    }

    fn note(
        &self,
        tool: &str,
        about: serde_json::Map<String, Value>,
        outcome: Outcome,
        evidence: Option<String>,
    ) {
        self.audit.write(&Line {
            caller: &self.caller.name,
            method: INVESTIGATE,
            tool: Some(tool),
            about,
            outcome,
            why: None,
            evidence,
            bytes: 0,
            redactions: 0,
        });
    }
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event) {
        use stethoscope_core::event::Outcome as Told;
        match &event.kind {
            EventKind::ToolStarted { tool, arguments, .. } => {
                let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                self.note(tool, identifiers(&arguments), Outcome::Ok, None);
                self.say(format!("{tool} …"));
            }
            EventKind::ToolFinished { tool, summary, outcome, evidence, .. } => {
                let evidence = evidence.map(|id| id.to_string());
                match outcome {
                    Told::Ok => {}
                    Told::Error => self.note(tool, serde_json::Map::new(), Outcome::Error, evidence),
                    Told::Skipped => self.note(tool, serde_json::Map::new(), Outcome::Refused, evidence),
                }
                self.say(format!("{tool}: {summary}"));
            }
            EventKind::Finding { finding } => self.say(format!("found {}", finding.cause)),
            EventKind::Retrying { attempt, after_seconds, .. } => {
                self.say(format!("the model does not answer; try {attempt} in {after_seconds:.0} s"));
            }
            EventKind::Started { .. }
            | EventKind::ModelDelta { .. }
            | EventKind::Compacted { .. }
            | EventKind::Answer { .. }
            | EventKind::Failed { .. } => {}
        }
    }
}
