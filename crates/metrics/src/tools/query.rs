//! `metrics_query`: PromQL, answered in a few numbers a series.

use super::{TOOLSET, lenient};
use crate::backend::Backend;
use crate::change::Direction;
use crate::series::Series;
use crate::show::{clock, duration, moment, number, window};
use crate::summary::{Summary, Trend, summarize};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, ToolError, TypedTool};

/// Evaluates PromQL.
pub(crate) struct Query(pub(crate) Backend);

/// Series shown unless more are asked for, and at most.
const SHOWN: usize = 20;
const MOST_SHOWN: usize = 200;
/// Series summarised at most.
const MOST_SERIES: usize = 2_000;
/// Samples of a series at most, and the steps that people choose, in milliseconds.
const MOST_SAMPLES: i64 = 720;
const STEPS: [i64; 12] = [
    5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 21_600_000,
    86_400_000,
];
/// Bytes of a query.
const LONGEST: usize = 6_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// PromQL
    #[serde(alias = "promql")]
    query: String,
    /// Range from, e.g. 30m or a time; absent: instant
    #[serde(default, alias = "start")]
    since: Option<String>,
    /// Default now
    #[serde(default, alias = "end", alias = "time")]
    until: Option<String>,
    /// e.g. 30s
    #[serde(default)]
    step: Option<String>,
    /// Series, default 20
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// One series in a few numbers.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    series: String,
    /// The value of an instant query, as PromQL writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    summary: Option<Summary>,
}

/// What a query gave.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    query: String,
    /// From and to, or the moment.
    window: String,
    /// Series that matched.
    series: usize,
    rows: Vec<Row>,
    #[serde(skip)]
    coverage: Coverage,
}

#[async_trait]
impl TypedTool for Query {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "metrics_query";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "PromQL, instant or range; each series as a summary with change points.";

    fn available(&self) -> Availability {
        self.0.metrics_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let bad =
            |message: String, hint: &str| ToolError::BadArguments { message, hint: Some(hint.to_owned()) };
        let query = input.query.trim();
        if query.is_empty() || query.len() > LONGEST {
            return Err(bad(
                format!("query must have 1 to {LONGEST} bytes"),
                "e.g. rate(http_requests_total[5m])",
            ));
        }
        let now = context.now.as_millisecond();
        let end = moment("until", input.until.as_deref(), now, now)?;
        let start = moment("since", input.since.as_deref(), end, end)?;
        if start > end {
            return Err(bad("since is after until".to_owned(), "since 1h means the hour before until"));
        }
        let prometheus = self.0.prometheus()?;
        let mut step_used = None;
        let answer = if start == end {
            prometheus.instant(query, end).await?
        } else {
            let wanted = match &input.step {
                None => 0,
                Some(text) => {
                    duration(text).ok_or_else(|| bad(format!("step: {text:?} is no duration"), "e.g. 30s"))?
                }
            };
            let step = step(wanted, end - start);
            step_used = Some(step);
            prometheus.range(query, start, end, step).await?
        };
        let mut coverage = Coverage { missing: answer.warnings, truncated: Vec::new() };
        let total = answer.series.len();
        if total > MOST_SERIES {
            coverage
                .truncated
                .push(format!("only the first {MOST_SERIES} of {total} series were summarised"));
        }
        let mut rows: Vec<(f64, Row)> = answer.series.iter().take(MOST_SERIES).map(row).collect();
        let most = input.limit.map_or(SHOWN, |limit| (limit as usize).clamp(1, MOST_SHOWN));
        // A range is read for what changed; the order of an instant query is the query's (sort, topk) while all fit.
        if step_used.is_some() || rows.len() > most {
            rows.sort_by(|one, other| {
                other.0.total_cmp(&one.0).then_with(|| one.1.series.cmp(&other.1.series))
            });
        }
        if rows.len() > most {
            coverage.truncated.push(format!("{} more series", rows.len() - most));
            rows.truncate(most);
        }
        let window = match step_used {
            Some(step) => format!("{}, step {}s", window(start, end), number(step as f64 / 1000.0)),
            None => format!("at {} UTC", clock(end)),
        };
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Output { query: query.to_owned(), window, series: total, rows, coverage })
    }
}

/// The step asked for, or the smallest usual one; never so small that a series has more than the most samples.
fn step(wanted: i64, window: i64) -> i64 {
    let least = (window / MOST_SAMPLES).max(1);
    if wanted >= least {
        return wanted;
    }
    STEPS.into_iter().find(|step| *step >= least).unwrap_or(least)
}

/// A row, and what it is ranked by: the strongest change, or the value.
fn row(series: &Series) -> (f64, Row) {
    let name = series.display();
    if let [sample] = series.samples.as_slice() {
        let rank = if sample.value.is_nan() { f64::NEG_INFINITY } else { sample.value };
        return (rank, Row { series: name, value: Some(number(sample.value)), summary: None });
    }
    let Some(summary) = summarize(&series.samples) else {
        return (-1.0, Row { series: name, value: Some("no number".to_owned()), summary: None });
    };
    let rank = summary.changes.iter().map(|change| change.score).fold(0.0, f64::max);
    (rank, Row { series: name, value: None, summary: Some(summary) })
}

/// `up at 07:58:03 (3.1 -> 250)`, and gaps.
fn remarks(summary: &Summary) -> String {
    let mut words: Vec<String> = summary
        .changes
        .iter()
        .map(|change| {
            let direction = match change.direction {
                Direction::Up => "up",
                Direction::Down => "down",
            };
            format!(
                "{direction} at {} ({} -> {})",
                clock(change.onset),
                number(change.before),
                number(change.after)
            )
        })
        .collect();
    words.extend(
        summary
            .gaps
            .iter()
            .take(3)
            .map(|(from, to)| format!("no samples {} to {}", clock(*from), clock(*to))),
    );
    if summary.odd > 0 {
        words.push(format!("{} samples are NaN or infinite", summary.odd));
    }
    if words.is_empty() { "no change".to_owned() } else { words.join(", ") }
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("{}\n{}, {} series\n", self.query, self.window, self.series);
        if self.rows.is_empty() {
            out.push_str(
                "no series match at this time (metrics_search shows which metrics and labels exist)\n",
            );
        }
        for row in &self.rows {
            match (&row.summary, &row.value) {
                (Some(summary), _) => {
                    let trend = match summary.trend {
                        Trend::Flat => "",
                        Trend::Rising => ", rising",
                        Trend::Falling => ", falling",
                    };
                    let [first, last, min, max, p50, p95] =
                        [summary.first, summary.last, summary.min, summary.max, summary.p50, summary.p95]
                            .map(number);
                    out.push_str(&format!(
                        "{}  first {first} last {last} min {min} max {max} p50 {p50} p95 {p95} n {}{trend}; {}\n",
                        row.series,
                        summary.samples,
                        remarks(summary)
                    ));
                }
                (None, value) => {
                    out.push_str(&format!("{}  {}\n", row.series, value.as_deref().unwrap_or("-")));
                }
            }
        }
        out
    }

    fn summary(&self) -> String {
        format!("{} series", self.series)
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn steps_are_usual_ones_and_never_too_small() {
        assert_eq!(
            [step(0, 3_600_000), step(0, 86_400_000), step(1, 86_400_000), step(60_000, 3_600_000)],
            [5_000, 120_000, 120_000, 60_000]
        );
        assert_eq!(step(0, 366 * 86_400_000), 86_400_000 / 2 * 2);
    }
}
