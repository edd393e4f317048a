//! The state machine. Pure: it decides, the driver does.

mod calls;
mod check;
mod compaction;
mod conclude;
mod fallback;
mod limits;

use crate::prompts::{PromptError, Prompts};
pub use conclude::{CONCLUDE, Conclude, conclude_declaration};
use jiff::Timestamp;
pub use limits::Limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::answer::{Answer, Usage};
use stethoscope_core::event::{EventKind, Outcome};
use stethoscope_core::evidence::{EvidenceId, Intake, IntakeError, Ledger, read_output_declaration};
use stethoscope_core::finding::Finding;
use stethoscope_core::model::{
    Finish, Message, ModelReply, ModelRequest, Price, ToolChoice, ToolDeclaration,
};
use stethoscope_core::question::Question;
use stethoscope_core::text::estimate_tokens;
use stethoscope_core::tool::{ToolError, ToolOutput};

/// What an investigation starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub question: Question,
    /// The model's name.
    pub model: String,
    /// Tokens that a request to the model may hold.
    pub context_window: usize,
    /// The model's price, if known.
    pub price: Option<Price>,
    /// Tools that the model may call, besides `read_output` and `conclude`.
    pub tools: Vec<ToolDeclaration>,
    /// Bounds.
    pub limits: Limits,
}

/// One question's way to its answer. Serializable at every moment, so that it can be stored and resumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Investigation {
    id: String,
    question: Question,
    limits: Limits,
    price: Option<Price>,
    context_window: usize,
    tools: Vec<ToolDeclaration>,
    messages: Vec<Message>,
    /// Estimated tokens of each message, counted once.
    sizes: Vec<usize>,
    ledger: Ledger,
    /// Calls made, by name and canonical arguments, with what they gave.
    made: BTreeMap<String, Option<EvidenceId>>,
    usage: Usage,
    started: Timestamp,
    phase: Phase,
    /// Times that the model was told to mend its ways; each is bounded.
    reminders: Reminders,
    /// Causes already told as events.
    told: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
enum Phase {
    /// The model is to be asked. `last` is set when this is its last turn.
    Model { last: bool },
    /// Calls are to be made, in this order.
    Tools { calls: Vec<Triaged> },
    /// Over.
    Done { answer: Box<Answer> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reminders {
    no_call: u32,
    repeated: u32,
    check: u32,
    disobeyed: u32,
}

/// A call of the model with what is to become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Triaged {
    call_id: String,
    tool: String,
    fate: Fate,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fate")]
enum Fate {
    /// Ask the registry.
    Run { arguments: Value, key: String },
    /// The machine answers it itself.
    Answered { text: String, evidence: Option<EvidenceId>, outcome: CallOutcome },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallOutcome {
    Ok,
    Error,
    Skipped,
}

impl From<CallOutcome> for Outcome {
    fn from(outcome: CallOutcome) -> Self {
        match outcome {
            CallOutcome::Ok => Self::Ok,
            CallOutcome::Error => Self::Error,
            CallOutcome::Skipped => Self::Skipped,
        }
    }
}

/// A call for the driver to make.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    /// The model's id of it.
    pub call_id: String,
    /// Tool name.
    pub tool: String,
    /// Arguments: any JSON value.
    pub arguments: Value,
}

/// What became of a [`PendingCall`].
pub struct ToolResult {
    /// The model's id of the call.
    pub call_id: String,
    /// Its output, or why there is none.
    pub result: Result<ToolOutput, ToolError>,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Ask the model, then call [`Investigation::model_replied`] or [`Investigation::model_failed`].
    CallModel(ModelRequest<'a>),
    /// Make these calls, concurrently if wanted, then call [`Investigation::tools_finished`] with the results in this order.
    CallTools(Vec<PendingCall>),
    /// Nothing more: the checked answer.
    Done(&'a Answer),
}

/// The investigation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A prompt does not render.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The choke point refused the question or an error text.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// A tool has a defect.
    #[error("{tool} has a defect: {message}; please report it")]
    ToolBug {
        /// The tool.
        tool: String,
        /// What broke.
        message: String,
    },
    /// The driver gave the machine something it did not ask for.
    #[error("the driver is out of step: {0}")]
    OutOfStep(String),
}

impl Investigation {
    /// Begins an investigation: the first prompt is rendered, nothing is asked yet.
    pub fn start(
        setup: Setup,
        prompts: &Prompts,
        intake: &mut Intake,
        now: Timestamp,
    ) -> Result<(Self, Vec<EventKind>), StepError> {
        let question = Question { text: intake.clean(&setup.question.text)?, scope: setup.question.scope };
        let system = prompts.render(
            "system",
            &serde_json::json!({
                "marker": intake.fence().marker(),
                "namespace": question.scope.namespace,
                "tool_calls": setup.limits.tool_calls,
                "turns": setup.limits.turns,
                "now": now.to_string(),
            }),
        )?;
        let first = prompts.render(
            "question",
            &serde_json::json!({
                "question": question.text,
                "namespace": question.scope.namespace,
                "cluster": question.scope.cluster,
            }),
        )?;
        let mut tools = setup.tools;
        tools.push(read_output_declaration());
        tools.push(conclude_declaration());
        let started = EventKind::Started { question: question.clone(), model: setup.model.clone() };
        let mut investigation = Self {
            id: setup.id,
            question,
            limits: setup.limits,
            price: setup.price,
            context_window: setup.context_window,
            tools,
            messages: Vec::new(),
            sizes: Vec::new(),
            ledger: Ledger::default(),
            made: BTreeMap::new(),
            usage: Usage { model: setup.model, ..Usage::default() },
            started: now,
            phase: Phase::Model { last: false },
            reminders: Reminders::default(),
            told: Vec::new(),
        };
        investigation.say(Message::System { text: system });
        investigation.say(Message::User { text: first });
        Ok((investigation, vec![started]))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The evidence so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The conversation so far.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What it cost so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Estimated tokens of the next request: conversation and tool schemas.
    pub fn request_tokens(&self) -> usize {
        self.sizes.iter().sum::<usize>()
            + self.tools.iter().map(compaction::declaration_tokens).sum::<usize>()
    }

    /// What is to be done next.
    pub fn next(&self) -> Step<'_> {
        match &self.phase {
            Phase::Model { last } => Step::CallModel(ModelRequest {
                messages: &self.messages,
                tools: &self.tools,
                evidence: &self.ledger,
                max_output_tokens: self.limits.reply_tokens,
                tool_choice: if *last { ToolChoice::Tool(CONCLUDE) } else { ToolChoice::Auto },
            }),
            Phase::Tools { calls } => Step::CallTools(
                calls
                    .iter()
                    .filter_map(|call| match &call.fate {
                        Fate::Run { arguments, .. } => Some(PendingCall {
                            call_id: call.call_id.clone(),
                            tool: call.tool.clone(),
                            arguments: arguments.clone(),
                        }),
                        Fate::Answered { .. } => None,
                    })
                    .collect(),
            ),
            Phase::Done { answer } => Step::Done(answer),
        }
    }

    /// Takes the model's reply in.
    pub fn model_replied(
        &mut self,
        reply: ModelReply,
        prompts: &Prompts,
        intake: &mut Intake,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, StepError> {
        let Phase::Model { last } = self.phase else {
            return Err(StepError::OutOfStep("a reply came that nobody asked for".to_owned()));
        };
        self.account(&reply, now);
        if reply.calls.is_empty() {
            return self.text_only(&reply, last, prompts, intake);
        }
        let said = Message::Assistant {
            text: intake.clean_reply(&reply.text)?,
            calls: calls::clean(&reply.calls, intake)?,
        };
        self.say(said);
        if let Some(place) = reply.calls.iter().position(|call| call.name == CONCLUDE) {
            return self.concluded(&reply.calls, place, last, prompts, intake);
        }
        let calls = self.triage(&reply.calls, last, intake)?;
        self.phase = Phase::Tools { calls };
        let mut events = self.tool_started_events(intake);
        if last {
            self.reminders.disobeyed += 1;
            if self.reminders.disobeyed > limits::DISOBEYED {
                // Nothing was run: every call of a last turn is refused.
                events.extend(self.settle_answered());
                let why = "the model went on calling tools when it could only conclude";
                events.extend(self.finish(fallback::answer(self, why, None)));
            }
        }
        Ok(events)
    }

    /// The model could not be asked, after the adapter's retries: concludes from what is known.
    pub fn model_failed(&mut self, why: &str, intake: &mut Intake) -> Result<Vec<EventKind>, StepError> {
        let why = intake.clean(why)?;
        Ok(self.finish(fallback::answer(self, &format!("the model could not be asked: {why}"), None)))
    }

    /// Takes one call's result in. Results come in call order; the last one hands the turn back to the model.
    pub fn tool_finished(
        &mut self,
        result: ToolResult,
        intake: &mut Intake,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, StepError> {
        let mut events = self.settle_answered();
        let Phase::Tools { calls } = &mut self.phase else {
            return Err(StepError::OutOfStep("a result came that nobody asked for".to_owned()));
        };
        if calls.first().is_none_or(|call| call.call_id != result.call_id) {
            return Err(StepError::OutOfStep(format!("the result of {} came out of order", result.call_id)));
        }
        let call = calls.remove(0);
        let Fate::Run { arguments, key } = call.fate else {
            return Err(StepError::OutOfStep(format!("{} was not to be run", call.call_id)));
        };
        self.usage.tool_calls += 1;
        self.usage.seconds = self.seconds(now);
        let (text, evidence, outcome, summary) = match result.result {
            Ok(output) => match intake.admit(&mut self.ledger, &call.tool, &arguments, now, output) {
                Ok((id, text)) => {
                    let summary =
                        self.ledger.get(id).map(|evidence| evidence.summary.clone()).unwrap_or_default();
                    (text, Some(id), CallOutcome::Ok, summary)
                }
                // Fail closed: an output that cannot be redacted is not shown to anybody.
                Err(error) => (format!("error: {error}"), None, CallOutcome::Error, error.to_string()),
            },
            Err(ToolError::Bug { message }) => return Err(StepError::ToolBug { tool: call.tool, message }),
            Err(error) => {
                let text = intake.error(&error)?;
                let summary = text.trim_start_matches("error: ").to_owned();
                (text, None, CallOutcome::Error, summary)
            }
        };
        self.made.insert(key, evidence);
        events.push(calls::result_event(&call.call_id, &call.tool, evidence, outcome, summary));
        if let Some(id) = evidence {
            events.extend(self.new_findings(id));
        }
        self.say(Message::Tool { call_id: call.call_id, tool: call.tool, evidence, text });
        events.extend(self.settle_answered());
        Ok(events)
    }

    /// Ends a round of calls once every one has its result, and looks at the limits.
    /// Call it after the last [`Self::tool_finished`], and when [`Step::CallTools`] is empty.
    pub fn round_finished(&mut self, prompts: &Prompts, now: Timestamp) -> Result<Vec<EventKind>, StepError> {
        let mut events = self.settle_answered();
        match &self.phase {
            Phase::Tools { calls } if calls.is_empty() => {}
            Phase::Tools { calls } => {
                return Err(StepError::OutOfStep(format!("{} calls have no result yet", calls.len())));
            }
            Phase::Model { .. } | Phase::Done { .. } => return Ok(events),
        }
        self.usage.seconds = self.seconds(now);
        let last = match self.spent() {
            Some(limit) => {
                self.usage.budget_hit = Some(limit.clone());
                self.remind(
                    "conclude_now",
                    &serde_json::json!({"reason": format!("The limit of {limit} is reached")}),
                    prompts,
                )?;
                true
            }
            None if self.reminders.repeated >= limits::REPEATS => {
                self.remind(
                    "conclude_now",
                    &serde_json::json!({"reason": "You repeat calls that were answered"}),
                    prompts,
                )?;
                true
            }
            None => false,
        };
        self.phase = Phase::Model { last };
        events.extend(self.compact());
        Ok(events)
    }

    /// Ends the investigation now, with what is known: Ctrl-C, a deadline.
    pub fn interrupt(&mut self, why: &str) -> Vec<EventKind> {
        if matches!(self.phase, Phase::Done { .. }) {
            return Vec::new();
        }
        let answer = fallback::answer(self, why, None);
        self.finish(answer)
    }

    /// Ends the investigation because its time is up: what is known becomes the answer.
    pub fn out_of_time(&mut self, limit: &str) -> Vec<EventKind> {
        self.usage.budget_hit = Some(limit.to_owned());
        self.interrupt(&format!("the limit of {limit} is reached"))
    }

    /// The namespace that calls without one mean.
    pub fn scope_namespace(&self) -> Option<String> {
        self.question.scope.namespace.clone()
    }

    fn text_only(
        &mut self,
        reply: &ModelReply,
        last: bool,
        prompts: &Prompts,
        intake: &mut Intake,
    ) -> Result<Vec<EventKind>, StepError> {
        let text = intake.clean_reply(&reply.text)?;
        self.say(Message::Assistant { text: text.clone(), calls: Vec::new() });
        let spoke = !text.trim().is_empty();
        self.reminders.no_call += 1;
        if last || self.reminders.no_call > limits::NO_CALLS || reply.finish == Finish::ContentFilter {
            let why = "the model ended without a conclusion that could be checked";
            return Ok(self.finish(fallback::answer(self, why, spoke.then_some(text))));
        }
        self.remind("call_a_tool", &serde_json::json!({}), prompts)?;
        self.phase = Phase::Model { last: self.reminders.no_call >= limits::NO_CALLS };
        Ok(Vec::new())
    }

    fn remind(&mut self, prompt: &str, values: &Value, prompts: &Prompts) -> Result<(), StepError> {
        let text = prompts.render(prompt, values)?;
        self.say(Message::User { text });
        Ok(())
    }

    fn say(&mut self, message: Message) {
        self.sizes.push(compaction::message_tokens(&message));
        self.messages.push(message);
    }

    fn account(&mut self, reply: &ModelReply, now: Timestamp) {
        self.usage.turns += 1;
        self.usage.tokens_in += reply.usage.input;
        self.usage.tokens_out += reply.usage.output;
        if let Some(price) = self.price {
            let tokens = |count: u64| count as f64 / 1e6;
            self.usage.cost = Some(
                tokens(self.usage.tokens_in) * price.input + tokens(self.usage.tokens_out) * price.output,
            );
        }
        self.usage.seconds = self.seconds(now);
    }

    fn seconds(&self, now: Timestamp) -> f64 {
        now.duration_since(self.started).as_secs_f64()
    }

    fn finish(&mut self, answer: Answer) -> Vec<EventKind> {
        let answer = Box::new(answer);
        self.phase = Phase::Done { answer: answer.clone() };
        vec![EventKind::Answer { answer }]
    }

    /// The limit that is used up, in words.
    fn spent(&self) -> Option<String> {
        self.limits.spent(&self.usage, self.usage.tokens_in.max(self.sent_tokens()) + self.usage.tokens_out)
    }

    /// Estimated prompt tokens, for servers that report no usage.
    fn sent_tokens(&self) -> u64 {
        if self.usage.model == "builtin" { 0 } else { self.sizes.iter().sum::<usize>() as u64 }
    }

    /// Findings that a new piece of evidence holds and that were not told before. Any tool whose data has `findings` tells them.
    fn new_findings(&mut self, id: EvidenceId) -> Vec<EventKind> {
        let findings = self.ledger.get(id).map(|evidence| findings_in(&evidence.data)).unwrap_or_default();
        let mut events = Vec::new();
        for finding in findings {
            let key = format!("{} {}", finding.cause, finding.subject);
            if !self.told.contains(&key) {
                self.told.push(key);
                events.push(EventKind::Finding { finding: Box::new(finding) });
            }
        }
        events
    }
}

/// The findings in a tool's typed output.
fn findings_in(data: &Value) -> Vec<Finding> {
    data.get("findings")
        .and_then(|findings| serde_json::from_value(findings.clone()).ok())
        .unwrap_or_default()
}

/// Estimated tokens of a text with the overhead of a message.
fn tokens_with_overhead(text: &str) -> usize {
    const MESSAGE_OVERHEAD: usize = 4;
    estimate_tokens(text) + MESSAGE_OVERHEAD
}
