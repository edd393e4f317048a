//! Objects that were deleted and do not go.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "deletion.finalizers-remain",
        title: "finalizers keep a deleted object",
        explanation: "The object was deleted, but a finalizer remains that its controller should remove: the controller does not run, or can't finish its work.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::Medium,
        fix: &[
            Fix {
                explain: "Run or mend the controller that owns the finalizer ({finalizers}); it cleans up and removes it.",
                command: "kubectl describe {kind} {name} -n {namespace}",
                verify: "kubectl get {kind} {name} -n {namespace}",
            },
            Fix {
                explain: "Only when that controller is gone for good, and what it would clean up is taken care of, remove the finalizer by hand.",
                command: "kubectl patch {kind} {name} -n {namespace} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
                verify: "kubectl get {kind} {name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "deletion.still-in-use",
        title: "deleted claim still in use",
        explanation: "The claim was deleted while a pod uses it. It stays until the pod ends; then the data may go with it.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "A deletion can't be taken back: save the data first, or keep the volume by its reclaim policy.",
            command: "kubectl get pv -o wide",
            verify: "kubectl get pvc -n {namespace}",
        }],
    },
];
