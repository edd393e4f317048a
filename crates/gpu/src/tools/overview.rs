//! `gpu_overview`: what GPUs there are, who has them, and whether their operator has done its work.

use super::report::Report;
use super::{TOOLSET, pods, said};
use crate::backend::{Backend, DRA};
use crate::dra::claim::Allocations;
use crate::dra::inventory::Inventory;
use crate::node::{self, GpuNode};
use crate::object::{self, items, number, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::object::ObjectRef;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Shows GPUs.
pub(crate) struct Overview(pub(crate) Backend);

/// Objects read at most.
const NODES: usize = 5_000;
const SLICES: usize = 5_000;
const CLAIMS: usize = 20_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Only nodes with this in the name
    #[serde(default, alias = "name")]
    node: Option<String>,
}

/// GPUs by node, and the operator.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    nodes: Vec<GpuNode>,
    report: Report,
}

#[async_trait]
impl TypedTool for Overview {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "gpu_overview";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "GPUs by node: capacity, allocated, MIG, driver, problems; GPU operator.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read("", &["nodes", "pods"]),
            RbacRule::read("apps", &["daemonsets"]),
            RbacRule::read(DRA, &["resourceslices", "resourceclaims"]),
            RbacRule::read("nvidia.com", &["clusterpolicies", "nvidiadrivers"]),
        ]
    }

    fn available(&self) -> Availability {
        self.0.gpus_available()
    }

    async fn run(&self, input: Input, _context: &CallContext) -> Result<Output, ToolError> {
        let mut report = Report::default();
        let missing = &mut report.coverage.missing;
        let part = said(input.node.as_deref()).unwrap_or_default();
        let slices = self.dra("resourceslices", SLICES, missing).await?;
        let claims =
            if slices.is_empty() { Vec::new() } else { self.dra("resourceclaims", CLAIMS, missing).await? };
        let inventory = Inventory::read(&slices);
        let with_devices: BTreeSet<&str> =
            inventory.devices.iter().filter_map(|device| device.place.node()).collect();
        let all = self.0.list(&Wanted::all(KindName::new("", "nodes"), NODES), missing).await?;
        let mut nodes: Vec<GpuNode> = all
            .iter()
            .filter(|node| node::is_gpu_node(node) || with_devices.contains(object::name(node)))
            .filter(|node| object::name(node).contains(part))
            .map(GpuNode::read)
            .collect();
        if nodes.is_empty() && !part.is_empty() {
            return Err(ToolError::NotFound {
                message: format!("no GPU node with {part} in its name"),
                nearest: Vec::new(),
            });
        }
        self.allocate(&mut nodes, missing).await?;
        let devices = device_lines(&inventory, &Allocations::read(&claims), part);
        for node in &mut nodes {
            // With DRA alone no device plugin is expected.
            if with_devices.contains(node.name.as_str()) {
                node.problems.retain(|problem| !problem.contains("no device plugin offers one"));
            }
        }
        let operator = self.operator(missing).await?;
        let operands = self.operands(missing).await?;
        let bad = nodes.iter().filter(|node| !node.problems.is_empty()).count();
        report.headline = format!("{} GPU nodes, {bad} with problems", nodes.len());
        report.section("nodes", nodes.iter().map(spoken).collect());
        report.section("devices (DRA)", devices);
        report.section("GPU operator and drivers", operator);
        report.section("operands", operands);
        Ok(Output { nodes, report })
    }
}

impl Overview {
    async fn dra(
        &self,
        plural: &str,
        most: usize,
        missing: &mut Vec<String>,
    ) -> Result<Vec<Value>, ToolError> {
        let served = self.0.objects()?.serves(DRA).await?;
        if !served.kinds.iter().any(|known| known.plural == plural) {
            return Ok(Vec::new());
        }
        self.0.list(&Wanted::all(KindName::new(DRA, plural), most), missing).await
    }

    async fn allocate(&self, nodes: &mut [GpuNode], missing: &mut Vec<String>) -> Result<(), ToolError> {
        let before = missing.len();
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        let pods = pods::on_nodes(&self.0, &names, missing).await?;
        if missing.len() > before && pods.is_empty() {
            return Ok(());
        }
        let mut used: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for pod in pods.iter().filter(|pod| object::is_live(pod)) {
            let node = text(pod, "spec.nodeName");
            if node.is_empty() || !seen.insert((object::namespace(pod), object::name(pod))) {
                continue;
            }
            for (resource, count) in node::requests(pod) {
                *used.entry((node.to_owned(), resource)).or_default() += count;
            }
        }
        for node in nodes {
            for resource in &mut node.resources {
                resource.allocated =
                    Some(used.get(&(node.name.clone(), resource.name.clone())).copied().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Objects of the operator, and of the DRA driver, with what is wrong.
    async fn operator(&self, missing: &mut Vec<String>) -> Result<Vec<String>, ToolError> {
        let mut lines = Vec::new();
        for (row, kind) in self.0.served_rows().filter(|(row, _)| row.family == "operator") {
            for object in self.0.list(&Wanted::all(kind.clone(), 200), missing).await? {
                let cells: Vec<String> =
                    row.cells(&object).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
                lines.push(format!("{}: {}", object::title(&object), cells.join(", ")));
                lines.extend(
                    row.troubles(&object)
                        .into_iter()
                        .map(|trouble| format!("  ! {}: {}", trouble.quote, trouble.means)),
                );
            }
        }
        Ok(lines)
    }

    /// DaemonSets of NVIDIA's operands that are not ready everywhere, and where their pods stand.
    async fn operands(&self, missing: &mut Vec<String>) -> Result<Vec<String>, ToolError> {
        let sets = self.0.list(&Wanted::all(KindName::new("apps", "daemonsets"), 5_000), missing).await?;
        let ours = |set: &&Value| {
            let name = object::name(set);
            name.starts_with("nvidia-")
                || name.starts_with("gpu-feature-discovery")
                || name.contains("dra-driver")
                || name.contains("dcgm-exporter")
                || name.contains("device-plugin")
                || name.contains("node-feature-discovery")
        };
        let mut lines = Vec::new();
        for set in sets.iter().filter(ours) {
            let wanted = number(set, "status.desiredNumberScheduled").unwrap_or_default();
            let ready = number(set, "status.numberReady").unwrap_or_default();
            if wanted == 0 {
                lines.push(format!("{}: wanted on no node (node labels missing?)", object::title(set)));
                continue;
            }
            if ready >= wanted {
                continue;
            }
            lines.push(format!("{}: {ready} of {wanted} ready", object::title(set)));
            let own = Wanted::all(KindName::new("", "pods"), 2_000).within(Some(object::namespace(set)));
            let set_pods = self.0.list(&own, missing).await?;
            let of_set = |pod: &&Value| {
                items(pod, "metadata.ownerReferences")
                    .iter()
                    .any(|owner| text(owner, "name") == object::name(set))
            };
            for pod in set_pods.iter().filter(of_set).filter(|pod| pods::is_troubled(pod)).take(5) {
                let stuck = items(pod, "status.initContainerStatuses")
                    .iter()
                    .find(|status| number(status, "state.terminated.exitCode") != Some(0))
                    .map(|status| format!(", stops at init container {}", text(status, "name")))
                    .unwrap_or_default();
                lines.push(format!(
                    "  {} on {}: {}{stuck}",
                    object::name(pod),
                    text(pod, "spec.nodeName"),
                    pods::state(pod)
                ));
            }
        }
        Ok(lines)
    }
}

fn spoken(node: &GpuNode) -> String {
    let mut words = vec![node.name.clone()];
    for resource in &node.resources {
        let allocated = resource.allocated.map_or("?".to_owned(), |count| count.to_string());
        words.push(format!(
            "{} {allocated}/{}/{} (allocated/allocatable/capacity)",
            resource.name, resource.allocatable, resource.capacity
        ));
    }
    let count = node.count.map(|count| format!("{count}x ")).unwrap_or_default();
    let memory = node.memory_mib.map(|memory| format!(" {memory} MiB")).unwrap_or_default();
    let labelled =
        |word: &str, value: &str| if value.is_empty() { String::new() } else { format!("{word}{value}") };
    words.push(labelled(&count, &node.product) + &memory);
    words.push(labelled("driver ", &node.driver));
    words.push(labelled("CUDA ", &node.cuda));
    words.push(labelled("MIG ", &node.mig));
    words.push(labelled("shared ", &node.sharing));
    words.push(labelled("clique ", &node.clique));
    words.push(labelled("upgrade ", &node.upgrade));
    words.push(labelled("taints ", &node.taints.join(",")));
    words.retain(|word| !word.trim().is_empty());
    let lines: Vec<String> = std::iter::once(words.join("  "))
        .chain(node.problems.iter().map(|problem| format!("  ! {problem}")))
        .collect();
    lines.join("\n")
}

/// Devices, devices held, products, taints.
type Counted = (usize, usize, BTreeSet<String>, BTreeSet<String>);

/// Devices by driver and pool: how many, how many are held, and what taints they have.
fn device_lines(inventory: &Inventory, allocations: &Allocations, part: &str) -> Vec<String> {
    let held: BTreeSet<&str> = allocations.devices().collect();
    let mut pools: BTreeMap<(&str, &str), Counted> = BTreeMap::new();
    for device in &inventory.devices {
        if device.place.node().is_some_and(|node| !node.contains(part)) {
            continue;
        }
        let (count, taken, products, taints) = pools.entry((&device.driver, &device.pool)).or_default();
        *count += 1;
        *taken += usize::from(held.contains(device.id().as_str()));
        let product = device.told("productName");
        if !product.is_empty() {
            products.insert(product);
        }
        taints.extend(device.taints.iter().map(|taint| format!("{} {}", device.name, taint.spoken())));
    }
    pools
        .into_iter()
        .map(|((driver, pool), (count, taken, products, taints))| {
            let list = |set: BTreeSet<String>, word: &str| {
                if set.is_empty() { String::new() } else { format!("  {word}{}", set.into_iter().collect::<Vec<_>>().join(", ")) }
            };
            let known = inventory.pools.get(&(driver.to_owned(), pool.to_owned()));
            let incomplete = known
                .filter(|pool| !pool.is_complete())
                .map(|pool| format!("\n  ! pool incomplete: {} of {} slices at generation {}: the scheduler passes it over", pool.slices, pool.expected, pool.generation))
                .unwrap_or_default();
            format!("{driver} {pool}: {taken}/{count} held{}{}{incomplete}", list(products, ""), list(taints, "taints: "))
        })
        .collect()
}

impl Present for Output {
    fn text(&self) -> String {
        self.report.text()
    }

    fn summary(&self) -> String {
        self.report.summary()
    }

    fn subject(&self) -> Option<ObjectRef> {
        None
    }

    fn coverage(&self) -> Coverage {
        self.report.coverage()
    }
}
