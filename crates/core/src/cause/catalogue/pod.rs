//! Pods as a whole.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "pod.sandbox-failing",
        title: "pod sandbox can't be made",
        explanation: "The container runtime can't create the pod's sandbox.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the runtime's log on node {node}.",
            command: "kubectl get --raw '/api/v1/nodes/{node}/proxy/logs/?query=containerd'",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "pod.evicted",
        title: "pods evicted",
        explanation: "The kubelet removed pods to free memory, disk or process ids on their node.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Set requests and limits that fit, and free the node.",
            command: "kubectl get pods -n {namespace} --field-selector status.phase=Failed",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "pod.stuck-terminating",
        title: "pod does not finish being deleted",
        explanation: "The pod was deleted, but a finalizer remains or its node does not confirm that it ended.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Find who owns the finalizer or why the node does not answer; force the deletion only when the process is surely gone.",
            command: "kubectl get pod {pod} -n {namespace} -o yaml",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
];
