//! NetworkPolicies that provably keep a known caller from its callee.
//!
//! Semantics: `networking.k8s.io/v1` NetworkPolicy. Policies add up; a pod that no policy selects is open.

use super::addresses::addresses;
use crate::draft::{Draft, Felt, field, log};
use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::snapshot::{IntOrName, NetworkPolicy, Pod, PolicyPeer, PolicyRule, Service, ServicePort};
use crate::world::{World, reference};
use std::collections::HashMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const ISOLATES: CauseCode = CauseCode::new("network.policy-isolates");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    if world.snapshot.network_policies.is_empty() {
        return;
    }
    let mut policies = HashMap::<&str, Vec<&NetworkPolicy>>::new();
    for policy in &world.snapshot.network_policies {
        policies.entry(&policy.metadata.namespace).or_default().push(policy);
    }
    for workload in &world.workloads {
        let root = workload.reference();
        let Some(caller) = world.pods_of(&root).iter().find(|pod| !pod.finished()) else { continue };
        for address in addresses(&caller.spec) {
            let namespace = address.namespace.as_deref().unwrap_or(&caller.metadata.namespace);
            let Some(service) = world.service(namespace, &address.host) else { continue };
            let Some(callee) = world.selected(namespace, &service.spec.selector).first().copied() else {
                continue;
            };
            let port = address
                .port
                .and_then(|port| service.spec.ports.iter().find(|it| it.port == port))
                .map(ServicePort::target);
            let complaint = || complaint(world, &root, &address.host, service);
            if let Some(policy) = closed(world, &policies, caller, callee, port.as_ref(), Direction::Ingress)
            {
                found.push(felt(draft(world, policy, caller, callee, "Ingress"), complaint()));
            } else if let Some(policy) =
                closed(world, &policies, caller, callee, port.as_ref(), Direction::Egress)
            {
                found.push(felt(draft(world, policy, caller, callee, "Egress"), complaint()));
            }
        }
    }
}

fn draft(world: &World<'_>, policy: &NetworkPolicy, caller: &Pod, callee: &Pod, direction: &str) -> Draft {
    let at = reference("NetworkPolicy", &policy.metadata);
    let (from, to) = (world.root(caller), world.root(callee));
    let selector = policy.spec.pod_selector.written();
    Draft::new(
        ISOLATES,
        at.clone(),
        0.85,
        format!(
            "NetworkPolicy {} keeps {from} from reaching {to}: no {direction} rule allows it",
            policy.metadata.name
        ),
    )
    .proof(field(&at, "spec.podSelector", if selector.is_empty() { "{}".to_owned() } else { selector }))
    .proof(field(&at, "spec.policyTypes", policy.spec.policy_types.join(", ")))
    .affects([from, to])
    .felt(Felt::Silently)
    .since(policy.metadata.creation_timestamp)
}

/// What a caller's log says of a callee that it can't reach: the pod's proof.
fn complaint(world: &World<'_>, caller: &ObjectRef, host: &str, service: &Service) -> Option<Proof> {
    let ip = service.spec.cluster_ip.as_deref().filter(|ip| *ip != "None");
    let about =
        |line: &str| signatures::mentions(line, host) || ip.is_some_and(|ip| signatures::mentions(line, ip));
    world.pods_of(caller).iter().filter(|pod| !pod.finished()).find_map(|pod| {
        pod.spec.containers.iter().find_map(|container| {
            let text = world.log(pod, &container.name, Run::Current)?;
            let line = text
                .lines()
                .rev()
                .find(|line| signatures::of(line) == Some(Signature::Unreachable) && about(line))?;
            Some(log(pod, &container.name, Run::Current, line))
        })
    })
}

/// A policy that callers complain of is the cause of what they see; one that nobody complains of may be meant so.
fn felt(draft: Draft, complaint: Option<Proof>) -> Draft {
    match complaint {
        Some(proof) => draft.proof(proof).felt(Felt::Visibly).sure(0.95),
        None => draft,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// The policy that isolates one end, when no policy allows the connection.
fn closed<'a>(
    world: &World<'a>,
    policies: &HashMap<&str, Vec<&'a NetworkPolicy>>,
    caller: &Pod,
    callee: &Pod,
    port: Option<&IntOrName>,
    direction: Direction,
) -> Option<&'a NetworkPolicy> {
    let (isolated, peer) = if direction == Direction::Ingress { (callee, caller) } else { (caller, callee) };
    let applying: Vec<&NetworkPolicy> = policies
        .get(isolated.metadata.namespace.as_str())
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .copied()
        .filter(|policy| {
            policy.spec.pod_selector.matches(&isolated.metadata.labels) && covers(policy, direction)
        })
        .collect();
    let allowed = applying.iter().any(|policy| {
        let rules = if direction == Direction::Ingress { &policy.spec.ingress } else { &policy.spec.egress };
        rules.iter().any(|rule| allows(world, policy, rule, peer, callee, port, direction))
    });
    if allowed { None } else { applying.first().copied() }
}

fn covers(policy: &NetworkPolicy, direction: Direction) -> bool {
    let named = |name: &str| policy.spec.policy_types.iter().any(|kind| kind == name);
    match direction {
        Direction::Ingress => policy.spec.policy_types.is_empty() || named("Ingress"),
        Direction::Egress => {
            named("Egress") || policy.spec.policy_types.is_empty() && !policy.spec.egress.is_empty()
        }
    }
}

fn allows(
    world: &World<'_>,
    policy: &NetworkPolicy,
    rule: &PolicyRule,
    peer: &Pod,
    callee: &Pod,
    port: Option<&IntOrName>,
    direction: Direction,
) -> bool {
    let peers = if direction == Direction::Ingress { &rule.from } else { &rule.to };
    let peer_fits = peers.is_empty() || peers.iter().any(|it| fits(world, policy, it, peer));
    let number = port.and_then(|port| number(callee, port));
    let port_fits = rule.ports.is_empty()
        || number.is_none()
        || rule.ports.iter().any(|it| match &it.port {
            None => true,
            Some(wanted) => {
                let first = self::number(callee, wanted);
                let last = it.end_port.or(first);
                number >= first && number <= last
            }
        });
    peer_fits && port_fits
}

fn number(pod: &Pod, port: &IntOrName) -> Option<i64> {
    match port {
        IntOrName::Int(number) => Some(*number),
        IntOrName::Name(name) => pod
            .spec
            .containers
            .iter()
            .flat_map(|container| &container.ports)
            .find(|port| port.name.as_deref() == Some(&**name))
            .map(|port| port.container_port),
    }
}

fn fits(world: &World<'_>, policy: &NetworkPolicy, peer: &PolicyPeer, pod: &Pod) -> bool {
    if peer.ip_block.is_some() {
        return true; // Addresses may well include the pod: nothing is proven.
    }
    let in_namespace = match &peer.namespace_selector {
        Some(selector) => {
            world.namespace_labels(&pod.metadata.namespace).is_none_or(|labels| selector.matches(labels))
        }
        None => policy.metadata.namespace == pod.metadata.namespace,
    };
    in_namespace && peer.pod_selector.as_ref().is_none_or(|selector| selector.matches(&pod.metadata.labels))
}
