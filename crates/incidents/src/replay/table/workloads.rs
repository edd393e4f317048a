//! Controllers of pods.

use super::duration;
use super::field::{NONE, Printed, containers, labels, list, scalar, selector, selector_or_none, text};
use serde_json::{Value, json};

const TEMPLATE: &str = "/spec/template/spec/containers";

pub(super) fn deployment(o: Printed<'_>) -> Vec<Value> {
    let (names, images) = containers(o.object, TEMPLATE);
    vec![
        json!(o.name()),
        json!(format!("{}/{}", o.int("/status/readyReplicas"), o.int_or("/spec/replicas", 1))),
        json!(o.int("/status/updatedReplicas")),
        json!(o.int("/status/availableReplicas")),
        json!(o.age()),
        json!(names),
        json!(images),
        json!(selector(o.object.pointer("/spec/selector"))),
    ]
}

pub(super) fn replica_set(o: Printed<'_>) -> Vec<Value> {
    let (names, images) = containers(o.object, TEMPLATE);
    // A ReplicationController selects with a plain map.
    let plain = text(o.object, "/kind") == "ReplicationController";
    let selects = o.object.pointer("/spec/selector");
    vec![
        json!(o.name()),
        json!(o.int_or("/spec/replicas", 1)),
        json!(o.int("/status/replicas")),
        json!(o.int("/status/readyReplicas")),
        json!(o.age()),
        json!(names),
        json!(images),
        json!(if plain { labels(selects) } else { selector_or_none(selects) }),
    ]
}

pub(super) fn stateful_set(o: Printed<'_>) -> Vec<Value> {
    let (names, images) = containers(o.object, TEMPLATE);
    vec![
        json!(o.name()),
        json!(format!("{}/{}", o.int("/status/readyReplicas"), o.int_or("/spec/replicas", 1))),
        json!(o.age()),
        json!(names),
        json!(images),
    ]
}

pub(super) fn daemon_set(o: Printed<'_>) -> Vec<Value> {
    let (names, images) = containers(o.object, TEMPLATE);
    vec![
        json!(o.name()),
        json!(o.int("/status/desiredNumberScheduled")),
        json!(o.int("/status/currentNumberScheduled")),
        json!(o.int("/status/numberReady")),
        json!(o.int("/status/updatedNumberScheduled")),
        json!(o.int("/status/numberAvailable")),
        json!(labels(o.object.pointer("/spec/template/spec/nodeSelector"))),
        json!(o.age()),
        json!(names),
        json!(images),
        json!(selector_or_none(o.object.pointer("/spec/selector"))),
    ]
}

pub(super) fn job(o: Printed<'_>) -> Vec<Value> {
    let (names, images) = containers(o.object, TEMPLATE);
    let succeeded = o.int("/status/succeeded");
    let completions =
        match (o.object.pointer("/spec/completions").and_then(Value::as_i64), o.int("/spec/parallelism")) {
            (Some(wanted), _) => format!("{succeeded}/{wanted}"),
            (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
            (None, _) => format!("{succeeded}/1"),
        };
    vec![
        json!(o.name()),
        json!(job_status(o)),
        json!(completions),
        json!(job_duration(o)),
        json!(o.age()),
        json!(names),
        json!(images),
        json!(selector_or_none(o.object.pointer("/spec/selector"))),
    ]
}

fn job_status(o: Printed<'_>) -> &'static str {
    let holds = |kind: &str| {
        list(o.object, "/status/conditions")
            .iter()
            .any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
    };
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if o.has("/metadata/deletionTimestamp") {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn job_duration(o: Printed<'_>) -> String {
    let Ok(start) = o.text("/status/startTime").parse::<jiff::Timestamp>() else { return String::new() };
    let end = o.text("/status/completionTime").parse().unwrap_or(o.now);
    duration::human(end.duration_since(start).as_secs())
}

pub(super) fn cron_job(o: Printed<'_>) -> Vec<Value> {
    const JOB: &str = "/spec/jobTemplate/spec";
    let (names, images) = containers(o.object, &format!("{JOB}/template/spec/containers"));
    let suspend = match o.object.pointer("/spec/suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = "/status/lastScheduleTime";
    vec![
        json!(o.name()),
        json!(o.text("/spec/schedule")),
        json!(o.text_or("/spec/timeZone", NONE)),
        json!(suspend),
        json!(o.list("/status/active").len()),
        json!(if o.has(last) { o.since(last) } else { NONE.to_owned() }),
        json!(o.age()),
        json!(names),
        json!(images),
        json!(selector_or_none(o.object.pointer(&format!("{JOB}/selector")))),
    ]
}

pub(super) fn autoscaler(o: Printed<'_>) -> Vec<Value> {
    let reference =
        format!("{}/{}", o.text("/spec/scaleTargetRef/kind"), o.text("/spec/scaleTargetRef/name"));
    let least = o.object.pointer("/spec/minReplicas").and_then(Value::as_i64);
    vec![
        json!(o.name()),
        json!(reference),
        json!(targets(o)),
        json!(least.map_or("<unset>".to_owned(), |n| n.to_string())),
        json!(o.int("/spec/maxReplicas")),
        json!(o.int("/status/currentReplicas")),
        json!(o.age()),
    ]
}

/// `formatHPAMetrics`: `cpu: 42%/80%, … + 1 more...`.
fn targets(o: Printed<'_>) -> String {
    let specs = o.list("/spec/metrics");
    if specs.is_empty() {
        return NONE.to_owned();
    }
    let statuses = o.list("/status/currentMetrics");
    let shown: Vec<String> = specs
        .iter()
        .enumerate()
        .map(|(at, spec)| target(spec, statuses.get(at).unwrap_or(&Value::Null)))
        .collect();
    let first = shown.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    match shown.len().checked_sub(2) {
        Some(more) if more > 0 => format!("{first} + {more} more..."),
        _ => first,
    }
}

fn target(spec: &Value, status: &Value) -> String {
    let kind = text(spec, "/type");
    let source = match kind {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let wanted = |key: &str| spec.pointer(&format!("/{source}/target/{key}")).filter(|v| !v.is_null());
    let current = |key: &str| {
        let found = status.pointer(&format!("/{source}/current/{key}")).filter(|v| !v.is_null());
        found.map_or("<unknown>".to_owned(), |v| scalar(Some(v)))
    };
    let named = matches!(kind, "Resource" | "ContainerResource");
    let prefix = if named { format!("{}: ", text(spec, &format!("/{source}/name"))) } else { String::new() };
    if let Some(average) = wanted("averageValue") {
        let suffix = if matches!(kind, "External" | "Object") { " (avg)" } else { "" };
        return format!("{prefix}{}/{}{suffix}", current("averageValue"), scalar(Some(average)));
    }
    if named {
        let percent = |text: String| if text.starts_with('<') { text } else { format!("{text}%") };
        let wanted = wanted("averageUtilization").map_or("<auto>".to_owned(), |v| percent(scalar(Some(v))));
        return format!("{prefix}{}/{wanted}", percent(current("averageUtilization")));
    }
    format!("{}/{}", current("value"), scalar(wanted("value")))
}

pub(super) fn disruption_budget(o: Printed<'_>) -> Vec<Value> {
    let bound = |pointer: &str| {
        if o.has(pointer) { scalar(o.object.pointer(pointer)) } else { "N/A".to_owned() }
    };
    vec![
        json!(o.name()),
        json!(bound("/spec/minAvailable")),
        json!(bound("/spec/maxUnavailable")),
        json!(o.int("/status/disruptionsAllowed")),
        json!(o.age()),
    ]
}

pub(super) fn controller_revision(o: Printed<'_>) -> Vec<Value> {
    let owner =
        o.list("/metadata/ownerReferences").iter().find(|r| r.get("controller") == Some(&Value::Bool(true)));
    let controller = owner.map_or(NONE.to_owned(), |owner| {
        let group = text(owner, "/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
        format!(
            "{}{}/{}",
            text(owner, "/kind").to_lowercase(),
            group.unwrap_or_default(),
            text(owner, "/name")
        )
    });
    vec![json!(o.name()), json!(controller), json!(o.int("/revision")), json!(o.age())]
}
