//! JSON Patch (RFC 6902), only what adds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One operation, as `kubectl patch --type=json` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchOp {
    /// Always `add`.
    pub op: String,
    /// JSON pointer; `-` at its end appends to a list.
    pub path: String,
    /// What is added.
    pub value: Value,
}

impl PatchOp {
    pub(crate) fn add(path: String, value: Value) -> Self {
        Self { op: "add".to_owned(), path, value }
    }

    /// Applies it; `None` when its place is not there.
    pub(crate) fn apply(&self, document: &mut Value) -> Option<()> {
        let (parent, last) = self.path.rsplit_once('/')?;
        match document.pointer_mut(parent)? {
            Value::Array(items) if last == "-" => items.push(self.value.clone()),
            Value::Array(items) => {
                let index: usize = last.parse().ok()?;
                if index > items.len() {
                    return None;
                }
                items.insert(index, self.value.clone());
            }
            Value::Object(map) => {
                map.insert(last.to_owned(), self.value.clone());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        }
        Some(())
    }
}

/// The JSON pointer of a path such as `specs[1].ingress[0]`.
pub(crate) fn pointer(path: &str) -> String {
    let mut pointer = String::from("/");
    for character in path.chars() {
        match character {
            '.' | '[' => pointer.push('/'),
            ']' => {}
            other => pointer.push(other),
        }
    }
    pointer
}
