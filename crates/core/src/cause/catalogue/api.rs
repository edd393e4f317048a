//! What extends the API, and versions of it.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "api.service-unavailable",
        title: "aggregated API not available",
        explanation: "An APIService is registered, but the server behind it does not answer. What asks for its kinds fails: autoscalers without metrics, namespaces that can't be emptied, slow discovery.",
        subject_kind: "APIService",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Mend the pods behind Service {service}.",
                command: "kubectl get pods,endpointslices -n {service_namespace}",
                verify: "kubectl get apiservice {name}",
            },
            Fix {
                explain: "If nobody needs this API any more, take its registration away.",
                command: "kubectl delete apiservice {name}",
                verify: "kubectl get apiservices",
            },
        ],
    },
    Cause {
        code: "api.version-removed",
        title: "version of the API removed",
        explanation: "Something asks for a kind in a version that this Kubernetes release no longer serves.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Change {asked_version} to {replacement}, or upgrade the program to a release that does.",
            command: "kubectl get --raw /apis",
            verify: "kubectl api-resources --api-group={replacement}",
        }],
    },
    Cause {
        code: "api.kind-missing",
        title: "kind not installed",
        explanation: "Something asks for a kind that this cluster does not serve: its CustomResourceDefinition is not installed, or in another version.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Install the definition of {asked_kind} first, or correct the version.",
            command: "kubectl get crds",
            verify: "kubectl api-resources",
        }],
    },
];
