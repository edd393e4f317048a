//! How deep a cause lies. Rules as data: the first prefix that fits decides.

use stethoscope_core::cause::CauseCode;

/// From the deepest cause to the last symptom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// What nodes themselves rest on: etcd, certificates, clocks, the pools they come from.
    Foundation,
    /// A node or a component of the control plane.
    Infrastructure,
    /// Room on the nodes there are.
    Capacity,
    /// What a namespace forbids.
    Namespace,
    /// Claims and volumes.
    Storage,
    /// A workload's or Service's own definition.
    Definition,
    /// A consequence of where pods may run.
    Placement,
    /// A process that ends or does not answer, without a deeper reason known yet.
    Process,
    /// An extension of the API that fails because the pods behind it do.
    Extension,
    /// A workload without enough pods.
    WorkloadSymptom,
    /// A Service without endpoints.
    Route,
    /// A caller that fails because its callee does.
    Caller,
}

impl Depth {
    /// Whether something deeper may explain a finding of this depth. Definitions stand for themselves.
    pub(super) const fn explainable(self) -> bool {
        matches!(
            self,
            Self::Infrastructure
                | Self::Capacity
                | Self::Storage
                | Self::Placement
                | Self::Process
                | Self::Extension
                | Self::WorkloadSymptom
                | Self::Route
                | Self::Caller
        )
    }
}

const RULES: &[(&str, Depth)] = &[
    ("control-plane.etcd-", Depth::Foundation),
    ("control-plane.certificate-expired", Depth::Foundation),
    ("control-plane.", Depth::Infrastructure),
    ("node.clock-skew", Depth::Foundation),
    ("node.kubelet-certificate-expired", Depth::Foundation),
    ("node.filesystem-read-only", Depth::Foundation),
    ("node-pool.", Depth::Foundation),
    ("network.pod-range-exhausted", Depth::Foundation),
    ("node.cordoned", Depth::Placement),
    // Found by who is slow and who is not: any object that is broken says more.
    ("node.network-slow", Depth::Process),
    ("node.", Depth::Infrastructure),
    ("admission.quota-", Depth::Namespace),
    ("admission.webhook-denies", Depth::Definition),
    ("admission.webhook-", Depth::Extension),
    ("api.service-unavailable", Depth::Extension),
    ("namespace.stuck-terminating", Depth::WorkloadSymptom),
    ("namespace.finalizers-remain", Depth::WorkloadSymptom),
    ("namespace.", Depth::Namespace),
    ("storage.", Depth::Storage),
    ("scheduling.node-unavailable", Depth::Placement),
    ("scheduling.not-considered", Depth::Placement),
    ("scheduling.insufficient-", Depth::Capacity),
    ("scheduling.too-many-pods", Depth::Capacity),
    ("scheduling.node-cordoned", Depth::Capacity),
    ("scheduling.volume-unreachable", Depth::Placement),
    ("scheduling.", Depth::Definition),
    ("service.no-endpoints", Depth::Route),
    ("service.missing", Depth::Placement),
    ("workload.daemonset-excluded", Depth::Definition),
    ("workload.zero-replicas", Depth::Definition),
    ("workload.paused", Depth::Definition),
    ("workload.", Depth::WorkloadSymptom),
    ("app.dependency-late", Depth::Process),
    ("app.slow", Depth::Process),
    ("app.", Depth::Caller),
    ("dns.cluster-dns-down", Depth::Infrastructure),
    ("dns.forwarding-loop", Depth::Infrastructure),
    ("dns.configuration-invalid", Depth::Infrastructure),
    ("dns.resolution-failing", Depth::Caller),
    ("container.oom-killed", Depth::Definition),
    ("container.port-conflict", Depth::Definition),
    ("container.command-", Depth::Definition),
    ("container.grace-period-too-short", Depth::Definition),
    ("container.read-only-root", Depth::Definition),
    ("container.leader-election-lost", Depth::Placement),
    ("container.", Depth::Process),
    ("probe.liveness-failing", Depth::Process),
    ("probe.readiness-failing", Depth::Process),
    ("probe.startup-failing", Depth::Process),
    ("pod.ephemeral-storage-exceeded", Depth::Definition),
    ("pod.runtime-class-missing", Depth::Definition),
    ("pod.", Depth::Process),
    ("job.suspended", Depth::Definition),
    ("job.schedule-", Depth::Definition),
    ("job.held-by-sidecar", Depth::Definition),
    ("job.previous-still-running", Depth::Process),
    ("job.", Depth::WorkloadSymptom),
    ("autoscaler.no-metrics", Depth::WorkloadSymptom),
    ("autoscaler.at-maximum", Depth::WorkloadSymptom),
    ("autoscaler.", Depth::Definition),
];

/// The depth of a cause; what no rule names is a definition that stands for itself.
pub(super) fn depth(cause: &CauseCode) -> Depth {
    RULES
        .iter()
        .find(|(prefix, _)| cause.as_str().starts_with(prefix))
        .map_or(Depth::Definition, |(_, depth)| *depth)
}
