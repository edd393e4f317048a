//! `gpu_health`: faults that conditions, device taints, pods and DCGM know of.

use super::report::Report;
use super::{TOOLSET, pods, said};
use crate::backend::{Backend, DRA};
use crate::dcgm::{self, GpuSeries, Weight};
use crate::dra::inventory::Inventory;
use crate::node::{GpuNode, bad_conditions, is_gpu_node};
use crate::object::{self, items, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, RbacRule, ToolError, TypedTool};

/// Looks for sick GPUs.
pub(crate) struct Health(pub(crate) Backend);

/// Series that are told only when they are not zero, and those that are needed of every GPU.
const FAULTS: &str = "{__name__=~\"DCGM_FI_DEV_(XID_ERRORS|ROW_REMAP_FAILURE|UNCORRECTABLE_REMAPPED_ROWS|ECC_DBE_VOL_TOTAL|RETIRED_DBE|NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL|NVLINK_RECOVERY_ERROR_COUNT_TOTAL)|DCGM_EXP_(XID_ERRORS_COUNT|CLOCK_EVENTS_COUNT|GPU_HEALTH_STATUS)\"} != 0";
const LOAD: &str =
    "{__name__=~\"DCGM_FI_DEV_(SM_CLOCK|GPU_UTIL|GPU_TEMP|SLOWDOWN_TEMP|FB_USED|FB_FREE|FB_RESERVED)\"}";
const CHANGES: &str = "changes(DCGM_FI_DEV_XID_ERRORS[24h])";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Only nodes with this in the name
    #[serde(default, alias = "name")]
    node: Option<String>,
}

#[async_trait]
impl TypedTool for Health {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "gpu_health";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "GPU faults: XIDs, ECC, throttling, NVLink, taints, who suffers.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read("", &["nodes", "pods"]),
            RbacRule::read(DRA, &["resourceslices", "devicetaintrules"]),
        ]
    }

    fn available(&self) -> Availability {
        self.0.gpus_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let missing = &mut report.coverage.missing;
        let part = said(input.node.as_deref()).unwrap_or_default();
        let nodes = self.0.list(&Wanted::all(KindName::new("", "nodes"), 5_000), missing).await?;
        let ours = |node: &&Value| is_gpu_node(node) && object::name(node).contains(part);
        let mut faults = Vec::new();
        for node in nodes.iter().filter(ours) {
            faults.extend(
                bad_conditions(node).into_iter().map(|condition| {
                    format!("{}: {}", object::name(node), object::spoken_condition(condition))
                }),
            );
            let known = GpuNode::read(node);
            faults.extend(known.resources.iter().filter(|resource| resource.allocatable < resource.capacity).map(|resource| {
                format!("{}: {} allocatable {} of {}: the device plugin holds the rest for unhealthy until it restarts", known.name, resource.name, resource.allocatable, resource.capacity)
            }));
            faults.extend(who_cordoned(node));
        }
        let devices = self.device_taints(part, missing).await?;
        let names: Vec<String> =
            nodes.iter().filter(ours).map(|node| object::name(node).to_owned()).collect();
        let sick_pods = sick_pods(&pods::on_nodes(&self.0, &names, missing).await?);
        let (bad, watch, notes, seen) = self.metrics(part, context, missing).await;
        let count = faults.len() + devices.len() + sick_pods.len() + bad.len();
        if !self.0.has_series() {
            missing.push("DCGM: no Prometheus is configured; XIDs, ECC and clocks are seen through conditions and taints only".to_owned());
        } else if seen == 0 {
            missing.push(
                "DCGM: no series of dcgm-exporter (for these nodes): their absence is no proof of health"
                    .to_owned(),
            );
        }
        report.headline = if count == 0 {
            format!(
                "no fault seen on GPU nodes ({seen} GPUs with DCGM series, {} remarks to watch)",
                watch.len()
            )
        } else {
            format!("{count} faults on GPU nodes")
        };
        report.section("node conditions, lost GPUs and cordons", faults);
        report.section("device taints (DRA)", devices);
        report.section("pods whose device is unhealthy", sick_pods);
        report.section("DCGM: faults", bad);
        report.section("DCGM: to watch", watch);
        report.section("DCGM: not faults", notes);
        Ok(report)
    }
}

/// A GPU node that someone cordoned, with what NVSentinel wrote down about it.
fn who_cordoned(node: &Value) -> Option<String> {
    if node["spec"]["unschedulable"] != true {
        return None;
    }
    let mut words: Vec<String> = object::entries(node, "metadata.annotations")
        .chain(object::entries(node, "metadata.labels"))
        .filter(|(key, _)| {
            key.contains("nvsentinel") || key.contains("quarantine") || key.contains("driver-upgrade")
        })
        .map(|(key, value)| format!("{key}={}", object::plain(value)))
        .collect();
    words.truncate(4);
    let by = if words.is_empty() { "who did it is not written down".to_owned() } else { words.join(", ") };
    Some(format!("{}: cordoned ({by})", object::name(node)))
}

/// `status.containerStatuses[].allocatedResourcesStatus` (KEP-4680): the kubelet's own word on a pod's device.
fn sick_pods(pods: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    for pod in pods {
        for status in items(pod, "status.containerStatuses") {
            for resource in items(status, "allocatedResourcesStatus") {
                let sick = |device: &&Value| text(device, "health") == "Unhealthy";
                lines.extend(items(resource, "resources").iter().filter(sick).map(|device| {
                    format!(
                        "{} on {}: {} {} Unhealthy {}",
                        object::title(pod),
                        text(pod, "spec.nodeName"),
                        text(resource, "name"),
                        text(device, "resourceID"),
                        object::cut(text(device, "message"))
                    )
                }));
            }
        }
    }
    lines
}

type Told = (Vec<String>, Vec<String>, Vec<String>, usize);

impl Health {
    async fn device_taints(&self, part: &str, missing: &mut Vec<String>) -> Result<Vec<String>, ToolError> {
        let served = self.0.objects()?.serves(DRA).await?.kinds;
        let is_served = |plural: &str| served.iter().any(|known| known.plural == plural);
        if !is_served("resourceslices") {
            return Ok(Vec::new());
        }
        let slices = self.0.list(&Wanted::all(KindName::new(DRA, "resourceslices"), 5_000), missing).await?;
        let mut inventory = Inventory::read(&slices);
        if is_served("devicetaintrules") {
            let rules =
                self.0.list(&Wanted::all(KindName::new(DRA, "devicetaintrules"), 1_000), missing).await?;
            inventory.taint(&rules);
        }
        Ok(inventory
            .devices
            .iter()
            .filter(|device| device.place.node().is_none_or(|node| node.contains(part)))
            .flat_map(|device| {
                device.taints.iter().map(|taint| {
                    let effect = if taint.repels() { "" } else { " (informs only: it keeps nobody away)" };
                    format!("{}: {}{effect}", device.id(), taint.spoken())
                })
            })
            .collect())
    }

    async fn metrics(&self, part: &str, context: &CallContext, missing: &mut Vec<String>) -> Told {
        let mut series = self.0.query(FAULTS, context, missing).await.series;
        series.extend(self.0.query(LOAD, context, missing).await.series);
        let changes: BTreeMap<String, f64> = self
            .0
            .query(CHANGES, context, missing)
            .await
            .series
            .into_iter()
            .filter_map(|sample| Some((sample.labels.get("UUID")?.clone(), sample.value)))
            .collect();
        let gpus: Vec<GpuSeries> =
            dcgm::gpus(&series).into_iter().filter(|gpu| gpu.host.contains(part)).collect();
        let clocks = dcgm::median_clocks(&gpus);
        let (mut bad, mut watch, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for gpu in &gpus {
            let pod = gpu.pod.as_ref().map(|pod| format!(" used by {pod}")).unwrap_or_default();
            let instance =
                gpu.instance.as_ref().map(|instance| format!(" MIG {instance}")).unwrap_or_default();
            let address = gpu.address.map(|address| format!(" {address}")).unwrap_or_default();
            for remark in dcgm::remarks(gpu, clocks.get(&gpu.model).copied(), changes.get(&gpu.uuid).copied())
            {
                let line = format!(
                    "{} gpu {}{instance} {}{address}{pod}: {}",
                    gpu.host, gpu.index, gpu.uuid, remark.text
                );
                match remark.weight {
                    Weight::Bad => bad.push(line),
                    Weight::Watch => watch.push(line),
                    Weight::Note => notes.push(line),
                }
            }
        }
        (bad, watch, notes, gpus.len())
    }
}
