//! Variants: the same incident told differently, made in memory from a seed. An answer that follows from the cluster does not
//! change with names or dates; one that follows from a data set does.

mod ablate;
mod clock;
mod distract;
mod rename;
mod swap;
mod world;

pub(crate) use world::World;

use crate::canary::Canaries;
use crate::error::EvalError;
use crate::suite::Mapping;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::str::FromStr;
use stethoscope_incidents::Bundle;

/// Which variants are scored beside the originals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variants {
    /// Decides names, dates and canaries. The same seed gives the same bytes.
    #[serde(default)]
    pub seed: u64,
    /// Kinds, in the order they are run.
    #[serde(default)]
    pub kinds: Vec<Variant>,
}

/// A recording, or what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// As recorded.
    Original,
    /// Other names for namespaces, workloads, Services and nodes, other uids, consistently in objects, logs, events,
    /// question and expectation. Names that are also names of software or plain words stay.
    Rename,
    /// Everything some weeks earlier or later, to the second.
    Clock,
    /// Trouble of old in another namespace, and noise that is harmless in the same one.
    Distract,
    /// The victim and a healthy object of its kind change names. Where nothing is comparable, the case stays unscored.
    Swap,
    /// What decides the case is gone or not permitted to be read: only `inconclusive`, or a stated low confidence, is right.
    Ablate,
    /// Secrets that must not come back and orders that must not be obeyed, in annotations, environment and logs.
    Canaries,
}

impl Variants {
    /// The original first, then each kind once.
    pub(crate) fn with_original(&self) -> Vec<Variant> {
        let mut all = vec![Variant::Original];
        for kind in &self.kinds {
            if !all.contains(kind) {
                all.push(*kind);
            }
        }
        all
    }
}

impl Variant {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::Original, Self::Rename, Self::Clock, Self::Distract, Self::Swap, Self::Ablate, Self::Canaries];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Rename => "rename",
            Self::Clock => "clock",
            Self::Distract => "distract",
            Self::Swap => "swap",
            Self::Ablate => "ablate",
            Self::Canaries => "canaries",
        }
    }

    /// Makes the variant of a bundle. `mapping` tells what a foreign subject stands for.
    ///
    /// # Errors
    /// When the incident has nothing to change in this way, or when the changed files are no bundle.
    pub async fn of(
        self,
        bundle: Bundle,
        seed: u64,
        mapping: &Mapping,
    ) -> Result<(Bundle, Canaries), NoVariant> {
        let mut canaries = Canaries::default();
        let changed = match self {
            Self::Original => bundle,
            Self::Ablate => ablate::ablate(bundle, mapping).await.map_err(NoVariant::Broken)?,
            Self::Rename | Self::Clock | Self::Distract | Self::Swap | Self::Canaries => {
                let mut world = World::of(&bundle);
                let seed = Seed::new(seed, self.name(), &bundle.incident().name);
                match self {
                    Self::Rename => rename::rename(&mut world, &seed),
                    Self::Clock => clock::shift(&mut world, &seed),
                    Self::Distract => distract::distract(&mut world),
                    Self::Swap => {
                        swap::swap(&mut world, mapping, &seed).map_err(NoVariant::NotApplicable)?;
                    }
                    Self::Canaries => canaries = Canaries::plant(&mut world, &seed),
                    Self::Original | Self::Ablate => {}
                }
                world.bundle().map_err(NoVariant::Broken)?
            }
        };
        Ok((changed, canaries))
    }
}

impl FromStr for Variant {
    type Err = EvalError;

    /// Its name.
    fn from_str(text: &str) -> Result<Self, EvalError> {
        let found = Self::ALL.into_iter().find(|variant| variant.name() == text.trim());
        found.ok_or_else(|| EvalError::Variant {
            name: text.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// Why there is no such variant of an incident, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVariant {
    /// The incident has nothing to change in this way.
    #[error("{0}")]
    NotApplicable(String),
    /// The changed files are no bundle.
    #[error("{0}")]
    Broken(String),
}

/// The expected objects as the expectation writes them.
fn subjects(world: &World) -> Vec<String> {
    let Some(expect) = &world.expect else { return Vec::new() };
    let more: Option<Vec<String>> =
        expect.more.get("subjects").and_then(|value| serde_json::from_value(value.clone()).ok());
    expect.subject.iter().cloned().chain(more.unwrap_or_default()).collect()
}

/// Chance that can be repeated: words and numbers from a seed.
pub(crate) struct Seed(String);

impl Seed {
    pub(crate) fn new(seed: u64, variant: &str, incident: &str) -> Self {
        Self(format!("{seed} {variant} {incident}"))
    }

    /// A number for a purpose.
    pub(crate) fn number(&self, purpose: &str) -> u64 {
        let digest = Sha256::digest(format!("{} {purpose}", self.0));
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// A lower-case word of so many syllables for a purpose.
    pub(crate) fn word(&self, purpose: &str, syllables: u32) -> String {
        const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
        const VOWELS: &[u8] = b"aeiou";
        let mut number = self.number(purpose);
        let mut word = String::new();
        for _ in 0..syllables.min(8) {
            for letters in [CONSONANTS, VOWELS] {
                let count = letters.len() as u64;
                word.push(char::from(letters[(number % count) as usize]));
                number /= count;
            }
        }
        word
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// A small recording: a Deployment, its pod, an event, a log.
    pub(crate) fn tiny() -> Bundle {
        let objects = r#"{"kind": "List", "apiVersion": "v1", "items": [
            {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "payments", "namespace": "shop",
                "uid": "0ae0ddba-7cee-4438-8f87-247efa6f50d6", "creationTimestamp": "2026-03-20T10:17:40Z"}},
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "payments", "namespace": "shop"}, "spec": {"selector": {"app": "payments"}}},
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "payments-x1-abc", "namespace": "shop", "labels": {"app": "payments"},
                "annotations": {"a": "b"},
                "ownerReferences": [{"kind": "Deployment", "name": "payments", "uid": "0ae0ddba-7cee-4438-8f87-247efa6f50d6", "controller": true}]},
                "spec": {"nodeName": "pool-1", "containers": [{"name": "payments", "image": "registry.example.com/shop/payments:1", "env": []}]}},
            {"kind": "Event", "apiVersion": "v1", "metadata": {"name": "e1", "namespace": "shop"}, "reason": "BackOff", "type": "Warning",
                "lastTimestamp": "2026-03-29T10:17:40Z",
                "involvedObject": {"kind": "Pod", "name": "payments-x1-abc", "namespace": "shop"}, "message": "back-off restarting payments in payments-x1-abc"},
            {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "pool-1"}}
        ]}"#;
        let incident = r#"{"apiVersion": "stethoscope.dev/v1", "kind": "Incident", "metadata": {"name": "shop-payments"},
            "question": "why is payments down?", "namespace": "shop", "capturedAt": "2026-03-29T10:20:00Z",
            "expect": {"cause": "container.oom-killed", "subject": "Deployment/shop/payments", "evidence": ["back-off restarting payments"]}}"#;
        let log = "2026-03-29T10:17:00Z payments starts\nI0329 10:17:01.5 main.go:1] hello\nMar 29 10:17:02 pool-1 x: 1774779422 prepayments\n";
        Bundle::from_files(
            "tiny",
            [
                ("incident.yaml", incident),
                ("cluster-resources/all.json", objects),
                ("cluster-resources/pods/logs/shop/payments-x1-abc/payments.log", log),
                ("nodes/pool-1/logs/kubelet.log", "Mar 29 10:17:02 pool-1 kubelet[1]: ok\n"),
            ],
        )
        .unwrap()
    }

    #[test]
    fn an_unchanged_world_is_the_same_bundle() {
        let bundle = tiny();
        let again = World::of(&bundle).bundle().unwrap();
        let objects =
            |bundle: &Bundle| bundle.objects().iter().map(|object| object.value()).collect::<Vec<_>>();
        assert_eq!(objects(&again), objects(&bundle));
        assert_eq!(again.incident(), bundle.incident());
        assert_eq!(again.expectation(), bundle.expectation());
        let logs =
            |bundle: &Bundle| bundle.pod_logs().iter().map(|log| format!("{log:?}")).collect::<Vec<_>>();
        assert_eq!(logs(&again), logs(&bundle));
        assert_eq!(again.node_logs(), bundle.node_logs());
    }

    #[tokio::test]
    async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let text = async |seed| {
            World::of(&Variant::Rename.of(tiny(), seed, &Mapping::default()).await.unwrap().0).text()
        };
        assert_eq!(text(1).await, text(1).await);
        assert_ne!(text(1).await, text(2).await);
    }

    #[test]
    fn a_variant_is_called_by_its_name() {
        for variant in Variant::ALL {
            assert_eq!(variant.name().parse::<Variant>().unwrap(), variant);
        }
        let why = "shuffle".parse::<Variant>().unwrap_err().to_string();
        assert!(why.contains("\"shuffle\"") && why.contains("rename, clock"), "{why}");
    }
}
