//! The command line as an interface: exit codes, streams, messages.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use harness::{incident, run, run_with_stdin, stethoscope};
use pretty_assertions::assert_eq;
use std::io::Read;
use std::process::Stdio;

const HEALTHY: &str = "search-dashboard-was-red";
const BROKEN: &str = "lantern-checkout-errors";

fn path(name: &str) -> String {
    incident(name).to_string_lossy().into_owned()
}

#[test]
fn version_and_help_go_to_stdout() {
    let version = run(&["--version"]);
    assert_eq!((version.code, version.stderr.as_str()), (0, ""));
    assert!(version.stdout.starts_with("stethoscope "), "{}", version.stdout);
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    insta::assert_snapshot!("help", help.stdout);
    for command in ["ask", "scan", "tools", "replay", "doctor"] {
        let help = run(&[command, "--help"]);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
    }
}

#[test]
fn wrong_usage_is_exit_code_two_with_the_reason_on_stderr() {
    for arguments in [
        &["frobnicate"][..],
        &["ask", "--output", "xml"],
        &["scan", "--fail-on", "awful"],
        &["tools", "call"],
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains("error:"), "{arguments:?}: {}", ran.stderr);
    }
    let both = run(&["ask", "x", "--incident", &path(BROKEN), "--context", "prod"]);
    assert_eq!(both.code, 2);
    assert_eq!(
        both.stderr,
        "error: --incident reads a recording; it cannot be used with --context or --kubeconfig\n"
    );
}

#[test]
fn a_question_comes_from_words_stdin_or_the_incident() {
    let from_incident = run(&["ask", "--quiet", "--output", "json", "--incident", &path(BROKEN)]).json();
    assert!(from_incident["question"].as_str().unwrap().starts_with("why is checkout failing?"));
    let words =
        run(&["ask", "is", "cart", "ok?", "--quiet", "--output", "json", "--incident", &path(BROKEN)]).json();
    assert_eq!(words["question"], "is cart ok?");
    let piped = run_with_stdin(
        &["ask", "--quiet", "--output", "json", "--incident", &path(BROKEN), "-"],
        "[FIRING] Checkout5xx\n",
    );
    assert_eq!(piped.json()["question"], "[FIRING] Checkout5xx");
    let empty = run_with_stdin(&["ask", "--incident", &path(BROKEN), "-"], " \n");
    assert_eq!((empty.code, empty.stderr.as_str()), (2, "error: stdin holds no question\n"));
}

#[test]
fn stdout_holds_the_answer_alone_and_quiet_silences_stderr() {
    let ran = run(&["ask", "--output", "json", "--incident", &path(BROKEN)]);
    assert_eq!(ran.json()["version"], "answer.v1");
    assert!(ran.stderr.contains("diagnose"), "progress is on stderr: {}", ran.stderr);
    let quiet = run(&["ask", "--quiet", "--incident", &path(BROKEN)]);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("Root cause"), "{}", quiet.stdout);
    assert!(!quiet.stdout.contains('\u{1b}'), "no colours into a pipe");
    let coloured = run(&["ask", "--quiet", "--color", "always", "--incident", &path(BROKEN)]);
    assert!(coloured.stdout.contains("\u{1b}["));
}

#[test]
fn json_lines_are_the_events_in_sequence() {
    let ran = run(&["ask", "--output", "jsonl", "--incident", &path(BROKEN)]);
    let events: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequence: Vec<u64> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["event"], "started");
    assert_eq!(events.last().unwrap()["event"], "answer");
}

#[test]
fn the_answer_conforms_to_its_schema() {
    let schema: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(harness::root().join("crates/core/schemas/answer.v1.schema.json")).unwrap(),
    )
    .unwrap();
    let answer = run(&["ask", "--quiet", "--output", "json", "--incident", &path(BROKEN)]).json();
    let typed: stethoscope_core::answer::Answer = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), answer, "nothing is lost in the type");
    for required in schema["required"].as_array().unwrap() {
        assert!(answer.get(required.as_str().unwrap()).is_some(), "{required} is missing");
    }
}

#[test]
fn scan_fails_on_findings_only_when_asked_to() {
    let scan = run(&["scan", "--incident", &path(BROKEN)]);
    assert_eq!(scan.code, 0, "{}", scan.stderr);
    assert!(scan.stdout.contains("service.selector-mismatch"), "{}", scan.stdout);
    assert_eq!(run(&["scan", "--fail-on", "high", "--incident", &path(BROKEN)]).code, 10);
    assert_eq!(run(&["scan", "--fail-on", "medium", "--incident", &path(HEALTHY)]).code, 0);
    let json = run(&["scan", "--output", "json", "--incident", &path(BROKEN)]).json();
    assert_eq!(json["findings"][0]["cause"], "service.selector-mismatch");
}

#[test]
fn an_unreadable_incident_says_what_a_bundle_is() {
    let missing = run(&["ask", "--incident", "/nonexistent/x.tar.gz", "why?"]);
    assert_eq!(missing.code, 5, "{}", missing.stderr);
    assert!(missing.stderr.contains("hint: a bundle is"), "{}", missing.stderr);
    let directory = tempfile::tempdir().unwrap();
    let garbage = directory.path().join("x.tar.gz");
    std::fs::write(&garbage, b"not an archive").unwrap();
    let ran = run(&["ask", "--incident", &garbage.to_string_lossy(), "why?"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
}

#[test]
fn no_cluster_and_a_dead_cluster_have_their_own_exit_codes() {
    let none = run(&["ask", "why?"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("config");
    let dead = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\n";
    std::fs::write(&kubeconfig, dead).unwrap();
    let ran = run(&["ask", "why?", "--kubeconfig", &kubeconfig.to_string_lossy()]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("127.0.0.1:9") && ran.stderr.contains("hint:"), "{}", ran.stderr);
    let doctor = run(&["doctor", "--kubeconfig", &kubeconfig.to_string_lossy()]);
    assert_eq!(doctor.code, 5);
    assert!(doctor.stdout.contains("cluster"), "{}", doctor.stdout);
    let context = run(&["scan", "--kubeconfig", &kubeconfig.to_string_lossy(), "--context", "prod"]);
    assert_eq!(context.code, 2, "{}", context.stderr);
}

#[test]
fn configuration_errors_name_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stethoscope.toml");
    std::fs::write(&file, "[limits]\nturn = 3\n").unwrap();
    let ran = run(&["scan", "--config", &file.to_string_lossy(), "--incident", &path(BROKEN)]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("unknown field `turn`"), "{}", ran.stderr);
    std::fs::write(&file, "[limits]\nturns = 2\n").unwrap();
    let limited = run(&[
        "ask",
        "--quiet",
        "--output",
        "json",
        "--config",
        &file.to_string_lossy(),
        "--incident",
        &path(BROKEN),
    ]);
    assert_eq!(limited.code, 4, "{}", limited.stderr);
    assert_eq!(limited.json()["usage"]["budget_hit"], "2 turns");
}

#[test]
fn a_model_without_key_or_endpoint_is_an_authentication_error() {
    let ran = run(&["ask", "why?", "--model", "gpt-x", "--incident", &path(BROKEN)]);
    assert_eq!(ran.code, 6);
    assert!(ran.stderr.contains("OPENAI_API_KEY"), "{}", ran.stderr);
    let key = stethoscope()
        .args(["ask", "--incident", &path(BROKEN)])
        .env("OPENAI_API_KEY", "sk-nothing")
        .output()
        .unwrap();
    assert_eq!(key.status.code(), Some(0), "a key alone does not send data away");
    assert!(String::from_utf8_lossy(&key.stderr).contains("no model is named"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = stethoscope()
        .args(["tools", "list", "--output", "json", "--incident", &path(BROKEN)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn tools_are_called_by_hand_on_the_same_path() {
    let list = run(&["tools", "list", "--incident", &path(BROKEN)]);
    assert_eq!(list.code, 0);
    for tool in [
        "diagnose",
        "k8s_access",
        "k8s_changes",
        "k8s_describe",
        "k8s_events",
        "k8s_get",
        "k8s_list",
        "k8s_logs",
        "k8s_node_logs",
        "k8s_overview",
        "k8s_top",
    ] {
        assert!(list.stdout.contains(tool), "{tool} is not listed");
    }
    let pods =
        run(&["tools", "call", "k8s_list", "--args", "{\"kind\": \"pods\"}", "--incident", &path(BROKEN)]);
    assert_eq!(pods.code, 0, "{}", pods.stderr);
    assert!(pods.stdout.contains("checkout"), "{}", pods.stdout);
    let wrong = run(&["tools", "call", "k8s_lst", "--incident", &path(BROKEN)]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("did you mean k8s_list"), "{}", wrong.stderr);
    let arguments = run(&["tools", "call", "k8s_logs", "--args", "{\"pd\": 1}", "--incident", &path(BROKEN)]);
    assert_eq!(arguments.code, 2, "{}", arguments.stderr);
    let secret = run(&[
        "tools",
        "call",
        "k8s_get",
        "--args",
        "{\"kind\": \"secret\", \"name\": \"x\", \"namespace\": \"kube-system\"}",
        "--incident",
        &path(BROKEN),
    ]);
    assert_ne!(secret.code, 0, "{}", secret.stdout);
}

#[test]
fn what_the_cluster_forbids_has_its_own_exit_code() {
    let incident = path("reports-nightly-missing");
    let ran =
        run(&["tools", "call", "k8s_list", "--args", "{\"kind\": \"events\"}", "--incident", &incident]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, ""));
    assert!(ran.stderr.contains("forbidden") && ran.stderr.contains("needs list events"), "{}", ran.stderr);
}
