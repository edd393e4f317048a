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
    Cause {
        code: "admission.webhook-timeout",
        title: "admission webhook too slow",
        explanation: "An admission webhook with failurePolicy Fail does not answer within its timeout, so the API server refuses what it guards. Often its pods are overloaded, or the API server can't reach them through a network policy or firewall.",
        subject_kind: "ValidatingWebhookConfiguration",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Look at the pods behind Service {service}: are they busy, are they reachable from the control plane on their port?",
                command: "kubectl get pods -n {service_namespace} -o wide",
                verify: "kubectl get events -A --field-selector reason=FailedCreate",
            },
            Fix {
                explain: "Until it answers again, let the guarded objects pass. Whoever relies on the webhook's rules must agree.",
                command: "kubectl patch {kind} {name} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/webhooks/0/failurePolicy\",\"value\":\"Ignore\"}}]'",
                verify: "kubectl get {kind} {name} -o yaml",
            },
        ],
    },
    Cause {
        code: "admission.webhook-certificate",
        title: "admission webhook's certificate not accepted",
        explanation: "The API server does not accept the certificate of an admission webhook: it expired, is for another name, or is not signed by the caBundle of the configuration. What the webhook guards is refused.",
        subject_kind: "ValidatingWebhookConfiguration",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Renew the webhook's serving certificate, or the caBundle in its configuration, and restart its pods.",
            command: "kubectl rollout restart deployment -n {service_namespace}",
            verify: "kubectl get events -A --field-selector reason=FailedCreate",
        }],
    },
];
