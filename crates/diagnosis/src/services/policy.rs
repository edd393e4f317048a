//! NetworkPolicies that provably keep a known caller from its callee.
//!
//! What policies mean is the `policy` crate's to say. What it can't tell, e.g. whether a block of addresses includes a pod
//! whose address is not part of the snapshot, is not proven and gives no finding.

use super::addresses::addresses;
use crate::draft::{Draft, Felt, field, log};
use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::snapshot::{
    IntOrName, LabelSelector, NetworkPolicy, Pod, PolicyPeer, PolicyPort, PolicyRule, Service, ServicePort,
};
use crate::world::{World, reference};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;
use stethoscope_policy::{
    Decision, Engine, Kind, Known, NamedPort, Peer, Pod as PolicyPod, Policy, Protocol, Settings,
    SideVerdict, Surroundings, Traffic, Transport,
};

const ISOLATES: CauseCode = CauseCode::new("network.policy-isolates");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    if world.snapshot.network_policies.is_empty() {
        return;
    }
    let engine = engine(&world.snapshot.network_policies);
    for workload in &world.workloads {
        let root = workload.reference();
        let Some(caller) = world.pods_of(&root).iter().find(|pod| !pod.finished()) else { continue };
        for address in addresses(&caller.spec) {
            let namespace = address.namespace.as_deref().unwrap_or(&caller.metadata.namespace);
            let Some(service) = world.service(namespace, &address.host) else { continue };
            let Some(callee) = world.selected(namespace, &service.spec.selector).first().copied() else {
                continue;
            };
            // Nodes have no policies of their own, and who they are to others is the plug-in's to say.
            if caller.spec.host_network || callee.spec.host_network {
                continue;
            }
            let port = address.port.and_then(|port| service.spec.ports.iter().find(|it| it.port == port));
            let verdict = engine.explain(&Traffic {
                source: peer(world, caller),
                destination: peer(world, callee),
                transport: transport(callee, port),
                request: None,
            });
            let sides = [(&verdict.ingress, "Ingress"), (&verdict.egress, "Egress")];
            let Some((policy, direction)) = sides.into_iter().find_map(|(side, direction)| {
                closed(&world.snapshot.network_policies, side).map(|policy| (policy, direction))
            }) else {
                continue;
            };
            let complaint = complaint(world, &root, &address.host, service);
            found.push(felt(draft(world, policy, caller, callee, direction), complaint));
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

/// The policy that isolates this end, when no policy allows the connection.
fn closed<'a>(policies: &'a [NetworkPolicy], side: &SideVerdict) -> Option<&'a NetworkPolicy> {
    if side.decision != Decision::DefaultDeny {
        return None;
    }
    side.selected_by.iter().find_map(|at| {
        policies.iter().find(|policy| {
            policy.metadata.name == at.name && at.namespace.as_deref() == Some(&*policy.metadata.namespace)
        })
    })
}

fn engine(policies: &[NetworkPolicy]) -> Engine {
    // A policy without a name or a namespace is none that the API server serves.
    let read = policies
        .iter()
        .filter_map(|policy| Policy::of_kind(Kind::NetworkPolicy, &manifest(policy)).ok())
        .map(Arc::new);
    Engine::new(read, Surroundings::default(), Settings::default())
}

/// The policy as it was served, as far as the snapshot keeps it.
fn manifest(policy: &NetworkPolicy) -> Value {
    json!({
        "metadata": { "name": policy.metadata.name, "namespace": policy.metadata.namespace },
        "spec": {
            "podSelector": selector(&policy.spec.pod_selector),
            "policyTypes": policy.spec.policy_types.iter().collect::<Vec<_>>(),
            "ingress": policy.spec.ingress.iter().map(|it| rule("from", &it.from, it)).collect::<Vec<_>>(),
            "egress": policy.spec.egress.iter().map(|it| rule("to", &it.to, it)).collect::<Vec<_>>(),
        },
    })
}

fn rule(key: &str, peers: &[PolicyPeer], rule: &PolicyRule) -> Value {
    let peers: Vec<Value> = peers.iter().map(rule_peer).collect();
    let ports: Vec<Value> = rule.ports.iter().map(rule_port).collect();
    json!({ key: peers, "ports": ports })
}

fn rule_peer(peer: &PolicyPeer) -> Value {
    let mut item = Map::new();
    if let Some(pods) = &peer.pod_selector {
        item.insert("podSelector".to_owned(), selector(pods));
    }
    if let Some(namespaces) = &peer.namespace_selector {
        item.insert("namespaceSelector".to_owned(), selector(namespaces));
    }
    if let Some(block) = &peer.ip_block {
        item.insert("ipBlock".to_owned(), json!({ "cidr": block.cidr }));
    }
    Value::Object(item)
}

fn rule_port(port: &PolicyPort) -> Value {
    let number = port.port.as_ref().map(|port| match port {
        IntOrName::Int(number) => json!(number),
        IntOrName::Name(name) => json!(name),
    });
    json!({ "port": number, "endPort": port.end_port, "protocol": port.protocol })
}

fn selector(selector: &LabelSelector) -> Value {
    let labels: Map<String, Value> =
        selector.match_labels.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    let expressions: Vec<Value> = selector
        .match_expressions
        .iter()
        .map(|it| json!({ "key": it.key, "operator": it.operator, "values": it.values.iter().collect::<Vec<_>>() }))
        .collect();
    json!({ "matchLabels": labels, "matchExpressions": expressions })
}

/// A pod as policies see it. Its addresses are left out: what a block of addresses includes is not proven.
fn peer(world: &World<'_>, pod: &Pod) -> Arc<Peer> {
    let texts = |labels: &crate::snapshot::Labels| {
        labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let namespace_labels = world.namespace_labels(&pod.metadata.namespace).map(texts);
    let named = pod.spec.containers.iter().flat_map(|container| &container.ports).filter_map(|port| {
        let name = port.name.as_deref()?.to_owned();
        let protocol = protocol(port.protocol.as_deref());
        u16::try_from(port.container_port).ok().map(|port| NamedPort { name, port, protocol })
    });
    Arc::new(Peer::Pod(PolicyPod {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        labels: texts(&pod.metadata.labels),
        namespace_labels: namespace_labels.map_or(Known::Unknown, Known::Known),
        named_ports: Known::Known(named.collect()),
        ..PolicyPod::default()
    }))
}

/// The callee's port behind a Service's port; without one every rule may allow it.
fn transport(callee: &Pod, port: Option<&ServicePort>) -> Transport {
    let number = port.and_then(|port| number(callee, &port.target()));
    let protocol = protocol(port.map(ServicePort::transport));
    Transport::Port { protocol, port: number.and_then(|number| u16::try_from(number).ok()) }
}

fn protocol(word: Option<&str>) -> Protocol {
    match word {
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        _ => Protocol::Tcp,
    }
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
