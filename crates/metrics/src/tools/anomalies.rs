//! `metrics_anomalies`: what changed most, and when it began.

use super::{TOOLSET, lenient, namespace, said};
use crate::backend::Backend;
use crate::change::{ChangePoint, Direction};
use crate::client::Prometheus;
use crate::meaning::{Signal, names, signal};
use crate::scope::Scope;
use crate::series::{Series, rates};
use crate::show::{clock, duration, moment, number, window};
use crate::summary::{Trend, summarize};
use async_trait::async_trait;
use regex::RegexBuilder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, ToolError, TypedTool};

/// Ranks changes of level.
pub(crate) struct Anomalies(pub(crate) Backend);

/// Changes shown unless more are asked for, and at most.
const SHOWN: usize = 15;
const MOST_SHOWN: usize = 100;
/// Series of a scope at most: their raw samples are read.
const MOST_SERIES: usize = 3_000;
/// The window unless another is asked for, and the longest, in milliseconds.
const WINDOW: i64 = 30 * 60_000;
const LONGEST_WINDOW: i64 = 6 * 3_600_000;
/// Climbing series told at the end.
const CLIMBING: usize = 5;
/// Series that are made of others, or that can't have a level.
const PASSED_OVER: &str =
    "__name__!~\".*_(bucket|created|info|timestamp|timestamp_seconds)|ALERTS|ALERTS_FOR_STATE\"";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Service, deployment or pod
    #[serde(default, alias = "service", alias = "pod")]
    workload: Option<String>,
    /// Node name
    #[serde(default)]
    node: Option<String>,
    /// Regex of metric names
    #[serde(default)]
    metric: Option<String>,
    /// Window, default 30m
    #[serde(default, alias = "window")]
    since: Option<String>,
    /// Default now
    #[serde(default)]
    until: Option<String>,
    /// Default 15
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// One changed series.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Change {
    series: String,
    signal: Signal,
    /// RFC 3339.
    onset: String,
    direction: Direction,
    before: f64,
    after: f64,
    /// Difference of the medians in robust standard deviations, at most 1000.
    score: f64,
    /// A counter, so the values are rates per second.
    rate: bool,
    #[serde(skip)]
    at: i64,
}

/// What changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    window: String,
    /// Series looked at.
    series: usize,
    /// Series that changed.
    changed: usize,
    /// The first one, where any, is the earliest saturation; the rest by score.
    changes: Vec<Change>,
    /// Whether the first one is such.
    saturation_first: bool,
    /// Series that climb without a step.
    climbing: Vec<String>,
    #[serde(skip)]
    coverage: Coverage,
}

#[async_trait]
impl TypedTool for Anomalies {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "metrics_anomalies";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "What changed most in a scope and when it began, first saturation on top.";

    fn available(&self) -> Availability {
        self.0.metrics_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let now = context.now.as_millisecond();
        let end = moment("until", input.until.as_deref(), now, now)?;
        let length = match said(input.since.as_deref()) {
            None => WINDOW,
            Some(text) => match duration(&text) {
                Some(length) => length,
                None => end - moment("since", Some(&text), end, end)?,
            },
        };
        if length <= 0 {
            return Err(ToolError::BadArguments {
                message: "since is not before until".to_owned(),
                hint: Some("e.g. since 30m".to_owned()),
            });
        }
        let mut coverage = Coverage::default();
        if length > LONGEST_WINDOW {
            coverage.truncated.push("the window was cut to 6h; use until to look further back".to_owned());
        }
        let start = end - length.min(LONGEST_WINDOW);
        let metric = said(input.metric.as_deref());
        if let Some(pattern) = &metric
            && let Err(error) = RegexBuilder::new(pattern).size_limit(1 << 20).build()
        {
            return Err(ToolError::BadArguments {
                message: format!("metric: {error}"),
                hint: Some("e.g. cpu|memory".to_owned()),
            });
        }
        let node = said(input.node.as_deref());
        let workload = said(input.workload.as_deref());
        // A node belongs to no namespace.
        let namespace = if node.is_some() && workload.is_none() {
            None
        } else {
            namespace(input.namespace.as_deref(), context)
        };
        let scope = Scope { namespace, workload, node, metric };
        let prometheus = self.0.prometheus()?;
        let series = read(prometheus, &scope, start, end, &mut coverage).await?;
        let kinds = prometheus.metadata().await.unwrap_or_default();
        let mut changes = Vec::new();
        let mut climbing = Vec::new();
        for one in &series {
            let rate = is_counter(one.name(), kinds.get(one.name()).map(|known| known.kind.as_str()));
            let samples = if rate { rates(&one.samples) } else { one.samples.clone() };
            let Some(summary) = summarize(&samples) else { continue };
            let signal = signal(one.name());
            match strongest(&summary.changes) {
                Some(change) => changes.push(told(one, signal, change, rate)),
                None if summary.trend == Trend::Rising
                    && matches!(signal, Signal::Saturation | Signal::Usage | Signal::Errors) =>
                {
                    climbing.push((
                        summary.last / summary.first.abs().max(f64::MIN_POSITIVE),
                        one.display(),
                        summary,
                    ));
                }
                None => {}
            }
        }
        let changed = changes.len();
        let saturation_first = rank(&mut changes);
        let most = input.limit.map_or(SHOWN, |limit| (limit as usize).clamp(1, MOST_SHOWN));
        if changed > most {
            coverage.truncated.push(format!("{} more changed series", changed - most));
            changes.truncate(most);
        }
        climbing.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        let climbing = climbing
            .into_iter()
            .take(CLIMBING)
            .map(|(_, name, summary)| {
                format!("{name}  {} -> {}", number(summary.first), number(summary.last))
            })
            .collect();
        Ok(Output {
            window: window(start, end),
            series: series.len(),
            changed,
            changes,
            saturation_first,
            climbing,
            coverage,
        })
    }
}

/// The earliest saturation first, the rest by score; whether there is such.
fn rank(changes: &mut Vec<Change>) -> bool {
    changes.sort_by(|one, other| {
        other
            .score
            .total_cmp(&one.score)
            .then(one.at.cmp(&other.at))
            .then_with(|| one.series.cmp(&other.series))
    });
    let grows = |change: &Change, signal| change.signal == signal && change.direction == Direction::Up;
    // What is at its limit tells more than what is merely used more.
    let earliest = [Signal::Saturation, Signal::Usage].into_iter().find_map(|signal| {
        let candidates = changes.iter().enumerate().filter(|(_, change)| grows(change, signal));
        // Of equal onsets the higher score, which comes first.
        candidates.min_by_key(|(place, change)| (change.at, *place)).map(|(place, _)| place)
    });
    let Some(place) = earliest else { return false };
    let first = changes.remove(place);
    changes.insert(0, first);
    true
}

pub(crate) fn strongest(changes: &[ChangePoint]) -> Option<&ChangePoint> {
    // Of equal scores the earlier one.
    changes.iter().rev().max_by(|one, other| one.score.total_cmp(&other.score))
}

fn told(series: &Series, signal: Signal, change: &ChangePoint, rate: bool) -> Change {
    let onset =
        jiff::Timestamp::from_millisecond(change.onset).map(|time| time.to_string()).unwrap_or_default();
    Change {
        series: series.display(),
        signal,
        onset,
        direction: change.direction,
        before: change.before,
        after: change.after,
        score: change.score,
        rate,
        at: change.onset,
    }
}

pub(crate) fn is_counter(name: &str, kind: Option<&str>) -> bool {
    match kind {
        Some("counter") => true,
        Some("gauge") => false,
        _ => ["_total", "_count", "_sum"].iter().any(|suffix| name.ends_with(suffix)),
    }
}

/// Raw samples of a scope, each series once.
pub(crate) async fn read(
    prometheus: &Prometheus,
    scope: &Scope,
    start: i64,
    end: i64,
    coverage: &mut Coverage,
) -> Result<Vec<Series>, ToolError> {
    let labels: BTreeSet<String> = prometheus.label_names(start, end).await?.into_iter().collect();
    let mut selectors: Vec<String> =
        scope.selectors(&labels).into_iter().map(|selector| format!("{selector},{PASSED_OVER}")).collect();
    if selectors.is_empty() {
        return Err(ToolError::NotFound {
            message: "no label of the metrics holds such names".to_owned(),
            nearest: Vec::new(),
        });
    }
    if count(prometheus, &selectors, end).await? > MOST_SERIES {
        let known = names().collect::<Vec<_>>().join("|");
        selectors =
            selectors.into_iter().map(|selector| format!("{selector},__name__=~\"{known}\"")).collect();
        let series = count(prometheus, &selectors, end).await?;
        if series > MOST_SERIES {
            return Err(ToolError::BadArguments {
                message: format!("the scope has {series} series, more than {MOST_SERIES}"),
                hint: Some("give a workload, a node or a metric".to_owned()),
            });
        }
        coverage
            .truncated
            .push(format!("the scope has more than {MOST_SERIES} series: only well-known metrics were read"));
    }
    let seconds = (end - start) / 1000;
    let mut found: BTreeMap<BTreeMap<String, String>, Series> = BTreeMap::new();
    for selector in &selectors {
        let answer = prometheus.instant(&format!("{{{selector}}}[{seconds}s]"), end).await?;
        coverage.missing.extend(
            answer
                .warnings
                .into_iter()
                .filter(|warning| !coverage.missing.contains(warning))
                .collect::<Vec<_>>(),
        );
        found.extend(answer.series.into_iter().map(|series| (series.labels.clone(), series)));
    }
    Ok(found.into_values().collect())
}

async fn count(prometheus: &Prometheus, selectors: &[String], at: i64) -> Result<usize, ToolError> {
    let mut total = 0;
    for selector in selectors {
        let answer = prometheus.instant(&format!("count({{{selector}}})"), at).await?;
        let value = answer
            .series
            .first()
            .and_then(|series| series.samples.first())
            .map_or(0.0, |sample| sample.value);
        total += value as usize;
    }
    Ok(total)
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("{}; {} of {} series changed\n", self.window, self.changed, self.series);
        if !self.changes.is_empty() {
            out.push_str("ONSET  CHANGE  SCORE  SIGNAL  SERIES\n");
        }
        for (place, change) in self.changes.iter().enumerate() {
            let signal = match change.signal {
                Signal::Saturation => "saturation",
                Signal::Usage => "usage",
                Signal::Errors => "errors",
                Signal::Latency => "latency",
                Signal::Traffic => "traffic",
                Signal::State => "state",
            };
            let first = if place == 0 && self.saturation_first { " (first to saturate)" } else { "" };
            let (name, end) = if change.rate { ("rate ", "/s") } else { ("", "") };
            out.push_str(&format!(
                "{}  {} -> {}{end}  {}  {signal}  {name}{}{first}\n",
                clock(change.at),
                number(change.before),
                number(change.after),
                number(change.score.round()),
                change.series
            ));
        }
        if !self.climbing.is_empty() {
            out.push_str(&format!("climbing without a step:\n{}\n", self.climbing.join("\n")));
        }
        out
    }

    fn summary(&self) -> String {
        format!("{} of {} series changed", self.changed, self.series)
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
