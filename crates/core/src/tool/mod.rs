//! A tool: a read-only function with a typed input and output.

mod registry;

use crate::object::ObjectRef;
use async_trait::async_trait;
use jiff::Timestamp;
pub use registry::{Registry, RegistryError, nearest_names};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A tool as the agent, the CLI and MCP know it. Implement [`TypedTool`] and wrap it in [`Typed`].
#[async_trait]
pub trait Tool: Send + Sync {
    /// Name, description, schemas and needs.
    fn spec(&self) -> &ToolSpec;

    /// Whether its backend is there. A tool that is not available is hidden from models; `doctor` shows the reason.
    fn available(&self) -> Availability {
        Availability::Available
    }

    /// Runs it. Errors are values that the model is told, save [`ToolError::Bug`].
    async fn call(&self, arguments: Value, context: &CallContext) -> Result<ToolOutput, ToolError>;
}

/// What a tool is and needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `noun_verb` with the domain first, e.g. `k8s_logs`.
    pub name: String,
    /// Tools that share a backend, e.g. `kubernetes`.
    pub toolset: String,
    /// One sentence.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of [`ToolOutput::data`].
    pub output_schema: Value,
    /// The least Kubernetes permissions it needs.
    pub rbac: Vec<RbacRule>,
}

/// One rule of a Role or ClusterRole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RbacRule {
    /// API group; empty for core.
    pub api_group: String,
    /// Resources, e.g. `pods`, `pods/log`.
    pub resources: Vec<String>,
    /// Verbs; only `get`, `list` and `create` of self-reviews ever stand here.
    pub verbs: Vec<String>,
}

impl RbacRule {
    /// `get` and `list` on resources of one group.
    pub fn read(api_group: &str, resources: &[&str]) -> Self {
        Self {
            api_group: api_group.to_owned(),
            resources: resources.iter().map(|&name| name.to_owned()).collect(),
            verbs: vec!["get".to_owned(), "list".to_owned()],
        }
    }
}

/// Whether a tool can be used now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Yes.
    Available,
    /// No, and why, with what to do.
    Missing(String),
}

/// What a call knows of its surroundings.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Namespace to use when the arguments name none; `None` means all namespaces.
    pub namespace: Option<String>,
    /// The investigation's time.
    pub now: Timestamp,
}

/// What a tool gives back: one view for the model, one for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// Compact text. May hold untrusted text; the intake redacts and shapes it.
    pub text: String,
    /// The typed output as JSON, matching [`ToolSpec::output_schema`].
    pub data: Value,
    /// The object it is about, if it is about one.
    pub subject: Option<ObjectRef>,
    /// A few words for people, e.g. `42 pods`.
    pub summary: String,
    /// What was not seen or was cut, one line each.
    pub coverage: Coverage,
}

/// What an output does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Not permitted, not served, not reachable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Cut short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<String>,
}

impl Coverage {
    /// Nothing is missing and nothing was cut.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.truncated.is_empty()
    }
}

/// Why a call gave no output. All but `Bug` are told to the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "error")]
pub enum ToolError {
    /// The arguments do not fit the schema.
    #[error("bad arguments: {message}{}", with_hint(.hint.as_ref()))]
    BadArguments {
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// What was asked for does not exist.
    #[error("not found: {message}{}", with_nearest(.nearest))]
    NotFound {
        /// What was looked for, and where.
        message: String,
        /// The nearest names that exist.
        nearest: Vec<String>,
    },
    /// The cluster forbids it.
    #[error("forbidden: {message}{}", with_hint(.rule.as_ref()))]
    Forbidden {
        /// What was refused.
        message: String,
        /// The RBAC rule that is missing, e.g. `needs get pods/log in namespace shop`.
        rule: Option<String>,
    },
    /// Our own guard refuses it: not read-only, a secret, a proxy path.
    #[error("denied by policy: {message}")]
    Denied {
        /// What was refused and why.
        message: String,
    },
    /// The backend is missing or does not answer.
    #[error("unavailable: {message}{}", with_hint(.hint.as_ref()))]
    Unavailable {
        /// What does not answer.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It took too long.
    #[error("timed out: {message}")]
    Timeout {
        /// What, and after how long.
        message: String,
    },
    /// A defect in Stethoscope. Fatal.
    #[error("bug: {message}")]
    Bug {
        /// What broke.
        message: String,
    },
}

fn with_hint(hint: Option<&String>) -> String {
    hint.map(|text| format!("; {text}")).unwrap_or_default()
}

fn with_nearest(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(", ")) }
}

/// A tool with Rust types at both ends.
#[async_trait]
pub trait TypedTool: Send + Sync + 'static {
    /// Arguments; its doc comments become the schema's descriptions.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// Result.
    type Output: Serialize + JsonSchema + Present + Send;

    /// `noun_verb`, domain first.
    const NAME: &'static str;
    /// Toolset it belongs to.
    const TOOLSET: &'static str;
    /// One sentence.
    const DESCRIPTION: &'static str;

    /// The least permissions it needs.
    fn rbac(&self) -> Vec<RbacRule> {
        Vec::new()
    }

    /// Whether its backend is there.
    fn available(&self) -> Availability {
        Availability::Available
    }

    /// Runs it.
    async fn run(&self, input: Self::Input, context: &CallContext) -> Result<Self::Output, ToolError>;
}

/// How a typed output shows itself to a model and to people.
pub trait Present {
    /// Compact text for the model: columns, not JSON; no noise; every cut said.
    fn text(&self) -> String;

    /// A few words for a progress line.
    fn summary(&self) -> String;

    /// The one object it is about.
    fn subject(&self) -> Option<ObjectRef> {
        None
    }

    /// What it does not hold.
    fn coverage(&self) -> Coverage {
        Coverage::default()
    }
}

/// Turns a [`TypedTool`] into a [`Tool`].
pub struct Typed<T> {
    tool: T,
    spec: ToolSpec,
}

impl<T: TypedTool> Typed<T> {
    /// Wraps the tool and generates its schemas.
    pub fn new(tool: T) -> Self {
        let spec = ToolSpec {
            name: T::NAME.to_owned(),
            toolset: T::TOOLSET.to_owned(),
            description: T::DESCRIPTION.to_owned(),
            input_schema: compact_schema(
                schemars::SchemaGenerator::from(inline_settings()).into_root_schema_for::<T::Input>(),
            ),
            output_schema: compact_schema(schemars::schema_for!(T::Output)),
            rbac: tool.rbac(),
        };
        Self { tool, spec }
    }
}

fn inline_settings() -> schemars::generate::SchemaSettings {
    schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true)
}

/// A schema without what only costs tokens: `$schema`, titles, integer formats.
fn compact_schema(schema: schemars::Schema) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("$schema");
                if map.get("title").is_some_and(Value::is_string) {
                    map.remove("title");
                }
                if map
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("uint") || format.starts_with("int"))
                {
                    map.remove("format");
                }
                if map.get("default").is_some_and(Value::is_null) {
                    map.remove("default");
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = schema.to_value();
    strip(&mut value);
    value
}

#[async_trait]
impl<T: TypedTool> Tool for Typed<T> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn available(&self) -> Availability {
        self.tool.available()
    }

    async fn call(&self, arguments: Value, context: &CallContext) -> Result<ToolOutput, ToolError> {
        let arguments = if arguments.is_null() { Value::Object(serde_json::Map::new()) } else { arguments };
        let input = serde_json::from_value(arguments).map_err(|error| ToolError::BadArguments {
            message: error.to_string(),
            hint: Some(self.spec.argument_hint()),
        })?;
        let output = self.tool.run(input, context).await?;
        let data = serde_json::to_value(&output).map_err(|error| ToolError::Bug {
            message: format!("{}: output does not serialise: {error}", T::NAME),
        })?;
        Ok(ToolOutput {
            text: output.text(),
            data,
            subject: output.subject(),
            summary: output.summary(),
            coverage: output.coverage(),
        })
    }
}

impl ToolSpec {
    /// `takes pod*, container, tail`, with a star at what is required.
    pub fn argument_hint(&self) -> String {
        let required: Vec<&str> = self.input_schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let Some(properties) = self.input_schema["properties"].as_object() else {
            return format!("{} takes no arguments", self.name);
        };
        let names: Vec<String> = properties
            .keys()
            .map(|name| if required.contains(&name.as_str()) { format!("{name}*") } else { name.clone() })
            .collect();
        format!("{} takes {} (* required)", self.name, names.join(", "))
    }
}
