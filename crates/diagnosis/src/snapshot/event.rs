//! Events, of either API group.

use super::meta::{Meta, time};
use jiff::Timestamp;
use serde::Deserialize;

/// An event, from `v1` or `events.k8s.io/v1`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Metadata.
    pub metadata: Meta,
    /// What it is about (`regarding` in `events.k8s.io`).
    #[serde(alias = "regarding")]
    pub involved_object: Involved,
    /// CamelCase reason.
    pub reason: String,
    /// Words for people (`note` in `events.k8s.io`).
    #[serde(alias = "note")]
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Times seen.
    #[serde(alias = "deprecatedCount")]
    pub count: Option<i64>,
    /// First seen.
    #[serde(alias = "deprecatedFirstTimestamp", deserialize_with = "time")]
    pub first_timestamp: Option<Timestamp>,
    /// Last seen.
    #[serde(alias = "deprecatedLastTimestamp", deserialize_with = "time")]
    pub last_timestamp: Option<Timestamp>,
    /// When it happened, for events of the newer kind.
    #[serde(deserialize_with = "time")]
    pub event_time: Option<Timestamp>,
    /// Repeats of the newer kind.
    pub series: Option<Series>,
}

/// Repeats of an event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Series {
    /// Times seen.
    pub count: i64,
    /// Last seen.
    #[serde(deserialize_with = "time")]
    pub last_observed_time: Option<Timestamp>,
}

/// What an event is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Involved {
    /// Kind.
    pub kind: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Part of the object, e.g. `spec.containers{web}`.
    pub field_path: Option<Box<str>>,
}

impl Event {
    /// When it was last seen.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.series
            .as_ref()
            .and_then(|series| series.last_observed_time)
            .or(self.last_timestamp)
            .or(self.event_time)
            .or(self.first_timestamp)
            .or(self.metadata.creation_timestamp)
    }

    /// How often it was seen.
    pub fn times(&self) -> i64 {
        self.series.as_ref().map(|series| series.count).or(self.count).unwrap_or(1).max(1)
    }

    /// Whether it warns.
    pub fn warns(&self) -> bool {
        self.kind == "Warning"
    }
}
