//! `diagnose`: a snapshot, the logs that help, and every detector over them.

use super::TOOLSET;
use super::target::namespace;
use crate::cluster::Cluster;
use crate::snapshot::SnapshotRequest;
use async_trait::async_trait;
use futures::future::{join, join_all};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};
use stethoscope_diagnosis::snapshot::{Gap, GapReason, Kind, Testimony, Witness};
use stethoscope_diagnosis::{Diagnosis, Focus};

/// Longest wait for a witness: a slow metrics backend must not hold up what objects tell.
const WITNESS: Duration = Duration::from_secs(15);

/// Runs the detectors.
pub(crate) struct Diagnose {
    pub(crate) cluster: Cluster,
    pub(crate) witnesses: Vec<Arc<dyn Witness>>,
}

impl Diagnose {
    /// What the witnesses saw, in their order.
    async fn testimony(&self, focus: &Focus, now: Timestamp) -> Vec<Testimony> {
        let each = self.witnesses.iter().map(|witness| async {
            tokio::time::timeout(WITNESS, witness.testify(focus, now)).await.unwrap_or_else(|_| {
                let why = GapReason::Failed(format!("no answer in {} s", WITNESS.as_secs()));
                let gaps = vec![Gap { kind: witness.name().to_owned(), namespace: None, why }];
                Testimony { gaps, ..Testimony::default() }
            })
        });
        join_all(each).await
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Words to rank by
    #[serde(default)]
    question: Option<String>,
}

/// Ranked findings.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Output {
    diagnosis: Diagnosis,
}

#[async_trait]
impl TypedTool for Diagnose {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "diagnose";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "Run all detectors over objects, events and logs: ranked causes with proofs.";

    fn rbac(&self) -> Vec<RbacRule> {
        let mut rules: Vec<RbacRule> = Kind::ALL
            .iter()
            .map(|kind| RbacRule {
                api_group: kind.group().to_owned(),
                resources: vec![kind.plural().to_owned()],
                verbs: vec!["list".to_owned()],
            })
            .collect();
        for resource in ["pods/log", "nodes/proxy"] {
            rules.push(RbacRule {
                api_group: String::new(),
                resources: vec![resource.to_owned()],
                verbs: vec!["get".to_owned()],
            });
        }
        rules
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let place = namespace(input.namespace.as_deref(), context);
        let words = input.question.unwrap_or_default();
        let words = words.split_whitespace().map(str::to_owned).collect();
        let focus = Focus { namespace: place.clone(), words };
        let request = SnapshotRequest::about(&focus);
        let (snapshot, testimony) =
            join(self.cluster.snapshot(&request), self.testimony(&focus, context.now)).await;
        let mut snapshot = snapshot?;
        for said in testimony {
            snapshot.signals.extend(said.signals);
            snapshot.timed.extend(said.timed);
            snapshot.gaps.extend(said.gaps);
        }
        if let Some(name) = &place
            && !snapshot.has_gap(Kind::Namespace, name)
            && !snapshot.namespaces.is_empty()
            && !snapshot.namespaces.iter().any(|known| known.metadata.name == *name)
        {
            let names = snapshot.namespaces.iter().map(|known| known.metadata.name.as_str());
            return Err(ToolError::NotFound {
                message: format!("no namespace called {name}"),
                nearest: stethoscope_core::tool::nearest_names(name, names, 3),
            });
        }
        // Detectors are pure but may take a while on a large cluster.
        let diagnosis =
            tokio::task::spawn_blocking(move || stethoscope_diagnosis::diagnose(&snapshot, &focus))
                .await
                .map_err(|error| ToolError::Bug { message: format!("diagnose: {error}") })?;
        Ok(Output { diagnosis })
    }
}

impl Present for Output {
    fn text(&self) -> String {
        self.diagnosis.text()
    }

    fn summary(&self) -> String {
        crate::show::table::count(self.diagnosis.findings.len(), "finding")
    }

    fn subject(&self) -> Option<ObjectRef> {
        self.diagnosis.findings.first().map(|finding| finding.subject.clone())
    }

    fn coverage(&self) -> Coverage {
        Coverage { missing: self.diagnosis.gaps.iter().map(spoken).collect(), truncated: Vec::new() }
    }
}

fn spoken(gap: &Gap) -> String {
    let place = gap.namespace.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    match &gap.why {
        GapReason::Forbidden => format!("{}{place}: forbidden", gap.kind),
        GapReason::NotServed => format!("{}{place}: not served", gap.kind),
        GapReason::Failed(why) => format!("{}{place}: {why}", gap.kind),
    }
}
