//! Pods that no node takes: which single repair would make them fit?
//!
//! ```text
//! pending pod -> predicates against every node -> repairs that alone free a node -> the cause
//!                FailedScheduling's words decide where the simulation sees a fit
//! ```

mod event_text;
mod predicates;

use crate::draft::{Draft, event, field, newest, some_pods};
use crate::snapshot::{Affinity, Node, Pod, PodAffinity};
use crate::world::{World, reference};
use predicates::{Obstacle, Usage};
pub(crate) use predicates::{is_control_plane, tolerates};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const CORDONED: CauseCode = CauseCode::new("scheduling.node-cordoned");
const TAINT: CauseCode = CauseCode::new("scheduling.taint-not-tolerated");
const NODE_UNAVAILABLE: CauseCode = CauseCode::new("scheduling.node-unavailable");
const SELECTOR: CauseCode = CauseCode::new("scheduling.node-selector-mismatch");
const AFFINITY: CauseCode = CauseCode::new("scheduling.node-affinity-mismatch");
const CPU: CauseCode = CauseCode::new("scheduling.insufficient-cpu");
const MEMORY: CauseCode = CauseCode::new("scheduling.insufficient-memory");
const RESOURCE: CauseCode = CauseCode::new("scheduling.insufficient-resource");
const POD_LIMIT: CauseCode = CauseCode::new("scheduling.too-many-pods");
const ANTI_AFFINITY: CauseCode = CauseCode::new("scheduling.pod-anti-affinity");
const POD_AFFINITY: CauseCode = CauseCode::new("scheduling.pod-affinity");
const SPREAD: CauseCode = CauseCode::new("scheduling.topology-spread");
const HOST_PORT: CauseCode = CauseCode::new("scheduling.host-port-taken");
const VOLUME: CauseCode = CauseCode::new("scheduling.volume-unreachable");
const GATED: CauseCode = CauseCode::new("scheduling.gated");
const NO_SCHEDULER: CauseCode = CauseCode::new("scheduling.unknown-scheduler");
const NO_NODES: CauseCode = CauseCode::new("scheduling.no-nodes");
const UNSCHEDULABLE: CauseCode = CauseCode::new("scheduling.unschedulable");

/// Pods simulated a workload: they share a template, so a few tell as much as all.
const SIMULATED: usize = 3;
/// Evaluations of a pod against a node in one diagnosis; past it, the scheduler's own words decide alone.
const EVALUATIONS: usize = 200_000;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let mut usage = None;
    let mut evaluated = 0;
    for (workload, pods) in world.groups() {
        let pending: Vec<&Pod> = pods.iter().filter(|pod| unscheduled(pod)).copied().collect();
        if pending.is_empty() {
            continue;
        }
        let usage = usage.get_or_insert_with(|| Usage::of(world));
        let affordable = evaluated < EVALUATIONS;
        let nodes: &[Node] = if affordable { &world.snapshot.nodes } else { &[] };
        evaluated += nodes.len() * pending.len().min(SIMULATED);
        let drafts: Vec<Draft> = pending
            .iter()
            .take(SIMULATED)
            .filter_map(|pod| explain(world, usage, nodes, workload, pod))
            .collect();
        let best = drafts.into_iter().max_by(|a, b| a.finding.confidence.total_cmp(&b.finding.confidence));
        found.extend(best.map(|draft| draft.affects(some_pods(&pending))));
    }
}

/// Whether a pod could run on this node were it empty, well and not cordoned.
pub(crate) fn would_fit(world: &World<'_>, pod: &Pod, node: &Node) -> bool {
    predicates::obstacles(world, &Usage::none(), pod, node).iter().all(|obstacle| match obstacle {
        Obstacle::Cordon | Obstacle::NodeUnavailable(_) => true,
        // Others stand where it would have stood.
        Obstacle::AntiAffinity | Obstacle::PodAffinity | Obstacle::Spread | Obstacle::HostPort(_) => true,
        Obstacle::Taint(_)
        | Obstacle::Selector
        | Obstacle::Affinity
        | Obstacle::Resource(_)
        | Obstacle::Volume
        | Obstacle::NoNodes
        | Obstacle::Unknown => false,
    })
}

/// Whether a pod waits for a node.
pub(crate) fn unscheduled(pod: &Pod) -> bool {
    pod.node().is_none() && matches!(pod.status.phase.as_str(), "Pending" | "") && !pod.terminating()
}

/// Whether the scheduler has looked at the pod and found nothing.
pub(crate) fn considered(world: &World<'_>, pod: &Pod) -> bool {
    newest(world, pod, &["FailedScheduling"]).is_some()
        || pod.condition("PodScheduled").is_some_and(|condition| !condition.reason.is_empty())
}

fn explain(
    world: &World<'_>,
    usage: &Usage,
    nodes: &[Node],
    workload: &ObjectRef,
    pod: &Pod,
) -> Option<Draft> {
    let at = reference("Pod", &pod.metadata);
    if let Some(gate) = pod.spec.scheduling_gates.first() {
        let statement = format!("pods of {workload} are held back by the scheduling gate {}", gate.name);
        return Some(
            Draft::new(GATED, workload.clone(), 0.95, statement)
                .proof(field(&at, "spec.schedulingGates[0].name", &gate.name))
                .since(pod.metadata.creation_timestamp),
        );
    }
    if let Some(scheduler) = pod.spec.scheduler_name.as_deref().filter(|name| *name != "default-scheduler")
        && !considered(world, pod)
    {
        let statement = format!("pods of {workload} wait for scheduler {scheduler}, which does not answer");
        return Some(
            Draft::new(NO_SCHEDULER, workload.clone(), 0.85, statement)
                .proof(field(&at, "spec.schedulerName", scheduler))
                .since(pod.metadata.creation_timestamp),
        );
    }
    if !considered(world, pod) || waits_for_claims(world, pod) {
        return None; // nodes::scheduler and storage::claims tell these.
    }
    let words = said(world, pod);
    let said = words.as_ref().map_or("", |(text, _)| text.as_str());
    if world.snapshot.nodes.is_empty() && said.is_empty() {
        return None;
    }
    let simulated: Vec<(&Node, Vec<Obstacle>)> =
        nodes.iter().map(|node| (node, predicates::obstacles(world, usage, pod, node))).collect();
    let blocked = !simulated.is_empty() && simulated.iter().all(|(_, obstacles)| !obstacles.is_empty());
    let verdict = if blocked { repair(&simulated) } else { None };
    let (obstacle, sure) = match (verdict, event_text::verdict(said)) {
        (Some(obstacle), Some(told)) if obstacle == told => (obstacle, 0.97),
        (Some(obstacle), _) => (obstacle, 0.93),
        // The scheduler names nodes that are not well, and nobody may look at them: they may be the cause.
        (None, Some(told)) if nodes.is_empty() && said.contains("node.kubernetes.io/") => (told, 0.45),
        (None, Some(told)) => (told, 0.88),
        (None, None) => (Obstacle::Unknown, 0.5),
    };
    let mut draft = describe(world, workload, pod, &obstacle, &simulated, sure);
    draft = draft.since(pod.metadata.creation_timestamp);
    if let Some((_, proof)) = words {
        draft = draft.proof(proof);
    }
    Some(draft)
}

/// The scheduler's own words: its newest event, or the pod's condition.
fn said(world: &World<'_>, pod: &Pod) -> Option<(String, Proof)> {
    if let Some(failed) = newest(world, pod, &["FailedScheduling"]) {
        return Some((failed.message.clone(), event(failed)));
    }
    let condition = pod.condition("PodScheduled").filter(|condition| !condition.message.is_empty())?;
    let at = reference("Pod", &pod.metadata);
    let proof = field(&at, "status.conditions[PodScheduled].message", &condition.message);
    Some((condition.message.clone(), proof))
}

/// Whether a claim keeps the pod waiting: missing, or unbound though its class binds at once.
fn waits_for_claims(world: &World<'_>, pod: &Pod) -> bool {
    let namespace = &pod.metadata.namespace;
    pod.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref()).any(|volume| {
        match world.claim(namespace, &volume.claim_name) {
            None => true,
            Some(claim) => {
                claim.status.phase != "Bound" && !crate::storage::claims::waits_for_pod(world, claim)
            }
        }
    })
}

/// The obstacle whose removal alone frees the most nodes, among the nodes the pod is meant for.
///
/// A selector or affinity states the intent, so it is to blame only when no node satisfies it. Cordons and taints of
/// control-plane nodes are there on purpose and count least.
fn repair(simulated: &[(&Node, Vec<Obstacle>)]) -> Option<Obstacle> {
    let intended: Vec<&(&Node, Vec<Obstacle>)> = simulated
        .iter()
        .filter(|(_, obstacles)| {
            !obstacles.iter().any(|it| matches!(it, Obstacle::Selector | Obstacle::Affinity))
        })
        .collect();
    let workers = |nodes: &[&(&Node, Vec<Obstacle>)]| nodes.iter().any(|(node, _)| !is_control_plane(node));
    let only_control_plane_in_the_way = !intended.is_empty()
        && !workers(&intended)
        && simulated.iter().any(|(node, _)| !is_control_plane(node))
        && intended
            .iter()
            .all(|(_, it)| it.iter().any(|it| matches!(it, Obstacle::Cordon | Obstacle::Taint(_))));
    if intended.is_empty() || only_control_plane_in_the_way {
        let all: Vec<&(&Node, Vec<Obstacle>)> = simulated.iter().collect();
        let selector = |it: &Obstacle| matches!(it, Obstacle::Selector | Obstacle::Affinity);
        return frees_most(&all, selector)
            .or_else(|| all.iter().flat_map(|(_, obstacles)| obstacles).find(|it| selector(it)).cloned());
    }
    frees_most(&intended, |_| true).or_else(|| most_frequent(&intended))
}

/// Among nodes with a single obstacle, the obstacle with the most weight.
fn frees_most(nodes: &[&(&Node, Vec<Obstacle>)], counts: impl Fn(&Obstacle) -> bool) -> Option<Obstacle> {
    let single = nodes.iter().filter_map(|(node, obstacles)| match obstacles.as_slice() {
        [only] if counts(only) => Some((only, weight(node))),
        _ => None,
    });
    heaviest(single)
}

fn most_frequent(nodes: &[&(&Node, Vec<Obstacle>)]) -> Option<Obstacle> {
    heaviest(nodes.iter().flat_map(|(node, obstacles)| obstacles.iter().map(|it| (it, weight(node)))))
}

fn weight(node: &Node) -> u32 {
    if is_control_plane(node) { 1 } else { 10 }
}

fn heaviest<'o>(obstacles: impl Iterator<Item = (&'o Obstacle, u32)>) -> Option<Obstacle> {
    let mut sums = std::collections::BTreeMap::<Obstacle, u32>::new();
    for (obstacle, weight) in obstacles {
        *sums.entry(obstacle.clone()).or_default() += weight;
    }
    sums.into_iter().max_by(|(a, x), (b, y)| x.cmp(y).then(b.cmp(a))).map(|(obstacle, _)| obstacle)
}

/// Words, proofs and parameters of an obstacle.
fn describe(
    world: &World<'_>,
    workload: &ObjectRef,
    pod: &Pod,
    obstacle: &Obstacle,
    simulated: &[(&Node, Vec<Obstacle>)],
    sure: f64,
) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let total = simulated.len();
    let hit: Vec<&Node> = simulated
        .iter()
        .filter(|(_, obstacles)| obstacles.contains(obstacle))
        .map(|(node, _)| *node)
        .collect();
    let names = list(hit.iter().map(|node| node.metadata.name.as_str()));
    let new = |cause: CauseCode, statement: String| Draft::new(cause, workload.clone(), sure, statement);
    match obstacle {
        Obstacle::Selector => {
            let wanted = pod.spec.node_selector.written();
            new(
                SELECTOR,
                format!(
                    "no usable node of {total} carries the labels {wanted} that pods of {workload} select"
                ),
            )
            .proof(field(&at, "spec.nodeSelector", &wanted))
            .param("selector", &wanted)
            .proofs(near_labels(pod, simulated))
        }
        Obstacle::Affinity => {
            let wanted = predicates::written_affinity(pod);
            new(
                AFFINITY,
                format!(
                    "no usable node of {total} satisfies the required node affinity ({wanted}) of {workload}"
                ),
            )
            .proof(field(
                &at,
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
                &wanted,
            ))
            .param("affinity", wanted)
        }
        Obstacle::Cordon => {
            let worker = hit.iter().find(|node| !is_control_plane(node)).or(hit.first());
            let mut draft = new(CORDONED, format!("the nodes {workload} could run on are cordoned: {names}"))
                .proofs(
                    hit.iter()
                        .take(5)
                        .map(|node| field(&reference("Node", &node.metadata), "spec.unschedulable", "true")),
                );
            if let Some(node) = worker {
                draft = draft.param("node", node.metadata.name.as_str());
            }
            draft
        }
        Obstacle::Taint(taint) => {
            let mut draft =
                new(TAINT, format!("pods of {workload} do not tolerate the taint {taint} of {names}"));
            for node in hit.iter().take(5) {
                draft = draft
                    .proof(field(&reference("Node", &node.metadata), "spec.taints", taint))
                    .param("node", node.metadata.name.as_str());
                let added =
                    node.spec.taints.iter().find(|it| it.written() == *taint).and_then(|it| it.time_added);
                draft = draft.since(added);
            }
            draft.param("taint", taint)
        }
        Obstacle::NodeUnavailable(taint) => new(
            NODE_UNAVAILABLE,
            format!("the nodes {workload} could run on are unavailable ({taint}): {names}"),
        )
        .proofs(
            hit.iter().take(5).map(|node| field(&reference("Node", &node.metadata), "spec.taints", taint)),
        )
        .through(hit.iter().map(|node| reference("Node", &node.metadata))),
        Obstacle::Resource(resource) => describe_resource(workload, pod, resource, simulated, sure),
        Obstacle::AntiAffinity => {
            let wanted = affinity(pod, |it| &it.pod_anti_affinity);
            let mut draft = new(
                ANTI_AFFINITY,
                format!("every node already runs a pod that {workload} must not share a {wanted}"),
            );
            draft.finding.statement = format!(
                "every usable node already runs a pod that the required anti-affinity of {workload} forbids ({wanted})"
            );
            if let Some(wl) = world.workload(workload) {
                draft = draft.proof(field(workload, "spec.replicas", wl.wanted));
            }
            draft.proof(field(
                &at,
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution",
                wanted,
            ))
        }
        Obstacle::PodAffinity => {
            let wanted = affinity(pod, |it| &it.pod_affinity);
            new(POD_AFFINITY, format!("no node runs the pods that {workload} must be near ({wanted})")).proof(
                field(
                    &at,
                    "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution",
                    wanted,
                ),
            )
        }
        Obstacle::Spread => {
            let key = pod.spec.topology_spread_constraints.first().map_or("", |it| it.topology_key.as_str());
            new(
                SPREAD,
                format!("placing a pod of {workload} anywhere would break its topology spread over {key}"),
            )
            .proof(field(&at, "spec.topologySpreadConstraints[0].topologyKey", key))
        }
        Obstacle::HostPort(port) => new(
            HOST_PORT,
            format!("the host port {port} that {workload} wants is taken on every usable node"),
        )
        .proof(field(&at, "spec.containers.ports.hostPort", port))
        .param("port", port.to_string()),
        Obstacle::Volume => {
            new(VOLUME, format!("the volume of {workload} can't be reached from any usable node"))
        }
        Obstacle::NoNodes => new(NO_NODES, "the cluster has no nodes to run pods on".to_owned()),
        Obstacle::Unknown => {
            new(UNSCHEDULABLE, format!("the scheduler finds no node for pods of {workload}"))
        }
    }
}

/// The required terms of one side of a pod's affinity, in words.
fn affinity(pod: &Pod, side: impl Fn(&Affinity) -> &PodAffinity) -> String {
    pod.spec.affinity.as_deref().map(|it| predicates::written_pod_affinity(side(it))).unwrap_or_default()
}

fn describe_resource(
    workload: &ObjectRef,
    pod: &Pod,
    resource: &str,
    simulated: &[(&Node, Vec<Obstacle>)],
    sure: f64,
) -> Draft {
    let at = reference("Pod", &pod.metadata);
    let (cause, what) = match resource {
        "cpu" => (CPU, "CPU"),
        "memory" => (MEMORY, "memory"),
        "pods" => (POD_LIMIT, "room for one more pod"),
        other => (RESOURCE, other),
    };
    let mut draft = Draft::new(cause, workload.clone(), sure, String::new()).param("resource", resource);
    let mut asked = String::new();
    for container in pod.spec.all_containers() {
        let requests = &container.resources.requests;
        if let Some(amount) = requests.get(resource).or_else(|| container.resources.limits.get(resource)) {
            draft = draft
                .proof(field(
                    &at,
                    &format!("spec.containers[{}].resources.requests.{resource}", container.name),
                    amount,
                ))
                .param("container", container.name.as_str())
                .param("request", amount.text());
            asked = format!(" (it asks for {amount})");
        }
    }
    let largest = simulated
        .iter()
        .filter_map(|(node, _)| Some((node, node.status.allocatable.get(resource)?)))
        .max_by_key(|(_, amount)| amount.milli());
    if let Some((node, amount)) = largest {
        draft = draft.proof(field(
            &reference("Node", &node.metadata),
            &format!("status.allocatable.{resource}"),
            amount,
        ));
    }
    draft.finding.statement = format!("no usable node has enough {what} left for a pod of {workload}{asked}");
    draft
}

/// Node labels with the selector's keys, or with keys or values like them: what the selector might have meant.
fn near_labels(pod: &Pod, simulated: &[(&Node, Vec<Obstacle>)]) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (node, _) in simulated {
        for (key, value) in pod.spec.node_selector.iter() {
            let same_key = node.metadata.labels.text(key).map(|have| (key, have));
            let same_value = || {
                node.metadata
                    .labels
                    .iter()
                    .find(|(_, have)| **have == *value)
                    .map(|(name, have)| (name, &**have))
            };
            if let Some((name, have)) =
                same_key.or_else(same_value).filter(|(name, have)| (*name, *have) != (key, value))
            {
                proofs.push(field(
                    &reference("Node", &node.metadata),
                    "metadata.labels",
                    format!("{name}={have}"),
                ));
            }
        }
    }
    proofs.truncate(3);
    proofs
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = names.collect();
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
