//! Aggregations over the elements of a vector.

use super::super::series::Labels;
use super::evaluate::sort;
use super::plan::{Aggregate, Aggregator, Grouping, Order};
use super::statistics::{Sum, mean, quantile, variance};
use super::{QueryError, Sample};
use std::collections::HashMap;

/// Groups and aggregates. Groups come in the order of their first element.
pub(super) fn aggregate(
    plan: &Aggregate,
    samples: Vec<Sample>,
    parameter: Option<f64>,
) -> Result<Vec<Sample>, QueryError> {
    let most = match plan.operator {
        Aggregator::TopK | Aggregator::BottomK => limit(parameter)?,
        _ => 0,
    };
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<Sample>)> = Vec::new();
    for sample in samples {
        let labels = match &plan.grouping {
            Grouping::Keep(names) => sample.labels.keep(names),
            Grouping::Drop(names) => sample.labels.nameless().drop(names),
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            groups.push((labels, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, members)) = groups.get_mut(place) {
            members.push(sample);
        }
    }
    let mut out = Vec::new();
    for (labels, mut members) in groups {
        match plan.operator {
            Aggregator::TopK | Aggregator::BottomK => {
                let order = if plan.operator == Aggregator::TopK { Order::Falling } else { Order::Rising };
                sort(&mut members, order);
                members.truncate(most);
                out.extend(members);
            }
            _ => {
                let at = members.iter().map(|member| member.at).max().unwrap_or_default();
                let values: Vec<f64> = members.iter().map(|member| member.value).collect();
                out.push(Sample { labels, value: reduce(plan.operator, &values, parameter), at });
            }
        }
    }
    Ok(out)
}

fn limit(parameter: Option<f64>) -> Result<usize, QueryError> {
    let wanted = parameter.unwrap_or(f64::NAN);
    if wanted.is_nan() || wanted.abs() >= 9.2e18 {
        return Err(QueryError::Execution(format!("Scalar value {wanted} overflows int64")));
    }
    Ok(if wanted < 1.0 { 0 } else { wanted as usize })
}

fn reduce(operator: Aggregator, values: &[f64], parameter: Option<f64>) -> f64 {
    match operator {
        Aggregator::Sum => Sum::of(values.iter().copied()),
        Aggregator::Avg => mean(values),
        // `f64::min` and `max` pass over NaN unless there is nothing else, as Prometheus does.
        Aggregator::Min => values.iter().copied().fold(f64::NAN, f64::min),
        Aggregator::Max => values.iter().copied().fold(f64::NAN, f64::max),
        Aggregator::Count => values.len() as f64,
        Aggregator::Group => 1.0,
        Aggregator::Stddev => variance(values).sqrt(),
        Aggregator::Stdvar => variance(values),
        Aggregator::Quantile => quantile(parameter.unwrap_or(f64::NAN), values),
        // Handled where elements are kept, not reduced.
        Aggregator::TopK | Aggregator::BottomK => f64::NAN,
    }
}
