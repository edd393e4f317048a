//! What applications say of their peers.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "app.dependency-unreachable",
        title: "a service it calls does not answer",
        explanation: "The workload's log says that a service it calls refuses or does not answer.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look at the service it calls.",
            command: "kubectl get endpointslices -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "app.tls-failing",
        title: "TLS with a peer fails",
        explanation: "A TLS handshake with a peer fails: an expired, wrong or untrusted certificate.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Check the certificate and the CA that the workload trusts.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
