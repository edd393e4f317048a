//! Network policies.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[Cause {
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
}];
