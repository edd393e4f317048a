//! Workloads and what scales and guards them.

use super::meta::{Condition, IntOrName, List, Meta, time};
use super::pod::PodTemplate;
use super::selector::LabelSelector;
use super::storage::PersistentVolumeClaim;
use jiff::Timestamp;
use serde::Deserialize;

/// A Deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What is.
    pub status: WorkloadStatus,
}

/// A ReplicaSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReplicaSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What is.
    pub status: WorkloadStatus,
}

/// A StatefulSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatefulSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What is.
    pub status: WorkloadStatus,
}

/// A DaemonSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DaemonSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What is.
    pub status: DaemonSetStatus,
}

/// The spec that Deployments, ReplicaSets, StatefulSets and DaemonSets share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadSpec {
    /// Wanted pods; one unless said.
    pub replicas: Option<i64>,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// The pods to be.
    pub template: PodTemplate,
    /// A paused Deployment rolls nothing out.
    pub paused: bool,
    /// Seconds after which a rollout counts as stuck.
    pub progress_deadline_seconds: Option<i64>,
    /// Service that names a StatefulSet's pods.
    pub service_name: Option<Box<str>>,
    /// `OrderedReady` unless said; `Parallel` starts all pods of a StatefulSet at once.
    pub pod_management_policy: Option<Box<str>>,
    /// Claims made for each pod of a StatefulSet.
    pub volume_claim_templates: List<PersistentVolumeClaim>,
}

impl WorkloadSpec {
    /// Wanted pods, with upstream's default.
    pub fn wanted(&self) -> i64 {
        self.replicas.unwrap_or(1)
    }
}

/// The status that Deployments, ReplicaSets and StatefulSets share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Pods there are.
    pub replicas: i64,
    /// Ready ones.
    pub ready_replicas: i64,
    /// Available ones.
    pub available_replicas: i64,
    /// Of the newest template.
    pub updated_replicas: i64,
    /// The spec's generation the controller has seen.
    pub observed_generation: i64,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A DaemonSet's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DaemonSetStatus {
    /// Nodes that should have a pod.
    pub desired_number_scheduled: i64,
    /// Nodes that have one.
    pub current_number_scheduled: i64,
    /// Ready ones.
    pub number_ready: i64,
    /// Nodes that should not have one.
    pub number_misscheduled: i64,
}

/// A Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: JobSpec,
    /// What is.
    pub status: JobStatus,
}

/// A Job's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobSpec {
    /// Retries.
    pub backoff_limit: Option<i64>,
    /// Seconds it may take.
    pub active_deadline_seconds: Option<i64>,
    /// Held back.
    pub suspend: bool,
    /// The pods to be.
    pub template: PodTemplate,
}

/// A Job's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobStatus {
    /// Running pods.
    pub active: i64,
    /// When the controller took it.
    #[serde(deserialize_with = "time")]
    pub start_time: Option<Timestamp>,
    /// Pods that failed.
    pub failed: i64,
    /// Pods that succeeded.
    pub succeeded: i64,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A CronJob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CronJob {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: CronJobSpec,
    /// What is.
    pub status: CronJobStatus,
}

/// A CronJob's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobSpec {
    /// When.
    pub schedule: String,
    /// Held back.
    pub suspend: bool,
    /// `Allow` unless said; `Forbid` skips a run while one is under way.
    pub concurrency_policy: Option<Box<str>>,
    /// Seconds by which a start may be late.
    pub starting_deadline_seconds: Option<i64>,
}

/// A CronJob's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobStatus {
    /// Jobs under way.
    pub active: List<TargetRef>,
    /// Last start.
    #[serde(deserialize_with = "time")]
    pub last_schedule_time: Option<Timestamp>,
    /// Last success.
    #[serde(deserialize_with = "time")]
    pub last_successful_time: Option<Timestamp>,
}

/// A HorizontalPodAutoscaler.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HorizontalPodAutoscaler {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: HpaSpec,
    /// What is.
    pub status: HpaStatus,
}

/// An autoscaler's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HpaSpec {
    /// What it scales.
    pub scale_target_ref: TargetRef,
    /// Least pods.
    pub min_replicas: Option<i64>,
    /// Most pods.
    pub max_replicas: i64,
    /// What it scales by.
    pub metrics: List<HpaMetric>,
}

/// What an autoscaler scales by; only resource metrics are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HpaMetric {
    /// A resource of the pods.
    pub resource: Option<HpaResource>,
}

/// A resource metric, wanted (`target`) or measured (`current`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HpaResource {
    /// `cpu` or `memory`.
    pub name: String,
    /// Wanted or measured.
    #[serde(alias = "target")]
    pub current: HpaValue,
}

/// A value of a metric.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HpaValue {
    /// Percent of the request.
    pub average_utilization: Option<i64>,
}

/// A workload by kind and name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TargetRef {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// An autoscaler's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HpaStatus {
    /// Pods there are.
    pub current_replicas: i64,
    /// Pods it wants.
    pub desired_replicas: i64,
    /// What it measured.
    pub current_metrics: List<HpaMetric>,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodDisruptionBudget {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: PdbSpec,
    /// What is.
    pub status: PdbStatus,
}

/// A budget's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PdbSpec {
    /// Least healthy pods.
    pub min_available: Option<IntOrName>,
    /// Most missing pods.
    pub max_unavailable: Option<IntOrName>,
    /// Which pods; none when absent.
    pub selector: Option<LabelSelector>,
}

/// A budget's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PdbStatus {
    /// Evictions allowed now.
    pub disruptions_allowed: i64,
    /// Healthy pods.
    pub current_healthy: i64,
    /// Healthy pods that must stay.
    pub desired_healthy: i64,
    /// Pods counted.
    pub expected_pods: i64,
}
