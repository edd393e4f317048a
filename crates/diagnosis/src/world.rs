//! The snapshot with everything detectors look up, indexed once.

use crate::logs::Run;
use crate::snapshot::{
    ConfigMap, EndpointSlice, Event, Kind, LabelSelector, Labels, Lease, LogExcerpt, LogSource, Meta, Node,
    PersistentVolume, PersistentVolumeClaim, Pod, PodTemplate, ReplicaSet, Service, Snapshot, StorageClass,
};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use stethoscope_core::object::ObjectRef;

/// Kind, namespace, name.
type Key<'a> = (&'a str, &'a str, &'a str);

/// Members by key. The position is looked up apart from the members, so that what is returned does not borrow from the
/// key that was asked with.
struct Groups<K, T> {
    at: HashMap<K, usize>,
    members: Vec<Vec<T>>,
}

impl<K: std::hash::Hash + Eq, T> Groups<K, T> {
    fn new() -> Self {
        Self { at: HashMap::new(), members: Vec::new() }
    }

    fn push(&mut self, key: K, member: T) {
        let next = self.members.len();
        let at = *self.at.entry(key).or_insert(next);
        if at == next {
            self.members.push(Vec::new());
        }
        self.members[at].push(member);
    }
}

/// A snapshot, indexed. Lookups are by hash; nothing here is quadratic in pods.
pub(crate) struct World<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// The snapshot's moment.
    pub(crate) now: Timestamp,
    /// Deployments, StatefulSets, DaemonSets, bare ReplicaSets and Jobs.
    pub(crate) workloads: Vec<Workload<'a>>,
    workload_at: HashMap<Key<'a>, usize>,
    workloads_by_namespace: HashMap<&'a str, Vec<Workload<'a>>>,
    volumes: HashMap<&'a str, &'a PersistentVolume>,
    heartbeats: HashMap<&'a str, &'a Lease>,
    pods_by_root: HashMap<ObjectRef, Vec<&'a Pod>>,
    pods_by_label: HashMap<Key<'a>, Vec<&'a Pod>>,
    pods_by_namespace: HashMap<&'a str, Vec<&'a Pod>>,
    pods_by_node: HashMap<&'a str, Vec<&'a Pod>>,
    pods_by_name: HashMap<(&'a str, &'a str), &'a Pod>,
    replica_sets: HashMap<(&'a str, &'a str), &'a ReplicaSet>,
    replica_sets_by_owner: Groups<Key<'a>, &'a ReplicaSet>,
    job_owner: HashMap<(&'a str, &'a str), &'a str>,
    events: Groups<Key<'a>, &'a Event>,
    services: HashMap<(&'a str, &'a str), &'a Service>,
    services_by_namespace: HashMap<&'a str, Vec<&'a Service>>,
    slices: Groups<(&'a str, &'a str), &'a EndpointSlice>,
    nodes: HashMap<&'a str, &'a Node>,
    claims: HashMap<(&'a str, &'a str), &'a PersistentVolumeClaim>,
    config_maps: HashMap<(&'a str, &'a str), &'a ConfigMap>,
    secrets: HashSet<(&'a str, &'a str)>,
    service_accounts: HashSet<(&'a str, &'a str)>,
    namespaces: HashMap<&'a str, &'a Meta>,
    classes: HashMap<&'a str, &'a StorageClass>,
    logs: HashMap<&'a LogSource, &'a LogExcerpt>,
}

/// What workloads of all kinds have in common.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) kind: &'static str,
    pub(crate) meta: &'a Meta,
    pub(crate) template: &'a PodTemplate,
    /// Wanted pods.
    pub(crate) wanted: i64,
    /// Ready pods.
    pub(crate) ready: i64,
    /// Pods there are.
    pub(crate) present: i64,
}

impl Workload<'_> {
    pub(crate) fn reference(&self) -> ObjectRef {
        ObjectRef::namespaced(self.kind, &self.meta.namespace, &self.meta.name)
    }

    /// Whether fewer pods are ready than wanted.
    pub(crate) const fn short(&self) -> bool {
        self.ready < self.wanted
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let mut world = Self {
            snapshot,
            now: moment(snapshot),
            workloads: Vec::new(),
            workload_at: HashMap::new(),
            workloads_by_namespace: HashMap::new(),
            volumes: snapshot.volumes.iter().map(|volume| (volume.metadata.name.as_str(), volume)).collect(),
            heartbeats: snapshot
                .leases
                .iter()
                .filter(|lease| lease.metadata.namespace == "kube-node-lease")
                .map(|lease| (lease.metadata.name.as_str(), lease))
                .collect(),
            pods_by_root: HashMap::new(),
            pods_by_label: HashMap::new(),
            pods_by_namespace: HashMap::new(),
            pods_by_node: HashMap::new(),
            pods_by_name: HashMap::with_capacity(snapshot.pods.len()),
            replica_sets: snapshot.replica_sets.iter().map(|set| (name(&set.metadata), set)).collect(),
            replica_sets_by_owner: Groups::new(),
            job_owner: HashMap::new(),
            events: Groups::new(),
            services: snapshot.services.iter().map(|service| (name(&service.metadata), service)).collect(),
            services_by_namespace: HashMap::new(),
            slices: Groups::new(),
            nodes: snapshot.nodes.iter().map(|node| (node.metadata.name.as_str(), node)).collect(),
            claims: snapshot.claims.iter().map(|claim| (name(&claim.metadata), claim)).collect(),
            config_maps: snapshot.config_maps.iter().map(|map| (name(&map.metadata), map)).collect(),
            secrets: snapshot.secrets.iter().map(|secret| name(&secret.metadata)).collect(),
            service_accounts: snapshot
                .service_accounts
                .iter()
                .map(|account| name(&account.metadata))
                .collect(),
            namespaces: snapshot
                .namespaces
                .iter()
                .map(|ns| (ns.metadata.name.as_str(), &ns.metadata))
                .collect(),
            classes: snapshot
                .storage_classes
                .iter()
                .map(|class| (class.metadata.name.as_str(), class))
                .collect(),
            logs: snapshot.logs.iter().map(|log| (&log.source, log)).collect(),
        };
        world.index_owners();
        world.index_pods();
        world.index_workloads();
        world.index_network();
        world.index_events();
        world
    }

    fn index_owners(&mut self) {
        for set in &self.snapshot.replica_sets {
            if let Some(owner) = set.metadata.controller() {
                let key = (owner.kind.as_str(), set.metadata.namespace.as_str(), owner.name.as_str());
                self.replica_sets_by_owner.push(key, set);
            }
        }
        for job in &self.snapshot.jobs {
            if let Some(owner) = job.metadata.controller() {
                self.job_owner.insert(name(&job.metadata), &owner.name);
            }
        }
    }

    fn index_pods(&mut self) {
        for pod in &self.snapshot.pods {
            let namespace = pod.metadata.namespace.as_str();
            self.pods_by_name.insert(name(&pod.metadata), pod);
            self.pods_by_namespace.entry(namespace).or_default().push(pod);
            for (label, value) in pod.metadata.labels.iter() {
                self.pods_by_label.entry((namespace, label, value)).or_default().push(pod);
            }
            if let Some(node) = pod.node() {
                self.pods_by_node.entry(node).or_default().push(pod);
            }
            let root = self.root(pod);
            self.pods_by_root.entry(root).or_default().push(pod);
        }
    }

    fn index_workloads(&mut self) {
        let snapshot = self.snapshot;
        let mut workloads = Vec::new();
        for it in &snapshot.deployments {
            workloads.push(replicated("Deployment", &it.metadata, &it.spec, &it.status));
        }
        for it in &snapshot.stateful_sets {
            workloads.push(replicated("StatefulSet", &it.metadata, &it.spec, &it.status));
        }
        for it in &snapshot.replica_sets {
            if it.metadata.controller().is_none() {
                workloads.push(replicated("ReplicaSet", &it.metadata, &it.spec, &it.status));
            }
        }
        for it in &snapshot.daemon_sets {
            workloads.push(Workload {
                kind: "DaemonSet",
                meta: &it.metadata,
                template: &it.spec.template,
                wanted: it.status.desired_number_scheduled,
                ready: it.status.number_ready,
                present: it.status.current_number_scheduled,
            });
        }
        for (at, workload) in workloads.iter().enumerate() {
            let key = (workload.kind, workload.meta.namespace.as_str(), workload.meta.name.as_str());
            self.workload_at.insert(key, at);
            self.workloads_by_namespace.entry(&workload.meta.namespace).or_default().push(*workload);
        }
        self.workloads = workloads;
    }

    fn index_network(&mut self) {
        for service in &self.snapshot.services {
            self.services_by_namespace.entry(&service.metadata.namespace).or_default().push(service);
        }
        for slice in &self.snapshot.endpoint_slices {
            if let Some(service) = slice.metadata.labels.text("kubernetes.io/service-name") {
                self.slices.push((&slice.metadata.namespace, service), slice);
            }
        }
    }

    fn index_events(&mut self) {
        for event in &self.snapshot.events {
            let about = &event.involved_object;
            // Events about cluster-scoped objects live in `default`; their object has no namespace.
            self.events.push((&about.kind, &about.namespace, &about.name), event);
        }
        for events in &mut self.events.members {
            events.sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
        }
    }

    /// The object a person mends to change this pod: its Deployment, StatefulSet, …, or the pod itself.
    pub(crate) fn root(&self, pod: &Pod) -> ObjectRef {
        let namespace = pod.metadata.namespace.as_str();
        let Some(owner) = pod.metadata.controller() else { return reference("Pod", &pod.metadata) };
        match owner.kind.as_str() {
            "Node" => reference("Pod", &pod.metadata),
            "ReplicaSet" => match self.replica_sets.get(&(namespace, owner.name.as_str())) {
                Some(set) => Self::root_of_set(set),
                None => ObjectRef::namespaced("ReplicaSet", namespace, &owner.name),
            },
            "Job" => match self.job_owner.get(&(namespace, owner.name.as_str())) {
                Some(cron) => ObjectRef::namespaced("CronJob", namespace, *cron),
                None => ObjectRef::namespaced("Job", namespace, &owner.name),
            },
            kind => ObjectRef::namespaced(kind, namespace, &owner.name),
        }
    }

    /// The workload of a ReplicaSet.
    fn root_of_set(set: &ReplicaSet) -> ObjectRef {
        set.metadata.controller().map_or_else(
            || reference("ReplicaSet", &set.metadata),
            |owner| ObjectRef::namespaced(&owner.kind, &set.metadata.namespace, &owner.name),
        )
    }

    pub(crate) fn workload(&self, object: &ObjectRef) -> Option<&Workload<'a>> {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let at = self.workload_at.get(&(object.kind.as_str(), namespace, object.name.as_str()))?;
        self.workloads.get(*at)
    }

    pub(crate) fn workloads_in(&self, namespace: &str) -> &[Workload<'a>] {
        self.workloads_by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn volume(&self, name: &str) -> Option<&'a PersistentVolume> {
        self.volumes.get(name).copied()
    }

    /// The node's heartbeat.
    pub(crate) fn heartbeat(&self, node: &str) -> Option<&'a Lease> {
        self.heartbeats.get(node).copied()
    }

    pub(crate) fn replica_sets_of(&self, workload: &Workload<'_>) -> &[&'a ReplicaSet] {
        let key = (workload.kind, workload.meta.namespace.as_str(), workload.meta.name.as_str());
        let at = self.replica_sets_by_owner.at.get(&key).copied();
        at.map_or(&[], |at| self.replica_sets_by_owner.members[at].as_slice())
    }

    pub(crate) fn pods_of(&self, workload: &ObjectRef) -> &[&'a Pod] {
        self.pods_by_root.get(workload).map_or(&[], Vec::as_slice)
    }

    /// Pods by workload, in the order of their names.
    pub(crate) fn groups(&self) -> Vec<(&ObjectRef, &[&'a Pod])> {
        let mut groups: Vec<_> =
            self.pods_by_root.iter().map(|(root, pods)| (root, pods.as_slice())).collect();
        groups.sort_by_key(|(root, _)| *root);
        groups
    }

    pub(crate) fn pods_in(&self, namespace: &str) -> &[&'a Pod] {
        self.pods_by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn pods_on(&self, node: &str) -> &[&'a Pod] {
        self.pods_by_node.get(node).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn pod(&self, namespace: &str, pod: &str) -> Option<&'a Pod> {
        self.pods_by_name.get(&(namespace, pod)).copied()
    }

    /// Pods of a namespace that an equality selector selects. An empty selector selects none, as for Services.
    pub(crate) fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&'a Pod> {
        let mut rarest: Option<&[&'a Pod]> = None;
        for (label, value) in selector.iter() {
            let pods: &[&'a Pod] =
                self.pods_by_label.get(&(namespace, label, &**value)).map_or(&[], Vec::as_slice);
            if rarest.is_none_or(|best| pods.len() < best.len()) {
                rarest = Some(pods);
            }
        }
        let matching = |pod: &&&'a Pod| pod.metadata.labels.carry(selector);
        rarest.unwrap_or_default().iter().filter(matching).copied().collect()
    }

    /// Pods of a namespace that a label selector selects; an empty one selects all.
    pub(crate) fn matching(&self, namespace: &str, selector: &LabelSelector) -> Vec<&'a Pod> {
        if selector.match_labels.is_empty() {
            return self
                .pods_in(namespace)
                .iter()
                .filter(|pod| selector.matches(&pod.metadata.labels))
                .copied()
                .collect();
        }
        let mut pods = self.selected(namespace, &selector.match_labels);
        pods.retain(|pod| selector.matches(&pod.metadata.labels));
        pods
    }

    /// Events about an object, newest first.
    pub(crate) fn events(&self, kind: &str, namespace: &str, name: &str) -> &[&'a Event] {
        let at = self.events.at.get(&(kind, namespace, name)).copied();
        at.map_or(&[], |at| self.events.members[at].as_slice())
    }

    pub(crate) fn pod_events(&self, pod: &Pod) -> &[&'a Event] {
        self.events("Pod", &pod.metadata.namespace, &pod.metadata.name)
    }

    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        self.services.get(&(namespace, name)).copied()
    }

    pub(crate) fn services_in(&self, namespace: &str) -> &[&'a Service] {
        self.services_by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Services that select the pods of a template or pod with these labels.
    pub(crate) fn services_of(&self, namespace: &str, labels: &Labels) -> Vec<&'a Service> {
        self.services_in(namespace)
            .iter()
            .filter(|service| !service.spec.selector.is_empty() && labels.carry(&service.spec.selector))
            .copied()
            .collect()
    }

    /// Whether the snapshot knows endpoints at all: without any slice, their absence proves nothing.
    pub(crate) fn knows_endpoints(&self) -> bool {
        !self.snapshot.endpoint_slices.is_empty()
    }

    pub(crate) fn slices(&self, service: &Service) -> &[&'a EndpointSlice] {
        let key = (service.metadata.namespace.as_str(), service.metadata.name.as_str());
        let at = self.slices.at.get(&key).copied();
        at.map_or(&[], |at| self.slices.members[at].as_slice())
    }

    /// Ready endpoints of a Service.
    pub(crate) fn ready_endpoints(&self, service: &Service) -> usize {
        self.slices(service)
            .iter()
            .flat_map(|slice| &slice.endpoints)
            .filter(|endpoint| endpoint.conditions.ready != Some(false))
            .count()
    }

    pub(crate) fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    pub(crate) fn claim(&self, namespace: &str, name: &str) -> Option<&'a PersistentVolumeClaim> {
        self.claims.get(&(namespace, name)).copied()
    }

    pub(crate) fn class(&self, name: &str) -> Option<&'a StorageClass> {
        self.classes.get(name).copied()
    }

    pub(crate) fn config_map(&self, namespace: &str, name: &str) -> Option<&'a ConfigMap> {
        self.config_maps.get(&(namespace, name)).copied()
    }

    pub(crate) fn has_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets.contains(&(namespace, name))
    }

    /// Whether the Secrets of a namespace were listed, so that the absence of one proves something.
    pub(crate) fn knows_secrets(&self, namespace: &str) -> bool {
        let here = |secret: &crate::snapshot::Secret| secret.metadata.namespace == namespace;
        self.snapshot.secrets.iter().any(here) && !self.snapshot.has_gap(Kind::Secret, namespace)
    }

    pub(crate) fn has_service_account(&self, namespace: &str, name: &str) -> bool {
        self.service_accounts.contains(&(namespace, name))
    }

    pub(crate) fn namespace_labels(&self, namespace: &str) -> Option<&'a Labels> {
        self.namespaces.get(namespace).map(|meta| &meta.labels)
    }

    pub(crate) fn log(&self, pod: &Pod, container: &str, run: Run) -> Option<&'a str> {
        let source = LogSource::Container {
            namespace: pod.metadata.namespace.clone(),
            pod: pod.metadata.name.clone(),
            container: container.to_owned(),
            previous: run == Run::Previous,
        };
        self.logs.get(&source).map(|log| log.text.as_str())
    }

    pub(crate) fn unit_log(&self, node: &str, unit: &str) -> Option<&'a str> {
        let source = LogSource::NodeUnit { node: node.to_owned(), unit: unit.to_owned() };
        self.logs.get(&source).map(|log| log.text.as_str())
    }

    /// Seconds since a moment; `None` stays `None`.
    pub(crate) fn age(&self, moment: Option<Timestamp>) -> Option<i64> {
        moment.map(|moment| self.now.as_second() - moment.as_second())
    }
}

fn replicated<'a>(
    kind: &'static str,
    meta: &'a Meta,
    spec: &'a crate::snapshot::WorkloadSpec,
    status: &crate::snapshot::WorkloadStatus,
) -> Workload<'a> {
    Workload {
        kind,
        meta,
        template: &spec.template,
        wanted: spec.wanted(),
        ready: status.ready_replicas,
        present: status.replicas,
    }
}

pub(crate) fn reference(kind: &str, meta: &Meta) -> ObjectRef {
    if meta.namespace.is_empty() {
        ObjectRef::cluster(kind, &meta.name)
    } else {
        ObjectRef::namespaced(kind, &meta.namespace, &meta.name)
    }
}

fn name(meta: &Meta) -> (&str, &str) {
    (&meta.namespace, &meta.name)
}

/// When the snapshot was taken, or else the newest time it mentions.
fn moment(snapshot: &Snapshot) -> Timestamp {
    let mentioned = || {
        let events = snapshot.events.iter().filter_map(Event::last_seen);
        let pods = snapshot.pods.iter().filter_map(|pod| pod.metadata.creation_timestamp);
        let heartbeats = snapshot
            .nodes
            .iter()
            .flat_map(|node| &node.status.conditions)
            .filter_map(|condition| condition.last_heartbeat_time);
        events.chain(pods).chain(heartbeats).max()
    };
    snapshot.taken_at.or_else(mentioned).unwrap_or(Timestamp::UNIX_EPOCH)
}
