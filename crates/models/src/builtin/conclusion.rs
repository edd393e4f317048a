//! The conclusion from the findings, with quotes from where they stand.

use super::reads::METRICS;
use super::scope::Scope;
use super::{DIAGNOSE, OVERVIEW, newest};
use serde_json::{Value, json};
use stethoscope_core::evidence::Evidence;
use stethoscope_core::finding::{Finding, Severity};
use stethoscope_core::model::ModelRequest;

/// Confidence from which a finding is called the root cause.
const ENOUGH: f64 = 0.5;
/// Hypotheses named.
const MOST: usize = 5;

/// A line for the person who watches: what is suspected, before it is proved.
pub(super) fn hypotheses_in_words(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "No detector fires; looking at recent changes and warnings.\n".to_owned();
    }
    let lines: Vec<String> = findings
        .iter()
        .take(3)
        .zip(1..)
        .map(|(finding, rank)| {
            format!("{rank}. `{}` on {}: {}", finding.cause, finding.subject, finding.statement)
        })
        .collect();
    format!("Hypotheses, to be proved or refuted:\n\n{}\n", lines.join("\n"))
}

/// Arguments of `conclude`.
pub(super) fn conclude(request: &ModelRequest<'_>, findings: &[Finding], scope: &Scope) -> Value {
    let Some(digest) = newest(request, DIAGNOSE) else {
        return json!({
            "verdict": "inconclusive",
            "summary": "The cluster could not be diagnosed: the detectors had nothing to read. `stethoscope doctor` says what is missing.",
            "hypotheses": []
        });
    };
    let hypotheses: Vec<Value> =
        findings.iter().take(MOST).map(|finding| hypothesis(request, finding)).collect();
    let relevant = findings.iter().find(|finding| finding.severity >= Severity::Medium);
    match relevant.or(findings.first()) {
        Some(best) if best.severity >= Severity::Medium && best.confidence >= ENOUGH => json!({
            "verdict": "root_cause_found",
            "summary": summary(best),
            "hypotheses": hypotheses,
            "impact": impact(best),
        }),
        Some(best) if best.severity >= Severity::Medium => json!({
            "verdict": "inconclusive",
            "summary": format!("Not decided. The best candidate is {}: {}", best.subject, sentence(&best.statement)),
            "hypotheses": hypotheses,
        }),
        _ if !blind_spots(digest, scope).is_empty() => json!({
            "verdict": "inconclusive",
            "summary": format!(
                "Nothing wrong was seen, but what would show it could not be read: {}.",
                blind_spots(digest, scope).join("; ")
            ),
            "hypotheses": hypotheses,
        }),
        _ if metrics_show_harm(request).is_some() => json!({
            "verdict": "inconclusive",
            "summary": format!(
                "No detector found a cause, but metrics show harm, first: {}. What lies behind it is not decided.",
                metrics_show_harm(request).unwrap_or_default()
            ),
            "hypotheses": hypotheses,
        }),
        _ => json!({
            "verdict": "no_issue",
            "summary": format!("{} Every detector ran and found nothing that would explain trouble. {}", scope.in_words().replace("Looking", "Looked"), not_looked_at(request)),
            "hypotheses": hypotheses,
            "ruled_out": healthy(request),
        }),
    }
}

/// The first series whose change means harm to users, as the metrics tool printed it.
fn metrics_show_harm(request: &ModelRequest<'_>) -> Option<String> {
    let changes = newest(request, METRICS)?.data.get("changes")?.as_array()?.clone();
    let harm = changes.iter().find(|change| {
        let is = |key: &str, value: &str| change.get(key).and_then(Value::as_str) == Some(value);
        let worse = |signal: &str| is("signal", signal) && is("direction", "up");
        worse("latency")
            || worse("errors")
            || worse("saturation")
            || is("signal", "errors") && is("direction", "down")
    })?;
    let text = |key: &str| {
        harm.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
    };
    Some(format!(
        "{} went from {} to {} at {}",
        text("series")?,
        text("before")?,
        text("after")?,
        text("onset")?
    ))
}

/// What a clean bill rests on, in a sentence.
fn not_looked_at(request: &ModelRequest<'_>) -> &'static str {
    match newest(request, METRICS) {
        Some(_) => "Metrics show no harm either; network flows were not looked at.",
        None => "Metrics and network flows were not looked at.",
    }
}

/// Kinds without which "nothing is wrong" cannot be said. Logs, quotas or Secrets that may not be read are told as
/// coverage; these are where trouble shows first.
const TELLING: &[&str] = &[
    "Pod",
    "Event",
    "Service",
    "EndpointSlice",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Gateway",
    "HTTPRoute",
    "Node",
    "Namespace",
    "APIService",
    "Certificate",
    "request latency",
];

/// What could not be read and would have shown trouble, one line each.
fn blind_spots(digest: &Evidence, scope: &Scope) -> Vec<String> {
    let gaps = digest.data.get("gaps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    gaps.iter()
        .filter_map(|gap| {
            let kind = gap.get("kind")?.as_str().filter(|kind| TELLING.contains(kind))?;
            let namespace = gap.get("namespace").and_then(Value::as_str);
            let elsewhere =
                namespace.is_some() && scope.namespace.is_some() && namespace != scope.namespace.as_deref();
            let place = namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
            (!elsewhere).then(|| format!("{kind}{place}"))
        })
        .collect()
}

fn hypothesis(request: &ModelRequest<'_>, finding: &Finding) -> Value {
    let evidence: Vec<Value> = finding
        .proofs
        .iter()
        .filter_map(|proof| Some(json!({"id": request.evidence.cite(&proof.quote)?, "quote": proof.quote})))
        .collect();
    json!({
        "cause": finding.cause,
        "subject": finding.subject,
        "statement": finding.statement,
        "confidence": finding.confidence,
        "chain": finding.chain,
        "evidence": evidence,
    })
}

fn summary(finding: &Finding) -> String {
    let explanation =
        finding.cause.describe().map(|cause| format!(" {}", cause.explanation)).unwrap_or_default();
    format!(
        "{} {}.{explanation}",
        sentence(&finding.statement),
        format_args!("The object to mend is {}", finding.subject)
    )
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let head: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let text = format!("{head}{}", letters.as_str());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

fn impact(finding: &Finding) -> Value {
    const NAMED: usize = 6;
    if finding.affected.is_empty() {
        return Value::Null;
    }
    let names: Vec<String> = finding.affected.iter().take(NAMED).map(ToString::to_string).collect();
    let more = finding.affected.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    json!(format!("{}{rest}", names.join(", ")))
}

/// Beginnings of the lines that show best that nothing is wrong: what the detectors went over, which workloads are ready.
const REASSURING: &[(&str, &[&str])] =
    &[(DIAGNOSE, &["checked:", "healthy"]), (OVERVIEW, &["ready workloads:", "nodes:"])];

/// What shows that nothing is wrong, quoted from the digest and the overview.
fn healthy(request: &ModelRequest<'_>) -> Value {
    let quotes: Vec<Value> = REASSURING
        .iter()
        .filter_map(|(tool, beginnings)| {
            let evidence = newest(request, tool)?;
            let lines = || evidence.text.lines().map(str::trim);
            let telling =
                beginnings.iter().find_map(|beginning| lines().find(|line| line.starts_with(beginning)));
            let line = telling.or_else(|| lines().find(|line| line.len() >= 12))?;
            Some(json!({"id": evidence.id, "quote": line}))
        })
        .collect();
    json!([{"cause": "any", "why": "no detector found a cause", "evidence": quotes}])
}
