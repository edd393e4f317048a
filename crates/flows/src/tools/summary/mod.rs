//! `flows_summary`: what flows between whom, what is dropped and why, in a bounded answer that says what it rests on.

mod coverage;
mod text;

use super::TOOLSET;
use super::arguments::{Given, lenient};
use super::rows::{Audit, DnsRow, DropRow, HttpRow, PairRow, Rows};
use crate::aggregate::Aggregate;
use crate::ask::{Ask, Reading, Sink};
use crate::backend::Backend;
use crate::record::Record;
use crate::show::count;
use crate::turn::turn;
use async_trait::async_trait;
use coverage::{coverage, forgotten};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, ToolError, TypedTool};
use stethoscope_hubble::{LostEvent, NodeStatusEvent};

/// Summarises flows.
pub(crate) struct FlowsSummary(pub(crate) Backend);

/// Rows of each kind at most.
const DROPS: usize = 15;
const AUDITED: usize = 5;
const HTTP: usize = 8;
const DNS: usize = 8;
const TCP: usize = 8;
const TALKERS: usize = 10;
/// Bytes of the text: about 2,300 tokens at the three bytes a token that names, ids and addresses come to.
const TEXT: usize = 6_900;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default)]
    namespace: Option<String>,
    /// Workload or pod, either end
    #[serde(default, alias = "pod", alias = "service")]
    workload: Option<String>,
    /// The other end: ns/workload, DNS name, IP, CIDR, world, host
    #[serde(default)]
    peer: Option<String>,
    /// ingress or egress, as the workload sees it
    #[serde(default)]
    direction: Option<String>,
    /// e.g. DROPPED
    #[serde(default)]
    verdict: Option<String>,
    /// Drop reason, e.g. POLICY_DENIED
    #[serde(default, alias = "drop_reason")]
    reason: Option<String>,
    /// tcp, udp, sctp, icmp, dns, http
    #[serde(default)]
    protocol: Option<String>,
    /// Server's port
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    port: Option<u64>,
    #[serde(default)]
    node: Option<String>,
    /// e.g. 10m or a time; absent: all that is held
    #[serde(default, alias = "start")]
    since: Option<String>,
    #[serde(default, alias = "end")]
    until: Option<String>,
}

/// What flowed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// What was looked at.
    scope: String,
    /// What the answer rests on, one line each.
    seen: Vec<String>,
    /// Flow events in scope, duplicates merged.
    events: u64,
    verdicts: BTreeMap<String, u64>,
    drops: Vec<DropRow>,
    /// Passed, but would not if policies were enforced.
    audit: Vec<DropRow>,
    /// Drops that belong to no incident, by reason.
    noise: BTreeMap<String, u64>,
    http: Vec<HttpRow>,
    dns: Vec<DnsRow>,
    /// NXDOMAIN for names with a search domain that resolve without.
    dns_search_tries: u64,
    tcp: Vec<PairRow>,
    talkers: Vec<PairRow>,
    /// What the rows leave out.
    omitted: Vec<String>,
    /// About the same with the hubble CLI.
    command: String,
    #[serde(skip)]
    coverage: Coverage,
}

struct Summary {
    ask: Ask,
    aggregate: Aggregate,
}

impl Sink for Summary {
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64) {
        if !self.ask.has(time) {
            return;
        }
        self.aggregate.seen.event(node, time);
        let turned = turn(record);
        if self.ask.scope.has(record, &turned, node) {
            self.aggregate.add(record, &turned, node, time);
        }
    }

    fn lost(&mut self, event: &LostEvent) {
        self.aggregate.lost(event);
    }

    fn node_status(&mut self, status: &NodeStatusEvent) {
        self.aggregate.node_status(status);
    }
}

#[async_trait]
impl TypedTool for FlowsSummary {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "flows_summary";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "Network flows (Hubble) in groups: drops with reason and side, failing DNS, HTTP, TCP, top talkers.";

    fn available(&self) -> Availability {
        self.0.available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let given = Given {
            namespace: input.namespace.as_deref(),
            workload: input.workload.as_deref(),
            peer: input.peer.as_deref(),
            direction: input.direction.as_deref(),
            verdict: input.verdict.as_deref(),
            reason: input.reason.as_deref(),
            protocol: input.protocol.as_deref(),
            port: input.port,
            node: input.node.as_deref(),
            since: input.since.as_deref(),
            until: input.until.as_deref(),
        };
        let ask = given.ask(context)?;
        let sink = Summary { ask: ask.clone(), aggregate: Aggregate::default() };
        let (sink, reading) = self.0.feed(ask.clone(), sink).await?;
        Ok(output(&ask, &sink.aggregate, &reading))
    }
}

fn output(ask: &Ask, aggregate: &Aggregate, reading: &Reading) -> Output {
    let rows = Rows::new(aggregate);
    let (dns, tries) = rows.dns();
    let mut out = Output {
        scope: ask.scope.words(),
        seen: Vec::new(),
        events: aggregate.events,
        verdicts: aggregate.verdicts(),
        drops: rows.drops(Audit::Without),
        audit: rows.drops(Audit::Only),
        noise: aggregate.noise.clone(),
        http: rows.http(),
        dns,
        dns_search_tries: tries,
        tcp: rows.tcp(),
        talkers: rows.talkers(),
        omitted: Vec::new(),
        command: command(ask),
        coverage: Coverage::default(),
    };
    coverage(ask, aggregate, reading, &mut out);
    forgotten("drop groups", aggregate.drops.remainder(), &mut out);
    forgotten("connections", aggregate.pairs.remainder(), &mut out);
    forgotten("DNS names", aggregate.dns.remainder(), &mut out);
    forgotten("HTTP paths", aggregate.http.remainder(), &mut out);
    if aggregate.names.refused() > 0 {
        out.omitted.push("too many different names: some share one, (others)".to_owned());
    }
    shorten(&mut out);
    out
}

fn command(ask: &Ask) -> String {
    let mut command = format!("hubble observe{}", ask.scope.flags());
    let mut add = |flag: &str, time: Option<i64>| {
        if let Some(time) = time {
            command.push_str(&format!(" --{flag} {}", stethoscope_hubble::show_nanos(time)));
        }
    };
    add("since", ask.since);
    add("until", ask.until);
    if ask.since.is_none() && ask.until.is_none() {
        command.push_str(" --all");
    }
    command
}

/// Fewer rows until the text fits, the least telling first.
fn shorten(out: &mut Output) {
    let all =
        [out.drops.len(), out.audit.len(), out.http.len(), out.dns.len(), out.tcp.len(), out.talkers.len()];
    let hidden: u64 = out.drops.iter().skip(DROPS).map(|row| row.count).sum();
    out.drops.truncate(DROPS);
    out.audit.truncate(AUDITED);
    out.http.truncate(HTTP);
    out.dns.truncate(DNS);
    out.tcp.truncate(TCP);
    out.talkers.truncate(TALKERS);
    let mut dropped = hidden;
    // Room for the lines about what is left out.
    while out.text().len() > TEXT - 240 {
        let least = if out.talkers.len() > 3 {
            out.talkers.pop().is_some()
        } else if out.http.len() > 4 {
            out.http.pop().is_some()
        } else if out.dns.len() > 4 {
            out.dns.pop().is_some()
        } else if out.tcp.len() > 4 {
            out.tcp.pop().is_some()
        } else if let Some(row) = (out.drops.len() > 5).then(|| out.drops.pop()).flatten() {
            dropped += row.count;
            true
        } else {
            out.talkers.pop().is_some()
                || out.audit.pop().is_some()
                || out.http.pop().is_some()
                || out.dns.pop().is_some()
                || out.tcp.pop().is_some()
        };
        if !least {
            break;
        }
    }
    let kept =
        [out.drops.len(), out.audit.len(), out.http.len(), out.dns.len(), out.tcp.len(), out.talkers.len()];
    let names = [
        "drop groups",
        "audit groups",
        "HTTP paths",
        "failing DNS names",
        "failing connections",
        "connections",
    ];
    let parts: Vec<String> = all
        .into_iter()
        .zip(kept)
        .zip(names)
        .filter(|((all, kept), _)| all > kept)
        .map(|((all, kept), what)| {
            if what == "drop groups" {
                format!("{} drop groups ({} events)", all - kept, count(dropped))
            } else {
                format!("{} {what}", all - kept)
            }
        })
        .collect();
    if !parts.is_empty() {
        let line = format!("not shown: {}; narrow the scope to see them", parts.join(", "));
        out.coverage.truncated.push(line.clone());
        out.omitted.push(line);
    }
}
