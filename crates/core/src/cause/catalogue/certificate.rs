//! Certificates.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "certificate.expired",
        title: "certificate expired",
        explanation: "A certificate is past its end and was not renewed, so clients refuse the connection.",
        subject_kind: "Certificate",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "See why it was not renewed: the order, the challenge, the issuer.",
                command: "kubectl describe {kind} {name} -n {namespace}",
                verify: "kubectl get {kind} {name} -n {namespace}",
            },
            Fix {
                explain: "When the reason is gone, have it issued anew (cert-manager's command line).",
                command: "cmctl renew {name} -n {namespace}",
                verify: "kubectl get certificate {name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "certificate.renewal-failing",
        title: "certificate can't be issued",
        explanation: "The issuer does not issue the certificate, so it is missing or will soon expire.",
        subject_kind: "Certificate",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look at what {issuer_kind} {issuer} says and at the failed requests.",
            command: "kubectl describe certificate {name} -n {namespace}",
            verify: "kubectl get certificate {name} -n {namespace}",
        }],
    },
];
