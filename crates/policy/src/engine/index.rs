//! Which policies may select a pod, without asking each of them.

use crate::certainty::Match;
use crate::model::{Policy, Subject};
use crate::peer::{Peer, Pod};
use crate::selector::{Key, Operator, Selector};
use std::collections::HashMap;
use std::sync::Arc;

/// A section that selects a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) policy: usize,
    pub(crate) section: usize,
    pub(crate) sure: Match,
}

/// Sections by the namespace and by one label that they insist on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Policy and section, in the order in which policies are asked.
    sections: Vec<(usize, usize)>,
    namespaces: HashMap<String, Bucket>,
    cluster: Bucket,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    labels: HashMap<String, HashMap<String, Vec<usize>>>,
    rest: Vec<usize>,
}

impl Index {
    pub(super) fn new(policies: &[Arc<Policy>]) -> Self {
        let mut index = Self::default();
        for (number, policy) in policies.iter().enumerate() {
            for (section, read) in policy.sections.iter().enumerate() {
                let (namespace, label) = match &read.subject {
                    Subject::Pods(selector) => (selector.pinned(&Key::Namespace), label(selector)),
                    Subject::Unreadable => (policy.reference.namespace.as_deref(), None),
                    Subject::Nodes => continue,
                };
                let at = index.sections.len();
                index.sections.push((number, section));
                let bucket = match namespace {
                    Some(namespace) => index.namespaces.entry(namespace.to_owned()).or_default(),
                    None => &mut index.cluster,
                };
                match label {
                    Some((key, value)) => {
                        let values = bucket.labels.entry(key.to_owned()).or_default();
                        values.entry(value.to_owned()).or_default().push(at);
                    }
                    None => bucket.rest.push(at),
                }
            }
        }
        index
    }

    /// The sections that select a pod, in the order in which policies are asked.
    pub(super) fn select(&self, policies: &[Arc<Policy>], peer: &Peer, pod: &Pod) -> Vec<Selected> {
        let mut candidates = Vec::new();
        for bucket in self.namespaces.get(&pod.namespace).into_iter().chain([&self.cluster]) {
            candidates.extend_from_slice(&bucket.rest);
            if bucket.labels.is_empty() {
                continue;
            }
            for (key, value) in &pod.labels {
                let found = bucket.labels.get(key).and_then(|values| values.get(value));
                candidates.extend_from_slice(found.map_or(&[], Vec::as_slice));
            }
        }
        candidates.sort_unstable();
        let mut selected = Vec::with_capacity(candidates.len());
        for at in candidates {
            let (policy, section) = self.sections[at];
            let sure = match &policies[policy].sections[section].subject {
                Subject::Pods(selector) => selector.matches(peer),
                Subject::Unreadable => Match::Maybe,
                Subject::Nodes => Match::No,
            };
            if sure > Match::No {
                selected.push(Selected { policy, section, sure });
            }
        }
        selected
    }
}

/// A label that every selected pod has.
fn label(selector: &Selector) -> Option<(&str, &str)> {
    selector.requirements.iter().find_map(|it| match (&it.key, it.operator, it.values.as_slice()) {
        (Key::Pod(key), Operator::In, [value]) => Some((key.as_str(), value.as_str())),
        _ => None,
    })
}
