//! Functions of the samples in a window (`promql/functions.go`).

use super::super::series::Point;
use super::Dialect;
use super::evaluate::Span;
use super::plan::OverTime;
use super::statistics::{Sum, mean, quantile, regression, variance};

/// Only a value that stays what it was keeps its name.
pub(super) fn keeps_name(function: OverTime) -> bool {
    function == OverTime::Last
}

/// The value, or `None` where the window holds too few samples.
pub(super) fn value(
    function: OverTime,
    points: &[Point],
    span: &Span,
    arguments: &[f64],
    dialect: Dialect,
) -> Option<f64> {
    let values = || points.iter().map(|point| point.value).collect::<Vec<f64>>();
    let argument = arguments.first().copied().unwrap_or(f64::NAN);
    let last = points.last()?;
    Some(match function {
        OverTime::Rate => extrapolated(points, span, Kind::Rate, dialect)?,
        OverTime::Increase => extrapolated(points, span, Kind::Increase, dialect)?,
        OverTime::Delta => extrapolated(points, span, Kind::Delta, dialect)?,
        OverTime::Irate => instant(points, Kind::Rate)?,
        OverTime::Idelta => instant(points, Kind::Delta)?,
        OverTime::Deriv => {
            let [first, _, ..] = points else { return None };
            regression(points, first.at).0
        }
        OverTime::PredictLinear => {
            let [_, _, ..] = points else { return None };
            let (slope, now) = regression(points, span.now);
            slope * argument + now
        }
        OverTime::Changes => {
            pairs(points).filter(|(a, b)| a != b && !(a.is_nan() && b.is_nan())).count() as f64
        }
        OverTime::Resets => pairs(points).filter(|(a, b)| b < a).count() as f64,
        OverTime::Avg => mean(&values()),
        OverTime::Sum => Sum::of(points.iter().map(|point| point.value)),
        OverTime::Min => points.iter().map(|point| point.value).fold(f64::NAN, f64::min),
        OverTime::Max => points.iter().map(|point| point.value).fold(f64::NAN, f64::max),
        OverTime::Count => points.len() as f64,
        OverTime::Last => last.value,
        OverTime::Present => 1.0,
        OverTime::Stddev => variance(&values()).sqrt(),
        OverTime::Stdvar => variance(&values()),
        OverTime::Mad => {
            let values = values();
            let median = quantile(0.5, &values);
            quantile(0.5, &values.iter().map(|value| (value - median).abs()).collect::<Vec<_>>())
        }
        OverTime::Quantile => quantile(argument, &values()),
    })
}

fn pairs(points: &[Point]) -> impl Iterator<Item = (f64, f64)> {
    points.iter().zip(points.iter().skip(1)).map(|(one, next)| (one.value, next.value))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A counter, per second.
    Rate,
    /// A counter, over the window.
    Increase,
    /// A gauge, over the window.
    Delta,
}

/// `extrapolatedRate`: the change between the first and the last sample, stretched to the window, but not further than
/// half a sample's distance where the series begins or ends inside it, and never below zero for a counter.
fn extrapolated(points: &[Point], span: &Span, kind: Kind, dialect: Dialect) -> Option<f64> {
    let [first, .., last] = points else { return None };
    let counter = kind != Kind::Delta;
    let mut result = last.value - first.value;
    if counter {
        result += Sum::of(pairs(points).filter(|(one, next)| next < one).map(|(one, _)| one));
    }
    let seconds = |from: i64, to: i64| (to - from) as f64 / 1000.0;
    let mut to_start = seconds(span.start, first.at);
    let mut to_end = seconds(last.at, span.end);
    let sampled = seconds(first.at, last.at);
    let average = sampled / (points.len() - 1) as f64;
    let threshold = average * 1.1;
    let near = |distance: f64| if distance >= threshold { average / 2.0 } else { distance };
    let until_zero = |distance: f64| {
        let zero = sampled * (first.value / result);
        if counter && result > 0.0 && first.value >= 0.0 && zero < distance { zero } else { distance }
    };
    // Prometheus 3 limits the distance first; 2 looked for zero first.
    to_start = match dialect {
        Dialect::Three => until_zero(near(to_start)),
        Dialect::Two => near(until_zero(to_start)),
    };
    to_end = near(to_end);
    let mut factor = (sampled + to_start + to_end) / sampled;
    if kind == Kind::Rate {
        factor /= seconds(span.start, span.end);
    }
    Some(result * factor)
}

/// The change between the last two samples.
fn instant(points: &[Point], kind: Kind) -> Option<f64> {
    let [.., before, last] = points else { return None };
    let difference = match kind {
        // After a reset the counter began at zero.
        Kind::Rate | Kind::Increase if last.value < before.value => last.value,
        Kind::Rate | Kind::Increase | Kind::Delta => last.value - before.value,
    };
    let milliseconds = last.at - before.at;
    match kind {
        Kind::Rate | Kind::Increase if milliseconds == 0 => None,
        Kind::Rate | Kind::Increase => Some(difference / (milliseconds as f64 / 1000.0)),
        Kind::Delta => Some(difference),
    }
}
