//! The cluster's DNS server: why it does not run, and who floods it.
//!
//! Words: `plugin/loop`, `plugin/log` and the Corefile parser of coredns/coredns.

use crate::draft::{Draft, Felt, field, log};
use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::snapshot::Pod;
use crate::world::{World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const LOOP: CauseCode = CauseCode::new("dns.forwarding-loop");
const CONFIGURATION: CauseCode = CauseCode::new("dns.configuration-invalid");
const STORM: CauseCode = CauseCode::new("dns.search-suffix-storm");

/// Names with a search suffix that can't exist, in one log, from which on that is a storm.
const STORM_LINES: usize = 40;
/// What the cluster appends to a name with few dots (`cluster.local` unless said otherwise).
const SUFFIX: &str = ".svc.cluster.local.";
/// Workloads named as victims of a DNS that is down.
const VICTIMS: usize = 20;

/// What the Corefile parser says before it gives up.
const UNREADABLE: &[&str] = &[
    "Error during parsing",
    "Unknown directive",
    "plugin/forward: not an IP address or file",
    "Wrong argument count or unexpected line ending",
    "cannot serve dns://",
];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for server in super::callers::cluster_dns(world) {
        let root = server.reference();
        if let Some(fault) = server_fault(world, &root) {
            found.push(down(world, &root, server.ready, fault));
        } else if let Some(storm) = storm(world, &root) {
            found.push(storm);
        }
    }
}

/// Why a DNS server ends, in its own words.
pub(super) struct Fault<'a> {
    cause: CauseCode,
    pod: &'a Pod,
    container: String,
    run: Run,
    line: &'a str,
}

/// The fault that a DNS pod which is not ready tells in its log.
pub(super) fn server_fault<'a>(world: &World<'a>, root: &ObjectRef) -> Option<Fault<'a>> {
    let down = world.pods_of(root).iter().filter(|pod| !pod.ready() && !pod.terminating());
    for pod in down {
        for container in &pod.spec.containers {
            for run in [Run::Current, Run::Previous] {
                let Some(text) = world.log(pod, &container.name, run) else { continue };
                for line in text.lines().rev() {
                    let cause = if line.contains("plugin/loop: Loop") {
                        LOOP
                    } else if UNREADABLE.iter().any(|words| line.contains(words)) {
                        CONFIGURATION
                    } else {
                        continue;
                    };
                    return Some(Fault { cause, pod, container: container.name.clone(), run, line });
                }
            }
        }
    }
    None
}

fn down(world: &World<'_>, root: &ObjectRef, ready: i64, fault: Fault<'_>) -> Draft {
    let what = if fault.cause == LOOP { "asks itself and stops" } else { "can't read its configuration" };
    let statement = format!("the cluster's DNS ({root}) {what}; {ready} of its pods are ready");
    Draft::new(fault.cause, root.clone(), if ready == 0 { 0.98 } else { 0.85 }, statement)
        .proof(log(fault.pod, &fault.container, fault.run, fault.line))
        .proof(field(root, "status.readyReplicas", ready))
        .affects(victims(world))
        .since(fault.pod.metadata.creation_timestamp)
}

/// Workloads whose logs say that names do not resolve.
fn victims(world: &World<'_>) -> Vec<ObjectRef> {
    let mut all: Vec<ObjectRef> = world
        .groups()
        .into_iter()
        .filter(|(_, pods)| pods.iter().any(|pod| can_not_resolve(world, pod)))
        .map(|(root, _)| root.clone())
        .collect();
    all.truncate(VICTIMS);
    all
}

fn can_not_resolve(world: &World<'_>, pod: &Pod) -> bool {
    pod.spec.all_containers().any(|container| {
        [Run::Current, Run::Previous].into_iter().any(|run| {
            world.log(pod, &container.name, run).is_some_and(|text| {
                text.lines().any(|line| signatures::of(line) == Some(Signature::NameUnresolved))
            })
        })
    })
}

/// A DNS server whose log is full of outside names with the cluster's suffixes, asked by one workload most of all.
fn storm(world: &World<'_>, root: &ObjectRef) -> Option<Draft> {
    let mut askers: BTreeMap<&str, (usize, &Pod, String, &str)> = BTreeMap::new();
    for pod in world.pods_of(root) {
        for container in &pod.spec.containers {
            let Some(text) = world.log(pod, &container.name, Run::Current) else { continue };
            for line in text.lines() {
                if let Some(asker) = hopeless(line) {
                    let entry = askers.entry(asker).or_insert((0, pod, container.name.clone(), line));
                    entry.0 += 1;
                    entry.3 = line;
                }
            }
        }
    }
    let total: usize = askers.values().map(|(count, ..)| count).sum();
    let (address, (count, server, container, line)) =
        askers.into_iter().max_by_key(|(_, (count, ..))| *count)?;
    if total < STORM_LINES {
        return None;
    }
    let asker = world.snapshot.pods.iter().find(|pod| pod.status.pod_ip.as_deref() == Some(address));
    let subject = asker.map_or_else(|| root.clone(), |pod| world.root(pod));
    let statement = format!(
        "{count} of {total} lookups in the DNS server's log that can't succeed come from {subject}: outside names tried with the cluster's search suffixes"
    );
    Some(
        Draft::new(STORM, subject, 0.75, statement)
            .proof(log(server, &container, Run::Current, line))
            .proofs(asker.map(|pod| field(&reference("Pod", &pod.metadata), "status.podIP", address)))
            .affects([root.clone()])
            .felt(Felt::Silently),
    )
}

/// Who asked, when the line tells of a name that has dots of its own before the cluster's suffix:
/// `[INFO] 10.1.0.7:42311 - 9113 "A IN api.example.com.shop.svc.cluster.local. udp 60 false 512" NXDOMAIN …`.
fn hopeless(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once(" IN ")?;
    let (name, rest) = rest.split_once(' ')?;
    let stem = name.strip_suffix(SUFFIX)?;
    // `host.namespace.svc` and a headless pod's `pod.service.namespace.svc` have up to two dots.
    let outside = stem.matches('.').count() >= 2 && rest.contains("NXDOMAIN");
    let (_, asker) = before.split_once("] ")?;
    let address = asker.split(' ').next()?.rsplit_once(':')?.0;
    outside.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outside_names_with_a_suffix_are_hopeless() {
        let line = |name: &str, code: &str| {
            format!(
                "[INFO] 10.1.0.7:42311 - 9113 \"A IN {name} udp 60 false 512\" {code} qr,aa,rd 153 0.0001s"
            )
        };
        assert_eq!(hopeless(&line("api.example.com.shop.svc.cluster.local.", "NXDOMAIN")), Some("10.1.0.7"));
        assert_eq!(hopeless(&line("cart.shop.svc.cluster.local.", "NOERROR")), None);
        assert_eq!(hopeless(&line("cart.shop.svc.cluster.local.", "NXDOMAIN")), None);
        assert_eq!(hopeless(&line("api.example.com.", "NXDOMAIN")), None);
        assert_eq!(hopeless("[INFO] plugin/reload: Running configuration"), None);
    }
}
