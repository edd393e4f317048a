//! `flow_examples`: the newest records of a group or of a scope, a line each.

use super::TOOLSET;
use super::arguments::{Given, lenient};
use super::rows::{dns_id, drop_id, http_id, pair_id};
use crate::aggregate::{Aggregate, Seen};
use crate::ask::{Ask, Sink};
use crate::backend::Backend;
use crate::reason;
use crate::record::{End, Record};
use crate::show::{count, fine_clock, latency, name, window};
use crate::turn::{Turned, turn};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, ToolError, TypedTool};
use stethoscope_hubble::words::{Direction, Verdict, Words, event};
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// Shows single records.
pub(crate) struct FlowExamples(pub(crate) Backend);

/// Lines unless more are asked for, and at most.
const SHOWN: u64 = 10;
const MOST_SHOWN: u64 = 50;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An ID of flows_summary, with the same scope
    #[serde(default, alias = "id")]
    group: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default, alias = "pod", alias = "service")]
    workload: Option<String>,
    #[serde(default)]
    peer: Option<String>,
    #[serde(default)]
    verdict: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    port: Option<u64>,
    #[serde(default, alias = "start")]
    since: Option<String>,
    #[serde(default, alias = "end")]
    until: Option<String>,
    /// Newest records, default 10
    #[serde(default, deserialize_with = "lenient", alias = "n")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// Records, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// What was looked at.
    scope: String,
    /// Window and losses.
    seen: String,
    /// Records that match.
    matched: u64,
    lines: Vec<String>,
    #[serde(skip)]
    coverage: Coverage,
}

struct Newest {
    ask: Ask,
    group: Option<String>,
    most: usize,
    matched: u64,
    /// By time and arrival, so that what comes late is put where it belongs.
    lines: BTreeMap<(i64, u64), String>,
    seen: Seen,
    /// Only for names of groups.
    aggregate: Aggregate,
}

impl Sink for Newest {
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64) {
        if !self.ask.has(time) {
            return;
        }
        self.seen.event(node, time);
        let turned = turn(record);
        if !self.ask.scope.has(record, &turned, node) {
            return;
        }
        if let Some(group) = &self.group
            && !self.aggregate.groups_of(record, &turned).iter().any(|id| id == group)
        {
            return;
        }
        self.matched += 1;
        let oldest = self.lines.first_key_value().map(|((time, _), _)| *time);
        if self.lines.len() >= self.most && oldest.is_some_and(|oldest| time < oldest) {
            return;
        }
        self.lines.insert((time, self.matched), line(record, &turned, node, time));
        if self.lines.len() > self.most {
            self.lines.pop_first();
        }
    }

    fn lost(&mut self, event: &LostEvent) {
        self.seen.lost(event);
    }

    fn node_status(&mut self, status: &NodeStatusEvent) {
        self.seen.node_status(status);
    }
}

impl Aggregate {
    /// The ids of the groups that a record belongs to.
    fn groups_of(&mut self, record: &Record<'_>, turned: &Turned<'_>) -> Vec<String> {
        let keys = self.keys_of(record, turned);
        let names = &self.names;
        [
            keys.drop.map(|key| drop_id(names, &key)),
            keys.pair.map(|key| pair_id(names, &key)),
            keys.dns.map(|key| dns_id(names, &key)),
            keys.http.map(|key| http_id(names, &key)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[async_trait]
impl TypedTool for FlowExamples {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "flow_examples";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "The newest single flow records of a flows_summary group or of a scope.";

    fn available(&self) -> Availability {
        self.0.available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let given = Given {
            namespace: input.namespace.as_deref(),
            workload: input.workload.as_deref(),
            peer: input.peer.as_deref(),
            verdict: input.verdict.as_deref(),
            protocol: input.protocol.as_deref(),
            port: input.port,
            since: input.since.as_deref(),
            until: input.until.as_deref(),
            ..Given::default()
        };
        let ask = given.ask(context)?;
        let group = input.group.as_deref().map(str::trim).filter(|group| !group.is_empty());
        let sink = Newest {
            ask: ask.clone(),
            group: group.map(str::to_owned),
            most: input.limit.unwrap_or(SHOWN).clamp(1, MOST_SHOWN) as usize,
            matched: 0,
            lines: BTreeMap::new(),
            seen: Seen::default(),
            aggregate: Aggregate::default(),
        };
        let (sink, reading) = self.0.feed(ask.clone(), sink).await?;
        let mut coverage = Coverage::default();
        let mut seen = match sink.seen.window() {
            Some((first, last)) => format!("{}: {}", reading.source, window(first, last)),
            None => format!("{}: no flow came", reading.source),
        };
        let mut missing = |line: String| {
            seen.push_str("; ");
            seen.push_str(&line);
            coverage.missing.push(line);
        };
        if !sink.seen.absent.is_empty() {
            missing(format!("{} nodes missing", sink.seen.absent.len()));
        }
        if sink.seen.lost_total() > 0 {
            missing(format!("{} events lost", count(sink.seen.lost_total())));
        }
        if let Some(report) = reading.report.as_ref().filter(|report| report.rejected > 0) {
            missing(format!("{} records rejected", count(report.rejected)));
        }
        if let Some(stopped) = &reading.stopped {
            let line = format!("{}: what is newer is missing", name(stopped, 160));
            seen.push_str(&format!("; {line}"));
            coverage.truncated.push(line);
        }
        let shown = sink.lines.len() as u64;
        if sink.matched > shown {
            coverage.truncated.push(format!("{} older records", count(sink.matched - shown)));
        }
        let mut scope = ask.scope.words();
        if let Some(group) = group {
            scope = format!("group {}, {scope}", name(group, 12));
        }
        Ok(Output { scope, seen, matched: sink.matched, lines: sink.lines.into_values().collect(), coverage })
    }
}

/// `12:00:00.123 drop DROPPED POLICY_DENIED egress shop/cart-0 10.0.0.1:40000 -> … tcp SYN on worker-1`
fn line(record: &Record<'_>, turned: &Turned<'_>, node: &str, time: i64) -> String {
    let mut out = if time == 0 { "no time".to_owned() } else { fine_clock(time) };
    let kind = match record.event() {
        event::DROP => " drop",
        event::TRACE => " trace",
        event::POLICY_VERDICT => " verdict",
        event::TRACE_SOCK => " sock",
        event::L7 => " l7",
        _ if record.l7.is_some() => " l7",
        _ => "",
    };
    out.push_str(kind);
    out.push(' ');
    out.push_str(
        &record
            .verdict
            .name
            .as_deref()
            .map_or_else(|| Verdict::show(record.verdict.code), |name_| name(name_, 40)),
    );
    let reason = record.reason();
    if reason.code != 0 {
        out.push(' ');
        out.push_str(
            &reason.name.as_deref().map_or_else(|| reason::name(reason.code), |name_| name(name_, 40)),
        );
    }
    if record.traffic_direction.code > 0 {
        out.push(' ');
        out.push_str(&Direction::show(record.traffic_direction.code).to_ascii_lowercase());
    }
    let (from, to) = turned.wire_ports;
    let ip = record.ip.as_ref();
    let port = |port: u16| record.l4.filter(|l4| l4.icmpv4.is_none() && l4.icmpv6.is_none()).map(|_| port);
    out.push(' ');
    end(
        &mut out,
        record.source.as_ref(),
        ip.map_or("", |ip| ip.source.0.as_ref()),
        port(from),
        record.source_names.0.as_ref().map(|text| text.0.as_ref()),
    );
    out.push_str(" -> ");
    end(
        &mut out,
        record.destination.as_ref(),
        ip.map_or("", |ip| ip.destination.0.as_ref()),
        port(to),
        record.destination_names.0.as_ref().map(|text| text.0.as_ref()),
    );
    out.push(' ');
    out.push_str(turned.protocol.name());
    if let Some(flags) = turned.flags {
        for (set, flag) in [
            (flags.syn, "SYN"),
            (flags.ack, "ACK"),
            (flags.psh, "PSH"),
            (flags.fin, "FIN"),
            (flags.rst, "RST"),
        ] {
            if set {
                out.push(' ');
                out.push_str(flag);
            }
        }
    }
    if turned.is_reply {
        out.push_str(" reply");
    }
    layer7(&mut out, record);
    let denied: Vec<String> = record
        .egress_denied_by
        .iter()
        .chain(&record.ingress_denied_by)
        .take(3)
        .map(|policy| name(&format!("{}/{}", policy.namespace.0, policy.name.0), 60))
        .collect();
    if !denied.is_empty() {
        out.push_str(&format!(" denied by {}", denied.join(", ")));
    }
    if record.weight() > 1 {
        out.push_str(&format!(" x{}", count(record.weight())));
    }
    if !node.is_empty() {
        out.push_str(&format!(" on {}", name(node, 40)));
    }
    out
}

fn layer7(out: &mut String, record: &Record<'_>) {
    let Some(l7) = &record.l7 else { return };
    if let Some(dns) = &l7.dns {
        let code = match dns.rcode {
            0 => String::new(),
            2 => " SERVFAIL".to_owned(),
            3 => " NXDOMAIN".to_owned(),
            5 => " REFUSED".to_owned(),
            code => format!(" rcode {code}"),
        };
        out.push_str(&format!(" dns {}{code}", name(&dns.query.0, 80)));
    }
    if let Some(http) = &l7.http {
        // A query may hold a token.
        let url = http.url.0.split(['?', '#']).next().unwrap_or_default();
        out.push_str(&format!(" http {} {}", name(&http.method.0, 10), name(url, 80)));
        if http.code != 0 {
            out.push_str(&format!(" {}", http.code));
        }
    }
    if l7.latency_ns > 0 {
        out.push_str(&format!(" in {}", latency(l7.latency_ns as f64 / 1e6)));
    }
}

fn end(out: &mut String, end: Option<&End<'_>>, address: &str, port: Option<u16>, known: Option<&str>) {
    let mut who = String::new();
    if let Some(end) = end {
        if !end.pod_name.0.is_empty() {
            who = format!("{}/{}", end.namespace.0, end.pod_name.0);
        }
        if end.identity > 0 && end.identity < 256 {
            let identity = stethoscope_hubble::words::Identity::show(end.identity.cast_signed());
            who = if who.is_empty() { format!("[{identity}]") } else { format!("{who} [{identity}]") };
        }
    }
    if who.is_empty() {
        known.unwrap_or_default().clone_into(&mut who);
    }
    let place = match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    };
    let parts = [name(&who, 72), name(&place, 48)];
    out.push_str(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "));
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("flow records: {}\n{}\n", self.scope, self.seen);
        if self.lines.is_empty() {
            out.push_str("none match in what was seen\n");
        } else {
            out.push_str(&format!("{} match, the newest {}:\n", count(self.matched), self.lines.len()));
        }
        for line in &self.lines {
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    fn summary(&self) -> String {
        format!("{} of {} flow records", self.lines.len(), count(self.matched))
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
