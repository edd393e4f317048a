//! A series in a few numbers.

use crate::change::{ChangePoint, change_points, median};
use crate::series::Sample;
use serde::Serialize;

/// A slope must carry the value over so many robust deviations to be a trend.
const TREND_BOUND: f64 = 3.0;
/// And over at least this share of its level.
const LEAST_TREND: f64 = 0.05;
/// Samples used for a slope at most: it looks at every pair.
const SLOPE_SAMPLES: usize = 120;
/// A distance of so many usual ones is a gap.
const GAP: i64 = 4;

/// Where a series is heading, steps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It stays.
    Flat,
    /// It climbs throughout.
    Rising,
    /// It sinks throughout.
    Falling,
}

/// What a series did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Samples that are numbers.
    pub samples: usize,
    /// Samples that are NaN or infinite.
    pub odd: usize,
    /// The first and the last value, in the order of time.
    pub first: f64,
    /// The last value.
    pub last: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// Where it is heading.
    pub trend: Trend,
    /// Changes of level.
    pub changes: Vec<ChangePoint>,
    /// Stretches without samples: from, to, in milliseconds.
    pub gaps: Vec<(i64, i64)>,
}

/// Summarises samples in the order of time; `None` when none is a number.
pub fn summarize(samples: &[Sample]) -> Option<Summary> {
    let finite: Vec<Sample> = samples.iter().copied().filter(|sample| sample.value.is_finite()).collect();
    let mut sorted: Vec<f64> = finite.iter().map(|sample| sample.value).collect();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (finite.first()?.value, finite.last()?.value);
    let changes = change_points(&finite);
    Some(Summary {
        samples: finite.len(),
        odd: samples.len() - finite.len(),
        first,
        last,
        min: *sorted.first()?,
        max: *sorted.last()?,
        p50: median(&sorted),
        p95: percentile(&sorted, 0.95),
        trend: if changes.is_empty() { trend(&finite) } else { Trend::Flat },
        changes,
        gaps: gaps(samples),
    })
}

/// Nearest rank of sorted values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

/// Theil and Sen's slope (the median of all pairs' slopes) against what remains around it.
fn trend(samples: &[Sample]) -> Trend {
    let every = samples.len().div_ceil(SLOPE_SAMPLES).max(1);
    let few: Vec<(f64, f64)> =
        samples.iter().step_by(every).map(|sample| (sample.at as f64 / 1000.0, sample.value)).collect();
    let (Some(start), Some(end)) = (few.first(), few.last()) else { return Trend::Flat };
    if few.len() < 8 {
        return Trend::Flat;
    }
    let mut slopes = Vec::with_capacity(few.len() * few.len() / 2);
    for (place, one) in few.iter().enumerate() {
        slopes.extend(
            few.iter()
                .skip(place + 1)
                .filter(|other| other.0 > one.0)
                .map(|other| (other.1 - one.1) / (other.0 - one.0)),
        );
    }
    let slope = median(&slopes);
    let values: Vec<f64> = few.iter().map(|(at, value)| value - slope * at).collect();
    let level = median(&values);
    let rest: Vec<f64> = values.iter().map(|value| (value - level).abs()).collect();
    let carried = slope * (end.0 - start.0);
    let size = few.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max);
    if carried.abs() <= TREND_BOUND * 1.4826 * median(&rest) || carried.abs() <= LEAST_TREND * size {
        Trend::Flat
    } else if carried > 0.0 {
        Trend::Rising
    } else {
        Trend::Falling
    }
}

fn gaps(samples: &[Sample]) -> Vec<(i64, i64)> {
    let pairs = || samples.iter().zip(samples.iter().skip(1)).map(|(one, next)| (one.at, next.at));
    let usual = median(&pairs().map(|(one, next)| (next - one) as f64).collect::<Vec<_>>()) as i64;
    pairs().filter(|(one, next)| usual > 0 && next - one >= GAP * usual).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn samples(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
        (0..).zip(values).map(|(place, value)| Sample { at: place * 1_000, value }).collect()
    }

    #[test]
    fn a_series_is_told_in_a_few_numbers() {
        let summary = summarize(&samples([3.0, f64::NAN, 1.0, 2.0, 5.0])).unwrap();
        let expected = Summary {
            samples: 4,
            odd: 1,
            first: 3.0,
            last: 5.0,
            min: 1.0,
            max: 5.0,
            p50: 2.5,
            p95: 5.0,
            trend: Trend::Flat,
            changes: vec![],
            gaps: vec![],
        };
        assert_eq!(summary, expected);
        assert_eq!(summarize(&samples([f64::NAN])), None);
        assert_eq!(summarize(&[]), None);
    }

    #[test]
    fn a_leak_is_a_trend_and_a_step_is_not() {
        let trend = |values: Vec<f64>| summarize(&samples(values)).map(|summary| summary.trend);
        assert_eq!(
            trend((0..60).map(|place| 100.0 + f64::from(place) + f64::from(place % 3)).collect()),
            Some(Trend::Rising)
        );
        assert_eq!(trend((0..60).map(|place| 100.0 - f64::from(place)).collect()), Some(Trend::Falling));
        assert_eq!(trend((0..60).map(|place| 100.0 + f64::from(place % 7)).collect()), Some(Trend::Flat));
        assert_eq!(
            trend((0..60).map(|place| if place < 30 { 1.0 } else { 9.0 }).collect()),
            Some(Trend::Flat)
        );
    }

    #[test]
    fn a_gap_is_told() {
        let mut gapped = samples((0..10).map(f64::from));
        for sample in gapped.iter_mut().skip(5) {
            sample.at += 60_000;
        }
        assert_eq!(summarize(&gapped).unwrap().gaps, [(4_000, 65_000)]);
    }
}
