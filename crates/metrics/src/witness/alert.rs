//! An alert as a signal: what it warns of, on what, and the levels that its text tells.

use super::kind::quantile;
use crate::client::Alert;
use crate::scope::{NAMESPACE, NODE, WORKLOAD};
use regex::Regex;
use std::sync::LazyLock;
use stethoscope_diagnosis::snapshot::{About, Signal, SignalKind, SignalOrigin};

/// Characters of an alert's text that are quoted.
const QUOTED: usize = 300;

/// The signal, when the alert fires (or will), and is of a kind that detectors know.
pub(super) fn signal(alert: &Alert) -> Option<Signal> {
    if !matches!(alert.state.as_str(), "firing" | "active" | "") {
        return None;
    }
    // Told to whom it may concern.
    if alert.labels.get("severity").is_some_and(|severity| matches!(severity.as_str(), "info" | "none")) {
        return None;
    }
    let name = alert.labels.get("alertname")?;
    let text = ["description", "message", "summary"]
        .iter()
        .find_map(|key| alert.annotations.get(*key))
        .map_or_else(String::new, |text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let everything = format!("{name} {text}").to_lowercase();
    let kind = kind(&everything)?;
    let values = |labels: &[&str]| -> Vec<String> {
        labels
            .iter()
            .filter_map(|label| alert.labels.get(*label))
            .filter(|value| !value.is_empty())
            .cloned()
            .collect()
    };
    let (before, after) = levels(&text);
    let quote = if text.is_empty() { name.clone() } else { text };
    Some(Signal {
        kind,
        about: About {
            namespace: values(&NAMESPACE).into_iter().next(),
            names: values(&WORKLOAD),
            nodes: values(&NODE),
            within: None,
        },
        before,
        after,
        quantile: quantile(&everything).or_else(|| glued_quantile(&everything)),
        since: alert.active_at.parse().ok(),
        until: None,
        origin: SignalOrigin::Alert(name.clone()),
        quote: quote.chars().take(QUOTED).collect(),
    })
}

/// By words, the most telling first.
fn kind(text: &str) -> Option<SignalKind> {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    Some(if has(&["throttl"]) {
        SignalKind::Throttling
    } else if has(&["retrans"]) {
        SignalKind::Retransmits
    } else if has(&[
        "packet loss",
        "packet drop",
        "dropped packet",
        "networkreceiveerrs",
        "networktransmiterrs",
    ]) {
        SignalKind::PacketDrops
    } else if has(&["latency", "slow", "response time"]) {
        SignalKind::Latency
    } else if has(&["5xx", "error", "success rate", "failure rate"]) {
        SignalKind::Errors
    } else if has(&["cpu"]) {
        SignalKind::CpuUsage
    } else if has(&["rps", "throughput", "traffic", "requests per second"]) {
        if has(&["drop", "fell", " low", " less"]) {
            SignalKind::TrafficDrop
        } else {
            SignalKind::TrafficRise
        }
    } else {
        return None;
    })
}

/// `x-p90latency`: a quantile written without a gap behind it is found too.
fn glued_quantile(text: &str) -> Option<u8> {
    static GLUED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bp(50|75|90|95|98|99)").ok());
    GLUED.as_ref()?.captures(text)?.get(1)?.as_str().parse().ok()
}

/// Usual and present level, where the text tells them: people write `normal 3, now 9` or `current value: 9`.
fn levels(text: &str) -> (Option<f64>, Option<f64>) {
    static USUAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:normal(?:ly)?|baseline|usual(?:ly)?|was|from)\W{0,3}(\d+(?:\.\d+)?)").ok()
    });
    static PRESENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:current(?:ly)?|now|value|val|cur|to)(?:\s+(?:value|is))?\W{0,3}(\d+(?:\.\d+)?)")
            .ok()
    });
    let number =
        |pattern: &LazyLock<Option<Regex>>| pattern.as_ref()?.captures(text)?.get(1)?.as_str().parse().ok();
    (number(&USUAL), number(&PRESENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn alert(name: &str, labels: &[(&str, &str)], text: &str) -> Alert {
        let mut all: std::collections::BTreeMap<String, String> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        all.insert("alertname".to_owned(), name.to_owned());
        Alert {
            labels: all,
            annotations: [("description".to_owned(), text.to_owned())].into(),
            state: "firing".to_owned(),
            active_at: "2026-03-01T10:00:00Z".to_owned(),
        }
    }

    #[test]
    fn an_alert_becomes_a_sign_with_its_levels() {
        let alert = alert(
            "NodeRetransmits",
            &[("instance", "10.0.0.7:9100")],
            "TCP retransmissions on 10.0.0.7: normal 0.2/s, now 9.5/s",
        );
        assert_eq!(
            signal(&alert),
            Some(Signal {
                kind: SignalKind::Retransmits,
                about: About { nodes: vec!["10.0.0.7:9100".to_owned()], ..About::default() },
                before: Some(0.2),
                after: Some(9.5),
                quantile: None,
                since: "2026-03-01T10:00:00Z".parse().ok(),
                until: None,
                origin: SignalOrigin::Alert("NodeRetransmits".to_owned()),
                quote: "TCP retransmissions on 10.0.0.7: normal 0.2/s, now 9.5/s".to_owned(),
            })
        );
    }

    #[test]
    fn what_objects_tell_better_is_no_signal() {
        assert_eq!(signal(&alert("KubePodNotReady", &[("pod", "a-1")], "Pod a-1 is not ready")), None);
        let silenced =
            Alert { state: "suppressed".to_owned(), ..alert("HighLatency", &[], "p99 latency is high") };
        assert_eq!(signal(&silenced), None);
    }

    #[test]
    fn texts_tell_levels_and_quantiles() {
        assert_eq!(levels("current value: 0.93"), (None, Some(0.93)));
        assert_eq!(levels("p95 rose from 20ms to 900ms"), (Some(20.0), Some(900.0)));
        assert_eq!(levels("more than 5 % of 300 requests fail"), (None, None));
        assert_eq!(glued_quantile("web-p90latency: 3"), Some(90));
    }
}
