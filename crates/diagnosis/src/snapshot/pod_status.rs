//! How pods and their containers fare.

use super::meta::{Condition, List, kept, time};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// A pod's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// E.g. `Evicted`, `NodeLost`.
    pub reason: Option<Box<str>>,
    /// Words for people.
    pub message: Option<Box<str>>,
    /// Address.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<Box<str>>,
    /// Conditions that are not as they should be, and `Ready`.
    #[serde(deserialize_with = "telling_conditions")]
    pub conditions: List<Condition>,
    /// Main containers.
    pub container_statuses: List<ContainerStatus>,
    /// Init containers.
    pub init_container_statuses: List<ContainerStatus>,
    /// When the kubelet took it.
    #[serde(deserialize_with = "time")]
    pub start_time: Option<Timestamp>,
}

/// One container's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    /// Name.
    pub name: String,
    /// Passes its readiness probe.
    pub ready: bool,
    /// Times it was restarted.
    pub restart_count: i64,
    /// Now.
    pub state: ContainerState,
    /// Before.
    pub last_state: ContainerState,
}

/// A container's state; one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Not started, and why.
    pub waiting: Option<Box<Waiting>>,
    /// Running.
    pub running: Option<Running>,
    /// Ended, and how.
    pub terminated: Option<Box<Terminated>>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// E.g. `CrashLoopBackOff`.
    pub reason: String,
    /// Words for people.
    pub message: String,
}

/// A running container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Running {
    /// Since when.
    #[serde(deserialize_with = "time")]
    pub started_at: Option<Timestamp>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// Exit code.
    pub exit_code: i64,
    /// Signal, where the runtime says.
    pub signal: i64,
    /// E.g. `OOMKilled`, `Error`, `Completed`.
    pub reason: String,
    /// Words for people.
    pub message: String,
    /// Start.
    #[serde(deserialize_with = "time")]
    pub started_at: Option<Timestamp>,
    /// End.
    #[serde(deserialize_with = "time")]
    pub finished_at: Option<Timestamp>,
}

fn telling_conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Condition>, D::Error> {
    kept(deserializer, |it: &Condition| {
        it.status != "True" || it.kind == "Ready" || it.kind == "DisruptionTarget"
    })
}
