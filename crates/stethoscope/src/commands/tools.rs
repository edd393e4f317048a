//! `tools list` and `tools call`: every tool by hand, on the path that the agent uses.

use super::{print, print_json};
use crate::cli::{Global, ToolFormat, Tools};
use crate::compose;
use crate::config::Config;
use crate::exit::{Code, Failure};
use crate::terminal::{Paint, Terminal};
use serde_json::{Value, json};
use std::fmt::Write;
use stethoscope_core::evidence::Ledger;
use stethoscope_core::tool::{Availability, CallContext, ToolError};

pub(crate) async fn run(arguments: &Tools, global: &Global, config: &Config) -> Result<Code, Failure> {
    let source = compose::source(global, config).await?;
    let registry = source.registry()?;
    match arguments {
        Tools::List { output } => {
            let rows: Vec<Value> = registry
                .all()
                .map(|tool| {
                    let missing = match tool.available() {
                        Availability::Available => None,
                        Availability::Missing(why) => Some(why),
                    };
                    json!({"spec": tool.spec(), "missing": missing})
                })
                .collect();
            match output {
                ToolFormat::Json => print_json(&rows)?,
                ToolFormat::Text => {
                    let terminal = Terminal::new(global.color);
                    let mut text = String::new();
                    for tool in registry.all() {
                        let spec = tool.spec();
                        let _ = writeln!(
                            text,
                            "{}  {}",
                            terminal.out(&spec.name, Paint::Strong),
                            spec.description
                        );
                        let _ = writeln!(text, "    {}", spec.argument_hint());
                        if let Availability::Missing(why) = tool.available() {
                            let _ = writeln!(text, "    missing: {why}");
                        }
                    }
                    print(&text)?;
                }
            }
            Ok(Code::Answered)
        }
        Tools::Call { name, args, output } => {
            let arguments: Value = serde_json::from_str(args).map_err(|error| {
                Failure::usage(format!("--args is not JSON: {error}")).hint("--args '{\"pod\": \"web-1\"}'")
            })?;
            let context = CallContext { namespace: source.namespace.clone(), now: source.clock.now() };
            let result =
                registry.call(name, arguments.clone(), &context).await.map_err(|error| failure(&error))?;
            let mut intake = source.intake();
            let mut ledger = Ledger::default();
            let (id, _) = intake
                .admit(&mut ledger, name, &arguments, context.now, result)
                .map_err(|error| Failure::new(Code::Failure, error.to_string()))?;
            let Some(evidence) = ledger.get(id) else {
                return Err(Failure::new(Code::Failure, "the output was lost"));
            };
            match output {
                ToolFormat::Json => {
                    print_json(&json!({"data": evidence.data, "coverage": evidence.coverage}))?;
                }
                ToolFormat::Text => {
                    let mut text = evidence.text.trim_end().to_owned();
                    text.push('\n');
                    for line in &evidence.coverage.missing {
                        let _ = writeln!(text, "[not seen: {line}]");
                    }
                    for line in &evidence.coverage.truncated {
                        let _ = writeln!(text, "[cut: {line}]");
                    }
                    print(&text)?;
                }
            }
            Ok(Code::Answered)
        }
    }
}

/// A tool's error with its exit code.
pub(super) fn failure(error: &ToolError) -> Failure {
    let code = match error {
        ToolError::BadArguments { .. } => Code::Usage,
        ToolError::NotFound { .. } | ToolError::Bug { .. } => Code::Failure,
        ToolError::Forbidden { .. } | ToolError::Denied { .. } => Code::Denied,
        ToolError::Unavailable { .. } | ToolError::Timeout { .. } => Code::Unreachable,
    };
    Failure::new(code, error.to_string())
}
