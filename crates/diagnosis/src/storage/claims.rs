//! Claims that are not there or do not bind: which single repair would bind them?

use crate::draft::{Draft, Felt, absence, event, field, newest};
use crate::snapshot::{Event, Kind, PersistentVolume, PersistentVolumeClaim, Pod};
use crate::world::{World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const MISSING: CauseCode = CauseCode::new("storage.claim-missing");
const CLASS_MISSING: CauseCode = CauseCode::new("storage.class-missing");
const NO_DEFAULT_CLASS: CauseCode = CauseCode::new("storage.no-default-class");
const CLASS_MISMATCH: CauseCode = CauseCode::new("storage.class-mismatch");
const SELECTOR: CauseCode = CauseCode::new("storage.selector-mismatch");
const ACCESS_MODE: CauseCode = CauseCode::new("storage.access-mode-mismatch");
const CAPACITY: CauseCode = CauseCode::new("storage.capacity-mismatch");
const OCCUPIED: CauseCode = CauseCode::new("storage.volume-occupied");
const VOLUME_MODE: CauseCode = CauseCode::new("storage.volume-mode-mismatch");
const NO_VOLUME: CauseCode = CauseCode::new("storage.no-volume");
const PROVISIONING: CauseCode = CauseCode::new("storage.provisioning-failed");
const LOST: CauseCode = CauseCode::new("storage.volume-lost");

/// Provisioner of classes that never make volumes.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let users = users(world);
    for claim in &world.snapshot.claims {
        if claim.status.phase == "Bound" || claim.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let key = (claim.metadata.namespace.clone(), claim.metadata.name.clone());
        let pods = users.get(&key).map_or(&[][..], Vec::as_slice);
        if let Some(draft) = explain(world, claim) {
            found.push(attach(world, draft, pods));
        }
    }
    for ((namespace, name), pods) in &users {
        let waiting: Vec<&Pod> =
            pods.iter().filter(|pod| crate::scheduling::unscheduled(pod)).copied().collect();
        if world.claim(namespace, name).is_none()
            && !world.snapshot.has_gap(Kind::PersistentVolumeClaim, namespace)
            && !waiting.is_empty()
        {
            found.push(attach(world, missing(world, namespace, name, &waiting), &waiting));
        }
    }
}

/// Whether the claim binds only when a pod is scheduled, so that it is not the claim that waits.
pub(crate) fn waits_for_pod(world: &World<'_>, claim: &PersistentVolumeClaim) -> bool {
    claim
        .spec
        .storage_class_name
        .as_deref()
        .and_then(|class| world.class(class))
        .is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"))
}

/// Pods that mount each claim, unless they are done.
fn users<'a>(world: &World<'a>) -> BTreeMap<(String, String), Vec<&'a Pod>> {
    let mut users = BTreeMap::<_, Vec<&Pod>>::new();
    for pod in world.snapshot.pods.iter().filter(|pod| !pod.finished()) {
        for volume in &pod.spec.volumes {
            let name = if let Some(claim) = &volume.persistent_volume_claim {
                claim.claim_name.clone()
            } else if volume.ephemeral.is_some() {
                format!("{}-{}", pod.metadata.name, volume.name)
            } else {
                continue;
            };
            users.entry((pod.metadata.namespace.clone(), name)).or_default().push(pod);
        }
    }
    users
}

/// The workload is what a person mends and what suffers when exactly one uses the claim.
fn attach(world: &World<'_>, mut draft: Draft, pods: &[&Pod]) -> Draft {
    let claim = draft.finding.subject.clone();
    let mut roots: Vec<ObjectRef> = pods.iter().map(|pod| world.root(pod)).collect();
    roots.sort_unstable();
    roots.dedup();
    if let [root] = roots.as_slice() {
        draft.finding.subject = root.clone();
        draft = draft.affects([claim]);
    } else if roots.is_empty() {
        draft = draft.felt(Felt::Nowhere);
    } else {
        draft = draft.affects(roots);
    }
    for pod in pods.iter().take(3) {
        if let Some(failed) = newest(world, pod, &["FailedScheduling"]) {
            draft = draft.proof(event(failed));
        }
        draft = draft.since(pod.metadata.creation_timestamp);
    }
    draft.affects(crate::draft::some_pods(pods))
}

fn missing(world: &World<'_>, namespace: &str, name: &str, pods: &[&Pod]) -> Draft {
    let claim = ObjectRef::namespaced("PersistentVolumeClaim", namespace, name);
    let statement = format!("pods mount the claim {name}, which does not exist in namespace {namespace}");
    let users: Vec<ObjectRef> = pods.iter().map(|pod| world.root(pod)).collect();
    Draft::new(MISSING, claim.clone(), 0.93, statement)
        .proof(absence(&claim, format!("no PersistentVolumeClaim {name} in namespace {namespace}")))
        .affects(users)
        .param("claim", name)
}

fn explain(world: &World<'_>, claim: &PersistentVolumeClaim) -> Option<Draft> {
    let at = reference("PersistentVolumeClaim", &claim.metadata);
    let name = &claim.metadata.name;
    let failed = world
        .events("PersistentVolumeClaim", &claim.metadata.namespace, name)
        .iter()
        .find(|event| event.reason == "ProvisioningFailed")
        .copied();
    let draft =
        if claim.status.phase == "Lost" {
            Draft::new(LOST, at.clone(), 0.93, format!("the volume behind claim {name} is gone"))
                .proof(field(&at, "status.phase", "Lost"))
        } else if waits_for_pod(world, claim) && failed.is_none() {
            return None;
        } else {
            unbound(world, claim, &at, failed)
        };
    let class = claim.spec.storage_class_name.as_deref();
    let mut draft = draft
        .proof(field(&at, "status.phase", &claim.status.phase))
        .proofs(class.map(|class| field(&at, "spec.storageClassName", class_text(class))))
        .param("claim", name.as_str())
        .since(claim.metadata.creation_timestamp);
    if let Some(failed) = failed {
        draft = draft.proof(event(failed));
    }
    Some(draft)
}

fn class_text(class: &str) -> &str {
    if class.is_empty() { "\"\"" } else { class }
}

fn unbound(
    world: &World<'_>,
    claim: &PersistentVolumeClaim,
    at: &ObjectRef,
    failed: Option<&Event>,
) -> Draft {
    let name = &claim.metadata.name;
    let class = claim.spec.storage_class_name.as_deref();
    let Some(class) = class else {
        let draft = Draft::new(
            NO_DEFAULT_CLASS,
            at.clone(),
            0.85,
            format!("claim {name} names no storage class and the cluster has no default one"),
        );
        return if world.snapshot.storage_classes.iter().any(crate::snapshot::StorageClass::is_default) {
            provisioning(at, name, failed)
        } else {
            draft.proof(absence(at, "no StorageClass is annotated as default"))
        };
    };
    let same_class: Vec<&PersistentVolume> = world
        .snapshot
        .volumes
        .iter()
        .filter(|volume| volume.spec.storage_class_name.as_deref().unwrap_or_default() == class)
        .collect();
    let known = world.class(class);
    if !class.is_empty() && known.is_none() && same_class.is_empty() {
        let mut draft = Draft::new(
            CLASS_MISSING,
            at.clone(),
            0.97,
            format!("claim {name} asks for the storage class {class}, which does not exist"),
        )
        .proof(absence(&ObjectRef::cluster("StorageClass", class), format!("no StorageClass {class}")))
        .param("class", class);
        for volume in open_volumes(world, claim).take(2) {
            let other = volume.spec.storage_class_name.as_deref().unwrap_or_default();
            draft = draft.proof(field(
                &reference("PersistentVolume", &volume.metadata),
                "spec.storageClassName",
                class_text(other),
            ));
        }
        return draft;
    }
    let makes_volumes = known.is_some_and(|class| class.provisioner != NO_PROVISIONER);
    if makes_volumes && claim.spec.volume_name.is_none() {
        return provisioning(at, name, failed);
    }
    closest(claim, at, &same_class).unwrap_or_else(|| {
        let mut others = open_volumes(world, claim);
        if let Some(volume) = others.next() {
            let other = volume.spec.storage_class_name.as_deref().unwrap_or_default();
            return Draft::new(
                CLASS_MISMATCH,
                at.clone(),
                0.9,
                format!(
                    "claim {name} asks for class {}, the volume that would fit has class {}",
                    class_text(class),
                    class_text(other)
                ),
            )
            .proof(field(
                &reference("PersistentVolume", &volume.metadata),
                "spec.storageClassName",
                class_text(other),
            ))
            .param("class", other);
        }
        Draft::new(
            NO_VOLUME,
            at.clone(),
            0.8,
            format!("no PersistentVolume of class {} is there for claim {name}", class_text(class)),
        )
        .proof(absence(at, format!("no PersistentVolume with storageClassName {}", class_text(class))))
    })
}

fn provisioning(at: &ObjectRef, name: &str, failed: Option<&Event>) -> Draft {
    let confidence = if failed.is_some() { 0.9 } else { 0.6 };
    Draft::new(
        PROVISIONING,
        at.clone(),
        confidence,
        format!("the provisioner makes no volume for claim {name}"),
    )
}

/// Available volumes that satisfy all of the claim but its class.
fn open_volumes<'a>(
    world: &World<'a>,
    claim: &'a PersistentVolumeClaim,
) -> impl Iterator<Item = &'a PersistentVolume> {
    world.snapshot.volumes.iter().filter(move |volume| misfits(claim, volume).is_empty())
}

/// Why a volume does not serve a claim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Misfit {
    AccessMode,
    Selector,
    Capacity,
    Occupied,
    VolumeMode,
    Gone,
}

/// `pkg/volume/util/persistentvolume.FindMatchingVolume`, without the class.
fn misfits(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Vec<Misfit> {
    let mut all = Vec::new();
    let reserved_for_other = volume
        .spec
        .claim_ref
        .as_ref()
        .is_some_and(|by| by.namespace != claim.metadata.namespace || by.name != claim.metadata.name);
    if matches!(volume.status.phase.as_str(), "Released" | "Failed") {
        all.push(Misfit::Gone);
    } else if reserved_for_other {
        all.push(Misfit::Occupied);
    }
    if !claim.spec.access_modes.iter().all(|mode| volume.spec.access_modes.contains(mode)) {
        all.push(Misfit::AccessMode);
    }
    if claim.spec.selector.as_ref().is_some_and(|selector| !selector.matches(&volume.metadata.labels)) {
        all.push(Misfit::Selector);
    }
    let wanted = claim.spec.resources.requests.get("storage");
    if let (Some(wanted), Some(have)) = (wanted, volume.spec.capacity.get("storage"))
        && wanted > have
    {
        all.push(Misfit::Capacity);
    }
    let mode = |mode: Option<&str>| mode.unwrap_or("Filesystem").to_owned();
    if mode(claim.spec.volume_mode.as_deref()) != mode(volume.spec.volume_mode.as_deref()) {
        all.push(Misfit::VolumeMode);
    }
    all
}

/// The volume that needs the fewest repairs, and its first one.
fn closest(claim: &PersistentVolumeClaim, at: &ObjectRef, volumes: &[&PersistentVolume]) -> Option<Draft> {
    let named = claim.spec.volume_name.as_deref();
    let mut fits: Vec<(Vec<Misfit>, &PersistentVolume)> = volumes
        .iter()
        .filter(|volume| named.is_none_or(|name| name == volume.metadata.name))
        .map(|volume| (misfits(claim, volume), *volume))
        .filter(|(misfits, _)| !misfits.is_empty())
        .collect();
    // A leftover of a deleted claim is what it is only when nothing else would do.
    fits.sort_by_key(|(misfits, volume)| {
        let gone = misfits.contains(&Misfit::Gone);
        (gone, misfits.len(), misfits.clone(), volume.metadata.name.clone())
    });
    let (misfits, volume) = fits.first()?;
    let misfit = if misfits.contains(&Misfit::Occupied) { Misfit::Occupied } else { *misfits.first()? };
    let on = reference("PersistentVolume", &volume.metadata);
    let confidence = if misfits.len() == 1 { 0.95 } else { 0.85 };
    Some(describe(claim, at, volume, &on, misfit, confidence).param("volume", volume.metadata.name.as_str()))
}

fn describe(
    claim: &PersistentVolumeClaim,
    at: &ObjectRef,
    volume: &PersistentVolume,
    on: &ObjectRef,
    misfit: Misfit,
    confidence: f64,
) -> Draft {
    let (name, volume_name) = (&claim.metadata.name, &volume.metadata.name);
    let new = |cause: CauseCode, statement: String| Draft::new(cause, at.clone(), confidence, statement);
    match misfit {
        Misfit::AccessMode => {
            let (wanted, offered) = (claim.spec.access_modes.join(", "), volume.spec.access_modes.join(", "));
            new(ACCESS_MODE, format!("claim {name} wants {wanted}, volume {volume_name} offers {offered}"))
                .proof(field(at, "spec.accessModes", wanted))
                .proof(field(on, "spec.accessModes", offered))
        }
        Misfit::Selector => {
            let wanted =
                claim.spec.selector.as_ref().map(crate::snapshot::LabelSelector::written).unwrap_or_default();
            let labels = volume.metadata.labels.written();
            new(
                SELECTOR,
                format!("claim {name} selects volumes with {wanted}, volume {volume_name} carries {labels}"),
            )
            .proof(field(at, "spec.selector", wanted))
            .proof(field(on, "metadata.labels", labels))
        }
        Misfit::Capacity => {
            let wanted =
                claim.spec.resources.requests.get("storage").map(ToString::to_string).unwrap_or_default();
            let have = volume.spec.capacity.get("storage").map(ToString::to_string).unwrap_or_default();
            new(CAPACITY, format!("claim {name} wants {wanted}, volume {volume_name} has {have}"))
                .proof(field(at, "spec.resources.requests.storage", &wanted))
                .proof(field(on, "spec.capacity.storage", have))
                .param("size", wanted)
        }
        Misfit::Occupied => {
            let by = volume
                .spec
                .claim_ref
                .as_ref()
                .map_or_else(String::new, |by| format!("{}/{}", by.namespace, by.name));
            new(
                OCCUPIED,
                format!("volume {volume_name}, which claim {name} could use, is bound to claim {by}"),
            )
            .proof(field(on, "spec.claimRef", &by))
            .param("holder", by)
        }
        Misfit::Gone => {
            let by = volume
                .spec
                .claim_ref
                .as_ref()
                .map_or_else(String::new, |by| format!("{}/{}", by.namespace, by.name));
            new(OCCUPIED, format!("volume {volume_name} is still kept for the deleted claim {by}"))
                .proof(field(on, "status.phase", &volume.status.phase))
                .proof(field(on, "spec.claimRef", &by))
                .param("holder", by)
        }
        Misfit::VolumeMode => {
            let mode = |mode: Option<&str>| mode.unwrap_or("Filesystem").to_owned();
            new(VOLUME_MODE, format!("claim {name} and volume {volume_name} differ in volumeMode"))
                .proof(field(at, "spec.volumeMode", mode(claim.spec.volume_mode.as_deref())))
                .proof(field(on, "spec.volumeMode", mode(volume.spec.volume_mode.as_deref())))
        }
    }
}
