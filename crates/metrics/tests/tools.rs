//! The tools over a recorded incident, through the very client that a live one is asked with.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use async_trait::async_trait;
use bytes::Bytes;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use stethoscope_core::tool::{Availability, CallContext, Registry, ToolError, ToolOutput};
use stethoscope_diagnosis::Focus;
use stethoscope_diagnosis::snapshot::Witness;
use stethoscope_incidents::{Bundle, replay};
use stethoscope_metrics::{
    Alertmanager, Backend, MetricsError, Prometheus, ServiceTransport, Transport, tools,
};

const ALERTS: &str = r#"{"status":"success","data":{"alerts":[
  {"labels":{"alertname":"Watchdog","severity":"none"},"annotations":{},"state":"firing","activeAt":"2026-01-01T00:00:00Z"},
  {"labels":{"alertname":"HighLatency","severity":"warning","namespace":"shop","service":"cart"},"annotations":{"summary":"p95 of cart is\nhigh"},"state":"pending","activeAt":"2026-01-01T11:50:00Z"},
  {"labels":{"alertname":"CPUThrottlingHigh","severity":"critical","namespace":"shop","pod":"cart-0"},"annotations":{"description":"throttled"},"state":"firing","activeAt":"2026-01-01T11:45:00Z"},
  {"labels":{"alertname":"Other","severity":"critical","namespace":"bank"},"annotations":{},"state":"firing","activeAt":"2026-01-01T11:00:00Z"}
]}}"#;

/// Half an hour every 15 s: throttling of the cart starts at 11:40, its latency and that of the front follow at 11:42.
fn metrics() -> String {
    let end: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let mut text = "# TYPE container_cpu_cfs_throttled_seconds counter\n# TYPE app:latency_p95:milliseconds gauge\n\
        # HELP app:latency_p95:milliseconds 95th percentile of response times.\n# TYPE leak_memory_bytes gauge\n"
        .to_owned();
    let mut throttled = 0.0;
    for step in 0_i64..=120 {
        let at = end.as_second() - (120 - step) * 15;
        let wobble = ((step * 7) % 11) as f64 / 10.0;
        throttled += if step < 40 { 0.1 } else { 9.0 + wobble };
        let _ = writeln!(
            text,
            "container_cpu_cfs_throttled_seconds_total{{namespace=\"shop\",pod=\"cart-0\"}} {throttled} {at}"
        );
        for (service, slow) in [("cart", 900.0), ("front", 300.0), ("ads", 0.0)] {
            let value = 20.0 + wobble + if step >= 48 { slow } else { 0.0 };
            let _ = writeln!(
                text,
                "app:latency_p95:milliseconds{{namespace=\"shop\",service=\"{service}\"}} {value} {at}"
            );
        }
        let _ = writeln!(
            text,
            "leak_memory_bytes{{namespace=\"shop\",pod=\"ads-0\"}} {} {at}",
            1_000_000 + step * 20_000
        );
        let _ = writeln!(text, "node_load1{{node=\"worker-1\"}} {} {at}", 1.0 + wobble);
        let _ = writeln!(
            text,
            "app:latency_p95:milliseconds{{namespace=\"bank\",service=\"teller\"}} {} {at}",
            if step < 60 { 5 } else { 50 }
        );
    }
    text + "# EOF\n"
}

fn router(files: &[(&str, String)]) -> axum::Router {
    let manifest = "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata:\n  name: x\ncapturedAt: '2026-01-01T12:00:00Z'\n";
    let pods = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "cart-0", "namespace": "shop"}}]}"#;
    let fixed =
        [("incident.yaml", manifest.to_owned()), ("cluster-resources/pods/shop.json", pods.to_owned())];
    let bundle = Bundle::from_files("x", fixed.into_iter().chain(files.iter().cloned())).unwrap();
    replay::prometheus::router(&bundle).unwrap()
}

fn registry(backend: &Backend) -> Registry {
    let mut registry = Registry::default();
    for tool in tools(backend) {
        registry.add(tool).unwrap();
    }
    registry
}

fn recorded() -> Backend {
    let router =
        router(&[("prometheus/metrics.om", metrics()), ("prometheus/alerts.json", ALERTS.to_owned())]);
    Backend::new(Prometheus::new(ServiceTransport::new(router, "the recording")))
}

fn context(namespace: Option<&str>) -> CallContext {
    CallContext { namespace: namespace.map(str::to_owned), now: "2026-01-01T12:00:00Z".parse().unwrap() }
}

async fn call(tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
    registry(&recorded()).call(tool, arguments, &context(Some("shop"))).await
}

async fn text(tool: &str, arguments: Value) -> String {
    let output = call(tool, arguments).await.unwrap();
    format!("{}[{}] {:?}", output.text, output.summary, output.coverage)
}

#[tokio::test]
async fn anomalies_put_the_first_saturation_on_top_and_rank_the_rest() {
    insta::assert_snapshot!("anomalies_namespace", text("metrics_anomalies", json!({})).await);
    insta::assert_snapshot!(
        "anomalies_workload",
        text("metrics_anomalies", json!({"workload": "front"})).await
    );
    insta::assert_snapshot!(
        "anomalies_all",
        text("metrics_anomalies", json!({"namespace": "*", "metric": "latency", "limit": "2"})).await
    );
    let quiet = call("metrics_anomalies", json!({"node": "worker-1"})).await.unwrap();
    assert_eq!(quiet.text, "2026-01-01 11:30:00 to 12:00:00 UTC; 0 of 1 series changed\n");
}

#[tokio::test]
async fn a_range_is_summarised_and_an_instant_is_a_value() {
    let latency = "app:latency_p95:milliseconds{namespace=\"shop\"}";
    insta::assert_snapshot!(
        "query_range",
        text("metrics_query", json!({"query": latency, "since": "30m"})).await
    );
    insta::assert_snapshot!(
        "query_instant",
        text("metrics_query", json!({"query": format!("sort({latency})")})).await
    );
    insta::assert_snapshot!("query_cut", text("metrics_query", json!({"query": latency, "limit": 1})).await);
    insta::assert_snapshot!("query_nothing", text("metrics_query", json!({"query": "nothing"})).await);
    insta::assert_snapshot!("query_rate", text("metrics_query", json!({"query": "rate(container_cpu_cfs_throttled_seconds_total[1m])", "since": "25m", "step": "15s"})).await);
}

#[tokio::test]
async fn search_tells_types_meanings_and_labels() {
    insta::assert_snapshot!("search_all", text("metrics_search", json!({})).await);
    insta::assert_snapshot!("search_words", text("metrics_search", json!({"words": "cpu throttled"})).await);
    insta::assert_snapshot!("search_regex", text("metrics_search", json!({"words": "^app:.*p95"})).await);
    let missing = call("metrics_search", json!({"words": "node_load"})).await.unwrap();
    assert_eq!(missing.summary, "1 metrics");
    let none = call("metrics_search", json!({"words": "leak_memori"})).await;
    let expected = ToolError::NotFound {
        message: "no metric matches \"leak_memori\" among 4".to_owned(),
        nearest: vec!["leak_memory_bytes".to_owned()],
    };
    assert_eq!(
        none.map(|_| ()).map_err(|error| match error {
            ToolError::NotFound { message, nearest } =>
                ToolError::NotFound { message, nearest: nearest.into_iter().take(1).collect() },
            other => other,
        }),
        Err(expected)
    );
}

#[tokio::test]
async fn alerts_of_the_namespace_and_of_none_are_listed_worst_first() {
    insta::assert_snapshot!("alerts", text("alerts", json!({})).await);
    insta::assert_snapshot!(
        "alerts_pending",
        text("alerts", json!({"namespace": "*", "state": "pending"})).await
    );
    assert_eq!(
        call("alerts", json!({"words": "nothing"})).await.unwrap().text,
        "no alert fires or is pending\n"
    );
}

#[tokio::test]
async fn mistakes_are_told_with_what_would_be_right() {
    let wrong = |tool: &'static str, arguments: Value| async move {
        call(tool, arguments).await.unwrap_err().to_string()
    };
    for (tool, arguments, part) in [
        ("metrics_query", json!({"query": "sum("}), "bad arguments: bad_data: invalid parameter"),
        ("metrics_query", json!({"query": "hour()"}), "not covered by the evaluator"),
        ("metrics_query", json!({"query": " "}), "query must have"),
        ("metrics_query", json!({"query": "up", "since": "yesterday"}), "neither a duration nor a time"),
        ("metrics_query", json!({"query": "up", "since": "1h", "step": "soon"}), "is no duration"),
        ("metrics_query", json!({"query": "up", "since": "2027-01-01T00:00:00Z"}), "since is after until"),
        ("metrics_query", json!({"promql": "up", "x": 1}), "unknown field"),
        ("metrics_search", json!({"words": "("}), "plain words work too"),
        ("metrics_anomalies", json!({"metric": "("}), "e.g. cpu|memory"),
        ("metrics_anomalies", json!({"since": "-"}), "neither a duration nor a time"),
    ] {
        let error = wrong(tool, arguments.clone()).await;
        assert!(error.contains(part), "{tool} {arguments}: {error}");
    }
}

#[test]
fn without_a_backend_every_tool_says_why() {
    for tool in tools(&Backend::missing("no Prometheus was recorded")) {
        assert_eq!(tool.available(), Availability::Missing("no Prometheus was recorded".to_owned()));
    }
    let reason = "no Prometheus is configured; set PROMETHEUS_URL or [metrics] url";
    assert_eq!(
        tools(&Backend::default()).iter().map(|tool| tool.available()).collect::<Vec<_>>(),
        vec![Availability::Missing(reason.to_owned()); 4]
    );
}

#[test]
fn schemas_are_terse() {
    for tool in tools(&Backend::default()) {
        let size = tool.spec().input_schema.to_string().len();
        assert!(size <= 600, "{}: {size} bytes", tool.spec().name);
    }
}

/// Answers by path, and remembers what was asked.
#[derive(Clone, Default)]
struct Canned {
    answers: Vec<(&'static str, u16, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Transport for Canned {
    async fn get(&self, path_and_query: &str) -> Result<(u16, Bytes), MetricsError> {
        self.asked.lock().unwrap().push(path_and_query.to_owned());
        let answer = self.answers.iter().find(|(start, ..)| path_and_query.starts_with(start));
        match answer {
            Some((_, status, body)) => Ok((*status, Bytes::from(body.clone()))),
            None => {
                Err(MetricsError::Unreachable { address: "canned".to_owned(), why: "refused".to_owned() })
            }
        }
    }

    fn address(&self) -> &'static str {
        "canned"
    }
}

fn canned(path: &'static str, status: u16, body: &str) -> Canned {
    Canned { answers: vec![(path, status, body.to_owned())], ..Canned::default() }
}

#[tokio::test]
async fn alertmanager_says_what_is_silenced_and_one_dead_backend_does_not_hide_the_other() {
    let held = r#"[
      {"labels":{"alertname":"CPUThrottlingHigh","severity":"critical","namespace":"shop","pod":"cart-0","cluster":"x"},"status":{"state":"suppressed"},"startsAt":"2026-01-01T11:45:00Z"},
      {"labels":{"alertname":"FromElsewhere","severity":"page"},"annotations":{"summary":"s"},"status":{"state":"active"},"startsAt":"2026-01-01T11:00:00Z"}]"#;
    let both = recorded().with_alertmanager(Alertmanager::new(canned("/api/v2/alerts", 200, held)));
    let output = registry(&both).call("alerts", json!({}), &context(Some("shop"))).await.unwrap();
    insta::assert_snapshot!("alerts_both", output.text);
    let half = recorded().with_alertmanager(Alertmanager::new(Canned::default()));
    let output = registry(&half).call("alerts", json!({}), &context(Some("shop"))).await.unwrap();
    assert_eq!(output.coverage.missing, ["alerts of Alertmanager: can't reach canned: refused"]);
    let none = Backend::new(Prometheus::new(Canned::default()))
        .with_alertmanager(Alertmanager::new(Canned::default()));
    let error = registry(&none).call("alerts", json!({}), &context(None)).await.unwrap_err();
    assert!(matches!(error, ToolError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_dead_or_strange_backend_is_a_typed_error_of_every_tool() {
    let arguments = |tool: &str| if tool == "metrics_query" { json!({"query": "up"}) } else { json!({}) };
    for (transport, kind) in [
        (Canned::default(), "unavailable"),
        (canned("/", 403, "no"), "forbidden"),
        (canned("/", 200, "<html>"), "unavailable"),
        (canned("/", 503, "<html>"), "unavailable"),
        (canned("/", 503, r#"{"status":"error","errorType":"timeout","error":"slow"}"#), "timed out"),
    ] {
        let registry = registry(&Backend::new(Prometheus::new(transport)));
        for tool in ["alerts", "metrics_anomalies", "metrics_query", "metrics_search"] {
            let error = registry.call(tool, arguments(tool), &context(None)).await.unwrap_err().to_string();
            assert!(error.starts_with(kind), "{tool}: {error}");
        }
    }
}

#[tokio::test]
async fn many_series_are_cut_and_a_scope_that_is_too_wide_is_refused_before_its_samples_are_read() {
    let rows: Vec<Value> =
        (0..2_500).map(|n| json!({"metric": {"n": n.to_string()}, "value": [1, n.to_string()]})).collect();
    let vector = json!({"status": "success", "data": {"resultType": "vector", "result": rows}}).to_string();
    let backend = Backend::new(Prometheus::new(canned("/api/v1/query", 200, &vector)));
    let output =
        registry(&backend).call("metrics_query", json!({"query": "x"}), &context(None)).await.unwrap();
    assert_eq!(output.text.lines().count(), 22);
    assert_eq!(
        output.coverage.truncated,
        ["only the first 2000 of 2500 series were summarised", "1980 more series"]
    );
    let count = json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "100000"]}]}});
    let labels = json!({"status": "success", "data": ["namespace"]});
    let wide = Canned {
        answers: vec![("/api/v1/labels", 200, labels.to_string()), ("/api/v1/query", 200, count.to_string())],
        ..Canned::default()
    };
    let asked = Arc::clone(&wide.asked);
    let error = registry(&Backend::new(Prometheus::new(wide)))
        .call("metrics_anomalies", json!({}), &context(None))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the scope has 100000 series"), "{error}");
    assert!(asked.lock().unwrap().iter().all(|path| !path.contains("%5D")), "no range was read");
}

/// `kind of subject: quote`, sorted.
async fn testimony(backend: &Backend, namespace: Option<&str>) -> (Vec<String>, Vec<String>) {
    let focus = Focus { namespace: namespace.map(str::to_owned), words: Vec::new() };
    let said = backend.testify(&focus, "2026-01-01T12:00:00Z".parse().unwrap()).await;
    let mut signals: Vec<String> = said
        .signals
        .iter()
        .map(|signal| {
            let about = [signal.about.names.as_slice(), signal.about.nodes.as_slice()].concat().join(",");
            format!("{:?} of {about}: {}", signal.kind, signal.quote)
        })
        .collect();
    signals.sort();
    (signals, said.gaps.into_iter().map(|gap| gap.kind).collect())
}

#[tokio::test]
async fn detectors_are_told_what_changed_for_the_worse_and_what_fires() {
    let (signals, gaps) = testimony(&recorded(), Some("shop")).await;
    insta::assert_snapshot!(signals.join("\n"));
    assert_eq!(gaps, Vec::<String>::new());
}

#[tokio::test]
async fn what_only_comes_back_to_its_level_is_no_sign_and_a_burst_is_one() {
    let end: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let mut text = "# TYPE app:cpu_usage:cores gauge\n# TYPE app:latency_p50:milliseconds gauge\n".to_owned();
    for step in 0_i64..=100 {
        let at = end.as_second() - (100 - step) * 10;
        let wobble = ((step * 7) % 11) as f64 / 100.0;
        let cpu = if (30..60).contains(&step) { 0.1 } else { 1.0 } + wobble;
        let burst =
            if (30..50).contains(&step) && step % 3 != 0 { 800.0 + 90.0 * (step % 5) as f64 } else { 0.0 };
        let _ = writeln!(text, "app:cpu_usage:cores{{namespace=\"shop\",service=\"cart\"}} {cpu} {at}");
        let _ = writeln!(
            text,
            "app:latency_p50:milliseconds{{namespace=\"shop\",service=\"cart\"}} {} {at}",
            3.0 + wobble + burst
        );
    }
    let router = router(&[("prometheus/metrics.om", text + "# EOF\n")]);
    let backend = Backend::new(Prometheus::new(ServiceTransport::new(router, "the recording")));
    let (signals, _) = testimony(&backend, Some("shop")).await;
    assert_eq!(signals.len(), 1, "{signals:?}");
    assert!(signals[0].starts_with("Latency of cart: "), "{signals:?}");
}

#[tokio::test]
async fn a_witness_without_a_backend_is_silent_and_one_that_fails_says_so() {
    let silent = testimony(&Backend::missing("none"), None).await;
    assert_eq!(silent, (Vec::new(), Vec::new()));
    let dead = Backend::new(Prometheus::new(Canned::default()));
    assert_eq!(testimony(&dead, None).await, (Vec::new(), vec!["metrics".to_owned(), "alerts".to_owned()]));
}
