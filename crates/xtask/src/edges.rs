//! The crate table of ARCHITECTURE.md as data: which crate may name which.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// For each crate: crates of ours that it may depend on. Dev-dependencies are free: tests put rooms together.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("agent", &["core"]),
    ("models", &["core"]),
    ("cluster", &["core", "diagnosis"]),
    ("diagnosis", &["core", "policy"]),
    ("evals", &["agent", "cluster", "core", "flows", "gpu", "incidents", "metrics", "models"]),
    ("flows", &["core", "hubble", "policy"]),
    ("gpu", &["core"]),
    ("hubble", &[]),
    ("incidents", &["core", "hubble"]),
    ("mcp", &["agent", "core"]),
    ("metrics", &["core", "diagnosis"]),
    ("policy", &["core"]),
    (
        "stethoscope",
        &[
            "agent",
            "cluster",
            "core",
            "diagnosis",
            "evals",
            "flows",
            "gpu",
            "incidents",
            "mcp",
            "metrics",
            "models",
        ],
    ),
    ("testkit", &["core"]),
    ("xtask", &["core"]),
];

/// For each crate: dependencies that it must never name (invariants 1, 7 and 9).
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("core", &["tokio", "reqwest", "kube", "tonic", "axum", "async-openai"]),
    ("diagnosis", &["tokio", "reqwest", "kube", "tonic", "axum", "async-openai", "k8s-openapi"]),
    ("agent", &["kube", "k8s-openapi", "tonic", "axum", "async-openai", "reqwest"]),
    ("models", &["kube", "k8s-openapi", "tonic", "axum"]),
    ("cluster", &["async-openai", "reqwest", "axum"]),
    ("evals", &["axum", "kube", "tonic", "async-openai", "reqwest"]),
    ("incidents", &["kube", "async-openai", "reqwest"]),
    ("flows", &["kube", "k8s-openapi", "axum", "async-openai", "reqwest"]),
    ("hubble", &["kube", "k8s-openapi", "axum", "async-openai", "reqwest"]),
    ("gpu", &["kube", "k8s-openapi", "tonic", "axum", "async-openai", "reqwest"]),
    ("mcp", &["kube", "k8s-openapi", "tonic", "async-openai", "reqwest"]),
    ("policy", &["tokio", "reqwest", "kube", "tonic", "axum", "async-openai", "k8s-openapi"]),
    ("metrics", &["kube", "k8s-openapi", "axum", "tonic", "async-openai"]),
];

/// Problems, one line each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let crates = manifests(root)?;
    for (name, manifest) in &crates {
        let allowed = ALLOWED.iter().find(|(known, _)| known == name).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            problems.push(format!(
                "crates/{name} is not in the crate table (crates/xtask/src/edges.rs, ARCHITECTURE.md)"
            ));
            continue;
        };
        for dependency in dependencies(manifest) {
            if let Some(ours) = dependency.strip_prefix("stethoscope-")
                && !allowed.contains(&ours)
            {
                problems.push(format!(
                    "crates/{name} must not depend on {ours}; a new edge is a design decision"
                ));
            }
            let never =
                FORBIDDEN.iter().find(|(known, _)| known == name).map_or(&[] as &[&str], |(_, never)| never);
            if never.contains(&dependency.as_str()) {
                problems.push(format!("crates/{name} must never import {dependency}"));
            }
        }
        if has_own_features(manifest) {
            problems.push(format!(
                "crates/{name} sets features or versions of its own; they belong in the workspace manifest"
            ));
        }
    }
    problems.extend(kube_ws(root)?);
    Ok(problems)
}

fn manifests(root: &Path) -> Result<BTreeMap<String, Table>> {
    let mut manifests = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("crates")).context("cannot list crates")? {
        let path = entry?.path().join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let table: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        let directory =
            path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        manifests.insert(directory.unwrap_or_default(), table);
    }
    Ok(manifests)
}

fn dependencies(manifest: &Table) -> Vec<String> {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

/// Dependencies that say more than `workspace = true`. Tests may add to that (tokio's `test-util`).
fn has_own_features(manifest: &Table) -> bool {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table())
        .flat_map(Table::values)
        .any(|value| !matches!(value, Value::Table(table) if table.len() == 1 && table.contains_key("workspace")))
}

/// exec, attach and port-forward must not be compiled in.
fn kube_ws(root: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let table: Table = text.parse().context("Cargo.toml is not TOML")?;
    let features =
        table["workspace"]["dependencies"]["kube"]["features"].as_array().cloned().unwrap_or_default();
    let on = features.iter().any(|feature| feature.as_str() == Some("ws"));
    Ok(if on {
        vec!["kube's feature ws is on: exec, attach and port-forward would be compiled in".to_owned()]
    } else {
        Vec::new()
    })
}
