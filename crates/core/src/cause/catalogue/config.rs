//! Configuration that a container needs and does not get.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "config.secret-missing",
        title: "Secret missing",
        explanation: "A container or volume refers to a Secret that does not exist in the namespace, so the kubelet can't start the pod.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Create Secret {missing} in the namespace.",
                command: "kubectl create secret generic {missing} --from-literal=<key>=<value> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
            Fix {
                explain: "Or correct the name that the workload uses.",
                command: "kubectl edit {kind}/{name} -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "config.config-map-missing",
        title: "ConfigMap missing",
        explanation: "A container or volume refers to a ConfigMap that does not exist in the namespace, so the kubelet can't start the pod.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Create ConfigMap {missing} in the namespace.",
                command: "kubectl create configmap {missing} --from-literal=<key>=<value> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
            Fix {
                explain: "Or correct the name that the workload uses.",
                command: "kubectl edit {kind}/{name} -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "config.key-missing",
        title: "key missing in ConfigMap or Secret",
        explanation: "The ConfigMap or Secret exists, but has no key of the name that the container asks for.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add the key to {missing}, or correct the key that the workload asks for.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "config.container-invalid",
        title: "container can't be configured",
        explanation: "The kubelet refuses the container's configuration before it starts, e.g. runAsNonRoot with an image that runs as root.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the message and correct the container's definition.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "config.root-refused",
        title: "image would run as root, which the pod forbids",
        explanation: "The pod says runAsNonRoot, but the image's user is root or not a number, so the kubelet refuses to start the container.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set runAsUser to a number other than 0 that the image works with, or give the image such a user.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "config.security-profile-missing",
        title: "seccomp or AppArmor profile not on the node",
        explanation: "The container asks for a seccomp or AppArmor profile that its node does not have, so it can't be created.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Put the profile on every node the pod may run on, or use RuntimeDefault.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "config.environment-missing",
        title: "environment variable missing",
        explanation: "The process ends because a setting it needs is not in its environment.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add the variable to container {container}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
