//! Autoscalers that can't scale: no metrics, no requests, no target, no room.
//!
//! Reasons and words: `pkg/controller/podautoscaler/horizontal.go`.

use crate::draft::{Draft, Felt, field};
use crate::snapshot::{Condition, HorizontalPodAutoscaler};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const NO_METRICS: CauseCode = CauseCode::new("autoscaler.no-metrics");
const REQUESTS: CauseCode = CauseCode::new("autoscaler.requests-missing");
const TARGET_MISSING: CauseCode = CauseCode::new("autoscaler.target-missing");
const AMBIGUOUS: CauseCode = CauseCode::new("autoscaler.ambiguous-selector");
const AT_LIMIT: CauseCode = CauseCode::new("autoscaler.at-maximum");
const FIXED: CauseCode = CauseCode::new("autoscaler.fixed-size");

/// Percent of its target by which an autoscaler at its limit is clearly overrun.
const OVERRUN: i64 = 120;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for scaler in &world.snapshot.autoscalers {
        let told = scaler.status.conditions.iter().find_map(|condition| explain(world, scaler, condition));
        found.extend(told);
    }
}

fn target(scaler: &HorizontalPodAutoscaler) -> ObjectRef {
    let to = &scaler.spec.scale_target_ref;
    ObjectRef::namespaced(&to.kind, &scaler.metadata.namespace, &to.name)
}

fn explain(world: &World<'_>, scaler: &HorizontalPodAutoscaler, told: &Condition) -> Option<Draft> {
    let at = reference("HorizontalPodAutoscaler", &scaler.metadata);
    let target = target(scaler);
    let draft = match (told.kind.as_str(), told.status.as_str(), told.reason.as_str()) {
        // Zero replicas switch scaling off; workloads::rollout tells those.
        ("ScalingActive", "False", "ScalingDisabled") => return None,
        ("ScalingActive", "False", "AmbiguousSelector") => {
            let statement = format!("the pods of {target} are selected by more than one autoscaler");
            Draft::new(AMBIGUOUS, at.clone(), 0.88, statement)
        }
        ("ScalingActive", "False", _) if told.message.contains("missing request for ") => {
            without_requests(&target, &told.message)
        }
        ("ScalingActive", "False", _) => {
            let statement = format!("the autoscaler of {target} gets no metrics");
            Draft::new(NO_METRICS, at.clone(), 0.7, statement).through(metrics_server(world))
        }
        ("AbleToScale", "False", "FailedGetScale") => {
            let statement = format!("the autoscaler of {target} does not find what it should scale");
            Draft::new(TARGET_MISSING, at.clone(), 0.85, statement)
        }
        ("ScalingLimited", "True", "TooManyReplicas") => at_limit(scaler, &at, &target),
        _ => return None,
    };
    let hit = if draft.finding.subject == target { at.clone() } else { target };
    Some(
        draft
            .proof(field(&at, &format!("status.conditions[{}].reason", told.kind), &told.reason))
            .proof(field(&at, &format!("status.conditions[{}].message", told.kind), &told.message))
            .affects([hit])
            .felt(Felt::Silently)
            .since(told.last_transition_time),
    )
}

/// `… missing request for cpu in container main of Pod web-1-x`.
fn without_requests(target: &ObjectRef, message: &str) -> Draft {
    let (_, rest) = message.split_once("missing request for ").unwrap_or_default();
    let mut words = rest.split_whitespace();
    let resource = words.next().unwrap_or("cpu");
    let container = rest.split_once(" in container ").and_then(|(_, rest)| rest.split_whitespace().next());
    let statement = format!(
        "the autoscaler can't scale {target}: container {} states no {resource} request",
        container.unwrap_or("of its pods")
    );
    let draft = Draft::new(REQUESTS, target.clone(), 0.92, statement).param("resource", resource);
    match container {
        Some(container) => draft.param("container", container),
        None => draft,
    }
}

/// At its maximum: how much that matters depends on how far the load is above what it should be.
fn at_limit(scaler: &HorizontalPodAutoscaler, at: &ObjectRef, target: &ObjectRef) -> Draft {
    let spec = &scaler.spec;
    let load = load(scaler);
    let overrun = load
        .is_some_and(|(_, current, wanted)| current.saturating_mul(100) >= wanted.saturating_mul(OVERRUN));
    let fixed = spec.min_replicas.unwrap_or(1) >= spec.max_replicas;
    let (cause, statement) = if fixed {
        let size = spec.max_replicas;
        (
            FIXED,
            format!("the autoscaler of {target} can't scale: its least and most replicas are both {size}"),
        )
    } else {
        (AT_LIMIT, format!("the autoscaler of {target} would scale further, but is at its maximum"))
    };
    let confidence = match (fixed, overrun) {
        (true, true) => 0.88,
        (false, true) => 0.75,
        (true, false) => 0.5,
        (false, false) => 0.4,
    };
    let mut draft = Draft::new(cause, at.clone(), confidence, statement).proof(field(
        at,
        "spec.maxReplicas",
        spec.max_replicas,
    ));
    if fixed {
        draft = draft.proof(field(at, "spec.minReplicas", spec.min_replicas.unwrap_or(1)));
    }
    if let Some((name, current, wanted)) = load.filter(|_| overrun) {
        draft = draft
            .proof(field(at, &format!("status.currentMetrics[{name}].averageUtilization"), current))
            .proof(field(at, &format!("spec.metrics[{name}].averageUtilization"), wanted))
            .severity(Severity::Medium);
    }
    draft
}

/// Resource, measured and wanted percent of the request, for the metric that is furthest over.
fn load(scaler: &HorizontalPodAutoscaler) -> Option<(&str, i64, i64)> {
    let wanted = |name: &str| {
        let metrics = scaler.spec.metrics.iter().filter_map(|it| it.resource.as_ref());
        metrics.filter(|it| it.name == name).find_map(|it| it.current.average_utilization)
    };
    scaler
        .status
        .current_metrics
        .iter()
        .filter_map(|it| it.resource.as_ref())
        .filter_map(|it| Some((it.name.as_str(), it.current.average_utilization?, wanted(&it.name)?)))
        .filter(|(_, _, wanted)| *wanted > 0)
        .max_by_key(|(_, current, wanted)| current.saturating_mul(100) / wanted)
}

/// The metrics server by upstream's label; where it is down, that is why there are no metrics.
fn metrics_server<'w>(world: &'w World<'_>) -> impl Iterator<Item = ObjectRef> + 'w {
    world
        .workloads_in("kube-system")
        .iter()
        .filter(|it| it.template.metadata.labels.text("k8s-app") == Some("metrics-server"))
        .map(crate::world::Workload::reference)
}
