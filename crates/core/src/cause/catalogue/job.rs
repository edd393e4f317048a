//! Jobs.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "job.backoff-limit-exceeded",
        title: "job failed too often",
        explanation: "The Job's pods failed more often than backoffLimit allows.",
        subject_kind: "Job",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Read the log of its last pod.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.deadline-exceeded",
        title: "job took too long",
        explanation: "The Job ran longer than activeDeadlineSeconds.",
        subject_kind: "Job",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Give it more time, or find what makes it slow.",
            command: "kubectl describe {kind}/{name} -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.failed",
        title: "job failed",
        explanation: "The Job is marked as failed.",
        subject_kind: "Job",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Read its conditions and events.",
            command: "kubectl describe {kind}/{name} -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.suspended",
        title: "suspended",
        explanation: "The Job or CronJob is suspended, so it starts nothing.",
        subject_kind: "CronJob",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Resume it.",
            command: "kubectl patch {kind}/{name} -n {namespace} -p '{{\"spec\":{{\"suspend\":false}}}}'",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.previous-still-running",
        title: "an earlier run does not end",
        explanation: "concurrencyPolicy is Forbid and an earlier Job of the CronJob is still running, so every later run is skipped.",
        subject_kind: "CronJob",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Find out why {job} hangs, delete it, and set activeDeadlineSeconds.",
            command: "kubectl delete job {job} -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.schedule-missed",
        title: "scheduled runs missed",
        explanation: "The CronJob's runs were not started in time and are not caught up: startingDeadlineSeconds is too short, or too many starts were missed.",
        subject_kind: "CronJob",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set startingDeadlineSeconds so that a late start still counts, or run it by hand.",
            command: "kubectl create job --from=cronjob/{name} {name}-manual -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.schedule-invalid",
        title: "schedule can't be read",
        explanation: "The CronJob's schedule or time zone can't be parsed, so it never starts a Job.",
        subject_kind: "CronJob",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct spec.schedule or spec.timeZone.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get cronjobs -n {namespace}",
        }],
    },
    Cause {
        code: "job.held-by-sidecar",
        title: "a sidecar keeps the job running",
        explanation: "The Job's work is done, but another container of its pod runs on, so the Job never completes.",
        subject_kind: "Job",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Make {sidecar} an init container with restartPolicy Always, or let it end with the work.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get jobs -n {namespace}",
        }],
    },
];
