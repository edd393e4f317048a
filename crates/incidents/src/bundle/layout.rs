//! Which tool wrote the bundle, and what each of its files is.

use super::logs::Run;
use super::objects::Assumed;
use super::source::Files;

/// How the files of a bundle are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Ours: `incident.yaml` beside `cluster-resources/`.
    Stethoscope,
    /// A support bundle of troubleshoot.sh: `cluster-resources/`.
    Troubleshoot,
    /// `oc adm must-gather`: `namespaces/` and `cluster-scoped-resources/`.
    MustGather,
    /// `kubectl cluster-info dump --output-directory`: `nodes.json` and `<namespace>/pods.json`.
    ClusterInfoDump,
}

/// The layouts in words, for error messages.
pub(super) const KNOWN: &str = "an incident bundle (incident.yaml), a Troubleshoot support bundle (cluster-resources/), \
    an OpenShift must-gather (namespaces/) or the output of `kubectl cluster-info dump --output-directory`";

/// What one file is for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Manifest,
    Access,
    Objects(Assumed),
    PodLogFile { namespace: String, pod: String, stem: String },
    PodLog { namespace: String, pod: String, container: String, run: Run },
    PodLogDump { namespace: String, pod: String },
    NodeLog { node: String, unit: String },
    Metrics,
    Alerts,
    Flows,
    Version,
    Ignored,
}

/// Whether the path from some directory on shows a layout.
type Marker<'a> = dyn Fn(&[&str]) -> bool + 'a;

/// A must-gather keeps each image's output two directories down.
const DEEPEST_ROOT: usize = 3;

/// Finds the layout and the directories that it starts in, each ending in `/` or empty.
pub(super) fn detect(files: &Files) -> Option<(Layout, Vec<String>)> {
    let roots = |is_marker: &Marker<'_>| -> Vec<String> {
        let mut found = std::collections::BTreeSet::new();
        for path in files.keys() {
            let parts: Vec<&str> = path.split('/').collect();
            for depth in 0..=DEEPEST_ROOT.min(parts.len().saturating_sub(1)) {
                if parts.get(depth..).is_some_and(is_marker) {
                    let root: String =
                        parts.get(..depth).unwrap_or_default().iter().flat_map(|part| [*part, "/"]).collect();
                    found.insert(root);
                    break;
                }
            }
        }
        let shallowest = found.iter().map(|root| root.matches('/').count()).min().unwrap_or(0);
        found.into_iter().filter(|root| root.matches('/').count() == shallowest).collect()
    };
    let layouts: [(Layout, &Marker<'_>); 4] = [
        (Layout::Stethoscope, &|parts| matches!(parts, ["incident.yaml"])),
        (Layout::Troubleshoot, &|parts| matches!(parts, ["cluster-resources", _, ..])),
        (Layout::MustGather, &|parts| matches!(parts, ["cluster-scoped-resources" | "namespaces", _, _, ..])),
        (Layout::ClusterInfoDump, &|parts| {
            matches!(parts, ["nodes.json" | "nodes.yaml"] | [_, "pods.json" | "pods.yaml"])
        }),
    ];
    for (layout, is_marker) in layouts {
        let found = roots(is_marker);
        match (layout, found.first()) {
            (_, None) => {}
            (Layout::MustGather, Some(_)) => return Some((layout, found)),
            (_, Some(first)) => return Some((layout, vec![first.clone()])),
        }
    }
    None
}

/// What the file at `path` (relative to the layout's root) is.
pub(super) fn role(layout: Layout, path: &str) -> Role {
    let parts: Vec<&str> = path.split('/').collect();
    match layout {
        Layout::Stethoscope | Layout::Troubleshoot => support_bundle(layout, &parts),
        Layout::MustGather => must_gather(&parts),
        Layout::ClusterInfoDump => cluster_info_dump(&parts),
    }
}

fn is_data(name: &str) -> bool {
    [".json", ".yaml", ".yml"].iter().any(|suffix| name.ends_with(suffix))
}

fn objects_if_data(name: &str) -> Role {
    if is_data(name) { Role::Objects(Assumed::default()) } else { Role::Ignored }
}

fn support_bundle(layout: Layout, parts: &[&str]) -> Role {
    match parts {
        ["incident.yaml"] if layout == Layout::Stethoscope => Role::Manifest,
        ["access.yaml"] if layout == Layout::Stethoscope => Role::Access,
        ["cluster-info", "cluster_version.json"] | ["cluster-version.json"] => Role::Version,
        ["cluster-resources", "pods", "logs", namespace, pod, file] => match file.strip_suffix(".log") {
            Some(stem) => Role::PodLogFile { namespace: s(namespace), pod: s(pod), stem: stem.to_owned() },
            None => Role::Ignored,
        },
        ["cluster-resources", "pods", "logs", ..] => Role::Ignored,
        // Not objects: discovery, access reviews and the errors of the collector.
        ["cluster-resources", "groups.json" | "resources.json"]
        | ["cluster-resources", "auth-cani-list", ..] => Role::Ignored,
        ["cluster-resources", .., file] if file.ends_with("-errors.json") => Role::Ignored,
        ["cluster-resources", rest @ .., file] if is_data(file) => {
            let stem = file.rsplit_once('.').map_or(*file, |(stem, _)| stem);
            Role::Objects(by_directory(rest.first().copied().unwrap_or(stem)))
        }
        ["nodes", node, "logs", file] => match file.strip_suffix(".log") {
            Some(unit) => Role::NodeLog { node: s(node), unit: unit.to_owned() },
            None => Role::Ignored,
        },
        ["prometheus", "metrics.om"] => Role::Metrics,
        ["prometheus", "alerts.json"] => Role::Alerts,
        ["hubble", "flows.jsonl" | "flows.jsonl.gz" | "flows.jsonl.zst"] => Role::Flows,
        _ => Role::Ignored,
    }
}

fn must_gather(parts: &[&str]) -> Role {
    match parts {
        ["namespaces", namespace, "pods", pod, container, _, "logs", file] => match *file {
            "current.log" => log(namespace, pod, container, Run::Current),
            "previous.log" => log(namespace, pod, container, Run::Previous),
            _ => Role::Ignored,
        },
        ["namespaces" | "cluster-scoped-resources", ..] => {
            objects_if_data(parts.last().copied().unwrap_or_default())
        }
        _ => Role::Ignored,
    }
}

fn log(namespace: &str, pod: &str, container: &str, run: Run) -> Role {
    Role::PodLog { namespace: s(namespace), pod: s(pod), container: s(container), run }
}

fn cluster_info_dump(parts: &[&str]) -> Role {
    match parts {
        [namespace, pod, "logs.txt"] => Role::PodLogDump { namespace: s(namespace), pod: s(pod) },
        [file] | [_, file] => objects_if_data(file),
        _ => Role::Ignored,
    }
}

fn s(text: &str) -> String {
    text.to_owned()
}

/// Old Troubleshoot versions write bare arrays whose items have no kind; their directory tells it. The names are
/// those of `pkg/constants/constants.go` in replicatedhq/troubleshoot.
fn by_directory(directory: &str) -> Assumed {
    let (api_version, kind) = match directory {
        "pods" => ("v1", "Pod"),
        "services" => ("v1", "Service"),
        "nodes" => ("v1", "Node"),
        "namespaces" => ("v1", "Namespace"),
        "events" => ("v1", "Event"),
        "configmaps" => ("v1", "ConfigMap"),
        "secrets" => ("v1", "Secret"),
        "endpoints" => ("v1", "Endpoints"),
        "pvs" => ("v1", "PersistentVolume"),
        "pvcs" => ("v1", "PersistentVolumeClaim"),
        "limitranges" => ("v1", "LimitRange"),
        "resource-quotas" | "resourcequotas" => ("v1", "ResourceQuota"),
        "serviceaccounts" => ("v1", "ServiceAccount"),
        "deployments" => ("apps/v1", "Deployment"),
        "statefulsets" => ("apps/v1", "StatefulSet"),
        "daemonsets" => ("apps/v1", "DaemonSet"),
        "replicasets" => ("apps/v1", "ReplicaSet"),
        "jobs" => ("batch/v1", "Job"),
        "cronjobs" => ("batch/v1", "CronJob"),
        "ingress" => ("networking.k8s.io/v1", "Ingress"),
        "network-policy" => ("networking.k8s.io/v1", "NetworkPolicy"),
        "storage-classes" => ("storage.k8s.io/v1", "StorageClass"),
        "volumeattachments" => ("storage.k8s.io/v1", "VolumeAttachment"),
        "endpointslices" => ("discovery.k8s.io/v1", "EndpointSlice"),
        "leases" => ("coordination.k8s.io/v1", "Lease"),
        "pod-disruption-budgets" => ("policy/v1", "PodDisruptionBudget"),
        "roles" => ("rbac.authorization.k8s.io/v1", "Role"),
        "rolebindings" => ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        "clusterroles" => ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        "clusterrolebindings" => ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        "custom-resource-definitions" => ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        _ => return Assumed::default(),
    };
    Assumed { api_version: Some(s(api_version)), kind: Some(s(kind)) }
}
