//! Which resources the API has: the built-in table, and whatever else the bundle recorded.

use serde_json::Value;
use std::cmp::Reverse;

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Namespaced,
    Cluster,
}

/// A resource as discovery describes it.
#[derive(Clone, Debug)]
pub(crate) struct ResourceType {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) scope: Scope,
    /// The version's entry in the recorded CustomResourceDefinition: printer columns and schema.
    pub(crate) custom: Option<Value>,
}

impl ResourceType {
    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods` or `deployments.apps`, as upstream names a resource in messages.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Kind of its lists.
    pub(crate) fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    fn builtin(row: &Row) -> Self {
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            group: row.group.to_owned(),
            version: row.version.to_owned(),
            kind: row.kind.to_owned(),
            plural: row.plural.to_owned(),
            singular: row.kind.to_lowercase(),
            short_names: split(row.short),
            categories: split(row.categories),
            scope: row.scope,
            custom: None,
        }
    }

    /// A kind of which only objects are known.
    pub(crate) fn inferred(group: &str, version: &str, kind: &str, scope: Scope) -> Self {
        // The metrics API names its resources after what is measured.
        let plural = match (group, kind) {
            ("metrics.k8s.io", "NodeMetrics") => "nodes".to_owned(),
            ("metrics.k8s.io", "PodMetrics") => "pods".to_owned(),
            _ => plural(kind),
        };
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural,
            singular: if group == "metrics.k8s.io" { String::new() } else { kind.to_lowercase() },
            short_names: Vec::new(),
            categories: Vec::new(),
            scope,
            custom: None,
        }
    }

    /// The served versions of a recorded CustomResourceDefinition.
    pub(crate) fn of_definition(definition: &Value) -> Vec<Self> {
        let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let list = |pointer: &str| -> Vec<String> {
            let items = definition.pointer(pointer).and_then(Value::as_array);
            items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (Some(group), Some(kind), Some(plural)) =
            (text("/spec/group"), text("/spec/names/kind"), text("/spec/names/plural"))
        else {
            return Vec::new();
        };
        let scope = if text("/spec/scope").as_deref() == Some("Cluster") {
            Scope::Cluster
        } else {
            Scope::Namespaced
        };
        let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
        let served = versions.into_iter().flatten().filter(|v| v.get("served") != Some(&Value::Bool(false)));
        served
            .filter_map(|version| {
                Some(Self {
                    group: group.clone(),
                    version: version.get("name")?.as_str()?.to_owned(),
                    kind: kind.clone(),
                    plural: plural.clone(),
                    singular: text("/spec/names/singular").unwrap_or_else(|| kind.to_lowercase()),
                    short_names: list("/spec/names/shortNames"),
                    categories: list("/spec/names/categories"),
                    scope,
                    custom: Some(version.clone()),
                })
            })
            .collect()
    }
}

/// English plurals as kubebuilder makes them.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    let vowel_y = ["ay", "ey", "iy", "oy", "uy"].iter().any(|end| kind.ends_with(end));
    match kind.strip_suffix('y') {
        Some(stem) if !vowel_y => format!("{stem}ies"),
        _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| kind.ends_with(end)) => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// Sorts versions the way apimachinery's `CompareKubeAwareVersionStrings` does: v2, v1, v1beta2, v1beta1, v1alpha1.
pub(crate) fn version_order(version: &str) -> Reverse<(u8, u64, u64)> {
    let rest = version.strip_prefix('v').unwrap_or("");
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = digits(rest);
    let tail = rest.get(major.len()..).unwrap_or_default();
    let number = |text: &str| text.parse().unwrap_or(0);
    Reverse(match tail {
        _ if major.is_empty() => (0, 0, 0),
        "" => (3, number(&major), 0),
        _ if tail.starts_with("beta") => (2, number(&major), number(&tail[4..])),
        _ if tail.starts_with("alpha") => (1, number(&major), number(&tail[5..])),
        _ => (0, 0, 0),
    })
}

struct Row {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    short: &'static str,
    categories: &'static str,
    scope: Scope,
}

/// The resources every replay has, in the order of discovery.
pub(crate) fn builtin() -> Vec<ResourceType> {
    BUILTIN.iter().map(ResourceType::builtin).collect()
}

const fn row(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    short: &'static str,
    categories: &'static str,
    scope: Scope,
) -> Row {
    Row { group, version, plural, kind, short, categories, scope }
}

const NS: Scope = Scope::Namespaced;
const CL: Scope = Scope::Cluster;
const RBAC: &str = "rbac.authorization.k8s.io";
const NET: &str = "networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const DRA: &str = "resource.k8s.io";

/// Names, short names and categories as Kubernetes 1.36 registers them (`kubectl api-resources -o wide`).
#[rustfmt::skip]
const BUILTIN: &[Row] = &[
    row("", "v1", "bindings", "Binding", "", "", NS),
    row("", "v1", "componentstatuses", "ComponentStatus", "cs", "", CL),
    row("", "v1", "configmaps", "ConfigMap", "cm", "", NS),
    row("", "v1", "endpoints", "Endpoints", "ep", "", NS),
    row("", "v1", "events", "Event", "ev", "", NS),
    row("", "v1", "limitranges", "LimitRange", "limits", "", NS),
    row("", "v1", "namespaces", "Namespace", "ns", "", CL),
    row("", "v1", "nodes", "Node", "no", "", CL),
    row("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "", NS),
    row("", "v1", "persistentvolumes", "PersistentVolume", "pv", "", CL),
    row("", "v1", "pods", "Pod", "po", "all", NS),
    row("", "v1", "podtemplates", "PodTemplate", "", "", NS),
    row("", "v1", "replicationcontrollers", "ReplicationController", "rc", "all", NS),
    row("", "v1", "resourcequotas", "ResourceQuota", "quota", "", NS),
    row("", "v1", "secrets", "Secret", "", "", NS),
    row("", "v1", "serviceaccounts", "ServiceAccount", "sa", "", NS),
    row("", "v1", "services", "Service", "svc", "all", NS),
    row("apiregistration.k8s.io", "v1", "apiservices", "APIService", "", "api-extensions", CL),
    row("apps", "v1", "controllerrevisions", "ControllerRevision", "", "", NS),
    row("apps", "v1", "daemonsets", "DaemonSet", "ds", "all", NS),
    row("apps", "v1", "deployments", "Deployment", "deploy", "all", NS),
    row("apps", "v1", "replicasets", "ReplicaSet", "rs", "all", NS),
    row("apps", "v1", "statefulsets", "StatefulSet", "sts", "all", NS),
    row("events.k8s.io", "v1", "events", "Event", "ev", "", NS),
    row("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", "all", NS),
    row("batch", "v1", "cronjobs", "CronJob", "cj", "all", NS),
    row("batch", "v1", "jobs", "Job", "", "all", NS),
    row("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "csr", "", CL),
    row(NET, "v1", "ingressclasses", "IngressClass", "", "", CL),
    row(NET, "v1", "ingresses", "Ingress", "ing", "", NS),
    row(NET, "v1", "networkpolicies", "NetworkPolicy", "netpol", "", NS),
    row(NET, "v1", "ipaddresses", "IPAddress", "ip", "", CL),
    row(NET, "v1", "servicecidrs", "ServiceCIDR", "", "", CL),
    row("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", "", NS),
    row(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", "", "", CL),
    row(RBAC, "v1", "clusterroles", "ClusterRole", "", "", CL),
    row(RBAC, "v1", "rolebindings", "RoleBinding", "", "", NS),
    row(RBAC, "v1", "roles", "Role", "", "", NS),
    row(STORAGE, "v1", "csidrivers", "CSIDriver", "", "", CL),
    row(STORAGE, "v1", "csinodes", "CSINode", "", "", CL),
    row(STORAGE, "v1", "csistoragecapacities", "CSIStorageCapacity", "", "", NS),
    row(STORAGE, "v1", "storageclasses", "StorageClass", "sc", "", CL),
    row(STORAGE, "v1", "volumeattachments", "VolumeAttachment", "", "", CL),
    row(ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "", "api-extensions", CL),
    row(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "", "api-extensions", CL),
    row(ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "", "api-extensions", CL),
    row(ADMISSION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "", "api-extensions", CL),
    row("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "crd crds", "api-extensions", CL),
    row("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "pc", "", CL),
    row("coordination.k8s.io", "v1", "leases", "Lease", "", "", NS),
    row("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", "", "", CL),
    row("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "", "", NS),
    row(DRA, "v1", "deviceclasses", "DeviceClass", "", "", CL),
    row(DRA, "v1", "resourceclaims", "ResourceClaim", "", "", NS),
    row(DRA, "v1", "resourceclaimtemplates", "ResourceClaimTemplate", "", "", NS),
    row(DRA, "v1", "resourceslices", "ResourceSlice", "", "", CL),
];

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn plurals_are_inferred_as_controllers_generate_them() {
        let kinds = ["CiliumNetworkPolicy", "Gateway", "Ingress", "Prometheus", "Queue", "Mesh"];
        let expected = ["ciliumnetworkpolicies", "gateways", "ingresses", "prometheuses", "queues", "meshes"];
        assert_eq!(kinds.map(plural), expected);
    }

    #[test]
    fn versions_sort_stable_first_and_newest_first() {
        let mut versions = ["v1alpha1", "v1", "v1beta1", "v2beta1", "v2", "odd", "v10"];
        versions.sort_by_key(|v| version_order(v));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1beta1", "v1alpha1", "odd"]);
    }
}
