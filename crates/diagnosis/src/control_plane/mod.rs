//! The control plane: what serves the API, what acts on it, and whom it keeps waiting.

pub(crate) mod aggregated;
pub(crate) mod clocks;
pub(crate) mod controllers;
pub(crate) mod etcd;
pub(crate) mod leadership;
pub(crate) mod removed;
pub(crate) mod skew;
pub(crate) mod throttling;
pub(crate) mod voices;

use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::object::ObjectRef;

/// Where components of the control plane run as pods.
pub(crate) const SYSTEM: &str = "kube-system";

/// The API as its clients see it: the Service that every cluster has, also where the provider hides the rest.
pub(crate) fn api() -> ObjectRef {
    ObjectRef::namespaced("Service", "default", "kubernetes")
}

/// The pods of a component, by the label that kubeadm and most installers write, or by name.
pub(crate) fn component<'a>(world: &World<'a>, name: &str) -> Vec<&'a Pod> {
    let named = |pod: &&&'a Pod| {
        let meta = &pod.metadata;
        meta.labels.text("component") == Some(name)
            || meta.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
    };
    world.pods_in(SYSTEM).iter().filter(named).copied().collect()
}

/// Whether a pod is a component of the control plane, not a workload that happens to run the same program.
pub(crate) fn is_component(pod: &Pod) -> bool {
    const COMPONENTS: &[&str] =
        &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "cloud-controller-manager"];
    let labels = &pod.metadata.labels;
    pod.metadata.namespace == SYSTEM
        && (labels.text("tier") == Some("control-plane")
            || labels.text("component").is_some_and(|component| COMPONENTS.contains(&component)))
}

/// The pods behind a Service and their workloads.
pub(crate) fn behind(world: &World<'_>, namespace: &str, service: &str) -> Vec<ObjectRef> {
    const SHOWN: usize = 8;
    let mut objects = vec![ObjectRef::namespaced("Service", namespace, service)];
    let Some(service) = world.service(namespace, service).filter(|it| !it.spec.selector.is_empty()) else {
        return objects;
    };
    let pods = world.selected(namespace, &service.spec.selector);
    for pod in pods.into_iter().take(SHOWN) {
        objects.push(reference("Pod", &pod.metadata));
        objects.push(world.root(pod));
    }
    let selects =
        |it: &&crate::world::Workload<'_>| it.template.metadata.labels.carry(&service.spec.selector);
    objects.extend(
        world
            .workloads_in(namespace)
            .iter()
            .filter(selects)
            .take(SHOWN)
            .map(crate::world::Workload::reference),
    );
    objects.sort_unstable();
    objects.dedup();
    objects
}

/// What is known of a Service's endpoints; without its namespace listed, nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Its namespace was not listed.
    Unseen,
    /// There is no such Service.
    Missing,
    /// The Service has no ready endpoint.
    Empty,
    /// The Service has ready endpoints.
    Ready,
}

pub(crate) fn backend(world: &World<'_>, namespace: &str, name: &str) -> Backend {
    if world.services_in(namespace).is_empty()
        || world.snapshot.has_gap(crate::snapshot::Kind::Service, namespace)
    {
        return Backend::Unseen;
    }
    match world.service(namespace, name) {
        None => Backend::Missing,
        Some(service) if !world.knows_endpoints() || service.spec.selector.is_empty() => Backend::Unseen,
        Some(service) if world.ready_endpoints(service) == 0 => Backend::Empty,
        Some(_) => Backend::Ready,
    }
}
