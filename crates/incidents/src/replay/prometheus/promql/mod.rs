//! An evaluator of PromQL over recorded series, with the semantics of Prometheus 3.
//!
//! ```text
//! text ─> guard (bounded nesting) ─> promql-parser ─> plan (selectors resolved, what is not covered refused by name)
//!      ─> evaluate at one moment, or at every step of a range ─> Answer
//! ```

mod aggregate;
mod arithmetic;
mod compile;
mod evaluate;
mod guard;
mod histogram;
mod map;
mod matching;
mod over_time;
mod plan;
mod statistics;

use super::series::{Labels, Point, Recording};
use evaluate::{Evaluation, Value};
use std::collections::HashMap;

/// Why a query has no answer. The names are Prometheus' error types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// The query can't be understood: 400.
    BadData(String),
    /// It was understood but can't be evaluated: 422.
    Execution(String),
}

/// Where the bounds of windows lie, which changed in Prometheus 3.
/// <https://prometheus.io/docs/prometheus/latest/migration/#range-selectors-and-lookback-exclude-samples-coinciding-with-the-left-boundary>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A sample exactly at the left bound is outside.
    Three,
    /// It is inside. Here for the comparison with a Prometheus 2.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only the comparison with an installed Prometheus 2 asks for it")
    )]
    Two,
}

/// Settings of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) dialect: Dialect,
    /// How far back an instant selector looks for a sample, in milliseconds. Prometheus' `query.lookback-delta`.
    pub(crate) lookback: i64,
    /// Step of a subquery that names none, in milliseconds. Prometheus' `evaluation_interval`.
    pub(crate) subquery_step: i64,
    /// Samples touched at most. Prometheus' `query.max-samples` bounds memory; this bounds work.
    pub(crate) samples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Three,
            lookback: 5 * 60 * 1000,
            subquery_step: 60 * 1000,
            samples: 20_000_000,
        }
    }
}

/// Steps of a range query at most, as in Prometheus (`web/api/v1/api.go`).
pub(crate) const MOST_STEPS: i64 = 11_000;

/// The moments of a range query, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// The sample's own time, which only `timestamp()` sees.
    pub(crate) at: i64,
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Scalar(f64),
    Text(String),
    Vector(Vec<Sample>),
    Matrix(Vec<(Labels, Vec<Point>)>),
}

/// Evaluates at one moment.
pub(crate) fn instant(
    recording: &Recording,
    query: &str,
    at: i64,
    settings: &Settings,
) -> Result<Answer, QueryError> {
    let parsed = guard::parse(query)?;
    if let Some(text) = compile::text(&parsed) {
        return Ok(Answer::Text(text));
    }
    let steps = Steps { start: at, end: at, step: 1 };
    let evaluation = Evaluation::new(recording, settings);
    if let Some(window) = compile::top_window(&parsed, recording, settings, &steps)? {
        let ranges = evaluation.window(&window, at)?;
        return Ok(Answer::Matrix(
            ranges.into_iter().map(|range| (range.labels, range.points.into_owned())).collect(),
        ));
    }
    let plan = compile::plan(&parsed, recording, settings, &steps)?;
    Ok(match evaluation.value(&plan, at)? {
        Value::Scalar(value) => Answer::Scalar(value),
        Value::Vector(samples) => {
            evaluate::unique(&samples)?;
            Answer::Vector(samples)
        }
    })
}

/// Evaluates at every step of a range.
pub(crate) fn range(
    recording: &Recording,
    query: &str,
    steps: &Steps,
    settings: &Settings,
) -> Result<Answer, QueryError> {
    let parsed = guard::parse(query)?;
    let refused = |what: &str| {
        QueryError::BadData(format!(
            "invalid expression type \"{what}\" for range query, must be Scalar or instant Vector"
        ))
    };
    if compile::text(&parsed).is_some() {
        return Err(refused("string"));
    }
    if compile::top_window(&parsed, recording, settings, steps)?.is_some() {
        return Err(refused("range vector"));
    }
    let plan = compile::plan(&parsed, recording, settings, steps)?;
    let evaluation = Evaluation::new(recording, settings);
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut matrix: Vec<(Labels, Vec<Point>)> = Vec::new();
    let mut at = steps.start;
    while at <= steps.end {
        let samples = match evaluation.value(&plan, at)? {
            Value::Scalar(value) => vec![Sample { labels: Labels::default(), value, at }],
            Value::Vector(samples) => samples,
        };
        evaluate::unique(&samples)?;
        for sample in samples {
            let place = *places.entry(sample.labels.clone()).or_insert_with(|| {
                matrix.push((sample.labels, Vec::new()));
                matrix.len() - 1
            });
            if let Some((_, points)) = matrix.get_mut(place) {
                points.push(Point { at, value: sample.value });
            }
        }
        at += steps.step;
    }
    // Prometheus sorts a matrix by labels.
    matrix.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(Answer::Matrix(matrix))
}

/// Series that a selector such as `up{job="node"}` matches, by place in the recording.
pub(crate) fn select(recording: &Recording, selector: &str) -> Result<Vec<usize>, QueryError> {
    compile::selector(&guard::parse(selector)?, recording)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
mod real_tests;
