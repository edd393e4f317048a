//! Which logs would help: of containers that crash or are not ready, of their callers, of suspect nodes.

use crate::Focus;
use crate::snapshot::{LogRequest, LogSource, Node, Pod, Snapshot};
use crate::world::World;
use std::collections::BTreeSet;

/// Most containers whose logs are asked for.
const CONTAINERS: usize = 40;
/// Most nodes whose units are asked for.
const NODES: usize = 10;
/// Lines of each log, from the end.
const TAIL: u32 = 200;
/// Units that run on every node.
const NODE_UNITS: &[&str] = &["kubelet", "containerd", "kube-proxy"];
/// Components whose words tell of the whole cluster, and how many replicas of each are heard.
const CONTROL_PLANE: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager"];
const REPLICAS: usize = 3;
/// Below this nothing counts as explained.
const EXPLAINED: f64 = 0.8;

impl Snapshot {
    /// Logs that would help to decide, a few dozen at most, most useful first.
    pub fn wanted_logs(&self) -> Vec<LogRequest> {
        self.wanted_logs_for(&Focus::default())
    }

    /// The same, with the containers of the question's namespace first.
    pub fn wanted_logs_for(&self, focus: &Focus) -> Vec<LogRequest> {
        let world = World::new(self);
        let mut wanted = Wanted::default();
        let in_focus = |pod: &&Pod| {
            focus.namespace.as_deref().is_none_or(|namespace| namespace == pod.metadata.namespace)
        };
        let mut pods: Vec<&Pod> = self.pods.iter().filter(|pod| unwell(pod)).collect();
        pods.sort_by_key(|pod| (!in_focus(pod), std::cmp::Reverse(pod.metadata.creation_timestamp)));
        for pod in pods {
            wanted.failing(pod);
        }
        let explained = crate::diagnose(self, focus).findings.first().is_some_and(|finding| {
            finding.confidence >= EXPLAINED && finding.severity >= stethoscope_core::finding::Severity::High
        });
        if !explained {
            // Those who call others complain first; where addresses come from elsewhere, anybody may.
            let running = self.pods.iter().filter(|pod| pod.status.phase == "Running" && !pod.terminating());
            let mut callers: Vec<(bool, &Pod)> = running
                .filter(|pod| focus.namespace.is_none() || in_focus(pod))
                .map(|pod| (!crate::services::addresses::calls_any(&world, pod), pod))
                .collect();
            callers
                .sort_by_key(|(silent, pod)| (*silent, std::cmp::Reverse(pod.metadata.creation_timestamp)));
            for (_, pod) in callers {
                wanted.current(pod);
            }
        }
        wanted.system(&world, focus, explained);
        wanted.nodes(&world, explained);
        wanted.requests
    }
}

/// Whether a pod's containers have something to tell.
fn unwell(pod: &Pod) -> bool {
    !pod.terminating()
        && pod.status.phase != "Succeeded"
        && pod.statuses().any(|status| {
            let started = status.state.waiting.is_none() || status.restart_count > 0;
            let done = status.state.terminated.as_ref().is_some_and(|end| end.exit_code == 0);
            started
                && !done
                && (!status.ready && (pod.status.phase != "Pending" || status.state.running.is_some())
                    || status.restart_count > 0
                    || status.state.terminated.is_some())
        })
}

#[derive(Default)]
struct Wanted {
    requests: Vec<LogRequest>,
    containers: BTreeSet<LogSource>,
}

impl Wanted {
    fn failing(&mut self, pod: &Pod) {
        for status in pod.statuses() {
            let ended_well = status.state.terminated.as_ref().is_some_and(|end| end.exit_code == 0);
            let not_begun = status.state.waiting.is_some() && status.restart_count == 0;
            if ended_well || not_begun || status.ready && status.restart_count == 0 {
                continue;
            }
            if status.restart_count > 0 {
                self.container(pod, &status.name, true);
            }
            self.container(pod, &status.name, false);
        }
    }

    fn current(&mut self, pod: &Pod) {
        // A sidecar that calls nobody has nothing to say about others.
        let calling = crate::services::addresses::addresses(&pod.spec);
        for status in &pod.status.container_statuses {
            if calling.is_empty() || calling.iter().any(|address| address.container == status.name) {
                self.container(pod, &status.name, false);
            }
        }
    }

    /// The control plane's own words, where it runs as pods: on everything unexplained, and when the question has nothing
    /// to do with one namespace.
    fn system(&mut self, world: &World<'_>, focus: &Focus, explained: bool) {
        if explained && focus.namespace.is_some() {
            return;
        }
        for component in CONTROL_PLANE {
            for pod in crate::control_plane::component(world, component).into_iter().take(REPLICAS) {
                for status in &pod.status.container_statuses {
                    self.read(pod, &status.name, status.restart_count > 0 && !status.ready);
                }
            }
        }
    }

    fn container(&mut self, pod: &Pod, container: &str, previous: bool) {
        if self.containers.len() < CONTAINERS {
            self.read(pod, container, previous);
        }
    }

    fn read(&mut self, pod: &Pod, container: &str, previous: bool) {
        let source = LogSource::Container {
            namespace: pod.metadata.namespace.clone(),
            pod: pod.metadata.name.clone(),
            container: container.to_owned(),
            previous,
        };
        if self.containers.insert(source.clone()) {
            self.requests.push(LogRequest { source, tail_lines: TAIL });
        }
    }

    /// Units of nodes that look unwell, or of the nodes that serve the question when nothing else explains.
    fn nodes(&mut self, world: &World<'_>, explained: bool) {
        let nodes = &world.snapshot.nodes;
        let mut chosen: Vec<(&Node, &str)> = Vec::new();
        let unwell: Vec<&Node> =
            nodes.iter().filter(|node| crate::nodes::looks_unwell(world, node)).collect();
        let every = if explained { unwell } else { with_suspects_first(nodes, &unwell) };
        for node in every.into_iter().take(NODES) {
            chosen.extend(NODE_UNITS.iter().map(|unit| (node, *unit)));
        }
        if crate::nodes::scheduler::unconsidered(world).next().is_some() || !explained {
            let control_plane: Vec<&Node> =
                nodes.iter().filter(|node| crate::scheduling::is_control_plane(node)).collect();
            let from = if control_plane.is_empty() { nodes.iter().collect() } else { control_plane };
            chosen.extend(from.into_iter().take(NODES).map(|node| (node, crate::nodes::scheduler::UNIT)));
        }
        for (node, unit) in chosen {
            let source = LogSource::NodeUnit { node: node.metadata.name.clone(), unit: unit.to_owned() };
            self.requests.push(LogRequest { source, tail_lines: TAIL });
        }
    }
}

fn with_suspects_first<'n>(nodes: &'n [Node], suspects: &[&'n Node]) -> Vec<&'n Node> {
    let mut all: Vec<&Node> = suspects.to_vec();
    all.extend(
        nodes
            .iter()
            .filter(|node| !suspects.iter().any(|suspect| suspect.metadata.name == node.metadata.name)),
    );
    all
}
