//! Logs that detectors ask for and get.

/// Whose log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogSource {
    /// A container of a pod.
    Container {
        /// Namespace.
        namespace: String,
        /// Pod.
        pod: String,
        /// Container.
        container: String,
        /// The run before the present one.
        previous: bool,
    },
    /// A systemd unit or log file of a node, through the kubelet's log query.
    NodeUnit {
        /// Node.
        node: String,
        /// Unit, e.g. `kubelet`.
        unit: String,
    },
}

/// A log that would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Whose.
    pub source: LogSource,
    /// Lines from the end.
    pub tail_lines: u32,
}

/// A log as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogExcerpt {
    /// Whose.
    pub source: LogSource,
    /// Its words.
    pub text: String,
    /// Whether older lines were left out.
    pub truncated: bool,
}
