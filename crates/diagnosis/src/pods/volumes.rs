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
const HOST_PATH: CauseCode = CauseCode::new("storage.host-path-missing");
const DRIVER: CauseCode = CauseCode::new("storage.driver-missing");
const OWNERSHIP: CauseCode = CauseCode::new("storage.ownership-change-slow");

/// The kubelet's words for a CSI driver that has not registered on the node (`pkg/volume/csi`).
const NO_DRIVER: &str = "not found in the list of registered CSI drivers";
/// The kubelet's words for a hostPath of another type than said (`pkg/volume/hostpath`).
const NO_HOST_PATH: &str = "hostPath type check failed: ";
/// The kubelet's event while it changes a large volume's group (`pkg/volume/volume_linux.go`).
const OWNERSHIP_EVENT: &str = "VolumePermissionChangeInProgress";

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        if let Some(draft) = pods.iter().find_map(|pod| not_writable(world, workload, pod)) {
            found.push(draft);
        }
        found.extend(pods.iter().find_map(|pod| ownership(world, workload, pod)));
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
            // A root file system that is read-only by design refuses the write, not the one volume elsewhere.
            let root = container
                .security_context
                .as_deref()
                .is_some_and(|context| context.read_only_root_filesystem == Some(true));
            let root = root && line.contains("ead-only file system");
            let Some(mount) = named.or(only.filter(|_| !root)) else { continue };
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
            && (!event.message.contains("not found") || event.message.contains(NO_DRIVER))
            && !event.message.contains("non-existent")
            && !event.message.contains("failed to fetch token")
    })
}

fn explain_mount(workload: &ObjectRef, failed: &Event) -> Draft {
    let (cause, confidence, what) = if failed.message.contains("Multi-Attach error") {
        (MULTI_ATTACH, 0.93, "a volume is still attached to another node")
    } else if failed.message.contains(NO_DRIVER) {
        (DRIVER, 0.95, "the node knows no CSI driver of the volume's name")
    } else if failed.message.contains(NO_HOST_PATH) {
        (HOST_PATH, 0.95, "a directory or file of the node is not there")
    } else if failed.message.contains("ermission denied") || failed.message.contains("access denied") {
        (PERMISSION, 0.9, "the storage refuses access to a volume")
    } else if failed.reason == "FailedAttachVolume" {
        (ATTACH, 0.88, "a volume can't be attached to the node")
    } else {
        (MOUNT, 0.8, "a volume can't be mounted")
    };
    let driver = failed.message.split_once("driver name ").and_then(|(_, rest)| rest.split(' ').next());
    let draft = Draft::new(cause, workload.clone(), confidence, format!("pods of {workload} wait: {what}"));
    match driver {
        Some(driver) => draft.param("driver", driver),
        None => draft,
    }
}

/// The kubelet still changes the group of a large volume's files; the pod waits meanwhile.
fn ownership(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Option<Draft> {
    if pod.status.phase != "Pending" || pod.node().is_none() || pod.terminating() {
        return None;
    }
    let told = world.pod_events(pod).iter().copied().find(|event| event.reason == OWNERSHIP_EVENT)?;
    let at = reference("Pod", &pod.metadata);
    let group = pod.spec.security_context.as_ref().and_then(|context| context.fs_group);
    let statement =
        format!("pods of {workload} wait while the kubelet changes the group of every file on a volume");
    Some(
        Draft::new(OWNERSHIP, workload.clone(), 0.9, statement)
            .proof(event(told))
            .proofs(group.map(|group| field(&at, "spec.securityContext.fsGroup", group)))
            .affects([at])
            .since(pod.metadata.creation_timestamp),
    )
}
