//! What the detectors are told of series and alerts: each change for the worse as one sign on one thing.

mod alert;
mod kind;

use crate::backend::Backend;
use crate::change::{ChangePoint, Direction};
use crate::client::Prometheus;
use crate::error::MetricsError;
use crate::scope::{NAMESPACE, NODE, Scope, WORKLOAD, escape};
use crate::series::{Sample, Series, rates};
use crate::show::number;
use crate::summary::summarize;
use crate::tools::anomalies::{is_counter, read};
use async_trait::async_trait;
use futures::future::join;
use jiff::Timestamp;
use std::collections::BTreeSet;
use stethoscope_core::tool::{Coverage, ToolError};
use stethoscope_diagnosis::Focus;
use stethoscope_diagnosis::snapshot::{
    About, Gap, GapReason, Signal, SignalKind, SignalOrigin, Testimony, Witness,
};

/// How far back, in milliseconds.
const WINDOW: i64 = 30 * 60_000;
/// Histograms whose quantiles are asked for, at most, and points of each.
const HISTOGRAMS: usize = 4;
const POINTS: i64 = 60;
/// Signals told at most, the strongest changes first.
const MOST: usize = 400;
/// A change of less than this share of the level before only comes back to it.
const RETURNED: f64 = 0.2;
/// Times the usual that make a burst; samples of it at least, and one in so many.
const BURST: f64 = 5.0;
const LEAST_BURST: usize = 4;
const BURST_SHARE: usize = 12;
/// What the gap is called.
const METRICS: &str = "metrics";

#[async_trait]
impl Witness for Backend {
    fn name(&self) -> &'static str {
        METRICS
    }

    async fn testify(&self, focus: &Focus, now: Timestamp) -> Testimony {
        let mut said = Testimony::default();
        let Some(prometheus) = self.prometheus_if_any() else {
            return said;
        };
        let (series, alerts) = join(signals(prometheus, focus, now), self.every_alert()).await;
        match series {
            Ok(seen) => {
                said.signals.extend(seen.signals);
                said.timed.extend(seen.timed);
            }
            // Nothing to look at is no failure.
            Err(ToolError::NotFound { .. }) => {}
            Err(error) => said.gaps.push(gap(METRICS, &error)),
        }
        match alerts {
            Ok(alerts) => said.signals.extend(alerts.iter().filter_map(alert::signal)),
            Err(error) => said.gaps.push(gap("alerts", &error)),
        }
        said
    }
}

impl Backend {
    async fn every_alert(&self) -> Result<Vec<crate::client::Alert>, MetricsError> {
        let mut alerts = Vec::new();
        if let Some(prometheus) = self.prometheus_if_any() {
            alerts.extend(prometheus.alerts().await?);
        }
        if let Some(alertmanager) = self.alertmanager() {
            alerts.extend(alertmanager.alerts().await?);
        }
        Ok(alerts)
    }
}

fn gap(kind: &str, error: &dyn std::fmt::Display) -> Gap {
    Gap { kind: kind.to_owned(), namespace: None, why: GapReason::Failed(error.to_string()) }
}

async fn signals(prometheus: &Prometheus, focus: &Focus, now: Timestamp) -> Result<Testimony, ToolError> {
    let end = now.as_millisecond();
    let start = end - WINDOW;
    // Exporters write `RetransSegs` too.
    let metric = Some(format!("(?i:{})", kind::PARTS.join("|")));
    let scope = Scope { namespace: focus.namespace.clone(), metric, ..Scope::default() };
    let mut coverage = Coverage::default();
    let (raw, quantiles) = join(
        read(prometheus, &scope, start, end, &mut coverage),
        quantiles(prometheus, focus.namespace.as_deref(), start, end),
    )
    .await;
    let kinds = prometheus.metadata().await.unwrap_or_default();
    let mut found: Vec<(f64, Signal)> = Vec::new();
    let mut timed = Vec::new();
    let mut heard = |series: &Series, rate: bool, quantile: Option<u8>| {
        if kind::of(series.name(), Direction::Up) == Some(SignalKind::Latency) || quantile.is_some() {
            let about = about(series);
            if timed.len() < MOST && !timed.contains(&about) {
                timed.push(about);
            }
        }
        found.extend(told(series, rate, quantile));
    };
    for series in raw? {
        let rate = is_counter(series.name(), kinds.get(series.name()).map(|known| known.kind.as_str()));
        let samples = if rate { rates(&series.samples) } else { series.samples.clone() };
        heard(&Series { samples, ..series }, rate, None);
    }
    for (quantile, series) in quantiles? {
        heard(&series, false, Some(quantile));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.quote.cmp(&other.1.quote)));
    found.truncate(MOST);
    let signals = found.into_iter().map(|(_, signal)| signal).collect();
    Ok(Testimony { signals, timed, gaps: Vec::new() })
}

/// What a series has to say, with its weight.
fn told(series: &Series, rate: bool, quantile: Option<u8>) -> Option<(f64, Signal)> {
    let Sign { kind, change, over } = worst(series)?;
    let per_second = if rate { "/s" } else { "" };
    let name = match quantile {
        Some(quantile) => format!("p{quantile} of {}", series.display()),
        None => series.display(),
    };
    let since = Timestamp::from_millisecond(change.onset).ok();
    let at =
        since.map(|moment| format!(" since {}", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    let quote =
        format!("{name}: {}{per_second} -> {}{per_second}{at}", number(change.before), number(change.after));
    Some((
        change.score,
        Signal {
            kind,
            about: about(series),
            before: Some(change.before),
            after: Some(change.after),
            quantile: quantile
                .or_else(|| kind::quantile(series.name()))
                .or_else(|| labelled_quantile(series)),
            since,
            until: over.and_then(|at| Timestamp::from_millisecond(at).ok()),
            origin: SignalOrigin::Series(name),
            quote,
        },
    ))
}

/// A change for the worse and its end, in milliseconds.
struct Sign {
    kind: SignalKind,
    change: ChangePoint,
    over: Option<i64>,
}

/// The largest change for the worse, seen from the worst level before it: what only comes back to where it was is no
/// sign of trouble.
fn worst(series: &Series) -> Option<Sign> {
    let changes = summarize(&series.samples)?.changes;
    let mut levels = changes.first().map_or(Vec::new(), |first| vec![first.before]);
    let mut worst: Option<Sign> = None;
    let over = |change: &ChangePoint| {
        let later =
            changes.iter().find(|later| later.onset > change.onset && later.direction != change.direction);
        later.map(|later| later.onset)
    };
    for change in &changes {
        let before = match change.direction {
            Direction::Up => levels.iter().copied().fold(f64::MIN, f64::max),
            Direction::Down => levels.iter().copied().fold(f64::MAX, f64::min),
        };
        levels.push(change.after);
        let size = (change.after - before) * if change.direction == Direction::Up { 1.0 } else { -1.0 };
        if size <= RETURNED * before.abs() {
            continue;
        }
        let Some(kind) = kind::of(series.name(), change.direction) else { continue };
        let larger =
            worst.as_ref().is_none_or(|known| (known.change.after - known.change.before).abs() < size);
        if larger {
            worst = Some(Sign { kind, over: over(change), change: ChangePoint { before, ..*change } });
        }
    }
    worst.or_else(|| burst(series))
}

/// A latency that jumps about without a level of its own, many times the usual: bursts are no steps, and hurt.
fn burst(series: &Series) -> Option<Sign> {
    if kind::of(series.name(), Direction::Up) != Some(SignalKind::Latency) {
        return None;
    }
    let finite: Vec<Sample> =
        series.samples.iter().copied().filter(|sample| sample.value.is_finite()).collect();
    let mut sorted: Vec<f64> = finite.iter().map(|sample| sample.value).collect();
    sorted.sort_by(f64::total_cmp);
    let usual = *sorted.get(sorted.len() / 4)?;
    let high: Vec<&Sample> = finite.iter().filter(|sample| sample.value > BURST * usual).collect();
    let (first, count) = (high.first()?, high.len());
    if usual <= 0.0 || count < LEAST_BURST || count * BURST_SHARE < finite.len() {
        return None;
    }
    let after = crate::change::median(&high.iter().map(|sample| sample.value).collect::<Vec<_>>());
    let score = after / usual;
    let change = ChangePoint { onset: first.at, before: usual, after, direction: Direction::Up, score };
    let over = high.last().filter(|last| finite.last() != Some(*last)).map(|last| last.at);
    Some(Sign { kind: SignalKind::Latency, change, over })
}

/// What the labels say it is about.
fn about(series: &Series) -> About {
    let values = |labels: &[&str]| -> Vec<String> {
        labels
            .iter()
            .filter_map(|label| series.labels.get(*label))
            .filter(|value| !value.is_empty())
            .cloned()
            .collect()
    };
    let names = values(&WORKLOAD);
    let nodes = values(&NODE);
    let within = (names.is_empty() && nodes.is_empty()).then(|| series.name().to_owned());
    About { namespace: values(&NAMESPACE).into_iter().next(), names, nodes, within }
}

/// A summary's own label.
fn labelled_quantile(series: &Series) -> Option<u8> {
    let share: f64 = series.labels.get("quantile")?.parse().ok()?;
    (0.0..=1.0).contains(&share).then_some((share * 100.0).round() as u8)
}

/// Medians and tails of latency histograms, by the labels that name things.
async fn quantiles(
    prometheus: &Prometheus,
    namespace: Option<&str>,
    start: i64,
    end: i64,
) -> Result<Vec<(u8, Series)>, ToolError> {
    let names = prometheus.metric_names(start, end).await?;
    let histograms: Vec<&String> = names.iter().filter(|name| kind::is_latency_histogram(name)).collect();
    if histograms.is_empty() {
        return Ok(Vec::new());
    }
    let known: BTreeSet<String> = prometheus.label_names(start, end).await?.into_iter().collect();
    let present = |labels: &[&'static str]| {
        labels.iter().copied().filter(|label| known.contains(*label)).collect::<Vec<_>>()
    };
    let places = present(&NAMESPACE);
    let by = [places.clone(), present(&WORKLOAD)].concat().join(",");
    let step = (end - start) / POINTS;
    let window = (4 * step / 1000).max(60);
    let mut found = Vec::new();
    for name in histograms.into_iter().take(HISTOGRAMS) {
        // Any label may be the one that holds the namespace.
        let selectors: Vec<String> = match namespace {
            Some(namespace) => {
                places.iter().map(|label| format!("{label}=\"{}\"", escape(namespace))).collect()
            }
            None => vec![String::new()],
        };
        for selector in selectors {
            for quantile in [50_u8, 95] {
                let query = format!(
                    "histogram_quantile({}, sum by (le,{by}) (rate({name}{{{selector}}}[{window}s])))",
                    f64::from(quantile) / 100.0
                );
                for mut series in prometheus.query_range(&query, start, end, step).await? {
                    series.labels.insert(crate::series::NAME.to_owned(), name.clone());
                    found.push((quantile, series));
                }
            }
        }
    }
    Ok(found)
}
