//! Gateway API: gateways and routes.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "gateway.class-missing",
        title: "gateway class unknown",
        explanation: "The Gateway names a GatewayClass that does not exist or that no controller accepts, so nobody serves it.",
        subject_kind: "Gateway",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Name an existing class, or install its controller.",
            command: "kubectl edit gateway {name} -n {namespace}",
            verify: "kubectl describe gateway {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.listener-invalid",
        title: "listener of a gateway not usable",
        explanation: "A listener of the Gateway can't be set up: its certificate can't be read, or it conflicts with another one.",
        subject_kind: "Gateway",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct listener {listener}.",
            command: "kubectl edit gateway {name} -n {namespace}",
            verify: "kubectl describe gateway {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.route-not-accepted",
        title: "route not accepted by its gateway",
        explanation: "The route names a listener or host that its Gateway does not have, or the listener does not allow routes of its namespace.",
        subject_kind: "HTTPRoute",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make the route's parentRefs and hostnames fit a listener that allows its namespace.",
            command: "kubectl edit httproute {name} -n {namespace}",
            verify: "kubectl describe httproute {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.parent-missing",
        title: "route attaches to no gateway",
        explanation: "The route names a Gateway that does not exist.",
        subject_kind: "HTTPRoute",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct parentRefs.",
            command: "kubectl edit httproute {name} -n {namespace}",
            verify: "kubectl describe httproute {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.backend-missing",
        title: "route points at no Service",
        explanation: "The route sends requests to a Service that does not exist.",
        subject_kind: "HTTPRoute",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the backend's name, or create the Service.",
            command: "kubectl edit httproute {name} -n {namespace}",
            verify: "kubectl describe httproute {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.port-mismatch",
        title: "route points at a wrong port",
        explanation: "The route sends requests to a port that the Service does not offer.",
        subject_kind: "HTTPRoute",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the backend's port.",
            command: "kubectl edit httproute {name} -n {namespace}",
            verify: "kubectl describe httproute {name} -n {namespace}",
        }],
    },
    Cause {
        code: "gateway.reference-not-permitted",
        title: "route may not refer to another namespace",
        explanation: "The route or listener refers to an object of another namespace, and no ReferenceGrant there allows it.",
        subject_kind: "HTTPRoute",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create a ReferenceGrant in namespace {target_namespace}.",
            command: "kubectl get referencegrants -n {target_namespace}",
            verify: "kubectl describe httproute {name} -n {namespace}",
        }],
    },
];
