//! `access.yaml`: what the recorded identity was not allowed to read, so that a denied question can be replayed.

use serde::Deserialize;

/// Denied reads. Without the file everything but Secrets is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Each entry denies get, list and watch.
    #[serde(default)]
    pub deny: Vec<Denial>,
}

/// One denied resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// API group, empty for core, `*` for any.
    #[serde(default)]
    pub group: String,
    /// Plural resource, `pods/log` for a subresource, `*` for any.
    pub resource: String,
    /// Only in this namespace; absent: in all of them, and across all of them.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl Access {
    /// Whether a read of the resource is denied. `namespace` is `None` for cluster-wide requests, which are denied
    /// where any namespace is: RBAC grants them cluster-wide or not at all.
    pub fn denies(&self, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        self.deny.iter().any(|denial| {
            (denial.group == "*" || denial.group == group)
                && (denial.resource == "*" || denial.resource == resource)
                && denial.namespace.as_deref().is_none_or(|only| namespace.is_none_or(|asked| asked == only))
        })
    }
}
