//! The final, checked report: `answer.v1`.

use crate::{evidence::EvidenceId, object::ObjectRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer to a question. Every claim in it points at evidence that a program checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Always `answer.v1`.
    pub version: AnswerVersion,
    /// The question, as asked.
    pub question: String,
    /// What came out.
    pub verdict: Verdict,
    /// A few sentences for a person.
    pub summary: String,
    /// Candidate causes, best first.
    pub hypotheses: Vec<Hypothesis>,
    /// Causes that were looked for and refuted.
    pub ruled_out: Vec<RuledOut>,
    /// Who or what suffers, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// What was not seen.
    pub coverage: Coverage,
    /// What it cost.
    pub usage: Usage,
}

/// The format's name and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AnswerVersion {
    /// The first format.
    #[serde(rename = "answer.v1")]
    V1,
}

/// What came out of an investigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A cause with verified evidence.
    RootCauseFound,
    /// Looked, and nothing is wrong.
    NoIssue,
    /// Not decidable from what could be seen.
    Inconclusive,
}

/// A ranked candidate cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hypothesis {
    /// 1 is best.
    pub rank: u32,
    /// Code from the cause catalogue, or `other` when none fits.
    pub cause: String,
    /// The object to mend.
    pub subject: ObjectRef,
    /// One or two sentences with the particulars.
    pub statement: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Cause codes between this one and the symptom, deepest first.
    #[serde(default)]
    pub chain: Vec<String>,
    /// What supports it.
    pub evidence: Vec<Citation>,
    /// What to do.
    #[serde(default)]
    pub fix: Vec<FixStep>,
}

/// A quote from a piece of evidence, and whether it was found there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// Evidence id, e.g. `E7`.
    pub id: EvidenceId,
    /// The words.
    pub quote: String,
    /// True when a program found the quote in that evidence.
    #[serde(default)]
    pub verified: bool,
}

/// One step that a person may take. Stethoscope never takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FixStep {
    /// What to do and why.
    pub explain: String,
    /// A command that does it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A command that shows that it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
}

/// A cause that was looked for and refuted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// Cause code, or words.
    pub cause: String,
    /// Why not.
    pub why: String,
    /// What refutes it.
    #[serde(default)]
    pub evidence: Vec<Citation>,
}

/// What the investigation saw and did not see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// What was not permitted, not served or not reachable, one line each.
    pub missing: Vec<String>,
    /// The time window that the evidence covers, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// What was cut short, one line each.
    pub truncated: Vec<String>,
}

/// What the investigation cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// The model's name; `builtin` for the embedded one.
    pub model: String,
    /// Exchanges with the model.
    pub turns: u32,
    /// Tool calls made.
    pub tool_calls: u32,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// US dollars, when a price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Seconds by the investigation's clock.
    pub seconds: f64,
    /// The limit that ended the investigation early, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_hit: Option<String>,
}
