//! Namespaces.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[Cause {
    code: "namespace.stuck-terminating",
    title: "namespace does not finish being deleted",
    explanation: "The namespace was deleted, but something in it remains: finalizers, or an API whose server does not answer.",
    subject_kind: "Namespace",
    severity: Severity::Medium,
    fix: &[Fix {
        explain: "See what remains and why.",
        command: "kubectl get namespace {name} -o yaml",
        verify: "kubectl get namespace {name}",
    }],
}];
