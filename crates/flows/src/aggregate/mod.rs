//! Flow events into groups, as they stream by, in bounded memory.
//!
//! ```text
//! Record ─> turned (answers swapped) ─> in scope? ─> seen before? ─> ends folded ─> drops | pairs | dns | http
//! ```

mod coverage;
mod groups;
mod intern;
mod latency;
mod party;
mod seen;
mod table;

pub(crate) use coverage::Seen;
pub(crate) use groups::{DnsGroup, DnsKey, DropGroup, DropKey, HttpGroup, HttpKey, PairGroup, PairKey, Why};
pub(crate) use intern::{Interner, Sym};
pub(crate) use latency::Latency;
pub(crate) use party::{Kind, Party, Scope as IdentityScope, scope as identity_scope, workload};
pub(crate) use table::{Remainder, Table};

use crate::fold;
use crate::reason;
use crate::record::Record;
use crate::turn::{Protocol, Turned};
use seen::Seen as Marks;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use stethoscope_hubble::words::{Verdict, Words, event};
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// Groups of one kind kept at most.
const DROPS: usize = 8_000;
const PAIRS: usize = 30_000;
const NAMES: usize = 8_000;
const PATHS: usize = 4_000;
/// The two records of one denied packet carry the same moment, or nearly.
const TWIN: i64 = 2_000_000;
/// Sightings of one packet at other points and on the other node: as far as clocks of nodes may differ, and less than
/// the first retransmission of a SYN (1 s).
const SIGHTING: i64 = 500_000_000;
/// 2^17 buckets of four: half a million events, 8 MB.
const MARKS: u32 = 17;

const DROPPED: i32 = 2;
const ERROR: i32 = 3;
const AUDIT: i32 = 4;

/// Everything aggregated so far.
pub(crate) struct Aggregate {
    pub(crate) names: Interner,
    pub(crate) seen: Seen,
    marks: Marks,
    /// Flow records in scope.
    pub(crate) records: u64,
    /// Flow events: records without duplicates, weighted.
    pub(crate) events: u64,
    /// Second records of one denied packet.
    pub(crate) twins: u64,
    /// Further sightings of one packet.
    pub(crate) sightings: u64,
    /// Records that stand for more than themselves.
    pub(crate) weighted: u64,
    /// Flows whose direction was told by ports and flags alone.
    pub(crate) guessed: u64,
    /// Flow events by the verdict's code, and by name or number of those that are not known.
    verdict_codes: [u64; 32],
    verdict_names: BTreeMap<String, u64>,
    pub(crate) noise: BTreeMap<String, u64>,
    pub(crate) drops: Table<DropKey, DropGroup>,
    pub(crate) pairs: Table<PairKey, PairGroup>,
    pub(crate) dns: Table<DnsKey, DnsGroup>,
    pub(crate) http: Table<HttpKey, HttpGroup>,
    /// Requests and answers at layer 7.
    pub(crate) l7: u64,
    path: String,
}

impl Default for Aggregate {
    fn default() -> Self {
        Self {
            names: Interner::default(),
            seen: Seen::default(),
            marks: Marks::new(MARKS),
            records: 0,
            events: 0,
            twins: 0,
            sightings: 0,
            weighted: 0,
            guessed: 0,
            verdict_codes: [0; 32],
            verdict_names: BTreeMap::new(),
            noise: BTreeMap::new(),
            drops: Table::new(DROPS),
            pairs: Table::new(PAIRS),
            dns: Table::new(NAMES),
            http: Table::new(PATHS),
            l7: 0,
            path: String::new(),
        }
    }
}

impl Aggregate {
    pub(crate) fn lost(&mut self, event: &LostEvent) {
        self.seen.lost(event);
    }

    pub(crate) fn node_status(&mut self, status: &NodeStatusEvent) {
        self.seen.node_status(status);
    }

    /// A flow in scope. Its node and time were told to [`Self::event`] before.
    pub(crate) fn add(&mut self, record: &Record<'_>, turned: &Turned<'_>, node: &str, time: i64) {
        self.records += 1;
        let weight = record.weight();
        if weight > 1 {
            self.weighted += 1;
        }
        let verdict = record.verdict.code;
        let l7 = record.l7.is_some();
        let duplicate = weight == 1 && !l7 && self.is_duplicate(record, turned, node, time);
        if duplicate {
            if verdict == DROPPED {
                self.enrich(record, turned);
            }
            return;
        }
        self.events = self.events.saturating_add(weight);
        if turned.guessed {
            self.guessed += 1;
        }
        self.count_verdict(record, weight);
        let reason = record.reason();
        if !l7
            && verdict == DROPPED
            && reason::is_noise(reason.code, turned.icmpv6(), turned.destination_address)
        {
            let sum = self.noise.entry(word(&reason, reason::name)).or_default();
            *sum = sum.saturating_add(weight);
            return;
        }
        let (from, to) = self.ends(turned);
        if matches!(verdict, DROPPED | ERROR | AUDIT) {
            self.drop(record, turned, (from, to), node, time, weight);
        }
        if let Some(l7) = &record.l7 {
            self.l7 = self.l7.saturating_add(1);
            if let Some(dns) = &l7.dns {
                self.dns(record, dns, turned, from, weight);
            }
            if let Some(http) = &l7.http {
                self.http(record, http, (from, to), weight);
            }
        } else if record.event() != event::TRACE_SOCK && !matches!(verdict, DROPPED | ERROR) {
            self.pair(turned, (from, to), time, weight);
        }
    }

    fn count_verdict(&mut self, record: &Record<'_>, weight: u64) {
        let code = usize::try_from(record.verdict.code).ok();
        if let Some(sum) = code.and_then(|code| self.verdict_codes.get_mut(code)) {
            *sum = sum.saturating_add(weight);
            return;
        }
        // Names from outside: beyond some dozens they share one line.
        let mut name = word(&record.verdict, Verdict::show);
        if self.verdict_names.len() >= 32 && !self.verdict_names.contains_key(&name) {
            "(others)".clone_into(&mut name);
        }
        let sum = self.verdict_names.entry(name).or_default();
        *sum = sum.saturating_add(weight);
    }

    /// Flow events by verdict.
    pub(crate) fn verdicts(&self) -> BTreeMap<String, u64> {
        let known = self.verdict_codes.iter().zip(0..).filter(|(sum, _)| **sum > 0);
        let known = known.map(|(sum, code)| (Verdict::show(code), *sum));
        self.verdict_names.clone().into_iter().chain(known).collect()
    }

    fn ends(&mut self, turned: &Turned<'_>) -> (Party, Party) {
        let from = party::fold(&mut self.names, turned.source, turned.source_address, turned.source_name);
        let to = party::fold(
            &mut self.names,
            turned.destination,
            turned.destination_address,
            turned.destination_name,
        );
        (from, to)
    }

    fn is_duplicate(&mut self, record: &Record<'_>, turned: &Turned<'_>, node: &str, time: i64) -> bool {
        if record.verdict.code == DROPPED {
            // A policy's verdict and the drop itself, on the same node.
            let (own, other) = match record.event() {
                event::POLICY_VERDICT => (event::POLICY_VERDICT, event::DROP),
                event::DROP => (event::DROP, event::POLICY_VERDICT),
                _ => return false,
            };
            if self.marks.take(fingerprint(record, turned, Some((node, other))), time, TWIN) {
                self.twins += 1;
                return true;
            }
            self.marks.put(fingerprint(record, turned, Some((node, own))), time);
            return false;
        }
        if record.ip.is_none() || record.event() == event::TRACE_SOCK {
            return false;
        }
        let again = self.marks.again(fingerprint(record, turned, None), time, SIGHTING);
        self.sightings += u64::from(again);
        again
    }

    fn drop_key(&mut self, record: &Record<'_>, turned: &Turned<'_>, ends: (Party, Party)) -> DropKey {
        let reason = record.reason();
        let why = if record.verdict.code == AUDIT {
            Why::Audit
        } else if record.l7.is_some() {
            // A proxy's refusal carries no reason.
            Why::Layer7
        } else if reason.code < 0 {
            Why::Named(self.names.intern(reason.name.as_deref().unwrap_or_default()))
        } else {
            Why::Reason(reason.code)
        };
        DropKey {
            why,
            from: ends.0,
            to: ends.1,
            direction: u8::try_from(record.traffic_direction.code).unwrap_or_default(),
            protocol: turned.protocol,
            port: turned.port(),
        }
    }

    fn drop(
        &mut self,
        record: &Record<'_>,
        turned: &Turned<'_>,
        ends: (Party, Party),
        node: &str,
        time: i64,
        weight: u64,
    ) {
        let key = self.drop_key(record, turned, ends);
        let node = self.names.intern(node);
        let policies = self.policies(record);
        let group = self.drops.group(key);
        group.count = group.count.saturating_add(weight);
        coverage::Window::add(&mut group.window, time);
        group.nodes.add(node);
        for policy in policies {
            group.policies.add(policy);
        }
        group.reply |= turned.is_reply;
        if record.auth_type.code > 0 {
            group.auth = true;
        }
    }

    fn dns_key(&mut self, dns: &crate::record::Dns<'_>, turned: &Turned<'_>, from: Party) -> (DnsKey, bool) {
        let namespace = turned.source.map_or("", |end| end.namespace.0.as_ref());
        let folded = fold::dns::fold(&dns.query.0, namespace);
        (DnsKey { from, name: self.names.intern(folded.base) }, folded.expanded)
    }

    fn http_key(&mut self, http: &crate::record::Http<'_>, ends: (Party, Party)) -> HttpKey {
        let mut path = std::mem::take(&mut self.path);
        fold::url::template(&http.url.0, &mut path);
        let key = HttpKey {
            from: ends.0,
            to: ends.1,
            method: self.names.intern(&http.method.0),
            path: self.names.intern(&path),
        };
        self.path = path;
        key
    }

    /// The groups that a record belongs to.
    pub(crate) fn keys_of(&mut self, record: &Record<'_>, turned: &Turned<'_>) -> Keys {
        let ends = self.ends(turned);
        let verdict = record.verdict.code;
        let mut keys = Keys::default();
        if matches!(verdict, DROPPED | ERROR | AUDIT) {
            keys.drop = Some(self.drop_key(record, turned, ends));
        }
        match &record.l7 {
            Some(l7) => {
                keys.dns = l7.dns.as_ref().map(|dns| self.dns_key(dns, turned, ends.0).0);
                keys.http = l7.http.as_ref().map(|http| self.http_key(http, ends));
            }
            None if !matches!(verdict, DROPPED | ERROR) => keys.pair = Some(pair_key(turned, ends)),
            None => {}
        }
        keys
    }

    /// The twin of a drop names the policy, where one is named at all.
    fn enrich(&mut self, record: &Record<'_>, turned: &Turned<'_>) {
        let policies = self.policies(record);
        if policies.is_empty() && record.auth_type.code == 0 {
            return;
        }
        let ends = self.ends(turned);
        let key = self.drop_key(record, turned, ends);
        if self.drops.get(&key).is_some() {
            let group = self.drops.group(key);
            for policy in policies {
                group.policies.add(policy);
            }
            group.auth |= record.auth_type.code > 0;
        }
    }

    fn policies(&mut self, record: &Record<'_>) -> Vec<Sym> {
        let all = record.egress_denied_by.iter().chain(&record.ingress_denied_by);
        let names: Vec<String> = all
            .take(4)
            .map(|policy| {
                let kind = if policy.kind.0.is_empty() { "policy" } else { policy.kind.0.as_ref() };
                match policy.namespace.0.as_ref() {
                    "" => format!("{kind} {}", policy.name.0),
                    namespace => format!("{kind} {namespace}/{}", policy.name.0),
                }
            })
            .collect();
        names.iter().map(|name| self.names.intern(name)).collect()
    }

    fn pair(&mut self, turned: &Turned<'_>, ends: (Party, Party), time: i64, weight: u64) {
        let key = pair_key(turned, ends);
        let group = self.pairs.group(key);
        group.count = group.count.saturating_add(weight);
        coverage::Window::add(&mut group.window, time);
        let Some(flags) = turned.flags else {
            group.answers += u64::from(turned.is_reply);
            return;
        };
        group.answers += u64::from(turned.is_reply && !flags.rst);
        if flags.rst {
            if turned.is_reply {
                group.refused += u64::from(flags.ack);
            }
            group.resets += 1;
        } else if flags.syn && !flags.ack && !turned.is_reply {
            group.syn += 1;
        } else if flags.syn && flags.ack {
            group.syn_ack += 1;
        }
    }

    fn dns(
        &mut self,
        record: &Record<'_>,
        dns: &crate::record::Dns<'_>,
        turned: &Turned<'_>,
        from: Party,
        weight: u64,
    ) {
        let (key, expanded) = self.dns_key(dns, turned, from);
        let group = self.dns.group(key);
        let l7 = record.l7.as_ref();
        // Without a type a record that has a latency or a code is an answer.
        let answer = l7.is_some_and(|l7| match l7.kind.code {
            1 => false,
            2 => true,
            _ => l7.latency_ns > 0 || dns.rcode > 0 || turned.is_reply,
        });
        if record.verdict.code == DROPPED {
            group.denied = group.denied.saturating_add(weight);
        } else if answer {
            let place = match dns.rcode {
                0 => &mut group.ok,
                2 => &mut group.failed,
                3 => &mut group.nonexistent,
                5 => &mut group.refused,
                _ => &mut group.other,
            };
            *place = place.saturating_add(weight);
            if expanded && dns.rcode == 3 {
                group.nonexistent_expanded = group.nonexistent_expanded.saturating_add(weight);
            }
        } else {
            group.asked = group.asked.saturating_add(weight);
        }
    }

    fn http(
        &mut self,
        record: &Record<'_>,
        http: &crate::record::Http<'_>,
        ends: (Party, Party),
        weight: u64,
    ) {
        let key = self.http_key(http, ends);
        let group = self.http.group(key);
        let latency = record.l7.as_ref().map_or(0, |l7| l7.latency_ns);
        if record.verdict.code == DROPPED {
            group.denied = group.denied.saturating_add(weight);
        } else if http.code == 0 {
            group.asked = group.asked.saturating_add(weight);
        } else {
            group.answer(http.code, latency, weight);
        }
    }
}

/// The groups of one record.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) drop: Option<DropKey>,
    pub(crate) pair: Option<PairKey>,
    pub(crate) dns: Option<DnsKey>,
    pub(crate) http: Option<HttpKey>,
}

fn pair_key(turned: &Turned<'_>, ends: (Party, Party)) -> PairKey {
    PairKey { from: ends.0, to: ends.1, protocol: turned.protocol, port: turned.port() }
}

/// The name of a word that is known, or as it came.
fn word(word: &crate::record::Word<'_>, show: fn(i32) -> String) -> String {
    match &word.name {
        Some(name) => name.chars().take(48).collect(),
        None => show(word.code),
    }
}

/// A packet's mark: its addresses, ports and flags as they were on the wire. The two records of a drop are told apart
/// by their type and belong to one node; sightings of a forwarded packet do not.
fn fingerprint(record: &Record<'_>, turned: &Turned<'_>, of: Option<(&str, i32)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(ip) = &record.ip {
        hasher.write(ip.source.0.as_bytes());
        hasher.write_u8(b'>');
        hasher.write(ip.destination.0.as_bytes());
    }
    let (from, to) = turned.wire_ports;
    let flags = turned.flags.map_or(0, |flags| {
        u32::from(flags.fin)
            | u32::from(flags.syn) << 1
            | u32::from(flags.rst) << 2
            | u32::from(flags.psh) << 3
            | u32::from(flags.ack) << 4
    });
    hasher.write_u32(u32::from(from) << 16 | u32::from(to));
    hasher.write_u32(flags << 8 | turned.protocol as u32);
    hasher.write_i32(record.verdict.code);
    match of {
        Some((node, kind)) => {
            hasher.write_i32(kind);
            hasher.write(node.as_bytes());
        }
        None => {
            // Where a packet has no connection to tell it by, each is its own: pings carry no number here.
            if turned.protocol == Protocol::Unknown {
                hasher.write(record.uuid.0.as_bytes());
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
