//! Ingresses that point at Services or ports that are not there, name no class that is, or lack their certificate.

use crate::draft::{Draft, Felt, absence, field};
use crate::snapshot::{Ingress, IngressService, Kind};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const BACKEND: CauseCode = CauseCode::new("ingress.backend-missing");
const PORT: CauseCode = CauseCode::new("ingress.port-mismatch");
const CLASS: CauseCode = CauseCode::new("ingress.class-missing");
const TLS_SECRET: CauseCode = CauseCode::new("ingress.tls-secret-missing");

/// The old way to name a class, which controllers still heed.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for ingress in &world.snapshot.ingresses {
        found.extend(without_class(world, ingress));
        found.extend(without_certificate(world, ingress));
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

/// The class does not exist; or none is named and none is the default.
fn without_class(world: &World<'_>, ingress: &Ingress) -> Option<Draft> {
    let classes = &world.snapshot.ingress_classes;
    // Without any class listed, controllers may be older than classes, or classes may not be seen.
    if classes.is_empty() || world.snapshot.has_gap(Kind::IngressClass, "") {
        return None;
    }
    // An address shows that some controller serves it.
    if ingress.metadata.annotations.text(CLASS_ANNOTATION).is_some()
        || !ingress.status.load_balancer.ingress.is_empty()
    {
        return None;
    }
    let at = reference("Ingress", &ingress.metadata);
    let names: Vec<&str> = classes.iter().map(|class| class.metadata.name.as_str()).collect();
    let draft = match ingress.spec.ingress_class_name.as_deref() {
        Some(name) if names.contains(&name) => return None,
        Some(name) => {
            let statement =
                format!("{at} names the class {name}, which does not exist; there is {}", names.join(", "));
            Draft::new(CLASS, at.clone(), 0.94, statement)
                .proof(field(&at, "spec.ingressClassName", name))
                .proof(absence(&ObjectRef::cluster("IngressClass", name), format!("no IngressClass {name}")))
        }
        None if classes.iter().any(crate::snapshot::IngressClass::is_default) => return None,
        None => {
            let statement = format!("{at} names no class and none of {} is the default", names.join(", "));
            Draft::new(CLASS, at.clone(), 0.6, statement)
                .proof(absence(&at, "no IngressClass is annotated as default"))
        }
    };
    Some(draft.since(ingress.metadata.creation_timestamp).affects(backends_of(ingress)))
}

fn backends_of(ingress: &Ingress) -> Vec<ObjectRef> {
    let paths = ingress.spec.rules.iter().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
    paths
        .filter_map(|path| path.backend.service.as_ref())
        .map(|service| ObjectRef::namespaced("Service", &ingress.metadata.namespace, &service.name))
        .collect()
}

/// A certificate's Secret that is not there. Absence proves something only where Secrets were listed at all.
fn without_certificate(world: &World<'_>, ingress: &Ingress) -> Option<Draft> {
    let namespace = ingress.metadata.namespace.as_str();
    if !world.knows_secrets(namespace) {
        return None;
    }
    let missing = ingress
        .spec
        .tls
        .iter()
        .filter_map(|tls| tls.secret_name.as_deref())
        .find(|name| !name.is_empty() && !world.has_secret(namespace, name))?;
    let at = reference("Ingress", &ingress.metadata);
    let on = ObjectRef::namespaced("Secret", namespace, missing);
    let statement = format!("{at} serves TLS with the Secret {missing}, which does not exist");
    Some(
        Draft::new(TLS_SECRET, at.clone(), 0.85, statement)
            .proof(field(&at, "spec.tls.secretName", missing))
            .proof(absence(&on, format!("no Secret {missing} in namespace {namespace}")))
            .param("secret", missing)
            .felt(Felt::Silently),
    )
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
