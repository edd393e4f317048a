//! CronJobs and Jobs that do not run: suspended, skipped, missed, unreadable, or held by a sidecar.
//!
//! Reasons and words: `pkg/controller/cronjob/cronjob_controllerv2.go`.

use crate::draft::{Draft, Felt, event, field, log};
use crate::logs::{Run, last_line, signatures};
use crate::snapshot::{CronJob, Event, Job, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const SUSPENDED: CauseCode = CauseCode::new("job.suspended");
const STILL_RUNNING: CauseCode = CauseCode::new("job.previous-still-running");
const MISSED: CauseCode = CauseCode::new("job.schedule-missed");
const INVALID: CauseCode = CauseCode::new("job.schedule-invalid");
const HELD: CauseCode = CauseCode::new("job.held-by-sidecar");

/// A CronJob that ran within this many seconds and is suspended now was switched off lately; an older one is meant so.
const LATELY: i64 = 7 * 24 * 3600;
/// Seconds that a sidecar may take to notice that the work is done.
const AFTERGLOW: i64 = 300;
/// Seconds that a Job may run while its CronJob skips runs, before that counts as hanging.
const HANGING: i64 = 900;
/// The label by which Kueue takes a Job over: it suspends the Job until its queue has room.
const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";
/// Names or images of containers that serve another one of their pod and never end by themselves. `proxy` stands for
/// istio-proxy, linkerd-proxy and the cloud SQL proxies as well.
const SIDECARS: &[&str] = &["proxy", "envoy", "vault-agent", "fluent", "otel", "opentelemetry", "sidecar"];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for cron in &world.snapshot.cron_jobs {
        let draft = suspended(world, cron)
            .or_else(|| unreadable(world, cron))
            .or_else(|| held_up(world, cron))
            .or_else(|| missed(world, cron));
        found.extend(draft);
    }
    for job in &world.snapshot.jobs {
        found.extend(suspended_job(world, job));
        found.extend(held_by_sidecar(world, job));
    }
}

fn told<'a>(world: &World<'a>, cron: &CronJob, reasons: &[&str]) -> Option<&'a Event> {
    let events = world.events("CronJob", &cron.metadata.namespace, &cron.metadata.name);
    events.iter().copied().find(|event| reasons.contains(&event.reason.as_str()))
}

fn suspended(world: &World<'_>, cron: &CronJob) -> Option<Draft> {
    if !cron.spec.suspend {
        return None;
    }
    let at = reference("CronJob", &cron.metadata);
    let lately = world.age(cron.status.last_schedule_time).is_some_and(|age| age < LATELY);
    let statement = format!("{at} is suspended, so it starts no Job");
    let draft = Draft::new(SUSPENDED, at.clone(), if lately { 0.8 } else { 0.3 }, statement)
        .proof(field(&at, "spec.suspend", "true"))
        .proofs(cron.status.last_schedule_time.map(|last| field(&at, "status.lastScheduleTime", last)))
        .proof(field(&at, "spec.schedule", &cron.spec.schedule));
    Some(if lately { draft.felt(Felt::Silently) } else { draft.felt(Felt::Nowhere).severity(Severity::Info) })
}

fn suspended_job(world: &World<'_>, job: &Job) -> Option<Draft> {
    let told = job.status.conditions.iter().find(|it| it.kind == "Suspended" && it.status == "True")?;
    // Kueue suspends Jobs until there is room: that is its to tell.
    let queued = job.metadata.labels.text(QUEUE_LABEL).is_some();
    if !job.spec.suspend || queued || world.age(told.last_transition_time).is_none() {
        return None;
    }
    let at = reference("Job", &job.metadata);
    let statement = format!("{at} is suspended, so it runs no pod");
    Some(
        Draft::new(SUSPENDED, at.clone(), 0.6, statement)
            .proof(field(&at, "spec.suspend", "true"))
            .proof(field(&at, "status.conditions[Suspended].message", &told.message))
            .since(told.last_transition_time)
            .felt(Felt::Silently),
    )
}

fn unreadable(world: &World<'_>, cron: &CronJob) -> Option<Draft> {
    let said = told(world, cron, &["UnparseableSchedule", "UnknownTimeZone", "InvalidSchedule"])?;
    let at = reference("CronJob", &cron.metadata);
    let statement = format!("the schedule of {at} can't be read: {}", cron.spec.schedule);
    Some(Draft::new(INVALID, at.clone(), 0.95, statement).proof(event(said)).proof(field(
        &at,
        "spec.schedule",
        &cron.spec.schedule,
    )))
}

/// An earlier run that does not end, and forbids the next ones.
fn held_up(world: &World<'_>, cron: &CronJob) -> Option<Draft> {
    if cron.spec.concurrency_policy.as_deref() != Some("Forbid") {
        return None;
    }
    let said = told(world, cron, &["JobAlreadyActive"]);
    let active = cron.status.active.first()?;
    let namespace = cron.metadata.namespace.as_str();
    let job = world
        .snapshot
        .jobs
        .iter()
        .find(|job| job.metadata.namespace == namespace && job.metadata.name == active.name)?;
    let age = world.age(job.status.start_time.or(job.metadata.creation_timestamp))?;
    if said.is_none() || age < HANGING {
        return None;
    }
    let at = reference("CronJob", &cron.metadata);
    let running = reference("Job", &job.metadata);
    let statement = format!(
        "{running} has been running for {} minutes and {at} forbids a second one, so later runs are skipped",
        age / 60
    );
    let mut draft = Draft::new(STILL_RUNNING, at.clone(), 0.9, statement)
        .proofs(said.map(event))
        .proof(field(&at, "spec.concurrencyPolicy", "Forbid"))
        .proofs(job.status.start_time.map(|start| field(&running, "status.startTime", start)))
        .affects([running])
        .param("job", job.metadata.name.as_str())
        .since(job.status.start_time);
    for pod in world.pods_of(&at).iter().filter(|pod| owned(pod, &job.metadata.name) && !pod.finished()) {
        draft = draft
            .affects([reference("Pod", &pod.metadata)])
            .through(crate::services::addresses::callees(world, pod))
            .blames(crate::services::targets::blamed_in_logs(world, pod))
            .proofs(last_words(world, pod));
    }
    Some(draft)
}

fn owned(pod: &Pod, job: &str) -> bool {
    pod.metadata.controller().is_some_and(|owner| owner.kind == "Job" && owner.name == job)
}

/// What a hanging pod said last.
fn last_words(world: &World<'_>, pod: &Pod) -> Option<stethoscope_core::finding::Proof> {
    pod.spec.containers.iter().find_map(|container| {
        let text = world.log(pod, &container.name, Run::Current)?;
        let line = signatures::newest(text).first().map(|(_, line)| *line).or_else(|| last_line(text))?;
        Some(log(pod, &container.name, Run::Current, line))
    })
}

fn missed(world: &World<'_>, cron: &CronJob) -> Option<Draft> {
    let said = told(world, cron, &["TooManyMissedTimes", "FailedNeedsStart", "MissSchedule"])?;
    let at = reference("CronJob", &cron.metadata);
    // A run after the complaint shows that it was caught up.
    if cron.status.last_schedule_time > said.last_seen() {
        return None;
    }
    let statement = format!("runs of {at} were missed and are not caught up");
    let mut draft = Draft::new(MISSED, at.clone(), 0.88, statement).proof(event(said));
    if let Some(seconds) = cron.spec.starting_deadline_seconds {
        draft = draft.proof(field(&at, "spec.startingDeadlineSeconds", seconds));
    }
    Some(
        draft
            .proofs(cron.status.last_schedule_time.map(|last| field(&at, "status.lastScheduleTime", last)))
            .since(said.first_timestamp.or(said.last_seen())),
    )
}

/// The work ended well, and another container of the pod runs on.
fn held_by_sidecar(world: &World<'_>, job: &Job) -> Option<Draft> {
    if job.status.active == 0 {
        return None;
    }
    let at = reference("Job", &job.metadata);
    let namespace = job.metadata.namespace.as_str();
    let subject = job
        .metadata
        .controller()
        .filter(|owner| owner.kind == "CronJob")
        .map_or_else(|| at.clone(), |owner| ObjectRef::namespaced("CronJob", namespace, &owner.name));
    world.pods_of(&subject).iter().filter(|pod| owned(pod, &job.metadata.name)).find_map(|pod| {
        let ended = pod.status.container_statuses.iter().find(|status| {
            let end = status.state.terminated.as_deref();
            end.is_some_and(|end| {
                end.exit_code == 0 && world.age(end.finished_at).is_none_or(|age| age > AFTERGLOW)
            })
        })?;
        let mut on = pod.status.container_statuses.iter().filter(|status| status.state.running.is_some());
        let running = on.clone().next()?;
        // Any other container may still have work of its own.
        let confidence = if on.all(|status| is_sidecar(pod, &status.name)) { 0.95 } else { 0.4 };
        let pod_at = reference("Pod", &pod.metadata);
        let statement = format!(
            "container {} of {at} is done, but {} runs on, so the Job does not complete",
            ended.name, running.name
        );
        let finished = ended.state.terminated.as_ref().and_then(|end| end.finished_at);
        Some(
            Draft::new(HELD, subject.clone(), confidence, statement)
                .proof(field(
                    &pod_at,
                    &format!("status.containerStatuses[{}].state.terminated.reason", ended.name),
                    ended.state.terminated.as_ref().map_or("Completed", |end| end.reason.as_str()),
                ))
                .proofs(running.state.running.as_ref().and_then(|it| it.started_at).map(|start| {
                    let path = format!("status.containerStatuses[{}].state.running.startedAt", running.name);
                    field(&pod_at, &path, start)
                }))
                .proof(field(&at, "status.active", job.status.active))
                .affects([at.clone(), pod_at])
                .param("sidecar", running.name.as_str())
                .since(finished),
        )
    })
}

fn is_sidecar(pod: &Pod, container: &str) -> bool {
    // Without its registry and folders, which may be named after a proxy that caches images.
    let image = pod.spec.container(container).and_then(|it| it.image.rsplit('/').next()).unwrap_or_default();
    let begins_word =
        |text: &str, at: usize| !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
    let names = |text: &str| {
        SIDECARS.iter().any(|word| text.match_indices(word).any(|(at, _)| begins_word(text, at)))
    };
    names(container) || names(image)
}
