//! Patterns of names: `*` stands for a part of a label of a name, and is all of a name where it stands alone.

use regex::Regex;

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^{pattern}$")).map_err(|error| format!("failed to compile pattern: {error}"))
}

/// A DNS name, e.g. `*.example.com`.
pub(super) fn name_pattern(text: &str) -> Result<Regex, String> {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    if text.is_empty() {
        return Err("invalid fqdn filter: it is empty".to_owned());
    }
    let parts: Vec<String> = text.split('*').map(regex::escape).collect();
    compile(&parts.join("[-.0-9a-z_]*"))
}

/// A node: `worker-*`, `cluster/worker-1`, `cluster/` for all of a cluster. Without a cluster it is `default`.
pub(super) fn node_pattern(text: &str) -> Result<Regex, String> {
    let (cluster, node) = text.split_once('/').unwrap_or(("default", text));
    let part = |text: &str| {
        let parts: Vec<String> = text.split('*').map(regex::escape).collect();
        parts.join("[-.0-9A-Za-z]*")
    };
    let node = if node.is_empty() { ".*".to_owned() } else { part(node) };
    let cluster = if cluster.is_empty() { "[^/]*".to_owned() } else { part(cluster) };
    compile(&format!("{cluster}/{node}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_names_and_not_regular_expressions() {
        let name = name_pattern("*.example.com.").unwrap();
        assert!(name.is_match("api.example.com") && !name.is_match("apiXexampleXcom"));
        let node = |pattern: &str, name: &str| node_pattern(pattern).unwrap().is_match(name);
        assert!(node("worker-*", "default/worker-1") && !node("worker-*", "east/worker-1"));
        assert!(node("*/worker-1", "east/worker-1") && node("east/", "east/any"));
        assert!(!node("worker-1", "default/worker-10"));
        assert!(name_pattern("").is_err());
    }
}
