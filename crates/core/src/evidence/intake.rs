//! The one choke point: redact (fail closed) -> sanitise -> number the pseudonyms -> keep as evidence -> fence and shape.

use super::{Evidence, EvidenceId, Ledger};
use crate::redact::{RedactError, Redactor};
use crate::text::{Fence, sanitize, truncate_to_tokens};
use crate::tool::{ToolError, ToolOutput};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much of an output is kept and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of one output kept as evidence, to be read on with `read_output`.
    pub kept_bytes: usize,
    /// Tokens of one output shown to the model at once.
    pub shown_tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { kept_bytes: 4 << 20, shown_tokens: 2_000 }
    }
}

/// The choke point's state: the pseudonyms given so far and this run's fence.
#[derive(Clone, Debug)]
pub struct Intake {
    redactor: Redactor,
    fence: Fence,
    limits: Limits,
}

/// The choke point refused an output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an output was withheld because it could not be redacted: {0}")]
pub struct IntakeError(#[from] pub RedactError);

impl Intake {
    /// A new one.
    pub fn new(redactor: Redactor, fence: Fence, limits: Limits) -> Self {
        Self { redactor, fence, limits }
    }

    /// The fence, for the prompt that explains it.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// How many distinct secrets were numbered so far.
    pub fn secrets_seen(&self) -> usize {
        self.redactor.pseudonyms().len()
    }

    /// Redacts and sanitises a text from outside that is not evidence: the question, the words of an error.
    pub fn clean(&mut self, text: &str) -> Result<String, IntakeError> {
        let redacted = self.redactor.text(&sanitize(text))?;
        Ok(redacted.text)
    }

    /// Redacts and sanitises a text that the model wrote. Pseudonyms that it was shown stay as they are.
    pub fn clean_reply(&mut self, text: &str) -> Result<String, IntakeError> {
        let redacted = self.redactor.reply(&sanitize(text))?;
        Ok(redacted.text)
    }

    /// [`Self::clean_reply`] for every string of a JSON value: a call's arguments, a conclusion.
    pub fn clean_value(&mut self, value: &mut Value) -> Result<(), IntakeError> {
        match value {
            Value::String(text) => *text = self.clean_reply(text)?,
            Value::Array(items) => {
                for item in items {
                    self.clean_value(item)?;
                }
            }
            Value::Object(map) => {
                for item in map.values_mut() {
                    self.clean_value(item)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    /// Takes an output in: it becomes evidence, whole, and the model is given the shaped text that is returned.
    pub fn admit(
        &mut self,
        ledger: &mut Ledger,
        tool: &str,
        arguments: &Value,
        at: Timestamp,
        output: ToolOutput,
    ) -> Result<(EvidenceId, String), IntakeError> {
        let mut coverage = output.coverage;
        let mut text = self.redactor.text(&sanitize(&output.text))?;
        if text.text.len() > self.limits.kept_bytes {
            let kept = truncate_to_tokens(&text.text, self.limits.kept_bytes / 4).0.len();
            coverage.truncated.push(format!("{tool}: kept {kept} of {} bytes", text.text.len()));
            text.text.truncate(kept);
        }
        let mut data = output.data;
        sanitize_strings(&mut data);
        let replaced = self.redactor.value(&mut data)?;
        let mut arguments = arguments.clone();
        self.redactor.value(&mut arguments)?;
        let summary = self.redactor.text(&sanitize(&output.summary))?.text;
        for line in coverage.missing.iter_mut().chain(coverage.truncated.iter_mut()) {
            *line = self.redactor.text(&sanitize(line))?.text;
        }
        let id = ledger.next_id();
        let shown = self.shape(id, &text.text, &coverage);
        ledger.push(Evidence {
            id,
            tool: tool.to_owned(),
            arguments,
            at,
            subject: output.subject,
            summary,
            text: text.text,
            data,
            coverage,
            redactions: text.replaced.max(replaced),
        });
        Ok((id, shown))
    }

    /// Shapes text that is already evidence (a part read again) without making a new piece.
    pub fn shape_again(&self, id: EvidenceId, text: &str) -> String {
        self.shape(id, text, &crate::tool::Coverage::default())
    }

    /// The text of an error for the model.
    pub fn error(&mut self, error: &ToolError) -> Result<String, IntakeError> {
        let text = self.clean(&error.to_string())?;
        Ok(format!("error: {text}"))
    }

    fn shape(&self, id: EvidenceId, text: &str, coverage: &crate::tool::Coverage) -> String {
        let (shown, cut) = truncate_to_tokens(text, self.limits.shown_tokens);
        let mut out = format!("{id}\n{}", self.fence.wrap(shown));
        if cut {
            let lines = text.lines().count();
            let shown_lines = shown.lines().count();
            out.push_str(&format!(
                "\n[{shown_lines} of {lines} lines shown; read on with read_output {{\"id\":\"{id}\",\"from\":{}}} or its grep]",
                shown_lines + 1
            ));
        }
        for line in &coverage.missing {
            out.push_str(&format!("\n[not seen: {line}]"));
        }
        for line in &coverage.truncated {
            out.push_str(&format!("\n[cut: {line}]"));
        }
        out
    }
}

/// Sanitises every string in a value. Keys are left: they come from our own types and from object keys, which the
/// API server restricts.
fn sanitize_strings(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize(text),
        Value::Array(items) => items.iter_mut().for_each(sanitize_strings),
        Value::Object(map) => map.values_mut().for_each(sanitize_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
