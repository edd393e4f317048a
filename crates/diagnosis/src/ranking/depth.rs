//! How deep a cause lies. Rules as data: the first prefix that fits decides.

use stethoscope_core::cause::CauseCode;

/// From the deepest cause to the last symptom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// A node or a component of the control plane.
    Infrastructure,
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
            Self::Storage
                | Self::Placement
                | Self::Process
                | Self::WorkloadSymptom
                | Self::Route
                | Self::Caller
        )
    }
}

const RULES: &[(&str, Depth)] = &[
    ("node.cordoned", Depth::Placement),
    ("node.", Depth::Infrastructure),
    ("admission.quota-", Depth::Namespace),
    ("namespace.", Depth::Namespace),
    ("storage.", Depth::Storage),
    ("scheduling.node-unavailable", Depth::Placement),
    ("scheduling.not-considered", Depth::Placement),
    ("scheduling.", Depth::Definition),
    ("service.no-endpoints", Depth::Route),
    ("service.missing", Depth::Placement),
    ("workload.zero-replicas", Depth::Definition),
    ("workload.paused", Depth::Definition),
    ("workload.", Depth::WorkloadSymptom),
    ("app.", Depth::Caller),
    ("dns.cluster-dns-down", Depth::Infrastructure),
    ("dns.resolution-failing", Depth::Caller),
    ("container.oom-killed", Depth::Definition),
    ("container.port-conflict", Depth::Definition),
    ("container.command-", Depth::Definition),
    ("container.", Depth::Process),
    ("probe.liveness-failing", Depth::Process),
    ("probe.readiness-failing", Depth::Process),
    ("probe.startup-failing", Depth::Process),
    ("pod.", Depth::Process),
    ("job.", Depth::WorkloadSymptom),
    ("autoscaler.", Depth::WorkloadSymptom),
];

/// The depth of a cause; what no rule names is a definition that stands for itself.
pub(super) fn depth(cause: &CauseCode) -> Depth {
    RULES
        .iter()
        .find(|(prefix, _)| cause.as_str().starts_with(prefix))
        .map_or(Depth::Definition, |(_, depth)| *depth)
}
