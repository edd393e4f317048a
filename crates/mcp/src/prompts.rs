//! Prompts: ready-made ways into an investigation, for the person to choose.

use crate::server::{allowed, caller};
use rmcp::ErrorData;
use rmcp::model::{GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use stethoscope_core::text::sanitize;

/// Longest argument.
const LONGEST: usize = 8 << 10;

/// One prompt. `{name}` in the text stands for an argument; a line whose arguments are all absent is left out.
struct Shipped {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    text: &'static str,
}

struct Argument {
    name: &'static str,
    description: &'static str,
    needed: Needed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    No,
}

const fn argument(name: &'static str, description: &'static str, needed: Needed) -> Argument {
    Argument { name, description, needed }
}

const NAMESPACE: Argument = argument("namespace", "Namespace", Needed::No);

const SHIPPED: [Shipped; 5] = [
    Shipped {
        name: "explain_incident",
        title: "Explain an incident",
        description: "From an alert or a complaint to a root cause with evidence and a fix",
        arguments: &[argument("alert", "The alert's text, or what people see", Needed::Yes), NAMESPACE],
        text: include_str!("../prompts/explain_incident.md"),
    },
    Shipped {
        name: "gpu_health",
        title: "GPU health",
        description: "Are the GPUs of a node, or of the cluster, healthy and used as they should be?",
        arguments: &[argument("node", "Node", Needed::No)],
        text: include_str!("../prompts/gpu_health.md"),
    },
    Shipped {
        name: "network_path",
        title: "Network path",
        description: "Why can one workload not reach another?",
        arguments: &[
            argument("from", "Who calls: pod, workload or host", Needed::Yes),
            argument("to", "Who is called: service, workload or host", Needed::Yes),
            NAMESPACE,
        ],
        text: include_str!("../prompts/network_path.md"),
    },
    Shipped {
        name: "troubleshoot_workload",
        title: "Troubleshoot a workload",
        description: "Why does this workload not do its job?",
        arguments: &[
            argument("name", "Its name", Needed::Yes),
            argument("kind", "Its kind, e.g. Deployment", Needed::No),
            NAMESPACE,
        ],
        text: include_str!("../prompts/troubleshoot_workload.md"),
    },
    Shipped {
        name: "what_changed",
        title: "What changed?",
        description: "What was changed before the trouble began, and did it cause it?",
        arguments: &[argument("since", "e.g. 2h, or a time", Needed::No), NAMESPACE],
        text: include_str!("../prompts/what_changed.md"),
    },
];

/// Every prompt, by name.
pub(crate) fn list() -> Vec<Prompt> {
    SHIPPED
        .iter()
        .map(|shipped| {
            let arguments = shipped
                .arguments
                .iter()
                .map(|argument| {
                    PromptArgument::new(argument.name)
                        .with_description(argument.description)
                        .with_required(argument.needed == Needed::Yes)
                })
                .collect();
            Prompt::new(shipped.name, Some(shipped.description), Some(arguments)).with_title(shipped.title)
        })
        .collect()
}

/// Whether a prompt of this name takes this argument.
pub(crate) fn takes(prompt: &str, argument: &str) -> bool {
    SHIPPED
        .iter()
        .any(|shipped| shipped.name == prompt && shipped.arguments.iter().any(|known| known.name == argument))
}

/// A prompt with its arguments put in.
pub(crate) fn get(
    request: GetPromptRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetPromptResult, ErrorData> {
    let caller = caller(context);
    allowed(&caller)?;
    let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == request.name) else {
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        let message = format!("no prompt has this name; there are {}", names.join(", "));
        return Err(ErrorData::invalid_params(message, None));
    };
    let given = request.arguments.unwrap_or_default();
    let mut values = Vec::new();
    for argument in shipped.arguments {
        let value = match given.get(argument.name) {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text.trim(),
            Some(_) => {
                let message = format!("argument {} must be a string", argument.name);
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        if value.is_empty() && argument.needed == Needed::Yes {
            let message = format!("{} needs the argument {}", shipped.name, argument.name);
            return Err(ErrorData::invalid_params(message, None));
        }
        if value.len() > LONGEST {
            let message = format!("argument {} is longer than {LONGEST} bytes", argument.name);
            return Err(ErrorData::invalid_params(message, None));
        }
        values.push((argument.name, sanitize(value)));
    }
    let message = PromptMessage::new_text(Role::User, fill(shipped.text, &values));
    Ok(GetPromptResult::new(vec![message]).with_description(shipped.description))
}

/// Puts the values in. A line that asks for values and gets none of them is left out.
fn fill(text: &str, values: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        let asked: Vec<&(&str, String)> =
            values.iter().filter(|(name, _)| line.contains(&format!("{{{name}}}"))).collect();
        if !asked.is_empty() && asked.iter().all(|(_, value)| value.is_empty()) {
            continue;
        }
        // One pass over the line: a value that holds `{name}` of another is not filled again.
        let mut rest = line;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let tail = &rest[at + 1..];
            let value = tail.find('}').and_then(|end| {
                values.iter().find(|(name, _)| *name == &tail[..end]).map(|found| (end, found))
            });
            match value {
                Some((end, (_, value))) => {
                    out.push_str(value);
                    rest = &tail[end + 1..];
                }
                None => {
                    out.push('{');
                    rest = tail;
                }
            }
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn every_placeholder_is_an_argument_and_every_argument_is_used() {
        for shipped in &SHIPPED {
            let values: Vec<(&str, String)> =
                shipped.arguments.iter().map(|argument| (argument.name, "VALUE".to_owned())).collect();
            let text = fill(shipped.text, &values);
            assert!(!text.contains('{'), "{}: {text}", shipped.name);
            for argument in shipped.arguments {
                assert!(shipped.text.contains(&format!("{{{}}}", argument.name)), "{}", argument.name);
            }
        }
        assert!(SHIPPED.is_sorted_by_key(|shipped| shipped.name));
    }

    #[test]
    fn a_line_without_its_value_goes_and_values_are_not_filled_twice() {
        let values = [("a", "{b}".to_owned()), ("b", String::new())];
        assert_eq!(fill("x {a} y\nonly {b}\nend {c}", &values), "x {b} y\nend {c}\n");
    }
}
