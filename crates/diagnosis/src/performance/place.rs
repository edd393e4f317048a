//! Which object a signal is about, and who calls whom among those.

use super::hurts;
use crate::services::addresses::addresses;
use crate::snapshot::{About, Node, Signal};
use crate::world::{Workload, World, reference};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::object::ObjectRef;

/// Signals by object, with the calls between the workloads concerned.
pub(super) struct Vitals<'w> {
    /// Workloads; a Service that selects none stands for itself.
    pub(super) workloads: BTreeMap<ObjectRef, Vec<&'w Signal>>,
    /// Nodes.
    pub(super) nodes: BTreeMap<ObjectRef, Vec<&'w Signal>>,
    callees: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    timed: BTreeSet<ObjectRef>,
}

impl<'w> Vitals<'w> {
    pub(super) fn of(world: &World<'w>) -> Self {
        let mut vitals = Self {
            workloads: BTreeMap::new(),
            nodes: BTreeMap::new(),
            callees: BTreeMap::new(),
            timed: BTreeSet::new(),
        };
        for signal in &world.snapshot.signals {
            if let Some(workload) = workload_of(world, &signal.about) {
                vitals.workloads.entry(workload).or_default().push(signal);
            } else if let Some(node) = node_of(world, &signal.about) {
                vitals.nodes.entry(node).or_default().push(signal);
            }
        }
        vitals.callees = calls(world);
        vitals.timed = timed(world);
        vitals
    }

    /// Whether users would notice something at it.
    pub(super) fn suffers(&self, workload: &ObjectRef) -> bool {
        self.workloads.get(workload).is_some_and(|signals| signals.iter().any(|signal| hurts(signal.kind)))
    }

    /// What a workload calls.
    pub(super) fn callees(&self, workload: &ObjectRef) -> impl Iterator<Item = &ObjectRef> {
        self.callees.get(workload).into_iter().flatten()
    }

    /// Whether nobody's latency is measured.
    pub(super) fn is_untimed(&self) -> bool {
        self.timed.is_empty()
    }

    /// What it calls whose latency nobody measures. Empty where nothing is measured at all, as with alerts alone.
    pub(super) fn untimed_callees(&self, workload: &ObjectRef) -> Vec<&ObjectRef> {
        let blind = |callee: &&ObjectRef| !self.timed.is_empty() && !self.timed.contains(*callee);
        self.callees(workload).filter(blind).collect()
    }

    /// Who calls it, and who calls those.
    pub(super) fn callers(&self, workload: &ObjectRef) -> BTreeSet<ObjectRef> {
        reach(workload, |callee| {
            let calls = self.callees.iter().filter(|(_, called)| called.contains(callee));
            calls.map(|(caller, _)| caller.clone()).collect()
        })
    }

    /// What it calls, and what those call.
    pub(super) fn waits_for(&self, workload: &ObjectRef) -> BTreeSet<ObjectRef> {
        reach(workload, |caller| self.callees(caller).cloned().collect())
    }
}

/// Workloads whose latency is measured.
pub(super) fn timed(world: &World<'_>) -> BTreeSet<ObjectRef> {
    world.snapshot.timed.iter().filter_map(|about| workload_of(world, about)).collect()
}

/// Everything that steps lead to, without where they began.
fn reach(from: &ObjectRef, step: impl Fn(&ObjectRef) -> Vec<ObjectRef>) -> BTreeSet<ObjectRef> {
    let mut all = BTreeSet::new();
    let mut next = vec![from.clone()];
    while let Some(at) = next.pop() {
        next.extend(step(&at).into_iter().filter(|found| found != from && all.insert(found.clone())));
    }
    all
}

/// From addresses in the environment: caller to callees, workloads on both sides.
fn calls(world: &World<'_>) -> BTreeMap<ObjectRef, BTreeSet<ObjectRef>> {
    let mut calls: BTreeMap<ObjectRef, BTreeSet<ObjectRef>> = BTreeMap::new();
    for (caller, pods) in world.groups() {
        let Some(pod) = pods.iter().find(|pod| !pod.finished()) else { continue };
        for address in addresses(&pod.spec) {
            let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
            if let Some(callee) = workload_of_service(world, namespace, &address.host)
                && callee != *caller
            {
                calls.entry(caller.clone()).or_default().insert(callee);
            }
        }
    }
    calls
}

fn workload_of_service(world: &World<'_>, namespace: &str, name: &str) -> Option<ObjectRef> {
    let service = world.service(namespace, name)?;
    if service.spec.selector.is_empty() {
        return None;
    }
    let pods = world.selected(namespace, &service.spec.selector);
    if let Some(pod) = pods.iter().find(|pod| !pod.finished()).or(pods.first()) {
        return Some(world.root(pod));
    }
    let behind = world.workloads_in(namespace).iter().find(|workload| {
        service
            .spec
            .selector
            .iter()
            .all(|(key, value)| workload.template.metadata.labels.get(key) == Some(value))
    });
    Some(behind.map_or_else(|| reference("Service", &service.metadata), Workload::reference))
}

fn workload_of(world: &World<'_>, about: &About) -> Option<ObjectRef> {
    let namespaces: Vec<&str> = match &about.namespace {
        Some(namespace) => vec![namespace],
        None => {
            let all: BTreeSet<&str> =
                world.workloads.iter().map(|workload| workload.meta.namespace.as_str()).collect();
            all.into_iter().collect()
        }
    };
    let by_name = about
        .names
        .iter()
        .find_map(|name| only(namespaces.iter().filter_map(|namespace| named(world, namespace, name))));
    by_name.or_else(|| {
        let text = about.within.as_deref()?;
        only(namespaces.iter().filter_map(|namespace| held(world, namespace, text)))
    })
}

/// The one item, if there is exactly one: a name that two namespaces know tells nothing.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn named(world: &World<'_>, namespace: &str, name: &str) -> Option<ObjectRef> {
    if let Some(pod) = world.pod(namespace, name) {
        return Some(world.root(pod));
    }
    let workloads = world.workloads_in(namespace);
    let exact = workloads.iter().find(|workload| workload.meta.name == name);
    exact.map(Workload::reference).or_else(|| workload_of_service(world, namespace, name))
}

/// The longest name of a workload or Service that stands in the text as a word: `job:stock_api_p90:ms` holds
/// `stock-api`.
fn held(world: &World<'_>, namespace: &str, text: &str) -> Option<ObjectRef> {
    let workloads = world.workloads_in(namespace).iter().map(|workload| workload.meta.name.as_str());
    let services = world.services_in(namespace).iter().map(|service| service.metadata.name.as_str());
    let longest = workloads
        .chain(services)
        .filter(|name| stands_in(text, &name.replace(['-', '.'], "_")))
        .max_by_key(|name| (name.len(), std::cmp::Reverse(*name)))?;
    named(world, namespace, longest)
}

fn stands_in(text: &str, word: &str) -> bool {
    let boundary = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        boundary(text[..at].chars().next_back()) && boundary(text[at + word.len()..].chars().next())
    })
}

fn node_of(world: &World<'_>, about: &About) -> Option<ObjectRef> {
    // A node's name may stand under any label: rules that aggregate call everything by one.
    about.nodes.iter().chain(&about.names).find_map(|name| {
        let bare = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
        let is = |node: &Node| {
            node.metadata.name == bare || node.status.addresses.iter().any(|at| &*at.address == bare)
        };
        world.snapshot.nodes.iter().find(|node| is(node)).map(|node| reference("Node", &node.metadata))
    })
}

#[cfg(test)]
mod tests {
    use super::stands_in;

    #[test]
    fn a_name_in_a_rule_is_a_whole_word() {
        assert!(stands_in("job:stock_api_p90:ms", "stock_api"));
        assert!(stands_in("stock_api", "stock_api"));
        assert!(!stands_in("job:livestock_api:ms", "stock_api"));
        assert!(!stands_in("job:stock_apis:ms", "stock_api"));
    }
}
