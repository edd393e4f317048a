//! What a Node object says about accelerators: counts, labels, conditions, taints. Pure.

use crate::object::{self, items, label, text};
use crate::quantity::Quantity;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Extended resources that are accelerators, by the domain before the slash (vendors' device plugins).
const DOMAINS: [&str; 8] = [
    "nvidia.com",
    "amd.com",
    "gpu.intel.com",
    "habana.ai",
    "google.com",
    "aws.amazon.com",
    "qualcomm.com",
    "tenstorrent.com",
];
/// Names under those domains that are no accelerators.
const OTHERS: [&str; 3] = ["hugepages", "mlnx", "rdma"];

/// Whether a resource is an accelerator.
pub(crate) fn is_accelerator(resource: &str) -> bool {
    let Some((domain, name)) = resource.split_once('/') else { return false };
    let of_vendor = match domain {
        "google.com" => name.starts_with("tpu"),
        "aws.amazon.com" => name.starts_with("neuron"),
        "nvidia.com" => name.starts_with("gpu") || name.starts_with("mig-") || name.starts_with("pgpu"),
        _ => DOMAINS.contains(&domain) || domain.ends_with(".nvidia.com"),
    };
    of_vendor && !OTHERS.iter().any(|other| name.contains(other))
}

/// Whether a resource moves data by RDMA (device plugins of network cards, shared or SR-IOV, EFA).
pub(crate) fn is_rdma(resource: &str) -> bool {
    let Some((domain, name)) = resource.split_once('/') else { return false };
    domain == "rdma"
        || domain == "vpc.amazonaws.com" && name == "efa"
        || name.contains("rdma")
        || name.contains("mlnx")
        || name.contains("hca")
        || name.contains("_ib")
}

/// Whether a node has accelerators, or says that it should.
pub(crate) fn is_gpu_node(node: &Value) -> bool {
    object::entries(node, "status.capacity").any(|(name, _)| is_accelerator(name))
        || label(node, "nvidia.com/gpu.present") == "true"
        || label(node, "feature.node.kubernetes.io/pci-10de.present") == "true"
        || !label(node, "cloud.google.com/gke-accelerator").is_empty()
}

/// One extended resource of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Resource {
    /// E.g. `nvidia.com/gpu`.
    pub(crate) name: String,
    pub(crate) capacity: i64,
    pub(crate) allocatable: i64,
    /// Requested by live pods; absent when pods could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocated: Option<i64>,
}

/// A node as far as accelerators go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct GpuNode {
    pub(crate) name: String,
    pub(crate) resources: Vec<Resource>,
    /// Product, as GPU feature discovery labels it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) product: String,
    /// GPUs that feature discovery counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_mib: Option<i64>,
    /// Driver version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) driver: String,
    /// CUDA version that the driver supports.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) cuda: String,
    /// Compute capability.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) compute: String,
    /// MIG: strategy, configuration, its state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) mig: String,
    /// MIG instances by profile.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) instances: BTreeMap<String, i64>,
    /// How GPUs are shared, e.g. `time-slicing x4`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) sharing: String,
    /// NVLink domain of multi-node systems.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) clique: String,
    /// Driver upgrade state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) upgrade: String,
    /// Taints, and `unschedulable`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) taints: Vec<String>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<String>,
}

fn whole(value: Option<&Value>) -> i64 {
    value.and_then(Value::as_str).and_then(Quantity::parse).and_then(Quantity::as_integer).unwrap_or_default()
}

impl GpuNode {
    /// Reads a Node object.
    pub(crate) fn read(node: &Value) -> Self {
        let mut names: Vec<&str> = object::entries(node, "status.capacity")
            .chain(object::entries(node, "status.allocatable"))
            .map(|(name, _)| name)
            .filter(|name| is_accelerator(name))
            .collect();
        names.sort_unstable();
        names.dedup();
        let count = |place: &str, name: &str| whole(node["status"][place].get(name));
        let resources = names
            .into_iter()
            .map(|name| Resource {
                name: name.to_owned(),
                capacity: count("capacity", name),
                allocatable: count("allocatable", name),
                allocated: None,
            })
            .collect();
        let nvidia = |key: &str| label(node, &format!("nvidia.com/{key}")).to_owned();
        let number = |key: &str| nvidia(key).parse().ok();
        let mut known = Self {
            name: object::name(node).to_owned(),
            resources,
            product: nvidia("gpu.product"),
            count: number("gpu.count"),
            memory_mib: number("gpu.memory"),
            driver: version(&nvidia, "cuda.driver-version", "cuda.driver", "rev"),
            cuda: version(&nvidia, "cuda.runtime-version", "cuda.runtime", ""),
            compute: dotted(&[nvidia("gpu.compute.major"), nvidia("gpu.compute.minor")]),
            mig: mig(&nvidia),
            instances: instances(node),
            sharing: sharing(&nvidia),
            clique: nvidia("gpu.clique"),
            upgrade: nvidia("gpu-driver-upgrade-state"),
            taints: taints(node),
            problems: Vec::new(),
        };
        known.problems = known.judge(node);
        known
    }

    fn judge(&self, node: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        for resource in &self.resources {
            let lost = resource.capacity - resource.allocatable;
            if lost > 0 {
                problems.push(format!(
                    "{lost} of {} {} not allocatable: unhealthy in the device plugin, which does not take them back before it restarts",
                    resource.capacity, resource.name
                ));
            }
        }
        if self.product.ends_with("-MIG-INVALID") {
            problems.push("MIG: strategy single with a mixture of profiles, so no GPU is offered (product …-MIG-INVALID): one profile on all, or strategy mixed".to_owned());
        }
        if self.mig.contains("failed") {
            problems.push("the MIG configuration was not applied".to_owned());
        }
        if self.upgrade.ends_with("-failed") || self.upgrade.ends_with("-required") {
            problems.push(format!("driver upgrade: {}", self.upgrade));
        }
        let none = self.resources.iter().all(|resource| resource.capacity == 0);
        if none && is_gpu_node(node) {
            problems.push(
                "it has a GPU, and no device plugin offers one (with DRA only: see devices)".to_owned(),
            );
        }
        if let Some(ready) = object::condition(node, "Ready")
            && text(ready, "status") != "True"
        {
            problems.push(object::spoken_condition(ready));
        }
        problems.extend(bad_conditions(node).into_iter().map(object::spoken_condition));
        problems
    }
}

/// Newer feature discovery has `<new>.full`, older ones the parts apart.
fn version(nvidia: &impl Fn(&str) -> String, new: &str, old: &str, last: &str) -> String {
    let full = nvidia(&format!("{new}.full"));
    if !full.is_empty() {
        return full;
    }
    let mut parts = vec![nvidia(&format!("{old}.major")), nvidia(&format!("{old}.minor"))];
    if !last.is_empty() {
        parts.push(nvidia(&format!("{old}.{last}")));
    }
    dotted(&parts)
}

fn dotted(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(".")
}

fn mig(nvidia: &impl Fn(&str) -> String) -> String {
    // Every node with feature discovery has a strategy; it says something only where GPUs can be split.
    if nvidia("mig.capable") == "false" {
        return String::new();
    }
    [("strategy", "mig.strategy"), ("config", "mig.config"), ("state", "mig.config.state")]
        .iter()
        .map(|(word, key)| (word, nvidia(key)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(word, value)| format!("{word} {value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn instances(node: &Value) -> BTreeMap<String, i64> {
    object::entries(node, "metadata.labels")
        .filter_map(|(key, value)| {
            let profile = key.strip_prefix("nvidia.com/mig-")?.strip_suffix(".count")?;
            Some((profile.to_owned(), value.as_str()?.parse().ok()?))
        })
        .collect()
}

fn sharing(nvidia: &impl Fn(&str) -> String) -> String {
    let replicas: i64 = nvidia("gpu.replicas").parse().unwrap_or(1);
    match (nvidia("gpu.sharing-strategy").as_str(), replicas) {
        ("" | "none", 0 | 1) => String::new(),
        ("" | "none", replicas) => format!("x{replicas}"),
        (strategy, replicas) => format!("{strategy} x{replicas}"),
    }
}

fn taints(node: &Value) -> Vec<String> {
    let mut taints: Vec<String> = items(node, "spec.taints")
        .iter()
        .map(|taint| {
            let value = text(taint, "value");
            let value = if value.is_empty() { String::new() } else { format!("={value}") };
            format!("{}{value}:{}", text(taint, "key"), text(taint, "effect"))
        })
        .collect();
    if node["spec"]["unschedulable"] == true && !taints.iter().any(|taint| taint.contains("unschedulable")) {
        taints.push("unschedulable".to_owned());
    }
    taints
}

/// Conditions of NVSentinel (docs/INTEGRATIONS.md, charts), which are True when something is wrong.
const SENTINEL: [&str; 22] = [
    "GpuMemWatch",
    "GpuThermalWatch",
    "GpuPcieWatch",
    "GpuPowerWatch",
    "GpuInforomWatch",
    "GpuSmWatch",
    "GpuNvlinkWatch",
    "GpuMcuWatch",
    "GpuPmuWatch",
    "GpuDriverWatch",
    "GpuCpusetWatch",
    "GpuDcgmConnectivityFailure",
    "SysLogsXIDError",
    "SysLogsSXIDError",
    "SysLogsGPUFallenOff",
    "InfiniBandStateCheck",
    "InfiniBandDegradationCheck",
    "EthernetStateCheck",
    "EthernetDegradationCheck",
    "CSPMaintenance",
    "RepeatedXIDErrorOnSameGPU",
    "MultipleRemediations",
];
/// Words of conditions that sites add with node-problem-detector.
const WORDS: [&str; 7] = ["gpu", "xid", "nvlink", "nvswitch", "nvidia", "infiniband", "rdma"];
/// Words by which a condition is good when True.
const GOOD: [&str; 4] = ["ready", "healthy", "available", "ok"];

/// Conditions about accelerators and their links that are not as they should be.
pub(crate) fn bad_conditions(node: &Value) -> Vec<&Value> {
    items(node, "status.conditions")
        .iter()
        .filter(|condition| {
            let kind = text(condition, "type");
            let lower = kind.to_lowercase();
            let known = SENTINEL.contains(&kind) || WORDS.iter().any(|word| lower.contains(word));
            let bad = if GOOD.iter().any(|word| lower.ends_with(word)) { "False" } else { "True" };
            known && text(condition, "status") == bad
        })
        .collect()
}

/// What a pod asks of extended resources: the larger of its init containers and its containers, as the scheduler counts.
pub(crate) fn requests(pod: &Value) -> BTreeMap<String, i64> {
    let of = |container: &Value| -> BTreeMap<String, i64> {
        object::entries(container, "resources.requests")
            .chain(object::entries(container, "resources.limits"))
            .filter(|(name, _)| is_accelerator(name) || is_rdma(name))
            .map(|(name, value)| (name.to_owned(), whole(Some(value))))
            .collect()
    };
    let mut sum: BTreeMap<String, i64> = BTreeMap::new();
    for container in items(pod, "spec.containers") {
        for (name, count) in of(container) {
            *sum.entry(name).or_default() += count;
        }
    }
    for container in items(pod, "spec.initContainers") {
        for (name, count) in of(container) {
            let most = sum.entry(name).or_default();
            *most = (*most).max(count);
        }
    }
    sum.retain(|_, count| *count > 0);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_lost_gpu_an_upgrade_and_a_fault_are_told() {
        let node = json!({"metadata": {"name": "a", "labels": {
                "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.count": "8",
                "nvidia.com/cuda.driver-version.full": "570.1.2", "nvidia.com/gpu.replicas": "1",
                "nvidia.com/gpu-driver-upgrade-state": "upgrade-failed"}},
            "spec": {"unschedulable": true, "taints": [{"key": "nvidia.com/gpu-error", "effect": "NoSchedule"}]},
            "status": {"capacity": {"nvidia.com/gpu": "8", "cpu": "96"}, "allocatable": {"nvidia.com/gpu": "7"},
                "conditions": [{"type": "Ready", "status": "True"},
                    {"type": "SysLogsGPUFallenOff", "status": "True", "message": "GPU 3"},
                    {"type": "GpuMemWatch", "status": "False"}]}});
        let expected = GpuNode {
            name: "a".to_owned(),
            resources: vec![Resource {
                name: "nvidia.com/gpu".to_owned(),
                capacity: 8,
                allocatable: 7,
                allocated: None,
            }],
            product: "NVIDIA-H100-80GB-HBM3".to_owned(),
            count: Some(8),
            driver: "570.1.2".to_owned(),
            upgrade: "upgrade-failed".to_owned(),
            taints: vec!["nvidia.com/gpu-error:NoSchedule".to_owned(), "unschedulable".to_owned()],
            problems: vec![
                "1 of 8 nvidia.com/gpu not allocatable: unhealthy in the device plugin, which does not take them back before it restarts".to_owned(),
                "driver upgrade: upgrade-failed".to_owned(),
                "SysLogsGPUFallenOff=True (GPU 3)".to_owned(),
            ],
            ..GpuNode::default()
        };
        assert_eq!(GpuNode::read(&node), expected);
    }

    #[test]
    fn invalid_mig_and_gpus_that_nobody_offers_are_told() {
        let node = json!({"metadata": {"name": "a", "labels": {"nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID", "nvidia.com/mig.strategy": "single"}},
            "status": {"capacity": {"nvidia.com/gpu": "0"}, "allocatable": {"nvidia.com/gpu": "0"}}});
        let problems = GpuNode::read(&node).problems;
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("MIG-INVALID") && problems[1].contains("no device plugin"));
    }

    #[test]
    fn accelerators_and_cards_are_told_apart() {
        for (name, accelerator, rdma) in [
            ("nvidia.com/gpu", true, false),
            ("nvidia.com/mig-1g.5gb", true, false),
            ("nvidia.com/mlnxnics", false, true),
            ("amd.com/gpu", true, false),
            ("rdma/hca_shared", false, true),
            ("vpc.amazonaws.com/efa", false, true),
            ("aws.amazon.com/neuroncore", true, false),
            ("cpu", false, false),
            ("example.com/fpga", false, false),
        ] {
            assert_eq!((is_accelerator(name), is_rdma(name)), (accelerator, rdma), "{name}");
        }
    }

    #[test]
    fn a_pods_request_counts_limits_once_and_init_containers_by_the_largest() {
        let pod = json!({"spec": {
            "initContainers": [{"resources": {"limits": {"nvidia.com/gpu": "4"}}}],
            "containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}},
                {"resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "1"}}}]}});
        assert_eq!(requests(&pod), BTreeMap::from([("nvidia.com/gpu".to_owned(), 4)]));
    }
}
