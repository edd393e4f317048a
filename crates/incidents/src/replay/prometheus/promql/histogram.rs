//! `histogram_quantile` over classic buckets (`promql/quantile.go`).

use super::super::series::Labels;
use super::Sample;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// One value for each histogram. Elements without a readable `le` are passed over.
pub(super) fn quantile(quantile: f64, samples: Vec<Sample>, now: i64) -> Vec<Sample> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<Bucket>)> = Vec::new();
    for sample in samples {
        let Some(upper) = bound(sample.labels.get("le")) else { continue };
        let labels = sample.labels.nameless().drop(&["le".to_owned()]);
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            histograms.push((labels, Vec::new()));
            histograms.len() - 1
        });
        if let Some((_, buckets)) = histograms.get_mut(place) {
            buckets.push(Bucket { upper, count: sample.value });
        }
    }
    histograms
        .into_iter()
        .map(|(labels, buckets)| Sample { labels, value: bucket_quantile(quantile, buckets), at: now })
        .collect()
}

fn bound(le: &str) -> Option<f64> {
    match le {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

fn bucket_quantile(quantile: f64, mut buckets: Vec<Bucket>) -> f64 {
    if quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|one, other| one.upper.total_cmp(&other.upper));
    buckets.dedup_by(|later, earlier| {
        let same = later.upper.total_cmp(&earlier.upper).is_eq();
        if same {
            earlier.count += later.count;
        }
        same
    });
    // Scrapes are not atomic: counts that fall from bucket to bucket are evened out.
    let mut highest = f64::NEG_INFINITY;
    for bucket in &mut buckets {
        highest = highest.max(bucket.count);
        bucket.count = highest;
    }
    let [.., before_last, last] = buckets.as_slice() else { return f64::NAN };
    let all = last.count;
    if last.upper != f64::INFINITY || all == 0.0 || all.is_nan() {
        return f64::NAN;
    }
    let mut rank = quantile * all;
    let place = buckets.iter().position(|bucket| bucket.count >= rank).unwrap_or(buckets.len() - 1);
    if place + 1 >= buckets.len() {
        return before_last.upper;
    }
    let Some(bucket) = buckets.get(place) else { return f64::NAN };
    let mut count = bucket.count;
    let start = match place.checked_sub(1).and_then(|before| buckets.get(before)) {
        None if bucket.upper <= 0.0 => return bucket.upper,
        None => 0.0,
        Some(before) => {
            count -= before.count;
            rank -= before.count;
            before.upper
        }
    };
    start + (bucket.upper - start) * (rank / count)
}
