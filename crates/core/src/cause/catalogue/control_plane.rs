//! The control plane: etcd, the API server, the controllers.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "control-plane.etcd-full",
        title: "etcd out of space",
        explanation: "etcd has reached its quota and raised the NOSPACE alarm: the API answers reads and refuses every write.",
        subject_kind: "Pod",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Compact and defragment every member, then disarm the alarm. Find what wrote so much (events, a custom resource) before it fills again.",
            command: "kubectl exec -n {namespace} {name} -- etcdctl alarm list",
            verify: "kubectl get --raw /readyz?verbose",
        }],
    },
    Cause {
        code: "control-plane.etcd-no-leader",
        title: "etcd without a stable leader",
        explanation: "etcd's members don't agree on a leader for long, so the API's requests fail or stall. Mostly a member is gone, its disk is too slow, or the network between them fails.",
        subject_kind: "Pod",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Look at every member's health and at the latency between them.",
            command: "kubectl exec -n {namespace} {name} -- etcdctl endpoint status --cluster",
            verify: "kubectl get --raw /readyz/etcd",
        }],
    },
    Cause {
        code: "control-plane.etcd-slow",
        title: "etcd too slow",
        explanation: "etcd needs too long to write, so the API's requests time out and leaders lose their leases. Mostly its disk is too slow or shared.",
        subject_kind: "Pod",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Give etcd a disk of its own with low write latency, and take load from it: fewer events, smaller objects.",
            command: "kubectl exec -n {namespace} {name} -- etcdctl check perf",
            verify: "kubectl get --raw /readyz/etcd",
        }],
    },
    Cause {
        code: "control-plane.certificate-expired",
        title: "certificate of the control plane expired",
        explanation: "The certificate that the API server or etcd serves has expired, so its clients refuse to talk to it.",
        subject_kind: "Pod",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Renew the certificates on the control-plane node and restart its static pods.",
            command: "sudo kubeadm certs renew all",
            verify: "sudo kubeadm certs check-expiration",
        }],
    },
    Cause {
        code: "control-plane.api-throttling",
        title: "API server turns requests away",
        explanation: "More requests come in than the API server may serve at once, so it answers 429. Mostly one client lists or watches far too much.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Find the client that asks so much and stop it or slow it down; give important clients a FlowSchema of their own.",
            command: "kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels",
            verify: "kubectl get --raw /readyz",
        }],
    },
    Cause {
        code: "control-plane.controller-manager-down",
        title: "no controller manager leads",
        explanation: "No kube-controller-manager renews its lease, so nothing is reconciled: no pods for ReplicaSets, no rollouts, no endpoints, no garbage collection.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Look at the static pod on the control-plane node, its log and its kubeconfig.",
            command: "kubectl get pods -n kube-system -l component=kube-controller-manager -o wide",
            verify: "kubectl get lease kube-controller-manager -n kube-system -o yaml",
        }],
    },
    Cause {
        code: "control-plane.version-skew",
        title: "version not supported by the API server",
        explanation: "A kubelet or kube-proxy is newer than the API server, or more minor versions older than it supports. Fields that one of them does not know are ignored, and pods behave differently from node to node.",
        subject_kind: "Node",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Bring it to a version that the API server ({server}) supports; upgrade the control plane first, then the nodes.",
            command: "kubectl get nodes -o wide",
            verify: "kubectl get node {name} -o wide",
        }],
    },
];
