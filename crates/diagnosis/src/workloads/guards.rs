//! What scales workloads and guards them: autoscalers without metrics, budgets that allow no eviction.

use crate::draft::{Draft, Felt, field};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const NO_METRICS: CauseCode = CauseCode::new("autoscaler.no-metrics");
const TARGET_MISSING: CauseCode = CauseCode::new("autoscaler.target-missing");
const AT_LIMIT: CauseCode = CauseCode::new("autoscaler.at-maximum");
const BUDGET: CauseCode = CauseCode::new("disruption-budget.blocks-eviction");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for scaler in &world.snapshot.autoscalers {
        let at = reference("HorizontalPodAutoscaler", &scaler.metadata);
        let target = ObjectRef::namespaced(
            &scaler.spec.scale_target_ref.kind,
            &scaler.metadata.namespace,
            &scaler.spec.scale_target_ref.name,
        );
        for condition in &scaler.status.conditions {
            let (cause, confidence, felt) =
                match (condition.kind.as_str(), condition.status.as_str(), condition.reason.as_str()) {
                    ("ScalingActive", "False", "ScalingDisabled") => continue,
                    ("ScalingActive", "False", _) => (NO_METRICS, 0.7, Felt::Silently),
                    ("AbleToScale", "False", "FailedGetScale") => (TARGET_MISSING, 0.85, Felt::Silently),
                    ("ScalingLimited", "True", "TooManyReplicas") => (AT_LIMIT, 0.4, Felt::Silently),
                    _ => continue,
                };
            let what = match cause.as_str() {
                "autoscaler.no-metrics" => "gets no metrics",
                "autoscaler.target-missing" => "does not find what it should scale",
                _ => "would scale further, but is at its maximum",
            };
            found.push(
                Draft::new(cause, at.clone(), confidence, format!("the autoscaler of {target} {what}"))
                    .proof(field(
                        &at,
                        &format!("status.conditions[{}].reason", condition.kind),
                        &condition.reason,
                    ))
                    .proof(field(
                        &at,
                        &format!("status.conditions[{}].message", condition.kind),
                        &condition.message,
                    ))
                    .affects([target.clone()])
                    .felt(felt)
                    .since(condition.last_transition_time),
            );
            break;
        }
    }
    budgets(world, found);
}

/// A budget that allows no eviction matters where a node is being emptied.
fn budgets(world: &World<'_>, found: &mut Vec<Draft>) {
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
        .proof(field(&at, "status.desiredHealthy", budget.status.desired_healthy));
        found.push(match drained {
            Some(pod) => draft
                .affects([reference("Pod", &pod.metadata)])
                .affects(pod.node().map(|node| ObjectRef::cluster("Node", node)))
                .felt(Felt::Silently),
            None => draft.severity(Severity::Low).felt(Felt::Nowhere),
        });
    }
}
