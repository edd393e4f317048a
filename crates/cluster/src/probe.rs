//! What of a cluster is reachable, permitted and present: the data behind `stethoscope doctor`.

use crate::api::JSON;
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::object::text;
use crate::query::Query;
use crate::snapshot::node_log_path;
use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What, e.g. `api server`, `k8s_logs`.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
    /// In words.
    pub detail: String,
    /// What to do, when something is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// All is well.
    Good,
    /// Something is missing that only some questions need.
    Limited,
    /// Nothing works without it.
    Bad,
}

impl Check {
    fn good(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: CheckState::Good, detail: detail.into(), mend: None }
    }

    fn not(name: &str, state: CheckState, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state, detail: detail.into(), mend: Some(mend.into()) }
    }
}

/// A permission to ask about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    group: String,
    resource: String,
    verb: String,
}

/// Reviews under way at once.
const REVIEWS: usize = 8;

impl Cluster {
    /// Looks at everything the tools need. Never fails: what does not work is a check that says so.
    pub async fn probe(&self) -> Vec<Check> {
        let version = match self.api().get_value("/version", JSON).await {
            Ok(version) => version,
            Err(error) => {
                let mend = match &error {
                    ClusterError::Unreachable { hint, .. }
                    | ClusterError::Authentication { hint, .. }
                    | ClusterError::Kubeconfig { hint, .. } => hint.clone(),
                    _ => "see that kubectl version works with this context".to_owned(),
                };
                return vec![Check::not("api server", CheckState::Bad, error.to_string(), mend)];
            }
        };
        let mut checks =
            vec![Check::good("api server", format!("{} at {}", text(&version, "gitVersion"), self.server()))];
        checks.push(self.discovery().await);
        checks.extend(self.permissions().await);
        checks.push(self.metrics().await);
        checks.push(self.node_logs().await);
        checks
    }

    async fn discovery(&self) -> Check {
        match self.catalog().await {
            Ok(catalog) if catalog.gaps.is_empty() => Check::good("discovery", "every API group answers"),
            Ok(catalog) => Check::not(
                "discovery",
                CheckState::Limited,
                catalog.gaps.join("; "),
                "look at the APIService objects that are not Available: kubectl get apiservices",
            ),
            Err(error) => Check::not(
                "discovery",
                CheckState::Bad,
                error.to_string(),
                "bind the ClusterRole system:discovery to this user",
            ),
        }
    }

    /// One check a tool, over the permissions that its rules name.
    async fn permissions(&self) -> Vec<Check> {
        let tools = crate::tools::tools(self, &[]);
        let mut wanted: BTreeSet<Permission> = BTreeSet::new();
        let mut by_tool: BTreeMap<String, Vec<Permission>> = BTreeMap::new();
        for tool in &tools {
            let spec = tool.spec();
            let mut needs = Vec::new();
            for rule in &spec.rbac {
                for resource in &rule.resources {
                    // A wildcard stands for whatever is asked for; self-reviews are open to everybody.
                    if resource == "*" || rule.api_group == "authorization.k8s.io" {
                        continue;
                    }
                    for verb in &rule.verbs {
                        // Logs cannot be listed.
                        if resource.contains('/') && verb == "list" {
                            continue;
                        }
                        needs.push(Permission {
                            group: rule.api_group.clone(),
                            resource: resource.clone(),
                            verb: verb.clone(),
                        });
                    }
                }
            }
            wanted.extend(needs.iter().cloned());
            by_tool.insert(spec.name.clone(), needs);
        }
        let answers: BTreeMap<Permission, Result<bool, ClusterError>> = stream::iter(wanted)
            .map(|permission| async move {
                let answer = self.may(&permission).await;
                (permission, answer)
            })
            .buffer_unordered(REVIEWS)
            .collect()
            .await;
        by_tool.into_iter().map(|(tool, needs)| tool_check(&tool, &needs, &answers)).collect()
    }

    async fn may(&self, permission: &Permission) -> Result<bool, ClusterError> {
        let (resource, sub) =
            permission.resource.split_once('/').unwrap_or((permission.resource.as_str(), ""));
        let answer = self
            .api()
            .review(
                "selfsubjectaccessreviews",
                &json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "spec": {"resourceAttributes": {"group": permission.group, "resource": resource,
                        "subresource": sub, "verb": permission.verb}}
                }),
            )
            .await?;
        Ok(answer["status"]["allowed"] == true)
    }

    async fn metrics(&self) -> Check {
        const NAME: &str = "metrics.k8s.io";
        let served = self.catalog().await.is_ok_and(|catalog| catalog.serves("metrics.k8s.io", "nodes"));
        let nodes = Resource::known("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", Scope::Cluster);
        let Ok(path) = nodes.path(None, None) else {
            return Check::not(NAME, CheckState::Limited, "not asked", "report this");
        };
        match self.api().get(&Query::default().with("limit", Some("1")).on(&path), JSON).await {
            Ok(_) => Check::good(NAME, "answers"),
            Err(ClusterError::Forbidden { rule, .. }) => {
                Check::not(NAME, CheckState::Limited, "forbidden", format!("k8s_top {rule}"))
            }
            Err(error) if served => Check::not(
                NAME,
                CheckState::Limited,
                error.to_string(),
                "look at the metrics-server pods in kube-system",
            ),
            Err(_) => {
                Check::not(NAME, CheckState::Limited, "not served", "install metrics-server to use k8s_top")
            }
        }
    }

    async fn node_logs(&self) -> Check {
        const NAME: &str = "node log query";
        let nodes = Resource::known("", "v1", "nodes", "Node", Scope::Cluster);
        let listing = crate::list::Listing { most: Some(1), ..crate::list::Listing::of(&nodes, None) };
        let node = match self.objects(&listing, 1).await {
            Ok(objects) => objects.items.first().map(|node| crate::object::name(node).to_owned()),
            Err(_) => None,
        };
        let Some(path) = node.and_then(|node| node_log_path(&node).ok()) else {
            return Check::not(NAME, CheckState::Limited, "no node can be seen", "allow list of nodes");
        };
        let uri = Query::default().with("query", Some("kubelet")).with("tailLines", Some("1")).on(&path);
        match self.api().get_text(&uri, 64 << 10).await {
            Ok(_) => Check::good(NAME, "answers"),
            Err(ClusterError::Forbidden { rule, .. }) => {
                Check::not(NAME, CheckState::Limited, "forbidden", format!("k8s_node_logs {rule}"))
            }
            Err(error) => Check::not(
                NAME,
                CheckState::Limited,
                error.to_string(),
                "set enableSystemLogHandler and enableSystemLogQuery in the kubelet's configuration",
            ),
        }
    }
}

fn tool_check(
    tool: &str,
    needs: &[Permission],
    answers: &BTreeMap<Permission, Result<bool, ClusterError>>,
) -> Check {
    let mut lacking: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for need in needs {
        match answers.get(need) {
            Some(Ok(true)) => {}
            Some(Ok(false)) | None => {
                let group = if need.group.is_empty() { String::new() } else { format!(".{}", need.group) };
                lacking.entry(format!("{}{group}", need.resource)).or_default().insert(&need.verb);
            }
            Some(Err(error)) => {
                unknown.insert(error.brief());
            }
        }
    }
    if !lacking.is_empty() {
        let words: Vec<String> = lacking
            .iter()
            .map(|(resource, verbs)| {
                format!("{} {resource}", verbs.iter().copied().collect::<Vec<_>>().join(","))
            })
            .collect();
        return Check::not(
            tool,
            CheckState::Limited,
            format!("may not: {} (cluster-wide; a Role in a namespace is not seen here)", words.join("; ")),
            "bind the ClusterRole view, or a ClusterRole with these rules",
        );
    }
    if !unknown.is_empty() {
        let words: Vec<String> = unknown.into_iter().collect();
        return Check::not(
            tool,
            CheckState::Limited,
            format!("permissions unknown: {}", words.join("; ")),
            "allow create of selfsubjectaccessreviews (ClusterRole system:basic-user)",
        );
    }
    Check::good(tool, "permitted")
}
