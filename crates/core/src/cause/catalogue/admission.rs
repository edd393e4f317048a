//! What the API server refuses to create.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "admission.quota-cpu",
        title: "CPU quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more CPU, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-memory",
        title: "memory quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more memory, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-pods",
        title: "pod quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more pods, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-services",
        title: "Service quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more Services, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-storage",
        title: "storage quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more storage, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-other",
        title: "quota used up",
        explanation: "A ResourceQuota of the namespace leaves no room for more of a resource, so the API server refuses to create what exceeds it.",
        subject_kind: "Namespace",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise {resource} in quota {quota}, or free some of it.",
            command: "kubectl edit resourcequota {quota} -n {name}",
            verify: "kubectl describe quota -n {name}",
        }],
    },
    Cause {
        code: "admission.quota-needs-requests",
        title: "quota wants requests or limits",
        explanation: "A quota counts a resource that the pods do not state, so the API server refuses them.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "State requests and limits in the workload, or give the namespace a LimitRange with defaults.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "admission.service-account-missing",
        title: "service account missing",
        explanation: "The workload runs as a ServiceAccount that does not exist, so the API server refuses its pods.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Create the account.",
                command: "kubectl create serviceaccount {account} -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
            Fix {
                explain: "Or name an account that exists.",
                command: "kubectl set serviceaccount {kind}/{name} <account> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "admission.webhook-failing",
        title: "admission webhook does not answer",
        explanation: "An admission webhook with failurePolicy Fail does not answer, so nothing it guards can be created.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mend the webhook's Service and pods, or lift its configuration.",
            command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "admission.webhook-denies",
        title: "admission webhook denies the pods",
        explanation: "An admission webhook refuses the pods by its own rules.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Change the workload so that the rule holds.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "admission.pod-security",
        title: "pod security forbids the pods",
        explanation: "The namespace enforces a pod security level that the pods violate.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add the security context that the level asks for.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "admission.limit-range",
        title: "LimitRange forbids the pods",
        explanation: "A LimitRange of the namespace bounds requests or limits, and the pods exceed it.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Change the workload's resources, or the LimitRange.",
            command: "kubectl describe limitrange -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "admission.refused",
        title: "API server refuses the pods",
        explanation: "The API server refuses to create the pods for a reason that is not recognised.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the FailedCreate event.",
            command: "kubectl get events -n {namespace} --field-selector reason=FailedCreate",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
