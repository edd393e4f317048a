//! cert-manager's Certificates that expired, or whose renewal fails.
//!
//! Conditions: `pkg/apis/certmanager/v1/types_certificate.go`.

use crate::draft::{Draft, Felt, event, field};
use crate::snapshot::{Certificate, Event};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const EXPIRED: CauseCode = CauseCode::new("certificate.expired");
const NOT_RENEWED: CauseCode = CauseCode::new("certificate.renewal-failing");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for certificate in &world.snapshot.certificates {
        found.extend(explain(world, certificate));
    }
}

fn explain(world: &World<'_>, certificate: &Certificate) -> Option<Draft> {
    let at = reference("Certificate", &certificate.metadata);
    let status = &certificate.status;
    let ended = status.not_after.filter(|moment| world.age(Some(*moment)).is_some_and(|age| age > 0));
    let unready = status.conditions.iter().find(|it| it.kind == "Ready" && it.status == "False");
    let failing = status
        .conditions
        .iter()
        .find(|it| it.kind == "Issuing" && it.status == "False" && it.reason == "Failed");
    let overdue =
        status.renewal_time.is_some_and(|moment| world.age(Some(moment)).is_some_and(|age| age > 3600));
    let issuer = &certificate.spec.issuer_ref;
    let names = certificate.spec.dns_names.join(", ");
    let draft = if let Some(moment) = ended {
        let statement = format!("the certificate for {names} expired at {moment} and was not renewed");
        Draft::new(EXPIRED, at.clone(), 0.95, statement)
            .proof(field(&at, "status.notAfter", moment))
            .since(Some(moment))
    } else if failing.is_some() && (overdue || unready.is_some()) {
        let statement =
            format!("the certificate for {names} can't be issued by {} {}", issuer.kind, issuer.name);
        let draft =
            Draft::new(NOT_RENEWED, at.clone(), if unready.is_some() { 0.88 } else { 0.7 }, statement)
                .since(failing.and_then(|it| it.last_transition_time));
        if unready.is_some() { draft } else { draft.felt(Felt::Silently) }
    } else {
        return None;
    };
    let mut draft = draft
        .param("issuer", issuer.name.as_str())
        .param("issuer_kind", issuer.kind.to_lowercase())
        .param("secret", certificate.spec.secret_name.as_str())
        .affects(users(world, certificate));
    for condition in failing.into_iter().chain(unready).filter(|it| !it.message.is_empty()) {
        draft = draft.proof(field(
            &at,
            &format!("status.conditions[{}].message", condition.kind),
            &condition.message,
        ));
    }
    Some(draft.proofs(attempts(world, certificate).map(event)))
}

/// What the issuing of this certificate failed of: events of the objects that cert-manager makes for it bear its name.
fn attempts<'a>(world: &World<'a>, certificate: &Certificate) -> impl Iterator<Item = &'a Event> {
    const ORDERS: &[&str] = &["Certificate", "CertificateRequest", "Order", "Challenge"];
    let (namespace, name) = (certificate.metadata.namespace.clone(), certificate.metadata.name.clone());
    world
        .snapshot
        .events
        .iter()
        .filter(move |event| {
            let about = &event.involved_object;
            let own =
                about.name.strip_prefix(&*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
            event.warns() && own && about.namespace == namespace && ORDERS.contains(&about.kind.as_str())
        })
        .take(2)
}

/// Ingresses that serve it, webhooks and Services whose name it bears.
fn users(world: &World<'_>, certificate: &Certificate) -> Vec<ObjectRef> {
    let namespace = certificate.metadata.namespace.as_str();
    let secret = Some(certificate.spec.secret_name.as_str());
    let ingresses = world
        .snapshot
        .ingresses
        .iter()
        .filter(|it| it.metadata.namespace == namespace)
        .filter(|it| it.spec.tls.iter().any(|tls| tls.secret_name.as_deref() == secret));
    let mut users: Vec<ObjectRef> = ingresses.map(|it| reference("Ingress", &it.metadata)).collect();
    let bears =
        |service: &str, place: &str| {
            let host = format!("{service}.{place}.svc");
            certificate.spec.dns_names.iter().any(|name| {
                name == &host || name.strip_prefix(&host).is_some_and(|rest| rest.starts_with('.'))
            })
        };
    for (kind, configurations) in crate::webhooks::configurations(world) {
        for configuration in configurations {
            let own = configuration.webhooks.iter().filter_map(|it| it.client_config.service.as_ref());
            if own.into_iter().any(|service| bears(&service.name, &service.namespace)) {
                users.push(reference(kind, &configuration.metadata));
            }
        }
    }
    for service in world.services_in(namespace) {
        if bears(&service.metadata.name, namespace) {
            users.push(reference("Service", &service.metadata));
        }
    }
    users
}
