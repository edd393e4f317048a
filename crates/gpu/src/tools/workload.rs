//! `ai_workload`: one engine over the table of AI resources.

use super::report::Report;
use super::{TOOLSET, namespace, pods, said};
use crate::backend::{Backend, is_workload};
use crate::knowledge::kinds::KindRow;
use crate::object::{self, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, RbacRule, ToolError, TypedTool, nearest_names};

/// Reads AI resources.
pub(crate) struct Workload(pub(crate) Backend);

/// Objects of a kind read, and shown in full.
const READ: usize = 2_000;
const FULL: usize = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// e.g. RayCluster; absent: all
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

#[async_trait]
impl TypedTool for Workload {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "ai_workload";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "State and troubles of Ray, KAITO, Dynamo, NIM, KServe, JobSet and other AI resources.";

    fn rbac(&self) -> Vec<RbacRule> {
        let mut rules: Vec<RbacRule> = self
            .0
            .served_rows()
            .filter(|(row, _)| is_workload(&row.family))
            .map(|(row, _)| RbacRule::read(&row.group, &[&row.plural]))
            .collect();
        rules.push(RbacRule::read("", &["pods", "events"]));
        rules
    }

    fn available(&self) -> Availability {
        self.0.workloads_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let place = namespace(input.namespace.as_deref(), context);
        let (kind, name) = (said(input.kind.as_deref()), said(input.name.as_deref()));
        let rows: Vec<(&KindRow, &KindName)> = self
            .0
            .served_rows()
            .filter(|(row, _)| match kind {
                Some(word) => row.is_called(word),
                None => row.family != "queue" && row.family != "operator",
            })
            .collect();
        if rows.is_empty() {
            let known: Vec<&str> = self.0.served_rows().map(|(row, _)| row.kind.as_str()).collect();
            let word = kind.unwrap_or_default();
            return Err(ToolError::NotFound {
                message: format!("no AI resource called {word} is served; there are {}", known.join(", ")),
                nearest: nearest_names(word, known.into_iter(), 3),
            });
        }
        let (mut seen, mut bad) = (0, 0);
        let mut names: Vec<String> = Vec::new();
        for (row, kind) in rows {
            let wanted = Wanted::all(kind.clone(), READ).within(place.as_deref());
            let objects = self.0.list(&wanted, &mut report.coverage.missing).await?;
            let mut shown = 0;
            for object in &objects {
                names.push(object::name(object).to_owned());
                if name.is_some_and(|name| object::name(object) != name) {
                    continue;
                }
                seen += 1;
                let troubles = row.troubles(object);
                bad += usize::from(!troubles.is_empty());
                // With a name everything is told, without one a line an object and the troubled in full.
                if name.is_some() || (!troubles.is_empty() && shown < FULL) {
                    shown += 1;
                    let lines = self.full(row, object, &mut report.coverage.missing).await?;
                    report.section(object::title(object), lines);
                    if name.is_some() {
                        report.subject = Some(object::reference(object));
                    }
                }
            }
            if name.is_none() {
                let fine = objects
                    .iter()
                    .filter(|object| row.troubles(object).is_empty())
                    .map(|object| line(row, object))
                    .collect();
                report.section(format!("{} without troubles of their own", row.spoken()), fine);
            }
        }
        if let (Some(name), 0) = (name, seen) {
            return Err(ToolError::NotFound {
                message: format!("no AI resource called {name}"),
                nearest: nearest_names(name, names.iter().map(String::as_str), 3),
            });
        }
        report.headline = format!("{seen} AI resources, {bad} with troubles");
        Ok(report)
    }
}

fn line(row: &KindRow, object: &Value) -> String {
    let cells: Vec<String> =
        row.cells(object).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{}  {}", object::title(object), cells.join(", "))
}

impl Workload {
    /// An object, what it made, and its pods.
    async fn full(
        &self,
        row: &KindRow,
        object: &Value,
        missing: &mut Vec<String>,
    ) -> Result<Vec<String>, ToolError> {
        let mut lines = vec![line(row, object)];
        lines.extend(troubles(row, object));
        lines.extend(row.notes.iter().map(|note| format!("note: {note}")));
        for follow in &row.follow {
            let Some(next) = self.0.table().row(&follow.group, &follow.plural) else { continue };
            let Some(kind) = self.0.served(next) else { continue };
            let Some(name) = object::find(object, &follow.name).first().and_then(|name| name.as_str()) else {
                continue;
            };
            match self
                .0
                .objects()?
                .get(kind, Some(object::namespace(object)).filter(|name| !name.is_empty()), name)
                .await
            {
                Ok(made) => {
                    lines.push(format!("-> {}", line(next, &made)));
                    lines.extend(troubles(next, &made));
                    lines.extend(self.pods(next, &made, missing).await?);
                }
                Err(error) => lines.push(format!("-> {} {name}: {error}", next.kind)),
            }
        }
        lines.extend(self.pods(row, object, missing).await?);
        lines.extend(
            pods::events(&self.0, object, &[], missing)
                .await?
                .into_iter()
                .map(|event| format!("event {event}")),
        );
        Ok(lines)
    }

    /// Pods in trouble: a status may say ready while they crash.
    async fn pods(
        &self,
        row: &KindRow,
        object: &Value,
        missing: &mut Vec<String>,
    ) -> Result<Vec<String>, ToolError> {
        let name = object::name(object);
        let wanted = Wanted::all(KindName::new("", "pods"), 5_000)
            .within(Some(object::namespace(object)).filter(|name| !name.is_empty()));
        let wanted = match &row.pods {
            Some(selector) => wanted.labelled(selector.replace("{name}", name)),
            None if object::namespace(object).is_empty() => return Ok(Vec::new()),
            None => wanted,
        };
        let prefix = format!("{name}-");
        let all = self.0.list(&wanted, missing).await?;
        let own: Vec<&Value> =
            all.iter().filter(|pod| row.pods.is_some() || object::name(pod).starts_with(&prefix)).collect();
        let troubled: Vec<&&Value> = own.iter().filter(|pod| pods::is_troubled(pod)).collect();
        if own.is_empty() {
            return Ok(vec!["no pods".to_owned()]);
        }
        let mut lines = vec![format!("{} pods, {} not ready", own.len(), troubled.len())];
        lines.extend(troubled.into_iter().take(8).map(|pod| {
            format!("  ! pod {} on {}: {}", object::name(pod), text(pod, "spec.nodeName"), pods::state(pod))
        }));
        Ok(lines)
    }
}

fn troubles(row: &KindRow, object: &Value) -> Vec<String> {
    row.troubles(object)
        .into_iter()
        .map(|trouble| format!("! {}: {}", trouble.quote, trouble.means))
        .collect()
}
