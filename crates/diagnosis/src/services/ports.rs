//! Services whose port does not lead to where the pods listen.

use crate::draft::{Draft, Felt, absence, field};
use crate::services::routes_to_pods;
use crate::snapshot::{ContainerPort, IntOrName, Pod, Service, ServicePort};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;

const PORT: CauseCode = CauseCode::new("service.port-mismatch");
const PROTOCOL: CauseCode = CauseCode::new("service.protocol-mismatch");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for service in world.snapshot.services.iter().filter(|service| routes_to_pods(service)) {
        let pods = world.selected(&service.metadata.namespace, &service.spec.selector);
        // Pods of one Service are alike; the newest tells what is wanted now.
        let Some(pod) =
            pods.iter().filter(|pod| !pod.finished()).max_by_key(|pod| pod.metadata.creation_timestamp)
        else {
            continue;
        };
        for port in &service.spec.ports {
            if let Some(draft) = check(world, service, port, pod) {
                found.push(draft);
                break;
            }
        }
    }
}

fn check(world: &World<'_>, service: &Service, port: &ServicePort, pod: &Pod) -> Option<Draft> {
    let open: Vec<&ContainerPort> =
        pod.spec.containers.iter().flat_map(|container| &container.ports).collect();
    let target = port.target();
    let hit: Vec<&&ContainerPort> = open
        .iter()
        .filter(|open| match &target {
            IntOrName::Int(number) => open.container_port == *number,
            IntOrName::Name(name) => open.name.as_deref() == Some(&**name),
        })
        .collect();
    let transport = |open: &ContainerPort| open.protocol.as_deref().unwrap_or("TCP").to_owned();
    let at = reference("Service", &service.metadata);
    let root = world.root(pod);
    let name = port.name.as_deref().unwrap_or_default();
    let path = |field: &str| {
        format!(
            "spec.ports[{}].{field}",
            if name.is_empty() { port.port.to_string() } else { name.to_owned() }
        )
    };
    let offered = offered(&open);
    if !hit.is_empty() {
        if hit.iter().any(|open| transport(open) == port.transport()) {
            return None;
        }
        let statement = format!(
            "Service {} forwards {} to port {target}, the pods of {root} listen there with {}",
            service.metadata.name,
            port.transport(),
            transport(hit[0])
        );
        return Some(
            Draft::new(PROTOCOL, at.clone(), 0.95, statement)
                .proof(field(&at, &path("protocol"), port.transport()))
                .proof(field(&root, "spec.template.spec.containers.ports", offered))
                .affects([root])
                .param("protocol", transport(hit[0]))
                .param("port", port.port.to_string()),
        );
    }
    let named = matches!(target, IntOrName::Name(_));
    // Declaring ports is optional, so an undeclared number may still be open; a name that nobody declares can't.
    if open.is_empty() && !named {
        return None;
    }
    if !named && listens_anyway(pod, &target) {
        return None;
    }
    let statement = format!(
        "Service {} sends port {} to targetPort {target}, where the pods of {root} do not listen; they declare {offered}",
        service.metadata.name, port.port
    );
    let sole = if let [only] = open.as_slice() {
        Some(only)
    } else {
        open.iter().find(|open| open.container_port == port.port)
    };
    // A port beside others that lead somewhere (metrics, admin) may be unused.
    let other_ports_fit = service.spec.ports.len() > 1;
    let mut draft = Draft::new(
        PORT,
        at.clone(),
        if named {
            0.95
        } else if other_ports_fit {
            0.6
        } else {
            0.93
        },
        statement,
    )
    .proof(field(&at, &path("targetPort"), &target))
    .proof(field(&root, "spec.template.spec.containers.ports", &offered))
    .affects([root])
    .param("port", port.port.to_string())
    .param("target", target.to_string());
    if named {
        draft = draft.proof(absence(
            &at,
            format!("no container port named {target} in the pods of Service {}", service.metadata.name),
        ));
    }
    if let Some(sole) = sole {
        draft = draft.param("right", sole.container_port.to_string());
    }
    if other_ports_fit && !named {
        draft = draft.felt(Felt::Silently);
    }
    Some(draft)
}

/// Whether a probe or an environment variable shows that the pod listens on a port it does not declare, or a sidecar
/// that takes over all ports makes declarations meaningless.
fn listens_anyway(pod: &Pod, target: &IntOrName) -> bool {
    let IntOrName::Int(number) = target else { return false };
    let asked = |port: &IntOrName| port == target;
    pod.spec.containers.iter().any(|container| {
        let ready =
            pod.status.container_statuses.iter().any(|status| status.name == container.name && status.ready);
        let probed = container.readiness_probe.as_deref().is_some_and(|probe| {
            probe.http_get.as_ref().is_some_and(|it| asked(&it.port))
                || probe.tcp_socket.as_ref().is_some_and(|it| asked(&it.port))
                || probe.grpc.as_ref().is_some_and(|it| asked(&it.port))
        });
        let by_env = container.env.iter().any(|it| {
            it.name.to_ascii_uppercase().ends_with("PORT")
                && it.value.as_deref() == Some(number.to_string().as_str())
        });
        ready && probed || by_env
    })
}

fn offered(open: &[&ContainerPort]) -> String {
    let ports: Vec<String> = open
        .iter()
        .map(|open| {
            let name = open.name.as_deref().map(|name| format!("{name}:")).unwrap_or_default();
            format!("{name}{}/{}", open.container_port, open.protocol.as_deref().unwrap_or("TCP"))
        })
        .collect();
    ports.join(", ")
}
