//! Where a series changed its level.
//!
//! Binary segmentation with robust statistics. For each segment, every split that leaves [`SHORTEST`] samples on both
//! sides gets the standardised rank-sum statistic (Mann and Whitney's U as Pettitt's change-point test scans it:
//! A. N. Pettitt, "A non-parametric approach to the change-point problem", 1979). Ranks do not care how far away an
//! outlier is. The best split is then moved to where the two medians fit best (least absolute deviations), and is
//! kept only if both hold:
//!
//! - the rank statistic exceeds [`RANK_BOUND`], about one in a thousand for a single split of pure noise;
//! - the medians differ by more than [`EFFECT_BOUND`] robust standard deviations of the rest (the median absolute
//!   deviation from the segments' medians, times 1.4826), where the deviation counts as at least 1 % of the level.
//!
//! The second bound is what keeps noise, slow waves and ramps out: halves of a ramp differ by 2.7 of their deviations.
//! It is applied last, to neighbouring segments, the weakest split first: a pulse shows no clear level on one side of
//! its first split until its second one is known. Steps in one direction close to each other are one change that took
//! its time. The onset is where the run of values that leave the old level's band begins, which is earlier than the
//! split when a smoothed series takes its time to move.

use crate::series::Sample;
use serde::Serialize;

/// Samples of a segment at least.
const SHORTEST: usize = 4;
/// The rank statistic, in standard deviations.
const RANK_BOUND: f64 = 3.0;
/// The difference of medians, in robust standard deviations of the rest.
const EFFECT_BOUND: f64 = 5.0;
/// The deviation counts as at least this share of the level: less is no change that matters.
const LEAST_DEVIATION: f64 = 0.01;
/// Values within so many deviations of the old level still belong to it.
const BAND: f64 = 3.0;
/// What a score is capped at: a level without any noise would give an infinite one.
const HIGHEST_SCORE: f64 = 1_000.0;
/// Turns a median absolute deviation into a standard deviation of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The same for a mean absolute deviation.
const MEAN_TO_SIGMA: f64 = 1.2533;
/// Splits of one series that are looked at, at most.
const MOST: usize = 24;
/// A level that lasts so few samples between two steps in one direction is part of one change: rates over a window of a
/// minute, scraped every five seconds, take twelve samples to move.
const TRANSITION: usize = 12;

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The level rose.
    Up,
    /// The level fell.
    Down,
}

/// One change of level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChangePoint {
    /// When it began, milliseconds since 1970.
    pub onset: i64,
    /// The median before.
    pub before: f64,
    /// The median after.
    pub after: f64,
    /// Which way.
    pub direction: Direction,
    /// Difference of the medians in robust standard deviations, at most 1000.
    pub score: f64,
}

/// Changes of level in the order of time. NaN and infinite values are passed over; the time between samples does not
/// matter, so gaps are no changes.
pub fn change_points(samples: &[Sample]) -> Vec<ChangePoint> {
    let samples: Vec<Sample> = samples.iter().copied().filter(|sample| sample.value.is_finite()).collect();
    let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    let mut splits = Vec::new();
    segment(&values, 0, &mut splits);
    splits.sort_unstable();
    prune(&values, &mut splits);
    let bounds: Vec<usize> = std::iter::once(0).chain(splits).chain([values.len()]).collect();
    let segments: Vec<&[f64]> =
        bounds.iter().zip(bounds.iter().skip(1)).filter_map(|(from, to)| values.get(*from..*to)).collect();
    let mut start = 0;
    let mut changes: Vec<ChangePoint> = Vec::new();
    for (left, right) in segments.iter().zip(segments.iter().skip(1)) {
        let split = start + left.len();
        let (before, after) = (median(left), median(right));
        let direction = if after > before { Direction::Up } else { Direction::Down };
        let score = effect(left, right).min(HIGHEST_SCORE);
        let onset = onset(left, before, after, deviation(left, before, right, after));
        match changes.last_mut() {
            Some(last) if last.direction == direction && left.len() <= TRANSITION => {
                last.after = after;
                last.score = last.score.max(score);
            }
            _ => changes.extend(samples.get(split - onset).map(|sample| ChangePoint {
                onset: sample.at,
                before,
                after,
                direction,
                score,
            })),
        }
        start = split;
    }
    changes
}

/// Collects accepted splits of `values`, which begin at `offset` of the whole.
fn segment(values: &[f64], offset: usize, splits: &mut Vec<usize>) {
    if splits.len() >= MOST {
        return;
    }
    let Some(split) = best_split(values) else { return };
    let (left, right) = values.split_at(split);
    splits.push(offset + split);
    segment(left, offset, splits);
    segment(right, offset + split, splits);
}

/// Drops splits whose neighbouring segments do not differ enough, the weakest first.
fn prune(values: &[f64], splits: &mut Vec<usize>) {
    loop {
        let bounds: Vec<usize> =
            std::iter::once(0).chain(splits.iter().copied()).chain([values.len()]).collect();
        let effects = bounds.windows(3).filter_map(|around| match around {
            [from, split, to] => Some(effect(values.get(*from..*split)?, values.get(*split..*to)?)),
            _ => None,
        });
        match effects.enumerate().min_by(|one, other| one.1.total_cmp(&other.1)) {
            Some((place, weakest)) if weakest < EFFECT_BOUND => drop(splits.remove(place)),
            Some(_) | None => return,
        }
    }
}

/// The split with the highest rank statistic, moved to where two medians fit best; `None` when no split stands out.
fn best_split(values: &[f64]) -> Option<usize> {
    let count = values.len();
    if count < 2 * SHORTEST {
        return None;
    }
    let n = count as f64;
    let (ranks, ties) = ranks(values);
    // Ties make ranks vary less.
    let spread = (n + 1.0) - ties / (n * (n - 1.0));
    let mut sum = 0.0;
    let mut best: Option<(f64, usize)> = None;
    for (split, rank) in (1..).zip(&ranks) {
        sum += rank;
        if split < SHORTEST || split > count - SHORTEST {
            continue;
        }
        let k = split as f64;
        let variance = k * (n - k) * spread / 12.0;
        let statistic =
            if variance > 0.0 { (sum - k * (n + 1.0) / 2.0).abs() / variance.sqrt() } else { 0.0 };
        if best.is_none_or(|(highest, _)| statistic > highest) {
            best = Some((statistic, split));
        }
    }
    let (statistic, split) = best?;
    // With very few samples even a perfect split can't reach the bound.
    let reachable = (3.0 * SHORTEST as f64 * (n - SHORTEST as f64) / (n + 1.0)).sqrt();
    if statistic < RANK_BOUND.min(0.95 * reachable) {
        return None;
    }
    let (left, right) = values.split_at(split);
    Some(refine(values, median(left), median(right)))
}

/// Where `before` and `after` as levels leave the least absolute deviation.
fn refine(values: &[f64], before: f64, after: f64) -> usize {
    let mut cost: f64 = values.iter().map(|value| (value - after).abs()).sum();
    let mut best = (f64::INFINITY, SHORTEST);
    for (split, value) in (1..).zip(values) {
        cost += (value - before).abs() - (value - after).abs();
        if split >= SHORTEST && split <= values.len() - SHORTEST && cost < best.0 {
            best = (cost, split);
        }
    }
    best.1
}

/// How many samples before the split the new level shows already.
fn onset(left: &[f64], before: f64, after: f64, deviation: f64) -> usize {
    let towards = (after - before).signum();
    left.iter()
        .rev()
        .take(left.len() / 2)
        .take_while(|value| (*value - before) * towards > BAND * deviation)
        .count()
}

fn effect(left: &[f64], right: &[f64]) -> f64 {
    let (before, after) = (median(left), median(right));
    let deviation = deviation(left, before, right, after);
    let difference = (after - before).abs();
    if difference == 0.0 { 0.0 } else { difference / deviation }
}

/// Robust standard deviation around the two levels, at least a share of the higher one.
fn deviation(left: &[f64], before: f64, right: &[f64], after: f64) -> f64 {
    let around =
        |values: &[f64], level: f64| values.iter().map(|value| (value - level).abs()).collect::<Vec<_>>();
    let mut residuals = around(left, before);
    residuals.extend(around(right, after));
    let middle = median(&residuals) * MAD_TO_SIGMA;
    let sigma = if middle > 0.0 { middle } else { trimmed_mean(residuals) * MEAN_TO_SIGMA };
    sigma.max(LEAST_DEVIATION * before.abs().max(after.abs())).max(f64::MIN_POSITIVE)
}

/// The mean without the highest twentieth, at least one: of values that mostly equal their median.
fn trimmed_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.truncate(values.len() - (values.len() / 20).max(1).min(values.len()));
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Ranks from 1, equal values sharing the mean of theirs, and the sum of t³ - t over ties.
fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    order.sort_by(|one, other| value(*one).total_cmp(&value(*other)));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut next = 1.0;
    for group in order.chunk_by(|one, other| value(*one).total_cmp(&value(*other)).is_eq()) {
        let size = group.len() as f64;
        for &place in group {
            if let Some(rank) = ranks.get_mut(place) {
                *rank = next + (size - 1.0) / 2.0;
            }
        }
        ties += size.powi(3) - size;
        next += size;
    }
    (ranks, ties)
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |place: usize| sorted.get(place).copied().unwrap_or(0.0);
    if sorted.len().is_multiple_of(2) && middle > 0 {
        f64::midpoint(at(middle - 1), at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
