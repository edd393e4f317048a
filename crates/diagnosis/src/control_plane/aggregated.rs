//! An aggregated API whose server does not answer: what is scaled by its metrics and what is deleted wait for it.
//!
//! Condition reasons: `kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go`.

use super::{Backend, backend, behind};
use crate::draft::{Draft, Felt, absence, field};
use crate::snapshot::ApiService;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Proof;
use stethoscope_core::object::ObjectRef;

const UNAVAILABLE: CauseCode = CauseCode::new("api.service-unavailable");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for api in &world.snapshot.api_services {
        let (Some(condition), Some(service)) = (api.unavailable(), &api.spec.service) else { continue };
        let at = reference("APIService", &api.metadata);
        let statement = format!(
            "the API {} is not available: Service {}/{} behind it does not answer",
            api.metadata.name, service.namespace, service.name
        );
        let waiting = waiting(world, api);
        let felt = if waiting.is_empty() { Felt::Silently } else { Felt::Visibly };
        let mut draft =
            Draft::new(UNAVAILABLE, at.clone(), if waiting.is_empty() { 0.75 } else { 0.94 }, statement)
                .proof(field(&at, "status.conditions[Available].reason", &condition.reason))
                .proof(field(&at, "status.conditions[Available].message", &condition.message))
                .through(behind(world, &service.namespace, &service.name))
                .param("service", service.name.as_str())
                .param("service_namespace", service.namespace.as_str())
                .felt(felt)
                .since(condition.last_transition_time);
        let served = ObjectRef::namespaced("Service", &service.namespace, &service.name);
        draft = match backend(world, &service.namespace, &service.name) {
            Backend::Missing => draft.proof(absence(&served, format!("no {served}"))),
            Backend::Empty => draft.proof(absence(&served, format!("no ready endpoint of {served}"))),
            Backend::Ready => {
                // The API server asks the pods themselves, so a firewall or a policy between them looks like this.
                let ready = ", though its pods are ready: can the control plane reach their port?";
                draft.finding.statement.push_str(ready);
                draft
            }
            Backend::Unseen => draft,
        };
        for (object, proof) in waiting {
            draft = draft.affects([object]).proof(proof);
        }
        found.push(draft);
    }
}

/// Autoscalers and namespaces whose own words name this API.
fn waiting(world: &World<'_>, api: &ApiService) -> Vec<(ObjectRef, Proof)> {
    const SHOWN: usize = 5;
    let group = api.spec.group.as_str();
    if group.is_empty() {
        return Vec::new();
    }
    let asked = format!("{group})");
    let scalers = world.snapshot.autoscalers.iter().filter_map(|scaler| {
        let at = reference("HorizontalPodAutoscaler", &scaler.metadata);
        let said =
            scaler.status.conditions.iter().find(|it| it.status == "False" && it.message.contains(&asked))?;
        Some((at.clone(), field(&at, &format!("status.conditions[{}].message", said.kind), &said.message)))
    });
    let version = format!("{group}/{}", api.spec.version);
    let namespaces = world.snapshot.namespaces.iter().filter_map(|namespace| {
        let at = reference("Namespace", &namespace.metadata);
        let said = namespace.status.conditions.iter().find(|it| {
            it.kind == "NamespaceDeletionDiscoveryFailure"
                && it.status == "True"
                && it.message.contains(&version)
        })?;
        Some((at.clone(), field(&at, &format!("status.conditions[{}].message", said.kind), &said.message)))
    });
    namespaces.chain(scalers).take(SHOWN).collect()
}
