//! Gateway API: gateways nobody serves, listeners and routes that are not accepted, backends that are not there.
//!
//! Conditions and reasons: `apis/v1/{gateway,httproute,shared}_types.go` of kubernetes-sigs/gateway-api.

use crate::draft::{Draft, absence, field};
use crate::snapshot::{Condition, Gateway, HttpRoute, Kind, ParentRef, RouteBackend};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const CLASS: CauseCode = CauseCode::new("gateway.class-missing");
const LISTENER: CauseCode = CauseCode::new("gateway.listener-invalid");
const NOT_ACCEPTED: CauseCode = CauseCode::new("gateway.route-not-accepted");
const PARENT: CauseCode = CauseCode::new("gateway.parent-missing");
const BACKEND: CauseCode = CauseCode::new("gateway.backend-missing");
const PORT: CauseCode = CauseCode::new("gateway.port-mismatch");
const NOT_PERMITTED: CauseCode = CauseCode::new("gateway.reference-not-permitted");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for gateway in &world.snapshot.gateways {
        match without_class(world, gateway) {
            Some(draft) => found.push(draft),
            None => found.extend(listeners(gateway)),
        }
    }
    for route in &world.snapshot.http_routes {
        found.extend(not_attached(world, route));
        found.extend(backends(world, route));
    }
}

/// The Gateway's class does not exist, or nobody accepts it.
fn without_class(world: &World<'_>, gateway: &Gateway) -> Option<Draft> {
    let at = reference("Gateway", &gateway.metadata);
    let name = gateway.spec.gateway_class_name.as_str();
    let accepted = gateway.status.conditions.iter().find(|it| it.kind == "Accepted");
    if accepted.is_some_and(|it| it.status == "True") {
        return None;
    }
    let class = world.snapshot.gateway_classes.iter().find(|it| it.metadata.name == name);
    let on = ObjectRef::cluster("GatewayClass", name);
    let (statement, proof) = match class {
        None if world.snapshot.has_gap(Kind::GatewayClass, "") => return None,
        None => (
            format!("{at} names the GatewayClass {name}, which does not exist"),
            absence(&on, format!("no GatewayClass {name}")),
        ),
        Some(class) => {
            let told =
                class.status.conditions.iter().find(|it| it.kind == "Accepted" && it.status != "True")?;
            (
                format!("no controller accepts the GatewayClass {name} of {at}"),
                field(&on, "status.conditions[Accepted].reason", &told.reason),
            )
        }
    };
    Some(
        Draft::new(CLASS, at.clone(), 0.94, statement)
            .proof(field(&at, "spec.gatewayClassName", name))
            .proof(proof)
            .proofs(accepted.map(|it| field(&at, "status.conditions[Accepted].message", &it.message)))
            .affects(routes_of(world, gateway))
            .since(gateway.metadata.creation_timestamp),
    )
}

fn routes_of(world: &World<'_>, gateway: &Gateway) -> Vec<ObjectRef> {
    let named = |route: &&HttpRoute| {
        route.spec.parent_refs.iter().any(|parent| {
            parent.name == gateway.metadata.name
                && home(parent.namespace.as_deref(), route) == gateway.metadata.namespace
        })
    };
    world.snapshot.http_routes.iter().filter(named).map(|it| reference("HTTPRoute", &it.metadata)).collect()
}

fn home<'r>(namespace: Option<&'r str>, route: &'r HttpRoute) -> &'r str {
    namespace.unwrap_or(&route.metadata.namespace)
}

/// Listeners whose certificate can't be read, or that conflict.
fn listeners(gateway: &Gateway) -> Vec<Draft> {
    let at = reference("Gateway", &gateway.metadata);
    let mut drafts = Vec::new();
    for listener in &gateway.status.listeners {
        let bad = listener.conditions.iter().find(|it| match it.kind.as_str() {
            "ResolvedRefs" | "Accepted" => it.status == "False",
            "Conflicted" => it.status == "True",
            _ => false,
        });
        let Some(bad) = bad else { continue };
        let cause = if bad.reason == "RefNotPermitted" { NOT_PERMITTED } else { LISTENER };
        let statement = format!("listener {} of {at} can't be used: {}", listener.name, bad.message);
        drafts.push(
            quoted(
                Draft::new(cause, at.clone(), 0.93, statement),
                &at,
                &format!("status.listeners[{}]", listener.name),
                bad,
            )
            .param("listener", listener.name.as_str()),
        );
    }
    drafts
}

fn quoted(draft: Draft, at: &ObjectRef, path: &str, told: &Condition) -> Draft {
    draft
        .proof(field(at, &format!("{path}.conditions[{}].reason", told.kind), &told.reason))
        .proof(field(at, &format!("{path}.conditions[{}].message", told.kind), &told.message))
        .since(told.last_transition_time)
}

/// A route that names no Gateway that is there, or that its Gateway does not accept.
fn not_attached(world: &World<'_>, route: &HttpRoute) -> Vec<Draft> {
    let at = reference("HTTPRoute", &route.metadata);
    let mut drafts = Vec::new();
    for parent in &route.spec.parent_refs {
        if parent.kind.as_deref().is_some_and(|kind| kind != "Gateway") {
            continue;
        }
        let namespace = home(parent.namespace.as_deref(), route);
        let gateway = world
            .snapshot
            .gateways
            .iter()
            .find(|it| it.metadata.name == parent.name && it.metadata.namespace == namespace);
        match gateway {
            Some(gateway) => drafts.extend(refused(route, &at, parent, gateway)),
            // A Gateway elsewhere may only not have been listed.
            None if namespace == route.metadata.namespace
                && !world.snapshot.has_gap(Kind::Gateway, namespace) =>
            {
                let on = ObjectRef::namespaced("Gateway", namespace, &parent.name);
                let statement = format!("{at} attaches to Gateway {}, which does not exist", parent.name);
                drafts.push(
                    Draft::new(PARENT, at.clone(), 0.93, statement)
                        .proof(field(&at, "spec.parentRefs.name", &parent.name))
                        .proof(absence(&on, format!("no Gateway {} in namespace {namespace}", parent.name))),
                );
            }
            None => drafts.extend(told_refused(route, &at, parent)),
        }
    }
    drafts
}

/// What the controller says about this parent of the route.
fn verdict<'r>(route: &'r HttpRoute, parent: &ParentRef, kind: &str) -> Option<&'r Condition> {
    let status =
        route.status.parents.iter().find(|it| {
            it.parent_ref.name == parent.name && it.parent_ref.section_name == parent.section_name
        })?;
    status.conditions.iter().find(|it| it.kind == kind)
}

fn told_refused(route: &HttpRoute, at: &ObjectRef, parent: &ParentRef) -> Option<Draft> {
    let told = verdict(route, parent, "Accepted").filter(|it| it.status == "False")?;
    let statement = format!("{at} is not accepted by Gateway {}: {}", parent.name, told.message);
    Some(quoted(
        Draft::new(NOT_ACCEPTED, at.clone(), 0.94, statement),
        at,
        &format!("status.parents[{}]", parent.name),
        told,
    ))
}

fn refused(route: &HttpRoute, at: &ObjectRef, parent: &ParentRef, gateway: &Gateway) -> Option<Draft> {
    let on = reference("Gateway", &gateway.metadata);
    let mut draft = told_refused(route, at, parent);
    if let Some(section) = parent.section_name.as_deref()
        && !gateway.spec.listeners.iter().any(|listener| listener.name == section)
    {
        let names: Vec<&str> = gateway.spec.listeners.iter().map(|it| it.name.as_str()).collect();
        let statement =
            format!("{at} attaches to listener {section} of {on}, whose listeners are {}", names.join(", "));
        let base = draft.take().unwrap_or_else(|| Draft::new(NOT_ACCEPTED, at.clone(), 0.95, String::new()));
        let mut base = base.proof(field(at, "spec.parentRefs.sectionName", section)).proof(field(
            &on,
            "spec.listeners.name",
            names.join(", "),
        ));
        base.finding.statement = statement;
        draft = Some(base);
    }
    let hosts: Vec<&str> = gateway.spec.listeners.iter().filter_map(|it| it.hostname.as_deref()).collect();
    draft.map(|draft| {
        if hosts.is_empty() || route.spec.hostnames.is_empty() {
            draft
        } else {
            draft.proof(field(at, "spec.hostnames", route.spec.hostnames.join(", "))).proof(field(
                &on,
                "spec.listeners.hostname",
                hosts.join(", "),
            ))
        }
        .affects([on])
    })
}

/// Backends that are not there, on another port, or in a namespace that has not granted it.
fn backends(world: &World<'_>, route: &HttpRoute) -> Vec<Draft> {
    let unresolved = route
        .status
        .parents
        .iter()
        .flat_map(|parent| &parent.conditions)
        .find(|it| it.kind == "ResolvedRefs" && it.status == "False");
    let mut drafts: Vec<Draft> = Vec::new();
    for backend in route.spec.rules.iter().flat_map(|rule| &rule.backend_refs) {
        if backend.kind.as_deref().is_some_and(|kind| kind != "Service") {
            continue;
        }
        let Some(draft) = backend_fault(world, route, backend, unresolved) else { continue };
        let again = |it: &Draft| it.finding.cause == draft.finding.cause;
        if !drafts.iter().any(again) {
            drafts.push(draft);
        }
    }
    let at = reference("HTTPRoute", &route.metadata);
    drafts
        .into_iter()
        .map(|draft| match unresolved {
            Some(told) => quoted(draft, &at, "status.parents", told),
            None => draft,
        })
        .collect()
}

fn backend_fault(
    world: &World<'_>,
    route: &HttpRoute,
    backend: &RouteBackend,
    unresolved: Option<&Condition>,
) -> Option<Draft> {
    let at = reference("HTTPRoute", &route.metadata);
    let namespace = home(backend.namespace.as_deref(), route);
    let name = backend.name.as_str();
    let on = ObjectRef::namespaced("Service", namespace, name);
    let said = |reason: &str| unresolved.is_some_and(|it| it.reason == reason);
    if namespace != route.metadata.namespace && !granted(world, route, namespace, name) {
        // Grants of another namespace are rarely listed: only the controller's word counts then.
        return said("RefNotPermitted").then(|| {
            let statement =
                format!("{at} sends requests to Service {name} of namespace {namespace}, which no ReferenceGrant there allows");
            Draft::new(NOT_PERMITTED, at.clone(), 0.95, statement)
                .proof(field(&at, "spec.rules.backendRefs.namespace", namespace))
                .param("target_namespace", namespace)
                .affects([on])
        });
    }
    let Some(service) = world.service(namespace, name) else {
        let listed =
            namespace == route.metadata.namespace && !world.snapshot.has_gap(Kind::Service, namespace);
        return (listed || said("BackendNotFound")).then(|| {
            let statement =
                format!("{at} sends requests to Service {name}, which does not exist in {namespace}");
            Draft::new(BACKEND, at.clone(), 0.94, statement)
                .proof(field(&at, "spec.rules.backendRefs.name", name))
                .proofs(listed.then(|| absence(&on, format!("no Service {name} in namespace {namespace}"))))
        });
    };
    let port = backend.port?;
    let offered: Vec<i64> = service.spec.ports.iter().map(|it| it.port).collect();
    if offered.contains(&port) || service.spec.kind.as_deref() == Some("ExternalName") {
        return None;
    }
    let offered = offered.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let statement = format!("{at} sends requests to port {port} of Service {name}, which offers {offered}");
    Some(
        Draft::new(PORT, at.clone(), 0.94, statement)
            .proof(field(&at, "spec.rules.backendRefs.port", port))
            .proof(field(&on, "spec.ports.port", offered))
            .affects([on]),
    )
}

fn granted(world: &World<'_>, route: &HttpRoute, namespace: &str, service: &str) -> bool {
    world.snapshot.reference_grants.iter().filter(|it| it.metadata.namespace == namespace).any(|grant| {
        let from = &grant.spec.from;
        from.iter().any(|it| it.kind == "HTTPRoute" && it.namespace == route.metadata.namespace)
            && grant
                .spec
                .to
                .iter()
                .any(|it| it.kind == "Service" && it.name.as_deref().is_none_or(|name| name == service))
    })
}
