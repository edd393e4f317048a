//! Certificates of the cluster's own components, as the components complain of them.
//!
//! Texts: Go's `crypto/x509`, `kubelet/certificate/bootstrap`, and ingress-nginx' controller.

use crate::control_plane::voices::{Voice, in_logs};
use crate::control_plane::{api, component, is_component};
use crate::draft::{Draft, Felt, field};
use crate::snapshot::Node;
use crate::world::{World, reference};
use jiff::Timestamp;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const KUBELET: CauseCode = CauseCode::new("node.kubelet-certificate-expired");
const CONTROL_PLANE: CauseCode = CauseCode::new("control-plane.certificate-expired");
const EXPIRED: CauseCode = CauseCode::new("certificate.expired");

/// The kubelet's own client certificate, with which it asks the API server.
const SAYS_OWN: &[&str] = &[
    "existing bootstrap client certificate",
    "client certificate is expired",
    "client certificate expired",
    "certificate has expired, cannot rotate",
];
/// Go's words when a server's certificate is past its end; `is after` tells it from one that is not valid yet.
const SAYS_SERVER: &[&str] =
    &["certificate has expired or is not yet valid: current time", "certificate has expired"];
/// ingress-nginx warns ten days ahead and goes on when it is too late.
const SAYS_ABOUT_TO: &[&str] = &["is about to expire ("];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    kubelets(world, found);
    found.extend(control_plane(world));
    ingresses(world, found);
}

fn kubelets(world: &World<'_>, found: &mut Vec<Draft>) {
    for voice in in_logs(world, SAYS_OWN).into_iter().filter(|voice| voice.pod.is_none()) {
        let Some(node) = voice.node.and_then(|name| world.node(name)) else { continue };
        if !voice.line.contains("expired") || node.ready() {
            continue;
        }
        let at = reference("Node", &node.metadata);
        let statement = format!(
            "the kubelet of node {} can't reach the API server any more: its client certificate has expired",
            node.metadata.name
        );
        found.push(
            Draft::new(KUBELET, at.clone(), 0.96, statement)
                .proof(voice.proof)
                .proofs(ready_condition(node))
                .affects(workloads_on(world, node))
                .since(node.condition("Ready").and_then(|ready| ready.last_transition_time)),
        );
    }
}

fn ready_condition(node: &Node) -> Option<stethoscope_core::finding::Proof> {
    let ready = node.condition("Ready").filter(|ready| ready.status != "True")?;
    let at = reference("Node", &node.metadata);
    Some(if ready.message.is_empty() {
        field(&at, "status.conditions[Ready].status", &ready.status)
    } else {
        field(&at, "status.conditions[Ready].message", &ready.message)
    })
}

fn workloads_on(world: &World<'_>, node: &Node) -> Vec<ObjectRef> {
    const SHOWN: usize = 30;
    let mut roots: Vec<ObjectRef> = world
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|pod| !pod.finished())
        .map(|pod| world.root(pod))
        .collect();
    roots.sort_unstable();
    roots.dedup();
    roots.truncate(SHOWN);
    roots
}

/// Components and kubelets that refuse the certificate of the API server or of etcd.
fn control_plane(world: &World<'_>) -> Option<Draft> {
    let refuse = |voice: &Voice<'_>| {
        let inside = voice.pod.is_none_or(is_component);
        inside && voice.line.contains(" is after ") && !SAYS_OWN.iter().any(|own| voice.line.contains(own))
    };
    let voices: Vec<Voice<'_>> = in_logs(world, SAYS_SERVER).into_iter().filter(refuse).collect();
    let nodes = voices.iter().filter(|voice| voice.pod.is_none()).count();
    // A single kubelet may have the wrong time or the wrong file; components and several kubelets have not.
    if voices.is_empty() || voices.len() == nodes && nodes < 2 {
        return None;
    }
    let etcd = voices.iter().any(|voice| voice.line.contains(":2379"));
    let (name, what) = if etcd { ("etcd", "etcd") } else { ("kube-apiserver", "the API server") };
    let server = component(world, name).into_iter().find(|pod| {
        pod.status
            .pod_ip
            .as_deref()
            .is_some_and(|ip| voices.iter().any(|voice| voice.line.contains(&format!("//{ip}:"))))
    });
    let at = server.map_or_else(api, |pod| reference("Pod", &pod.metadata));
    let statement =
        format!("the certificate that {what} serves has expired, so its clients refuse to talk to it");
    Some(
        Draft::new(CONTROL_PLANE, at, 0.93, statement)
            .proofs(voices.iter().take(4).map(|voice| voice.proof.clone()))
            .affects([api()])
            .affects(voices.iter().filter_map(|voice| voice.pod).map(|pod| reference("Pod", &pod.metadata)))
            .affects(
                voices
                    .iter()
                    .filter(|voice| voice.pod.is_none())
                    .filter_map(|voice| voice.node)
                    .map(|node| ObjectRef::cluster("Node", node)),
            ),
    )
}

/// `SSL certificate for server "www.example.com" is about to expire (2026-01-02 03:04:05 +0000 UTC)`.
fn ingresses(world: &World<'_>, found: &mut Vec<Draft>) {
    for voice in in_logs(world, SAYS_ABOUT_TO) {
        let Some((host, end)) = about_to(voice.line) else { continue };
        let serving = world
            .snapshot
            .ingresses
            .iter()
            .find(|ingress| ingress.spec.rules.iter().any(|rule| rule.host.as_deref() == Some(host)));
        let Some(ingress) = serving else { continue };
        let at = reference("Ingress", &ingress.metadata);
        let over = end <= world.now;
        let statement = if over {
            format!("the certificate that {at} serves for {host} expired at {end}")
        } else {
            format!("the certificate that {at} serves for {host} expires at {end}")
        };
        let draft = Draft::new(EXPIRED, at, if over { 0.93 } else { 0.45 }, statement)
            .proof(voice.proof)
            .since(over.then_some(end));
        found.push(if over { draft } else { draft.felt(Felt::Nowhere) });
    }
}

fn about_to(line: &str) -> Option<(&str, Timestamp)> {
    let (before, rest) = line.split_once("is about to expire (")?;
    let host = before.rsplit('"').nth(1)?;
    let end = rest.split(')').next()?;
    let (date, time) = (end.get(..10)?, end.get(11..19)?);
    Some((host, format!("{date}T{time}Z").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_end_is_read_from_the_controllers_words() {
        let line = "W0102 03:04:05.1 7 controller.go:1374] SSL certificate for server \"a.example\" is about to expire (2026-01-03 00:00:00 +0000 UTC)";
        let end: Timestamp = "2026-01-03T00:00:00Z".parse().unwrap();
        assert_eq!(about_to(line), Some(("a.example", end)));
        assert_eq!(about_to("is about to expire (é)"), None);
    }
}
