//! Claims and volumes.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "storage.claim-missing",
        title: "claim does not exist",
        explanation: "Pods mount a PersistentVolumeClaim that does not exist, so they can't be scheduled.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create claim {claim}, or correct its name in the workload.",
            command: "kubectl apply -f <claim.yaml> -n {namespace}",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.class-missing",
        title: "storage class does not exist",
        explanation: "The claim asks for a StorageClass that does not exist, so nobody makes or finds a volume for it.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create StorageClass {class}, or make the claim anew with a class that exists (the class can't be changed).",
            command: "kubectl get storageclass",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.no-default-class",
        title: "no default storage class",
        explanation: "The claim names no class and the cluster has no default one, so nobody makes a volume for it.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Mark a class as default, or name one in the claim.",
            command: "kubectl annotate storageclass <class> storageclass.kubernetes.io/is-default-class=true",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.class-mismatch",
        title: "claim and volume differ in class",
        explanation: "The volume that would fit belongs to another StorageClass than the claim asks for.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make the claim anew with class {class}, or make a volume of the claim's class.",
            command: "kubectl get pv",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.selector-mismatch",
        title: "claim selects no volume",
        explanation: "The claim's selector asks for labels that the volume does not carry.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Label volume {volume} as the claim asks, or correct the claim's selector.",
            command: "kubectl label pv {volume} <key>=<value> --overwrite",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.access-mode-mismatch",
        title: "access modes do not fit",
        explanation: "The claim wants an access mode that the volume does not offer.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make the claim anew with a mode that volume {volume} offers, or provide a volume with the wanted mode.",
            command: "kubectl get pv {volume} -o yaml",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.capacity-mismatch",
        title: "volume too small",
        explanation: "The claim wants more space than the volume has.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Provide a volume of at least {size}, or make the claim anew with less.",
            command: "kubectl get pv {volume}",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.volume-occupied",
        title: "volume bound to another claim",
        explanation: "The volume that fits is bound to, or still kept for, another claim.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Provide another volume, or release {volume} if {holder} is no longer needed.",
            command: "kubectl get pv {volume} -o yaml",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.volume-mode-mismatch",
        title: "volume modes differ",
        explanation: "The claim wants a file system and the volume is a block device, or the other way round.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make the claim anew with the volume's volumeMode.",
            command: "kubectl get pv {volume} -o yaml",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.no-volume",
        title: "no volume for the claim",
        explanation: "The class makes no volumes by itself and none is there for the claim.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Create a PersistentVolume that fits claim {claim}, or use a class with a provisioner.",
            command: "kubectl get pv,storageclass",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.provisioning-failed",
        title: "provisioner makes no volume",
        explanation: "The class's provisioner does not make the volume: it does not run, lacks permission, or has no room.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the claim's events and the provisioner's log.",
            command: "kubectl describe pvc {claim} -n {namespace}",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.volume-lost",
        title: "volume behind the claim is gone",
        explanation: "The PersistentVolume that the claim was bound to was deleted.",
        subject_kind: "PersistentVolumeClaim",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Restore the volume from a backup and make the claim anew.",
            command: "kubectl get pv",
            verify: "kubectl get pvc {claim} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.permission-denied",
        title: "process may not use its volume",
        explanation: "The process may not read or write a mounted volume: the directory belongs to another user, or the volume is read-only.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set fsGroup or runAsUser so that the process owns {path}; hostPath directories need their owner changed on the node.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "storage.attach-failed",
        title: "volume can't be attached",
        explanation: "The volume can't be attached to the node: it is gone, in another zone, or the driver fails.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the FailedAttachVolume event and the volume attachments.",
            command: "kubectl get volumeattachments",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "storage.attached-elsewhere",
        title: "volume attached to another node",
        explanation: "A volume that one node may use at a time is still attached to another node, where the old pod has not ended.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "End the old pod, or wait until its node lets the volume go; use the Recreate strategy for such volumes.",
            command: "kubectl get volumeattachments",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
    Cause {
        code: "storage.mount-failed",
        title: "volume can't be mounted",
        explanation: "The kubelet can't mount a volume of the pod.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Read the FailedMount event.",
            command: "kubectl get events -n {namespace} --field-selector reason=FailedMount",
            verify: "kubectl get pods -n {namespace} -w",
        }],
    },
];
