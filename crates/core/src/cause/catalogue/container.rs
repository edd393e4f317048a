//! Containers that end.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "container.oom-killed",
        title: "out of memory",
        explanation: "The container needs more memory than its limit allows and the kernel kills it.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise the memory limit of container {container} above what it needs, or make it need less.",
            command: "kubectl set resources {kind}/{name} -c {container} --limits=memory=<more> -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.command-not-found",
        title: "command not in the image",
        explanation: "The container's command does not exist in the image.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct command and args of container {container}, or the image.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.command-not-executable",
        title: "command can't be executed",
        explanation: "The container's command exists but may not be executed.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make the file executable in the image, or correct the command.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.segmentation-fault",
        title: "segmentation fault",
        explanation: "The process accesses memory that is not its own and the kernel ends it: a fault in the program or a library.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Go back to the last version that ran.",
            command: "kubectl rollout undo {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.aborted",
        title: "process aborts itself",
        explanation: "The process calls abort, e.g. on a failed assertion.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the end of its previous log.",
            command: "kubectl logs {kind}/{name} -c {container} --previous -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.killed",
        title: "process killed",
        explanation: "Something sends SIGKILL: a failed liveness probe whose grace period ran out, or memory taken on the node.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look for failed probes and memory pressure.",
            command: "kubectl describe {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.terminated",
        title: "process asked to stop",
        explanation: "The container ends on SIGTERM again and again: a failing probe or a controller that deletes its pods.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Look for who asks it to stop.",
            command: "kubectl get events -n {namespace} --field-selector reason=Killing",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.runs-to-completion",
        title: "process ends although it should run for ever",
        explanation: "The process ends with success, and the pod restarts it for ever. A Job fits it, or its command lacks a foreground process.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Run the server in the foreground, or make it a Job.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.port-conflict",
        title: "port already in use in the pod",
        explanation: "Containers of a pod share one network, and two of them want the same port. The one that comes second fails.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Give container {container} another port, and adapt probes and Services.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.disk-full",
        title: "disk full",
        explanation: "The process finds no space left on a volume or on the node.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Free space, or enlarge the volume.",
            command: "kubectl get pvc -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.crashing",
        title: "process ends with an error",
        explanation: "The container's process ends with an error and is restarted with growing pauses. Its last log lines say why.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the end of its previous log.",
            command: "kubectl logs {kind}/{name} -c {container} --previous -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.init-failing",
        title: "init container fails",
        explanation: "An init container ends with an error, so the pod's main containers never start. Its last log lines say why.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the log of init container {container}.",
            command: "kubectl logs {kind}/{name} -c {container} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.init-waiting",
        title: "init container waits",
        explanation: "An init container runs on and on, usually waiting for another service, so the pod's main containers never start.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look at what init container {container} waits for.",
            command: "kubectl logs {kind}/{name} -c {container} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.grace-period-too-short",
        title: "killed before it could shut down",
        explanation: "The process was still shutting down when its grace period ran out, and the kubelet killed it: requests and unwritten data are lost at each restart and rollout.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "Raise terminationGracePeriodSeconds above what the shutdown takes, or make the shutdown faster.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.read-only-root",
        title: "writes to its read-only root file system",
        explanation: "The container's securityContext makes its root file system read-only, and the process writes to a path that no volume covers.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mount an emptyDir where the process writes, or let it write elsewhere.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "container.cpu-saturated",
        title: "held back by the CPU limit",
        explanation: "The containers want more CPU than their limit allows, so the kernel throttles them and requests wait.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Find what uses the CPU (a hot loop, a stress test, more traffic) and end it, or give the containers more.",
                command: "kubectl set resources {kind}/{name} --limits=cpu=<more> -n {namespace}",
                verify: "kubectl top pods -n {namespace} --containers",
            },
            Fix {
                explain: "If traffic grew, spread it over more replicas.",
                command: "kubectl scale {kind}/{name} --replicas=<more> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "container.leader-election-lost",
        title: "leadership lost",
        explanation: "The controller could not renew its lease in time and ended itself, as it should; another takes over. When it happens again and again, the API is too slow for it, or it is starved of CPU.",
        subject_kind: "Deployment",
        severity: Severity::Medium,
        fix: &[Fix {
            explain: "See whether the API server and etcd are slow; give the container more CPU; lengthen lease duration and renew deadline.",
            command: "kubectl logs {kind}/{name} -n {namespace} --previous",
            verify: "kubectl get leases -n {namespace}",
        }],
    },
];
