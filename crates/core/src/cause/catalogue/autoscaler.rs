//! Autoscalers.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "autoscaler.no-metrics",
        title: "autoscaler gets no metrics",
        explanation: "The autoscaler can't read the metrics it scales by, so it does nothing. Often the metrics server is down or the pods state no requests.",
        subject_kind: "HorizontalPodAutoscaler",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Check the metrics API and the pods' requests.",
            command: "kubectl get apiservices",
            verify: "kubectl describe hpa {name} -n {namespace}",
        }],
    },
    Cause {
        code: "autoscaler.target-missing",
        title: "autoscaler finds no target",
        explanation: "The object that the autoscaler should scale does not exist or can't be scaled.",
        subject_kind: "HorizontalPodAutoscaler",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Correct scaleTargetRef.",
            command: "kubectl edit hpa {name} -n {namespace}",
            verify: "kubectl describe hpa {name} -n {namespace}",
        }],
    },
    Cause {
        code: "autoscaler.at-maximum",
        title: "autoscaler at its maximum",
        explanation: "The load asks for more pods than maxReplicas allows.",
        subject_kind: "HorizontalPodAutoscaler",
        severity: Severity::Low,
        fix: &[Fix {
            explain: "Raise maxReplicas if the cluster has room.",
            command: "kubectl edit hpa {name} -n {namespace}",
            verify: "kubectl describe hpa {name} -n {namespace}",
        }],
    },
    Cause {
        code: "autoscaler.requests-missing",
        title: "pods state no request to scale by",
        explanation: "The autoscaler scales by the share of the request that pods use, and a container states no request, so no share can be computed.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Give container {container} a request for {resource}.",
            command: "kubectl set resources {kind}/{name} -c {container} --requests={resource}=<amount> -n {namespace}",
            verify: "kubectl get hpa -n {namespace}",
        }],
    },
    Cause {
        code: "autoscaler.fixed-size",
        title: "autoscaler without room",
        explanation: "The autoscaler's least and most replicas are the same, so it can't scale.",
        subject_kind: "HorizontalPodAutoscaler",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Raise maxReplicas.",
            command: "kubectl edit hpa {name} -n {namespace}",
            verify: "kubectl describe hpa {name} -n {namespace}",
        }],
    },
    Cause {
        code: "autoscaler.ambiguous-selector",
        title: "two autoscalers for the same pods",
        explanation: "More than one autoscaler selects the same pods, so none of them scales.",
        subject_kind: "HorizontalPodAutoscaler",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Delete one of them, or make their targets' selectors differ.",
            command: "kubectl get hpa -n {namespace}",
            verify: "kubectl describe hpa {name} -n {namespace}",
        }],
    },
];
