//! From the host that a log line blames to the Service it stands for.

use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::logs::target;
use crate::snapshot::Pod;
use crate::world::{World, reference};
use stethoscope_core::object::ObjectRef;

/// A Service that a log line blames, and the words it is called by there.
pub(crate) struct Blamed {
    pub(crate) host: String,
    pub(crate) service: ObjectRef,
}

/// The Service that the line blames: by its name, its address, or the address of a pod behind it.
pub(crate) fn blamed(world: &World<'_>, pod: &Pod, line: &str) -> Option<Blamed> {
    let found = target::of(line)?;
    let service = by_address(world, &found.host).or_else(|| by_name(world, pod, &found.host))?;
    Some(Blamed { host: found.host, service })
}

fn by_name(world: &World<'_>, pod: &Pod, host: &str) -> Option<ObjectRef> {
    let home = pod.metadata.namespace.as_str();
    let parts: Vec<&str> = host.split('.').collect();
    let named = |namespace: &str, name: &str| {
        world.service(namespace, name).map(|service| reference("Service", &service.metadata))
    };
    match parts.as_slice() {
        [name] => named(home, name),
        // `service.namespace`, or a StatefulSet's `pod.service`.
        [first, second] => named(second, first).or_else(|| named(home, second)),
        [name, namespace, "svc", ..] => named(namespace, name),
        [_, name, namespace] | [_, name, namespace, "svc", ..] => named(namespace, name),
        _ => None,
    }
}

fn by_address(world: &World<'_>, host: &str) -> Option<ObjectRef> {
    if !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let service = world.snapshot.services.iter().find(|it| it.spec.cluster_ip.as_deref() == Some(host));
    if let Some(service) = service {
        return Some(reference("Service", &service.metadata));
    }
    let slice = world.snapshot.endpoint_slices.iter().find(|slice| {
        slice.endpoints.iter().any(|endpoint| endpoint.addresses.iter().any(|address| address == host))
    })?;
    let name = slice.metadata.labels.text("kubernetes.io/service-name")?;
    Some(ObjectRef::namespaced("Service", &slice.metadata.namespace, name))
}

/// Services that the pod's logs blame for not answering.
pub(crate) fn blamed_in_logs(world: &World<'_>, pod: &Pod) -> Vec<ObjectRef> {
    let mut all = Vec::new();
    for container in pod.spec.all_containers() {
        for run in [Run::Current, Run::Previous] {
            let Some(text) = world.log(pod, &container.name, run) else { continue };
            for (signature, line) in signatures::newest(text) {
                let peer = matches!(
                    signature,
                    Signature::Unreachable
                        | Signature::NameUnresolved
                        | Signature::Reset
                        | Signature::PeerFails
                        | Signature::NoLeader
                        | Signature::ConnectionsExhausted
                );
                if peer
                    && let Some(blamed) = blamed(world, pod, line)
                    && !all.contains(&blamed.service)
                {
                    all.push(blamed.service);
                }
            }
        }
    }
    all
}
