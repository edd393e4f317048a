//! What applications say of their peers.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "app.dependency-unreachable",
        title: "a service it calls does not answer",
        explanation: "The workload's log says that a service it calls refuses or does not answer.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look at the service it calls.",
            command: "kubectl get endpointslices -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "app.tls-failing",
        title: "TLS with a peer fails",
        explanation: "A TLS handshake with a peer fails: an expired, wrong or untrusted certificate.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Check the certificate and the CA that the workload trusts.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "app.dependency-late",
        title: "started before what it needs",
        explanation: "The container ended a few times because a service it needs at its start did not answer yet, and stayed up once that was ready.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Let the process retry, or add a startup probe or an init container that waits.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "app.dependency-failing",
        title: "a service it calls answers with errors",
        explanation: "The workload's log says that a service it calls answers with server errors.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look at the service it calls.",
            command: "kubectl get endpointslices -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "app.slow",
        title: "slow by itself",
        explanation: "The workload's own answers take longer and those who wait for it are slow too; it does more work than usual.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "See what it does more of: traffic, a costly query, a new version.",
            command: "kubectl logs {kind}/{name} -n {namespace} --since=30m",
            verify: "kubectl top pods -n {namespace} --containers",
        }],
    },
    Cause {
        code: "app.client-throttled",
        title: "client holds its own requests back",
        explanation: "The program's client library limits its own rate of requests to the API, and what it has to do needs more. The API server is not at fault.",
        subject_kind: "Deployment",
        severity: Severity::Low,
        fix: &[Fix {
            explain: "Raise the client's QPS and burst, or make it ask less: watch instead of list, use a cache.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl logs {kind}/{name} -n {namespace} --since=5m",
        }],
    },
];
