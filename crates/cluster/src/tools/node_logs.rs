//! `k8s_node_logs`: kubelet, container runtime and other units, through the kubelet's log query (KEP-2258).

use super::TOOLSET;
use super::logs::{Pattern, patterns};
use super::target::{lenient, regex, since};
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::query::Query;
use crate::snapshot::node_log_path;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Reads node logs.
pub(crate) struct NodeLogs(pub(crate) Cluster);

const TAIL: u64 = 300;
const MOST_TAIL: u64 = 20_000;
const BYTES: usize = 2 << 20;
const SHOWN: usize = 150;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(alias = "name")]
    node: String,
    /// kubelet (default), containerd, kube-proxy…
    #[serde(default, alias = "service")]
    unit: Option<String>,
    /// Lines, default 300
    #[serde(default, deserialize_with = "lenient", alias = "tail_lines", alias = "lines")]
    #[schemars(with = "Option<u64>")]
    tail: Option<u64>,
    /// Regex of lines to show
    #[serde(default)]
    grep: Option<String>,
    /// e.g. 1h
    #[serde(default)]
    since: Option<String>,
}

/// One unit's log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Node.
    node: String,
    /// Unit.
    unit: String,
    /// Lines that passed the filter.
    lines: usize,
    /// Lines read.
    read: usize,
    /// Folded lines.
    patterns: Vec<Pattern>,
    #[serde(skip)]
    coverage: Coverage,
}

#[async_trait]
impl TypedTool for NodeLogs {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_node_logs";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Log of a node's unit.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule {
            api_group: String::new(),
            resources: vec!["nodes/proxy".to_owned()],
            verbs: vec!["get".to_owned()],
        }]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let grep = regex("grep", input.grep.as_deref())?;
        let from = since(input.since.as_deref(), context.now)?.map(|from| from.to_string());
        let target = self.0.target(Some("node"), &input.node, None, "node", context).await?;
        let node = crate::object::name(&target.object).to_owned();
        let unit = input.unit.filter(|unit| !unit.trim().is_empty()).unwrap_or_else(|| "kubelet".to_owned());
        let tail = input.tail.unwrap_or(TAIL).clamp(1, MOST_TAIL);
        let uri = Query::default()
            .with("query", Some(&unit))
            .with("tailLines", Some(&tail.to_string()))
            .with("sinceTime", from.as_deref())
            .on(&node_log_path(&node)?);
        let read = match self.0.api().get_text(&uri, BYTES).await {
            Ok(read) => read,
            Err(
                ClusterError::NotServed { .. }
                | ClusterError::NotFound { .. }
                | ClusterError::BadRequest { .. },
            ) => {
                return Err(ToolError::Unavailable {
                    message: format!("node {node} has no log of {unit}, or does not serve log queries"),
                    hint: Some(
                        "the kubelet needs enableSystemLogHandler and enableSystemLogQuery (feature gate \
                         NodeLogQuery); try unit kubelet or containerd"
                            .to_owned(),
                    ),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let (mut patterns, lines, total) = patterns(&read.text, grep.as_ref(), None);
        let mut coverage = Coverage::default();
        let hidden = patterns.len().saturating_sub(SHOWN);
        if hidden > 0 {
            coverage.truncated.push(format!("{hidden} older different lines; use grep or tail"));
            patterns.drain(..hidden);
        }
        if read.cut {
            coverage.truncated.push(format!("only {BYTES} bytes were read"));
        } else if total as u64 >= tail {
            coverage.truncated.push(format!("only the last {tail} lines were read"));
        }
        Ok(Output { node, unit, lines, read: total, patterns, coverage })
    }
}

impl Present for Output {
    fn text(&self) -> String {
        if self.lines == 0 {
            return format!("{} on {}: none of {} lines pass\n", self.unit, self.node, self.read);
        }
        let of = if self.lines == self.read { String::new() } else { format!(" of {}", self.read) };
        let mut out = format!("== {} on {}: {}{of} lines\n", self.unit, self.node, self.lines);
        out.extend(self.patterns.iter().map(Pattern::text));
        out
    }

    fn summary(&self) -> String {
        format!("{} lines of {} on {}", self.lines, self.unit, self.node)
    }

    fn subject(&self) -> Option<ObjectRef> {
        Some(ObjectRef::cluster("Node", &self.node))
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
