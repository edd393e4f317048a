//! Ingresses that point at Services or ports that are not there.

use crate::draft::{Draft, absence, field};
use crate::snapshot::{Ingress, IngressService, Kind};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const BACKEND: CauseCode = CauseCode::new("ingress.backend-missing");
const PORT: CauseCode = CauseCode::new("ingress.port-mismatch");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for ingress in &world.snapshot.ingresses {
        let paths =
            ingress.spec.rules.iter().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
        let backends = ingress
            .spec
            .default_backend
            .iter()
            .map(|backend| (None, backend))
            .chain(paths.map(|path| (path.path.as_deref(), &path.backend)));
        for (path, backend) in backends {
            if let Some(service) = &backend.service
                && let Some(draft) = check(world, ingress, path.unwrap_or("/"), service)
            {
                found.push(draft);
            }
        }
    }
}

fn check(world: &World<'_>, ingress: &Ingress, path: &str, backend: &IngressService) -> Option<Draft> {
    let at = reference("Ingress", &ingress.metadata);
    let namespace = &ingress.metadata.namespace;
    let target = ObjectRef::namespaced("Service", namespace, &backend.name);
    let place = format!("spec.rules.http.paths[{path}].backend.service");
    let Some(service) = world.service(namespace, &backend.name) else {
        if world.snapshot.has_gap(Kind::Service, namespace) {
            return None;
        }
        let statement = format!(
            "Ingress {} sends {path} to Service {}, which does not exist",
            ingress.metadata.name, backend.name
        );
        return Some(
            Draft::new(BACKEND, at.clone(), 0.93, statement)
                .proof(field(&at, &format!("{place}.name"), &backend.name))
                .proof(absence(&target, format!("no Service {} in namespace {namespace}", backend.name))),
        );
    };
    let fits = service.spec.ports.iter().any(|port| match (&backend.port.name, backend.port.number) {
        (Some(name), _) => port.name.as_deref() == Some(&**name),
        (None, Some(number)) => port.port == number,
        (None, None) => true,
    });
    if fits {
        return None;
    }
    let wanted = backend
        .port
        .name
        .as_deref()
        .map_or_else(|| backend.port.number.unwrap_or_default().to_string(), str::to_owned);
    let offered: Vec<String> = service.spec.ports.iter().map(|port| port.port.to_string()).collect();
    let statement = format!(
        "Ingress {} sends {path} to port {wanted} of Service {}, which offers {}",
        ingress.metadata.name,
        backend.name,
        offered.join(", ")
    );
    Some(
        Draft::new(PORT, at.clone(), 0.93, statement)
            .proof(field(&at, &format!("{place}.port"), wanted))
            .proof(field(&target, "spec.ports.port", offered.join(", ")))
            .affects([target]),
    )
}
