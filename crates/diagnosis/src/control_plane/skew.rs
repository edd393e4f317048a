//! Kubelets and kube-proxies of a version that the API server does not support.
//!
//! Rule: "Version Skew Policy": never newer than the API server, and at most three minor versions older (two for a component before 1.25).

use super::{SYSTEM, component};
use crate::draft::{Draft, Felt, field, some_pods};
use crate::snapshot::{Node, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::{Proof, Severity};
use stethoscope_core::object::ObjectRef;

const SKEW: CauseCode = CauseCode::new("control-plane.version-skew");

/// Minor versions that a component may lag behind.
const MOST: u32 = 3;
const MOST_BEFORE_1_25: u32 = 2;

/// `v1.31.2-gke.100` is 31.
pub(crate) fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix('v').unwrap_or(version).strip_prefix("1.")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let Some((server, proof)) = server(world) else { return };
    let odd: Vec<(&Node, &'static str)> = world
        .snapshot
        .nodes
        .iter()
        .filter_map(|node| Some((node, verdict(server, minor(&node.status.node_info.kubelet_version)?)?)))
        .collect();
    for (node, what) in odd {
        found.push(kubelet(world, node, what, server, proof.clone()));
    }
    found.extend(proxies(world, server, proof.as_ref()));
}

/// The API server's minor version: as it says itself, else as its pod's image says.
fn server(world: &World<'_>) -> Option<(u32, Option<Proof>)> {
    let image = component(world, "kube-apiserver").first().and_then(|pod| {
        let container = pod.spec.containers.first()?;
        let tag = container.image.rsplit_once(':')?.1;
        let at = reference("Pod", &pod.metadata);
        let proof = field(&at, &format!("spec.containers[{}].image", container.name), &container.image);
        Some((minor(tag)?, proof))
    });
    let told = world.snapshot.server_version.as_deref().and_then(minor);
    told.map_or_else(
        || image.clone().map(|(minor, proof)| (minor, Some(proof))),
        |minor| Some((minor, image.clone().filter(|(other, _)| *other == minor).map(|(_, proof)| proof))),
    )
}

fn verdict(server: u32, part: u32) -> Option<&'static str> {
    let most = if part < 25 { MOST_BEFORE_1_25 } else { MOST };
    if part > server {
        Some("newer than the API server")
    } else if server - part > most {
        Some("more minor versions behind the API server than it supports")
    } else {
        None
    }
}

fn kubelet(world: &World<'_>, node: &Node, what: &str, server: u32, proof: Option<Proof>) -> Draft {
    let at = reference("Node", &node.metadata);
    let version = &node.status.node_info.kubelet_version;
    // The skew is to blame for what fails here and runs elsewhere.
    let hurt: Vec<&Pod> = world
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|pod| !pod.ready() && !pod.finished() && !pod.terminating())
        .filter(|pod| {
            world.pods_of(&world.root(pod)).iter().any(|other| other.ready() && other.node() != pod.node())
        })
        .copied()
        .collect();
    let sure = if hurt.is_empty() { 0.6 } else { 0.86 };
    let statement = format!("the kubelet of node {} is {version}: {what} (1.{server})", node.metadata.name);
    let draft = Draft::new(SKEW, at.clone(), sure, statement)
        .proof(field(&at, "status.nodeInfo.kubeletVersion", version))
        .proofs(proof)
        .affects(hurt.iter().map(|pod| world.root(pod)))
        .affects(some_pods(&hurt))
        .param("server", format!("1.{server}"));
    if hurt.is_empty() { draft.felt(Felt::Silently).severity(Severity::Low) } else { draft }
}

/// kube-proxy's DaemonSet names its version in its image.
fn proxies(world: &World<'_>, server: u32, proof: Option<&Proof>) -> Option<Draft> {
    let set = world
        .snapshot
        .daemon_sets
        .iter()
        .find(|set| set.metadata.namespace == SYSTEM && set.metadata.name.starts_with("kube-proxy"))?;
    let container = set.spec.template.spec.containers.iter().find(|it| it.name == "kube-proxy")?;
    let tag = container.image.rsplit_once(':')?.1;
    let what = verdict(server, minor(tag)?)?;
    let at: ObjectRef = reference("DaemonSet", &set.metadata);
    let hurt = set.status.number_ready < set.status.desired_number_scheduled;
    let draft = Draft::new(
        SKEW,
        at.clone(),
        if hurt { 0.8 } else { 0.55 },
        format!("kube-proxy is {tag}: {what} (1.{server})"),
    )
    .proof(field(&at, "spec.template.spec.containers[kube-proxy].image", &container.image))
    .proofs(proof.cloned())
    .param("server", format!("1.{server}"));
    Some(if hurt { draft } else { draft.felt(Felt::Silently).severity(Severity::Low) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_skew_policy_decides() {
        assert_eq!(minor("v1.31.2-gke.100"), Some(31));
        assert_eq!(minor("v1.33+"), Some(33));
        assert_eq!(minor("2.0"), None);
        assert_eq!((verdict(34, 31), verdict(34, 34)), (None, None));
        assert!(verdict(34, 30).is_some() && verdict(34, 35).is_some() && verdict(27, 24).is_some());
        assert_eq!((verdict(30, 27), verdict(28, 25)), (None, None));
    }
}
