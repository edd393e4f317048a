//! The evaluator beside a real Prometheus over the same samples. Skips where none is installed.

use super::super::answer::data;
use super::super::openmetrics::{Bounds, read};
use super::{Dialect, Settings, Steps, instant, range, tests::world};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A moment that is two hours back from no particular day: blocks are cut at even hours.
const BASE: i64 = 1_764_316_800;

const QUERIES: &[&str] = &[
    "temperature",
    "temperature{pod=\"a\"}",
    "{__name__=~\"temp.*\",zone!=\"x\"}",
    "temperature{zone!~\"x\"} offset 2m",
    "gone",
    "odd",
    "requests_total @ end()",
    "rate(requests_total[1m])",
    "rate(requests_total[5m])",
    "rate(requests_total[37s])",
    "rate(requests_total[20m])",
    "increase(requests_total[10m])",
    "irate(requests_total[1m])",
    "delta(temperature[5m])",
    "idelta(temperature[1m])",
    "deriv(temperature[5m])",
    "predict_linear(temperature[5m], 60)",
    "changes(temperature[3m])",
    "resets(requests_total[20m])",
    "avg_over_time(temperature[2m])",
    "sum_over_time(temperature[100s])",
    "min_over_time(temperature[2m])",
    "max_over_time(temperature[2m])",
    "count_over_time(temperature[2m])",
    "last_over_time(gone[20m])",
    "present_over_time(gone[20m])",
    "stddev_over_time(temperature[2m])",
    "stdvar_over_time(temperature[2m])",
    "quantile_over_time(0.9, temperature[2m])",
    "max_over_time(rate(requests_total[1m])[3m:20s])",
    "sum_over_time(temperature[3m:])",
    "sum(temperature)",
    "sum by (pod) (rate(requests_total[2m]))",
    "avg without (zone) (temperature)",
    "min(odd)",
    "max(odd)",
    "count by (code) (requests_total)",
    "group(temperature)",
    "stddev(temperature)",
    "stdvar(requests_total)",
    "quantile(0.3, requests_total)",
    "topk(1, requests_total)",
    "bottomk by (pod) (1, latency_seconds_bucket)",
    "histogram_quantile(0.9, rate(latency_seconds_bucket[2m]))",
    "histogram_quantile(0.5, sum by (le) (latency_seconds_bucket))",
    "temperature * 2 + 1",
    "2 ^ 3 ^ 2 - 7 % 4",
    "-temperature",
    "temperature > 10",
    "10 < bool temperature",
    "temperature * on(pod) group_left(node) pod_info",
    "pod_info * on(pod) group_right temperature",
    "temperature / ignoring(zone, code) requests_total",
    "temperature and on(pod) requests_total{code=\"200\"}",
    "temperature or pod_info",
    "temperature unless on(pod) requests_total{code=\"200\"}",
    "temperature > on(pod) pod_info",
    "temperature >= bool on(pod) pod_info",
    "round(temperature / 7, 0.5)",
    "clamp(temperature, 5, 15)",
    "abs(odd)",
    "sgn(odd)",
    "ln(temperature)",
    "exp(odd)",
    "timestamp(temperature)",
    "time() - timestamp(temperature)",
    "scalar(temperature{pod=\"a\"}) * vector(2)",
    "absent(nothing{a=\"b\"})",
    "absent_over_time(nothing{a=\"b\"}[1m])",
    "label_replace(pod_info, \"host\", \"$1-x\", \"node\", \"n(.*)\")",
    "label_join(pod_info, \"both\", \"/\", \"pod\", \"node\")",
];

/// What both must refuse.
const REFUSED: &[&str] = &[
    "temperature + on() pod_info",
    "pod_info * on() temperature",
    "rate(temperature)",
    "sum(temperature",
    "{pod=~\".*\"}",
    "1 > 2",
    "label_replace(label_replace(temperature, \"pod\", \"\", \"pod\", \".*\"), \"zone\", \"\", \"zone\", \".*\")",
];

struct Server {
    process: Child,
    port: u16,
    dialect: Dialect,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the installed Prometheus is the judge of the evaluator")]
fn command(name: &str) -> std::process::Command {
    std::process::Command::new(name)
}

fn installed() -> Option<Dialect> {
    let version = command("prometheus").arg("--version").output().ok()?;
    command("promtool").arg("--version").output().ok()?;
    let text =
        String::from_utf8_lossy(&version.stdout).into_owned() + &String::from_utf8_lossy(&version.stderr);
    Some(if text.contains("version 2.") { Dialect::Two } else { Dialect::Three })
}

fn shifted() -> String {
    let lines = world();
    let lines = lines.lines().map(|line| {
        let (head, at) = line.rsplit_once(' ').unwrap();
        format!("{head} {}\n", BASE + at.parse::<i64>().unwrap())
    });
    lines.chain(["# EOF\n".to_owned()]).collect()
}

fn start(directory: &Path, dialect: Dialect) -> Server {
    let metrics = directory.join("metrics.om");
    std::fs::write(&metrics, shifted()).unwrap();
    let data = directory.join("data");
    let made = command("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&metrics)
        .arg(&data)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let configuration = directory.join("prometheus.yml");
    std::fs::write(&configuration, "global: {evaluation_interval: 1m}\n").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let flag = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
    let process = command("prometheus")
        .arg(flag("config.file", &configuration.display()))
        .arg(flag("storage.tsdb.path", &data.display()))
        .arg(flag("storage.tsdb.retention.time", &"100y"))
        .arg(flag("web.listen-address", &format!("127.0.0.1:{port}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { process, port, dialect };
    let deadline = Instant::now() + Duration::from_secs(30);
    while get(port, "/-/ready").is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "prometheus does not become ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// HTTP/1.0, so that the answer comes whole.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn encoded(pairs: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Server {
    fn data(&self, path: &str, pairs: &[(&str, String)]) -> Result<Value, u16> {
        let (status, body) = get(self.port, &format!("{path}?{}", encoded(pairs))).unwrap();
        let value: Value = serde_json::from_str(&body).unwrap();
        if status == 200 { Ok(canonical(value["data"].clone())) } else { Err(status) }
    }
}

/// Vectors have no order, and sums differ in their last bits.
fn canonical(mut data: Value) -> Value {
    fn round(value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Ok(number) = text.parse::<f64>()
                    && number.is_finite()
                {
                    *text = format!("{:.9e}", if number.abs() < 1e-9 { 0.0 } else { number });
                }
            }
            Value::Array(items) => items.iter_mut().for_each(round),
            Value::Number(number) => *value = format!("{:.3}", number.as_f64().unwrap()).into(),
            _ => {}
        }
    }
    if let Some(elements) = data["result"].as_array_mut() {
        for element in elements.iter_mut() {
            for key in ["value", "values"] {
                if let Some(value) = element.get_mut(key) {
                    round(value);
                }
            }
            if let Some(metric) = element.get_mut("metric").and_then(Value::as_object_mut) {
                metric.sort_keys();
            } else {
                round(element);
            }
        }
        elements.sort_by_key(Value::to_string);
    }
    data
}

#[test]
fn the_evaluator_agrees_with_an_installed_prometheus() {
    let Some(dialect) = installed() else {
        eprintln!("skipped: prometheus and promtool are not installed");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), dialect);
    let recording = read(shifted().as_bytes(), 0, &Bounds::default());
    let settings = Settings { dialect: server.dialect, ..Settings::default() };
    let (mut compared, mut filled) = (0, 0);
    for query in QUERIES {
        for at in [600, 607, 400, 893] {
            let at = BASE + at;
            let theirs =
                server.data("/api/v1/query", &[("query", (*query).to_owned()), ("time", at.to_string())]);
            let ours = instant(&recording, query, at * 1000, &settings)
                .map(|answer| canonical(data(answer, at * 1000)));
            assert!(ours.is_ok(), "{query}: {ours:?}");
            filled += usize::from(
                theirs
                    .as_ref()
                    .is_ok_and(|data| data["result"].as_array().is_some_and(|all| !all.is_empty())),
            );
            assert_eq!((query, at - BASE, ours.ok()), (query, at - BASE, theirs.ok()));
            compared += 1;
        }
        let steps = Steps { start: (BASE + 90) * 1000, end: (BASE + 700) * 1000, step: 23_000 };
        let parameters = [
            ("query", (*query).to_owned()),
            ("start", (BASE + 90).to_string()),
            ("end", (BASE + 700).to_string()),
            ("step", "23".to_owned()),
        ];
        let theirs = server.data("/api/v1/query_range", &parameters);
        let ours =
            range(&recording, query, &steps, &settings).map(|answer| canonical(data(answer, steps.end)));
        assert_eq!((query, ours.ok()), (query, theirs.ok()));
        compared += 1;
    }
    for query in REFUSED {
        let theirs = server
            .data("/api/v1/query", &[("query", (*query).to_owned()), ("time", (BASE + 600).to_string())]);
        let ours = instant(&recording, query, (BASE + 600) * 1000, &settings);
        let status = match ours {
            Ok(_) => 200,
            Err(super::QueryError::BadData(_)) => 400,
            Err(super::QueryError::Execution(_)) => 422,
        };
        assert_eq!((query, Err(status)), (query, theirs));
    }
    assert_eq!(compared, QUERIES.len() * 5);
    assert!(filled * 4 > compared * 2, "{filled} of {compared} answers hold anything");
}
