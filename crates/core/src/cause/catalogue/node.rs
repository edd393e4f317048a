//! Nodes and the components on them.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "node.kubelet-down",
        title: "kubelet not running",
        explanation: "The node's kubelet does not run or can't reach the API server. Its pods are no longer watched and will be replaced elsewhere.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Start the kubelet on the node and read its journal.",
            command: "ssh {name} sudo systemctl restart kubelet",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.container-runtime-down",
        title: "container runtime not running",
        explanation: "The node's container runtime does not answer, so no container can be started, probed or ended there.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Start the runtime on the node and read its journal.",
            command: "ssh {name} sudo systemctl restart {unit}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.kube-proxy-down",
        title: "kube-proxy not running",
        explanation: "kube-proxy does not run on the node, so its rules for Services go stale: pods there reach endpoints that are gone and miss new ones.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Start kube-proxy on the node.",
            command: "ssh {name} sudo systemctl restart kube-proxy",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.kube-scheduler-down",
        title: "scheduler not running",
        explanation: "The scheduler does not run, so new pods stay Pending without any event.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Start the scheduler on the control plane.",
            command: "ssh {name} sudo systemctl restart kube-scheduler",
            verify: "kubectl get pods -A --field-selector status.phase=Pending",
        }],
    },
    Cause {
        code: "node.network-plugin-failing",
        title: "network plugin fails",
        explanation: "The node's network plugin can't set up pods: it does not run, or its configuration is missing.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Look at the plugin's pod on the node.",
            command: "kubectl get pods -A -o wide --field-selector spec.nodeName={name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.no-pod-addresses",
        title: "no pod addresses left",
        explanation: "The node's range of pod addresses is used up, so new pods there get none.",
        subject_kind: "Node",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Free pods on the node, or widen its range.",
            command: "kubectl get pods -A --field-selector spec.nodeName={name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.not-ready",
        title: "node not ready",
        explanation: "The node says that it can't run pods.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Read the node's conditions and the kubelet's log.",
            command: "kubectl describe node {name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.memory-pressure",
        title: "memory pressure",
        explanation: "The node is short of memory and its kubelet evicts pods.",
        subject_kind: "Node",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Free memory: lower limits, or move pods.",
            command: "kubectl describe node {name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.disk-pressure",
        title: "disk pressure",
        explanation: "The node is short of disk space or inodes and its kubelet evicts pods.",
        subject_kind: "Node",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Free disk space: images, logs, volumes.",
            command: "kubectl describe node {name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.pid-pressure",
        title: "process id pressure",
        explanation: "The node runs short of process ids.",
        subject_kind: "Node",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Find the pod with too many processes.",
            command: "kubectl describe node {name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.network-unavailable",
        title: "pod network not set up",
        explanation: "The node's pod network is not configured.",
        subject_kind: "Node",
        severity: Severity::Critical,
        fix: &[Fix {
            explain: "Look at the network plugin and routes of the node.",
            command: "kubectl describe node {name}",
            verify: "kubectl get node {name}",
        }],
    },
    Cause {
        code: "node.cordoned",
        title: "node cordoned",
        explanation: "The node takes no new pods because somebody cordoned it, as one does for maintenance.",
        subject_kind: "Node",
        severity: Severity::Info,
        fix: &[Fix {
            explain: "When maintenance is over, allow scheduling again.",
            command: "kubectl uncordon {name}",
            verify: "kubectl get node {name}",
        }],
    },
];
