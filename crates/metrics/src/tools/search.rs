//! `metrics_search`: which metrics exist, and what they mean.

use super::{TOOLSET, lenient, said};
use crate::backend::Backend;
use crate::client::{MetricMetadata, Prometheus};
use crate::meaning::{Signal, meaning, signal};
use crate::scope::escape;
use async_trait::async_trait;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::tool::{
    Availability, CallContext, Coverage, Present, ToolError, TypedTool, nearest_names,
};

/// Looks for metrics.
pub(crate) struct Search(pub(crate) Backend);

/// Metrics shown unless more are asked for, and at most.
const SHOWN: usize = 40;
const MOST_SHOWN: usize = 300;
/// Metrics whose labels are looked up, series read for that, values shown.
const LABELLED: usize = 6;
const SERIES_READ: usize = 500;
const VALUES: usize = 4;
/// How far back a metric may have been seen, in milliseconds.
const SEEN_WITHIN: i64 = 6 * 3_600_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Words or a regex; absent: all
    #[serde(default, alias = "query", alias = "metric", alias = "name")]
    words: Option<String>,
    /// Metrics, default 40
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// One metric.
#[derive(Debug, Serialize, JsonSchema)]
struct Metric {
    name: String,
    /// `counter`, `gauge`, `histogram`, …; empty when unknown.
    #[serde(rename = "type")]
    kind: String,
    unit: String,
    signal: Signal,
    /// What it means.
    meaning: String,
    /// Labels with some of their values; only for the first few metrics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, Vec<String>>,
    /// Series, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<usize>,
}

/// Metrics that match.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    words: Option<String>,
    /// How many match.
    found: usize,
    metrics: Vec<Metric>,
    #[serde(skip)]
    coverage: Coverage,
}

enum Pattern {
    All,
    Words(Vec<String>),
    Regex(Regex),
}

impl Pattern {
    fn read(text: Option<&str>) -> Result<Self, ToolError> {
        let Some(text) = said(text) else { return Ok(Self::All) };
        if !text.contains(['*', '+', '?', '[', '(', '|', '^', '$', '\\']) && !text.contains(".*") {
            return Ok(Self::Words(text.split_whitespace().map(str::to_lowercase).collect()));
        }
        let regex = RegexBuilder::new(&text).case_insensitive(true).size_limit(1 << 20).build();
        regex.map(Self::Regex).map_err(|error| ToolError::BadArguments {
            message: format!("words: {error}"),
            hint: Some("plain words work too, e.g. cpu throttled".to_owned()),
        })
    }

    fn matches(&self, name: &str, help: &str) -> bool {
        match self {
            Self::All => true,
            Self::Regex(regex) => regex.is_match(name),
            Self::Words(words) => {
                let text = format!("{name} {help}").to_lowercase();
                words.iter().all(|word| text.contains(word))
            }
        }
    }
}

#[async_trait]
impl TypedTool for Search {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "metrics_search";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Which metrics and labels exist, with type and meaning.";

    fn available(&self) -> Availability {
        self.0.metrics_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let pattern = Pattern::read(input.words.as_deref())?;
        let prometheus = self.0.prometheus()?;
        let now = context.now.as_millisecond();
        let names = prometheus.metric_names(now - SEEN_WITHIN, now).await?;
        let mut coverage = Coverage::default();
        let metadata = match prometheus.metadata().await {
            Ok(metadata) => metadata,
            Err(error) => {
                coverage.missing.push(format!("types and help: {error}"));
                BTreeMap::new()
            }
        };
        let mut metrics: Vec<Metric> = names
            .iter()
            .filter_map(|name| {
                let known = describe(name, &metadata);
                pattern.matches(name, &known.meaning).then_some(known)
            })
            .collect();
        let found = metrics.len();
        if found == 0 {
            let wanted = input.words.clone().unwrap_or_default();
            return Err(ToolError::NotFound {
                message: format!("no metric matches {wanted:?} among {}", names.len()),
                nearest: nearest_names(&wanted, names.iter().map(String::as_str), 5),
            });
        }
        let most = input.limit.map_or(SHOWN, |limit| (limit as usize).clamp(1, MOST_SHOWN));
        if found > most {
            coverage.truncated.push(format!("{} more metrics", found - most));
            metrics.truncate(most);
        }
        let labelled = metrics.iter_mut().take(LABELLED).map(|metric| labels(prometheus, metric, now));
        for result in futures::future::join_all(labelled).await {
            if let Err(error) = result {
                coverage.missing.push(format!("labels: {error}"));
            }
        }
        Ok(Output { words: said(input.words.as_deref()), found, metrics, coverage })
    }
}

async fn labels(prometheus: &Prometheus, metric: &mut Metric, now: i64) -> Result<(), crate::MetricsError> {
    let selector = format!("{{__name__=\"{}\"}}", escape(&metric.name));
    let series = prometheus.series(&selector, now - SEEN_WITHIN, now, SERIES_READ).await?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    metric.series = Some(series.len());
    for (label, value) in series.into_iter().flatten().filter(|(label, _)| label != crate::series::NAME) {
        values.entry(label).or_default().insert(value);
    }
    metric.labels = values
        .into_iter()
        .map(|(label, values)| {
            let more = values.len().saturating_sub(VALUES);
            let mut shown: Vec<String> = values.into_iter().take(VALUES).collect();
            if more > 0 {
                shown.push(format!("+{more}"));
            }
            (label, shown)
        })
        .collect();
    Ok(())
}

fn describe(name: &str, metadata: &BTreeMap<String, MetricMetadata>) -> Metric {
    // Metadata is kept by family: without what a counter's or a histogram's samples end in.
    let suffixes = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];
    let family = || {
        suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix)).find_map(|family| metadata.get(family))
    };
    let known = metadata.get(name).or_else(family);
    let text =
        meaning(name).map(|known| known.text.to_owned()).or_else(|| known.map(|known| known.help.clone()));
    Metric {
        name: name.to_owned(),
        kind: known.map(|known| known.kind.clone()).filter(|kind| kind != "unknown").unwrap_or_default(),
        unit: known.map(|known| known.unit.clone()).unwrap_or_default(),
        signal: signal(name),
        meaning: text.unwrap_or_default(),
        labels: BTreeMap::new(),
        series: None,
    }
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("{} metrics\n", self.found);
        for metric in &self.metrics {
            let mut words = vec![metric.name.clone()];
            words.extend([&metric.kind, &metric.unit].into_iter().filter(|word| !word.is_empty()).cloned());
            out.push_str(&words.join(" "));
            if !metric.meaning.is_empty() {
                out.push_str(&format!(": {}", metric.meaning.lines().next().unwrap_or_default()));
            }
            out.push('\n');
            if let Some(series) = metric.series {
                let at_least = if series >= SERIES_READ { "at least " } else { "" };
                let labels =
                    metric.labels.iter().map(|(label, values)| format!("{label}={}", values.join("|")));
                out.push_str(&format!(
                    "  {at_least}{series} series; {}\n",
                    labels.collect::<Vec<_>>().join(" ")
                ));
            }
        }
        out
    }

    fn summary(&self) -> String {
        format!("{} metrics", self.found)
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
