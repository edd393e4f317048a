//! Namespaces.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
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
    },
    Cause {
        code: "namespace.finalizers-remain",
        title: "finalizers keep a namespace",
        explanation: "The namespace was deleted, but objects in it carry finalizers that nobody removes: their controller was deleted first, or fails.",
        subject_kind: "Namespace",
        severity: Severity::Medium,
        fix: &[
            Fix {
                explain: "Bring the controller back that owns the finalizers; it cleans up and lets the objects go.",
                command: "kubectl get namespace {name} -o yaml",
                verify: "kubectl get namespace {name}",
            },
            Fix {
                explain: "Only when it is gone for good, remove the finalizers from the objects that the condition names, not from the namespace.",
                command: "kubectl api-resources --verbs=list --namespaced -o name",
                verify: "kubectl get namespace {name}",
            },
        ],
    },
];
