//! Images that can't be pulled or do not fit.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "image.not-found",
        title: "image or tag not found",
        explanation: "The registry answers, but has no image of this name and tag. Usually a typing error, or a tag that was never pushed or was deleted.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Set the image to a name and tag that exist in {registry}.",
                command: "kubectl set image {kind}/{name} {container}=<image> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
            Fix {
                explain: "If a new rollout brought the wrong image, go back to the last one.",
                command: "kubectl rollout undo {kind}/{name} -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "image.invalid-name",
        title: "image reference malformed",
        explanation: "The image reference does not follow the grammar of image names, so the kubelet does not even ask a registry.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Write the image as registry/name:tag.",
            command: "kubectl set image {kind}/{name} {container}=<image> -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "image.pull-unauthorized",
        title: "registry refuses the pull",
        explanation: "The registry wants credentials for this image, and the pod gives none or wrong ones. Private repositories answer so to anonymous pulls, and some registries also for names that do not exist.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Create a registry credential and name it in imagePullSecrets.",
                command: "kubectl create secret docker-registry <secret> --docker-server={registry} --docker-username=<user> --docker-password=<password> -n {namespace}",
                verify: "kubectl get secret -n {namespace}",
            },
            Fix {
                explain: "Check that the image name is meant: some registries refuse unknown names the same way.",
                command: "kubectl set image {kind}/{name} {container}=<image> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
        ],
    },
    Cause {
        code: "image.pull-secret-missing",
        title: "image pull secret missing",
        explanation: "The pod names an imagePullSecret that does not exist in its namespace, so the kubelet pulls without credentials and the registry refuses.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create the secret under the name the pod uses, or name one that exists.",
            command: "kubectl create secret docker-registry <secret> --docker-server={registry} --docker-username=<user> --docker-password=<password> -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "image.registry-dns",
        title: "registry host does not resolve",
        explanation: "The node can't resolve the registry's host name: a typing error in the image, or a private name that the node's resolver does not know.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[
            Fix {
                explain: "Correct the registry in the image name.",
                command: "kubectl set image {kind}/{name} {container}=<image> -n {namespace}",
                verify: "kubectl rollout status {kind}/{name} -n {namespace}",
            },
            Fix {
                explain: "If {registry} is right, let the nodes' DNS resolve it.",
                command: "",
                verify: "",
            },
        ],
    },
    Cause {
        code: "image.registry-tls",
        title: "TLS with the registry fails",
        explanation: "The node does not trust the registry's certificate, or the registry does not speak TLS.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Add the registry's CA to the nodes' runtime configuration, or renew its certificate.",
            command: "",
            verify: "",
        }],
    },
    Cause {
        code: "image.registry-unreachable",
        title: "registry can't be reached",
        explanation: "The registry's name resolves but it does not answer in time: a firewall, a proxy, or an outage.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Check the way from the nodes to {registry}: proxy settings, firewall, the registry's own state.",
            command: "",
            verify: "",
        }],
    },
    Cause {
        code: "image.rate-limited",
        title: "registry limits the rate of pulls",
        explanation: "The registry has answered too many pulls from this address and refuses more for a while.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Pull with an account, through a mirror, or wait until the limit resets.",
            command: "",
            verify: "",
        }],
    },
    Cause {
        code: "image.wrong-architecture",
        title: "image does not fit the node's architecture",
        explanation: "The image has no variant for the architecture of the node, or holds a binary of another one.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Build the image for the nodes' architecture, or select nodes that fit it.",
            command: "kubectl get nodes -L kubernetes.io/arch",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "image.never-pulled",
        title: "image not on the node and never pulled",
        explanation: "imagePullPolicy is Never, so the image must already be on the node, and it is not.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Load the image onto the nodes, or let the kubelet pull it.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "image.pull-failed",
        title: "image can't be pulled",
        explanation: "The pull fails for a reason that the events do not tell apart.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the newest Failed event of the pod.",
            command: "kubectl get events -n {namespace} --field-selector reason=Failed",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
