//! Pods that no node takes.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "scheduling.node-cordoned",
        title: "suitable nodes are cordoned",
        explanation: "The nodes that fit the pod are marked unschedulable, so the scheduler places nothing new on them.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "When maintenance is over, allow scheduling on node {node} again.",
            command: "kubectl uncordon {node}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.taint-not-tolerated",
        title: "taint not tolerated",
        explanation: "The nodes that fit the pod carry a taint that the pod does not tolerate.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Add a toleration for {taint} to the workload.",
                command: "kubectl edit {kind}/{name} -n {namespace}",
                verify: "kubectl get pods -n {namespace} -w",
            },
            Fix {
                explain: "Or remove the taint from node {node}.",
                command: "kubectl taint nodes {node} {taint}-",
                verify: "kubectl get pods -n {namespace} -w",
            },
        ],
    },
    Cause {
        code: "scheduling.node-unavailable",
        title: "suitable nodes are unavailable",
        explanation: "The nodes that fit the pod carry taints of the node controller because they are not well.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mend the nodes.",
            command: "kubectl get nodes",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.node-selector-mismatch",
        title: "no node carries the selected labels",
        explanation: "The pod's nodeSelector asks for labels that no usable node carries.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Correct the workload's nodeSelector.",
                command: "kubectl edit {kind}/{name} -n {namespace}",
                verify: "kubectl get pods -n {namespace} -w",
            },
            Fix {
                explain: "Or label a node with {selector}.",
                command: "kubectl label node <node> {selector}",
                verify: "kubectl get nodes -l {selector}",
            },
        ],
    },
    Cause {
        code: "scheduling.node-affinity-mismatch",
        title: "no node satisfies the required node affinity",
        explanation: "The pod's required node affinity holds on no usable node.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Relax or correct the node affinity ({affinity}).",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.insufficient-cpu",
        title: "not enough CPU on any node",
        explanation: "No usable node has as much unreserved CPU as the pod requests.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Lower the CPU request, or add a node that is large enough.",
            command: "kubectl set resources {kind}/{name} -c {container} --requests=cpu=<less> -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.insufficient-memory",
        title: "not enough memory on any node",
        explanation: "No usable node has as much unreserved memory as the pod requests.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Lower the memory request, or add a node that is large enough.",
            command: "kubectl set resources {kind}/{name} -c {container} --requests=memory=<less> -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.insufficient-resource",
        title: "not enough of a resource on any node",
        explanation: "No usable node has as much of the resource left as the pod requests, e.g. GPUs or ephemeral storage.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Lower the request for {resource}, or add nodes that offer it.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.too-many-pods",
        title: "nodes have no room for more pods",
        explanation: "The usable nodes run as many pods as they allow.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add nodes, or remove pods that are not needed.",
            command: "kubectl get pods -A -o wide",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.pod-anti-affinity",
        title: "anti-affinity leaves no node",
        explanation: "Every usable node already runs a pod that the required anti-affinity forbids as a neighbour.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Lower the replicas to the number of nodes, add nodes, or make the rule preferred.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.pod-affinity",
        title: "affinity finds no neighbour",
        explanation: "No node runs the pods that the required affinity asks for.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct the affinity, or start the pods it asks for.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.topology-spread",
        title: "topology spread leaves no node",
        explanation: "Placing the pod anywhere would break a topology spread constraint with DoNotSchedule.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add nodes in the missing domains, or relax the constraint.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.host-port-taken",
        title: "host port taken",
        explanation: "Every usable node already runs a pod with the same host port.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Use another host port, or none.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.volume-unreachable",
        title: "volume reachable from no usable node",
        explanation: "The pod's volume is bound to nodes or a zone where the pod can't run.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Allow the pod where its volume is, or move the volume.",
            command: "kubectl get pv -o wide",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.gated",
        title: "held back by a scheduling gate",
        explanation: "A scheduling gate keeps the pod from being considered until a controller removes it.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Look for the controller that owns the gate.",
            command: "kubectl get pods -n {namespace} -o yaml",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.unknown-scheduler",
        title: "scheduler does not exist",
        explanation: "The pod names a scheduler that does not run.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Correct schedulerName, or start that scheduler.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.no-nodes",
        title: "no nodes",
        explanation: "The cluster has no nodes that pods can run on.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add nodes.",
            command: "kubectl get nodes",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.unschedulable",
        title: "no node found",
        explanation: "The scheduler finds no node for the pod for a reason that is not recognised.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the FailedScheduling event.",
            command: "kubectl get events -n {namespace} --field-selector reason=FailedScheduling",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "scheduling.not-considered",
        title: "no scheduler looked at the pod",
        explanation: "New pods wait and no scheduler has said anything about them.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Check that the scheduler runs and holds its lease.",
            command: "kubectl get lease kube-scheduler -n kube-system -o yaml",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
];
