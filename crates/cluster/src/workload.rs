//! From a workload to its pods and back.

use crate::cluster::{Cluster, Objects};
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::object::{self, at, items, pairs, text};
use serde_json::Value;

/// Pods read for one workload.
const MOST: usize = 2_000;

/// Links followed up the owner tree; Kubernetes' own are at most three.
const LINKS: usize = 6;

pub(crate) fn pods() -> Resource {
    Resource::known("", "v1", "pods", "Pod", Scope::Namespaced)
}

impl Cluster {
    /// The pods behind an object: itself, those it selects, those its Jobs made, those on a node.
    pub(crate) async fn pods_behind(&self, kind: &str, found: &Value) -> Result<Objects, ClusterError> {
        let namespace = object::namespace(found);
        let resource = pods();
        let by = |labels: String| async move {
            if labels.is_empty() {
                return Ok(Objects::default());
            }
            let resource = pods();
            let listing = Listing { labels: Some(&labels), ..Listing::of(&resource, namespace) };
            self.objects(&listing, MOST).await
        };
        match kind {
            "Pod" => Ok(Objects { items: vec![found.clone()], missing: None }),
            "Service" => by(label_pairs(&pairs(found, "spec.selector"))).await,
            "Node" => {
                let fields = format!("spec.nodeName={}", object::name(found));
                let listing = Listing { fields: Some(&fields), ..Listing::of(&resource, None) };
                self.objects(&listing, MOST).await
            }
            "CronJob" => {
                let jobs = Resource::known("batch", "v1", "jobs", "Job", Scope::Namespaced);
                let mut jobs = self.objects(&Listing::of(&jobs, namespace), MOST).await?;
                jobs.items.retain(|job| object::owner(job) == Some(("CronJob", object::name(found))));
                let mut all = self.objects(&Listing::of(&resource, namespace), MOST).await?;
                all.items.retain(|pod| {
                    jobs.items.iter().any(|job| object::owner(pod) == Some(("Job", object::name(job))))
                });
                all.missing = all.missing.or(jobs.missing);
                Ok(all)
            }
            "ReplicationController" => by(label_pairs(&pairs(found, "spec.selector"))).await,
            _ => by(selector_text(at(found, "spec.selector"))).await,
        }
    }

    /// Owners from the nearest to the topmost.
    pub(crate) async fn owners(&self, found: &Value) -> Vec<Value> {
        let mut owners: Vec<Value> = Vec::new();
        let namespace = object::namespace(found).map(str::to_owned);
        let Ok(catalog) = self.catalog().await else { return owners };
        for _ in 0..LINKS {
            let below = owners.last().unwrap_or(found);
            let references = items(below, "metadata.ownerReferences");
            let reference =
                references.iter().find(|owner| owner["controller"] == true).or_else(|| references.first());
            let Some(reference) = reference else { break };
            let (kind, name) = (text(reference, "kind"), text(reference, "name"));
            let Some(resource) = catalog.by_kind(text(reference, "apiVersion"), kind) else { break };
            let place = namespace.as_deref().filter(|_| resource.scope == Scope::Namespaced);
            let Ok(owner) = self.object(resource, place, name).await else {
                // What cannot be read is still an owner: a dangling one tells something.
                owners.push(serde_json::json!({"kind": kind,
                    "metadata": {"name": name, "namespace": namespace}, "unread": true}));
                break;
            };
            owners.push(owner);
        }
        owners
    }
}

fn label_pairs(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A `LabelSelector` in the words of a query; empty for none, so that nothing selects everything by mistake.
pub(crate) fn selector_text(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return String::new() };
    let mut parts = vec![label_pairs(&pairs(selector, "matchLabels"))];
    for expression in items(selector, "matchExpressions") {
        let key = text(expression, "key");
        let values: Vec<&str> = items(expression, "values").iter().filter_map(Value::as_str).collect();
        parts.push(match text(expression, "operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => String::new(),
        });
    }
    parts.retain(|part| !part.is_empty());
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn selectors_become_query_words() {
        let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]});
        assert_eq!(selector_text(Some(&selector)), "app=web,tier in (a,b),!old");
        assert_eq!(selector_text(None), "");
        assert_eq!(selector_text(Some(&json!({}))), "");
    }
}
