//! Ingresses.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "ingress.backend-missing",
        title: "ingress points at no Service",
        explanation: "The Ingress sends requests to a Service that does not exist.",
        subject_kind: "Ingress",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the backend's name, or create the Service.",
            command: "kubectl edit ingress {name} -n {namespace}",
            verify: "kubectl describe ingress {name} -n {namespace}",
        }],
    },
    Cause {
        code: "ingress.port-mismatch",
        title: "ingress points at a wrong port",
        explanation: "The Ingress sends requests to a port that the Service does not offer.",
        subject_kind: "Ingress",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the backend's port.",
            command: "kubectl edit ingress {name} -n {namespace}",
            verify: "kubectl describe ingress {name} -n {namespace}",
        }],
    },
];
