//! What the tools read from, and which of them have something to read.

use crate::knowledge::kinds::{KindRow, Table};
use crate::node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stethoscope_core::reader::{
    KindName, ObjectReader, Objects, SeriesAnswer, SeriesReader, ServedKind, Wanted,
};
use stethoscope_core::tool::{Availability, CallContext, ToolError};

/// The backend of the GPU tools. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

struct Inner {
    objects: Option<Arc<dyn ObjectReader>>,
    series: Option<Arc<dyn SeriesReader>>,
    table: Table,
    seen: Seen,
    why_missing: String,
}

/// What a cluster has that these tools are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Nodes with accelerators, or an operator for them.
    gpus: bool,
    /// Device classes, slices or claims.
    dra: bool,
    /// Served rows of the table, by group and plural.
    kinds: BTreeMap<(String, String), KindName>,
}

/// Nodes looked at to learn whether there are GPUs: one page.
const NODES: usize = 500;

/// API group of Dynamic Resource Allocation.
pub(crate) const DRA: &str = "resource.k8s.io";

impl Backend {
    /// Learns what there is. Discovery is cached by the reader; beyond it this costs nothing where an operator's kinds are
    /// served, else one page of nodes, and up to three lists of one object where `resource.k8s.io` is served. `more` are
    /// rows of the configuration. A cluster that can not be read gives a backend whose tools are all missing, with the reason.
    pub async fn probe(
        objects: Arc<dyn ObjectReader>,
        series: Option<Arc<dyn SeriesReader>>,
        more: Vec<KindRow>,
    ) -> Self {
        let table = Table::with(more);
        let (seen, why_missing) = match look(objects.as_ref(), &table).await {
            Ok(seen) => (seen, "no GPU, DRA driver or AI resource was seen in this cluster".to_owned()),
            Err(error) => (Seen::default(), format!("it is not known whether there are GPUs: {error}")),
        };
        Self { inner: Arc::new(Inner { objects: Some(objects), series, table, seen, why_missing }) }
    }

    /// None, with the reason, which `doctor` shows.
    pub fn missing(why: impl Into<String>) -> Self {
        let inner = Inner {
            objects: None,
            series: None,
            table: Table::with(Vec::new()),
            seen: Seen::default(),
            why_missing: why.into(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn objects(&self) -> Result<&dyn ObjectReader, ToolError> {
        self.inner
            .objects
            .as_deref()
            .ok_or_else(|| ToolError::Unavailable { message: self.inner.why_missing.clone(), hint: None })
    }

    pub(crate) fn table(&self) -> &Table {
        &self.inner.table
    }

    /// The kind of a row in the version to be read; `None` when it is not served.
    pub(crate) fn served(&self, row: &KindRow) -> Option<&KindName> {
        self.inner.seen.kinds.get(&(row.group.clone(), row.plural.clone()))
    }

    /// The served rows, in the table's order.
    pub(crate) fn served_rows(&self) -> impl Iterator<Item = (&KindRow, &KindName)> {
        self.inner.table.rows().filter_map(|row| Some((row, self.served(row)?)))
    }

    pub(crate) fn has_series(&self) -> bool {
        self.inner.series.is_some()
    }

    /// Asks Prometheus; what fails becomes a remark, so that the rest of a tool stays useful.
    pub(crate) async fn query(
        &self,
        promql: &str,
        context: &CallContext,
        missing: &mut Vec<String>,
    ) -> SeriesAnswer {
        let Some(series) = &self.inner.series else { return SeriesAnswer::default() };
        match series.query(promql, context.now).await {
            Ok(mut answer) => {
                for remark in std::mem::take(&mut answer.missing) {
                    if !missing.contains(&remark) {
                        missing.push(remark);
                    }
                }
                answer
            }
            Err(error) => {
                missing.push(format!("metrics: {error}"));
                SeriesAnswer::default()
            }
        }
    }

    /// Lists; what is missing becomes a remark.
    pub(crate) async fn list(
        &self,
        wanted: &Wanted,
        missing: &mut Vec<String>,
    ) -> Result<Vec<serde_json::Value>, ToolError> {
        let Objects { items, missing: remark } = self.objects()?.list(wanted).await?;
        missing.extend(remark);
        Ok(items)
    }

    fn when(&self, there: bool) -> Availability {
        if there { Availability::Available } else { Availability::Missing(self.inner.why_missing.clone()) }
    }

    /// Where there are GPUs in any form.
    pub(crate) fn gpus_available(&self) -> Availability {
        self.when(self.inner.seen.gpus || self.inner.seen.dra)
    }

    /// Where DRA is in use.
    pub(crate) fn dra_available(&self) -> Availability {
        self.when(self.inner.seen.dra)
    }

    /// Where GPUs or AI workloads are.
    pub(crate) fn logs_available(&self) -> Availability {
        self.when(self.inner.seen.gpus || self.inner.seen.dra || self.has_family(|family| family != "queue"))
    }

    /// Where a gang scheduler's or queue's kinds are served.
    pub(crate) fn queues_available(&self) -> Availability {
        self.when(self.has_family(|family| family == "queue"))
    }

    /// Where kinds of AI workloads are served.
    pub(crate) fn workloads_available(&self) -> Availability {
        self.when(self.has_family(is_workload))
    }

    /// Where models are served and Prometheus answers.
    pub(crate) fn inference_available(&self) -> Availability {
        if self.inner.series.is_none() {
            return Availability::Missing(
                "no Prometheus is configured; set PROMETHEUS_URL or [metrics] url".to_owned(),
            );
        }
        self.when(self.inner.seen.gpus || self.inner.seen.dra || self.has_family(is_workload))
    }

    fn has_family(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.served_rows().any(|(row, _)| wanted(&row.family))
    }
}

/// Families that `ai_workload` reads.
pub(crate) fn is_workload(family: &str) -> bool {
    !matches!(family, "queue" | "operator" | "karpenter")
}

async fn look(objects: &dyn ObjectReader, table: &Table) -> Result<Seen, ToolError> {
    let mut seen = Seen::default();
    let groups: BTreeSet<&str> = table.rows().map(|row| row.group.as_str()).collect();
    for group in groups {
        let served = objects.serves(group).await?.kinds;
        for row in table.rows().filter(|row| row.group == group) {
            if let Some(name) = row.named(&served) {
                seen.kinds.insert((row.group.clone(), row.plural.clone()), name);
            }
        }
    }
    let operator = table.rows().any(|row| {
        row.family == "operator" && seen.kinds.contains_key(&(row.group.clone(), row.plural.clone()))
    });
    seen.gpus = operator || has_gpu_nodes(objects).await?;
    let dra: Vec<ServedKind> = objects.serves(DRA).await?.kinds;
    for plural in ["deviceclasses", "resourceslices", "resourceclaims"] {
        if seen.dra || !dra.iter().any(|known| known.plural == plural) {
            continue;
        }
        seen.dra = !objects.list(&Wanted::all(KindName::new(DRA, plural), 1)).await?.items.is_empty();
    }
    Ok(seen)
}

async fn has_gpu_nodes(objects: &dyn ObjectReader) -> Result<bool, ToolError> {
    let nodes = objects.list(&Wanted::all(KindName::new("", "nodes"), NODES)).await?;
    Ok(nodes.items.iter().any(node::is_gpu_node))
}
