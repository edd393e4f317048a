//! `alerts`: what fires and what is about to.

use super::{TOOLSET, lenient, namespace, said};
use crate::backend::Backend;
use crate::client::Alert;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, ToolError, TypedTool};

/// Lists alerts.
pub(crate) struct Alerts(pub(crate) Backend);

/// Alerts shown unless more are asked for, and at most.
const SHOWN: usize = 40;
const MOST_SHOWN: usize = 300;
/// They fire always, on purpose (kube-prometheus): the first proves that alerting works, the second mutes others.
const BY_DESIGN: [&str; 2] = ["Watchdog", "InfoInhibitor"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// firing or pending
    #[serde(default)]
    state: Option<String>,
    /// Words of name, labels or summary
    #[serde(default, alias = "query", alias = "name")]
    words: Option<String>,
    /// Default 40
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Row {
    name: String,
    /// `firing`, `pending`, `silenced`.
    state: String,
    severity: String,
    /// Since when.
    since: String,
    labels: BTreeMap<String, String>,
    summary: String,
}

/// Alerts, firing ones first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    namespace: Option<String>,
    /// How many match.
    found: usize,
    alerts: Vec<Row>,
    #[serde(skip)]
    coverage: Coverage,
}

#[async_trait]
impl TypedTool for Alerts {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "alerts";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Firing and pending alerts of Prometheus and Alertmanager.";

    fn available(&self) -> Availability {
        self.0.alerts_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let mut coverage = Coverage::default();
        let mut rows = Vec::new();
        let mut last_error = None;
        let mut answered = false;
        if let Some(prometheus) = self.0.prometheus_if_any() {
            match prometheus.alerts().await {
                Ok(alerts) => {
                    answered = true;
                    rows.extend(alerts.into_iter().map(row));
                }
                Err(error) => last_error = Some(("Prometheus", error)),
            }
        }
        if let Some(alertmanager) = self.0.alertmanager() {
            match alertmanager.alerts().await {
                Ok(alerts) => {
                    answered = true;
                    merge(&mut rows, alerts);
                }
                Err(error) => {
                    if let Some((name, earlier)) = last_error.replace(("Alertmanager", error)) {
                        coverage.missing.push(format!("alerts of {name}: {earlier}"));
                    }
                }
            }
        }
        match last_error {
            Some((name, error)) if answered => coverage.missing.push(format!("alerts of {name}: {error}")),
            Some((_, error)) => return Err(error.into()),
            None if !answered => {
                return Err(ToolError::Unavailable { message: self.0.reason(), hint: None });
            }
            None => {}
        }
        let place = namespace(input.namespace.as_deref(), context);
        let state = said(input.state.as_deref()).map(|state| state.to_lowercase());
        let words: Vec<String> =
            input.words.iter().flat_map(|words| words.split_whitespace()).map(str::to_lowercase).collect();
        rows.retain(|row| wanted(row, place.as_deref(), state.as_deref(), &words));
        rows.sort_by(|one, other| order(one).cmp(&order(other)));
        let found = rows.len();
        let most = input.limit.map_or(SHOWN, |limit| (limit as usize).clamp(1, MOST_SHOWN));
        if found > most {
            coverage.truncated.push(format!("{} more alerts", found - most));
            rows.truncate(most);
        }
        Ok(Output { namespace: place, found, alerts: rows, coverage })
    }
}

fn row(alert: Alert) -> Row {
    let mut labels = alert.labels;
    let mut take = |name: &str| labels.remove(name).unwrap_or_default();
    let (name, severity) = (take("alertname"), take("severity"));
    let text = ["summary", "description", "message"].iter().find_map(|key| alert.annotations.get(*key));
    Row {
        name,
        state: alert.state,
        severity,
        since: alert.active_at,
        labels,
        summary: text.cloned().unwrap_or_default(),
    }
}

/// Alertmanager's alerts that Prometheus did not name, and its word on which are silenced.
fn merge(rows: &mut Vec<Row>, alerts: Vec<Alert>) {
    for alert in alerts {
        let mut other = row(alert);
        other.state = match other.state.as_str() {
            "suppressed" => "silenced".to_owned(),
            "active" | "unprocessed" => "firing".to_owned(),
            _ => other.state,
        };
        // Alertmanager sees external labels too.
        let same = rows.iter_mut().find(|row| {
            row.name == other.name
                && row.labels.iter().all(|(label, value)| other.labels.get(label) == Some(value))
        });
        match same {
            Some(row) if other.state == "silenced" => row.state = other.state,
            Some(_) => {}
            None => rows.push(other),
        }
    }
}

fn wanted(row: &Row, namespace: Option<&str>, state: Option<&str>, words: &[String]) -> bool {
    let own = ["namespace", "exported_namespace"].iter().find_map(|label| row.labels.get(*label));
    // An alert of a node or of the control plane has no namespace and may still matter.
    let place = namespace.is_none_or(|wanted| own.is_none_or(|own| own == wanted));
    let text = || {
        let labels: Vec<&str> = row.labels.values().map(String::as_str).collect();
        format!("{} {} {}", row.name, labels.join(" "), row.summary).to_lowercase()
    };
    place
        && state.is_none_or(|state| row.state == state)
        && (words.is_empty() || words.iter().all(|word| text().contains(word)))
}

/// Firing before pending before silenced, the worst and the oldest first.
fn order(row: &Row) -> (bool, usize, usize, &str, &str, String) {
    let place =
        |words: &[&str], word: &str| words.iter().position(|known| *known == word).unwrap_or(words.len());
    let state = place(&["firing", "pending"], &row.state);
    let severity = place(&["critical", "page", "error", "warning", "info"], &row.severity);
    let labels: Vec<String> = row.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    (BY_DESIGN.contains(&row.name.as_str()), state, severity, &row.since, &row.name, labels.join(","))
}

impl Present for Output {
    fn text(&self) -> String {
        if self.alerts.is_empty() {
            return "no alert fires or is pending\n".to_owned();
        }
        let mut out = format!("{} alerts\nSTATE  SEVERITY  SINCE  ALERT  SUMMARY\n", self.found);
        for row in &self.alerts {
            let labels: Vec<String> =
                row.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
            let dash = |text: &str| {
                if text.is_empty() {
                    "-".to_owned()
                } else {
                    text.split_whitespace().collect::<Vec<_>>().join(" ")
                }
            };
            let by_design =
                if BY_DESIGN.contains(&row.name.as_str()) { " (fires always, by design)" } else { "" };
            out.push_str(&format!(
                "{}  {}  {}  {}{{{}}}  {}{by_design}\n",
                dash(&row.state),
                dash(&row.severity),
                dash(&row.since),
                row.name,
                labels.join(","),
                dash(&row.summary)
            ));
        }
        out
    }

    fn summary(&self) -> String {
        if self.found == 1 { "1 alert".to_owned() } else { format!("{} alerts", self.found) }
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
