//! The real binary against a fake OpenAI-compatible server over a real socket: everything a model or server can do wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use harness::{Ran, incident, stethoscope};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::path::Path;
use stethoscope_testkit::{Call, FakeModel, Reply, Rules, Turn};

const INCIDENT: &str = "lantern-checkout-errors";

/// Asks the binary with a fake model; gives what it printed and the transcript.
async fn ask(server: &FakeModel, more: &[&str]) -> (Ran, Value) {
    let directory = tempfile::tempdir().unwrap();
    let transcript = directory.path().join("transcript.json");
    let ran = ask_into(server, more, &transcript).await;
    let text = std::fs::read_to_string(&transcript).unwrap_or_else(|_| "null".to_owned());
    (ran, serde_json::from_str(&text).unwrap())
}

async fn ask_into(server: &FakeModel, more: &[&str], transcript: &Path) -> Ran {
    let mut command = stethoscope();
    command
        .args([
            "ask",
            "why is checkout failing?",
            "--output",
            "json",
            "--model",
            "fake",
            "--base-url",
            &server.url(),
        ])
        .arg("--transcript")
        .arg(transcript)
        .arg("--incident")
        .arg(incident(INCIDENT))
        .args(more)
        .env("OPENAI_API_KEY", "sk-not-a-real-key");
    tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
}

fn call(name: &str, arguments: Value) -> Call {
    Call::new(name, &arguments)
}

fn inconclusive() -> Turn {
    Turn::calls([call(
        "conclude",
        json!({"verdict": "inconclusive", "summary": "not enough", "hypotheses": []}),
    )])
}

/// The tool messages of a request, in order.
fn tool_messages(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().unwrap();
    messages
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

/// Cites the first finding that `diagnose` printed, quoting a line of what the request shows of E1.
fn conclude_from(request: &Value) -> Reply {
    let shown = tool_messages(request).concat();
    let quote =
        shown.lines().find(|line| line.contains("spec.selector")).unwrap_or("nothing").trim().to_owned();
    Reply::calls([call(
        "conclude",
        json!({
            "verdict": "root_cause_found", "summary": "The selector matches nothing.",
            "hypotheses": [{"cause": "service.selector-mismatch", "subject": {"kind": "Service", "namespace": "lantern", "name": "checkout"},
                "statement": "the selector matches no pod", "confidence": 0.9, "evidence": [{"id": "E1", "quote": quote}]}]
        }),
    )])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_investigation_with_a_model_ends_in_a_checked_answer() {
    let server = FakeModel::start([
        Turn::calls([call("diagnose", json!({})), call("k8s_overview", json!({}))]),
        Turn::respond_with(conclude_from),
    ])
    .await;
    let (ran, _) = ask(&server, &[]).await;
    server.assert_ok();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let answer = ran.json();
    assert_eq!(answer["verdict"], "root_cause_found");
    assert_eq!(answer["hypotheses"][0]["evidence"][0]["verified"], true);
    assert_eq!(answer["usage"]["model"], "fake");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_stays_within_three_thousand_tokens() {
    // With recorded metrics every tool there is stands in the request.
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "incident.yaml",
        "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: small}\nquestion: why?\nnamespace: shop\ncapturedAt: 2026-05-01T10:00:00Z\n",
    );
    write(
        "cluster-resources/namespaces.json",
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#,
    );
    write("prometheus/metrics.om", "# TYPE up gauge\nup{job=\"a\"} 1 1777629600\n# EOF\n");
    let server = FakeModel::start([inconclusive()]).await;
    let mut command = stethoscope();
    command
        .args(["ask", "--quiet", "--model", "fake", "--base-url", &server.url(), "--incident"])
        .arg(directory.path());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let request = &server.requests()[0];
    assert!(request["tools"].to_string().contains("metrics_query"));
    let bytes = request["messages"].to_string().len() + request["tools"].to_string().len();
    assert!(bytes <= 3_000 * 4, "the first request has {bytes} bytes, about {} tokens", bytes / 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_thousand_bytes_of_log_or_object_reach_the_model_as_a_few_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // Letters only: lines that differ in digits alone would be folded into one.
    let word = |mut n: u32| {
        let letters = (0..6).map(|_| {
            let letter = char::from(b'a' + (n % 26) as u8);
            n /= 26;
            letter
        });
        letters.collect::<String>()
    };
    let lines: Vec<String> = (1..6_000_u32)
        .map(|n| {
            format!(
                "request {} went from {} to {} and ended as {}",
                word(n * 7_919),
                word(n * 104_729),
                word(n * 13),
                word(n * 31)
            )
        })
        .collect();
    let text = lines.join("\n");
    assert!(text.len() > 350_000);
    write(
        "incident.yaml",
        "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: big}\nquestion: why?\nnamespace: shop\ncapturedAt: 2026-05-01T10:00:00Z\n",
    );
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": "web:1"}]}, "status": {"phase": "Running"}});
    write("cluster-resources/pods/shop.json", &pod.to_string());
    let rules = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rules", "namespace": "shop"}, "data": {"rules.txt": text}});
    write("cluster-resources/configmaps/shop.json", &rules.to_string());
    write("cluster-resources/pods/logs/shop/web-1/app.log", &text);
    let server = FakeModel::start([
        Turn::calls([
            call("k8s_logs", json!({"pod": "web-1", "tail": 6_000})),
            call("k8s_get", json!({"kind": "configmap", "name": "rules"})),
        ]),
        Turn::calls([call("read_output", json!({"id": "E1", "from": 100}))]),
        inconclusive(),
    ])
    .await;
    let mut command = stethoscope();
    command
        .args(["ask", "--quiet", "--model", "fake", "--base-url", &server.url(), "--incident"])
        .arg(directory.path());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    server.assert_ok();
    let told = tool_messages(&server.requests()[1]);
    for message in &told {
        assert!(message.len() < 9_000, "{} bytes were sent", message.len());
    }
    assert!(told[0].contains("older different lines"), "{}", &told[0][told[0].len() - 300..]);
    assert!(told[1].contains(" characters]"), "{}", told[1]);
    assert!(tool_messages(&server.requests()[2])[2].contains("100: "), "read_output reads on");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_calls_bad_arguments_and_unknown_tools_are_answered_in_call_order() {
    let server = FakeModel::start([
        Turn::calls([
            call("k8s_overview", json!({})),
            Call::raw("k8s_list", "{\"kind\": \"pods\""),
            call("kubectl_exec", json!({"command": "rm -rf /"})),
            call("k8s_get", json!({"kind": "Service", "name": "no-such-service", "namespace": "lantern"})),
            call("k8s_get", json!({"kind": "Secret", "name": "any", "namespace": "lantern"})),
            call("k8s_list", json!({"kind": "services", "namespace": "lantern"})),
        ]),
        inconclusive(),
    ])
    .await;
    let (ran, _) = ask(&server, &[]).await;
    server.assert_ok();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let told = tool_messages(&server.requests()[1]);
    assert_eq!(told.len(), 6);
    assert!(told[0].starts_with("E1\n"), "{}", told[0]);
    assert!(told[1].starts_with("error: bad arguments: the arguments are not JSON"), "{}", told[1]);
    assert!(told[2].starts_with("error: not found: no tool is called kubectl_exec"), "{}", told[2]);
    assert!(told[3].starts_with("error: not found:"), "{}", told[3]);
    assert!(told[5].starts_with('E'), "{}", told[5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_and_cut_streams_are_tried_again() {
    let server = FakeModel::start([
        Turn::status(429).retry_after(0),
        Turn::calls([call("k8s_overview", json!({}))]),
        Turn::cut_mid_stream("I was about to say"),
        inconclusive(),
    ])
    .await;
    let (ran, transcript) = ask(&server, &[]).await;
    server.assert_ok();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(server.requests().len(), 4);
    assert!(ran.stderr.contains("try 1 failed"), "{}", ran.stderr);
    assert!(!transcript.to_string().contains("I was about to say"), "a void reply is in the transcript");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_repeats_itself_is_stopped_and_the_call_is_made_once() {
    let server =
        FakeModel::start([Turn::repeat_forever(Turn::calls([call("k8s_overview", json!({}))]))]).await;
    let (ran, transcript) = ask(&server, &["--max-turns", "12"]).await;
    server.assert_ok();
    let answer = ran.json();
    assert_eq!(answer["usage"]["tool_calls"], 1);
    assert_eq!(transcript["ledger"]["entries"].as_array().unwrap().len(), 1);
    assert!(server.requests().len() <= 12, "{} requests", server.requests().len());
    assert!([3, 4].contains(&ran.code), "exit code {}", ran.code);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_concludes_hits_the_limit_and_keeps_what_the_detectors_found() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = FakeModel::start([
        Turn::calls([call("diagnose", json!({}))]),
        Turn::repeat_forever(Turn::respond_with(move |_| {
            let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Reply::calls([call("k8s_logs", json!({"pod": format!("pod-{n}"), "namespace": "lantern"}))])
        })),
    ])
    .await;
    let (ran, _) = ask(&server, &["--max-steps", "5"]).await;
    server.assert_ok();
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let answer = ran.json();
    assert_eq!(answer["usage"]["budget_hit"], "5 tool calls");
    assert_eq!(answer["hypotheses"][0]["cause"], "service.selector-mismatch");
    assert_eq!(answer["hypotheses"][0]["evidence"][0]["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_evidence_never_becomes_a_root_cause() {
    let invented = || {
        Turn::calls([call(
            "conclude",
            json!({
                "verdict": "root_cause_found", "summary": "The disk is full.",
                "hypotheses": [{"cause": "node.disk-pressure", "subject": {"kind": "Node", "name": "worker-9"}, "statement": "full",
                    "confidence": 0.99, "evidence": [{"id": "E1", "quote": "No space left on device"}]}]
            }),
        )])
    };
    let server =
        FakeModel::start([Turn::calls([call("k8s_overview", json!({}))]), invented(), invented()]).await;
    let (ran, _) = ask(&server, &[]).await;
    server.assert_ok();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let answer = ran.json();
    assert_eq!(answer["verdict"], "inconclusive");
    assert_eq!(answer["hypotheses"][0]["evidence"][0]["verified"], false);
    assert!(answer["hypotheses"][0]["confidence"].as_f64().unwrap() <= 0.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_give_the_same_transcript_and_the_same_requests() {
    let turns = || {
        [
            Turn::calls([
                call("diagnose", json!({})),
                call("k8s_overview", json!({})),
                call("k8s_list", json!({"kind": "pods"})),
                call("k8s_events", json!({})),
                call("k8s_changes", json!({})),
            ]),
            Turn::respond_with(conclude_from),
        ]
    };
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (FakeModel::start(turns()).await, FakeModel::start(turns()).await);
    let (one, two) = (directory.path().join("1.json"), directory.path().join("2.json"));
    ask_into(&first, &[], &one).await;
    ask_into(&second, &[], &two).await;
    assert_eq!(first.requests(), second.requests());
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_and_a_refused_key_have_their_own_exit_codes() {
    let server = FakeModel::start([Turn::repeat_forever(Turn::status(401).error("invalid api key"))]).await;
    let (ran, _) = ask(&server, &[]).await;
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(ran.stderr.contains("check OPENAI_API_KEY"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("sk-not-a-real-key"));
    let server = FakeModel::start([Turn::repeat_forever(Turn::status(400).error("no such model"))]).await;
    let (ran, _) = ask(&server, &[]).await;
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("no such model"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_and_planted_instructions_do_not_change_what_is_done() {
    let rules = Rules::default().forbid(["sk-not-a-real-key"]);
    let server =
        FakeModel::start_with(rules, [Turn::calls([call("k8s_overview", json!({}))]), inconclusive()]).await;
    let (ran, transcript) = ask(&server, &[]).await;
    server.assert_ok();
    assert!(!transcript.to_string().contains("sk-not-a-real-key"));
    assert!(!ran.stdout.contains("sk-not-a-real-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_investigation_and_prints_what_is_known() {
    let server = FakeModel::start([Turn::calls([call("diagnose", json!({}))]), Turn::hang()]).await;
    let mut command = stethoscope();
    command
        .args(["ask", "--output", "json", "--model", "fake", "--base-url", &server.url(), "--incident"])
        .arg(incident(INCIDENT))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    server.wait_for_requests(2).await;
    let pid = child.id().to_string();
    #[expect(clippy::disallowed_methods, reason = "a test that sends a real signal")]
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let ran: Ran =
        tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let answer = ran.json();
    assert_eq!(answer["hypotheses"][0]["cause"], "service.selector-mismatch");
    assert!(answer["summary"].as_str().unwrap().contains("interrupted"), "{}", answer["summary"]);
}
