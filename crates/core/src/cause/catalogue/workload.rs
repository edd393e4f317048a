//! Workloads as a whole.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "workload.zero-replicas",
        title: "scaled to zero",
        explanation: "The workload is scaled to zero, so Services that route to it have no endpoints.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Scale it up.",
            command: "kubectl scale {kind}/{name} --replicas=1 -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.paused",
        title: "rollout paused",
        explanation: "The Deployment is paused, so its newest template is not rolled out.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Resume the rollout.",
            command: "kubectl rollout resume {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.rollout-stalled",
        title: "rollout makes no progress",
        explanation: "New pods do not become ready within the progress deadline.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at the newest pods, or go back.",
            command: "kubectl rollout undo {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.unavailable",
        title: "pods missing or not ready",
        explanation: "Fewer pods are ready than wanted.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at its pods and their events.",
            command: "kubectl describe {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.daemonset-gap",
        title: "nodes without a ready daemon pod",
        explanation: "Some nodes that should run a ready pod of the DaemonSet do not.",
        subject_kind: "DaemonSet",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look at the pods that are not ready.",
            command: "kubectl describe daemonset/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.ordered-start-blocked",
        title: "a StatefulSet waits for one pod",
        explanation: "The StatefulSet starts its pods in order, and one that is not ready keeps the later ones from being made.",
        subject_kind: "StatefulSet",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mend pod {pod}.",
            command: "kubectl describe pod {pod} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "workload.daemonset-excluded",
        title: "a taint keeps the daemon off nodes",
        explanation: "Nodes carry a taint that the DaemonSet does not tolerate, so they get no pod of it.",
        subject_kind: "DaemonSet",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Add a toleration for {taint}.",
            command: "kubectl edit daemonset/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
