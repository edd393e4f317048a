//! `read_output`: reading on in a piece of evidence that was too long to show at once.

use super::{EvidenceId, Ledger};
use crate::model::ToolDeclaration;
use crate::tool::{ToolError, nearest_names};
use regex::RegexBuilder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tool's name.
pub const READ_OUTPUT: &str = "read_output";

/// Lines given at once unless fewer fit.
const LINES: usize = 200;

/// Arguments of `read_output`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOutput {
    /// Evidence id, e.g. E3.
    pub id: String,
    /// Show only lines that match this regular expression, with their line numbers.
    #[serde(default)]
    pub grep: Option<String>,
    /// First line to show, counted from 1.
    #[serde(default)]
    pub from: Option<usize>,
}

/// How a model sees it.
pub fn read_output_declaration() -> ToolDeclaration {
    ToolDeclaration {
        name: READ_OUTPUT.to_owned(),
        description: "Read on in an earlier output that was cut, from a line or by regex.".to_owned(),
        parameters: serde_json::json!({
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "evidence id, e.g. E3"},
                "grep": {"type": "string", "description": "regex; only matching lines, numbered"},
                "from": {"type": "integer", "description": "first line, from 1"}
            },
            "required": ["id"]
        }),
    }
}

/// Reads on: lines of an earlier output, already redacted. Gives the evidence read and its text.
pub fn read_output(ledger: &Ledger, request: &ReadOutput) -> Result<(EvidenceId, String), ToolError> {
    let id: EvidenceId = request.id.parse().map_err(|error: super::NotAnId| ToolError::BadArguments {
        message: error.to_string(),
        hint: None,
    })?;
    let Some(evidence) = ledger.get(id) else {
        let ids: Vec<String> = ledger.iter().map(|evidence| evidence.id.to_string()).collect();
        return Err(ToolError::NotFound {
            message: format!("there is no evidence {id}; there are {}", ids.len()),
            nearest: nearest_names(&id.to_string(), ids.iter().map(String::as_str), 3),
        });
    };
    let from = request.from.unwrap_or(1).max(1);
    let total = evidence.text.lines().count();
    let numbered = evidence.text.lines().enumerate().map(|(index, line)| (index + 1, line)).skip(from - 1);
    let mut out = String::new();
    let mut last = 0;
    let mut more = false;
    let mut add = |number: usize, line: &str, count: usize| {
        if count >= LINES {
            return false;
        }
        out.push_str(&format!("{number}: {line}\n"));
        last = number;
        true
    };
    if let Some(pattern) = &request.grep {
        let regex = RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| {
            ToolError::BadArguments {
                message: format!("grep is not a regular expression: {error}"),
                hint: Some("escape ( ) [ ] { } . * + ? with a backslash".to_owned()),
            }
        })?;
        for (count, (number, line)) in numbered.filter(|(_, line)| regex.is_match(line)).enumerate() {
            if !add(number, line, count) {
                more = true;
                break;
            }
        }
        if out.is_empty() {
            return Ok((id, format!("no line from {from} on matches; {id} has {total} lines")));
        }
    } else {
        for (count, (number, line)) in numbered.enumerate() {
            if !add(number, line, count) {
                more = true;
                break;
            }
        }
        if out.is_empty() {
            return Ok((id, format!("{id} ends at line {total}")));
        }
    }
    if more {
        out.push_str(&format!("[more; read on with from {}]\n", last + 1));
    }
    Ok((id, out))
}
