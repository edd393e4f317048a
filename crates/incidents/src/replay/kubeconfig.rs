//! The kubeconfig that points kubectl at a replay.

use serde_json::Value;

/// A kubeconfig with one context of the given name and, where known, default namespace. The replay asks for no
/// credentials, so none are in it.
pub fn kubeconfig(url: &str, name: &str, namespace: Option<&str>) -> String {
    // A JSON string is a YAML string.
    let quote = |text: &str| Value::from(text).to_string();
    let (name, server) = (quote(name), quote(url));
    let namespace = namespace.map(|ns| format!("    namespace: {}\n", quote(ns))).unwrap_or_default();
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: {name}\n  cluster:\n    server: {server}\nusers:\n\
         - name: {name}\n  user: {{}}\ncontexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n\
         {namespace}current-context: {name}\n"
    )
}
