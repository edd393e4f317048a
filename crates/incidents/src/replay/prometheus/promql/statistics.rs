//! Sums and quantiles as Prometheus computes them (`promql/functions.go`, `promql/quantile.go`).

/// A sum with Neumaier's compensation, so that small terms are not lost beside large ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }

    pub(super) fn of(values: impl Iterator<Item = f64>) -> f64 {
        let mut sum = Self::default();
        values.for_each(|value| sum.add(value));
        sum.total()
    }
}

/// The mean, even where the sum is too large for a float.
pub(super) fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let sum = Sum::of(values.iter().copied());
    if sum.is_infinite() && values.iter().all(|value| value.is_finite()) {
        return Sum::of(values.iter().map(|value| value / count));
    }
    sum / count
}

/// Variance of the whole population.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    Sum::of(values.iter().map(|value| (value - mean).powi(2))) / values.len() as f64
}

/// Linear between the nearest ranks; outside 0..1 infinite.
pub(super) fn quantile(quantile: f64, values: &[f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted = values.to_vec();
    // NaN counts as the smallest.
    sorted.sort_by(|one, other| one.is_nan().cmp(&other.is_nan()).reverse().then(one.total_cmp(other)));
    let last = sorted.len() - 1;
    let rank = quantile * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at(upper) * weight
}

/// Slope per second, and the value of the line at `zero`, by least squares.
pub(super) fn regression(points: &[super::Point], zero: i64) -> (f64, f64) {
    let Some(first) = points.first() else { return (f64::NAN, f64::NAN) };
    if points.iter().all(|point| point.value == first.value) {
        return if first.value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first.value) };
    }
    let count = points.len() as f64;
    let seconds = |point: &super::Point| (point.at - zero) as f64 / 1000.0;
    let times = Sum::of(points.iter().map(seconds));
    let values = Sum::of(points.iter().map(|point| point.value));
    let products = Sum::of(points.iter().map(|point| seconds(point) * point.value));
    let squares = Sum::of(points.iter().map(|point| seconds(point).powi(2)));
    let slope = (products - times * values / count) / (squares - times * times / count);
    (slope, values / count - slope * times / count)
}
