//! Latencies in a histogram: percentiles and modes. A plateau (all timeouts at 1 s) is a mode that an average hides.

/// Steps to a doubling: a bucket is 9 % wide.
const STEPS: f64 = 8.0;
/// From 1 µs; the last bucket holds everything from about 72 s.
const BUCKETS: usize = 210;
/// A mode holds at least this part of the samples.
const MODE: f64 = 0.15;

/// A histogram of latencies.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0 }
    }
}

impl Latency {
    pub(crate) fn add(&mut self, nanos: u64) {
        let steps = (nanos.max(1_000) as f64 / 1_000.0).log2() * STEPS;
        let at = (steps as usize).min(BUCKETS - 1);
        self.buckets[at] = self.buckets[at].saturating_add(1);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Milliseconds below which a part of the samples lies.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.count as f64 * part).ceil().max(1.0) as u64;
        let mut sum = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            sum += u64::from(*count);
            if sum >= wanted {
                return middle(at);
            }
        }
        0.0
    }

    /// The humps: milliseconds and the part of the samples, most first. A hump is a peak with what lies within half a
    /// doubling of it.
    pub(crate) fn modes(&self) -> Vec<(f64, f64)> {
        let mut left: Vec<u64> = self.buckets.iter().map(|count| u64::from(*count)).collect();
        let mut modes = Vec::new();
        while modes.len() < 3 {
            let Some((at, _)) = left.iter().enumerate().max_by_key(|(at, count)| (**count, usize::MAX - at))
            else {
                break;
            };
            let (from, to) = (at.saturating_sub(4), (at + 5).min(BUCKETS));
            let held: u64 = left[from..to].iter().sum();
            let part = held as f64 / self.count.max(1) as f64;
            if part < MODE {
                break;
            }
            modes.push((middle(at), part));
            left[from..to].fill(0);
        }
        modes
    }
}

fn middle(at: usize) -> f64 {
    ((at as f64 + 0.5) / STEPS).exp2() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_plateau_of_timeouts_stands_out() {
        let mut latency = Latency::default();
        for _ in 0..60 {
            latency.add(5_000_000);
        }
        for _ in 0..40 {
            latency.add(1_003_000_000);
        }
        let modes: Vec<(u64, u64)> = latency
            .modes()
            .into_iter()
            .map(|(ms, part)| (ms.round() as u64, (part * 100.0).round() as u64))
            .collect();
        assert_eq!(modes, [(5, 60), (1004, 40)]);
        assert_eq!((latency.quantile(0.5).round() as u64, latency.quantile(0.95).round() as u64), (5, 1004));
    }

    #[test]
    fn extremes_stay_within() {
        let mut latency = Latency::default();
        for nanos in [0, 1, u64::MAX] {
            latency.add(nanos);
        }
        assert_eq!(latency.count(), 3);
        assert!(latency.quantile(1.0) > 60_000.0);
        assert_eq!(Latency::default().modes(), []);
    }
}
