//! `rdma_status`: network devices for direct GPU traffic, and whether a pod has them near its GPUs.

use super::report::Report;
use super::{TOOLSET, namespace, pods, said};
use crate::backend::{Backend, DRA};
use crate::dra::inventory::{Device, Inventory};
use crate::node::{bad_conditions, is_rdma, requests};
use crate::object::{self, items, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, RbacRule, ToolError, TypedTool};

/// Shows RDMA.
pub(crate) struct Rdma(pub(crate) Backend);

/// Upstream's standard attribute, which both drivers publish.
const ROOT: &str = "resource.kubernetes.io/pcieRoot";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Check this pod; absent: nodes
    #[serde(default, alias = "name")]
    pod: Option<String>,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

#[async_trait]
impl TypedTool for Rdma {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "rdma_status";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "RDMA devices, GPU and NIC alignment (PCIe, NUMA), InfiniBand conditions.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read("", &["nodes", "pods"]),
            RbacRule::read(DRA, &["resourceslices", "resourceclaims"]),
        ]
    }

    fn available(&self) -> Availability {
        self.0.gpus_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let missing = &mut report.coverage.missing;
        let served = self.0.objects()?.serves(DRA).await?.kinds;
        let is_served = |plural: &str| served.iter().any(|known| known.plural == plural);
        let slices = if is_served("resourceslices") {
            self.0.list(&Wanted::all(KindName::new(DRA, "resourceslices"), 20_000), missing).await?
        } else {
            Vec::new()
        };
        let inventory = Inventory::read(&slices);
        let nodes = self.0.list(&Wanted::all(KindName::new("", "nodes"), 5_000), missing).await?;
        let links: Vec<String> = nodes
            .iter()
            .flat_map(|node| {
                bad_conditions(node).into_iter().map(move |condition| (object::name(node), condition))
            })
            .filter(|(_, condition)| {
                let kind = text(condition, "type").to_lowercase();
                ["infiniband", "ethernet", "rdma", "nvlink"].iter().any(|word| kind.contains(word))
            })
            .map(|(node, condition)| format!("{node}: {}", object::spoken_condition(condition)))
            .collect();
        if let Some(name) = said(input.pod.as_deref()) {
            let place = namespace(input.namespace.as_deref(), context);
            let pod = pods::one(&self.0, name, place.as_deref(), missing).await?;
            let claims = if is_served("resourceclaims") {
                let own = Wanted::all(KindName::new(DRA, "resourceclaims"), 5_000)
                    .within(Some(object::namespace(&pod)));
                self.0.list(&own, missing).await?
            } else {
                Vec::new()
            };
            let (headline, lines) = of_pod(&pod, &claims, &inventory);
            report.headline = headline;
            report.subject = Some(object::reference(&pod));
            report.section("devices of the pod", lines);
        } else {
            let lines = of_nodes(&nodes, &inventory);
            report.headline =
                format!("{} nodes with RDMA devices, {} bad link conditions", lines.len(), links.len());
            report.section("nodes", lines);
        }
        report.section("link conditions", links);
        Ok(report)
    }
}

/// DRANet and its kin mark RDMA devices; others are told by name.
fn is_rdma_device(device: &Device) -> bool {
    device.told("dra.net/rdma") == "true" || device.told("rdma") == "true" || device.driver.contains("rdma")
}

fn is_gpu(device: &Device) -> bool {
    matches!(device.told("type").as_str(), "gpu" | "mig") || device.driver.starts_with("gpu.")
}

/// Cards, GPUs, and the PCIe roots of each.
type Counted = (usize, usize, BTreeSet<String>, BTreeSet<String>);

fn of_nodes(nodes: &[Value], inventory: &Inventory) -> Vec<String> {
    let mut by_node: BTreeMap<&str, Counted> = BTreeMap::new();
    for device in &inventory.devices {
        let Some(node) = device.place.node() else { continue };
        let (cards, gpus, card_roots, gpu_roots) = by_node.entry(node).or_default();
        if is_rdma_device(device) {
            *cards += 1;
            card_roots.insert(device.told(ROOT));
        } else if is_gpu(device) {
            *gpus += 1;
            gpu_roots.insert(device.told(ROOT));
        }
    }
    let mut lines = Vec::new();
    for node in nodes {
        let name = object::name(node);
        let mut words: Vec<String> = object::entries(node, "status.allocatable")
            .filter(|(resource, _)| is_rdma(resource))
            .map(|(resource, count)| format!("{resource} {}", object::plain(count)))
            .collect();
        if let Some((cards, gpus, card_roots, gpu_roots)) = by_node.get(name).filter(|(cards, ..)| *cards > 0)
        {
            let shared = gpu_roots.intersection(card_roots).filter(|root| !root.is_empty()).count();
            words.push(format!("{cards} RDMA devices, {gpus} GPUs, {shared} PCIe roots hold both"));
            if *gpus > 0 && card_roots.iter().all(String::is_empty) {
                words
                    .push("its cards publish no PCIe root: align by NUMA node (dra.net/numaNode)".to_owned());
            }
        }
        if !words.is_empty() {
            lines.push(format!("{name}: {}", words.join("; ")));
        }
    }
    lines
}

fn of_pod(pod: &Value, claims: &[Value], inventory: &Inventory) -> (String, Vec<String>) {
    let mut lines: Vec<String> =
        requests(pod).into_iter().map(|(name, count)| format!("requests {name} {count}")).collect();
    let (mut gpus, mut cards): (Vec<&Device>, Vec<&Device>) = (Vec::new(), Vec::new());
    for claim in claims.iter().filter(|claim| {
        items(claim, "status.reservedFor").iter().any(|whom| text(whom, "name") == object::name(pod))
    }) {
        for result in items(claim, "status.allocation.devices.results") {
            let id =
                format!("{}/{}/{}", text(result, "driver"), text(result, "pool"), text(result, "device"));
            let Some(device) = inventory.devices.iter().find(|device| device.id() == id) else { continue };
            let numa = device.told("dra.net/numaNode");
            let numa = if numa.is_empty() { String::new() } else { format!(" NUMA {numa}") };
            lines.push(format!("{id} root {}{numa}", device.told(ROOT)));
            if is_rdma_device(device) {
                cards.push(device);
                lines.extend(conditions(claim, result));
            } else if is_gpu(device) {
                gpus.push(device);
            }
        }
    }
    let plugin_card = requests(pod).keys().any(|name| is_rdma(name));
    let far: Vec<&str> = gpus
        .iter()
        .filter(|gpu| {
            !gpu.told(ROOT).is_empty() && !cards.iter().any(|card| card.told(ROOT) == gpu.told(ROOT))
        })
        .map(|gpu| gpu.name.as_str())
        .collect();
    let known = cards.iter().any(|card| !card.told(ROOT).is_empty());
    let headline = if cards.is_empty() && !plugin_card {
        "the pod has no RDMA device: NCCL between nodes goes over sockets".to_owned()
    } else if !far.is_empty() && known {
        format!(
            "GPUs without a card under their PCIe root: {}; a constraint matchAttribute {ROOT} would pair them",
            far.join(", ")
        )
    } else if gpus.is_empty() || !known {
        "the pod has RDMA devices; how near they are to its GPUs is not published".to_owned()
    } else {
        "every GPU of the pod has a card under its PCIe root".to_owned()
    };
    lines.extend(memory_lock(pod));
    (headline, lines)
}

/// DRANet writes conditions that are True only: what is absent has not happened.
fn conditions(claim: &Value, result: &Value) -> Vec<String> {
    let same = |device: &&Value| ["driver", "pool", "device"].iter().all(|key| device[*key] == result[*key]);
    let Some(reported) = items(claim, "status.devices").iter().find(same) else {
        return vec!["  ! its driver has reported no condition: it was not set up in the pod".to_owned()];
    };
    items(reported, "conditions")
        .iter()
        .map(|condition| format!("  {}", object::spoken_condition(condition)))
        .collect()
}

/// Registering memory needs the right to lock it.
fn memory_lock(pod: &Value) -> Option<String> {
    let may = items(pod, "spec.containers").iter().any(|container| {
        container["securityContext"]["privileged"] == true
            || items(container, "securityContext.capabilities.add").iter().any(|name| name == "IPC_LOCK")
    });
    (!may).then(|| {
        "no container has IPC_LOCK: registering memory may fail where the memlock limit is low".to_owned()
    })
}
