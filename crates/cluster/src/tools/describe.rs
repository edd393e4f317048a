//! `k8s_describe`: an object and its surroundings in one call.

use super::TOOLSET;
use super::related::{Neighbourhood, Related};
use crate::cluster::Cluster;
use crate::object::{self, items, text, time};
use crate::show::column::{event_count, event_time};
use crate::show::{age, flat};
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Describes an object.
pub(crate) struct Describe(pub(crate) Cluster);

/// Lines of the object itself, and events.
const LINES: usize = 160;
const EVENTS: usize = 25;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default, alias = "resource", alias = "type")]
    kind: Option<String>,
    /// Name or kind/name
    name: String,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

/// An object with what explains it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    object: ObjectRef,
    /// Owners, nearest first.
    owners: Vec<ObjectRef>,
    /// Conditions, one line each.
    conditions: Vec<String>,
    /// What selects, mounts, targets or carries it.
    related: Vec<String>,
    /// Events, newest first, messages verbatim.
    events: Vec<String>,
    /// Its fields as `path: value`.
    fields: Vec<String>,
    #[serde(skip)]
    coverage: Coverage,
}

#[async_trait]
impl TypedTool for Describe {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_describe";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "An object with its conditions, events, owners and what selects, mounts or targets it.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read("*", &["*"]),
            RbacRule::read("", &["events", "pods", "services", "configmaps", "persistentvolumeclaims"]),
        ]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let target = self
            .0
            .target(input.kind.as_deref(), &input.name, input.namespace.as_deref(), "pod", context)
            .await?;
        let mut found = target.object;
        let owners = self.0.owners(&found).await;
        let mut around = Neighbourhood { cluster: &self.0, now: context.now, related: Related::default() };
        around.look(&target.resource.kind, &found).await?;
        let mut events = around.events(&found).await?;
        let mut coverage = Coverage::default();
        if events.len() > EVENTS {
            coverage.truncated.push(format!("{} older events", events.len() - EVENTS));
            events.truncate(EVENTS);
        }
        let conditions = conditions(&found, context.now);
        let owner_names: Vec<ObjectRef> = owners.iter().map(object::reference).collect();
        let mut related = around.related.lines;
        related.extend(
            owners
                .iter()
                .filter(|owner| owner["unread"] == true)
                .map(|owner| format!("owner: {} cannot be read or does not exist", object::title(owner))),
        );
        coverage.missing = around.related.missing;
        coverage.missing.sort();
        coverage.missing.dedup();
        if target.resource.is_secret() {
            coverage.missing.push("a Secret's data is never read, only its metadata".to_owned());
        }
        flat::prune(&mut found);
        if let Some(status) = found.get_mut("status").and_then(Value::as_object_mut) {
            status.shift_remove("conditions");
        }
        let mut fields = flat::lines("", &found);
        if fields.len() > LINES {
            coverage.truncated.push(format!("{} more fields; see k8s_get", fields.len() - LINES));
            fields.truncate(LINES);
        }
        Ok(Output {
            object: object::reference(&found),
            owners: owner_names,
            conditions,
            related,
            events: events.iter().map(|event| event_line(event, context.now)).collect(),
            fields,
            coverage,
        })
    }
}

/// `Ready=False ContainersNotReady: containers with unready status: [web] (since 5m)`.
fn conditions(found: &Value, now: Timestamp) -> Vec<String> {
    items(found, "status.conditions")
        .iter()
        .map(|condition| {
            let mut line = format!("{}={}", text(condition, "type"), text(condition, "status"));
            let (reason, message) = (text(condition, "reason"), text(condition, "message"));
            if !reason.is_empty() {
                line.push_str(&format!(" {reason}"));
            }
            if !message.is_empty() {
                line.push_str(&format!(": {message}"));
            }
            if let Some(since) = time(condition, "lastTransitionTime") {
                line.push_str(&format!(" (since {})", age(now, since)));
            }
            line
        })
        .collect()
}

fn event_line(event: &Value, now: Timestamp) -> String {
    let last = event_time(event).map_or("?".to_owned(), |last| age(now, last));
    let count = event_count(event);
    let times = if count > 1 { format!(" x{count}") } else { String::new() };
    format!(
        "{last}{times} {} {}: {}",
        text(event, "type"),
        text(event, "reason"),
        text(event, "message").trim()
    )
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("{}\n", self.object);
        if !self.owners.is_empty() {
            let chain: Vec<String> =
                self.owners.iter().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect();
            out.push_str(&format!("owned by: {}\n", chain.join(" <- ")));
        }
        let mut section = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                out.push_str(&format!("{title}:\n"));
                for line in lines {
                    out.push_str(&format!("  {line}\n"));
                }
            }
        };
        section("conditions", &self.conditions);
        section("events", &self.events);
        section("related", &self.related);
        section("fields", &self.fields);
        out
    }

    fn summary(&self) -> String {
        self.object.to_string()
    }

    fn subject(&self) -> Option<ObjectRef> {
        Some(self.object.clone())
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
