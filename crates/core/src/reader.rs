//! Ports through which tool crates read a cluster and its metrics without knowing any client.
//!
//! `cluster` implements [`ObjectReader`], `metrics` can implement [`SeriesReader`]; the binary puts them together. Objects
//! come sealed (secrets replaced by structure); logs come raw and are redacted, as every text, at the choke point.

use crate::tool::ToolError;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads objects and logs of one cluster. Only GET and LIST; bounded by the implementation.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// What an API group (empty for core) serves, in the server's order of preference. Asked for once: later calls cost no request.
    async fn serves(&self, group: &str) -> Result<Served, ToolError>;

    /// Objects of one kind. Not permitted, not served and cut are told in [`Objects::missing`]; an error means that
    /// nothing can be read at all.
    async fn list(&self, wanted: &Wanted) -> Result<Objects, ToolError>;

    /// One object, sealed. Not found comes with the nearest names.
    async fn get(&self, kind: &KindName, namespace: Option<&str>, name: &str) -> Result<Value, ToolError>;

    /// The end of a container's log.
    async fn logs(&self, wanted: &LogWanted) -> Result<LogText, ToolError>;

    /// The end of a node unit's log (`kubelet`, `containerd`), where the kubelet serves log queries.
    async fn node_log(&self, node: &str, unit: &str, tail: Tail) -> Result<LogText, ToolError>;
}

/// What one API group serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Kinds by version; a kind that is served in two versions stands here twice.
    pub kinds: Vec<ServedKind>,
    /// Why there may be more, e.g. an aggregated API server that does not answer.
    pub missing: Option<String>,
}

/// One kind in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedKind {
    /// Version, e.g. `v1beta1`.
    pub version: String,
    /// Plural, as in paths.
    pub plural: String,
    /// CamelCase kind.
    pub kind: String,
    /// Where its objects live.
    pub scope: Scope,
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In no namespace.
    Cluster,
    /// In a namespace.
    Namespaced,
}

/// A kind by group and plural.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindName {
    /// API group; empty for core.
    pub group: String,
    /// Version; `None` takes the one the server prefers.
    pub version: Option<String>,
    /// Plural, e.g. `resourceslices`.
    pub plural: String,
}

impl KindName {
    /// In the version that the server prefers.
    pub fn new(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self { group: group.into(), version: None, plural: plural.into() }
    }

    /// In this version.
    #[must_use]
    pub fn at(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }
}

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which kind.
    pub kind: KindName,
    /// `None`: all namespaces, or a cluster-scoped kind.
    pub namespace: Option<String>,
    /// Label selector, e.g. `app=web`.
    pub labels: Option<String>,
    /// Field selector, e.g. `spec.nodeName=a`.
    pub fields: Option<String>,
    /// Objects at most (whole pages: a few more may come).
    pub most: usize,
}

impl Wanted {
    /// All of a kind, up to `most`.
    pub fn all(kind: KindName, most: usize) -> Self {
        Self { kind, namespace: None, labels: None, fields: None, most }
    }

    /// In one namespace; `None` means all.
    #[must_use]
    pub fn within(self, namespace: Option<&str>) -> Self {
        Self { namespace: namespace.map(str::to_owned), ..self }
    }

    /// With these labels.
    #[must_use]
    pub fn labelled(self, selector: impl Into<String>) -> Self {
        Self { labels: Some(selector.into()), ..self }
    }

    /// With these fields.
    #[must_use]
    pub fn with_fields(self, selector: impl Into<String>) -> Self {
        Self { fields: Some(selector.into()), ..self }
    }
}

/// Objects of one list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// Sealed objects, each with `apiVersion` and `kind`.
    pub items: Vec<Value>,
    /// What is missing or was cut, and why; one line.
    pub missing: Option<String>,
}

/// Which container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogWanted {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name; `None` for a pod with one container.
    pub container: Option<String>,
    /// Which run.
    pub run: Run,
    /// How much.
    pub tail: Tail,
    /// Whether each line begins with its time.
    pub stamps: Stamps,
}

/// The kubelet's own time before each line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Lines as they were written.
    None,
    /// RFC 3339 and a space before each line, where the server gives them (a recorded log may lack them).
    Each,
}

/// A run of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The present one.
    Current,
    /// The one before the last restart.
    Previous,
}

/// How much of a log's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Lines at most.
    pub lines: u64,
    /// Bytes at most, read from where the lines begin.
    pub bytes: usize,
}

/// A log's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogText {
    /// The text as it was written.
    pub text: String,
    /// What of it is missing.
    pub missing: Option<String>,
}

/// Asks a metrics backend that speaks PromQL.
#[async_trait]
pub trait SeriesReader: Send + Sync {
    /// The values of an instant query at a moment. A query that matches nothing gives no values.
    async fn query(&self, promql: &str, at: Timestamp) -> Result<SeriesAnswer, ToolError>;
}

/// The answer to an instant query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesAnswer {
    /// One value a series, in the backend's order.
    pub series: Vec<SeriesValue>,
    /// The backend's warnings, and what was cut; one line each.
    pub missing: Vec<String>,
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesValue {
    /// Labels; the metric's name is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// The value; may be NaN.
    pub value: f64,
}
