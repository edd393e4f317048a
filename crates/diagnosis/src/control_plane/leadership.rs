//! Controllers that end themselves because they could not renew their lease.
//!
//! Texts: `client-go/tools/leaderelection`, controller-runtime's manager, and the components' own `OnStoppedLeading`.

use super::api;
use super::voices::in_logs;
use crate::draft::{Draft, Felt, field};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const LOST: CauseCode = CauseCode::new("container.leader-election-lost");

const SAYS_LOST: &[&str] = &[
    "leader election lost",
    "leaderelection lost",
    "lost leader election",
    "lost lease, exiting",
    "stopped leading",
    "Failed to renew lease",
    "failed to renew lease",
];
/// Seconds since the last end within which a restart matters.
const RECENT: i64 = 3600;
/// Once is a failover as it should be; more often is trouble.
const OFTEN: i64 = 3;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for voice in in_logs(world, SAYS_LOST) {
        let Some(pod) = voice.pod else { continue };
        let Some((container, restarts)) = restarted(world, pod) else { continue };
        let at = reference("Pod", &pod.metadata);
        let root = world.root(pod);
        let statement = format!(
            "{root} ends itself because it could not renew its lease in time, {restarts} times so far"
        );
        let draft = Draft::new(LOST, root, if restarts >= OFTEN { 0.86 } else { 0.4 }, statement)
            .proof(voice.proof)
            .proof(field(&at, &format!("status.containerStatuses[{container}].restartCount"), restarts))
            .affects([at])
            .through([api()])
            .through(pod.node().map(|node| ObjectRef::cluster("Node", node)))
            .param("container", container);
        found.push(if restarts >= OFTEN || !pod.ready() {
            draft
        } else {
            draft.felt(Felt::Nowhere).severity(Severity::Low)
        });
    }
}

/// The container that was restarted lately, and how often it was.
fn restarted<'p>(world: &World<'_>, pod: &'p Pod) -> Option<(&'p str, i64)> {
    pod.status.container_statuses.iter().find_map(|status| {
        let ended = status.last_state.terminated.as_ref().or(status.state.terminated.as_ref())?;
        let lately = world.age(ended.finished_at).is_none_or(|age| age < RECENT);
        (status.restart_count > 0 && lately).then_some((status.name.as_str(), status.restart_count))
    })
}
