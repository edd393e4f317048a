//! From groups to the rows of an answer.

use crate::aggregate::{
    Aggregate, DnsGroup, DnsKey, DropGroup, DropKey, HttpGroup, HttpKey, Interner, Kind, Latency, PairGroup,
    PairKey, Party, Why,
};
use crate::reason;
use crate::show::{clock, count, latency, name};
use crate::turn::Protocol;
use schemars::JsonSchema;
use serde::Serialize;

/// Letters of an end, a path, a DNS name.
const END: usize = 56;
const PATH: usize = 48;
/// An unanswered SYN may be under way; a few are none of chance.
const UNANSWERED: u64 = 3;
/// HTTP paths without errors shown.
const HEALTHY: usize = 3;
/// Samples that make a hump of latencies more than chance.
const SAMPLES: u64 = 20;

/// Drops of one kind between two ends.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DropRow {
    /// Give it to flow_examples.
    pub(super) id: String,
    pub(super) count: u64,
    pub(super) reason: String,
    /// At whose policies: egress is the source's, ingress the destination's.
    pub(super) at: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) port: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) nodes: Vec<String>,
    /// Policies that deny it by name; none for a default deny.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) denied_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// HTTP between two ends.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HttpRow {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) request: String,
    pub(super) answers: u64,
    pub(super) client_errors: u64,
    pub(super) server_errors: u64,
    pub(super) denied: u64,
    pub(super) codes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<String>,
}

/// DNS of one name for one asker.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DnsRow {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) name: String,
    pub(super) outcome: String,
}

/// TCP or UDP between two ends.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PairRow {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) port: String,
    pub(super) count: u64,
    pub(super) outcome: String,
}

/// A group's id: stable over runs, made of what the group is.
fn id(letter: char, parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.join("\u{1f}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{letter}{:06x}", (hash ^ (hash >> 32)) & 0x00ff_ffff)
}

fn port(protocol: Protocol, port: u16) -> String {
    match (protocol, port) {
        (Protocol::Unknown, 0) => "?".to_owned(),
        (Protocol::Icmp | Protocol::Icmpv6, kind) => format!("{} type {kind}", protocol.name()),
        (protocol, 0) => format!("{}/high", protocol.name()),
        (protocol, port) => format!("{}/{port}", protocol.name()),
    }
}

fn why(names: &Interner, why: Why) -> String {
    match why {
        Why::Reason(code) => reason::name(code),
        Why::Named(sym) => name(names.name(sym), 40),
        Why::Layer7 => "refused by the L7 proxy".to_owned(),
        Why::Audit => "would be denied (audit mode)".to_owned(),
    }
}

fn at(direction: u8) -> &'static str {
    match direction {
        1 => "ingress",
        2 => "egress",
        _ => "-",
    }
}

pub(super) fn drop_id(names: &Interner, key: &DropKey) -> String {
    id(
        'd',
        &[
            &why(names, key.why),
            at(key.direction),
            &key.from.show(names, false),
            &key.to.show(names, false),
            &port(key.protocol, key.port),
        ],
    )
}

pub(super) fn pair_id(names: &Interner, key: &PairKey) -> String {
    id('t', &[&key.from.show(names, false), &key.to.show(names, false), &port(key.protocol, key.port)])
}

pub(super) fn dns_id(names: &Interner, key: &DnsKey) -> String {
    id('n', &[&key.from.show(names, false), names.name(key.name)])
}

pub(super) fn http_id(names: &Interner, key: &HttpKey) -> String {
    id(
        'h',
        &[
            &key.from.show(names, false),
            &key.to.show(names, false),
            names.name(key.method),
            names.name(key.path),
        ],
    )
}

/// Rows of an aggregate.
pub(super) struct Rows<'a> {
    aggregate: &'a Aggregate,
    /// Whether ends are of more than one cluster.
    clusters: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(aggregate: &'a Aggregate) -> Self {
        let mut first = None;
        let mut clusters = false;
        let ends = aggregate.pairs.iter().flat_map(|(key, _)| [key.from, key.to]);
        for end in ends.chain(aggregate.drops.iter().flat_map(|(key, _)| [key.from, key.to])) {
            if matches!(end.kind, Kind::Workload) && !end.cluster.is_none() {
                clusters |= *first.get_or_insert(end.cluster) != end.cluster;
            }
        }
        Self { aggregate, clusters }
    }

    fn end(&self, end: Party) -> String {
        name(&end.show(&self.aggregate.names, self.clusters), END)
    }

    /// By name: numbers of names follow the order of arrival, which differs between Relay and files.
    fn order(&self, end: Party) -> (Kind, &str, &str, &str) {
        let names = &self.aggregate.names;
        (end.kind, names.name(end.cluster), names.name(end.space), names.name(end.name))
    }

    fn pair_order<'k>(&'k self, key: &PairKey) -> impl Ord + use<'k, 'a> {
        (self.order(key.from), self.order(key.to), key.protocol, key.port)
    }

    /// Drops, or with `audit` what would be dropped, most first.
    pub(super) fn drops(&self, audit: Audit) -> Vec<DropRow> {
        let mut groups: Vec<(&DropKey, &DropGroup)> = self
            .aggregate
            .drops
            .iter()
            .filter(|(key, _)| (key.why == Why::Audit) == (audit == Audit::Only))
            .collect();
        groups.sort_by(|one, other| {
            let order = |key: &DropKey| (self.order(key.from), self.order(key.to), key.port, key.why);
            other.1.count.cmp(&one.1.count).then_with(|| order(one.0).cmp(&order(other.0)))
        });
        groups.into_iter().map(|(key, group)| self.drop_row(key, group)).collect()
    }

    fn drop_row(&self, key: &DropKey, group: &DropGroup) -> DropRow {
        let names = &self.aggregate.names;
        let policies: Vec<String> =
            group.policies.iter().map(|policy| name(names.name(policy), 64)).collect();
        let mut notes = Vec::new();
        if let Why::Reason(code) = key.why
            && (code != 133 || policies.is_empty())
            && let Some(hint) = reason::hint(code)
        {
            notes.push(hint);
        }
        if group.auth {
            notes.push("mutual authentication asked for");
        }
        if group.reply {
            notes.push("answers too");
        }
        let window = group.window;
        let mut nodes: Vec<String> = group.nodes.iter().map(|node| name(names.name(node), 40)).collect();
        nodes.sort();
        if group.nodes.more {
            nodes.push("more".to_owned());
        }
        DropRow {
            id: drop_id(names, key),
            count: group.count,
            reason: why(names, key.why),
            at: at(key.direction).to_owned(),
            from: self.end(key.from),
            to: self.end(key.to),
            port: port(key.protocol, key.port),
            first: window.map_or_else(String::new, |window| clock(window.first)),
            last: window.map_or_else(String::new, |window| clock(window.last)),
            nodes,
            denied_by: policies,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// HTTP, errors first, and a few of the busiest without.
    pub(super) fn http(&self) -> Vec<HttpRow> {
        let mut groups: Vec<(&HttpKey, &HttpGroup)> = self.aggregate.http.iter().collect();
        let rank = |group: &HttpGroup| {
            (group.server_errors + group.denied, group.client_errors, group.answers() + group.asked)
        };
        let names = &self.aggregate.names;
        let order = |key: &HttpKey| {
            (self.order(key.from), self.order(key.to), names.name(key.path), names.name(key.method))
        };
        groups.sort_by(|one, other| {
            rank(other.1).cmp(&rank(one.1)).then_with(|| order(one.0).cmp(&order(other.0)))
        });
        let mut healthy = 0;
        groups.retain(|(_, group)| {
            let good = group.server_errors + group.client_errors + group.denied == 0;
            healthy += usize::from(good);
            !good || healthy <= HEALTHY
        });
        groups.into_iter().map(|(key, group)| self.http_row(key, group)).collect()
    }

    fn http_row(&self, key: &HttpKey, group: &HttpGroup) -> HttpRow {
        let names = &self.aggregate.names;
        let mut codes: Vec<(u16, u64)> = group.codes.iter().copied().filter(|(code, _)| *code != 0).collect();
        codes.sort_unstable();
        let codes: Vec<String> =
            codes.into_iter().map(|(code, times)| format!("{code}x{}", count(times))).collect();
        HttpRow {
            id: http_id(names, key),
            from: self.end(key.from),
            to: self.end(key.to),
            request: format!("{} {}", name(names.name(key.method), 10), name(names.name(key.path), PATH)),
            answers: group.answers(),
            client_errors: group.client_errors,
            server_errors: group.server_errors,
            denied: group.denied,
            codes: codes.join(" "),
            latency: latencies(group.latency.as_ref(), group.error_latency.as_ref()),
        }
    }

    /// Names that did not resolve, and how many tries with search domains did not though the name did.
    pub(super) fn dns(&self) -> (Vec<DnsRow>, u64) {
        let mut bad: Vec<(u64, &DnsKey, &DnsGroup)> = Vec::new();
        let mut tries = 0;
        for (key, group) in self.aggregate.dns.iter() {
            if group.ok > 0 {
                tries += group.nonexistent_expanded;
            }
            let missing = if group.ok == 0 { group.nonexistent } else { 0 };
            let silent = silent(group);
            let weight = missing + group.failed + group.refused + group.denied + group.other + silent;
            if weight > 0 {
                bad.push((weight, key, group));
            }
        }
        let names = &self.aggregate.names;
        let order = |key: &DnsKey| (self.order(key.from), names.name(key.name));
        bad.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| order(one.1).cmp(&order(other.1))));
        let rows = bad.into_iter().map(|(_, key, group)| self.dns_row(key, group)).collect();
        (rows, tries)
    }

    fn dns_row(&self, key: &DnsKey, group: &DnsGroup) -> DnsRow {
        let names = &self.aggregate.names;
        let missing = if group.ok == 0 { group.nonexistent } else { 0 };
        let parts = [
            (missing, "NXDOMAIN"),
            (group.failed, "SERVFAIL"),
            (group.refused, "REFUSED"),
            (group.denied, "denied by policy"),
            (group.other, "other codes"),
            (silent(group), "without answer"),
            (group.ok, "resolved"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(times, _)| *times > 0)
            .map(|(times, what)| format!("{} {what}", count(times)))
            .collect();
        DnsRow {
            id: dns_id(names, key),
            from: self.end(key.from),
            name: name(names.name(key.name), END),
            outcome: parts.join(", "),
        }
    }

    /// Connections that nothing answers, or that are refused. Not those of which a drop tells more.
    pub(super) fn tcp(&self) -> Vec<PairRow> {
        let dropped: std::collections::BTreeSet<(Party, Party, u16)> =
            self.aggregate.drops.iter().map(|(key, _)| (key.from, key.to, key.port)).collect();
        let mut bad: Vec<(u64, &PairKey, String)> = Vec::new();
        for (key, group) in self.aggregate.pairs.iter() {
            if dropped.contains(&(key.from, key.to, key.port)) {
                continue;
            }
            if let Some((weight, outcome)) = trouble(group) {
                bad.push((weight, key, outcome));
            }
        }
        bad.sort_by(|one, other| {
            other.0.cmp(&one.0).then_with(|| self.pair_order(one.1).cmp(&self.pair_order(other.1)))
        });
        bad.into_iter().map(|(weight, key, outcome)| self.pair_row(key, weight, outcome)).collect()
    }

    /// Who talks most.
    pub(super) fn talkers(&self) -> Vec<PairRow> {
        let mut groups: Vec<(&PairKey, &PairGroup)> = self.aggregate.pairs.iter().collect();
        groups.sort_by(|one, other| {
            let order = || self.pair_order(one.0).cmp(&self.pair_order(other.0));
            other.1.count.cmp(&one.1.count).then_with(order)
        });
        let row = |(key, group): (&PairKey, &PairGroup)| self.pair_row(key, group.count, String::new());
        groups.into_iter().map(row).collect()
    }

    fn pair_row(&self, key: &PairKey, count: u64, outcome: String) -> PairRow {
        PairRow {
            id: pair_id(&self.aggregate.names, key),
            from: self.end(key.from),
            to: self.end(key.to),
            port: port(key.protocol, key.port),
            count,
            outcome,
        }
    }
}

/// Which rows of drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audit {
    Only,
    Without,
}

fn silent(group: &DnsGroup) -> u64 {
    let missing = group.asked.saturating_sub(group.answers() + group.denied);
    // One or two may have their answer outside of the window.
    if missing >= UNANSWERED && missing * 2 > group.asked { missing } else { 0 }
}

fn trouble(group: &PairGroup) -> Option<(u64, String)> {
    if group.refused > 0 {
        return Some((group.refused, format!("{} refused by RST: nothing listens", count(group.refused))));
    }
    // A SYN is answered at once, so that few are under way when the window ends.
    let answered = group.syn_ack.max(group.answers);
    if group.syn >= UNANSWERED && answered * 2 < group.syn {
        let silent = group.syn - answered;
        let outcome = if answered == 0 {
            format!("{} SYN, no answer", count(group.syn))
        } else {
            format!("{} of {} SYN without answer", count(silent), count(group.syn))
        };
        return Some((silent, outcome));
    }
    // A reset ends some connections in good order; many are trouble.
    if group.resets >= 10 && group.resets * 2 > group.syn.max(1) {
        return Some((group.resets, format!("{} reset", count(group.resets))));
    }
    None
}

/// `p50 5ms p95 1.00s`, and where server errors heap up: a plateau is a timeout, not a fault.
fn latencies(all: Option<&Latency>, errors: Option<&Latency>) -> Option<String> {
    let all = all.filter(|latency| latency.count() > 0)?;
    let mut out = format!("p50 {} p95 {}", latency(all.quantile(0.5)), latency(all.quantile(0.95)));
    let humps = |latencies: &Latency| {
        let humps: Vec<String> = latencies
            .modes()
            .into_iter()
            .map(|(at, part)| format!("{:.0}% at {}", part * 100.0, latency(at)))
            .collect();
        humps.join(", ")
    };
    match errors {
        Some(errors) if errors.count() >= 3 => out.push_str(&format!("; 5xx {}", humps(errors))),
        _ if all.count() >= SAMPLES && all.modes().len() > 1 => out.push_str(&format!("; {}", humps(all))),
        _ => {}
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_differ() {
        assert_eq!(id('d', &["a", "b"]), id('d', &["a", "b"]));
        assert_ne!(id('d', &["a", "b"]), id('d', &["ab", ""]));
        assert_eq!(id('d', &["a"]).len(), 7);
    }

    #[test]
    fn a_refused_connection_an_unanswered_one_and_a_good_one_are_told_apart() {
        let group = |syn, syn_ack, refused| PairGroup { syn, syn_ack, refused, ..PairGroup::default() };
        assert_eq!(trouble(&group(5, 0, 5)).unwrap().1, "5 refused by RST: nothing listens");
        assert_eq!(trouble(&group(5, 0, 0)).unwrap().1, "5 SYN, no answer");
        assert_eq!(trouble(&group(9, 3, 0)).unwrap().1, "6 of 9 SYN without answer");
        assert!(trouble(&group(5, 5, 0)).is_none());
        assert!(trouble(&group(2, 0, 0)).is_none(), "too few to tell");
    }
}
