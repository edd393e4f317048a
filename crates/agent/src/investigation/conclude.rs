//! `conclude`: the typed tool that ends an investigation.

use super::{
    CallOutcome, Fate, Investigation, Phase, StepError, Triaged, calls::parse_arguments, check, fallback,
    limits,
};
use crate::prompts::Prompts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stethoscope_core::answer::{FixStep, Verdict};
use stethoscope_core::event::EventKind;
use stethoscope_core::evidence::Intake;
use stethoscope_core::model::{ToolCall, ToolDeclaration};
use stethoscope_core::object::ObjectRef;

/// The tool's name.
pub const CONCLUDE: &str = "conclude";

/// Arguments of `conclude`, as lenient as a model needs and as strict as an answer needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conclude {
    /// What came out.
    pub verdict: Verdict,
    /// A few sentences for a person.
    pub summary: String,
    /// Candidate causes, best first.
    #[serde(default)]
    pub hypotheses: Vec<Claim>,
    /// Causes refuted; for `no_issue`, what shows that nothing is wrong.
    #[serde(default)]
    pub ruled_out: Vec<Refuted>,
    /// Who suffers.
    #[serde(default)]
    pub impact: Option<String>,
}

/// One candidate cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Cause code or `other`.
    pub cause: String,
    /// The object to mend.
    pub subject: ObjectRef,
    /// The particulars.
    pub statement: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Cause codes between this one and the symptom.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Quotes.
    #[serde(default)]
    pub evidence: Vec<Quote>,
    /// Steps; the catalogue's are used when there are none.
    #[serde(default)]
    pub fix: Vec<FixStep>,
}

/// A quote from a piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// Evidence id.
    pub id: String,
    /// Verbatim words.
    pub quote: String,
}

/// A cause refuted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refuted {
    /// Cause code or words.
    pub cause: String,
    /// Why not.
    pub why: String,
    /// Quotes.
    #[serde(default)]
    pub evidence: Vec<Quote>,
}

/// How a model sees it. Written by hand: the generated schema is three times as long.
pub fn conclude_declaration() -> ToolDeclaration {
    let quotes = serde_json::json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "quote": {"type": "string", "description": "verbatim"}},
            "required": ["id", "quote"]
        }
    });
    ToolDeclaration {
        name: CONCLUDE.to_owned(),
        description: "End with the answer. Quotes are looked up in the evidence.".to_owned(),
        parameters: serde_json::json!({
            "type": "object",
            "properties": {
                "verdict": {"type": "string", "enum": ["root_cause_found", "no_issue", "inconclusive"]},
                "summary": {"type": "string", "description": "a few sentences for an on-call engineer"},
                "hypotheses": {"type": "array", "description": "best first", "items": {
                    "type": "object",
                    "properties": {
                        "cause": {"type": "string", "description": "cause code or other"},
                        "subject": {"type": "object", "properties": {
                            "kind": {"type": "string"}, "namespace": {"type": "string"}, "name": {"type": "string"}
                        }, "required": ["kind", "name"]},
                        "statement": {"type": "string"},
                        "confidence": {"type": "number"},
                        "evidence": quotes,
                        "fix": {"type": "array", "items": {"type": "object", "properties": {
                            "explain": {"type": "string"}, "command": {"type": "string"}
                        }, "required": ["explain"]}}
                    },
                    "required": ["cause", "subject", "statement", "confidence", "evidence"]
                }},
                "ruled_out": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"cause": {"type": "string"}, "why": {"type": "string"}, "evidence": quotes},
                    "required": ["cause", "why"]
                }},
                "impact": {"type": "string"}
            },
            "required": ["verdict", "summary", "hypotheses"]
        }),
    }
}

impl Investigation {
    /// The model called `conclude`, maybe beside other calls, which are not made.
    pub(super) fn concluded(
        &mut self,
        calls: &[ToolCall],
        place: usize,
        last: bool,
        prompts: &Prompts,
        intake: &mut Intake,
    ) -> Result<Vec<EventKind>, StepError> {
        let Some(call) = calls.get(place) else {
            return Err(StepError::OutOfStep("the conclusion is not among the calls".to_owned()));
        };
        let (text, outcome, answer) = match self.judge(&call.arguments, last, prompts, intake)? {
            Judgement::Accepted(answer) => ("accepted".to_owned(), CallOutcome::Ok, Some(*answer)),
            Judgement::SentBack(text) => (text, CallOutcome::Error, None),
            Judgement::GivenUp(text) => {
                let why = "the model's conclusion could not be read or checked";
                (text, CallOutcome::Error, Some(fallback::answer(self, why, None)))
            }
        };
        let round = calls
            .iter()
            .enumerate()
            .map(|(index, other)| {
                let fate = if index == place {
                    Fate::Answered { text: text.clone(), evidence: None, outcome }
                } else {
                    let text = "not executed: conclude was called in the same turn".to_owned();
                    Fate::Answered { text, evidence: None, outcome: CallOutcome::Skipped }
                };
                Triaged { call_id: other.id.clone(), tool: other.name.clone(), fate }
            })
            .collect();
        self.phase = Phase::Tools { calls: round };
        let mut events = self.settle_answered();
        match answer {
            Some(answer) => events.extend(self.finish(answer)),
            // The round is empty now; `round_finished` hands the turn back.
            None => events.extend(self.round_finished_after_check()),
        }
        Ok(events)
    }

    fn round_finished_after_check(&mut self) -> Vec<EventKind> {
        let last = self.spent().is_some() || self.reminders.check > limits::CHECKS;
        self.phase = Phase::Model { last };
        self.compact()
    }

    fn judge(
        &mut self,
        arguments: &str,
        last: bool,
        prompts: &Prompts,
        intake: &mut Intake,
    ) -> Result<Judgement, StepError> {
        let again = !last && self.reminders.check < limits::CHECKS;
        let parsed = parse_arguments(arguments).and_then(|mut value| {
            intake.clean_value(&mut value).map_err(|error| error.to_string())?;
            serde_json::from_value::<Conclude>(value).map_err(|error| error.to_string())
        });
        let conclusion = match parsed {
            Ok(conclusion) => conclusion,
            Err(message) => {
                self.reminders.check += 1;
                let text = format!("error: bad arguments: {}", intake.clean(&message)?);
                return Ok(if again { Judgement::SentBack(text) } else { Judgement::GivenUp(text) });
            }
        };
        let (answer, problems) = check::check(self, conclusion);
        if problems.is_empty() || !again {
            return Ok(Judgement::Accepted(Box::new(answer)));
        }
        self.reminders.check += 1;
        let ids = match self.ledger.len() {
            0 => "none yet".to_owned(),
            1 => "E1".to_owned(),
            count => format!("E1 to E{count}"),
        };
        let text = prompts
            .render("check_failed", &serde_json::json!({"problems": problems.join("; "), "ids": ids}))?;
        Ok(Judgement::SentBack(intake.clean_reply(&text)?))
    }
}

enum Judgement {
    Accepted(Box<stethoscope_core::answer::Answer>),
    SentBack(String),
    GivenUp(String),
}
