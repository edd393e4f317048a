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
    Cause {
        code: "pod.ephemeral-storage-exceeded",
        title: "local storage limit exceeded",
        explanation: "The pod wrote more to its containers' file systems, logs or emptyDir volumes than its limit allows, and the kubelet evicted it.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise the ephemeral-storage limit or the emptyDir's sizeLimit, or write less to local disk.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "pod.readiness-gate-unmet",
        title: "readiness gate not fulfilled",
        explanation: "All containers are ready, but a condition that somebody outside the cluster's kubelet must set is not true, so the pod does not count as ready.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at the controller that owns the gate {gate}.",
            command: "kubectl get pods -n {namespace} -o wide",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "pod.runtime-class-missing",
        title: "runtime class unknown",
        explanation: "The pod asks for a RuntimeClass that does not exist, or whose handler its node's runtime does not know.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create the RuntimeClass, install its handler on the nodes, or remove runtimeClassName.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "pod.network-slow",
        title: "slow network of a workload's pods",
        explanation: "Requests to and from these pods take long while the pods themselves do no more work than usual: the time is lost on their way, or in something they wait for that is not measured.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look for delay or shaping on the pods' interfaces (a chaos experiment, bandwidth annotations, tc rules), then move one pod to another node and compare.",
            command: "kubectl get pods -n {namespace} -o wide",
            verify: "kubectl exec -n {namespace} {kind}/{name} -- ping -c 5 <peer>",
        }],
    },
];
