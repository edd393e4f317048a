//! Whether two names mean the same object: by ownership in the recording, never by resemblance of names.

use crate::expected::SubjectPattern;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::object::ObjectRef;
use stethoscope_incidents::Bundle;

/// Owners above owners are not nested deeper than this: Pod, ReplicaSet, Deployment, and an operator's own two.
const DEEPEST: usize = 6;

/// How a named object relates to an expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectMatch {
    /// Another object.
    Different,
    /// One that stands for it: its owner, what it owns, the claim that it mounts, the quota of the namespace.
    Equivalent,
    /// The object itself.
    Exact,
}

/// Who owns whom and who mounts what, by lower-case kind.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Controller of each object.
    owners: BTreeMap<Key, Key>,
    /// Owners of the pods that mount a claim.
    mounted_by: BTreeMap<Key, BTreeSet<Key>>,
}

type Key = (String, String, String);

impl Owners {
    /// Reads the recording's owner references and mounted claims.
    pub fn of(bundle: &Bundle) -> Self {
        let mut owners = Self::default();
        for object in bundle.objects() {
            let value = object.value();
            let namespace = object.namespace.clone().unwrap_or_default();
            let this = key(&object.kind, &namespace, &object.name);
            let references =
                value["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
            let controller =
                references.iter().find(|owner| owner["controller"] == true).or(references.first());
            if let Some((kind, name)) =
                controller.and_then(|owner| Some((owner["kind"].as_str()?, owner["name"].as_str()?)))
            {
                owners.owners.insert(this.clone(), key(kind, &namespace, name));
            }
            for claim in claims(&value) {
                owners
                    .mounted_by
                    .entry(key("PersistentVolumeClaim", &namespace, claim))
                    .or_default()
                    .insert(this.clone());
            }
        }
        owners
    }

    /// The object and everything above it.
    fn chain(&self, of: &Key) -> Vec<Key> {
        let mut chain = vec![of.clone()];
        while let Some(owner) = chain.last().and_then(|last| self.owners.get(last)) {
            if chain.len() > DEEPEST || chain.contains(owner) {
                break;
            }
            chain.push(owner.clone());
        }
        chain
    }

    /// The outermost owner of an object, as far as it is recorded: `None` when it has none.
    pub(crate) fn top(&self, kind: &str, namespace: &str, name: &str) -> Option<(String, String)> {
        let chain = self.chain(&key(kind, namespace, name));
        chain.last().filter(|_| chain.len() > 1).map(|(kind, _, name)| (kind.clone(), name.clone()))
    }

    /// Compares a named object with an expected one. `namespace` is the question's: a foreign subject without a namespace
    /// lies there.
    pub fn compare(
        &self,
        said: &ObjectRef,
        expected: &SubjectPattern,
        namespace: Option<&str>,
    ) -> SubjectMatch {
        let said_namespace = said.namespace.as_deref().unwrap_or_default();
        let said_key = key(&said.kind, said_namespace, &said.name);
        let wanted_namespace =
            expected.namespace.as_deref().or(if expected.foreign { namespace } else { None });
        let cluster_scoped = said.namespace.is_none();
        let near = |found: &str| cluster_scoped || wanted_namespace.is_none_or(|wanted| wanted == found);
        let kinds: Vec<String> = expected.kinds.iter().map(|kind| kind.to_lowercase()).collect();
        let is = |key: &Key| kinds.contains(&key.0) && key.2 == expected.name && near(&key.1);
        if is(&said_key) {
            return SubjectMatch::Exact;
        }
        if self.stands_for(&said_key, &kinds, expected, &is) {
            SubjectMatch::Equivalent
        } else {
            SubjectMatch::Different
        }
    }

    fn stands_for(
        &self,
        said: &Key,
        kinds: &[String],
        expected: &SubjectPattern,
        is: &dyn Fn(&Key) -> bool,
    ) -> bool {
        // A pod for its Deployment, a Job for its CronJob.
        if self.chain(said).iter().any(is) {
            return true;
        }
        // A Deployment for its pod: the expected object's owners hold the named one.
        let mut candidates =
            kinds.iter().map(|kind| (kind.clone(), said.1.clone(), expected.name.clone())).filter(is);
        if candidates.any(|candidate| self.chain(&candidate).contains(said)) {
            return true;
        }
        // A claim for the workload that mounts it, and a quota for its namespace: only where the suite lists those kinds
        // among what its word stands for, or where the word is the namespace itself.
        let listed = kinds.contains(&said.0);
        match said.0.as_str() {
            "persistentvolumeclaim" if listed => self.mounted_by.get(said).is_some_and(|users| {
                users.iter().flat_map(|user| self.chain(user)).any(|user| user.2 == expected.name)
            }),
            "resourcequota" | "limitrange" if kinds.iter().any(|kind| kind == "namespace") => {
                said.1 == expected.name
            }
            _ => false,
        }
    }
}

fn key(kind: &str, namespace: &str, name: &str) -> Key {
    (kind.to_lowercase(), namespace.to_owned(), name.to_owned())
}

fn claims(object: &Value) -> Vec<&str> {
    let of_pod = object["spec"]["volumes"].is_array();
    let spec = if of_pod { &object["spec"] } else { &object["spec"]["template"]["spec"] };
    let volumes = spec["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
    volumes.iter().filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn world() -> Owners {
        let objects = r#"{"kind": "List", "apiVersion": "v1", "items": [
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1-a", "namespace": "shop",
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "controller": true}]},
                "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}},
            {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": {"name": "web-1", "namespace": "shop",
                "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]}}
        ]}"#;
        Owners::of(&Bundle::from_files("w", [("cluster-resources/all.json", objects)]).unwrap())
    }

    fn pattern(kinds: &[&str], namespace: Option<&str>, name: &str, foreign: bool) -> SubjectPattern {
        let kinds = kinds.iter().map(|&kind| kind.to_owned()).collect();
        SubjectPattern { kinds, namespace: namespace.map(str::to_owned), name: name.to_owned(), foreign }
    }

    #[test]
    fn a_pod_its_replica_set_and_its_deployment_are_one_subject() {
        let web = pattern(&["Deployment"], Some("shop"), "web", false);
        let found =
            |kind: &str, name: &str| world().compare(&ObjectRef::namespaced(kind, "shop", name), &web, None);
        assert_eq!(found("Deployment", "web"), SubjectMatch::Exact);
        assert_eq!(found("ReplicaSet", "web-1"), SubjectMatch::Equivalent);
        assert_eq!(found("Pod", "web-1-a"), SubjectMatch::Equivalent);
        assert_eq!(found("Pod", "web-1-b"), SubjectMatch::Different, "a name that only looks alike");
        assert_eq!(found("Service", "web"), SubjectMatch::Different, "an own expectation names the kind");
        let pod = pattern(&["Pod"], Some("shop"), "web-1-a", false);
        assert_eq!(
            world().compare(&ObjectRef::namespaced("Deployment", "shop", "web"), &pod, None),
            SubjectMatch::Equivalent
        );
    }

    #[test]
    fn a_foreign_app_is_the_service_of_that_name_in_the_questions_namespace() {
        let app = pattern(&["Deployment", "Service"], None, "web", true);
        let found = |namespace: &str| {
            world().compare(&ObjectRef::namespaced("Service", namespace, "web"), &app, Some("shop"))
        };
        assert_eq!((found("shop"), found("other")), (SubjectMatch::Exact, SubjectMatch::Different));
    }

    #[test]
    fn a_claim_stands_for_the_workload_only_where_the_suite_says_so() {
        let said = ObjectRef::namespaced("PersistentVolumeClaim", "shop", "data");
        let with = pattern(&["Deployment", "PersistentVolumeClaim"], None, "web", true);
        let without = pattern(&["Deployment"], None, "web", true);
        assert_eq!(world().compare(&said, &with, Some("shop")), SubjectMatch::Equivalent);
        assert_eq!(world().compare(&said, &without, Some("shop")), SubjectMatch::Different);
    }

    #[test]
    fn a_quota_stands_for_its_namespace_and_kinds_compare_without_case() {
        let shop = pattern(&["Namespace"], None, "shop", true);
        assert_eq!(
            world().compare(&ObjectRef::namespaced("ResourceQuota", "shop", "q"), &shop, Some("shop")),
            SubjectMatch::Equivalent
        );
        let node = pattern(&["node"], None, "n1", false);
        assert_eq!(
            world().compare(&ObjectRef::cluster("Node", "n1"), &node, Some("shop")),
            SubjectMatch::Exact
        );
    }
}
