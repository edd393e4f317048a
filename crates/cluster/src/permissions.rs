//! What we ourselves may read, as the API server says.

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::object::items;
use serde_json::{Value, json};
use stethoscope_core::tool::RbacRule;

/// The rules of a SelfSubjectRulesReview. Rules for single named objects are left out: they permit no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// What is granted; `*` stands for all.
    pub rules: Vec<RbacRule>,
    /// Whether that is all. A webhook authorizer cannot be asked for its rules.
    pub complete: bool,
}

impl Cluster {
    /// What we may do in a namespace and cluster-wide.
    ///
    /// # Errors
    /// When the API server does not answer the review.
    pub async fn own_permissions(&self, namespace: Option<&str>) -> Result<Permissions, ClusterError> {
        let namespace = namespace.unwrap_or(self.default_namespace());
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace}
        });
        let answer = self.api().review("selfsubjectrulesreviews", &review).await?;
        let words = |rule: &Value, key: &str| -> Vec<String> {
            items(rule, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let rules = items(&answer, "status.resourceRules")
            .iter()
            .filter(|rule| items(rule, "resourceNames").is_empty())
            .flat_map(|rule| {
                let (resources, verbs) = (words(rule, "resources"), words(rule, "verbs"));
                words(rule, "apiGroups").into_iter().map(move |api_group| RbacRule {
                    api_group,
                    resources: resources.clone(),
                    verbs: verbs.clone(),
                })
            })
            .collect();
        Ok(Permissions { rules, complete: answer["status"]["incomplete"] != true })
    }
}
