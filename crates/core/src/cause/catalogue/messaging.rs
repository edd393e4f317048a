//! Brokers, topics and queues.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "messaging.topic-missing",
        title: "topic or queue missing",
        explanation: "The broker knows no topic, queue or exchange of the name that the workload uses.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create it, or correct the name.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "messaging.no-leader",
        title: "broker without leader",
        explanation: "A topic's partition has no leader or too few replicas in sync, so the broker takes no messages for it.",
        subject_kind: "StatefulSet",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at the brokers.",
            command: "kubectl get pods -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
