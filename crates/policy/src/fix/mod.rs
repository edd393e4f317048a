//! What to change so that denied traffic passes, and what such a change does to everything that was observed.
//!
//! A change is text: a JSON Patch, or a new manifest. The proof patches the policy's own manifest with that very text,
//! reads it again and asks every observed question anew. Nothing is ever applied to a cluster.

mod patch;
mod prove;
mod suggest;
mod write;
mod yaml;

pub use patch::PatchOp;
pub use prove::{Pair, Proof};
pub use suggest::{Obstacle, Suggestion, Suggestions};

use crate::engine::Engine;
use crate::model::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use stethoscope_core::object::ObjectRef;
use thiserror::Error;

/// A change of policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its parts, in order.
    pub edits: Vec<Edit>,
}

/// A change of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// The policy, which is not there yet when [`EditKind::NewPolicy`].
    pub policy: ObjectRef,
    /// What sort.
    pub kind: EditKind,
    /// In words.
    pub words: String,
    /// Operations on the policy; empty for a new one.
    pub patch: Vec<PatchOp>,
    /// A new policy's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Value>,
    /// What is added, or the new manifest, as YAML.
    pub yaml: String,
}

/// Sorts of edits, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EditKind {
    /// A rule lets one more request pass.
    AddRequest,
    /// A rule gets one more port.
    AddPort,
    /// A rule gets one more peer.
    AddPeer,
    /// A policy gets one more rule.
    AddRule,
    /// One more policy.
    NewPolicy,
}

/// Why a change does not fit the policies that are there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// It patches a policy that is not there.
    #[error("{0} is not among the policies")]
    NoSuchPolicy(ObjectRef),
    /// The place that it patches is not there.
    #[error("{policy} has no {path}")]
    NoSuchPlace {
        /// The policy.
        policy: ObjectRef,
        /// JSON pointer.
        path: String,
    },
    /// What comes out is no policy.
    #[error("{policy} can't be read once it is changed: {reason}")]
    Unreadable {
        /// The policy.
        policy: ObjectRef,
        /// Why.
        reason: String,
    },
}

impl Engine {
    /// The same cluster after a change.
    pub fn after(&self, change: &Change) -> Result<Self, ChangeError> {
        let mut manifests: BTreeMap<&ObjectRef, Value> = BTreeMap::new();
        for edit in &change.edits {
            if let Some(manifest) = &edit.manifest {
                manifests.insert(&edit.policy, manifest.clone());
            }
            if !manifests.contains_key(&edit.policy) {
                let found = self.policies().iter().find(|policy| policy.reference == edit.policy);
                let policy = found.ok_or_else(|| ChangeError::NoSuchPolicy(edit.policy.clone()))?;
                manifests.insert(&edit.policy, policy.manifest.clone());
            }
            let Some(manifest) = manifests.get_mut(&edit.policy) else { continue };
            for op in &edit.patch {
                op.apply(manifest).ok_or_else(|| ChangeError::NoSuchPlace {
                    policy: edit.policy.clone(),
                    path: op.path.clone(),
                })?;
            }
        }
        let mut changed = Vec::new();
        for (reference, manifest) in manifests {
            let known = self.policies().iter().find(|policy| policy.reference == *reference);
            let read = match known {
                // An item of a list has no kind of its own.
                Some(policy) => Policy::of_kind(policy.kind, &manifest),
                None => Policy::parse(&manifest),
            };
            let policy = read.map_err(|error| ChangeError::Unreadable {
                policy: reference.clone(),
                reason: error.to_string(),
            })?;
            changed.push(Arc::new(policy));
        }
        Ok(self.changed(&changed))
    }
}
