//! Network policies.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "network.policy-isolates",
        title: "network policy keeps caller from callee",
        explanation: "NetworkPolicies select a pod and none of their rules allows a connection that a workload needs.",
        subject_kind: "NetworkPolicy",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Allow the connection in a policy.",
            command: "kubectl edit networkpolicy {name} -n {namespace}",
            verify: "kubectl describe networkpolicy {name} -n {namespace}",
        }],
    },
    Cause {
        code: "network.pod-range-exhausted",
        title: "no pod addresses left in the network",
        explanation: "The range that nodes or pods get their addresses from is used up: new nodes get no range, or new pods no address, wherever they run.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[
            Fix {
                explain: "Free addresses: remove nodes or pods that nobody needs, or use smaller ranges for each node.",
                command: "kubectl get nodes -o custom-columns=NAME:.metadata.name,RANGE:.spec.podCIDR",
                verify: "kubectl get node {name} -o jsonpath={{.spec.podCIDR}}",
            },
            Fix {
                explain: "Add a range: a further subnet or address pool of the network plugin, or a larger cluster range (--cluster-cidr) where the plugin can have one.",
                command: "",
                verify: "kubectl get nodes",
            },
        ],
    },
];
