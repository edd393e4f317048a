//! Pools of nodes: upgrades and room to grow.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "node-pool.replacement-not-ready",
        title: "new nodes of an upgrade not ready",
        explanation: "Old nodes are cordoned and their replacements don't become ready, so pods that were moved have no place.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[
            Fix {
                explain: "Roll back for now: let the old nodes take pods again.",
                command: "kubectl uncordon {old_nodes}",
                verify: "kubectl get pods -A --field-selector status.phase=Pending",
            },
            Fix {
                explain: "Then find why the new nodes are not ready, before the upgrade goes on.",
                command: "kubectl describe node {name}",
                verify: "kubectl get nodes",
            },
        ],
    },
    Cause {
        code: "node-pool.replacement-too-small",
        title: "new nodes of an upgrade too few",
        explanation: "Old nodes are cordoned and the new ones don't have room for their pods: the new pool is smaller, or its autoscaler is held back.",
        subject_kind: "Node",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Roll back for now: let the old nodes take pods again.",
                command: "kubectl uncordon {old_nodes}",
                verify: "kubectl get pods -A --field-selector status.phase=Pending",
            },
            Fix {
                explain: "Enlarge the new pool to the size of the old one before the old nodes are drained.",
                command: "",
                verify: "kubectl get nodes",
            },
        ],
    },
    Cause {
        code: "node-pool.at-maximum",
        title: "node autoscaler at its maximum",
        explanation: "Pods wait for room and the autoscaler may not add a node: the pool has reached its largest size or its resource limit.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise the pool's largest size or limit if the budget allows it, or lower what pods ask for.",
            command: "kubectl get configmap cluster-autoscaler-status -n kube-system -o yaml",
            verify: "kubectl get pods -n {namespace}",
        }],
    },
    Cause {
        code: "node-pool.scale-up-failed",
        title: "node autoscaler gets no machine",
        explanation: "The autoscaler asked the provider for a node and got none: no capacity of this machine type, a quota, or the machine never joined. It waits before it tries again.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at the provider's quota and capacity; offer the autoscaler another machine type or zone.",
            command: "kubectl get configmap cluster-autoscaler-status -n kube-system -o yaml",
            verify: "kubectl get pods -n {namespace}",
        }],
    },
];
