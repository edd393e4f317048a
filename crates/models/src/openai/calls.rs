//! Puts tool calls together from the pieces in which servers send them.

use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use stethoscope_core::model::{Message, ToolCall};

/// Calls in one reply.
const MAX_CALLS: usize = 128;
/// A longer id is replaced.
const MAX_ID: usize = 128;

/// The calls of a reply so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    slots: Vec<Slot>,
    round: u64,
}

#[derive(Debug, Default)]
struct Slot {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// The delta that touched it last.
    round: u64,
}

/// One entry of a delta.
struct Entry<'a> {
    index: Option<u64>,
    id: String,
    name: &'a str,
    arguments: String,
}

/// A reply calls more tools than any model means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyCalls;

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes the `tool_calls` of a delta; gives how many bytes of arguments they hold.
    pub(super) fn push(&mut self, entries: &Value) -> Result<usize, TooManyCalls> {
        self.round += 1;
        let one = [entries];
        let entries: Vec<&Value> = match entries {
            Value::Array(list) => list.iter().collect(),
            Value::Object(_) => one.to_vec(),
            _ => Vec::new(),
        };
        let mut bytes = 0;
        for entry in entries.into_iter().filter(|entry| entry.is_object()) {
            let entry = Entry::of(entry);
            bytes += entry.arguments.len();
            let at = if let Some(at) = self.slot_of(&entry) {
                at
            } else {
                if self.slots.len() >= MAX_CALLS {
                    return Err(TooManyCalls);
                }
                self.slots.push(Slot { index: entry.index, ..Slot::default() });
                self.slots.len() - 1
            };
            self.slots[at].take(entry, self.round);
        }
        Ok(bytes)
    }

    /// The call that an entry continues; `None` when it begins a new one.
    fn slot_of(&self, entry: &Entry<'_>) -> Option<usize> {
        // A second whole call in the place of the first: a name and arguments where nothing is missing any more.
        let begins_anew =
            |slot: &Slot| !entry.name.is_empty() && !entry.arguments.is_empty() && slot.is_whole();
        if let Some(index) = entry.index {
            let at = self.slots.iter().rposition(|slot| slot.index == Some(index))?;
            let slot = &self.slots[at];
            let other_id = !entry.id.is_empty() && !slot.id.is_empty() && entry.id != slot.id;
            // Some gateways count every call as index 0; others make up a new id for each piece, without a name.
            let other = other_id && !entry.name.is_empty() || begins_anew(slot);
            return (!other).then_some(at);
        }
        if !entry.id.is_empty() {
            let at = self.slots.iter().rposition(|slot| slot.id == entry.id)?;
            return (!begins_anew(&self.slots[at])).then_some(at);
        }
        let slot = self.slots.last()?;
        let other = !entry.name.is_empty()
            && (slot.round == self.round
                || slot.name != entry.name && !slot.name.is_empty()
                || slot.is_whole());
        (!other).then(|| self.slots.len() - 1)
    }

    /// The finished calls, in the model's order, each with an id of its own.
    pub(super) fn finish(mut self, ids: &mut Ids) -> Vec<ToolCall> {
        self.slots.retain(|slot| !slot.name.is_empty() || !slot.arguments.trim().is_empty());
        let indices: BTreeSet<u64> = self.slots.iter().filter_map(|slot| slot.index).collect();
        if indices.len() == self.slots.len() {
            self.slots.sort_by_key(|slot| slot.index);
        }
        let calls = self.slots.into_iter().map(|slot| {
            // Servers send nothing at all for a tool without parameters.
            let empty = slot.arguments.trim().is_empty();
            let arguments = if empty { "{}".to_owned() } else { slot.arguments };
            ToolCall { id: ids.give(slot.id), name: slot.name, arguments }
        });
        calls.collect()
    }
}

impl Slot {
    fn take(&mut self, entry: Entry<'_>, round: u64) {
        if self.id.is_empty() {
            self.id = entry.id;
        }
        // Some servers repeat the name with each piece; others send it in pieces, before any argument.
        if !entry.name.is_empty() && entry.name != self.name {
            if entry.name.starts_with(&self.name) {
                entry.name.clone_into(&mut self.name);
            } else if self.arguments.is_empty() {
                self.name.push_str(entry.name);
            }
        }
        self.arguments.push_str(&entry.arguments);
        self.round = round;
    }

    /// Whether its arguments are a whole JSON object.
    fn is_whole(&self) -> bool {
        is_object(&self.arguments)
    }
}

impl<'a> Entry<'a> {
    fn of(entry: &'a Value) -> Self {
        let function = entry.get("function").filter(|function| function.is_object()).unwrap_or(entry);
        let index = entry.get("index");
        let index = index.and_then(|index| index.as_u64().or_else(|| index.as_str()?.parse().ok()));
        let id = match entry.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => String::new(),
        };
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        Self { index, id, name: function.get("name").and_then(Value::as_str).unwrap_or(""), arguments }
    }
}

/// Whether a text is one whole JSON object.
pub(super) fn is_object(text: &str) -> bool {
    let text = text.trim();
    // Most pieces are told apart without reading the whole.
    text.starts_with('{') && text.ends_with('}') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Gives each call an id that no other call of the conversation has.
#[derive(Debug)]
pub(super) struct Ids {
    taken: HashSet<String>,
    next: usize,
}

impl Ids {
    /// Knows the ids of this history.
    pub(super) fn of(messages: &[Message]) -> Self {
        let calls = messages.iter().filter_map(|message| match message {
            Message::Assistant { calls, .. } => Some(calls),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => None,
        });
        let taken: HashSet<String> = calls.flatten().map(|call| call.id.clone()).collect();
        Self { next: taken.len() + 1, taken }
    }

    /// The server's id where it can be used, else `call_1`, `call_2`, … by place in the conversation.
    fn give(&mut self, id: String) -> String {
        if !id.is_empty() && id.len() <= MAX_ID && self.taken.insert(id.clone()) {
            return id;
        }
        loop {
            let made_up = format!("call_{}", self.next);
            self.next += 1;
            if self.taken.insert(made_up.clone()) {
                return made_up;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn calls(deltas: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for delta in deltas {
            calls.push(delta).unwrap();
        }
        let calls = calls.finish(&mut Ids::of(&[]));
        calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn takes_two_whole_calls_at_index_zero_for_two() {
        let one = |id: &str, name: &str| json!([{"index": 0, "id": id, "function": {"name": name, "arguments": "{}"}}]);
        assert_eq!(calls(&[one("a", "x"), one("b", "x")]), [call("a", "x", "{}"), call("b", "x", "{}")]);
        assert_eq!(
            calls(&[one("", "x"), one("", "x")]),
            [call("call_1", "x", "{}"), call("call_2", "x", "{}")]
        );
        assert_eq!(calls(&[one("x", "x"), one("x", "x")]), [call("x", "x", "{}"), call("call_1", "x", "{}")]);
    }

    #[test]
    fn ignores_a_new_id_on_each_piece_of_one_call() {
        let deltas = [
            json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": "{\"k\""}}]),
            json!([{"index": 0, "id": "b", "function": {"arguments": ":1}"}}]),
        ];
        assert_eq!(calls(&deltas), [call("a", "x", "{\"k\":1}")]);
    }

    #[test]
    fn joins_a_name_in_pieces_and_orders_interleaved_calls_by_index() {
        let deltas = [
            json!([{"index": 1, "id": "b", "function": {"name": "k8s_"}}]),
            json!([{"index": 0, "id": "a", "function": {"name": "x"}}]),
            json!([{"index": 1, "function": {"name": "get", "arguments": "{"}}, {"index": 0, "function": {"arguments": "{}"}}]),
            json!([{"index": 1, "function": {"arguments": "}"}}]),
        ];
        assert_eq!(calls(&deltas), [call("a", "x", "{}"), call("b", "k8s_get", "{}")]);
    }

    #[test]
    fn gives_empty_arguments_an_object_and_drops_entries_without_anything() {
        assert_eq!(
            calls(&[json!([{"index": 0, "id": "a", "function": {"name": "x"}}, {"index": 1}])]),
            [call("a", "x", "{}")]
        );
        assert_eq!(calls(&[json!("nonsense"), json!([1, null])]), []);
    }

    #[test]
    fn refuses_more_calls_than_any_model_means() {
        let many: Vec<Value> =
            (0..200).map(|index| json!({"index": index, "function": {"name": "x"}})).collect();
        assert_eq!(Calls::default().push(&json!(many)), Err(TooManyCalls));
    }

    #[test]
    fn never_gives_an_id_that_the_history_has() {
        let old = ToolCall { id: "call_2".to_owned(), name: "x".to_owned(), arguments: "{}".to_owned() };
        let mut ids = Ids::of(&[Message::Assistant { text: String::new(), calls: vec![old] }]);
        assert_eq!(ids.give("call_2".to_owned()), "call_3");
        assert_eq!(ids.give(String::new()), "call_4");
        assert_eq!(ids.give("mine".to_owned()), "mine");
    }
}
