//! Init containers that neither end nor fail: they wait for something.

use crate::draft::{Draft, field, log, some_pods};
use crate::logs::{Run, last_line, signatures};
use crate::snapshot::{ContainerStatus, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const WAITING: CauseCode = CauseCode::new("container.init-waiting");

/// Seconds after which a running init container counts as waiting: downloads and migrations take a while.
const LONG: i64 = 300;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let stuck: Vec<(&Pod, &ContainerStatus)> =
            pods.iter().filter_map(|pod| Some((*pod, waits(world, pod)?))).collect();
        if let Some((pod, status)) = stuck.first() {
            let pods: Vec<&Pod> = stuck.iter().map(|(pod, _)| *pod).collect();
            found.push(explain(world, workload, pod, status).affects(some_pods(&pods)));
        }
    }
}

/// The init container that has been running for long. A sidecar is meant to run on.
fn waits<'p>(world: &World<'_>, pod: &'p Pod) -> Option<&'p ContainerStatus> {
    if pod.status.phase != "Pending" || pod.terminating() {
        return None;
    }
    pod.status.init_container_statuses.iter().find(|status| {
        let sidecar =
            pod.spec.container(&status.name).is_some_and(|it| it.restart_policy.as_deref() == Some("Always"));
        let since = status.state.running.as_ref().and_then(|running| running.started_at);
        !sidecar && world.age(since).is_some_and(|age| age > LONG)
    })
}

fn explain(world: &World<'_>, workload: &ObjectRef, pod: &Pod, status: &ContainerStatus) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let container = status.name.as_str();
    let text = world.log(pod, container, Run::Current);
    let line = text
        .and_then(|text| signatures::newest(text).first().map(|(_, line)| *line).or_else(|| last_line(text)));
    let started = status.state.running.as_ref().and_then(|running| running.started_at);
    let statement =
        format!("init container {container} of {workload} waits and waits, so its pods do not start");
    let blamed = crate::services::targets::blamed_in_logs(world, pod);
    Draft::new(WAITING, workload.clone(), if line.is_some() { 0.8 } else { 0.7 }, statement)
        .proofs(started.map(|started| {
            field(&at, &format!("status.initContainerStatuses[{container}].state.running.startedAt"), started)
        }))
        .proofs(line.map(|line| log(pod, container, Run::Current, line)))
        .through(crate::services::addresses::callees(world, pod))
        .through(mentioned(world, pod, container, text.unwrap_or_default()))
        .blames(blamed)
        .blames(mentioned(world, pod, container, text.unwrap_or_default()))
        .param("container", container)
        .since(pod.metadata.creation_timestamp)
}

/// Services that the waiting command or its last words name, e.g. `until nc -z db 5432; do sleep 2; done`.
fn mentioned(world: &World<'_>, pod: &Pod, container: &str, text: &str) -> Vec<ObjectRef> {
    let command = pod
        .spec
        .container(container)
        .map(|it| it.command.iter().chain(it.args.iter()).cloned().collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    let words = last_line(text).unwrap_or_default();
    world
        .services_in(&pod.metadata.namespace)
        .iter()
        .filter(|service| {
            let name = service.metadata.name.as_str();
            signatures::mentions(&command, name) || signatures::mentions(words, name)
        })
        .map(|service| reference("Service", &service.metadata))
        .collect()
}
