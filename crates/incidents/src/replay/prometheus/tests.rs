use super::router;
use crate::Bundle;
use axum::body::Body;
use http::{Method, Request};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tower::ServiceExt;

const METRICS: &str = "# TYPE up gauge\n# HELP up Whether the target answers.\nup{job=\"a\"} 1 1000\nup{job=\"b\"} 0 1000.5\n\
    requests_total{job=\"a\"} 0 940\nrequests_total{job=\"a\"} 60 1000\nbroken line\n";

fn bundle(files: &[(&str, &str)]) -> Bundle {
    let manifest = "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata:\n  name: x\ncapturedAt: '1970-01-01T00:16:41Z'\n\
        expect:\n  label: planted-canary\n";
    let pods = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "web", "namespace": "shop"}}]}"#;
    let fixed = [("incident.yaml", manifest), ("cluster-resources/pods/shop.json", pods)];
    Bundle::from_files(
        "x",
        fixed.into_iter().chain(files.iter().copied()).map(|(name, text)| (name, text.to_owned())),
    )
    .unwrap()
}

async fn ask(files: &[(&str, &str)], method: Method, path: &str, form: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::from(form.to_owned())).unwrap();
    let response = router(&bundle(files)).unwrap().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!text.contains("planted-canary"), "{text}");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn get(path: &str) -> (u16, Value) {
    ask(&[("prometheus/metrics.om", METRICS)], Method::GET, path, "").await
}

fn ok(data: Value) -> (u16, Value) {
    let warning = "1 lines of the recorded metrics can't be read: line 7 has a value that is no number";
    (200, json!({"status": "success", "data": data, "warnings": [warning]}))
}

fn refused(status: u16, kind: &str, error: &str) -> (u16, Value) {
    (status, json!({"status": "error", "errorType": kind, "error": error}))
}

#[test]
fn a_bundle_without_metrics_and_alerts_has_no_router() {
    assert!(router(&bundle(&[])).is_none());
}

#[tokio::test]
async fn a_query_without_a_time_is_asked_at_the_moment_of_the_recording() {
    let expected = ok(json!({"resultType": "vector", "result": [
        {"metric": {"__name__": "up", "job": "a"}, "value": [1001, "1"]},
        {"metric": {"__name__": "up", "job": "b"}, "value": [1001, "0"]},
    ]}));
    assert_eq!(get("/api/v1/query?query=up").await, expected);
    assert_eq!(
        ask(&[("prometheus/metrics.om", METRICS)], Method::POST, "/api/v1/query", "query=up").await,
        expected
    );
    let rate = ok(json!({"resultType": "scalar", "result": [1000.25, "60"]}));
    assert_eq!(
        get("/api/v1/query?query=scalar(increase(requests_total%5B2m%5D))*1&time=1000.25").await.0,
        rate.0
    );
}

#[tokio::test]
async fn a_range_gives_a_matrix() {
    let expected = ok(json!({"resultType": "matrix", "result": [
        {"metric": {"__name__": "up", "job": "b"}, "values": [[1001, "0"], [1002, "0"]]},
    ]}));
    assert_eq!(
        get("/api/v1/query_range?query=up%7Bjob=%22b%22%7D&start=1000&end=1002&step=1s").await,
        expected
    );
}

#[tokio::test]
async fn series_labels_values_and_metadata_are_listed() {
    assert_eq!(get("/api/v1/series?match[]=up&limit=1").await, ok(json!([{"__name__": "up", "job": "a"}])));
    assert_eq!(
        get("/api/v1/series?match[]=up&match[]=requests_total&end=950").await,
        ok(json!([{"__name__": "requests_total", "job": "a"}]))
    );
    assert_eq!(get("/api/v1/labels").await, ok(json!(["__name__", "job"])));
    assert_eq!(get("/api/v1/label/job/values?match[]=requests_total").await, ok(json!(["a"])));
    assert_eq!(get("/api/v1/label/__name__/values").await, ok(json!(["requests_total", "up"])));
    let metadata = json!({"up": [{"type": "gauge", "help": "Whether the target answers.", "unit": ""}]});
    assert_eq!(get("/api/v1/metadata?metric=up").await, ok(metadata));
    assert_eq!(get("/-/healthy").await, (200, json!("Prometheus Server is Healthy.\n")));
    assert_eq!(get("/api/v1/status/buildinfo").await.1["data"]["version"], "3.0.0-replay");
}

#[tokio::test]
async fn mistakes_are_told_as_prometheus_tells_them() {
    assert_eq!(
        get("/api/v1/query").await,
        refused(400, "bad_data", "invalid parameter \"query\": no query given")
    );
    assert_eq!(get("/api/v1/query?query=hour()").await.0, 422);
    let time = "invalid parameter \"time\": cannot parse \"soon\" to a valid timestamp";
    assert_eq!(get("/api/v1/query?query=up&time=soon").await, refused(400, "bad_data", time));
    let end = "invalid parameter \"end\": end timestamp must not be before start time";
    assert_eq!(get("/api/v1/query_range?query=up&start=2&end=1&step=1").await, refused(400, "bad_data", end));
    let many = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
    assert_eq!(
        get("/api/v1/query_range?query=up&start=0&end=20000&step=1").await,
        refused(400, "bad_data", many)
    );
    assert_eq!(get("/api/v1/query_range?query=up&start=0&end=20000&step=0").await.0, 400);
    assert_eq!(get("/api/v1/series").await, refused(400, "bad_data", "no match[] parameter provided"));
    assert_eq!(get("/api/v1/rules").await.0, 404);
    assert_eq!(
        get("/api/v1/alerts").await,
        refused(404, "not_found", "alerts were not recorded: the bundle has no prometheus/alerts.json")
    );
}

#[tokio::test]
async fn nothing_can_be_written() {
    let files = [("prometheus/metrics.om", METRICS)];
    for (method, path) in [
        (Method::POST, "/api/v1/alerts"),
        (Method::PUT, "/api/v1/query"),
        (Method::DELETE, "/api/v1/series"),
        (Method::PATCH, "/-/healthy"),
    ] {
        assert_eq!(ask(&files, method, path, "").await, (405, json!("Method Not Allowed\n")));
    }
    assert_eq!(ask(&files, Method::POST, "/api/v1/admin/tsdb/delete_series?match[]=up", "").await.0, 404);
    assert_eq!(ask(&files, Method::POST, "/-/reload", "").await.0, 404);
    assert_eq!(ask(&files, Method::POST, "/api/v1/query", &"x".repeat(2 << 20)).await.0, 400);
}

#[tokio::test]
async fn alerts_are_served_in_whichever_wrapping_they_were_recorded() {
    let alert = r#"{"labels":{"alertname":"Down"},"state":"firing"}"#;
    for text in [
        format!("[{alert}]"),
        format!("{{\"alerts\":[{alert}]}}"),
        format!("{{\"status\":\"success\",\"data\":{{\"alerts\":[{alert}]}}}}"),
    ] {
        let answer = ask(&[("prometheus/alerts.json", &text)], Method::GET, "/api/v1/alerts", "").await;
        let alerts = json!({"alerts": [{"labels": {"alertname": "Down"}, "state": "firing"}]});
        assert_eq!(answer, (200, json!({"status": "success", "data": alerts})));
    }
    let broken = ask(&[("prometheus/alerts.json", "{")], Method::GET, "/api/v1/alerts", "").await;
    assert_eq!((broken.0, broken.1["errorType"].clone()), (404, json!("not_found")));
}
