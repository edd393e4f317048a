//! `k8s_changes`: what changed, and when.
//!
//! An API server keeps no history, but it leaves traces: old ReplicaSets and ControllerRevisions hold earlier
//! templates, `managedFields` say who set which field when, events tell of scaling, conditions and taints carry times.

mod traces;

use super::TOOLSET;
use super::related::revision;
use super::target::{lenient, namespace, since};
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::{Listing, ManagedFields};
use crate::object::{self, name, text, time};
use crate::show::age;
use crate::show::column::event_time;
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};
use traces::{differences, lifecycle, managed, node};

/// Looks for changes.
pub(crate) struct Changes(pub(crate) Cluster);

const SHOWN: usize = 60;
/// Further objects named in a line that tells of several.
const NAMED: usize = 11;
/// Seconds between objects that were created together.
const TOGETHER: i64 = 10;
const MOST: usize = 20_000;
/// Differences told of one rollout, fields told of one edit.
const DIFFERENCES: usize = 8;
const FIELDS: usize = 5;
const VALUE: usize = 120;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// e.g. 2h; default all
    #[serde(default)]
    since: Option<String>,
    /// Only this, kind/name or part of a name
    #[serde(default, alias = "name")]
    object: Option<String>,
    /// Default 60
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// When.
    #[schemars(with = "String")]
    at: Timestamp,
    /// What changed.
    object: ObjectRef,
    /// How: `rollout`, `scale`, `edit`, `created`, `deleting`, `condition`, `taint`.
    how: How,
    /// In words, one line each.
    details: Vec<String>,
}

/// Kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum How {
    Rollout,
    Scale,
    Edit,
    Created,
    Deleting,
    Condition,
    Taint,
    Event,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Scale => "scale",
            Self::Edit => "edit",
            Self::Created => "created",
            Self::Deleting => "deleting",
            Self::Condition => "condition",
            Self::Taint => "taint",
            Self::Event => "event",
        }
    }
}

/// Changes, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    namespace: Option<String>,
    changes: Vec<Change>,
    #[serde(skip)]
    now: Timestamp,
    #[serde(skip)]
    coverage: Coverage,
}

/// Kinds whose edits matter: configuration, policy, exposure, scale. Group, plural, kind, scope.
const WATCHED: [(&str, &str, &str, &str, Scope); 17] = [
    ("apps", "v1", "deployments", "Deployment", Scope::Namespaced),
    ("apps", "v1", "statefulsets", "StatefulSet", Scope::Namespaced),
    ("apps", "v1", "daemonsets", "DaemonSet", Scope::Namespaced),
    ("", "v1", "configmaps", "ConfigMap", Scope::Namespaced),
    ("", "v1", "secrets", "Secret", Scope::Namespaced),
    ("", "v1", "services", "Service", Scope::Namespaced),
    ("", "v1", "resourcequotas", "ResourceQuota", Scope::Namespaced),
    ("", "v1", "limitranges", "LimitRange", Scope::Namespaced),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Scope::Namespaced),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", Scope::Namespaced),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", Scope::Namespaced),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Scope::Namespaced),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Scope::Namespaced),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", Scope::Namespaced),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", Scope::Namespaced),
    ("batch", "v1", "cronjobs", "CronJob", Scope::Namespaced),
    ("", "v1", "nodes", "Node", Scope::Cluster),
];

/// Event reasons that tell of a change and are not told otherwise.
const EVENTS: [&str; 12] = [
    "ScalingReplicaSet",
    "SuccessfulRescale",
    "NodeNotReady",
    "NodeReady",
    "NodeSchedulable",
    "NodeNotSchedulable",
    "Evicted",
    "Preempted",
    "DeploymentRollback",
    "SuccessfulDelete",
    "Killing",
    "Rebooted",
];

#[async_trait]
impl TypedTool for Changes {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_changes";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "What changed and when: rollouts with diffs, scaling, config and policy edits, nodes; newest first.";

    fn rbac(&self) -> Vec<RbacRule> {
        let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, _, plural, _, _) in WATCHED {
            if plural != "secrets" {
                by_group.entry(group).or_default().push(plural);
            }
        }
        by_group.entry("").or_default().push("events");
        by_group.entry("apps").or_default().extend(["replicasets", "controllerrevisions"]);
        by_group.iter().map(|(group, plurals)| RbacRule::read(group, plurals)).collect()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let place = namespace(input.namespace.as_deref(), context);
        let from = since(input.since.as_deref(), context.now)?;
        let place_ref = place.as_deref();
        let edits = futures::future::join_all(WATCHED.iter().map(|(group, version, plural, kind, scope)| {
            let resource = Resource::known(group, version, plural, kind, *scope);
            async move { self.edits(&resource, place_ref).await }
        }));
        let (edits, rollouts, revisions, events) = futures::join!(
            edits,
            self.rollouts(place_ref),
            self.revisions(place_ref),
            self.events(place_ref)
        );
        let mut changes = Vec::new();
        let mut coverage = Coverage::default();
        for part in edits.into_iter().chain([rollouts, revisions, events]) {
            let (found, missing) = part?;
            changes.extend(found);
            coverage.missing.extend(missing);
        }
        let wanted = input
            .object
            .as_deref()
            .map(|words| words.rsplit(['/', ' ']).next().unwrap_or(words).trim().to_lowercase());
        changes.retain(|change: &Change| {
            from.is_none_or(|from| change.at >= from)
                && wanted.as_ref().is_none_or(|wanted| change.object.name.to_lowercase().contains(wanted))
        });
        changes.sort_by(|one, other| {
            (other.at, &one.object, one.how, &one.details).cmp(&(
                one.at,
                &other.object,
                other.how,
                &other.details,
            ))
        });
        changes.dedup();
        let most = input.limit.map_or(SHOWN, |limit| (limit as usize).clamp(1, 500));
        if changes.len() > most {
            coverage.truncated.push(format!("{} older changes", changes.len() - most));
            changes.truncate(most);
        }
        coverage.missing.sort();
        coverage.missing.dedup();
        Ok(Output { namespace: place, changes, now: context.now, coverage })
    }
}

type Part = Result<(Vec<Change>, Option<String>), ClusterError>;

impl Changes {
    async fn read(
        &self,
        listing: &Listing<'_>,
        visit: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Option<String>, ClusterError> {
        let listing = Listing { most: Some(MOST), ..listing.clone() };
        let read = self
            .0
            .list_each(&listing, &mut |item| {
                visit(item);
                Ok(())
            })
            .await;
        match read {
            Ok(listed) if listed.next.is_some() => {
                Ok(Some(format!("{}: only the first {} were read", listing.resource.spoken(), listed.items)))
            }
            Ok(_) | Err(ClusterError::NotServed { .. }) => Ok(None),
            Err(error) if error.is_fatal() => Err(error),
            // Metadata of Secrets is often not granted, and seldom missed.
            Err(ClusterError::Forbidden { .. }) if listing.resource.is_secret() => Ok(None),
            Err(error) => Ok(Some(format!("{}: {}", listing.resource.spoken(), error.brief()))),
        }
    }

    async fn edits(&self, resource: &Resource, place: Option<&str>) -> Part {
        let mut changes = Vec::new();
        let place = place.filter(|_| resource.scope == Scope::Namespaced);
        let listing = Listing { managed_fields: ManagedFields::Keep, ..Listing::of(resource, place) };
        let missing = self
            .read(&listing, &mut |item| {
                // The machinery's own bookkeeping, renewed all the time.
                if name(&item) == "kube-root-ca.crt" {
                    return;
                }
                changes.extend(lifecycle(&item));
                changes.extend(managed(&item));
                if resource.kind == "Node" {
                    changes.extend(node(&item));
                }
            })
            .await?;
        Ok((changes, missing))
    }

    async fn rollouts(&self, place: Option<&str>) -> Part {
        let resource = Resource::known("apps", "v1", "replicasets", "ReplicaSet", Scope::Namespaced);
        let mut sets: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        let missing = self
            .read(&Listing::of(&resource, place), &mut |set| {
                if let Some(("Deployment", owner)) = object::owner(&set) {
                    let key = (object::namespace(&set).unwrap_or_default().to_owned(), owner.to_owned());
                    sets.entry(key).or_default().push(set);
                }
            })
            .await?;
        let mut changes = Vec::new();
        for ((namespace, deployment), mut sets) in sets {
            sets.sort_by_key(revision);
            for pair in sets.windows(2) {
                let [old, new] = pair else { continue };
                let template = |set: &Value| object::at(set, "spec.template").cloned().unwrap_or_default();
                let mut details = vec![format!("revision {} -> {}", revision(old), revision(new))];
                details.extend(differences(&template(old), &template(new)));
                // A rollback takes an old ReplicaSet again: its creation is not when it happened.
                let Some(at) = time(new, "metadata.creationTimestamp") else { continue };
                changes.push(Change {
                    at,
                    object: ObjectRef::namespaced("Deployment", &namespace, &deployment),
                    how: How::Rollout,
                    details,
                });
            }
        }
        Ok((changes, missing))
    }

    async fn revisions(&self, place: Option<&str>) -> Part {
        let resource =
            Resource::known("apps", "v1", "controllerrevisions", "ControllerRevision", Scope::Namespaced);
        let mut all: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
        let missing = self
            .read(&Listing::of(&resource, place), &mut |item| {
                if let Some((kind, owner)) = object::owner(&item) {
                    let place = object::namespace(&item).unwrap_or_default().to_owned();
                    all.entry((place, kind.to_owned(), owner.to_owned())).or_default().push(item);
                }
            })
            .await?;
        let mut changes = Vec::new();
        for ((namespace, kind, owner), mut revisions) in all {
            let number = |item: &Value| object::number(item, "revision").unwrap_or_default();
            revisions.sort_by_key(number);
            for pair in revisions.windows(2) {
                let [old, new] = pair else { continue };
                let Some(at) = time(new, "metadata.creationTimestamp") else { continue };
                let template =
                    |item: &Value| object::at(item, "data.spec.template").cloned().unwrap_or_default();
                let mut details = vec![format!("revision {} -> {}", number(old), number(new))];
                details.extend(differences(&template(old), &template(new)));
                let object = ObjectRef::namespaced(&kind, &namespace, &owner);
                changes.push(Change { at, object, how: How::Rollout, details });
            }
        }
        Ok((changes, missing))
    }

    async fn events(&self, place: Option<&str>) -> Part {
        let resource = super::events::resource();
        let mut changes = Vec::new();
        let missing = self
            .read(&Listing::of(&resource, place), &mut |event| {
                let reason = text(&event, "reason");
                if !EVENTS.contains(&reason) {
                    return;
                }
                let Some(at) = event_time(&event) else { return };
                let how = if matches!(reason, "ScalingReplicaSet" | "SuccessfulRescale") {
                    How::Scale
                } else {
                    How::Event
                };
                let involved = &event["involvedObject"];
                let namespace = Some(text(involved, "namespace")).filter(|name| !name.is_empty());
                changes.push(Change {
                    at,
                    object: ObjectRef {
                        kind: text(involved, "kind").to_owned(),
                        namespace: namespace.map(str::to_owned),
                        name: text(involved, "name").to_owned(),
                    },
                    how,
                    details: vec![format!("{reason}: {}", text(&event, "message").trim())],
                });
            })
            .await?;
        Ok((changes, missing))
    }
}

/// Runs of objects of one kind and namespace that were created together: one line tells of them all.
fn together(changes: &[Change]) -> impl Iterator<Item = &[Change]> {
    changes.chunk_by(|one, other| {
        one.how == How::Created
            && other.how == How::Created
            && one.object.kind == other.object.kind
            && one.object.namespace == other.object.namespace
            && one.at.as_second() - other.at.as_second() <= TOGETHER
    })
}

impl Present for Output {
    fn text(&self) -> String {
        if self.changes.is_empty() {
            return "no changes found in what the API server still knows\n".to_owned();
        }
        let mut out = String::new();
        for group in together(&self.changes) {
            let [change, others @ ..] = group else { continue };
            let object = match (&self.namespace, &change.object.namespace) {
                (Some(_), _) | (_, None) => format!("{}/{}", change.object.kind, change.object.name),
                (None, Some(place)) => format!("{}/{place}/{}", change.object.kind, change.object.name),
            };
            out.push_str(&format!("{} ago {} {object}", age(self.now, change.at), change.how.word()));
            match change.details.as_slice() {
                [] => {
                    for other in others.iter().take(NAMED) {
                        out.push_str(&format!(", {}", other.object.name));
                    }
                    if others.len() > NAMED {
                        out.push_str(&format!(", +{} more", others.len() - NAMED));
                    }
                }
                [one] => out.push_str(&format!(" {one}")),
                [first, rest @ ..] => {
                    out.push_str(&format!(" {first}"));
                    for line in rest {
                        out.push_str(&format!("\n  {line}"));
                    }
                }
            }
            out.push('\n');
        }
        out
    }

    fn summary(&self) -> String {
        crate::show::table::count(self.changes.len(), "change")
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
