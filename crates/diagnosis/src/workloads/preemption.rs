//! Pods that the scheduler removed to make room for more important ones.
//!
//! Words: `Preempted by pod <uid> on node <node>` (`pkg/scheduler/framework/preemption`); before 1.29 the pod's name stood
//! there.

use crate::draft::{Draft, event, field};
use crate::snapshot::{Event, Pod};
use crate::world::{World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const PREEMPTED: CauseCode = CauseCode::new("scheduling.preempted");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let mut victims: BTreeMap<ObjectRef, &Event> = BTreeMap::new();
    for event in world.snapshot.events.iter().filter(|event| event.reason == "Preempted") {
        if let Some(root) = owner(world, event) {
            let known = victims.entry(root).or_insert(event);
            if event.last_seen() > known.last_seen() {
                *known = event;
            }
        }
    }
    for (root, told) in victims {
        // Who got its pods again has nothing to complain of.
        if !world.workload(&root).is_some_and(crate::world::Workload::short) {
            continue;
        }
        let waiting: Vec<&Pod> =
            world.pods_of(&root).iter().filter(|pod| crate::scheduling::unscheduled(pod)).copied().collect();
        // A replacement that has its node is short for another reason.
        if waiting.is_empty() {
            continue;
        }
        let statement = format!("pods of {root} were removed to make room for pods of a higher priority");
        let class = world.workload(&root).map(|it| it.template.spec.priority_class_name.as_deref());
        let mut draft = Draft::new(PREEMPTED, root.clone(), 0.98, statement)
            .proof(event(told))
            .affects(crate::draft::some_pods(&waiting))
            .since(told.last_seen());
        if let Some(class) = class.flatten() {
            draft = draft.proof(field(&root, "spec.template.spec.priorityClassName", class));
        }
        for pod in waiting.iter().take(1) {
            draft = draft.proofs(crate::draft::newest(world, pod, &["FailedScheduling"]).map(event));
        }
        found.push(draft);
    }
}

/// The workload of a victim, which is usually gone: a pod's name begins with its ReplicaSet's or StatefulSet's.
fn owner(world: &World<'_>, told: &Event) -> Option<ObjectRef> {
    let about = &told.involved_object;
    if about.kind != "Pod" {
        return None;
    }
    if let Some(pod) = world.pod(&about.namespace, &about.name) {
        return Some(world.root(pod));
    }
    let (stem, _) = about.name.rsplit_once('-')?;
    let set = world
        .snapshot
        .replica_sets
        .iter()
        .find(|set| set.metadata.namespace == about.namespace && set.metadata.name == stem);
    if let Some(set) = set {
        let by = set.metadata.controller();
        return Some(by.map_or_else(
            || reference("ReplicaSet", &set.metadata),
            |by| ObjectRef::namespaced(&by.kind, &about.namespace, &by.name),
        ));
    }
    let at = ObjectRef::namespaced("StatefulSet", &about.namespace, stem);
    world.workload(&at).is_some().then_some(at)
}
