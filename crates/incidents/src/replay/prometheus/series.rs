//! Recorded series, in label order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The label that holds the metric's name.
pub(super) const NAME: &str = "__name__";

/// Labels sorted by name, none of them empty: to Prometheus an empty label is an absent one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Labels(Vec<(Arc<str>, Arc<str>)>);

impl Labels {
    /// Sorts, drops empty values, keeps the last of equal names.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let map: BTreeMap<Arc<str>, Arc<str>> = pairs.into_iter().collect();
        Self(map.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value, empty when absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| &**own == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Only the named ones.
    pub(crate) fn keep(&self, names: &[String]) -> Self {
        Self(self.0.iter().filter(|(own, _)| names.iter().any(|name| **name == **own)).cloned().collect())
    }

    /// All but the named ones.
    pub(crate) fn drop(&self, names: &[String]) -> Self {
        Self(self.0.iter().filter(|(own, _)| !names.iter().any(|name| **name == **own)).cloned().collect())
    }

    /// Without the metric's name, which a computed value no longer has.
    pub(crate) fn nameless(&self) -> Self {
        Self(self.0.iter().filter(|(own, _)| &**own != NAME).cloned().collect())
    }

    /// With one label set; an empty value removes it.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(own, _)| &**own != name).cloned();
        Self::new(others.chain(std::iter::once((Arc::from(name), Arc::from(value)))))
    }
}

/// As Prometheus writes it in messages: `up{job="node"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.get(NAME);
        let rest: Vec<String> = self
            .iter()
            .filter(|(own, _)| *own != NAME)
            .map(|(own, value)| format!("{own}={value:?}"))
            .collect();
        if rest.is_empty() && !name.is_empty() {
            write!(f, "{name}")
        } else {
            write!(f, "{name}{{{}}}", rest.join(", "))
        }
    }
}

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// The value; NaN is a value like any other.
    pub(crate) value: f64,
}

/// One series; its points rise strictly in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) points: Vec<Point>,
}

impl Series {
    /// Points from `from` to `to`, both included, in milliseconds.
    pub(crate) fn between(&self, from: i64, to: i64) -> &[Point] {
        let start = self.points.partition_point(|point| point.at < from);
        let end = self.points.partition_point(|point| point.at <= to);
        self.points.get(start..end).unwrap_or_default()
    }
}

/// What `# TYPE`, `# HELP` and `# UNIT` say of a metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) unit: String,
}

/// Everything that was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recording {
    /// Sorted by labels.
    pub(crate) series: Vec<Series>,
    /// By family name.
    pub(crate) metadata: BTreeMap<String, Metadata>,
    /// What could not be read, one sentence each.
    pub(crate) problems: Vec<String>,
}

impl Recording {
    /// Names of labels of the series chosen.
    pub(crate) fn label_names<'a>(series: impl Iterator<Item = &'a Series>) -> BTreeSet<&'a str> {
        series.flat_map(|series| series.labels.iter().map(|(name, _)| name)).collect()
    }

    /// Values of one label of the series chosen.
    pub(crate) fn label_values<'a>(
        series: impl Iterator<Item = &'a Series>,
        name: &str,
    ) -> BTreeSet<&'a str> {
        series.map(|series| series.labels.get(name)).filter(|value| !value.is_empty()).collect()
    }
}
