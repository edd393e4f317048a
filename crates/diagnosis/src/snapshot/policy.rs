//! Configuration, identities and limits of a namespace.

use super::meta::{Amounts, List, Meta, keys};
use super::pod::LocalRef;
use serde::Deserialize;

/// A ConfigMap; only the names of its keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigMap {
    /// Metadata.
    pub metadata: Meta,
    /// Names of the keys.
    #[serde(rename = "data", deserialize_with = "keys")]
    pub keys: List<Box<str>>,
    /// Names of the binary keys.
    #[serde(rename = "binaryData", deserialize_with = "keys")]
    pub binary_keys: List<Box<str>>,
}

/// A Secret; only its metadata is ever read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// Metadata.
    pub metadata: Meta,
}

/// A ServiceAccount.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Metadata.
    pub metadata: Meta,
    /// Registry credentials its pods get.
    pub image_pull_secrets: List<LocalRef>,
}

/// A ResourceQuota.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceQuota {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: QuotaSpec,
    /// What is.
    pub status: QuotaStatus,
}

/// A quota's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QuotaSpec {
    /// Most of each resource.
    pub hard: Amounts,
}

/// A quota's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QuotaStatus {
    /// Most of each resource, as enforced.
    pub hard: Amounts,
    /// In use.
    pub used: Amounts,
}

/// A LimitRange.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LimitRange {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: LimitRangeSpec,
}

/// A limit range's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LimitRangeSpec {
    /// Limits.
    pub limits: List<Limit>,
}

/// One limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// `Container`, `Pod`, `PersistentVolumeClaim`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Most.
    pub max: Amounts,
    /// Least.
    pub min: Amounts,
}
