//! Containers that end: out of memory, by signal, with an error, or with nothing more to do.

use crate::draft::{Draft, Felt, field, log, some_pods};
use crate::logs::signatures::{self, Signature};
use crate::logs::{QUOTED_LINES, Run, last_line};
use crate::services::targets;
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
const INIT_FAILING: CauseCode = CauseCode::new("container.init-failing");
const READ_ONLY_ROOT: CauseCode = CauseCode::new("container.read-only-root");
const ENVIRONMENT: CauseCode = CauseCode::new("config.environment-missing");
const SCHEMA: CauseCode = CauseCode::new("database.schema-behind");
const MIGRATION_LOCK: CauseCode = CauseCode::new("database.migration-locked");
const LATE: CauseCode = CauseCode::new("app.dependency-late");

/// Restarts older than this, of a container that is ready now, are history.
pub(super) const RECENT: i64 = 30 * 60;
/// Confidence in what a log says long before the process ended.
const SAID_EARLIER: f64 = 0.45;

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

fn done(status: &ContainerStatus) -> bool {
    status.state.terminated.as_ref().is_some_and(|end| end.exit_code == 0)
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
    let init = |name: &str| pod.status.init_container_statuses.iter().any(|init| init.name == name);
    let status = pod
        .statuses()
        .filter(|status| ended(status).is_some())
        // An init container that ended well in the end has done its work.
        .filter(|status| !(init(&status.name) && done(status)))
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
    if message.contains("seccomp") || message.contains("apparmor") {
        None // pods::config tells these.
    } else if message.contains("exec format error") {
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
    } else if telling(Signature::ForeignBinary).is_some() && matches!(end.exit_code, 1 | 2 | 126 | 255) {
        (WRONG_ARCHITECTURE, 0.94, "is built for another processor than its node's".to_owned())
    } else if let Some(host) = blamed_and_up(world, pod, status, &signature) {
        (LATE, 0.8, format!("ended while {host}, which it needs at its start, did not answer yet"))
    } else if telling(Signature::AddressInUse).is_some() {
        (PORT_CONFLICT, 0.93, "can't listen: its port is already in use in the pod".to_owned())
    } else if let Some(port) = declared_twice(pod, container).filter(|_| end.exit_code != 0) {
        (PORT_CONFLICT, 0.85, format!("wants port {port}, which another container of the pod declares too"))
    } else if telling(Signature::EnvironmentMissing).is_some() && end.exit_code != 0 {
        (ENVIRONMENT, 0.93, "ends because a setting is not in its environment".to_owned())
    } else if telling(Signature::MigrationLocked).is_some() && end.exit_code != 0 {
        (MIGRATION_LOCK, 0.9, "ends because a migration's lock is held".to_owned())
    } else if telling(Signature::SchemaBehind).is_some() && end.exit_code != 0 {
        (SCHEMA, 0.9, "ends because its database lacks tables or columns".to_owned())
    } else if telling(Signature::ReadOnlyFileSystem)
        .is_some_and(|(_, line)| read_only_root(pod, container, line))
    {
        (READ_ONLY_ROOT, 0.93, "writes to its root file system, which is read-only".to_owned())
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
            code if init => (INIT_FAILING, 0.78, format!("ends with {code}, so the pod does not start")),
            // Without a log nobody knows why.
            code if text.is_none_or(|text| text.trim().is_empty()) => {
                (CRASHING, 0.45, format!("ends with {code}, and its log is not there"))
            }
            code => (CRASHING, 0.7, format!("ends with {code}")),
        }
    };
    let earlier = (cause == ENVIRONMENT || cause == SCHEMA)
        && deciding(&cause).zip(text).is_some_and(|(signature, text)| !among_last_words(text, signature));
    let mut draft = Draft::new(
        cause.clone(),
        workload.clone(),
        if earlier { SAID_EARLIER } else { confidence },
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
    .blames(targets::blamed_in_logs(world, pod))
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
        let decides = deciding(&cause).and_then(&telling).map(|(_, line)| *line);
        let line = decides.or_else(|| signature.first().map(|(_, line)| *line)).or_else(|| last_line(text));
        draft = draft.proofs(line.map(|line| log(pod, container, run, line)));
    }
    if cause == READ_ONLY_ROOT {
        let path = format!("spec.containers[{container}].securityContext.readOnlyRootFilesystem");
        draft = draft.proof(field(&at, &path, "true"));
    }
    draft
}

/// The signature that a cause rests on.
fn deciding(cause: &CauseCode) -> Option<Signature> {
    Some(match cause.as_str() {
        "container.oom-killed" => Signature::OutOfMemory,
        "image.wrong-architecture" => Signature::ForeignBinary,
        "container.port-conflict" => Signature::AddressInUse,
        "config.environment-missing" => Signature::EnvironmentMissing,
        "database.migration-locked" => Signature::MigrationLocked,
        "database.schema-behind" => Signature::SchemaBehind,
        "container.read-only-root" => Signature::ReadOnlyFileSystem,
        "container.disk-full" => Signature::DiskFull,
        _ => return None,
    })
}

/// Whether one of the last lines says so. Stack frames, which are indented, count as part of the line above them.
fn among_last_words(text: &str, signature: Signature) -> bool {
    let frame = |line: &&str| line.trim().is_empty() || line.starts_with([' ', '\t']);
    let says = |line: &str| signatures::of(line) == Some(signature);
    let mut spoken = 0;
    for line in text.lines().rev() {
        if says(line) {
            return true;
        }
        spoken += usize::from(!frame(&line));
        if spoken >= QUOTED_LINES {
            return false;
        }
    }
    false
}

/// The host that the last run could not reach, where the container is ready by now and its Service is too: it only
/// started too early.
fn blamed_and_up(
    world: &World<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    said: &[(Signature, &str)],
) -> Option<String> {
    if !status.ready || status.state.terminated.is_some() {
        return None;
    }
    let (_, line) = said
        .iter()
        .find(|(signature, _)| matches!(signature, Signature::Unreachable | Signature::NameUnresolved))?;
    let blamed = targets::blamed(world, pod, line)?;
    let service = world.service(blamed.service.namespace.as_deref()?, &blamed.service.name)?;
    (world.ready_endpoints(service) > 0).then_some(blamed.service.name)
}

/// Whether the container may not write to its root file system, and the line is not about one of its volumes.
fn read_only_root(pod: &Pod, container: &str, line: &str) -> bool {
    let Some(container) = pod.spec.container(container) else { return false };
    let context = container.security_context.as_deref();
    context.is_some_and(|context| context.read_only_root_filesystem == Some(true))
        && !container.volume_mounts.iter().any(|mount| line.contains(mount.mount_path.as_str()))
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
