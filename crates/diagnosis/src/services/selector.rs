//! Services whose selector matches no pod, and Services left without ready endpoints.

use crate::draft::{Draft, Felt, absence, field};
use crate::services::routes_to_pods;
use crate::snapshot::{Labels, Service};
use crate::world::{Workload, World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;

const SELECTOR: CauseCode = CauseCode::new("service.selector-mismatch");
const FOREIGN: CauseCode = CauseCode::new("service.selects-another-workload");
const NO_ENDPOINTS: CauseCode = CauseCode::new("service.no-endpoints");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for service in world.snapshot.services.iter().filter(|service| routes_to_pods(service)) {
        let namespace = &service.metadata.namespace;
        let selected = world.selected(namespace, &service.spec.selector);
        if selected.is_empty() {
            found.push(no_pod(world, service));
        } else if let Some(draft) = foreign(world, service, &selected) {
            found.push(draft);
        } else if world.knows_endpoints()
            && world.ready_endpoints(service) == 0
            && !selected.iter().any(|pod| pod.ready())
        {
            found.push(not_ready(world, service, &selected));
        }
    }
}

/// The Service has the name of one workload and selects only the pods of another, which has a Service of its own.
fn foreign(world: &World<'_>, service: &Service, selected: &[&crate::snapshot::Pod]) -> Option<Draft> {
    let namespace = &service.metadata.namespace;
    let name = &service.metadata.name;
    let own = world.workloads_in(namespace).iter().find(|it| it.meta.name == *name)?;
    if own.template.metadata.labels.carry(&service.spec.selector) {
        return None;
    }
    let roots: std::collections::BTreeSet<_> = selected.iter().map(|pod| world.root(pod)).collect();
    let other = roots.iter().find(|root| world.service(namespace, &root.name).is_some())?;
    if roots.contains(&own.reference()) || other.name == *name {
        return None;
    }
    let at = reference("Service", &service.metadata);
    let wanted = service.spec.selector.written();
    let labels = own.template.metadata.labels.written();
    let statement = format!(
        "Service {name} selects the pods of {other} ({wanted}); those of {} carry {labels}",
        own.reference()
    );
    Some(
        Draft::new(FOREIGN, at.clone(), 0.9, statement)
            .proof(field(&at, "spec.selector", wanted))
            .proof(field(&own.reference(), "spec.template.metadata.labels", &labels))
            .affects([own.reference()])
            .param("labels", labels),
    )
}

/// No pod carries the labels. A template that does means the pods are missing, not the selector wrong.
fn no_pod(world: &World<'_>, service: &Service) -> Draft {
    let namespace = &service.metadata.namespace;
    let at = reference("Service", &service.metadata);
    let wanted = service.spec.selector.written();
    let templates: Vec<&Workload<'_>> = world.workloads_in(namespace).iter().collect();
    let mut owners =
        templates.iter().filter(|workload| workload.template.metadata.labels.carry(&service.spec.selector));
    if let Some(owner) = owners.next() {
        let root = owner.reference();
        let statement =
            format!("Service {} has no endpoints: its workload {root} has no pods", service.metadata.name);
        return Draft::new(NO_ENDPOINTS, at.clone(), 0.45, statement)
            .proof(absence(&at, format!("no endpoints for Service {namespace}/{}", service.metadata.name)))
            .proof(field(&at, "spec.selector", wanted))
            .through([root]);
    }
    let meant = meant(service, &templates);
    let carries = meant.map(|workload| workload.template.metadata.labels.written());
    let statement = match (meant, &carries) {
        (Some(workload), Some(labels)) => format!(
            "the selector {wanted} of Service {} matches no pod; the pods of {} carry {labels}",
            service.metadata.name,
            workload.reference()
        ),
        _ => format!("the selector {wanted} of Service {} matches no pod", service.metadata.name),
    };
    let mut draft = Draft::new(SELECTOR, at.clone(), if meant.is_some() { 0.96 } else { 0.6 }, statement)
        .proof(field(&at, "spec.selector", wanted))
        .proof(absence(&at, format!("no endpoints for Service {namespace}/{}", service.metadata.name)))
        .since(service.metadata.creation_timestamp);
    if let (Some(workload), Some(labels)) = (meant, carries) {
        let on = workload.reference();
        draft = draft
            .proof(field(&on, "spec.template.metadata.labels", &labels))
            .affects([on])
            .param("labels", labels);
        let pairs: Vec<String> = workload
            .template
            .metadata
            .labels
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        draft = draft.param("labels_json", format!("{{{}}}", pairs.join(",")));
    } else {
        // Nothing in the namespace looks like what it means: an unused Service, or an operator's.
        draft = draft.severity(Severity::Low).felt(Felt::Nowhere);
    }
    draft
}

/// The workload the Service most likely means: of its name, or sharing label values, or with its target port open.
fn meant<'w, 'a>(service: &Service, templates: &[&'w Workload<'a>]) -> Option<&'w Workload<'a>> {
    let score = |workload: &Workload<'_>| {
        let labels = &workload.template.metadata.labels;
        let mut score = 0;
        if workload.meta.name == service.metadata.name {
            score += 4;
        }
        if service.metadata.labels.iter().any(|(name, value)| labels.get(name) == Some(value)) {
            score += 1;
        }
        score += shared(labels, &service.spec.selector);
        let opens = service.spec.ports.iter().any(|port| {
            workload.template.spec.containers.iter().flat_map(|container| &container.ports).any(|open| {
                match port.target() {
                    crate::snapshot::IntOrName::Int(number) => open.container_port == number,
                    crate::snapshot::IntOrName::Name(name) => open.name.as_deref() == Some(&*name),
                }
            })
        });
        if opens && score > 0 { score + 1 } else { score }
    };
    let mut scored: Vec<(usize, &&Workload<'_>)> =
        templates.iter().map(|workload| (score(workload), workload)).collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    match scored.as_slice() {
        [(first, _), (second, _), ..] if first == second => None,
        [(first, workload), ..] if *first > 0 => Some(workload),
        _ => None,
    }
}

/// Pairs in common, and values in common under another name or written otherwise.
fn shared(labels: &Labels, selector: &Labels) -> usize {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_', '.'], "");
    selector
        .iter()
        .map(|(name, value)| {
            if labels.get(name) == Some(value) {
                2
            } else {
                usize::from(labels.iter().any(|(_, have)| plain(have) == plain(value)))
            }
        })
        .sum()
}

fn not_ready(world: &World<'_>, service: &Service, pods: &[&crate::snapshot::Pod]) -> Draft {
    let at = reference("Service", &service.metadata);
    let roots: std::collections::BTreeSet<_> = pods.iter().map(|pod| world.root(pod)).collect();
    let statement = format!(
        "Service {} has no ready endpoint: none of its {} pods is ready",
        service.metadata.name,
        pods.len()
    );
    Draft::new(NO_ENDPOINTS, at.clone(), 0.45, statement)
        .proof(absence(
            &at,
            format!(
                "no ready endpoints for Service {}/{}",
                service.metadata.namespace, service.metadata.name
            ),
        ))
        .through(roots)
}
