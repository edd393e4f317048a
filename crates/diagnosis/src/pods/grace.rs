//! Containers that were still shutting down when the kubelet killed them.

use super::exit::RECENT;
use crate::draft::{Draft, Felt, field, log, some_pods};
use crate::logs::{QUOTED_LINES, Run};
use crate::snapshot::{ContainerStatus, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;

const TOO_SHORT: CauseCode = CauseCode::new("container.grace-period-too-short");

/// 128 + SIGKILL.
const KILLED: i64 = 137;
/// The API server's default for terminationGracePeriodSeconds.
const DEFAULT_GRACE: i64 = 30;
/// Words of a process that has been asked to stop, in lower case.
const STOPPING: &[&str] = &[
    "sigterm",
    "graceful shutdown",
    "gracefully",
    "shutting down",
    "shutdown requested",
    "shutdown initiated",
    "draining",
    "signal 15",
    "received stop signal",
];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let cut: Vec<(&Pod, &ContainerStatus, Run, &str)> =
            pods.iter().filter_map(|pod| cut_off(world, pod)).collect();
        let Some((pod, status, run, line)) = cut.first() else { continue };
        let at = reference("Pod", &pod.metadata);
        let grace = pod.spec.termination_grace_period_seconds.unwrap_or(DEFAULT_GRACE);
        let statement = format!(
            "container {} of {workload} was still shutting down when its grace period of {grace} s ran out",
            status.name
        );
        let place = if *run == Run::Previous { "lastState" } else { "state" };
        let hit: Vec<&Pod> = cut.iter().map(|(pod, ..)| *pod).collect();
        found.push(
            Draft::new(TOO_SHORT, workload.clone(), 0.85, statement)
                .proof(log(pod, &status.name, *run, line))
                .proof(field(
                    &at,
                    &format!("status.containerStatuses[{}].{place}.terminated.exitCode", status.name),
                    KILLED,
                ))
                .proof(field(&at, "spec.terminationGracePeriodSeconds", grace))
                .param("container", status.name.as_str())
                .affects(some_pods(&hit))
                .felt(Felt::Silently),
        );
    }
}

/// A container that was killed without an OOM report while its last words were about stopping. What a failing probe
/// killed has that probe as its cause.
fn cut_off<'a>(world: &World<'a>, pod: &'a Pod) -> Option<(&'a Pod, &'a ContainerStatus, Run, &'a str)> {
    let by_probe = world
        .pod_events(pod)
        .iter()
        .any(|event| event.reason == "Killing" && event.message.contains("probe"));
    if by_probe {
        return None;
    }
    pod.statuses().find_map(|status| {
        let (end, run) = match (&status.state.terminated, &status.last_state.terminated) {
            (Some(end), _) => (end, Run::Current),
            (None, Some(end)) => (end, Run::Previous),
            (None, None) => return None,
        };
        // What is ready since long has got over it.
        let past = status.ready && world.age(end.finished_at).is_some_and(|age| age > RECENT);
        if past || end.exit_code != KILLED || end.reason == "OOMKilled" {
            return None;
        }
        let text = world.log(pod, &status.name, run)?;
        let line = text.lines().rev().take(QUOTED_LINES).find(|line| {
            let lower = line.to_ascii_lowercase();
            STOPPING.iter().any(|words| lower.contains(words))
        })?;
        Some((pod, status, run, line))
    })
}
