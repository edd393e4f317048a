//! What was deleted and does not go: finalizers that nobody removes, and namespaces that can't be emptied.

use crate::draft::{Draft, Felt, absence, event, field};
use crate::snapshot::{Condition, Meta, Namespace, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const NAMESPACE_STUCK: CauseCode = CauseCode::new("namespace.stuck-terminating");
const NAMESPACE_FINALIZERS: CauseCode = CauseCode::new("namespace.finalizers-remain");
const FINALIZERS: CauseCode = CauseCode::new("deletion.finalizers-remain");
const IN_USE: CauseCode = CauseCode::new("deletion.still-in-use");

/// Seconds past its deletion time after which a namespace counts as stuck.
const NAMESPACE_AFTER: i64 = 120;
/// Seconds after which an object counts as stuck: load balancers and volumes take their time to go.
const OBJECT_AFTER: i64 = 300;
/// Objects named.
const SHOWN: usize = 10;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for namespace in &world.snapshot.namespaces {
        let old = world.age(namespace.metadata.deletion_timestamp).is_some_and(|age| age > NAMESPACE_AFTER);
        if namespace.status.phase == "Terminating" && old {
            found.push(stuck(world, namespace));
        }
    }
    objects(world, found);
}

/// The namespace controller says in conditions what it waits for
/// (`pkg/controller/namespace/deletion/status_condition_utils.go`).
fn stuck(world: &World<'_>, namespace: &Namespace) -> Draft {
    let at = reference("Namespace", &namespace.metadata);
    let name = &namespace.metadata.name;
    let says = |kind: &str| {
        namespace
            .status
            .conditions
            .iter()
            .find(|it| it.kind == kind && it.status == "True" && !it.message.is_empty())
    };
    let undiscovered = says("NamespaceDeletionDiscoveryFailure");
    let finalizers = says("NamespaceFinalizersRemaining").filter(|_| undiscovered.is_none());
    let mut draft = match finalizers {
        Some(_) => Draft::new(
            NAMESPACE_FINALIZERS,
            at.clone(),
            0.94,
            format!(
                "namespace {name} does not finish being deleted: finalizers in it remain and nobody removes them"
            ),
        ),
        None => Draft::new(
            NAMESPACE_STUCK,
            at.clone(),
            0.9,
            format!("namespace {name} does not finish being deleted"),
        ),
    };
    draft = draft.proof(field(&at, "status.phase", "Terminating"));
    let waits = [
        undiscovered,
        finalizers,
        says("NamespaceContentRemaining"),
        says("NamespaceDeletionContentFailure"),
    ];
    for Condition { kind, message, .. } in waits.into_iter().flatten() {
        draft = draft.proof(field(&at, &format!("status.conditions[{kind}].message"), message));
    }
    let rest = world.pods_in(name).iter().take(SHOWN);
    draft.through(rest.map(|pod| world.root(pod))).since(namespace.metadata.deletion_timestamp)
}

/// Claims, volumes, Services and workloads that were deleted and still carry finalizers.
fn objects(world: &World<'_>, found: &mut Vec<Draft>) {
    let it = world.snapshot;
    let kinds: [(&str, Vec<&Meta>); 8] = [
        ("PersistentVolumeClaim", it.claims.iter().map(|it| &it.metadata).collect()),
        ("PersistentVolume", it.volumes.iter().map(|it| &it.metadata).collect()),
        ("Service", it.services.iter().map(|it| &it.metadata).collect()),
        ("Ingress", it.ingresses.iter().map(|it| &it.metadata).collect()),
        ("Deployment", it.deployments.iter().map(|it| &it.metadata).collect()),
        ("StatefulSet", it.stateful_sets.iter().map(|it| &it.metadata).collect()),
        ("Job", it.jobs.iter().map(|it| &it.metadata).collect()),
        ("ConfigMap", it.config_maps.iter().map(|it| &it.metadata).collect()),
    ];
    for (kind, metas) in kinds {
        for meta in metas {
            let old = world.age(meta.deletion_timestamp).is_some_and(|age| age > OBJECT_AFTER);
            if old && !meta.finalizers.is_empty() {
                found.push(kept(world, kind, meta));
            }
        }
    }
}

fn kept(world: &World<'_>, kind: &str, meta: &Meta) -> Draft {
    let at = reference(kind, meta);
    let finalizers = meta.finalizers.join(", ");
    let users = if kind == "PersistentVolumeClaim" { users(world, meta) } else { Vec::new() };
    let draft = match users.first() {
        Some(pod) => {
            let statement = format!(
                "{at} was deleted, but pod {} still uses it, so it stays until the pod ends",
                pod.metadata.name
            );
            let volume = field(
                &reference("Pod", &pod.metadata),
                "spec.volumes.persistentVolumeClaim.claimName",
                &meta.name,
            );
            let draft = Draft::new(IN_USE, at.clone(), 0.8, statement)
                .proof(volume)
                .affects(users.iter().map(|pod| world.root(pod)));
            draft.felt(Felt::Silently)
        }
        None => {
            let statement =
                format!("{at} was deleted, but its finalizers remain and nobody removes them: {finalizers}");
            Draft::new(FINALIZERS, at.clone(), 0.87, statement)
        }
    };
    let mut draft = draft
        .proof(field(&at, "metadata.finalizers", &finalizers))
        .param("finalizers", finalizers.as_str())
        .param("object_kind", kind.to_lowercase())
        .since(meta.deletion_timestamp);
    if let Some(moment) = meta.deletion_timestamp {
        draft = draft.proof(field(&at, "metadata.deletionTimestamp", moment));
    }
    let warned = world.events(kind, &meta.namespace, &meta.name).iter().find(|event| event.warns());
    draft = draft.proofs(warned.map(|it| event(it)));
    if let Some((domain, _)) = finalizers.split_once('/').filter(|_| warned.is_none() && users.is_empty()) {
        draft = draft.proof(absence(&at, format!("no warning of whoever owns the finalizer of {domain}")));
    }
    if terminating(world, &meta.namespace) {
        let namespace = ObjectRef::cluster("Namespace", &meta.namespace);
        draft = draft.affects([namespace]);
    }
    draft
}

fn terminating(world: &World<'_>, namespace: &str) -> bool {
    world
        .snapshot
        .namespaces
        .iter()
        .any(|it| it.metadata.name == namespace && it.status.phase == "Terminating")
}

/// Pods that mount a claim and have not ended.
fn users<'a>(world: &World<'a>, claim: &Meta) -> Vec<&'a Pod> {
    let mounts = |pod: &&&'a Pod| {
        !pod.finished()
            && pod
                .spec
                .volumes
                .iter()
                .filter_map(|it| it.persistent_volume_claim.as_ref())
                .any(|it| it.claim_name == claim.name)
    };
    world.pods_in(&claim.namespace).iter().filter(mounts).copied().take(SHOWN).collect()
}
