//! Claims, volumes, classes.

use super::meta::{Amounts, Condition, List, Meta};
use super::pod::NodeSelector;
use super::selector::LabelSelector;
use serde::Deserialize;

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PersistentVolumeClaim {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: ClaimSpec,
    /// What is.
    pub status: ClaimStatus,
}

/// A claim's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClaimSpec {
    /// Class; absent takes the default class, empty takes none.
    pub storage_class_name: Option<Box<str>>,
    /// Modes the volume must offer.
    pub access_modes: List<String>,
    /// Size.
    pub resources: ClaimResources,
    /// A particular volume.
    pub volume_name: Option<Box<str>>,
    /// Labels the volume must carry.
    pub selector: Option<LabelSelector>,
    /// `Filesystem` unless said.
    pub volume_mode: Option<Box<str>>,
}

/// Size of a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimResources {
    /// `storage`.
    pub requests: Amounts,
}

/// A claim's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimStatus {
    /// `Pending`, `Bound`, `Lost`.
    pub phase: String,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A PersistentVolume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PersistentVolume {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: VolumeSpec,
    /// What is.
    pub status: VolumeStatus,
}

/// A volume's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VolumeSpec {
    /// `storage`.
    pub capacity: Amounts,
    /// Modes it offers.
    pub access_modes: List<String>,
    /// Class.
    pub storage_class_name: Option<Box<str>>,
    /// The claim it is kept for.
    pub claim_ref: Option<Box<ClaimRef>>,
    /// Nodes that reach it.
    pub node_affinity: VolumeNodeAffinity,
    /// `Filesystem` unless said.
    pub volume_mode: Option<Box<str>>,
    /// `Retain`, `Delete`.
    pub persistent_volume_reclaim_policy: Option<Box<str>>,
}

/// The claim a volume is kept for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Nodes that reach a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeNodeAffinity {
    /// Must hold.
    pub required: Option<NodeSelector>,
}

/// A volume's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeStatus {
    /// `Available`, `Bound`, `Released`, `Failed`.
    pub phase: String,
    /// Why it failed.
    pub message: Option<Box<str>>,
}

/// A StorageClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StorageClass {
    /// Metadata.
    pub metadata: Meta,
    /// Who makes volumes.
    pub provisioner: String,
    /// `Immediate` or `WaitForFirstConsumer`.
    pub volume_binding_mode: Option<Box<str>>,
}

impl StorageClass {
    /// Whether claims that name no class get this one.
    pub fn is_default(&self) -> bool {
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|name| self.metadata.annotations.text(name) == Some("true"))
    }
}
