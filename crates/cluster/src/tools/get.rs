//! `k8s_get`: one object, pruned.

use super::TOOLSET;
use super::target::words;
use crate::cluster::Cluster;
use crate::object::{self, Path};
use crate::show::flat;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Reads one object.
pub(crate) struct Get(pub(crate) Cluster);

/// Lines shown of one object.
const LINES: usize = 600;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Kind, plural, short name or plural.group
    #[serde(default, alias = "resource", alias = "type")]
    kind: Option<String>,
    /// Name or kind/name
    name: String,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Only these, e.g. spec.containers[web].image
    #[serde(default, deserialize_with = "words", alias = "fields")]
    paths: Vec<String>,
}

/// One object as `path: value` lines.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The object.
    object: ObjectRef,
    /// Its fields.
    lines: Vec<String>,
    /// Lines left out at the end.
    cut: usize,
    #[serde(skip)]
    nothing_at: Vec<String>,
    #[serde(skip)]
    metadata_only: bool,
}

#[async_trait]
impl TypedTool for Get {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_get";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "One object as path: value lines.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("*", &["*"])]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let target = self
            .0
            .target(input.kind.as_deref(), &input.name, input.namespace.as_deref(), "pod", context)
            .await?;
        let mut object = target.object;
        let reference = object::reference(&object);
        let mut nothing_at = Vec::new();
        let mut lines = Vec::new();
        if input.paths.is_empty() {
            flat::prune(&mut object);
            lines = flat::lines("", &object);
        } else {
            for path in &input.paths {
                let found = Path::parse(path).find(&object);
                if found.is_empty() {
                    nothing_at.push(path.clone());
                }
                for value in found {
                    lines.extend(flat::lines(path.trim_start_matches('.'), value));
                }
            }
        }
        let cut = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        Ok(Output { object: reference, lines, cut, nothing_at, metadata_only: target.resource.is_secret() })
    }
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("{}\n{}\n", self.object, self.lines.join("\n"));
        for path in &self.nothing_at {
            out.push_str(&format!("{path}: (not set)\n"));
        }
        out
    }

    fn summary(&self) -> String {
        self.object.to_string()
    }

    fn subject(&self) -> Option<ObjectRef> {
        Some(self.object.clone())
    }

    fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        if self.metadata_only {
            coverage.missing.push("a Secret's data is never read, only its metadata".to_owned());
        }
        if self.cut > 0 {
            coverage.truncated.push(format!("{} more lines; name the paths you need", self.cut));
        }
        coverage
    }
}
