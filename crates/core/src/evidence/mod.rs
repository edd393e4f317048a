//! Evidence: tool outputs that have been redacted, made safe and shaped, with ids that claims can cite.

mod intake;
mod quote;
mod read;
mod seed;

use crate::{object::ObjectRef, tool::Coverage};
pub use intake::{Intake, IntakeError, Limits};
use jiff::Timestamp;
pub use quote::find_quote;
pub use read::{READ_OUTPUT, ReadOutput, read_output, read_output_declaration};
use schemars::JsonSchema;
pub use seed::ReplaySeed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// `E1`, `E2`, … in call order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EvidenceId(pub u32);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.0)
    }
}

/// Not an evidence id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an evidence id; they look like E7")]
pub struct NotAnId(String);

impl std::str::FromStr for EvidenceId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let trimmed = text.trim().trim_matches(['[', ']']);
        let digits = trimmed.strip_prefix(['E', 'e']).unwrap_or(trimmed);
        digits.parse().map(Self).map_err(|_| NotAnId(text.to_owned()))
    }
}

impl Serialize for EvidenceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EvidenceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EvidenceId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EvidenceId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^E[0-9]+$"})
    }

    fn inline_schema() -> bool {
        true
    }
}

/// One tool output, redacted and made safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its id.
    pub id: EvidenceId,
    /// The tool that gave it.
    pub tool: String,
    /// The arguments, redacted.
    pub arguments: Value,
    /// When, by the investigation's clock.
    pub at: Timestamp,
    /// The object it is about.
    pub subject: Option<ObjectRef>,
    /// A few words for people.
    pub summary: String,
    /// The whole text: redacted, stripped of control characters, not shaped. Quotes are looked up here.
    pub text: String,
    /// The typed output, redacted.
    pub data: Value,
    /// What was not seen or was cut by the tool.
    pub coverage: Coverage,
    /// Secrets replaced in it.
    pub redactions: u32,
}

/// Every piece of evidence of one investigation, in call order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    entries: Vec<Evidence>,
    /// Pieces that were dropped from the front; their ids are not given again.
    #[serde(default, skip_serializing_if = "none_forgotten")]
    forgotten: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn none_forgotten(forgotten: &u32) -> bool {
    *forgotten == 0
}

impl Ledger {
    /// The evidence with this id.
    pub fn get(&self, id: EvidenceId) -> Option<&Evidence> {
        let index = id.0.checked_sub(self.forgotten)?.checked_sub(1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Where a quote stands: first-hand evidence before a detector's digest, older before newer.
    pub fn cite(&self, quote: &str) -> Option<EvidenceId> {
        let digest = |evidence: &&Evidence| evidence.data.get("findings").is_some();
        let stands = |evidence: &&Evidence| find_quote(&evidence.text, quote);
        let first_hand = self.entries.iter().filter(|evidence| !digest(evidence)).find(stands);
        first_hand.or_else(|| self.entries.iter().filter(digest).find(stands)).map(|evidence| evidence.id)
    }

    /// All of it, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Evidence> {
        self.entries.iter()
    }

    /// How many pieces.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops the oldest piece, for servers that go on without end. Ids of the others stay.
    pub fn forget_oldest(&mut self) -> Option<Evidence> {
        if self.entries.is_empty() {
            return None;
        }
        self.forgotten = self.forgotten.saturating_add(1);
        Some(self.entries.remove(0))
    }

    /// The id that the next piece will have.
    fn next_id(&self) -> EvidenceId {
        let held = u32::try_from(self.entries.len()).unwrap_or(u32::MAX - 1);
        EvidenceId(self.forgotten.saturating_add(held).min(u32::MAX - 1) + 1)
    }

    fn push(&mut self, evidence: Evidence) {
        self.entries.push(evidence);
    }
}

#[cfg(test)]
mod ledger_tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn piece(id: EvidenceId) -> Evidence {
        Evidence {
            id,
            tool: "k8s_list".to_owned(),
            arguments: Value::Null,
            at: Timestamp::UNIX_EPOCH,
            subject: None,
            summary: String::new(),
            text: String::new(),
            data: Value::Null,
            coverage: Coverage::default(),
            redactions: 0,
        }
    }

    #[test]
    fn forgetting_the_oldest_keeps_the_ids_of_the_rest() {
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.push(piece(ledger.next_id()));
        }
        assert_eq!(ledger.forget_oldest().map(|evidence| evidence.id), Some(EvidenceId(1)));
        assert_eq!(ledger.get(EvidenceId(1)), None);
        assert_eq!(ledger.get(EvidenceId(3)).map(|evidence| evidence.id), Some(EvidenceId(3)));
        assert_eq!(ledger.next_id(), EvidenceId(4));
        let again: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        assert_eq!(again, ledger);
    }
}
