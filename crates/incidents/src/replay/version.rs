//! `/version`: as recorded, or as the nodes tell it.

use super::store::Resource;
use bytes::Bytes;
use serde_json::{Value, json};

/// What an API server of an unknown version is said to be: the version whose resource table we serve.
const UNKNOWN: &str = "v1.36.0";

/// The body of `/version`. Troubleshoot wraps it: `{"info": {...}, "string": "v1.33.1"}`.
pub(super) fn of(recorded: Option<&Bytes>, nodes: Option<&Resource>) -> Value {
    if let Some(recorded) = recorded.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) {
        let info = recorded.get("info").unwrap_or(&recorded);
        if info.get("gitVersion").is_some_and(Value::is_string) {
            return info.clone();
        }
        if let Some(text) = recorded.get("string").and_then(Value::as_str) {
            return info_of(text);
        }
    }
    // No component is newer than the API server, so the newest kubelet comes closest.
    let kubelets = nodes.into_iter().flat_map(|nodes| nodes.objects.iter().map(|node| node.value()));
    let newest = kubelets
        .filter_map(|node| Some(node.pointer("/status/nodeInfo/kubeletVersion")?.as_str()?.to_owned()))
        .max_by_key(|version| numbers(version));
    info_of(newest.as_deref().unwrap_or(UNKNOWN))
}

fn numbers(version: &str) -> (u64, u64, u64) {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']).map(|p| p.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

fn info_of(version: &str) -> Value {
    let (major, minor, _) = numbers(version);
    json!({
        "major": major.to_string(),
        "minor": minor.to_string(),
        "gitVersion": version,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    })
}
