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
    IngressClass,
    GatewayClass,
    Gateway,
    HTTPRoute,
    ReferenceGrant,
    Event,
    /// The node heartbeats in `kube-node-lease` and the leaders in `kube-system`; others are ignored.
    Lease,
    PriorityClass,
    ApiService,
    ValidatingWebhookConfiguration,
    MutatingWebhookConfiguration,
    /// Of cert-manager.
    Certificate,
}

/// Group of the Gateway API, which many clusters do not serve.
const GATEWAY: &str = "gateway.networking.k8s.io";

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
    /// Served only where somebody installed it.
    Installed,
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
        Self::IngressClass,
        Self::GatewayClass,
        Self::Gateway,
        Self::HTTPRoute,
        Self::ReferenceGrant,
        Self::Event,
        Self::Lease,
        Self::PriorityClass,
        Self::ApiService,
        Self::ValidatingWebhookConfiguration,
        Self::MutatingWebhookConfiguration,
        Self::Certificate,
    ];

    const fn resource(self) -> Resource {
        const ADMISSION: &str = "admissionregistration.k8s.io";
        use Need::{Installed, Optional, Required};
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
            Self::IngressClass => {
                cluster("networking.k8s.io", "v1", "ingressclasses", "IngressClass", Optional)
            }
            Self::GatewayClass => cluster(GATEWAY, "v1", "gatewayclasses", "GatewayClass", Installed),
            Self::Gateway => namespaced(GATEWAY, "v1", "gateways", "Gateway", Installed),
            Self::HTTPRoute => namespaced(GATEWAY, "v1", "httproutes", "HTTPRoute", Installed),
            Self::ReferenceGrant => {
                namespaced(GATEWAY, "v1beta1", "referencegrants", "ReferenceGrant", Installed)
            }
            Self::Event => namespaced("", "v1", "events", "Event", Required),
            Self::Lease => namespaced("coordination.k8s.io", "v1", "leases", "Lease", Optional),
            Self::PriorityClass => {
                cluster("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", Optional)
            }
            Self::ApiService => {
                cluster("apiregistration.k8s.io", "v1", "apiservices", "APIService", Optional)
            }
            Self::ValidatingWebhookConfiguration => cluster(
                ADMISSION,
                "v1",
                "validatingwebhookconfigurations",
                "ValidatingWebhookConfiguration",
                Optional,
            ),
            Self::MutatingWebhookConfiguration => cluster(
                ADMISSION,
                "v1",
                "mutatingwebhookconfigurations",
                "MutatingWebhookConfiguration",
                Optional,
            ),
            Self::Certificate => {
                namespaced("cert-manager.io", "v1", "certificates", "Certificate", Installed)
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
        self.resource().need != Need::Required
    }

    /// Whether only some clusters serve it, so that discovery is asked before it is listed.
    pub fn installed(self) -> bool {
        self.resource().need == Need::Installed
    }

    /// The namespaces outside of which objects of this kind say nothing to a detector; empty when any may.
    pub const fn only_in(self) -> &'static [&'static str] {
        match self {
            Self::Lease => &["kube-node-lease", "kube-system"],
            _ => &[],
        }
    }

    /// The kind with this CamelCase name.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.kind() == kind)
    }
}
