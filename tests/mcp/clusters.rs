//! Several clusters, none at all, and the permissions that they need.

use crate::harness::{run, stethoscope};
use crate::talk::{Pipe, bundle};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// A recorded incident behind a real socket.
struct Replayed(Child, Value);

impl Replayed {
    fn start(name: &str, directory: &Path) -> Self {
        let file = directory.join(format!("{name}.yaml"));
        let mut child = stethoscope()
            .args(["replay", &bundle(name), "--write-kubeconfig", file.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        // Made before anything can fail: a test that fails must not leave a server behind.
        let mut replayed = Self(child, Value::Null);
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let address = text.split("http://").nth(1).unwrap();
        let address = address.split(['"', '\'', '\n', ' ', ',']).next().unwrap();
        replayed.1 = json!({"server": format!("http://{address}")});
        replayed
    }
}

impl Drop for Replayed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_call_may_name_one_of_the_allowed_contexts_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let one = Replayed::start("lantern-checkout-errors", directory.path());
    let two = Replayed::start("ticket-desk-down", directory.path());
    let kubeconfig = directory.path().join("kubeconfig");
    let context = |name: &str| json!({"name": name, "context": {"cluster": name, "user": "u"}});
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "hidden",
        "clusters": [
            {"name": "one", "cluster": one.1}, {"name": "two", "cluster": two.1}, {"name": "hidden", "cluster": two.1}
        ],
        "users": [{"name": "u", "user": {}}],
        "contexts": [context("one"), context("two"), context("hidden")]
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let config = directory.path().join("stethoscope.toml");
    std::fs::write(&config, "[mcp]\ncontexts = [\"one\", \"two\"]\n").unwrap();
    let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--config", config.to_str().unwrap()];
    let mut pipe = Pipe::open(&arguments);
    for tool in pipe.tools().iter().filter(|tool| tool["name"].as_str().unwrap() != "read_output") {
        assert_eq!(tool["inputSchema"]["properties"]["context"]["enum"], json!(["one", "two"]), "{tool}");
    }
    let mut namespaces = |arguments: Value| pipe.tool("k8s_list", arguments).to_string();
    let usual = namespaces(json!({"kind": "namespaces"}));
    assert!(usual.contains("lantern"), "the first is the default: {usual}");
    let named = namespaces(json!({"kind": "namespaces", "context": "two"}));
    assert!(!named.contains("lantern"), "{named}");
    for context in ["hidden", "", "../one", "three"] {
        let refused = namespaces(json!({"kind": "namespaces", "context": context}));
        assert!(refused.contains("not allowed by the configuration"), "{context}: {refused}");
    }
    let typed = namespaces(json!({"kind": "namespaces", "context": 7}));
    assert!(typed.contains("context must be a string"), "{typed}");
    let flag = run(&["mcp", "--context", "hidden", "--kubeconfig", arguments[1], "--config", arguments[3]]);
    assert_eq!(flag.code, 2, "{}", flag.stderr);
}

#[test]
fn without_a_cluster_the_tools_are_listed_and_a_call_says_what_is_wrong() {
    let mut pipe = Pipe::open(&["--kubeconfig", "/nonexistent/kubeconfig"]);
    assert!(pipe.names().contains(&"k8s_list".to_owned()));
    let refused = pipe.tool("k8s_list", json!({"kind": "pods"}));
    assert_eq!(refused["isError"], true);
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("unavailable") && text.contains("kubeconfig"), "{text}");
    assert_eq!(pipe.close(), 0);
}

#[test]
fn a_tool_that_is_not_permitted_is_hidden_and_refused() {
    // An incident whose recorder may not read events: the tool of events is of no use there.
    let mut pipe = Pipe::open(&["--incident", &bundle("reports-nightly-missing")]);
    let names = pipe.names();
    assert!(names.contains(&"k8s_logs".to_owned()) && !names.contains(&"k8s_events".to_owned()), "{names:?}");
    let refused = pipe.tool("k8s_events", json!({}));
    assert_eq!(refused["isError"], true);
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("forbidden") && text.contains("events"), "{text}");
}

#[test]
fn the_manifest_grants_what_the_tools_need_and_no_secret() {
    let whole = run(&["rbac"]);
    assert_eq!((whole.code, whole.stderr.as_str()), (0, ""));
    assert!(
        whole.stdout.contains("kind: ClusterRole\n") && whole.stdout.contains("pods/log"),
        "{}",
        whole.stdout
    );
    let rules: Vec<&str> = whole.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    let rules = rules.join("\n");
    assert!(!rules.contains("secrets") && !rules.contains('*'), "{rules}");
    for verbs in rules.lines().filter_map(|line| line.trim().strip_prefix("verbs: ")) {
        assert!(["[get]", "[get, list]", "[list]"].contains(&verbs), "{verbs}");
    }
    let some = run(&["rbac", "--tools", "k8s_logs"]);
    assert_eq!(
        some.stdout.split("rules:\n").nth(1).unwrap().split("---").next().unwrap(),
        "- apiGroups: [\"\"]\n  resources: [pods/log]\n  verbs: [get]\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n"
    );
    let role = run(&["rbac", "--namespaced", "-n", "shop", "--tools", "diagnose,k8s_logs"]);
    assert!(
        role.stdout.contains("kind: Role\n") && role.stdout.contains("namespace: shop"),
        "{}",
        role.stdout
    );
    let rules = role.stdout.split("rules:\n").nth(1).unwrap();
    assert!(!rules.contains("nodes") && role.stdout.contains("# Not in a Role"), "{}", role.stdout);
    assert_eq!(run(&["rbac", "--namespaced"]).code, 2);
    let unknown = run(&["rbac", "--tools", "k8s_lgos"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("k8s_logs"), "{}", unknown.stderr);
    assert_eq!(run(&["rbac", "--name", "a\nrules:"]).code, 2);
}
