//! Pods: what they ask for and how their containers fare.

use super::meta::{Amounts, Condition, IntOrName, Labels, List, Meta, kept};
use super::pod_status::{ContainerStatus, PodStatus};
use super::quantity::Quantity;
use super::selector::{LabelSelector, Requirement};
use serde::{Deserialize, Deserializer};

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: PodSpec,
    /// What is.
    pub status: PodStatus,
}

/// A pod template of a workload.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    /// Labels of the pods to be.
    pub metadata: TemplateMeta,
    /// Their spec.
    pub spec: PodSpec,
}

/// A template's metadata.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateMeta {
    /// Labels.
    pub labels: Labels,
}

/// A pod's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Main containers.
    pub containers: List<Container>,
    /// Containers that run first; sidecars have `restartPolicy: Always`.
    pub init_containers: List<Container>,
    /// Node it was bound to.
    pub node_name: Option<Box<str>>,
    /// Labels the node must carry.
    pub node_selector: Labels,
    /// Finer wishes on nodes and neighbours.
    pub affinity: Option<Box<Affinity>>,
    /// Taints it bears, without the two that every pod gets.
    #[serde(deserialize_with = "own_tolerations")]
    pub tolerations: List<Toleration>,
    /// How its like must spread.
    pub topology_spread_constraints: List<SpreadConstraint>,
    /// Identity.
    pub service_account_name: Option<Box<str>>,
    /// Registry credentials.
    pub image_pull_secrets: List<LocalRef>,
    /// Volumes, without the API token that every pod gets.
    #[serde(deserialize_with = "own_volumes")]
    pub volumes: List<Volume>,
    /// Shares the node's network.
    pub host_network: bool,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: Option<Box<str>>,
    /// Who schedules it.
    pub scheduler_name: Option<Box<str>>,
    /// Gates that hold scheduling back.
    pub scheduling_gates: List<LocalRef>,
    /// Priority class.
    pub priority_class_name: Option<Box<str>>,
    /// `ClusterFirst`, `Default`, `None`, `ClusterFirstWithHostNet`.
    pub dns_policy: Option<Box<str>>,
    /// Own resolver settings.
    pub dns_config: Option<Box<DnsConfig>>,
    /// User, group, and whether root is refused.
    pub security_context: Option<Box<SecurityContext>>,
    /// Seconds between SIGTERM and SIGKILL; 30 unless said.
    pub termination_grace_period_seconds: Option<i64>,
    /// Conditions that others must set before the pod counts as ready.
    pub readiness_gates: List<ReadinessGate>,
    /// Which sandbox it wants, e.g. gVisor's.
    pub runtime_class_name: Option<Box<str>>,
    /// What the sandbox itself costs.
    pub overhead: Amounts,
}

/// A condition that somebody outside the kubelet sets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReadinessGate {
    /// Type of the condition.
    pub condition_type: String,
}

/// A pod's own resolver settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DnsConfig {
    /// Resolver addresses.
    pub nameservers: List<String>,
    /// Search domains.
    pub searches: List<String>,
}

/// A reference to an object of the same namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LocalRef {
    /// Name.
    pub name: String,
}

/// User, group, and rights.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecurityContext {
    /// Refuses to run as root.
    pub run_as_non_root: Option<bool>,
    /// UID.
    pub run_as_user: Option<i64>,
    /// GID.
    pub run_as_group: Option<i64>,
    /// Group that owns volumes.
    pub fs_group: Option<i64>,
    /// The image's file system can't be written.
    pub read_only_root_filesystem: Option<bool>,
}

/// One container of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Entry point.
    pub command: List<String>,
    /// Arguments.
    pub args: List<String>,
    /// Environment.
    pub env: List<EnvVar>,
    /// Environment from whole ConfigMaps and Secrets.
    pub env_from: List<EnvFrom>,
    /// Declared ports.
    pub ports: List<ContainerPort>,
    /// Requests and limits.
    pub resources: Resources,
    /// Probes.
    pub liveness_probe: Option<Box<Probe>>,
    /// Probes.
    pub readiness_probe: Option<Box<Probe>>,
    /// Probes.
    pub startup_probe: Option<Box<Probe>>,
    /// Mounts, without the API token that every pod gets.
    #[serde(deserialize_with = "own_mounts")]
    pub volume_mounts: List<VolumeMount>,
    /// `Always`, `IfNotPresent`, `Never`.
    pub image_pull_policy: Option<Box<str>>,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: Option<Box<str>>,
    /// User, group, rights.
    pub security_context: Option<Box<SecurityContext>>,
}

/// Requests and limits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What the scheduler reserves.
    pub requests: Amounts,
    /// What the kernel enforces.
    pub limits: Amounts,
}

/// One environment variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Literal value.
    pub value: Option<Box<str>>,
    /// Where the value comes from.
    pub value_from: Option<Box<ValueFrom>>,
}

/// Where an environment value comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ValueFrom {
    /// A ConfigMap's key.
    pub config_map_key_ref: Option<KeyRef>,
    /// A Secret's key.
    pub secret_key_ref: Option<KeyRef>,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyRef {
    /// Object.
    pub name: String,
    /// Key.
    pub key: String,
    /// May be absent.
    pub optional: bool,
}

/// All keys of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvFrom {
    /// A ConfigMap.
    pub config_map_ref: Option<KeyRef>,
    /// A Secret.
    pub secret_ref: Option<KeyRef>,
}

/// A declared port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    /// Name.
    pub name: Option<Box<str>>,
    /// Number.
    pub container_port: i64,
    /// Port on the node.
    pub host_port: Option<i64>,
    /// `TCP` unless said.
    pub protocol: Option<Box<str>>,
}

/// A probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Probe {
    /// HTTP GET.
    pub http_get: Option<HttpGet>,
    /// TCP connect.
    pub tcp_socket: Option<TcpSocket>,
    /// gRPC health check.
    pub grpc: Option<GrpcProbe>,
    /// A command.
    pub exec: Option<ExecProbe>,
    /// Seconds before the first try.
    pub initial_delay_seconds: i64,
    /// Seconds between tries.
    pub period_seconds: Option<i64>,
    /// Seconds a try may take.
    pub timeout_seconds: Option<i64>,
    /// Failed tries in a row that count.
    pub failure_threshold: Option<i64>,
}

/// HTTP GET of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HttpGet {
    /// Path.
    pub path: Option<Box<str>>,
    /// Port.
    pub port: IntOrName,
    /// `HTTP` or `HTTPS`.
    pub scheme: Option<Box<str>>,
}

/// TCP connect of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TcpSocket {
    /// Port.
    pub port: IntOrName,
}

/// gRPC health check of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GrpcProbe {
    /// Port.
    pub port: IntOrName,
}

/// Command of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ExecProbe {
    /// argv.
    pub command: List<String>,
}

/// A mount.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VolumeMount {
    /// Volume.
    pub name: String,
    /// Where.
    pub mount_path: String,
    /// Not writable.
    pub read_only: bool,
}

/// A volume; at most one source is set, none for kinds no detector reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Volume {
    /// Name.
    pub name: String,
    /// ConfigMap.
    pub config_map: Option<Box<ObjectVolume>>,
    /// Secret.
    pub secret: Option<Box<SecretVolume>>,
    /// Claim.
    pub persistent_volume_claim: Option<Box<ClaimVolume>>,
    /// Several sources in one directory.
    pub projected: Option<Box<Projected>>,
    /// A directory of the node.
    pub host_path: Option<Box<HostPath>>,
    /// A directory that lives as long as the pod.
    pub empty_dir: Option<Box<EmptyDir>>,
    /// Claim made for the pod, named `<pod>-<volume>`.
    pub ephemeral: Option<Present>,
}

/// A directory that lives as long as the pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EmptyDir {
    /// More than this and the kubelet evicts the pod.
    pub size_limit: Option<Quantity>,
}

/// A source that is there; its fields are not read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Present {}

/// ConfigMap as files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ObjectVolume {
    /// ConfigMap.
    pub name: String,
    /// May be absent.
    pub optional: bool,
    /// Picked keys.
    pub items: List<KeyItem>,
}

/// Secret as files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretVolume {
    /// Secret; projected sources call it `name`.
    #[serde(alias = "name")]
    pub secret_name: String,
    /// May be absent.
    pub optional: bool,
    /// Picked keys.
    pub items: List<KeyItem>,
}

/// A picked key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyItem {
    /// Key.
    pub key: String,
}

/// A claim as a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClaimVolume {
    /// Claim.
    pub claim_name: String,
}

/// Several sources in one directory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Projected {
    /// Sources.
    pub sources: List<ProjectedSource>,
}

/// One projected source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProjectedSource {
    /// ConfigMap.
    pub config_map: Option<Box<ObjectVolume>>,
    /// Secret.
    pub secret: Option<Box<SecretVolume>>,
}

/// A directory or file of the node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HostPath {
    /// Path.
    pub path: String,
    /// What must be there.
    #[serde(rename = "type")]
    pub kind: Option<Box<str>>,
}

/// A toleration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Toleration {
    /// Taint key; empty with `Exists` bears all.
    pub key: String,
    /// `Equal` unless said.
    pub operator: String,
    /// Taint value.
    pub value: String,
    /// Effect; empty bears all effects.
    pub effect: String,
}

/// Wishes on nodes and neighbours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Affinity {
    /// On nodes.
    pub node_affinity: NodeAffinity,
    /// On neighbours to be near.
    pub pod_affinity: PodAffinity,
    /// On neighbours to avoid.
    pub pod_anti_affinity: PodAffinity,
}

/// Wishes on nodes; only what is required.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeAffinity {
    /// Must hold when scheduling.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector>,
}

/// One of the terms must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeSelector {
    /// Terms, joined by or.
    pub node_selector_terms: List<NodeSelectorTerm>,
}

/// Requirements, joined by and.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeSelectorTerm {
    /// On labels.
    pub match_expressions: List<Requirement>,
    /// On fields; upstream allows `metadata.name`.
    pub match_fields: List<Requirement>,
}

/// Wishes on neighbours; only what is required.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodAffinity {
    /// Must hold when scheduling.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: List<PodAffinityTerm>,
}

/// One wish on neighbours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodAffinityTerm {
    /// Which pods.
    pub label_selector: Option<LabelSelector>,
    /// In which namespaces; the pod's own when empty.
    pub namespaces: List<String>,
    /// Or in namespaces with these labels.
    pub namespace_selector: Option<LabelSelector>,
    /// Node label that makes a place.
    pub topology_key: String,
}

/// How pods must spread.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SpreadConstraint {
    /// Allowed difference.
    pub max_skew: i64,
    /// Node label that makes a place.
    pub topology_key: String,
    /// `DoNotSchedule` or `ScheduleAnyway`.
    pub when_unsatisfiable: String,
    /// Which pods.
    pub label_selector: Option<LabelSelector>,
}

/// Admission gives every pod these two (`DefaultTolerationSeconds`); the NoSchedule taints beside them still repel.
fn own_tolerations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Toleration>, D::Error> {
    kept(deserializer, |it: &Toleration| {
        let added =
            matches!(it.key.as_str(), "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable");
        !(added && it.effect == "NoExecute")
    })
}

/// Admission gives every pod a volume of this name (`ServiceAccount`).
fn own_volumes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Volume>, D::Error> {
    kept(deserializer, |it: &Volume| !it.name.starts_with("kube-api-access-"))
}

fn own_mounts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<VolumeMount>, D::Error> {
    kept(deserializer, |it: &VolumeMount| !it.name.starts_with("kube-api-access-"))
}

impl Pod {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether every main container is ready.
    pub fn ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// Whether it ran to its end.
    pub fn finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether its deletion was asked for.
    pub fn terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Statuses of all containers, init containers first.
    pub fn statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    /// The node it was bound to.
    pub fn node(&self) -> Option<&str> {
        self.spec.node_name.as_deref().filter(|name| !name.is_empty())
    }
}

impl PodSpec {
    /// All containers, init containers first.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// The container of this name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.all_containers().find(|container| container.name == name)
    }

    /// What the scheduler reserves of a resource, in milli units: the larger of the sum of the containers
    /// (with sidecars) and of each init container, plus the overhead (`resourcehelper.PodRequests`).
    pub fn request(&self, resource: &str) -> i128 {
        let of = |container: &Container| {
            container
                .resources
                .requests
                .get(resource)
                .or_else(|| container.resources.limits.get(resource))
                .map_or(0, Quantity::milli)
        };
        let main: i128 = self.containers.iter().map(of).sum();
        let mut sidecars = 0;
        let mut peak = 0;
        for container in &self.init_containers {
            if container.restart_policy.as_deref() == Some("Always") {
                sidecars += of(container);
                peak = peak.max(sidecars);
            } else {
                peak = peak.max(sidecars + of(container));
            }
        }
        (main + sidecars).max(peak) + self.overhead.get(resource).map_or(0, Quantity::milli)
    }
}
