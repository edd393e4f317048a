//! What a person asks, and its scope.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The words, as asked.
    pub text: String,
    /// The part of the cluster it is about.
    #[serde(default)]
    pub scope: Scope,
}

/// Where to look. Everything is optional: an empty scope is the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Kubeconfig context, or the incident's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Namespace the person named (`-n`), or the incident's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
