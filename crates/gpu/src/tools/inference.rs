//! `inference_metrics`: one set of words for what vLLM, SGLang, TGI, Triton and endpoint pickers measure.

use super::report::Report;
use super::{TOOLSET, namespace, said};
use crate::backend::Backend;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use stethoscope_core::reader::SeriesValue;
use stethoscope_core::tool::{Availability, CallContext, ToolError, TypedTool};

/// Reads inference servers' metrics.
pub(crate) struct Inference(pub(crate) Backend);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of a model's, pod's or pool's name
    #[serde(default, alias = "name")]
    model: Option<String>,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

/// What is asked, by engine and signal. Old and new names stand in one query (vLLM renamed its cache gauge; upstream's
/// metrics.py and docs; llm-d-router's metrics; Triton's metrics.md; TGI's and SGLang's references).
const QUERIES: [(&str, &str, &str); 19] = [
    ("vllm", "running", "vllm:num_requests_running"),
    ("vllm", "waiting", "vllm:num_requests_waiting"),
    ("vllm", "cache", "vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc"),
    ("vllm", "preemptions/s", "rate(vllm:num_preemptions_total[5m])"),
    (
        "vllm",
        "ttft p95 s",
        "histogram_quantile(0.95, sum by (le, namespace, pod, model_name) (rate(vllm:time_to_first_token_seconds_bucket[5m])))",
    ),
    ("sglang", "running", "sglang:num_running_reqs"),
    ("sglang", "waiting", "sglang:num_queue_reqs"),
    ("sglang", "cache", "sglang:token_usage"),
    (
        "sglang",
        "ttft p95 s",
        "histogram_quantile(0.95, sum by (le, namespace, pod, model_name) (rate(sglang:time_to_first_token_seconds_bucket[5m])))",
    ),
    ("tgi", "waiting", "tgi_queue_size"),
    ("tgi", "running", "tgi_batch_current_size"),
    ("triton", "waiting", "nv_inference_pending_request_count"),
    ("triton", "errors/s", "rate(nv_inference_request_failure[5m])"),
    ("epp", "ready endpoints", "llm_d_epp_ready_endpoints or inference_pool_ready_pods"),
    ("epp", "cache", "llm_d_epp_average_kv_cache_utilization or inference_pool_average_kv_cache_utilization"),
    ("epp", "waiting", "llm_d_epp_average_queue_size or inference_pool_average_queue_size"),
    (
        "epp",
        "errors/s",
        "rate(llm_d_epp_request_error_total[5m]) or rate(inference_objective_request_error_total[5m])",
    ),
    ("epp", "saturation", "llm_d_epp_flow_control_pool_saturation"),
    ("epp", "poll errors/s", "rate(llm_d_epp_datalayer_poll_errors_total[5m])"),
];

type Key = (String, &'static str, String);

#[async_trait]
impl TypedTool for Inference {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "inference_metrics";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "Queue, KV cache, preemptions, TTFT and errors of model servers, normalised.";

    fn available(&self) -> Availability {
        self.0.inference_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let place = namespace(input.namespace.as_deref(), context);
        let part = said(input.model.as_deref()).unwrap_or_default();
        let mut servers: BTreeMap<Key, BTreeMap<&'static str, f64>> = BTreeMap::new();
        for (engine, signal, query) in QUERIES {
            for sample in self.0.query(query, context, &mut report.coverage.missing).await.series {
                add(&mut servers, engine, signal, &sample);
            }
        }
        report.coverage.missing.sort();
        report.coverage.missing.dedup();
        servers.retain(|(space, _, name), _| {
            name.contains(part) && place.as_deref().is_none_or(|place| space.is_empty() || space == place)
        });
        let remarks: Vec<String> = servers
            .iter()
            .flat_map(|((space, engine, name), signals)| {
                judge(engine, signals)
                    .into_iter()
                    .map(move |remark| format!("{engine} {space}/{name}: {remark}"))
            })
            .collect();
        report.headline = if servers.is_empty() {
            "no series of an inference server: not scraped, or none runs".to_owned()
        } else {
            format!("{} model servers and pools, {} remarks", servers.len(), remarks.len())
        };
        report.section("remarks", remarks);
        let lines = servers.iter().map(|((space, engine, name), signals)| {
            let cells: Vec<String> =
                signals.iter().map(|(signal, value)| format!("{signal} {}", short(*value))).collect();
            format!("{engine} {space}/{name}  {}", cells.join("  "))
        });
        report.section("signals", lines.collect());
        Ok(report)
    }
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.3}") }
}

fn add(
    servers: &mut BTreeMap<Key, BTreeMap<&'static str, f64>>,
    engine: &'static str,
    signal: &'static str,
    sample: &SeriesValue,
) {
    if !sample.value.is_finite() {
        return;
    }
    let label = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| sample.labels.get(*name).filter(|value| !value.is_empty()))
            .cloned()
            .unwrap_or_default()
    };
    let space = label(&["exported_namespace", "namespace"]);
    let pod = label(&["exported_pod", "pod", "instance"]);
    let model = label(&["model_name", "model", "name", "inference_pool"]);
    let name = match (pod.is_empty(), model.is_empty()) {
        (_, true) => pod,
        (true, false) => model,
        (false, false) => format!("{pod} {model}"),
    };
    // Engines in one process have several series: what counts is the sum, of a share the largest.
    let value = servers.entry((space, engine, name)).or_default().entry(signal).or_insert(0.0);
    let is_share = matches!(signal, "cache" | "ttft p95 s" | "saturation");
    *value = if is_share { value.max(sample.value) } else { *value + sample.value };
}

/// A cache counts as full from here, a first token as late from here (seconds).
const FULL: f64 = 0.95;
const LATE: f64 = 2.0;

/// What the signals of one server say.
fn judge(engine: &str, signals: &BTreeMap<&'static str, f64>) -> Vec<String> {
    let mut remarks = Vec::new();
    let value = |signal: &str| signals.get(signal).copied();
    let waiting = value("waiting").unwrap_or_default();
    let preempted = value("preemptions/s").unwrap_or_default();
    if value("cache").is_some_and(|cache| cache >= FULL) && (waiting > 0.0 || preempted > 0.0) {
        remarks.push(
            "the KV cache is full and requests wait: capacity (more replicas, shorter contexts)".to_owned(),
        );
    } else if preempted > 0.0 {
        remarks
            .push("requests are preempted and computed again: the KV cache is too small at times".to_owned());
    } else if waiting == 0.0 && value("ttft p95 s").is_some_and(|late| late >= LATE) {
        remarks.push(
            "first tokens come late though nothing waits: long prompts, or slow GPUs (gpu_health)".to_owned(),
        );
    } else if waiting > 0.0 && value("running").is_some_and(|running| running == 0.0) {
        remarks.push("requests wait and none runs: the engine hangs".to_owned());
    }
    if value("errors/s").is_some_and(|errors| errors > 0.0) {
        remarks.push("requests fail".to_owned());
    }
    if engine == "epp" && value("ready endpoints") == Some(0.0) {
        remarks.push("the endpoint picker sees no ready endpoint: 503, or random routing with FailOpen; selector of the pool, pods".to_owned());
    }
    if value("poll errors/s").is_some_and(|errors| errors > 0.0) {
        remarks.push("the endpoint picker can not read its servers' metrics: it routes blindly".to_owned());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_full_cache_a_late_token_and_a_hanging_engine_are_told_apart() {
        let told = |signals: &[(&'static str, f64)]| {
            let remarks = judge("vllm", &signals.iter().copied().collect());
            remarks
                .first()
                .map(|remark| remark.split(':').next().unwrap_or_default().to_owned())
                .unwrap_or_default()
        };
        assert_eq!(told(&[("cache", 0.99), ("waiting", 4.0)]), "the KV cache is full and requests wait");
        assert_eq!(told(&[("cache", 0.99), ("waiting", 0.0)]), "");
        assert_eq!(
            told(&[("waiting", 0.0), ("ttft p95 s", 9.0)]),
            "first tokens come late though nothing waits"
        );
        assert_eq!(told(&[("waiting", 3.0), ("running", 0.0)]), "requests wait and none runs");
        assert_eq!(told(&[("waiting", 0.0), ("running", 2.0), ("cache", 0.4)]), "");
    }
}
