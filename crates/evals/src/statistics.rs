//! Shares with their uncertainty, repeats, calibration and paired tests.

use serde::Serialize;

/// 95 % of a normal distribution lies within so many standard deviations.
const Z95: f64 = 1.959_963_984_540_054;
/// Bins of the calibration plot.
pub const BINS: usize = 10;

/// Right ones among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Right ones.
    pub right: usize,
    /// All.
    pub all: usize,
}

impl Share {
    /// Counts the trues.
    pub fn of(values: impl IntoIterator<Item = bool>) -> Self {
        values.into_iter().fold(Self::default(), |share, value| Self {
            right: share.right + usize::from(value),
            all: share.all + 1,
        })
    }

    /// Counts one more.
    pub fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    /// 0 to 1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.all > 0).then(|| self.right as f64 / self.all as f64)
    }

    /// Wilson's score interval at 95 %: honest for few cases and for shares near 0 and 1.
    pub fn wilson(self) -> Option<(f64, f64)> {
        let p = self.value()?;
        let n = self.all as f64;
        let z2 = Z95 * Z95;
        let centre = p + z2 / (2.0 * n);
        let spread = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        Some((((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)))
    }
}

/// Probability that `k` runs drawn from `runs` (with `right` good ones) are all good, without bias: C(right, k) / C(runs, k).
/// `None` when there are fewer than `k` runs.
pub fn pass_hat(right: usize, runs: usize, k: usize) -> Option<f64> {
    if k == 0 || runs < k || right > runs {
        return None;
    }
    Some((0..k).map(|drawn| right.saturating_sub(drawn) as f64 / (runs - drawn) as f64).product())
}

/// Two-sided exact McNemar test: the probability that paired runs differ at least so unevenly by chance.
pub fn mcnemar(lost: usize, gained: usize) -> f64 {
    let n = lost + gained;
    if n == 0 {
        return 1.0;
    }
    // The binomial terms go through logarithms, which hold for any number of pairs.
    let fewer = lost.min(gained);
    let log_half = -(n as f64) * std::f64::consts::LN_2;
    let mut log_choose = 0.0;
    let mut tail = 0.0;
    for i in 0..=fewer {
        tail += (log_choose + log_half).exp();
        log_choose += ((n - i) as f64).ln() - ((i + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// One bar of a calibration plot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Answers in it.
    pub count: usize,
    /// Their mean stated confidence.
    pub confidence: f64,
    /// The share of them that is right.
    pub right: f64,
}

/// How far stated confidences can be believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean squared error; 0 is best, 0.25 is a coin.
    pub brier: f64,
    /// Mean distance between confidence and share right, weighted by bin.
    pub ece: f64,
    /// Bars from 0 to 1.
    pub bins: Vec<Bin>,
}

/// Calibration of (confidence, right) pairs; `None` of nothing.
pub fn calibration(pairs: &[(f64, bool)]) -> Option<Calibration> {
    if pairs.is_empty() {
        return None;
    }
    let number = |right: bool| f64::from(u8::from(right));
    let all = pairs.len() as f64;
    let brier = pairs.iter().map(|(p, right)| (p - number(*right)).powi(2)).sum::<f64>() / all;
    let bins: Vec<Bin> = (0..BINS)
        .map(|place| {
            let inside: Vec<_> =
                pairs.iter().filter(|(p, _)| ((p * BINS as f64) as usize).min(BINS - 1) == place).collect();
            let count = inside.len();
            let mean = |sum: f64| if count == 0 { 0.0 } else { sum / count as f64 };
            Bin {
                count,
                confidence: mean(inside.iter().map(|(p, _)| p).sum()),
                right: mean(inside.iter().map(|(_, right)| number(*right)).sum()),
            }
        })
        .collect();
    let ece = bins.iter().map(|bin| bin.count as f64 / all * (bin.confidence - bin.right).abs()).sum();
    Some(Calibration { brier, ece, bins })
}

/// The value below which the given share of the values lies; `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 5e-4, "{found} is not {wanted}");
    }

    #[test]
    fn wilson_keeps_a_doubt_about_ten_of_ten() {
        let (low, high) = Share { right: 10, all: 10 }.wilson().unwrap();
        near(low, 0.7225);
        near(high, 1.0);
        let (low, high) = Share { right: 8, all: 20 }.wilson().unwrap();
        near(low, 0.2188);
        near(high, 0.6134);
        assert_eq!(Share::default().wilson(), None);
    }

    #[test]
    fn all_k_runs_right_is_rarer_than_one() {
        near(pass_hat(3, 4, 1).unwrap(), 0.75);
        near(pass_hat(3, 4, 2).unwrap(), 0.5);
        near(pass_hat(1, 4, 2).unwrap(), 0.0);
        near(pass_hat(4, 4, 4).unwrap(), 1.0);
        assert_eq!(pass_hat(1, 1, 2), None);
    }

    #[test]
    fn mcnemar_is_exact_and_symmetric() {
        near(mcnemar(0, 0), 1.0);
        near(mcnemar(0, 5), 0.0625);
        near(mcnemar(6, 0), 0.03125);
        near(mcnemar(3, 3), 1.0);
        near(mcnemar(2, 8), mcnemar(8, 2));
        near(mcnemar(2, 8), 0.1094);
        assert!(mcnemar(0, 5_000) < 1e-300 || mcnemar(0, 5_000) == 0.0);
    }

    #[test]
    fn calibration_of_a_braggart_and_of_an_honest_one() {
        let braggart = calibration(&[(1.0, true), (1.0, false)]).unwrap();
        near(braggart.brier, 0.5);
        near(braggart.ece, 0.5);
        let honest = calibration(&[(0.5, true), (0.5, false)]).unwrap();
        near(honest.brier, 0.25);
        near(honest.ece, 0.0);
        assert_eq!(calibration(&[]), None);
    }
}
