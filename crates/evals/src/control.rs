//! Control arms: guesses that need no diagnosis. What they get right says how easy a suite is.
//!
//! They see the bundle's objects and nothing else; their cause is the one that the suite expects most often.

use crate::results::Row;
use crate::score::Owners;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::object::ObjectRef;
use stethoscope_incidents::Bundle;

/// A way to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// The workload whose containers restarted most.
    MostRestarted,
    /// The first workload, by name, with a pod that is not ready; else the first node that is not.
    FirstUnhealthy,
    /// The object that the suite expects most often.
    ConstantGuess,
}

impl Arm {
    /// Every arm.
    pub const ALL: [Self; 3] = [Self::MostRestarted, Self::FirstUnhealthy, Self::ConstantGuess];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::MostRestarted => "most restarted",
            Self::FirstUnhealthy => "first unhealthy",
            Self::ConstantGuess => "constant guess",
        }
    }
}

/// What an arm guessed from one recording, and whether it is the right object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// The arm.
    pub arm: Arm,
    /// Its object, if it has one.
    pub subject: Option<ObjectRef>,
    /// Whether that is an expected object.
    pub right: bool,
}

/// The constant guess: the object that the run's cases expect most often. It follows from all of them, so it is made again when
/// shards are put together.
pub(crate) fn guess_constantly(rows: &mut [Row]) {
    for row in rows.iter_mut() {
        row.guesses.retain(|guess| guess.arm != Arm::ConstantGuess);
    }
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for subject in rows.iter().filter_map(first_subject) {
        *counts.entry(subject).or_default() += 1;
    }
    // The first of equals, by name.
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(subject, _)| subject);
    let Some((kind, name)) = most else { return };
    for row in rows {
        if let Some(subject) = first_subject(row) {
            let right = subject == (kind.clone(), name.clone());
            row.guesses.push(Guess {
                arm: Arm::ConstantGuess,
                subject: Some(ObjectRef::cluster(&kind, &name)),
                right,
            });
        }
    }
}

fn first_subject(row: &Row) -> Option<(String, String)> {
    let expected = row.expected.as_ref().filter(|expected| expected.wants_cause())?;
    let subject = expected.subjects.first()?;
    Some((subject.kinds.first()?.clone(), subject.name.clone()))
}

/// The workload whose containers restarted most, among the pods of the namespace if one is asked about.
pub(crate) fn most_restarted(bundle: &Bundle, owners: &Owners) -> Option<ObjectRef> {
    let restarts = |pod: &Value| -> u64 {
        statuses(pod).iter().filter_map(|status| status["restartCount"].as_u64()).sum()
    };
    let mut best: Option<(u64, ObjectRef)> = None;
    for (workload, pod) in pods(bundle, owners) {
        let count = restarts(&pod);
        if count > 0 && best.as_ref().is_none_or(|(most, _)| count > *most) {
            best = Some((count, workload));
        }
    }
    best.map(|(_, workload)| workload)
}

/// The first workload with a pod that is not ready, else the first node that is not.
pub(crate) fn first_unhealthy(bundle: &Bundle, owners: &Owners) -> Option<ObjectRef> {
    let pod = pods(bundle, owners)
        .into_iter()
        .find(|(_, pod)| !is_ready(pod) && pod["status"]["phase"] != "Succeeded");
    pod.map(|(workload, _)| workload).or_else(|| {
        let mut nodes =
            bundle.objects().iter().filter(|object| object.kind == "Node" && object.group.is_empty());
        nodes.find(|node| !is_ready(&node.value())).map(|node| ObjectRef::cluster("Node", &node.name))
    })
}

/// Pods with their outermost owners, by the owner's name.
fn pods(bundle: &Bundle, owners: &Owners) -> Vec<(ObjectRef, Value)> {
    let mut pods: Vec<(ObjectRef, Value)> = bundle
        .objects()
        .iter()
        .filter(|object| object.kind == "Pod" && object.group.is_empty())
        .filter_map(|pod| {
            let namespace = pod.namespace.clone()?;
            if bundle.namespace().is_some_and(|asked| asked != namespace) {
                return None;
            }
            let workload = match owners.top("Pod", &namespace, &pod.name) {
                Some((kind, name)) => ObjectRef::namespaced(kind, namespace, name),
                None => ObjectRef::namespaced("Pod", namespace, &pod.name),
            };
            Some((workload, pod.value()))
        })
        .collect();
    pods.sort_by(|(a, _), (b, _)| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    pods
}

fn statuses(pod: &Value) -> &[Value] {
    pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_arms_point_at_restarts_and_at_the_first_pod_that_is_not_ready() {
        let files = r#"{"kind": "PodList", "apiVersion": "v1", "items": [
            {"metadata": {"name": "zoo", "namespace": "shop"}, "status": {"containerStatuses": [{"restartCount": 9}],
                "conditions": [{"type": "Ready", "status": "True"}]}},
            {"metadata": {"name": "ape", "namespace": "shop"}, "status": {"containerStatuses": [{"restartCount": 2}],
                "conditions": [{"type": "Ready", "status": "False"}]}},
            {"metadata": {"name": "done", "namespace": "shop"}, "status": {"phase": "Succeeded"}}
        ]}"#;
        let bundle = Bundle::from_files("w", [("cluster-resources/pods/shop.json", files)]).unwrap();
        let owners = Owners::of(&bundle);
        assert_eq!(most_restarted(&bundle, &owners), Some(ObjectRef::namespaced("Pod", "shop", "zoo")));
        assert_eq!(first_unhealthy(&bundle, &owners), Some(ObjectRef::namespaced("Pod", "shop", "ape")));
    }
}
