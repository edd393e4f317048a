//! Disruption budgets.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[Cause {
    code: "disruption-budget.blocks-eviction",
    title: "budget allows no eviction",
    explanation: "The PodDisruptionBudget allows no pod to be evicted, so a drain of its node waits for ever.",
    subject_kind: "PodDisruptionBudget",
    severity: Severity::Medium,
    fix: &[
        Fix {
            explain: "Run more replicas than the budget keeps, or relax it for the drain.",
            command: "kubectl edit pdb {name} -n {namespace}",
            verify: "kubectl get pdb {name} -n {namespace}",
        },
        Fix {
            explain: "If an upgrade waits for it ({upgrade}) and may not force the eviction, pause the upgrade or let the old nodes take pods again until then.",
            command: "",
            verify: "kubectl get nodes",
        },
    ],
}];
