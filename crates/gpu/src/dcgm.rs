//! What DCGM's series say about each GPU: blanks dropped, pods attributed, thresholds with their sources.

use crate::device::PciAddress;
use crate::knowledge::dcgm::ACTIONS;
use crate::knowledge::xid::XIDS;
use std::collections::BTreeMap;
use stethoscope_core::reader::SeriesValue;

/// One GPU, or one MIG instance of it, as dcgm-exporter tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuSeries {
    /// `GPU-…`.
    pub uuid: String,
    /// Index on its node.
    pub index: String,
    /// Node, or the exporter's pod in old versions; empty when unknown.
    pub host: String,
    /// Model name.
    pub model: String,
    /// PCI address, where the exporter gives it.
    pub address: Option<PciAddress>,
    /// MIG profile and instance, e.g. `1g.5gb/11`.
    pub instance: Option<String>,
    /// The workload's pod as `namespace/pod`; never the exporter's own.
    pub pod: Option<String>,
    /// Values by metric, and by metric and telling label (`DCGM_EXP_GPU_HEALTH_STATUS{health_watch=MEM}`).
    pub values: BTreeMap<String, f64>,
}

/// Blanks that older exporters pass on instead of "no data" (dcgm_structs.h: DCGM_INT32_BLANK, DCGM_INT64_BLANK,
/// DCGM_FP64_BLANK and the 15 values after each: not found, not supported, not permitted).
const INT32_BLANK: f64 = 2_147_483_632.0;
const INT32_LAST: f64 = 2_147_483_647.0;
const INT64_BLANK: f64 = 9_223_372_036_854_775_000.0;
const FP64_BLANK: f64 = 140_737_488_355_328.0;
const FP64_LAST: f64 = 140_737_488_355_343.0;

/// Whether a value means that there is none.
pub fn is_blank(value: f64) -> bool {
    !value.is_finite()
        || (INT32_BLANK..=INT32_LAST).contains(&value)
        || (FP64_BLANK..=FP64_LAST).contains(&value)
        || value >= INT64_BLANK
}

/// Labels that split one metric into several values of one GPU.
const SPLIT: [&str; 6] =
    ["health_watch", "health_error_code", "clock_event", "xid", "peer_gpu", "link_status"];

/// Series of dcgm-exporter by GPU, in the order of host, index and instance. Other series are passed over.
pub fn gpus<'a>(series: impl IntoIterator<Item = &'a SeriesValue>) -> Vec<GpuSeries> {
    let mut gpus: BTreeMap<(String, String, String), GpuSeries> = BTreeMap::new();
    for sample in series {
        let label = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        let metric = label("__name__");
        if !metric.starts_with("DCGM_") || is_blank(sample.value) {
            continue;
        }
        let instance = match (label("GPU_I_PROFILE"), label("GPU_I_ID")) {
            ("", "") => String::new(),
            (profile, id) => format!("{profile}/{id}"),
        };
        let uuid = label("UUID");
        let host = first(&[label("Hostname"), label("hostname"), label("node"), label("instance")]);
        let gpu = if uuid.is_empty() { format!("{host}/{}", label("gpu")) } else { uuid.to_owned() };
        let known = gpus.entry((host.to_owned(), gpu, instance.clone())).or_default();
        uuid.clone_into(&mut known.uuid);
        label("gpu").clone_into(&mut known.index);
        host.clone_into(&mut known.host);
        label("modelName").clone_into(&mut known.model);
        known.address = PciAddress::parse(label("pci_bus_id")).or(known.address);
        known.instance = Some(instance).filter(|instance| !instance.is_empty());
        known.pod = pod(&label).or(known.pod.take());
        let split: Vec<String> = SPLIT
            .iter()
            .filter(|name| !label(name).is_empty())
            .map(|name| format!("{name}={}", label(name)))
            .collect();
        let key =
            if split.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", split.join(",")) };
        known.values.insert(key, sample.value);
    }
    gpus.into_values().collect()
}

fn first<'a>(candidates: &[&'a str]) -> &'a str {
    candidates.iter().copied().find(|text| !text.is_empty()).unwrap_or_default()
}

/// Without `honorLabels` (the chart's default) `pod` is the exporter's own and the workload's is in `exported_pod`.
fn pod<'a>(label: &impl Fn(&str) -> &'a str) -> Option<String> {
    let exported = label("exported_pod");
    let (namespace, pod) = if exported.is_empty() {
        (label("namespace"), label("pod"))
    } else {
        (label("exported_namespace"), exported)
    };
    let own = pod.contains("dcgm-exporter");
    if !pod.is_empty() && !own {
        return Some(format!("{namespace}/{pod}"));
    }
    let claim = label("dra_claim_name");
    (!claim.is_empty()).then(|| format!("{}/claim {claim}", label("dra_claim_namespace")))
}

/// How sure a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something is broken.
    Bad,
    /// To be looked at.
    Watch,
    /// Needed to read the rest.
    Note,
}

/// A remark about a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How sure.
    pub weight: Weight,
    /// In words, with the value.
    pub text: String,
}

/// °C above which a GPU without a known slow-down temperature is called hot (k8s-gpu-mcp-server uses 82 and 90).
const HOT: f64 = 85.0;
/// The clock of a GPU against the median of its like under load, below which it is called slow.
const SLOW: f64 = 0.6;
/// Utilisation in per cent from which a GPU counts as loaded.
const LOADED: f64 = 50.0;

/// What the values of a GPU say. `median_clock` is that of loaded GPUs of its model, `changed` the XID changes of the last day.
pub fn remarks(gpu: &GpuSeries, median_clock: Option<f64>, changed: Option<f64>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let value = |metric: &str| gpu.values.get(metric).copied();
    let mut add = |weight: Weight, text: String| remarks.push(Remark { weight, text });
    if let Some(code) = value("DCGM_FI_DEV_XID_ERRORS").filter(|code| *code > 0.0) {
        add_xid(code as u32, changed, &mut add);
    }
    if value("DCGM_FI_DEV_ROW_REMAP_FAILURE").is_some_and(|failed| failed > 0.0) {
        add(
            Weight::Bad,
            "row remap failed (DCGM_FI_DEV_ROW_REMAP_FAILURE 1): field diagnostic, replace the board"
                .to_owned(),
        );
    } else if let Some(rows) = value("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS").filter(|rows| *rows > 0.0) {
        add(
            Weight::Watch,
            format!("{rows} uncorrectable rows remapped, none failed: a reset applies what is pending"),
        );
    }
    for (metric, words) in [
        ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "uncorrectable ECC errors since the driver started"),
        ("DCGM_FI_DEV_RETIRED_DBE", "pages retired for uncorrectable errors"),
    ] {
        if let Some(count) = value(metric).filter(|count| *count > 0.0) {
            add(Weight::Bad, format!("{count} {words} ({metric})"));
        }
    }
    if let Some(temperature) = value("DCGM_FI_DEV_GPU_TEMP") {
        let limit = value("DCGM_FI_DEV_SLOWDOWN_TEMP").filter(|limit| *limit > 0.0);
        if temperature >= limit.unwrap_or(HOT) {
            let against = limit.map_or(String::new(), |limit| format!(", slow-down at {limit}"));
            add(Weight::Watch, format!("{temperature} °C{against}"));
        }
    }
    if let (Some(clock), Some(median), Some(load)) =
        (value("DCGM_FI_DEV_SM_CLOCK"), median_clock, value("DCGM_FI_DEV_GPU_UTIL"))
        && load >= LOADED
        && clock < median * SLOW
    {
        add(Weight::Bad, format!("SM clock {clock} MHz under load, its like run at {median}: throttled"));
    }
    for (key, count) in &gpu.values {
        if let Some(rest) = key.strip_prefix("DCGM_EXP_CLOCK_EVENTS_COUNT{clock_event=")
            && *count > 0.0
        {
            let event = rest.trim_end_matches('}');
            // Slow-downs by hardware are faults or facility limits; the others are how a GPU lives.
            let weight = if event.starts_with("hw_") { Weight::Bad } else { Weight::Note };
            if weight == Weight::Bad {
                add(weight, format!("clock lowered: {event} x{count} in the window"));
            }
        }
        // DCGM_HEALTH_RESULT_WARN is 10, FAIL 20.
        if key.starts_with("DCGM_EXP_GPU_HEALTH_STATUS") && *count >= 10.0 {
            let part = |name: &str| {
                key.split(['{', ',', '}']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            };
            let code = part("health_error_code").unwrap_or_default();
            let action = ACTIONS.of(code).map(|action| format!(", NVSentinel: {action}")).unwrap_or_default();
            let weight = if *count >= 20.0 { Weight::Bad } else { Weight::Watch };
            add(weight, format!("health {} {code}{action}", part("health_watch").unwrap_or("?")));
        }
        if key.starts_with("DCGM_EXP_XID_ERRORS_COUNT") && *count > 0.0 {
            let code = key.split(['{', ',', '}']).find_map(|word| word.strip_prefix("xid=")).unwrap_or("?");
            add(Weight::Watch, format!("XID {code} x{count} in the exporter's window"));
        }
    }
    for metric in
        ["DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL"]
    {
        if let Some(count) = value(metric).filter(|count| *count > 0.0) {
            add(Weight::Watch, format!("{metric} {count}"));
        }
    }
    if let (Some(used), Some(free)) = (value("DCGM_FI_DEV_FB_USED"), value("DCGM_FI_DEV_FB_FREE")) {
        // DCGM_FI_DEV_FB_TOTAL is not among the default fields.
        let total = used + free + value("DCGM_FI_DEV_FB_RESERVED").unwrap_or_default();
        if total > 0.0 && used / total > 0.9 && gpu.pod.is_none() {
            add(
                Weight::Watch,
                format!(
                    "{used} of {total} MiB used and no pod named: DRA pods need kubernetesDRA.enabled, else a process of the host or of a pod that is gone"
                ),
            );
        }
    }
    remarks.sort_by_key(|remark| remark.weight);
    remarks
}

fn add_xid(code: u32, changed: Option<f64>, add: &mut impl FnMut(Weight, String)) {
    let means = XIDS.get(code).map_or("unknown", |known| known.means.as_str());
    match changed {
        // The gauge keeps the last XID until exporter or driver restart (dcgm-exporter 500).
        Some(0.0) => add(
            Weight::Note,
            format!(
                "XID {code} is the last one seen, unchanged for a day: stale, not a fault now (or the same again, which the gauge can not show)"
            ),
        ),
        Some(_) => add(Weight::Bad, format!("XID {code} within the last day: {means}")),
        None => add(
            Weight::Watch,
            format!("XID {code} is the last one seen ({means}); the gauge sticks, so when it was is unknown"),
        ),
    }
}

/// The median of a model's SM clocks under load, by model.
pub fn median_clocks(gpus: &[GpuSeries]) -> BTreeMap<String, f64> {
    let mut clocks: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for gpu in gpus {
        let load = gpu.values.get("DCGM_FI_DEV_GPU_UTIL").copied().unwrap_or_default();
        if let Some(clock) = gpu.values.get("DCGM_FI_DEV_SM_CLOCK")
            && load >= LOADED
        {
            clocks.entry(gpu.model.clone()).or_default().push(*clock);
        }
    }
    clocks
        .into_iter()
        .filter(|(_, clocks)| clocks.len() >= 3)
        .filter_map(|(model, mut clocks)| {
            clocks.sort_by(f64::total_cmp);
            Some((model, *clocks.get(clocks.len() / 2)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition;
    use pretty_assertions::assert_eq;

    fn told(text: &str, changed: Option<f64>) -> Vec<(Weight, String)> {
        let answer = exposition(text);
        let gpus = gpus(&answer.series);
        let clocks = median_clocks(&gpus);
        gpus.iter()
            .flat_map(|gpu| remarks(gpu, clocks.get(&gpu.model).copied(), changed))
            .map(|remark| (remark.weight, remark.text))
            .collect()
    }

    #[test]
    fn blanks_are_no_values() {
        let text = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 9223372036854775794\n\
            DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-1\"} 2147483634\n\
            DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{gpu=\"0\",UUID=\"GPU-1\"} 140737488355330\n\
            DCGM_FI_DEV_SM_CLOCK{gpu=\"0\",UUID=\"GPU-1\"} 1410\n";
        let gpus = gpus(&exposition(text).series);
        assert_eq!(gpus[0].values, BTreeMap::from([("DCGM_FI_DEV_SM_CLOCK".to_owned(), 1410.0)]));
    }

    #[test]
    fn the_workload_is_named_and_never_the_exporter() {
        let pod = |labels: &str| {
            gpus(&exposition(&format!("DCGM_FI_DEV_GPU_TEMP{{gpu=\"0\",{labels}}} 40")).series)[0].pod.clone()
        };
        assert_eq!(pod("pod=\"train-0\",namespace=\"ml\""), Some("ml/train-0".to_owned()));
        assert_eq!(
            pod(
                "pod=\"nvidia-dcgm-exporter-x\",namespace=\"gpu\",exported_pod=\"train-0\",exported_namespace=\"ml\""
            ),
            Some("ml/train-0".to_owned())
        );
        assert_eq!(pod("pod=\"nvidia-dcgm-exporter-x\",namespace=\"gpu\""), None);
        assert_eq!(pod("dra_claim_name=\"c\",dra_claim_namespace=\"ml\""), Some("ml/claim c".to_owned()));
    }

    #[test]
    fn a_sticky_xid_gauge_is_no_fault_and_a_fresh_one_is() {
        let text = "DCGM_FI_DEV_XID_ERRORS{gpu=\"0\",UUID=\"GPU-1\"} 31";
        assert_eq!(told(text, Some(0.0))[0].0, Weight::Note);
        assert_eq!(told(text, Some(2.0))[0].0, Weight::Bad);
        assert_eq!(told(text, None)[0].0, Weight::Watch);
        assert_eq!(told("DCGM_FI_DEV_XID_ERRORS{gpu=\"0\",UUID=\"GPU-1\"} 0", None), []);
    }

    #[test]
    fn a_throttled_gpu_stands_out_among_its_like_and_idle_ones_do_not() {
        let mut text = String::new();
        for (gpu, clock, load) in [(0, 1980, 99), (1, 345, 98), (2, 1965, 97), (3, 1980, 99), (4, 210, 0)] {
            text.push_str(&format!(
                "DCGM_FI_DEV_SM_CLOCK{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",modelName=\"H\"}} {clock}\n"
            ));
            text.push_str(&format!(
                "DCGM_FI_DEV_GPU_UTIL{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",modelName=\"H\"}} {load}\n"
            ));
        }
        let expected = "SM clock 345 MHz under load, its like run at 1980: throttled".to_owned();
        assert_eq!(told(&text, None), [(Weight::Bad, expected)]);
    }

    #[test]
    fn remapped_rows_are_to_be_watched_and_a_failed_remap_is_bad() {
        let rows = "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS{gpu=\"0\",UUID=\"GPU-1\"} 2\n";
        assert_eq!(told(rows, None)[0].0, Weight::Watch);
        let failed = format!("{rows}DCGM_FI_DEV_ROW_REMAP_FAILURE{{gpu=\"0\",UUID=\"GPU-1\"}} 1\n");
        assert_eq!(told(&failed, None).len(), 1);
        assert_eq!(told(&failed, None)[0].0, Weight::Bad);
    }

    #[test]
    fn health_codes_come_with_their_action() {
        let text = "DCGM_EXP_GPU_HEALTH_STATUS{gpu=\"0\",UUID=\"GPU-1\",health_watch=\"MEM\",health_error_code=\"DCGM_FR_PENDING_ROW_REMAP\"} 20";
        let expected = "health MEM DCGM_FR_PENDING_ROW_REMAP, NVSentinel: COMPONENT_RESET".to_owned();
        assert_eq!(told(text, None), [(Weight::Bad, expected)]);
    }
}
