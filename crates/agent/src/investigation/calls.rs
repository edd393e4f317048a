//! Triage of the model's calls: what is run, what the machine answers itself, what is refused.

use super::{CallOutcome, Fate, Investigation, Phase, StepError, Triaged};
use serde_json::Value;
use std::collections::BTreeSet;
use stethoscope_core::event::EventKind;
use stethoscope_core::evidence::{EvidenceId, Intake, READ_OUTPUT, ReadOutput, read_output};
use stethoscope_core::model::{Message, ToolCall};
use stethoscope_core::tool::ToolError;

impl Investigation {
    pub(super) fn triage(
        &mut self,
        calls: &[ToolCall],
        last: bool,
        intake: &mut Intake,
    ) -> Result<Vec<Triaged>, StepError> {
        let mut now = BTreeSet::new();
        let mut triaged = Vec::with_capacity(calls.len());
        let mut left = self.limits.tool_calls.saturating_sub(self.usage.tool_calls);
        for call in calls {
            let fate = if last {
                skipped("not executed: only conclude can be called now")
            } else {
                self.fate(call, &mut now, &mut left, intake)?
            };
            triaged.push(Triaged { call_id: call.id.clone(), tool: call.name.clone(), fate });
        }
        Ok(triaged)
    }

    fn fate(
        &mut self,
        call: &ToolCall,
        now: &mut BTreeSet<String>,
        left: &mut u32,
        intake: &mut Intake,
    ) -> Result<Fate, StepError> {
        let arguments = match parse_arguments(&call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error =
                    ToolError::BadArguments { message, hint: Some("send one JSON object".to_owned()) };
                return Ok(answered(intake.error(&error)?, None, CallOutcome::Error));
            }
        };
        if call.name == READ_OUTPUT {
            return self.read_on(arguments, intake);
        }
        // Keyed by the redacted arguments: keys are stored, and equal secrets have equal pseudonyms.
        let mut redacted = arguments.clone();
        intake.clean_value(&mut redacted)?;
        let key = format!("{} {}", call.name, canonical(&redacted));
        if let Some(before) = self.made.get(&key) {
            self.reminders.repeated += 1;
            let text = match before {
                Some(id) => format!(
                    "already answered: see {id}; the cluster is not read twice for the same call. Use read_output {{\"id\":\"{id}\"}} to see it again"
                ),
                None => {
                    "already tried: it failed the same way before; change the arguments or use another tool"
                        .to_owned()
                }
            };
            return Ok(answered(text, *before, CallOutcome::Skipped));
        }
        if !now.insert(key.clone()) {
            return Ok(skipped(
                "not executed: the same call stands twice in this turn; see the other one's result",
            ));
        }
        if *left == 0 {
            return Ok(skipped(&format!(
                "not executed: the limit of {} tool calls is reached",
                self.limits.tool_calls
            )));
        }
        *left -= 1;
        Ok(Fate::Run { arguments, key })
    }

    fn read_on(&self, arguments: Value, intake: &mut Intake) -> Result<Fate, StepError> {
        let request: ReadOutput = match serde_json::from_value(arguments) {
            Ok(request) => request,
            Err(error) => {
                let error = ToolError::BadArguments {
                    message: error.to_string(),
                    hint: Some("read_output takes id*, grep, from".to_owned()),
                };
                return Ok(answered(intake.error(&error)?, None, CallOutcome::Error));
            }
        };
        Ok(match read_output(&self.ledger, &request) {
            Ok((id, text)) => answered(intake.shape_again(id, &text), Some(id), CallOutcome::Ok),
            Err(error) => answered(intake.error(&error)?, None, CallOutcome::Error),
        })
    }

    /// Gives the calls at the head of the round that need no run their results.
    pub(super) fn settle_answered(&mut self) -> Vec<EventKind> {
        let mut events = Vec::new();
        while let Phase::Tools { calls } = &mut self.phase {
            if !matches!(calls.first(), Some(Triaged { fate: Fate::Answered { .. }, .. })) {
                break;
            }
            let Triaged { call_id, tool, fate: Fate::Answered { text, evidence, outcome } } = calls.remove(0)
            else {
                break;
            };
            let summary = text.lines().next().unwrap_or_default().to_owned();
            events.push(result_event(&call_id, &tool, evidence, outcome, summary));
            self.say(Message::Tool { call_id, tool, evidence, text });
        }
        events
    }

    pub(super) fn tool_started_events(&self, intake: &mut Intake) -> Vec<EventKind> {
        let Phase::Tools { calls } = &self.phase else { return Vec::new() };
        calls
            .iter()
            .filter_map(|call| match &call.fate {
                Fate::Run { arguments, .. } => Some(EventKind::ToolStarted {
                    call_id: call.call_id.clone(),
                    tool: call.tool.clone(),
                    arguments: intake
                        .clean_reply(&arguments.to_string())
                        .unwrap_or_else(|_| "[withheld]".to_owned()),
                }),
                Fate::Answered { .. } => None,
            })
            .collect()
    }
}

/// The event of a call that has its result.
pub(super) fn result_event(
    call_id: &str,
    tool: &str,
    evidence: Option<EvidenceId>,
    outcome: CallOutcome,
    summary: String,
) -> EventKind {
    EventKind::ToolFinished {
        call_id: call_id.to_owned(),
        tool: tool.to_owned(),
        evidence,
        outcome: outcome.into(),
        summary,
    }
}

/// The calls as they enter the conversation: redacted, for a model may repeat a secret that it was told elsewhere.
/// What is run is what the model wrote.
pub(super) fn clean(calls: &[ToolCall], intake: &mut Intake) -> Result<Vec<ToolCall>, StepError> {
    calls
        .iter()
        .map(|call| {
            let arguments = match serde_json::from_str::<Value>(&call.arguments) {
                Ok(mut value) => {
                    intake.clean_value(&mut value)?;
                    value.to_string()
                }
                Err(_) => intake.clean_reply(&call.arguments)?,
            };
            Ok(ToolCall { id: call.id.clone(), name: intake.clean_reply(&call.name)?, arguments })
        })
        .collect()
}

fn answered(text: String, evidence: Option<EvidenceId>, outcome: CallOutcome) -> Fate {
    Fate::Answered { text, evidence, outcome }
}

fn skipped(text: &str) -> Fate {
    answered(text.to_owned(), None, CallOutcome::Skipped)
}

/// A JSON object from what the model wrote. Nothing at all counts as no arguments.
pub(super) fn parse_arguments(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(Value::Object(map)),
        Ok(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        // Some servers quote the object once more.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(Value::Object(map)) => Ok(Value::Object(map)),
            _ => Err("the arguments are a string, not an object".to_owned()),
        },
        Ok(other) => Err(format!("the arguments are {}, not an object", kind_of(&other))),
        Err(error) => Err(format!("the arguments are not JSON: {error}")),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The same text for the same arguments: keys sorted, nulls left out.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let inner: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key:?}:{}", canonical(value))).collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
