//! What guards workloads: budgets that allow no eviction.

use crate::draft::{Draft, Felt, field};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const BUDGET: CauseCode = CauseCode::new("disruption-budget.blocks-eviction");

/// A budget that allows no eviction matters where a node is being emptied.
pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for budget in &world.snapshot.disruption_budgets {
        let Some(selector) = &budget.spec.selector else { continue };
        if budget.status.disruptions_allowed > 0 || budget.status.expected_pods == 0 {
            continue;
        }
        let pods = world.matching(&budget.metadata.namespace, selector);
        let drained = pods.iter().find(|pod| {
            pod.node().and_then(|node| world.node(node)).is_some_and(|node| node.spec.unschedulable)
        });
        let at = reference("PodDisruptionBudget", &budget.metadata);
        let healthy = budget.status.current_healthy >= budget.status.expected_pods;
        let draft = Draft::new(
            BUDGET,
            at.clone(),
            if drained.is_some() && healthy { 0.8 } else { 0.3 },
            format!(
                "the budget {} allows no eviction: {} healthy of {} wanted",
                budget.metadata.name, budget.status.current_healthy, budget.status.desired_healthy
            ),
        )
        .proof(field(&at, "status.disruptionsAllowed", 0))
        .proof(field(&at, "status.desiredHealthy", budget.status.desired_healthy))
        .proofs(budget.spec.max_unavailable.as_ref().map(|most| field(&at, "spec.maxUnavailable", most)))
        .proofs(budget.spec.min_available.as_ref().map(|least| field(&at, "spec.minAvailable", least)));
        found.push(match drained {
            Some(pod) => in_upgrade(world, draft, pod.node())
                .affects([reference("Pod", &pod.metadata)])
                .affects(pod.node().map(|node| ObjectRef::cluster("Node", node)))
                .felt(Felt::Silently),
            None => draft.severity(Severity::Low).felt(Felt::Nowhere),
        });
    }
}

/// A drain that waits in the middle of an upgrade holds the upgrade up: say so, and from what to what.
fn in_upgrade(world: &World<'_>, mut draft: Draft, node: Option<&str>) -> Draft {
    let change = crate::node_pools::upgrade::change(world);
    let Some(change) = change.filter(|it| it.old.iter().any(|old| Some(old.metadata.name.as_str()) == node))
    else {
        return draft;
    };
    draft.finding.statement =
        format!("{}, which holds up the upgrade from {}", draft.finding.statement, change.in_words());
    draft.param("upgrade", change.in_words()).proofs(change.old.first().map(|it| {
        field(
            &reference("Node", &it.metadata),
            "status.nodeInfo.kubeletVersion",
            &it.status.node_info.kubelet_version,
        )
    }))
}
