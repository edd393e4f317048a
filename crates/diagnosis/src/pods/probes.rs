//! Probes that fail though the process runs: wrong port, wrong protocol, too early, or the process itself.
//!
//! Texts: `pkg/kubelet/prober` and `pkg/probe/{http,tcp,grpc}`.

use crate::draft::{Draft, event, field, some_pods};
use crate::snapshot::{Container, ContainerStatus, Event, IntOrName, Pod, Probe};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const LIVENESS_PORT: CauseCode = CauseCode::new("probe.liveness-wrong-port");
const LIVENESS_PROTOCOL: CauseCode = CauseCode::new("probe.liveness-wrong-protocol");
const LIVENESS_TOO_EARLY: CauseCode = CauseCode::new("probe.liveness-too-early");
const LIVENESS_FAILING: CauseCode = CauseCode::new("probe.liveness-failing");
const READINESS_PORT: CauseCode = CauseCode::new("probe.readiness-wrong-port");
const READINESS_PROTOCOL: CauseCode = CauseCode::new("probe.readiness-wrong-protocol");
const READINESS_FAILING: CauseCode = CauseCode::new("probe.readiness-failing");
const STARTUP_PORT: CauseCode = CauseCode::new("probe.startup-wrong-port");
const STARTUP_PROTOCOL: CauseCode = CauseCode::new("probe.startup-wrong-protocol");
const STARTUP_FAILING: CauseCode = CauseCode::new("probe.startup-failing");

/// A liveness probe that gives up within this many seconds after the start leaves no time to start.
const SHORT_PATIENCE: i64 = 15;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Startup,
    Liveness,
    Readiness,
}

impl Role {
    const fn path(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }

    /// How the kubelet's event begins.
    const fn event_prefix(self) -> &'static str {
        match self {
            Self::Startup => "Startup probe ",
            Self::Liveness => "Liveness probe ",
            Self::Readiness => "Readiness probe ",
        }
    }

    fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_deref(),
            Self::Liveness => container.liveness_probe.as_deref(),
            Self::Readiness => container.readiness_probe.as_deref(),
        }
    }
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let sick: Vec<&Pod> = pods
            .iter()
            .filter(|pod| pod.node().is_some() && !pod.finished() && !pod.terminating())
            .copied()
            .collect();
        // The deepest role first: a failing startup probe explains the others, a killing one explains readiness.
        let draft = [Role::Startup, Role::Liveness, Role::Readiness]
            .into_iter()
            .find_map(|role| sick.iter().find_map(|pod| failing(world, workload, pod, role)));
        if let Some(draft) = draft {
            let pods: Vec<&Pod> = sick.iter().filter(|pod| !pod.ready() || restarted(pod)).copied().collect();
            found.push(draft.affects(some_pods(&pods)));
        }
    }
}

fn restarted(pod: &Pod) -> bool {
    pod.statuses().any(|status| status.restart_count > 0)
}

fn failing(world: &World<'_>, workload: &ObjectRef, pod: &Pod, role: Role) -> Option<Draft> {
    for container in pod.spec.all_containers() {
        let Some(probe) = role.of(container) else { continue };
        let Some(status) = pod.statuses().find(|status| status.name == container.name) else { continue };
        // What counts is that it matters now: killed for it, or not ready because of it.
        let matters = match role {
            Role::Readiness => !status.ready && status.state.running.is_some(),
            Role::Liveness | Role::Startup => killed_by_probe(world, pod, status),
        };
        if !matters {
            continue;
        }
        let said = complaint(world, pod, container, role);
        if role == Role::Readiness && said.is_none() {
            continue;
        }
        return Some(explain(world, workload, pod, container, status, probe, role, said));
    }
    None
}

/// The kubelet's newest complaint about this probe of this container.
fn complaint<'a>(world: &World<'a>, pod: &Pod, container: &Container, role: Role) -> Option<&'a Event> {
    let about = format!("spec.containers{{{}}}", container.name);
    world.pod_events(pod).iter().copied().find(|event| {
        let here =
            event.involved_object.field_path.as_deref().is_none_or(|path| path == about || path.is_empty());
        event.reason == "Unhealthy" && here && event.message.starts_with(role.event_prefix())
    })
}

fn killed_by_probe(world: &World<'_>, pod: &Pod, status: &ContainerStatus) -> bool {
    if status.restart_count == 0 {
        return false;
    }
    let told = world.pod_events(pod).iter().any(|event| {
        event.reason == "Killing" && event.message.starts_with(&format!("Container {} failed", status.name))
    });
    let last = status.last_state.terminated.as_ref().or(status.state.terminated.as_ref());
    // A probe's kill is SIGTERM, then SIGKILL; an OOM kill says so.
    let signalled =
        last.is_some_and(|end| matches!(end.exit_code, 137 | 143 | 0 | 2) && end.reason != "OOMKilled");
    let unhealthy = world.pod_events(pod).iter().any(|event| {
        event.reason == "Unhealthy"
            && (event.message.starts_with("Liveness") || event.message.starts_with("Startup"))
    });
    told || signalled && unhealthy
}

#[expect(clippy::too_many_arguments, reason = "one finding's particulars, used once")]
fn explain(
    world: &World<'_>,
    workload: &ObjectRef,
    pod: &Pod,
    container: &Container,
    status: &ContainerStatus,
    probe: &Probe,
    role: Role,
    said: Option<&Event>,
) -> Draft {
    let words = said.map_or("", |event| event.message.as_str());
    let fault = fault(world, pod, container, status, probe, role, words);
    let (cause, confidence) = match (role, fault) {
        (Role::Startup, Fault::Protocol) => (STARTUP_PROTOCOL, 0.95),
        (Role::Startup, Fault::Port) => (STARTUP_PORT, 0.93),
        (Role::Startup, _) => (STARTUP_FAILING, 0.75),
        (Role::Liveness, Fault::Protocol) => (LIVENESS_PROTOCOL, 0.96),
        (Role::Liveness, Fault::Port) => (LIVENESS_PORT, 0.95),
        (Role::Liveness, Fault::TooEarly) => (LIVENESS_TOO_EARLY, 0.92),
        (Role::Liveness, Fault::Process) => (LIVENESS_FAILING, 0.65),
        (Role::Readiness, Fault::Protocol) => (READINESS_PROTOCOL, 0.96),
        (Role::Readiness, Fault::Port) => (READINESS_PORT, 0.95),
        (Role::Readiness, _) => (READINESS_FAILING, 0.6),
    };
    let at = reference("Pod", &pod.metadata);
    let path = format!("spec.containers[{}].{}", container.name, role.path());
    let port = port(probe);
    let written = written(probe);
    let listens: Vec<String> = container.ports.iter().map(|port| port.container_port.to_string()).collect();
    let statement = match fault {
        Fault::Protocol => format!(
            "the {} of container {} speaks a protocol the server on port {} does not",
            role.path(),
            container.name,
            text(port.as_ref())
        ),
        Fault::Port => format!(
            "the {} of container {} asks port {}, the container listens on {}",
            role.path(),
            container.name,
            text(port.as_ref()),
            if listens.is_empty() { "another".to_owned() } else { listens.join(", ") }
        ),
        Fault::TooEarly => format!(
            "the {} of container {} gives up before the process has started (initialDelaySeconds {}, failureThreshold {})",
            role.path(),
            container.name,
            probe.initial_delay_seconds,
            probe.failure_threshold.unwrap_or(3)
        ),
        Fault::Process => format!("container {} fails its {}", container.name, role.path()),
    };
    let mut draft = Draft::new(cause, workload.clone(), confidence, statement)
        .proofs(said.map(event))
        .proof(field(&at, &path, written))
        .param("container", container.name.as_str())
        .param("port", text(port.as_ref()))
        .since(pod.metadata.creation_timestamp)
        .through(crate::services::addresses::callees(world, pod))
        .through(pod.node().map(|node| ObjectRef::cluster("Node", node)));
    if fault == Fault::Port && !listens.is_empty() {
        draft = draft
            .proof(field(
                &at,
                &format!("spec.containers[{}].ports.containerPort", container.name),
                listens.join(", "),
            ))
            .param("listens", listens[0].as_str());
    }
    if fault == Fault::TooEarly {
        draft = draft
            .proof(field(&at, &format!("{path}.initialDelaySeconds"), probe.initial_delay_seconds))
            .proof(field(&at, &format!("{path}.failureThreshold"), probe.failure_threshold.unwrap_or(3)))
            .proof(field(&at, &format!("{path}.periodSeconds"), probe.period_seconds.unwrap_or(10)));
    }
    if status.restart_count > 0 {
        draft = draft.proof(field(
            &at,
            &format!("status.containerStatuses[{}].restartCount", container.name),
            status.restart_count,
        ));
    }
    draft
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Protocol,
    Port,
    TooEarly,
    Process,
}

/// Words that only another protocol on an open port can cause.
const OTHER_PROTOCOL: &[&str] = &[
    "malformed HTTP",
    "server gave HTTP response to HTTPS client",
    "first record does not look like a TLS handshake",
    "error reading server preface",
    "HTTP/1.x transport connection broken",
    "http2: frame too large",
    "Client sent an HTTP request to an HTTPS server",
    "unknown service grpc.health.v1.Health",
    "does not implement the grpc health protocol",
    "rpc error: code = Unimplemented",
    "EOF",
];

fn fault(
    world: &World<'_>,
    pod: &Pod,
    container: &Container,
    status: &ContainerStatus,
    probe: &Probe,
    role: Role,
    words: &str,
) -> Fault {
    if OTHER_PROTOCOL.iter().any(|known| words.contains(known)) {
        return Fault::Protocol;
    }
    let refused = words.contains("connection refused")
        || words.contains("failed to connect")
        || words.contains("deadline exceeded")
        || words.is_empty();
    if refused && port(probe).is_some_and(|port| !listens(world, pod, container, &port)) {
        return Fault::Port;
    }
    if refused && other_protocol_by_sibling(container, probe, role, status) {
        return Fault::Protocol;
    }
    let hasty = role == Role::Liveness
        && refused
        && container.startup_probe.is_none()
        && patience(probe) <= SHORT_PATIENCE;
    if hasty && ends_during_start(world, pod, status, probe) {
        return Fault::TooEarly;
    }
    Fault::Process
}

/// Seconds from the start until the probe has failed often enough.
fn patience(probe: &Probe) -> i64 {
    let period = probe.period_seconds.unwrap_or(10).max(1);
    let tries = probe.failure_threshold.unwrap_or(3).max(1);
    probe.initial_delay_seconds + period * (tries - 1) + probe.timeout_seconds.unwrap_or(1)
}

/// Whether each run ends about when the probe first may fail: the process was never up.
fn ends_during_start(world: &World<'_>, pod: &Pod, status: &ContainerStatus, probe: &Probe) -> bool {
    let slack = 30;
    let last = status.last_state.terminated.as_ref();
    let ran = last.and_then(|end| Some(end.finished_at?.as_second() - end.started_at?.as_second()));
    let at_once = ran.is_none_or(|ran| ran <= patience(probe) + slack);
    // A process that was healthy before is not one that needs more time to start.
    let was_ready = pod.condition("Ready").is_some_and(|ready| ready.status == "True")
        && world
            .age(status.state.running.as_ref().and_then(|running| running.started_at))
            .is_some_and(|age| age > 120);
    at_once && !was_ready
}

/// Whether something in the container is known to listen on the port: it is declared, named, or a Service targets it,
/// or another probe of the same container that passes uses it. Undeclared ports may still be open, so a port counts as
/// closed only when the container declares others.
fn listens(world: &World<'_>, pod: &Pod, container: &Container, port: &IntOrName) -> bool {
    let number = match port {
        IntOrName::Name(name) => {
            return container.ports.iter().any(|declared| declared.name.as_deref() == Some(&**name));
        }
        IntOrName::Int(number) => *number,
    };
    let declared = |container: &Container| container.ports.iter().any(|port| port.container_port == number);
    if pod.spec.containers.iter().any(declared) {
        return true;
    }
    let targeted = world
        .services_of(&pod.metadata.namespace, &pod.metadata.labels)
        .iter()
        .flat_map(|service| &service.spec.ports)
        .any(|port| port.target() == IntOrName::Int(number));
    let by_env = container.env.iter().any(|variable| {
        variable.name.to_ascii_uppercase().contains("PORT")
            && variable.value.as_deref() == Some(number.to_string().as_str())
    });
    targeted || by_env || container.ports.is_empty()
}

/// Another probe of the container speaks to the same port in another protocol, and is content.
fn other_protocol_by_sibling(
    container: &Container,
    probe: &Probe,
    role: Role,
    status: &ContainerStatus,
) -> bool {
    if role != Role::Liveness || !status.ready {
        return false;
    }
    let kind = |probe: &Probe| (probe.http_get.is_some(), probe.grpc.is_some(), probe.tcp_socket.is_some());
    container
        .readiness_probe
        .as_deref()
        .is_some_and(|other| port(other) == port(probe) && kind(other) != kind(probe))
}

fn port(probe: &Probe) -> Option<IntOrName> {
    if let Some(http) = &probe.http_get {
        Some(http.port.clone())
    } else if let Some(tcp) = &probe.tcp_socket {
        Some(tcp.port.clone())
    } else {
        probe.grpc.as_ref().map(|grpc| grpc.port.clone())
    }
}

fn text(port: Option<&IntOrName>) -> String {
    port.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn written(probe: &Probe) -> String {
    if let Some(http) = &probe.http_get {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        format!("httpGet {scheme}://:{}{}", http.port, http.path.as_deref().unwrap_or("/"))
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("tcpSocket :{}", tcp.port)
    } else if let Some(grpc) = &probe.grpc {
        format!("grpc :{}", grpc.port)
    } else if let Some(exec) = &probe.exec {
        format!("exec {}", exec.command.join(" "))
    } else {
        "none".to_owned()
    }
}
