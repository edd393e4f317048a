//! The same incident with the roles exchanged: what was called like the victim is called like a healthy object of its kind, and
//! the other way round. An answer that knows who usually breaks is wrong here; one that follows from the cluster is not.

use super::rename::{KEEP, KINDS, MEANINGFUL, SHORTEST, is_system};
use super::{Seed, World};
use crate::suite::Mapping;
use regex::{Captures, Regex};
use serde_json::Value;
use std::collections::BTreeSet;

/// Workloads that stand in for each other where no other object has the victim's kind.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
/// Label of nodes that carry the control plane.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Exchanges the names. `Err` is one sentence: the incident has no victim, or nothing is comparable with it.
pub(super) fn swap(world: &mut World, mapping: &Mapping, seed: &Seed) -> Result<(), String> {
    let subjects = super::subjects(world);
    let victim = victim(world, &subjects, mapping)
        .ok_or("no workload, Service or node is at fault, so no roles can be exchanged")?;
    if MEANINGFUL.contains(&victim.name.as_str()) || victim.name.len() < SHORTEST {
        return Err(format!(
            "{} is called like software or a plain word, which other texts mean",
            victim.name
        ));
    }
    let candidates = candidates(world, &subjects, &victim);
    let Some(count) = u64::try_from(candidates.len()).ok().filter(|count| *count > 0) else {
        return Err(format!("nothing is comparable with {} {}", victim.kind, victim.name));
    };
    let place = usize::try_from(seed.number("partner") % count).unwrap_or_default();
    let partner = candidates.get(place).cloned().unwrap_or_default();
    let exchange = Exchange::new(&victim.name, &partner)
        .ok_or_else(|| format!("{} and {partner} cannot be told apart in a text", victim.name))?;
    world.rewrite(&KEEP, &|text| exchange.text(text));
    Ok(())
}

/// The object whose name is exchanged.
struct Victim {
    kind: String,
    namespace: Option<String>,
    name: String,
}

/// The first expected object that is a workload, a Service or a node; else the workload after which it is called.
fn victim(world: &World, subjects: &[String], mapping: &Mapping) -> Option<Victim> {
    let asked = world.incident.namespace.as_deref();
    for subject in subjects {
        let parts: Vec<&str> = subject.split('/').collect();
        let (kind, namespace, name) = match parts.as_slice() {
            [kind, namespace, name] => (*kind, Some(*namespace), *name),
            [kind, name] => (*kind, asked, *name),
            _ => continue,
        };
        let kinds = mapping.subjects.get(kind).cloned().unwrap_or_else(|| vec![kind.to_owned()]);
        let swappable = |found: &str| KINDS.contains(&found) || found == "Node";
        let itself = named(world)
            .filter(|object| swappable(object.kind) && object.name == name)
            .filter(|object| {
                object.namespace.is_none() || namespace.is_none_or(|wanted| object.namespace == Some(wanted))
            })
            .find(|object| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(object.kind)));
        // A pod, a claim of a StatefulSet: called after what owns it.
        let called_after = || {
            named(world)
                .filter(|object| KINDS.contains(&object.kind) && object.namespace == namespace)
                .filter(|object| is_part(object.name, name))
                .max_by_key(|object| object.name.len())
        };
        if let Some(object) = itself.or_else(called_after) {
            return Some(Victim {
                kind: object.kind.to_owned(),
                namespace: object.namespace.map(ToOwned::to_owned),
                name: object.name.to_owned(),
            });
        }
    }
    None
}

/// Names that the victim's may be exchanged with: of its kind and namespace, else of any kind of workload there.
fn candidates(world: &World, subjects: &[String], victim: &Victim) -> Vec<String> {
    let of_kinds = |kinds: &[&str]| -> Vec<String> {
        let control_plane = |name: &str| {
            named(world).any(|object| object.kind == "Node" && object.name == name && object.control_plane)
        };
        let names: BTreeSet<&str> = named(world)
            .filter(|object| kinds.contains(&object.kind) && object.namespace == victim.namespace.as_deref())
            .map(|object| object.name)
            .filter(|name| name.len() >= SHORTEST && !MEANINGFUL.contains(name) && !is_system(name))
            .filter(|name| !is_part(name, &victim.name) && !is_part(&victim.name, name))
            .filter(|name| !subjects.iter().any(|subject| is_part(name, subject)))
            .filter(|name| victim.kind != "Node" || control_plane(name) == control_plane(&victim.name))
            .collect();
        names.into_iter().map(ToOwned::to_owned).collect()
    };
    let same = of_kinds(&[victim.kind.as_str()]);
    if same.is_empty() && WORKLOADS.contains(&victim.kind.as_str()) { of_kinds(&WORKLOADS) } else { same }
}

/// What the names of an object are.
struct Named<'a> {
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
    control_plane: bool,
}

fn named(world: &World) -> impl Iterator<Item = Named<'_>> {
    world.objects.iter().filter_map(|object| {
        let metadata = &object["metadata"];
        Some(Named {
            kind: object["kind"].as_str()?,
            namespace: metadata["namespace"].as_str(),
            name: metadata["name"].as_str()?,
            control_plane: metadata["labels"].get(CONTROL_PLANE).is_some_and(|label| *label != Value::Null),
        })
    })
}

/// Whether a name stands as whole words in another: `desk-db` in `data-desk-db-0`.
fn is_part(part: &str, whole: &str) -> bool {
    let ends = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    whole
        .match_indices(part)
        .any(|(at, _)| ends(whole[..at].chars().next_back()) && ends(whole[at + part.len()..].chars().next()))
}

/// Two names that change places, as they stand in objects and logs, and in the upper case of environment variables.
struct Exchange {
    names: Regex,
    variables: Regex,
    first: String,
    second: String,
}

impl Exchange {
    fn new(first: &str, second: &str) -> Option<Self> {
        let names =
            Regex::new(&format!(r"\b(?:{}|{})\b", regex::escape(first), regex::escape(second))).ok()?;
        // WEB_SERVICE_ADDR holds the address of `webservice`, of `web-service` too.
        let spread = |name: &str| {
            let letters: Vec<String> =
                bare(name).chars().map(|letter| regex::escape(&letter.to_string())).collect();
            letters.join("_?")
        };
        let variables = Regex::new(&format!(
            r"(?P<before>\b|_)(?:(?P<first>{})|(?P<second>{}))(?P<after>\b|_)",
            spread(first),
            spread(second)
        ))
        .ok()?;
        (bare(first) != bare(second)).then(|| Self {
            names,
            variables,
            first: first.to_owned(),
            second: second.to_owned(),
        })
    }

    fn text(&self, text: &str) -> String {
        let text = self.names.replace_all(text, |found: &Captures<'_>| {
            if found[0] == self.first { self.second.clone() } else { self.first.clone() }
        });
        let variable = |name: &str| name.replace(['-', '.'], "_").to_uppercase();
        let changed = self.variables.replace_all(&text, |found: &Captures<'_>| {
            let other = if found.name("first").is_some() { &self.second } else { &self.first };
            format!("{}{}{}", &found["before"], variable(other), &found["after"])
        });
        changed.into_owned()
    }
}

/// A name in upper case without what separates its words.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variants::tests::tiny;
    use pretty_assertions::assert_eq;

    fn world() -> World {
        let mut world = World::of(&tiny());
        for name in ["checkout", "redis", "payments-db"] {
            world.objects.push(serde_json::json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name, "namespace": "shop"},
                "spec": {"template": {"spec": {"containers": [{"name": name, "env": [{"name": "PAYMENTS_ADDR", "value": "payments:80"}]}]}}}}));
        }
        world
    }

    #[test]
    fn the_victim_and_a_comparable_workload_change_places_everywhere() {
        let mut world = world();
        let before = world.clone().text();
        let seed = Seed::new(1, "swap", "tiny");
        swap(&mut world, &Mapping::default(), &seed).unwrap();
        // The only Deployment that is neither called like software nor after the victim.
        assert_eq!(world.expect.as_ref().unwrap().subject.as_deref(), Some("Deployment/shop/checkout"));
        assert_eq!(world.incident.question.as_deref(), Some("why is checkout down?"));
        assert_eq!(world.pod_logs[0].pod, "checkout-x1-abc");
        assert!(
            world.pod_logs[0].text.contains("checkout starts")
                && world.pod_logs[0].text.contains("prepayments")
        );
        let text = world.clone().text();
        assert!(text.contains(r#"{"name":"CHECKOUT_ADDR","value":"checkout:80"}"#), "{text}");
        assert!(text.contains("checkout-db"), "a name made of the victim's goes with it");
        // Done twice it is undone.
        swap(&mut world, &Mapping::default(), &seed).unwrap();
        assert_eq!(world.text(), before);
    }

    #[test]
    fn what_has_no_victim_or_no_partner_is_not_swapped() {
        let seed = Seed::new(1, "swap", "tiny");
        let why = |change: &dyn Fn(&mut World)| {
            let mut world = world();
            change(&mut world);
            swap(&mut world, &Mapping::default(), &seed).unwrap_err()
        };
        let subject = |text: &'static str| {
            move |world: &mut World| world.expect.as_mut().unwrap().subject = Some(text.to_owned())
        };
        assert_eq!(
            why(&subject("Namespace/shop")),
            "no workload, Service or node is at fault, so no roles can be exchanged"
        );
        assert_eq!(why(&subject("Node/pool-1")), "nothing is comparable with Node pool-1");
        assert_eq!(
            why(&subject("Deployment/shop/redis")),
            "redis is called like software or a plain word, which other texts mean"
        );
    }

    #[test]
    fn a_claim_is_exchanged_with_what_it_is_called_after() {
        assert!(is_part("desk-db", "data-desk-db-0") && !is_part("desk", "desktop") && !is_part("a", "b"));
        let mut world = world();
        world.expect.as_mut().unwrap().subject =
            Some("PersistentVolumeClaim/shop/data-payments-0".to_owned());
        swap(&mut world, &Mapping::default(), &Seed::new(1, "swap", "tiny")).unwrap();
        assert_eq!(
            world.expect.unwrap().subject.as_deref(),
            Some("PersistentVolumeClaim/shop/data-checkout-0")
        );
    }
}
