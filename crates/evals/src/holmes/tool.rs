//! Recorded outputs as a tool.

use super::fixture::Recorded;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use stethoscope_core::tool::{CallContext, Coverage, Tool, ToolError, ToolOutput, ToolSpec};

/// Recorded calls that a miss names.
const NAMED: usize = 12;
/// Letters of a tool's name that endpoints take.
const LONGEST_NAME: usize = 64;

/// A tool that knows only what was recorded.
pub(super) struct RecordedTool {
    spec: ToolSpec,
    outputs: Vec<Recorded>,
}

impl RecordedTool {
    pub(super) fn new(name: &str, outputs: Vec<Recorded>) -> Self {
        let keys: BTreeSet<&String> = outputs.iter().flat_map(|output| output.arguments.keys()).collect();
        let properties: Map<String, Value> = keys.into_iter().map(|key| (key.clone(), json!({}))).collect();
        let spec = ToolSpec {
            name: safe(name),
            toolset: "recorded".to_owned(),
            description: format!(
                "What {name} said when this case was recorded; other calls were not recorded."
            ),
            input_schema: json!({"type": "object", "properties": properties}),
            output_schema: json!({"type": "object"}),
            rbac: Vec::new(),
        };
        Self { spec, outputs }
    }
}

/// A name that endpoints take: letters, digits, `_` and `-`.
fn safe(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    name.chars().take(LONGEST_NAME).map(letter).collect()
}

#[async_trait]
impl Tool for RecordedTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, _: &CallContext) -> Result<ToolOutput, ToolError> {
        let is = |output: &&Recorded| {
            output
                .arguments
                .iter()
                .all(|(key, wanted)| same(wanted, arguments.get(key).unwrap_or(&Value::Null)))
        };
        // The one that asks for most is the nearest.
        let Some(found) = self.outputs.iter().filter(is).max_by_key(|output| output.arguments.len()) else {
            let recorded = self.outputs.iter().take(NAMED);
            return Err(ToolError::NotFound {
                message: format!("this call of {} was not recorded", self.spec.name),
                nearest: recorded.map(|output| Value::Object(output.arguments.clone()).to_string()).collect(),
            });
        };
        if found.failed {
            return Err(ToolError::Unavailable { message: found.text.clone(), hint: None });
        }
        Ok(ToolOutput {
            text: found.text.clone(),
            data: json!({"lines": found.text.lines().count()}),
            subject: None,
            summary: format!("{} recorded lines", found.text.lines().count()),
            coverage: Coverage::default(),
        })
    }
}

/// Numbers and texts of the same letters are the same argument.
fn same(wanted: &Value, given: &Value) -> bool {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    wanted == given || (!given.is_null() && plain(wanted) == plain(given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn recorded(arguments: Value, text: &str, failed: bool) -> Recorded {
        Recorded { arguments: arguments.as_object().unwrap().clone(), text: text.to_owned(), failed }
    }

    async fn call(arguments: Value) -> Result<String, String> {
        let tool = RecordedTool::new(
            "kubectl logs/v1",
            vec![
                recorded(json!({"pod": "kiosk"}), "all", false),
                recorded(json!({"pod": "kiosk", "tail": 10}), "the last ten", false),
                recorded(json!({"pod": "gone"}), "no such pod", true),
            ],
        );
        assert_eq!(tool.spec().name, "kubectl_logs_v1");
        let context = CallContext { namespace: None, now: jiff::Timestamp::UNIX_EPOCH };
        tool.call(arguments, &context).await.map(|output| output.text).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_recorded_call_is_answered_and_another_is_said_to_be_missing() {
        assert_eq!(call(json!({"pod": "kiosk", "color": "red"})).await, Ok("all".to_owned()));
        assert_eq!(call(json!({"pod": "kiosk", "tail": "10"})).await, Ok("the last ten".to_owned()));
        assert_eq!(call(json!({"pod": "gone"})).await, Err("unavailable: no such pod".to_owned()));
        let miss = call(json!({"pod": "other"})).await.unwrap_err();
        assert!(miss.starts_with("not found: this call of kubectl_logs_v1 was not recorded"), "{miss}");
        assert!(miss.contains(r#"{"pod":"kiosk","tail":10}"#), "{miss}");
    }
}
