//! The index over a bundle that requests are answered from. It holds no expectation: what isn't here can't leak.

use super::resources::{ResourceType, Scope, builtin, version_order};
use super::{events, version};
use crate::bundle::{Access, Bundle, NodeLogs, Object, PodLogs};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A resource with its recorded objects, sorted by namespace and name.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) kind: ResourceType,
    pub(crate) objects: Vec<Arc<Object>>,
}

impl Resource {
    /// The recorded objects of one namespace, or all.
    pub(crate) fn in_namespace(&self, namespace: Option<&str>) -> &[Arc<Object>] {
        let Some(namespace) = namespace else { return &self.objects };
        let start = self.objects.partition_point(|o| o.namespace.as_deref() < Some(namespace));
        let end = self.objects.partition_point(|o| o.namespace.as_deref() <= Some(namespace));
        self.objects.get(start..end).unwrap_or_default()
    }

    pub(crate) fn get(&self, namespace: Option<&str>, name: &str) -> Option<&Arc<Object>> {
        let key = (namespace, name);
        let found = self.objects.binary_search_by(|o| (o.namespace.as_deref(), o.name.as_str()).cmp(&key));
        found.ok().and_then(|at| self.objects.get(at))
    }
}

/// An API group and its versions, the preferred one first.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
}

/// Objects by group and kind, then by version.
type ByKind = BTreeMap<(String, String), BTreeMap<String, Vec<Arc<Object>>>>;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) resources: Vec<Resource>,
    index: HashMap<(String, String, String), usize>,
    pub(crate) groups: Vec<Group>,
    pub(crate) pod_logs: Arc<PodLogs>,
    pub(crate) node_logs: Arc<NodeLogs>,
    pub(crate) access: Access,
    pub(crate) captured_at: Timestamp,
    /// The one resourceVersion of every list: the capture's second.
    pub(crate) resource_version: String,
    pub(crate) version: Value,
    /// Pages after which continue tokens expire; for tests of clients.
    pub(crate) continue_expires: Option<usize>,
    /// The recorded metrics, where a Service's proxy leads to them.
    pub(crate) metrics: Option<axum::Router>,
}

impl Store {
    pub(crate) fn new(bundle: &Bundle) -> Self {
        let mut by_kind: ByKind = BTreeMap::new();
        for object in bundle.objects() {
            let versions = by_kind.entry((object.group.clone(), object.kind.clone())).or_default();
            versions.entry(object.version.clone()).or_default().push(Arc::clone(object));
        }
        let new_events = by_kind.get(&("events.k8s.io".to_owned(), "Event".to_owned()));
        if let Some(new) = new_events.map(|versions| versions.values().flatten().cloned().collect::<Vec<_>>())
        {
            let core = by_kind.entry((String::new(), "Event".to_owned())).or_default();
            let recorded = core.remove("v1").unwrap_or_default();
            core.insert("v1".to_owned(), events::with_new_api(recorded, &new));
        }
        let mut resources = Vec::new();
        for kind in known_kinds(bundle) {
            let Some(versions) = by_kind.get_mut(&(kind.group.clone(), kind.kind.clone())) else {
                resources.push(Resource { kind, objects: Vec::new() });
                continue;
            };
            if let Some(objects) = versions.remove(&kind.version) {
                resources.push(Resource { kind, objects });
            } else if !versions.is_empty() {
                // Recorded in other versions only: clients that pick the preferred one must find the objects.
                for (version, objects) in std::mem::take(versions) {
                    let kind = ResourceType { version, ..kind.clone() };
                    resources.push(Resource { kind, objects });
                }
            }
        }
        for ((group, kind), versions) in by_kind {
            for (version, objects) in versions {
                let cluster = objects.iter().all(|o| o.namespace.is_none());
                let scope = if cluster { Scope::Cluster } else { Scope::Namespaced };
                let kind = ResourceType::inferred(&group, &version, &kind, scope);
                resources.push(Resource { kind, objects });
            }
        }
        let groups = groups(&resources);
        let index = resources
            .iter()
            .enumerate()
            .map(|(at, r)| ((r.kind.group.clone(), r.kind.version.clone(), r.kind.plural.clone()), at))
            .collect();
        let mut store = Self {
            resources,
            index,
            groups,
            pod_logs: Arc::clone(bundle.pod_logs()),
            node_logs: Arc::clone(bundle.node_logs()),
            access: bundle.access().clone(),
            captured_at: bundle.captured_at(),
            resource_version: bundle.captured_at().as_second().max(1).to_string(),
            version: Value::Null,
            continue_expires: None,
            metrics: None,
        };
        store.version = version::of(bundle.version(), store.resource("", "v1", "nodes"));
        store
    }

    /// A copy that shares the recorded objects.
    pub(crate) fn shared_copy(&self) -> Self {
        Self {
            resources: self
                .resources
                .iter()
                .map(|r| Resource { kind: r.kind.clone(), objects: r.objects.clone() })
                .collect(),
            index: self.index.clone(),
            groups: self
                .groups
                .iter()
                .map(|g| Group { name: g.name.clone(), versions: g.versions.clone() })
                .collect(),
            pod_logs: Arc::clone(&self.pod_logs),
            node_logs: Arc::clone(&self.node_logs),
            access: self.access.clone(),
            captured_at: self.captured_at,
            resource_version: self.resource_version.clone(),
            version: self.version.clone(),
            continue_expires: self.continue_expires,
            metrics: self.metrics.clone(),
        }
    }

    pub(crate) fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        let key = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.index.get(&key).and_then(|at| self.resources.get(*at))
    }

    /// The resources of one group and version, in discovery order.
    pub(crate) fn of_version(&self, group: &str, version: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |r| r.kind.group == group && r.kind.version == version)
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// The built-in kinds, then those of recorded definitions: where objects of a defined kind were recorded, only in
/// the versions they were recorded in.
fn known_kinds(bundle: &Bundle) -> Vec<ResourceType> {
    let mut recorded: HashMap<(&str, &str), BTreeSet<&str>> = HashMap::new();
    for object in bundle.objects() {
        recorded.entry((&object.group, &object.kind)).or_default().insert(&object.version);
    }
    let mut kinds = builtin();
    let definitions = bundle
        .objects()
        .iter()
        .filter(|o| o.kind == "CustomResourceDefinition" && o.group == "apiextensions.k8s.io");
    for definition in definitions {
        for kind in ResourceType::of_definition(&definition.value()) {
            let known = kinds.iter().any(|k| {
                k.group == kind.group
                    && k.version == kind.version
                    && (k.kind == kind.kind || k.plural == kind.plural)
            });
            let versions = recorded.get(&(kind.group.as_str(), kind.kind.as_str()));
            if !known && versions.is_none_or(|versions| versions.contains(kind.version.as_str())) {
                kinds.push(kind);
            }
        }
    }
    kinds
}

fn groups(resources: &[Resource]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for resource in resources {
        let kind = &resource.kind;
        match groups.iter_mut().find(|g| g.name == kind.group) {
            Some(group) if group.versions.contains(&kind.version) => {}
            Some(group) => group.versions.push(kind.version.clone()),
            None => groups.push(Group { name: kind.group.clone(), versions: vec![kind.version.clone()] }),
        }
    }
    for group in &mut groups {
        group.versions.sort_by_key(|version| version_order(version));
    }
    groups
}
