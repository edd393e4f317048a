//! `k8s_top`: use of CPU and memory against requests and limits.

use super::TOOLSET;
use super::target::{lenient, namespace};
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::object::{self, items, text};
use crate::show::Table;
use crate::show::column::{amount, worth};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Reads metrics.k8s.io.
pub(crate) struct Top(pub(crate) Cluster);

const ROWS: usize = 30;
const MOST: usize = 100_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// pods (default) or nodes
    #[serde(default)]
    kind: Option<String>,
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// cpu or memory (default)
    #[serde(default)]
    sort: Option<String>,
    /// Rows, default 30
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// Use by pod or node, largest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// `Pod` or `Node`.
    kind: String,
    namespace: Option<String>,
    rows: Vec<Row>,
    #[serde(skip)]
    coverage: Coverage,
}

/// One pod's or node's use; cores and bytes.
#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    cpu: Use,
    memory: Use,
}

/// Use against what was asked for and what is allowed.
#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
struct Use {
    used: f64,
    /// Requests of a pod; absent where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<f64>,
    /// Limits of a pod, allocatable of a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
}

impl Use {
    fn share(&self) -> String {
        match self.limit {
            Some(limit) if limit > 0.0 => format!("{:.0}%", self.used / limit * 100.0),
            Some(_) | None => String::new(),
        }
    }
}

#[async_trait]
impl TypedTool for Top {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_top";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "CPU and memory use against requests and limits.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("metrics.k8s.io", &["pods", "nodes"]), RbacRule::read("", &["pods", "nodes"])]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let nodes = input.kind.as_deref().is_some_and(|kind| kind.to_lowercase().starts_with("no"));
        let (kind, plural, metrics_kind, scope) = if nodes {
            ("Node", "nodes", "NodeMetrics", Scope::Cluster)
        } else {
            ("Pod", "pods", "PodMetrics", Scope::Namespaced)
        };
        let place = if nodes { None } else { namespace(input.namespace.as_deref(), context) };
        let metrics = Resource::known("metrics.k8s.io", "v1beta1", plural, metrics_kind, scope);
        let objects = Resource::known("", "v1", plural, kind, scope);
        let mut used: BTreeMap<(Option<String>, String), [f64; 2]> = BTreeMap::new();
        let listing = Listing { most: Some(MOST), ..Listing::of(&metrics, place.as_deref()) };
        self.0
            .list_each(&listing, &mut |item| {
                used.insert(key(&item), usage(&item));
                Ok(())
            })
            .await
            .map_err(unavailable)?;
        let mut bounds: BTreeMap<(Option<String>, String), [Use; 2]> = BTreeMap::new();
        let mut coverage = Coverage::default();
        let listing = Listing { most: Some(MOST), ..Listing::of(&objects, place.as_deref()) };
        let read = self
            .0
            .list_each(&listing, &mut |item| {
                bounds.insert(key(&item), if nodes { allocatable(&item) } else { requests(&item) });
                Ok(())
            })
            .await;
        if let Err(error) = read {
            coverage.missing.push(format!("requests and limits: {}", error.brief()));
        }
        let mut rows: Vec<Row> = used
            .into_iter()
            .map(|((namespace, name), [cpu, memory])| {
                let [cpu_bounds, memory_bounds] =
                    bounds.get(&(namespace.clone(), name.clone())).copied().unwrap_or_default();
                Row {
                    namespace,
                    name,
                    cpu: Use { used: cpu, ..cpu_bounds },
                    memory: Use { used: memory, ..memory_bounds },
                }
            })
            .collect();
        let by_cpu = input.sort.as_deref().is_some_and(|sort| sort.to_lowercase().contains("cpu"));
        let weight = |row: &Row| if by_cpu { row.cpu.used } else { row.memory.used };
        rows.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
        let most = input.limit.map_or(ROWS, |limit| (limit as usize).clamp(1, 500));
        if rows.len() > most {
            coverage.truncated.push(format!("{} more {plural}", rows.len() - most));
            rows.truncate(most);
        }
        Ok(Output { kind: kind.to_owned(), namespace: place, rows, coverage })
    }
}

fn unavailable(error: ClusterError) -> ToolError {
    match error {
        ClusterError::NotServed { .. } | ClusterError::NotFound { .. } => ToolError::Unavailable {
            message: "metrics.k8s.io is not served".to_owned(),
            hint: Some(
                "metrics-server is not installed or not ready; use the metrics_* tools if there are any"
                    .to_owned(),
            ),
        },
        ClusterError::Server { message, .. } => ToolError::Unavailable {
            message: format!("metrics.k8s.io does not answer: {message}"),
            hint: Some("look at the metrics-server pods in kube-system".to_owned()),
        },
        error => error.into(),
    }
}

fn key(item: &Value) -> (Option<String>, String) {
    (object::namespace(item).map(str::to_owned), object::name(item).to_owned())
}

const RESOURCES: [&str; 2] = ["cpu", "memory"];

fn usage(metrics: &Value) -> [f64; 2] {
    RESOURCES.map(|resource| {
        let path = format!("usage.{resource}");
        let own = worth(text(metrics, &path)).unwrap_or_default();
        let containers: f64 =
            items(metrics, "containers").iter().filter_map(|container| worth(text(container, &path))).sum();
        own + containers
    })
}

fn allocatable(node: &Value) -> [Use; 2] {
    RESOURCES.map(|resource| Use {
        limit: worth(text(node, &format!("status.allocatable.{resource}"))),
        ..Use::default()
    })
}

fn requests(pod: &Value) -> [Use; 2] {
    RESOURCES.map(|resource| {
        let sum = |kind: &str| {
            let path = format!("resources.{kind}.{resource}");
            let values: Vec<Option<f64>> =
                items(pod, "spec.containers").iter().map(|container| worth(text(container, &path))).collect();
            (!values.is_empty()).then_some(values).and_then(|values| values.into_iter().sum::<Option<f64>>())
        };
        // A limit counts only when every container has one; a request as far as it is set.
        let path = format!("resources.requests.{resource}");
        let requested: Vec<f64> = items(pod, "spec.containers")
            .iter()
            .filter_map(|container| worth(text(container, &path)))
            .collect();
        Use {
            used: 0.0,
            requested: (!requested.is_empty()).then(|| requested.iter().sum()),
            limit: sum("limits"),
        }
    })
}

impl Present for Output {
    fn text(&self) -> String {
        if self.rows.is_empty() {
            return "no metrics there\n".to_owned();
        }
        let pods = self.kind == "Pod";
        let all = pods && self.namespace.is_none();
        let mut head = Vec::new();
        if all {
            head.push("namespace");
        }
        head.push("name");
        if pods {
            head.extend(["cpu", "request", "limit", "%limit", "memory", "request", "limit", "%limit"]);
        } else {
            head.extend(["cpu", "allocatable", "%", "memory", "allocatable", "%"]);
        }
        let mut table = Table::new(head);
        for row in &self.rows {
            let mut cells = Vec::new();
            if all {
                cells.push(row.namespace.clone().unwrap_or_default());
            }
            cells.push(row.name.clone());
            for (resource, value) in RESOURCES.iter().zip([row.cpu, row.memory]) {
                let shown =
                    |number: Option<f64>| number.map(|number| amount(resource, number)).unwrap_or_default();
                cells.push(shown(Some(value.used)));
                if pods {
                    cells.push(shown(value.requested));
                }
                cells.push(shown(value.limit));
                cells.push(value.share());
            }
            table.row(cells);
        }
        table.render()
    }

    fn summary(&self) -> String {
        crate::show::table::count(self.rows.len(), &self.kind.to_lowercase())
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
