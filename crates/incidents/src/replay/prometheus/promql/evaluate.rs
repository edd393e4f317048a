//! Evaluation of a plan at one moment.

use super::super::series::{Labels, Point, Recording};
use super::plan::{LabelJoin, LabelReplace, Order, Plan, Selection, Source, Window};
use super::{
    Dialect, QueryError, Sample, Settings, aggregate, arithmetic, histogram, map, matching, over_time,
};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;

/// What a plan gives at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(f64),
    Vector(Vec<Sample>),
}

/// One series of a range vector.
#[derive(Clone, Debug)]
pub(super) struct Range<'a> {
    pub(super) labels: Labels,
    pub(super) points: Cow<'a, [Point]>,
}

/// The bounds of a window, in milliseconds, and the moment it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) now: i64,
}

/// A recording under settings, with a budget of work.
pub(super) struct Evaluation<'a> {
    recording: &'a Recording,
    pub(super) settings: &'a Settings,
    touched: Cell<usize>,
}

/// No two elements may have the same labels.
pub(super) fn unique(samples: &[Sample]) -> Result<(), QueryError> {
    let mut seen = HashSet::with_capacity(samples.len());
    if samples.iter().all(|sample| seen.insert(&sample.labels)) {
        return Ok(());
    }
    Err(QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned()))
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(recording: &'a Recording, settings: &'a Settings) -> Self {
        Self { recording, settings, touched: Cell::new(0) }
    }

    fn touch(&self, samples: usize) -> Result<(), QueryError> {
        let touched = self.touched.get().saturating_add(samples);
        self.touched.set(touched);
        if touched > self.settings.samples {
            let message = format!(
                "query processing would touch more than {} samples; ask for less",
                self.settings.samples
            );
            return Err(QueryError::Execution(message));
        }
        Ok(())
    }

    pub(super) fn value(&self, plan: &Plan, now: i64) -> Result<Value, QueryError> {
        // Even a plan without samples costs something at every step.
        self.touch(1)?;
        Ok(match plan {
            Plan::Number(number) => Value::Scalar(*number),
            Plan::Time => Value::Scalar(now as f64 / 1000.0),
            Plan::Select(selection) => Value::Vector(self.select(selection, now)?),
            Plan::Negate(inner) => match self.value(inner, now)? {
                Value::Scalar(value) => Value::Scalar(-value),
                Value::Vector(samples) => computed(samples, |value| Some(-value))?,
            },
            Plan::Binary(binary) => {
                let (left, right) = (self.value(&binary.left, now)?, self.value(&binary.right, now)?);
                match (left, right) {
                    (Value::Vector(left), Value::Vector(right)) => {
                        self.touch(left.len() + right.len())?;
                        Value::Vector(matching::combine(left, right, binary)?)
                    }
                    (left, right) => arithmetic::with_scalar(left, right, binary.operator)?,
                }
            }
            Plan::Aggregate(aggregate) => {
                let parameter =
                    aggregate.parameter.as_ref().map(|plan| self.scalar(plan, now)).transpose()?;
                Value::Vector(aggregate::aggregate(
                    aggregate,
                    self.vector(&aggregate.vector, now)?,
                    parameter,
                )?)
            }
            Plan::Map { function, vector, arguments } => {
                let arguments = self.scalars(arguments, now)?;
                let function = map::function(*function, &arguments);
                computed(self.vector(vector, now)?, function)?
            }
            Plan::OverTime { function, window, arguments } => {
                let arguments = self.scalars(arguments, now)?;
                let span = span(window, now);
                let mut samples = Vec::new();
                for range in self.window(window, now)? {
                    if let Some(value) =
                        over_time::value(*function, &range.points, &span, &arguments, self.settings.dialect)
                    {
                        let labels = if over_time::keeps_name(*function) {
                            range.labels
                        } else {
                            range.labels.nameless()
                        };
                        samples.push(Sample { labels, value, at: now });
                    }
                }
                unique(&samples)?;
                Value::Vector(samples)
            }
            Plan::HistogramQuantile { quantile, vector } => {
                let quantile = self.scalar(quantile, now)?;
                Value::Vector(histogram::quantile(quantile, self.vector(vector, now)?, now))
            }
            Plan::Scalar(vector) => match self.vector(vector, now)?.as_slice() {
                [one] => Value::Scalar(one.value),
                _ => Value::Scalar(f64::NAN),
            },
            Plan::Vector(scalar) => Value::Vector(vec![Sample {
                labels: Labels::default(),
                value: self.scalar(scalar, now)?,
                at: now,
            }]),
            Plan::Absent { vector, labels } => absent(self.vector(vector, now)?.is_empty(), labels, now),
            Plan::AbsentOverTime { window, labels } => {
                absent(self.window(window, now)?.is_empty(), labels, now)
            }
            Plan::Timestamp(vector) => {
                let own = matches!(**vector, Plan::Select(_));
                let mut samples = self.vector(vector, now)?;
                for sample in &mut samples {
                    sample.value = if own { sample.at } else { now } as f64 / 1000.0;
                    sample.labels = sample.labels.nameless();
                }
                unique(&samples)?;
                Value::Vector(samples)
            }
            Plan::Sort { vector, order } => {
                let mut samples = self.vector(vector, now)?;
                sort(&mut samples, *order);
                Value::Vector(samples)
            }
            Plan::LabelReplace(replace) => Value::Vector(self.label_replace(replace, now)?),
            Plan::LabelJoin(join) => Value::Vector(self.label_join(join, now)?),
        })
    }

    fn vector(&self, plan: &Plan, now: i64) -> Result<Vec<Sample>, QueryError> {
        match self.value(plan, now)? {
            Value::Vector(samples) => Ok(samples),
            Value::Scalar(_) => {
                Err(QueryError::BadData("expected type instant vector, got scalar".to_owned()))
            }
        }
    }

    fn scalar(&self, plan: &Plan, now: i64) -> Result<f64, QueryError> {
        match self.value(plan, now)? {
            Value::Scalar(value) => Ok(value),
            Value::Vector(_) => {
                Err(QueryError::BadData("expected type scalar, got instant vector".to_owned()))
            }
        }
    }

    fn scalars(&self, plans: &[Plan], now: i64) -> Result<Vec<f64>, QueryError> {
        plans.iter().map(|plan| self.scalar(plan, now)).collect()
    }

    /// The newest sample of each series that is not older than the lookback.
    fn select(&self, selection: &Selection, now: i64) -> Result<Vec<Sample>, QueryError> {
        self.touch(selection.series.len())?;
        let moment = selection.shift.moment(now);
        let oldest = moment.saturating_sub(self.settings.lookback).saturating_add(self.left_bound());
        let chosen = selection.series.iter().filter_map(|&place| self.recording.series.get(place));
        Ok(chosen
            .filter_map(|series| {
                let newest = series.between(oldest, moment).last()?;
                Some(Sample { labels: series.labels.clone(), value: newest.value, at: newest.at })
            })
            .collect())
    }

    /// Milliseconds that the left bound of a window is moved by, so that both its bounds can be included.
    fn left_bound(&self) -> i64 {
        match self.settings.dialect {
            Dialect::Three => 1,
            Dialect::Two => 0,
        }
    }

    /// The samples of each series that has any in the window.
    pub(super) fn window(&self, window: &Window, now: i64) -> Result<Vec<Range<'a>>, QueryError> {
        let span = span(window, now);
        let first = span.start.saturating_add(self.left_bound());
        match &window.source {
            Source::Series(places) => {
                let mut ranges = Vec::new();
                self.touch(places.len())?;
                for series in places.iter().filter_map(|&place| self.recording.series.get(place)) {
                    let points = series.between(first, span.end);
                    self.touch(points.len())?;
                    if !points.is_empty() {
                        ranges.push(Range { labels: series.labels.clone(), points: Cow::Borrowed(points) });
                    }
                }
                Ok(ranges)
            }
            Source::Subquery { plan, step } => self.subquery(plan, *step, first, span.end),
        }
    }

    /// Subqueries are evaluated at multiples of their step, whatever the moment of the query.
    fn subquery(&self, plan: &Plan, step: i64, first: i64, end: i64) -> Result<Vec<Range<'a>>, QueryError> {
        let mut places = std::collections::HashMap::new();
        let mut ranges: Vec<(Labels, Vec<Point>)> = Vec::new();
        let remainder = first.rem_euclid(step);
        let mut at = if remainder == 0 { first } else { first.saturating_add(step - remainder) };
        while at <= end {
            let samples = match self.value(plan, at)? {
                Value::Scalar(value) => vec![Sample { labels: Labels::default(), value, at }],
                Value::Vector(samples) => samples,
            };
            self.touch(samples.len())?;
            unique(&samples)?;
            for sample in samples {
                let place = *places.entry(sample.labels.clone()).or_insert_with(|| {
                    ranges.push((sample.labels, Vec::new()));
                    ranges.len() - 1
                });
                if let Some((_, points)) = ranges.get_mut(place) {
                    points.push(Point { at, value: sample.value });
                }
            }
            at = at.saturating_add(step);
        }
        Ok(ranges.into_iter().map(|(labels, points)| Range { labels, points: Cow::Owned(points) }).collect())
    }

    fn label_replace(&self, replace: &LabelReplace, now: i64) -> Result<Vec<Sample>, QueryError> {
        let mut samples = self.vector(&replace.vector, now)?;
        for sample in &mut samples {
            let source = sample.labels.get(&replace.source).to_owned();
            if let Some(captures) = replace.pattern.captures(&source) {
                let mut value = String::new();
                captures.expand(&replace.replacement, &mut value);
                sample.labels = sample.labels.with(&replace.target, &value);
            }
        }
        unique(&samples)?;
        Ok(samples)
    }

    fn label_join(&self, join: &LabelJoin, now: i64) -> Result<Vec<Sample>, QueryError> {
        let mut samples = self.vector(&join.vector, now)?;
        for sample in &mut samples {
            let values: Vec<&str> = join.sources.iter().map(|source| sample.labels.get(source)).collect();
            let joined = values.join(&join.separator);
            sample.labels = sample.labels.with(&join.target, &joined);
        }
        unique(&samples)?;
        Ok(samples)
    }
}

fn span(window: &Window, now: i64) -> Span {
    let end = window.shift.moment(now);
    Span { start: end.saturating_sub(window.range), end, now }
}

fn absent(is_absent: bool, labels: &Labels, now: i64) -> Value {
    Value::Vector(if is_absent {
        vec![Sample { labels: labels.clone(), value: 1.0, at: now }]
    } else {
        Vec::new()
    })
}

/// Applies a function to each value; what it gives has no name any more.
pub(super) fn computed(
    samples: Vec<Sample>,
    function: impl Fn(f64) -> Option<f64>,
) -> Result<Value, QueryError> {
    let samples: Vec<Sample> = samples
        .into_iter()
        .filter_map(|sample| {
            function(sample.value).map(|value| Sample {
                labels: sample.labels.nameless(),
                value,
                at: sample.at,
            })
        })
        .collect();
    unique(&samples)?;
    Ok(Value::Vector(samples))
}

/// By value; NaN comes last in either order.
pub(super) fn sort(samples: &mut [Sample], order: Order) {
    samples.sort_by(|one, other| {
        let by_value = one.value.partial_cmp(&other.value).unwrap_or(std::cmp::Ordering::Equal);
        let by_value = match order {
            Order::Rising => by_value,
            Order::Falling => by_value.reverse(),
        };
        one.value.is_nan().cmp(&other.value.is_nan()).then(by_value)
    });
}
