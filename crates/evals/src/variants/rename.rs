//! Other names, the same incident.

use super::{Seed, World};
use regex::{Captures, Regex};
use std::collections::{BTreeMap, BTreeSet};

/// Fields whose values are words of Kubernetes.
pub(super) const KEEP: [&str; 8] =
    ["apiVersion", "kind", "reason", "type", "phase", "scheme", "protocol", "resourceVersion"];
/// Kinds whose names are given by people and stand in other objects, logs and questions.
pub(super) const KINDS: [&str; 7] =
    ["Service", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Ingress"];
/// Names that are also plain words or software: in a text they mean that, and some detectors rightly know them.
pub(super) const MEANINGFUL: [&str; 60] = [
    "api",
    "app",
    "auth",
    "cache",
    "client",
    "cluster",
    "config",
    "container",
    "cron",
    "data",
    "database",
    "default",
    "error",
    "gateway",
    "grpc",
    "health",
    "http",
    "https",
    "image",
    "ingress",
    "job",
    "jobs",
    "kubernetes",
    "log",
    "logs",
    "main",
    "master",
    "metrics",
    "name",
    "namespace",
    "node",
    "nodes",
    "pod",
    "pods",
    "proxy",
    "queue",
    "secret",
    "server",
    "service",
    "services",
    "status",
    "tcp",
    "test",
    "web",
    "worker", // plain words
    "consul",
    "elasticsearch",
    "envoy",
    "etcd",
    "kafka",
    "mariadb",
    "memcached",
    "mongo",
    "mongodb",
    "mysql",
    "nginx",
    "postgres",
    "rabbitmq",
    "redis",
    "vault",
];
/// Shorter names stand inside too many words.
pub(super) const SHORTEST: usize = 3;

pub(super) fn rename(world: &mut World, seed: &Seed) {
    let names = new_names(world, seed);
    let Some(pattern) = pattern(&names) else { return };
    let uid = |captures: &Captures<'_>| new_uid(seed, &captures[0]);
    let uids = Regex::new(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b").ok();
    let change = |text: &str| {
        let text = pattern.replace_all(text, |captures: &Captures<'_>| {
            let found = &captures[0];
            names.get(found).cloned().unwrap_or_else(|| found.to_owned())
        });
        match &uids {
            Some(uids) => uids.replace_all(&text, uid).into_owned(),
            None => text.into_owned(),
        }
    };
    world.rewrite(&KEEP, &change);
}

/// Old names to new ones.
fn new_names(world: &World, seed: &Seed) -> BTreeMap<String, String> {
    let mut old = BTreeSet::new();
    let asked = world.incident.namespace.clone();
    old.extend(asked);
    for object in &world.objects {
        let (Some(kind), Some(name)) = (object["kind"].as_str(), object["metadata"]["name"].as_str()) else {
            continue;
        };
        let ours = object["metadata"]["namespace"].as_str().is_some_and(|namespace| !is_system(namespace));
        // A node called like a plain word is left alone.
        let node = kind == "Node" && name.contains(|letter: char| letter == '-' || letter.is_ascii_digit());
        if node || (ours && KINDS.contains(&kind)) || (kind == "Namespace" && !is_system(name)) {
            old.insert(name.to_owned());
        }
    }
    old.retain(|name| name.len() >= SHORTEST && !MEANINGFUL.contains(&name.as_str()) && !is_system(name));
    let mut new = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for name in old {
        let syllables = u32::try_from(name.len().div_ceil(2)).unwrap_or(4).clamp(3, 6);
        // Six letters or more: a few attempts find a word that is not taken.
        let word = (0..100).map(|attempt| seed.word(&format!("{name} {attempt}"), syllables));
        let word = word.into_iter().find(|word| taken.insert(word.clone()));
        new.extend(word.map(|word| (name, word)));
    }
    new
}

pub(super) fn is_system(namespace: &str) -> bool {
    namespace == "default" || namespace.starts_with("kube-") || namespace.ends_with("-system")
}

/// The names as whole words, longest first. A hyphen ends a word: pods are called after their workloads.
fn pattern(names: &BTreeMap<String, String>) -> Option<Regex> {
    let mut sorted: Vec<&String> = names.keys().collect();
    sorted.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let alternatives: Vec<String> = sorted.iter().map(|name| regex::escape(name)).collect();
    if alternatives.is_empty() {
        None
    } else {
        Regex::new(&format!(r"\b(?:{})\b", alternatives.join("|"))).ok()
    }
}

fn new_uid(seed: &Seed, old: &str) -> String {
    let (high, low) = (seed.number(&format!("{old} high")), seed.number(&format!("{old} low")));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::super::tests::tiny;
    use super::*;
    use crate::suite::Mapping;

    #[tokio::test]
    async fn names_change_everywhere_and_words_that_hold_them_do_not() {
        let (bundle, _) = Variant::Rename.of(tiny(), 7, &Mapping::default()).await.unwrap();
        let world = World::of(&bundle);
        let text = world.clone().text();
        let bare = text.replace("prepayments", "");
        for old in ["payments", "\"shop\"", "pool-1", "0ae0ddba-7cee-4438-8f87-247efa6f50d6"] {
            assert!(!bare.contains(old), "{old} is still there:\n{text}");
        }
        assert!(text.contains("prepayments"));
        let deployment = world.objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
        let deployment = deployment["metadata"]["name"].as_str().unwrap();
        let subject = world.expect.as_ref().unwrap().subject.clone().unwrap();
        assert_eq!(subject, format!("Deployment/{}/{deployment}", world.incident.namespace.clone().unwrap()));
        assert!(world.pod_logs[0].pod.starts_with(&format!("{deployment}-x1-abc")), "{:?}", world.pod_logs);
        assert!(text.contains("\"kind\":\"Deployment\""));
    }
}
