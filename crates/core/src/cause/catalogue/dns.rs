//! Names that do not resolve.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "dns.resolution-failing",
        title: "names of Services do not resolve",
        explanation: "A workload can't resolve the name of a Service that exists: the cluster's DNS does not answer, or the pod does not ask it.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Check that the cluster's DNS runs and answers.",
            command: "kubectl get pods -n kube-system -l k8s-app=kube-dns",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "dns.cluster-dns-down",
        title: "cluster DNS down",
        explanation: "No pod of the cluster's DNS is ready, so no Service is found by its name.",
        subject_kind: "Deployment",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Mend the DNS pods.",
            command: "kubectl get pods -n {namespace} -l k8s-app=kube-dns",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "dns.pod-resolver-wrong",
        title: "pod does not ask the cluster's DNS",
        explanation: "The pod's dnsPolicy or dnsConfig sends its questions elsewhere, where the names of Services are unknown.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Use dnsPolicy ClusterFirst (ClusterFirstWithHostNet with hostNetwork).",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "dns.forwarding-loop",
        title: "cluster DNS asks itself",
        explanation: "CoreDNS forwards what it does not know to a resolver that asks CoreDNS again. It detects the loop and stops.",
        subject_kind: "Deployment",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Let CoreDNS forward to real resolvers: correct the nodes' resolv.conf or the forward line of the Corefile.",
            command: "kubectl edit configmap coredns -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "dns.configuration-invalid",
        title: "cluster DNS configuration invalid",
        explanation: "CoreDNS can't read its Corefile and does not start.",
        subject_kind: "Deployment",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Correct the Corefile.",
            command: "kubectl edit configmap coredns -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "dns.search-suffix-storm",
        title: "names tried with every search suffix",
        explanation: "Outside names with few dots are first asked with each search suffix of the cluster, so every lookup becomes several and the cluster's DNS is busy with names that can't exist.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "End outside names with a dot, or set dnsConfig option ndots to 1 or 2.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
