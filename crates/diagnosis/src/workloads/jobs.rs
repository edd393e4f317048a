//! Jobs that failed.

use crate::draft::{Draft, Felt, event, field};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const BACKOFF: CauseCode = CauseCode::new("job.backoff-limit-exceeded");
const DEADLINE: CauseCode = CauseCode::new("job.deadline-exceeded");
const FAILED: CauseCode = CauseCode::new("job.failed");

/// A Job that failed longer ago than this is history.
const RECENT: i64 = 6 * 3600;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for job in &world.snapshot.jobs {
        let failed = job.status.conditions.iter().find(|it| it.kind == "Failed" && it.status == "True");
        let Some(failed) = failed else { continue };
        let at = reference("Job", &job.metadata);
        let cron = job.metadata.controller().filter(|owner| owner.kind == "CronJob");
        let subject = cron.map_or_else(
            || at.clone(),
            |owner| ObjectRef::namespaced("CronJob", &job.metadata.namespace, &owner.name),
        );
        let (cause, what) = match failed.reason.as_str() {
            "BackoffLimitExceeded" => (BACKOFF, "its pods failed too often"),
            "DeadlineExceeded" => (DEADLINE, "it took longer than activeDeadlineSeconds"),
            _ => (FAILED, "it is marked as failed"),
        };
        let mut draft = Draft::new(cause, subject.clone(), 0.6, format!("{at} failed: {what}"))
            .proof(field(&at, "status.conditions[Failed].reason", &failed.reason))
            .proof(field(&at, "status.failed", job.status.failed))
            .through([subject])
            .affects([at])
            .since(failed.last_transition_time);
        if !failed.message.is_empty() {
            draft = draft.proof(field(
                &reference("Job", &job.metadata),
                "status.conditions[Failed].message",
                &failed.message,
            ));
        }
        let events = world.events("Job", &job.metadata.namespace, &job.metadata.name);
        draft = draft.proofs(events.iter().find(|it| it.warns()).map(|it| event(it)));
        if world.age(failed.last_transition_time).is_some_and(|age| age > RECENT) {
            draft = draft.severity(Severity::Low).felt(Felt::Nowhere);
        }
        found.push(draft);
    }
}
