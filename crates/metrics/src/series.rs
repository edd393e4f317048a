//! Series as the API gives them.

use serde::Serialize;
use std::collections::BTreeMap;

/// The label that holds the metric's name.
pub(crate) const NAME: &str = "__name__";

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

/// One series with its samples in the order of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Labels, `__name__` among them where the series has a name.
    pub labels: BTreeMap<String, String>,
    /// Samples.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The metric's name; empty for computed series.
    pub fn name(&self) -> &str {
        self.labels.get(NAME).map_or("", String::as_str)
    }

    /// `up{job="node"}`, the labels in order.
    pub fn display(&self) -> String {
        display(&self.labels)
    }
}

pub(crate) fn display(labels: &BTreeMap<String, String>) -> String {
    let name = labels.get(NAME).map_or("", String::as_str);
    let rest: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != NAME)
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    if rest.is_empty() && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", rest.join(","))
    }
}

/// Per-second rates between neighbouring samples of a counter; a value that falls is a restart from zero.
pub(crate) fn rates(samples: &[Sample]) -> Vec<Sample> {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    pairs
        .filter_map(|(one, next)| {
            let seconds = (next.at - one.at) as f64 / 1000.0;
            let grown = if next.value < one.value { next.value } else { next.value - one.value };
            (seconds > 0.0 && grown.is_finite()).then_some(Sample { at: next.at, value: grown / seconds })
        })
        .collect()
}
