//! Every tool as it is declared to clients: the registry's, and the server's own four.

use crate::schema;
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use stethoscope_core::answer::Answer;
use stethoscope_core::evidence::{READ_OUTPUT, read_output_declaration};
use stethoscope_core::tool::{RbacRule, Registry, ToolSpec};

/// The whole agent as one tool.
pub(crate) const INVESTIGATE: &str = "investigate";
/// Looks for tools that are not listed.
pub(crate) const FIND_TOOLS: &str = "find_tools";
/// Calls a tool that is not listed, for clients that only call what is.
pub(crate) const CALL_TOOL: &str = "call_tool";

/// Where a tool's needs stand in its `_meta`.
const RBAC: &str = "stethoscope.dev/rbac";

/// The argument that names a cluster.
pub(crate) const CONTEXT: &str = "context";

/// A tool of the registry.
pub(crate) struct Declared {
    pub(crate) spec: ToolSpec,
    pub(crate) tool: Tool,
    /// Bytes that a model pays for: name, description, schema of the arguments.
    pub(crate) cost: usize,
}

/// Every tool.
pub(crate) struct Catalogue {
    pub(crate) tools: BTreeMap<String, Declared>,
    pub(crate) investigate: Tool,
    pub(crate) read_output: Tool,
    pub(crate) find_tools: Tool,
    pub(crate) call_tool: Tool,
}

/// Whether a tool looks at the world outside of this server. None changes anything.
#[derive(Clone, Copy)]
enum World {
    Outside,
    Inside,
}

fn read_only(world: World) -> ToolAnnotations {
    let open = matches!(world, World::Outside);
    ToolAnnotations::new().read_only(true).destructive(false).idempotent(true).open_world(open)
}

impl Catalogue {
    pub(crate) fn new(registry: &Registry, contexts: &[String]) -> Self {
        let tools = registry
            .all()
            .map(|tool| {
                let declared = declare(tool.spec(), contexts);
                (declared.spec.name.clone(), declared)
            })
            .collect();
        Self {
            tools,
            investigate: investigate(contexts),
            read_output: read_output(),
            find_tools: find_tools(),
            call_tool: call_tool(),
        }
    }
}

fn declare(spec: &ToolSpec, contexts: &[String]) -> Declared {
    let mut input = spec.input_schema.clone();
    schema::plain_arguments(&mut input);
    let mut input = schema::object(input);
    with_context(&mut input, contexts);
    let cost = cost(&spec.name, &spec.description, &input);
    let tool = Tool::new(spec.name.clone(), spec.description.clone(), Arc::new(input))
        .with_raw_output_schema(Arc::new(schema::result(spec.output_schema.clone())))
        .with_annotations(read_only(World::Outside));
    let tool = if spec.rbac.is_empty() { tool } else { tool.with_meta(meta(&spec.rbac)) };
    Declared { spec: spec.clone(), tool, cost }
}

fn cost(name: &str, description: &str, input: &JsonObject) -> usize {
    name.len() + description.len() + serde_json::to_string(input).map_or(0, |text| text.len())
}

/// Adds the argument that names a cluster, where there is a choice.
fn with_context(input: &mut JsonObject, contexts: &[String]) {
    if contexts.len() < 2 {
        return;
    }
    let properties = input.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        let argument =
            json!({"type": "string", "enum": contexts, "description": "cluster; default the first"});
        properties.insert(CONTEXT.to_owned(), argument);
    }
}

/// The rules in the form of a Role, those with the same group and verbs together.
fn meta(rules: &[RbacRule]) -> MetaObject {
    let mut merged: BTreeMap<(&str, &[String]), Vec<&str>> = BTreeMap::new();
    for rule in rules {
        let resources = merged.entry((rule.api_group.as_str(), rule.verbs.as_slice())).or_default();
        for resource in &rule.resources {
            if !resources.contains(&resource.as_str()) {
                resources.push(resource);
            }
        }
    }
    let rules: Vec<Value> = merged
        .into_iter()
        .map(|((group, verbs), resources)| json!({"apiGroups": [group], "resources": resources, "verbs": verbs}))
        .collect();
    MetaObject(schema::object(json!({RBAC: rules})))
}

fn investigate(contexts: &[String]) -> Tool {
    let mut input = schema::object(json!({
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "what is wrong, in plain words, or an alert's text"},
            "namespace": {"type": "string", "description": "where to look first"}
        },
        "required": ["question"],
        "additionalProperties": false
    }));
    with_context(&mut input, contexts);
    let answer = schemars::schema_for!(Answer).to_value();
    let mut output = schema::result(answer);
    if let Some(Value::Object(properties)) = output.get_mut("properties") {
        properties.remove("evidence");
        properties.insert("investigation".to_owned(), json!({"type": "string"}));
        properties.insert("verdict".to_owned(), json!({"type": "string"}));
    }
    Tool::new(
        INVESTIGATE,
        "Why is it broken? The agent reads the cluster and gives a root cause with checked evidence and a fix.",
        Arc::new(input),
    )
    .with_raw_output_schema(Arc::new(output))
    .with_annotations(read_only(World::Outside))
}

/// A result that is text and no data.
fn text_only() -> Arc<JsonObject> {
    let schema = json!({
        "type": "object",
        "properties": {
            "summary": {"type": "string"}, "evidence": {"type": "string"}, "text": {"type": "string"}
        },
        "required": ["summary"]
    });
    Arc::new(schema::object(schema))
}

fn read_output() -> Tool {
    let declaration = read_output_declaration();
    let input = schema::object(declaration.parameters);
    Tool::new(READ_OUTPUT, declaration.description, Arc::new(input))
        .with_raw_output_schema(text_only())
        .with_annotations(read_only(World::Inside))
}

fn find_tools() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {"query": {"type": "string", "description": "words, e.g. dropped packets, gpu"}},
        "required": ["query"],
        "additionalProperties": false
    });
    let output = json!({
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "tools": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"}, "description": {"type": "string"}, "inputSchema": {"type": "object"}
                },
                "required": ["name", "description", "inputSchema"]
            }}
        },
        "required": ["summary", "tools"]
    });
    Tool::new(
        FIND_TOOLS,
        "Find more tools than are listed; call what it finds with call_tool.",
        Arc::new(schema::object(input)),
    )
    .with_raw_output_schema(Arc::new(schema::object(output)))
    .with_annotations(read_only(World::Inside))
}

fn call_tool() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "arguments": {"type": "object", "description": "as find_tools described them"}
        },
        "required": ["name"],
        "additionalProperties": false
    });
    let mut output = schema::result(json!({"type": "object"}));
    output.remove("$defs");
    Tool::new(CALL_TOOL, "Call a tool that find_tools found.", Arc::new(schema::object(input)))
        .with_raw_output_schema(Arc::new(output))
        .with_annotations(read_only(World::Outside))
}
