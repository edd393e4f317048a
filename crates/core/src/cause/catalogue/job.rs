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
];
