//! Volumes that can't be attached or mounted, or that the process may not write.

use crate::draft::{Draft, event, field, log, some_pods};
use crate::logs::{Run, last_line_with};
use crate::snapshot::{Event, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const PERMISSION: CauseCode = CauseCode::new("storage.permission-denied");
const ATTACH: CauseCode = CauseCode::new("storage.attach-failed");
const MULTI_ATTACH: CauseCode = CauseCode::new("storage.attached-elsewhere");
const MOUNT: CauseCode = CauseCode::new("storage.mount-failed");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        if let Some(draft) = pods.iter().find_map(|pod| not_writable(world, workload, pod)) {
            found.push(draft);
        }
        let stuck: Vec<(&Pod, &Event)> =
            pods.iter().filter_map(|pod| Some((*pod, not_mounted(world, pod)?))).collect();
        if let Some((pod, failed)) = stuck.first() {
            let pods: Vec<&Pod> = stuck.iter().map(|(pod, _)| *pod).collect();
            found.push(
                explain_mount(workload, failed)
                    .proof(event(failed))
                    .affects(some_pods(&pods))
                    .through(pod.node().map(|node| ObjectRef::cluster("Node", node)))
                    .since(pod.metadata.creation_timestamp),
            );
        }
    }
}

/// A crashing container whose last words are a refused write below one of its mounts.
fn not_writable(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Option<Draft> {
    for status in pod.statuses() {
        if status.ready || (status.restart_count == 0 && status.state.waiting.is_none()) {
            continue;
        }
        let container = pod.spec.container(&status.name)?;
        for run in [Run::Previous, Run::Current] {
            let Some(text) = world.log(pod, &status.name, run) else { continue };
            let Some(line) = last_line_with(
                text,
                &[
                    "Permission denied",
                    "permission denied",
                    "EACCES",
                    "Read-only file system",
                    "AccessDeniedException",
                ],
            ) else {
                continue;
            };
            let mounts: Vec<_> = container
                .volume_mounts
                .iter()
                .filter(|mount| !mount.mount_path.starts_with("/var/run/secrets/"))
                .collect();
            let named = mounts.iter().find(|mount| line.contains(mount.mount_path.as_str()));
            let only = if let [only] = mounts.as_slice() { Some(only) } else { None };
            let Some(mount) = named.or(only) else { continue };
            let at = reference("Pod", &pod.metadata);
            let mut draft = Draft::new(
                PERMISSION,
                workload.clone(),
                if named.is_some() { 0.93 } else { 0.85 },
                format!(
                    "container {} may not write the volume {} at {}, and exits",
                    status.name, mount.name, mount.mount_path
                ),
            )
            .proof(log(pod, &status.name, run, line))
            .proof(field(
                &at,
                &format!("spec.containers[{}].volumeMounts[{}].mountPath", status.name, mount.name),
                &mount.mount_path,
            ))
            .affects([at.clone()])
            .param("container", status.name.as_str())
            .param("path", mount.mount_path.as_str())
            .since(pod.metadata.creation_timestamp);
            if mount.read_only {
                draft = draft.proof(field(
                    &at,
                    &format!("spec.containers[{}].volumeMounts[{}].readOnly", status.name, mount.name),
                    "true",
                ));
            }
            if let Some(context) = &pod.spec.security_context {
                for (name, value) in [("runAsUser", context.run_as_user), ("fsGroup", context.fs_group)] {
                    if let Some(value) = value {
                        draft = draft.proof(field(&at, &format!("spec.securityContext.{name}"), value));
                    }
                }
            }
            return Some(draft);
        }
    }
    None
}

fn not_mounted<'a>(world: &World<'a>, pod: &Pod) -> Option<&'a Event> {
    if pod.status.phase != "Pending" || pod.node().is_none() || pod.terminating() {
        return None;
    }
    world.pod_events(pod).iter().copied().find(|event| {
        matches!(event.reason.as_str(), "FailedAttachVolume" | "FailedMount" | "FailedMapVolume")
            && !event.message.contains("not found")
            && !event.message.contains("non-existent")
            && !event.message.contains("failed to fetch token")
    })
}

fn explain_mount(workload: &ObjectRef, failed: &Event) -> Draft {
    let (cause, confidence, what) = if failed.message.contains("Multi-Attach error") {
        (MULTI_ATTACH, 0.93, "a volume is still attached to another node")
    } else if failed.message.contains("ermission denied") || failed.message.contains("access denied") {
        (PERMISSION, 0.9, "the storage refuses access to a volume")
    } else if failed.reason == "FailedAttachVolume" {
        (ATTACH, 0.88, "a volume can't be attached to the node")
    } else {
        (MOUNT, 0.8, "a volume can't be mounted")
    };
    Draft::new(cause, workload.clone(), confidence, format!("pods of {workload} wait: {what}"))
}
