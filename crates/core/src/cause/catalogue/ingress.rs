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
    Cause {
        code: "ingress.class-missing",
        title: "ingress class unknown",
        explanation: "The Ingress names an IngressClass that does not exist, or names none and there is no default, so no controller serves it.",
        subject_kind: "Ingress",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Name an existing class.",
            command: "kubectl edit ingress {name} -n {namespace}",
            verify: "kubectl get ingressclass",
        }],
    },
    Cause {
        code: "ingress.tls-secret-missing",
        title: "certificate of the ingress missing",
        explanation: "The Ingress names a Secret for TLS that does not exist, so the controller serves its own certificate or none.",
        subject_kind: "Ingress",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create the Secret, or correct secretName.",
            command: "kubectl get secret {secret} -n {namespace}",
            verify: "kubectl describe ingress {name} -n {namespace}",
        }],
    },
];
