//! Probes that fail.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "probe.liveness-wrong-port",
        title: "liveness probe asks the wrong port",
        explanation: "The liveness probe connects to a port on which the container does not listen, so it always fails and the kubelet restarts a healthy container.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Point the liveness probe of container {container} at the port the process listens on.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.liveness-wrong-protocol",
        title: "liveness probe speaks the wrong protocol",
        explanation: "The liveness probe speaks another protocol than the server, e.g. HTTP to a gRPC port, so it always fails and the kubelet restarts a healthy container.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Use the probe kind that fits the server (grpc, httpGet, tcpSocket) on port {port}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.liveness-failing",
        title: "liveness probe fails",
        explanation: "The process runs but does not answer its liveness probe as it should, and the kubelet restarts a healthy container.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at what the process says while the probe fails.",
            command: "kubectl logs {kind}/{name} -c {container} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.readiness-wrong-port",
        title: "readiness probe asks the wrong port",
        explanation: "The readiness probe connects to a port on which the container does not listen, so it always fails and the pod gets no traffic.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Point the readiness probe of container {container} at the port the process listens on.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.readiness-wrong-protocol",
        title: "readiness probe speaks the wrong protocol",
        explanation: "The readiness probe speaks another protocol than the server, e.g. HTTP to a gRPC port, so it always fails and the pod gets no traffic.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Use the probe kind that fits the server (grpc, httpGet, tcpSocket) on port {port}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.readiness-failing",
        title: "readiness probe fails",
        explanation: "The process runs but does not answer its readiness probe as it should, and the pod gets no traffic.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at what the process says while the probe fails.",
            command: "kubectl logs {kind}/{name} -c {container} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.startup-wrong-port",
        title: "startup probe asks the wrong port",
        explanation: "The startup probe connects to a port on which the container does not listen, so it always fails and the kubelet restarts the container before it is up.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Point the startup probe of container {container} at the port the process listens on.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.startup-wrong-protocol",
        title: "startup probe speaks the wrong protocol",
        explanation: "The startup probe speaks another protocol than the server, e.g. HTTP to a gRPC port, so it always fails and the kubelet restarts the container before it is up.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Use the probe kind that fits the server (grpc, httpGet, tcpSocket) on port {port}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.startup-failing",
        title: "startup probe fails",
        explanation: "The process runs but does not answer its startup probe as it should, and the kubelet restarts the container before it is up.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at what the process says while the probe fails.",
            command: "kubectl logs {kind}/{name} -c {container} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "probe.liveness-too-early",
        title: "liveness probe gives up before the process has started",
        explanation: "The liveness probe starts early and gives up after few failures, so slow starts are killed again and again.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add a startupProbe, or raise initialDelaySeconds and failureThreshold of the liveness probe of container {container}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
