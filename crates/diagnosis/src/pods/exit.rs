//! Containers that end: out of memory, by signal, with an error, or with nothing more to do.

use crate::draft::{Draft, Felt, field, log, some_pods};
use crate::logs::signatures::{self, Signature};
use crate::logs::{Run, last_line};
use crate::snapshot::{ContainerStatus, Pod, Terminated};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const OOM_KILLED: CauseCode = CauseCode::new("container.oom-killed");
const COMMAND_NOT_FOUND: CauseCode = CauseCode::new("container.command-not-found");
const NOT_EXECUTABLE: CauseCode = CauseCode::new("container.command-not-executable");
const WRONG_ARCHITECTURE: CauseCode = CauseCode::new("image.wrong-architecture");
const SEGFAULT: CauseCode = CauseCode::new("container.segmentation-fault");
const ABORTED: CauseCode = CauseCode::new("container.aborted");
const KILLED: CauseCode = CauseCode::new("container.killed");
const TERMINATED: CauseCode = CauseCode::new("container.terminated");
const COMPLETES: CauseCode = CauseCode::new("container.runs-to-completion");
const PORT_CONFLICT: CauseCode = CauseCode::new("container.port-conflict");
const DISK_FULL: CauseCode = CauseCode::new("container.disk-full");
const CRASHING: CauseCode = CauseCode::new("container.crashing");

/// Restarts older than this, of a container that is ready now, are history.
const RECENT: i64 = 30 * 60;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let draft = pods.iter().filter(|pod| !pod.terminating()).find_map(|pod| crash(world, workload, pod));
        if let Some(draft) = draft {
            let hit: Vec<&Pod> = pods
                .iter()
                .filter(|pod| pod.statuses().any(|status| ended(status).is_some()))
                .copied()
                .collect();
            found.push(draft.affects(some_pods(&hit)));
        }
    }
}

/// How the container ended, if it is down or was restarted.
fn ended(status: &ContainerStatus) -> Option<&Terminated> {
    match &status.state.terminated {
        Some(now) if now.exit_code == 0 && now.reason == "Completed" && status.restart_count == 0 => None,
        Some(now) => Some(now),
        None if status.restart_count > 0 => status.last_state.terminated.as_deref(),
        None => None,
    }
}

fn crash(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Option<Draft> {
    if pod.status.phase == "Succeeded"
        || matches!(pod.status.reason.as_deref(), Some("Evicted" | "NodeLost" | "Preempting"))
    {
        return None;
    }
    let could_not_start = pod.statuses().find_map(|status| {
        let waiting = status.state.waiting.as_ref()?;
        matches!(waiting.reason.as_str(), "RunContainerError" | "CreateContainerError" | "CrashLoopBackOff")
            .then(|| start_error(&waiting.message))
            .flatten()
            .map(|cause| (status, cause, waiting.message.as_str()))
    });
    if let Some((status, cause, message)) = could_not_start {
        let at = reference("Pod", &pod.metadata);
        let statement = format!("container {} can't be started: its command can't be run", status.name);
        return Some(
            Draft::new(cause, workload.clone(), 0.95, statement)
                .proof(field(
                    &at,
                    &format!("status.containerStatuses[{}].state.waiting.message", status.name),
                    message,
                ))
                .param("container", status.name.as_str())
                .since(pod.metadata.creation_timestamp),
        );
    }
    let status = pod
        .statuses()
        .filter(|status| ended(status).is_some())
        .max_by_key(|status| (!status.ready, status.restart_count))?;
    let end = ended(status)?;
    let past = status.ready && world.age(end.finished_at).is_some_and(|age| age > RECENT);
    let draft = explain(world, workload, pod, status, end);
    Some(if past {
        draft.severity(Severity::Low).felt(Felt::Nowhere)
    } else if status.ready {
        draft.severity(Severity::Medium).felt(Felt::Silently)
    } else {
        draft
    })
}

/// runc's words for a command that can't be started.
fn start_error(message: &str) -> Option<CauseCode> {
    if message.contains("exec format error") {
        Some(WRONG_ARCHITECTURE)
    } else if message.contains("executable file not found") || message.contains("no such file or directory") {
        Some(COMMAND_NOT_FOUND)
    } else if message.contains("permission denied") {
        Some(NOT_EXECUTABLE)
    } else {
        None
    }
}

fn explain(
    world: &World<'_>,
    workload: &ObjectRef,
    pod: &Pod,
    status: &ContainerStatus,
    end: &Terminated,
) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let container = &status.name;
    let previous = status.state.terminated.is_none();
    let run = if previous { Run::Previous } else { Run::Current };
    let read = [run, Run::Current].into_iter().find_map(|run| Some((run, world.log(pod, container, run)?)));
    let text = read.map(|(_, text)| text);
    let signature = text.map(signatures::newest).unwrap_or_default();
    let telling = |wanted: Signature| signature.iter().find(|(known, _)| *known == wanted);
    let init = pod.status.init_container_statuses.iter().any(|init| init.name == *container);
    let role = if init { "init container" } else { "container" };
    let restarts_always = !matches!(pod.spec.restart_policy.as_deref(), Some("Never" | "OnFailure"));

    let (cause, confidence, what) = if end.reason == "OOMKilled" || telling(Signature::OutOfMemory).is_some()
    {
        (OOM_KILLED, if end.reason == "OOMKilled" { 0.96 } else { 0.85 }, "runs out of memory".to_owned())
    } else if let Some(cause) = start_error(&end.message) {
        (cause, 0.93, "can't be started".to_owned())
    } else if telling(Signature::AddressInUse).is_some() {
        (PORT_CONFLICT, 0.93, "can't listen: its port is already in use in the pod".to_owned())
    } else if let Some(port) = declared_twice(pod, container).filter(|_| end.exit_code != 0) {
        (PORT_CONFLICT, 0.85, format!("wants port {port}, which another container of the pod declares too"))
    } else if telling(Signature::DiskFull).is_some() {
        (DISK_FULL, 0.9, "finds its disk full".to_owned())
    } else {
        match end.exit_code {
            127 => (COMMAND_NOT_FOUND, 0.88, "ends with 127: its command is not in the image".to_owned()),
            126 => (NOT_EXECUTABLE, 0.88, "ends with 126: its command can't be executed".to_owned()),
            128 if end.reason == "StartError" || end.reason == "ContainerCannotRun" => {
                (COMMAND_NOT_FOUND, 0.8, "can't be started".to_owned())
            }
            139 => (SEGFAULT, 0.85, "ends with 139: a segmentation fault".to_owned()),
            134 => (ABORTED, 0.8, "ends with 134: it aborts itself".to_owned()),
            137 => (KILLED, 0.55, "is killed (137) without an OOM report".to_owned()),
            143 => (TERMINATED, 0.5, "is asked to stop (143) again and again".to_owned()),
            0 if restarts_always => {
                (COMPLETES, 0.8, "ends with success, but is meant to run for ever".to_owned())
            }
            code => (CRASHING, 0.7, format!("ends with {code}")),
        }
    };
    let mut draft = Draft::new(
        cause.clone(),
        workload.clone(),
        confidence,
        format!("{role} {container} of {workload} {what}"),
    )
    .proof(field(
        &at,
        &format!(
            "status.containerStatuses[{container}].{}.terminated.exitCode",
            if previous { "lastState" } else { "state" }
        ),
        end.exit_code,
    ))
    .param("container", container.as_str())
    .since(end.finished_at)
    .through(crate::services::addresses::callees(world, pod))
    .through(pod.node().map(|node| ObjectRef::cluster("Node", node)));
    if !end.reason.is_empty() {
        draft = draft.proof(field(
            &at,
            &format!(
                "status.containerStatuses[{container}].{}.terminated.reason",
                if previous { "lastState" } else { "state" }
            ),
            &end.reason,
        ));
    }
    if status.restart_count > 0 {
        draft = draft.proof(field(
            &at,
            &format!("status.containerStatuses[{container}].restartCount"),
            status.restart_count,
        ));
    }
    if let Some(waiting) = &status.state.waiting {
        draft = draft.proof(field(
            &at,
            &format!("status.containerStatuses[{container}].state.waiting.reason"),
            &waiting.reason,
        ));
    }
    if cause == OOM_KILLED
        && let Some(limit) = pod.spec.container(container).and_then(|it| it.resources.limits.get("memory"))
    {
        draft = draft
            .proof(field(&at, &format!("spec.containers[{container}].resources.limits.memory"), limit))
            .param("limit", limit.text());
    }
    if let Some((run, text)) = read {
        let line = signature.first().map(|(_, line)| *line).or_else(|| last_line(text));
        draft = draft.proofs(line.map(|line| log(pod, container, run, line)));
    }
    draft
}

/// A port of the container that another container of the pod declares as well: they share one network.
fn declared_twice(pod: &Pod, container: &str) -> Option<i64> {
    let mine = pod.spec.containers.iter().find(|it| it.name == container)?;
    let others = || pod.spec.containers.iter().filter(|it| it.name != container).flat_map(|it| &it.ports);
    let transport =
        |port: &crate::snapshot::ContainerPort| port.protocol.as_deref().unwrap_or("TCP").to_owned();
    mine.ports
        .iter()
        .find(|port| {
            others().any(|other| {
                other.container_port == port.container_port && transport(other) == transport(port)
            })
        })
        .map(|port| port.container_port)
}
