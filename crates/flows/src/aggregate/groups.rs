//! The groups and their keys.

use super::coverage::Window;
use super::intern::Sym;
use super::latency::Latency;
use super::party::Party;
use super::table::Counted;
use crate::turn::Protocol;

/// Why something did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Why {
    /// A drop reason.
    Reason(i32),
    /// A reason that is only a name to us.
    Named(Sym),
    /// A proxy refused it.
    Layer7,
    /// It passed, but would not if policies were enforced.
    Audit,
}

/// Drops that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DropKey {
    pub(crate) why: Why,
    pub(crate) from: Party,
    pub(crate) to: Party,
    /// 1 ingress, 2 egress: at whose end.
    pub(crate) direction: u8,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}

/// A few names, and how many more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Few {
    pub(crate) first: [Sym; 4],
    pub(crate) more: bool,
}

impl Few {
    pub(crate) fn add(&mut self, sym: Sym) {
        for place in &mut self.first {
            if *place == sym {
                return;
            }
            if place.is_none() {
                *place = sym;
                return;
            }
        }
        self.more = true;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Sym> + '_ {
        self.first.iter().copied().filter(|sym| !sym.is_none())
    }
}

#[derive(Debug, Default)]
pub(crate) struct DropGroup {
    pub(crate) count: u64,
    pub(crate) window: Option<Window>,
    pub(crate) nodes: Few,
    pub(crate) policies: Few,
    /// Answers were dropped.
    pub(crate) reply: bool,
    /// Mutual authentication is in play.
    pub(crate) auth: bool,
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PairKey {
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}

#[derive(Debug, Default)]
pub(crate) struct PairGroup {
    pub(crate) count: u64,
    pub(crate) window: Option<Window>,
    pub(crate) answers: u64,
    pub(crate) syn: u64,
    pub(crate) syn_ack: u64,
    /// RST,ACK from the server: nothing listens.
    pub(crate) refused: u64,
    pub(crate) resets: u64,
}

/// Who asks for which name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DnsKey {
    pub(crate) from: Party,
    pub(crate) name: Sym,
}

#[derive(Debug, Default)]
pub(crate) struct DnsGroup {
    pub(crate) asked: u64,
    pub(crate) ok: u64,
    pub(crate) nonexistent: u64,
    /// Of these, for names with a search domain: a resolver's tries.
    pub(crate) nonexistent_expanded: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) other: u64,
    pub(crate) denied: u64,
}

impl DnsGroup {
    pub(crate) fn answers(&self) -> u64 {
        self.ok + self.nonexistent + self.failed + self.refused + self.other
    }
}

/// Who calls what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HttpKey {
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) method: Sym,
    pub(crate) path: Sym,
}

#[derive(Debug, Default)]
pub(crate) struct HttpGroup {
    pub(crate) asked: u64,
    pub(crate) ok: u64,
    pub(crate) client_errors: u64,
    pub(crate) server_errors: u64,
    pub(crate) denied: u64,
    /// The status codes of errors seen first, and how often.
    pub(crate) codes: [(u16, u64); 4],
    pub(crate) latency: Option<Latency>,
    /// Of server errors alone: a plateau tells a timeout from a fault.
    pub(crate) error_latency: Option<Latency>,
}

impl HttpGroup {
    pub(crate) fn answer(&mut self, code: u32, latency: u64, weight: u64) {
        let place = match code {
            500.. => &mut self.server_errors,
            400.. => &mut self.client_errors,
            _ => &mut self.ok,
        };
        *place = place.saturating_add(weight);
        if code >= 400 {
            let code = u16::try_from(code).unwrap_or(u16::MAX);
            let place = self.codes.iter_mut().find(|(known, _)| *known == code || *known == 0);
            if let Some(place) = place {
                *place = (code, place.1.saturating_add(weight));
            }
        }
        if latency > 0 {
            self.latency.get_or_insert_default().add(latency);
            if code >= 500 {
                self.error_latency.get_or_insert_default().add(latency);
            }
        }
    }

    pub(crate) fn answers(&self) -> u64 {
        self.ok + self.client_errors + self.server_errors
    }
}

impl Counted for DropGroup {
    fn count(&self) -> u64 {
        self.count
    }
}

impl Counted for PairGroup {
    fn count(&self) -> u64 {
        self.count
    }
}

impl Counted for DnsGroup {
    fn count(&self) -> u64 {
        self.asked + self.answers() + self.denied
    }
}

impl Counted for HttpGroup {
    fn count(&self) -> u64 {
        self.asked + self.answers() + self.denied
    }
}
