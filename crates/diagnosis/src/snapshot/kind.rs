//! The kinds a snapshot lists.

/// A Kubernetes kind that the detectors read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "upstream's own kind names")]
pub enum Kind {
    Pod,
    Node,
    Namespace,
    Service,
    EndpointSlice,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    /// Only the names of the keys are kept.
    ConfigMap,
    /// Listed as `PartialObjectMetadata`: a Secret's data never leaves the API server.
    Secret,
    ServiceAccount,
    ResourceQuota,
    LimitRange,
    NetworkPolicy,
    Ingress,
    Event,
    /// The node heartbeats in `kube-node-lease`; others are ignored.
    Lease,
    PriorityClass,
}

struct Resource {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    scope: Scope,
    need: Need,
}

#[derive(PartialEq)]
enum Scope {
    Cluster,
    Namespaced,
}

#[derive(PartialEq)]
enum Need {
    Required,
    Optional,
}

const fn namespaced(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    need: Need,
) -> Resource {
    Resource { group, version, plural, kind, scope: Scope::Namespaced, need }
}

const fn cluster(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    need: Need,
) -> Resource {
    Resource { group, version, plural, kind, scope: Scope::Cluster, need }
}

impl Kind {
    /// Every kind, in the order in which they are worth listing.
    pub const ALL: &[Self] = &[
        Self::Pod,
        Self::Node,
        Self::Namespace,
        Self::Service,
        Self::EndpointSlice,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
        Self::PersistentVolumeClaim,
        Self::PersistentVolume,
        Self::StorageClass,
        Self::ConfigMap,
        Self::Secret,
        Self::ServiceAccount,
        Self::ResourceQuota,
        Self::LimitRange,
        Self::NetworkPolicy,
        Self::Ingress,
        Self::Event,
        Self::Lease,
        Self::PriorityClass,
    ];

    const fn resource(self) -> Resource {
        use Need::{Optional, Required};
        match self {
            Self::Pod => namespaced("", "v1", "pods", "Pod", Required),
            Self::Node => cluster("", "v1", "nodes", "Node", Required),
            Self::Namespace => cluster("", "v1", "namespaces", "Namespace", Required),
            Self::Service => namespaced("", "v1", "services", "Service", Required),
            Self::EndpointSlice => {
                namespaced("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Required)
            }
            Self::Deployment => namespaced("apps", "v1", "deployments", "Deployment", Required),
            Self::ReplicaSet => namespaced("apps", "v1", "replicasets", "ReplicaSet", Required),
            Self::StatefulSet => namespaced("apps", "v1", "statefulsets", "StatefulSet", Required),
            Self::DaemonSet => namespaced("apps", "v1", "daemonsets", "DaemonSet", Required),
            Self::Job => namespaced("batch", "v1", "jobs", "Job", Optional),
            Self::CronJob => namespaced("batch", "v1", "cronjobs", "CronJob", Optional),
            Self::HorizontalPodAutoscaler => namespaced(
                "autoscaling",
                "v2",
                "horizontalpodautoscalers",
                "HorizontalPodAutoscaler",
                Optional,
            ),
            Self::PodDisruptionBudget => {
                namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Optional)
            }
            Self::PersistentVolumeClaim => {
                namespaced("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Required)
            }
            Self::PersistentVolume => cluster("", "v1", "persistentvolumes", "PersistentVolume", Required),
            Self::StorageClass => cluster("storage.k8s.io", "v1", "storageclasses", "StorageClass", Required),
            Self::ConfigMap => namespaced("", "v1", "configmaps", "ConfigMap", Optional),
            Self::Secret => namespaced("", "v1", "secrets", "Secret", Optional),
            Self::ServiceAccount => namespaced("", "v1", "serviceaccounts", "ServiceAccount", Optional),
            Self::ResourceQuota => namespaced("", "v1", "resourcequotas", "ResourceQuota", Required),
            Self::LimitRange => namespaced("", "v1", "limitranges", "LimitRange", Optional),
            Self::NetworkPolicy => {
                namespaced("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", Optional)
            }
            Self::Ingress => namespaced("networking.k8s.io", "v1", "ingresses", "Ingress", Optional),
            Self::Event => namespaced("", "v1", "events", "Event", Required),
            Self::Lease => namespaced("coordination.k8s.io", "v1", "leases", "Lease", Optional),
            Self::PriorityClass => {
                cluster("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", Optional)
            }
        }
    }

    /// API group, empty for the core group.
    pub const fn group(self) -> &'static str {
        self.resource().group
    }

    /// API version.
    pub const fn version(self) -> &'static str {
        self.resource().version
    }

    /// Plural resource name, as in URLs and RBAC rules.
    pub const fn plural(self) -> &'static str {
        self.resource().plural
    }

    /// CamelCase kind.
    pub const fn kind(self) -> &'static str {
        self.resource().kind
    }

    /// Whether objects live in a namespace.
    pub fn namespaced(self) -> bool {
        self.resource().scope == Scope::Namespaced
    }

    /// Whether a diagnosis is still complete enough when this kind may not be read.
    pub fn optional(self) -> bool {
        self.resource().need == Need::Optional
    }

    /// The namespace outside of which objects of this kind say nothing to a detector.
    pub const fn only_in(self) -> Option<&'static str> {
        match self {
            Self::Lease => Some("kube-node-lease"),
            _ => None,
        }
    }

    /// The kind with this CamelCase name.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.kind() == kind)
    }
}
