//! Services and those who call them.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "service.selector-mismatch",
        title: "selector matches no pod",
        explanation: "The Service's selector matches no pod, so it has no endpoints and every caller fails.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Give the selector the labels that the pods carry.",
            command: "kubectl patch service {name} -n {namespace} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/spec/selector\",\"value\":{labels_json}}}]'",
            verify: "kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}",
        }],
    },
    Cause {
        code: "service.port-mismatch",
        title: "target port is not where the pods listen",
        explanation: "The Service forwards to a port, or to a port name, that its pods do not open, so connections are refused or it has no endpoints.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set the targetPort of port {port} to the port that the container opens.",
            command: "kubectl edit service {name} -n {namespace}",
            verify: "kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}",
        }],
    },
    Cause {
        code: "service.protocol-mismatch",
        title: "transport protocol differs",
        explanation: "The Service forwards another transport protocol (TCP, UDP, SCTP) than the pods listen with.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set the protocol of port {port} to {protocol}.",
            command: "kubectl edit service {name} -n {namespace}",
            verify: "kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}",
        }],
    },
    Cause {
        code: "service.address-mismatch",
        title: "caller uses a wrong address",
        explanation: "A workload is told, by an environment variable, to call a host or port that no Service has.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the address in variable {variable}.",
            command: "kubectl set env {kind}/{name} -c {container} {variable}={value} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "service.address-of-another",
        title: "address of another Service",
        explanation: "An environment variable named after one Service holds the address of another, so requests go to the wrong place.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set variable {variable} to the Service it is named after.",
            command: "kubectl set env {kind}/{name} -c {container} {variable}={value} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "service.selects-another-workload",
        title: "selects the pods of another workload",
        explanation: "The Service carries the name of one workload and selects the pods of another, so callers reach the wrong one.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Give the selector the labels of the workload it is named after: {labels}.",
            command: "kubectl edit service {name} -n {namespace}",
            verify: "kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}",
        }],
    },
    Cause {
        code: "service.missing",
        title: "Service missing",
        explanation: "Other workloads call a Service that does not exist, though its pods run.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create the Service.",
            command: "kubectl expose {kind}/{name} --name={service} --port={port} --target-port={target} -n {namespace}",
            verify: "kubectl get service {service} -n {namespace}",
        }],
    },
    Cause {
        code: "service.no-endpoints",
        title: "no ready endpoints",
        explanation: "The Service has no ready endpoint, so callers fail at once.",
        subject_kind: "Service",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mend the pods behind it.",
            command: "kubectl get pods -n {namespace}",
            verify: "kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}",
        }],
    },
];
