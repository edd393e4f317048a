//! Whether a rule speaks of a port, and whether its proxy lets a request pass.

use super::Engine;
use super::ruling::{Case, Way};
use crate::certainty::{Match, all};
use crate::model::{PortKind, PortSet, Ports, Rule};
use crate::peer::Known;
use crate::traffic::{Protocol, Transport};

/// How a rule fits a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// On layers 3 and 4.
    pub(crate) reached: Match,
    /// On layer 7 too; as `reached` when the question is not about a request.
    pub(crate) passes: Match,
    /// Whether the traffic goes through a proxy.
    pub(crate) way: Way,
}

impl Engine {
    pub(crate) fn fit(&self, rule: &Rule, case: &Case<'_>) -> Fit {
        let nothing = Fit { reached: Match::No, passes: Match::No, way: Way::Direct };
        if rule.doubt.is_some() {
            return Fit { reached: Match::Maybe, passes: Match::Maybe, way: Way::Direct };
        }
        // Ports are cheaper to compare than labels.
        let Ports::Of(ports) = &rule.ports else {
            let peers = self.peers(&rule.peers, case);
            return Fit { reached: peers, passes: peers, way: Way::Direct };
        };
        let mut fit = nothing;
        for port in ports {
            let reached = matches(&port.kind, case);
            if reached == Match::No {
                continue;
            }
            fit.reached = fit.reached.max(reached);
            let proxy = match &case.traffic.request {
                Some(request) => all(port.layer7.iter().map(|layer7| layer7.allows(request))),
                None => Match::Yes,
            };
            fit.passes = fit.passes.max(reached.min(proxy));
            if reached == Match::Yes && !port.layer7.is_empty() {
                fit.way = Way::Proxy;
            }
        }
        if fit.reached == Match::No {
            return nothing;
        }
        let peers = self.peers(&rule.peers, case);
        if peers == Match::No {
            return nothing;
        }
        Fit { reached: fit.reached.min(peers), passes: fit.passes.min(peers), way: fit.way }
    }
}

/// Layer 4 alone.
pub(crate) fn matches(kind: &PortKind, case: &Case<'_>) -> Match {
    match (kind, &case.traffic.transport) {
        (PortKind::Unsupported(_), _) => Match::Maybe,
        (PortKind::Port { protocol, set }, Transport::Port { protocol: asked, port }) => {
            Match::of(protocol.is_none_or(|it| it == *asked)).min(set_matches(set, *asked, *port, case))
        }
        (PortKind::Icmp { family, kind }, Transport::Icmp { family: asked, kind: asked_kind }) => {
            let kinds = match (kind, asked_kind) {
                (None, _) => Match::Yes,
                (Some(_), None) => Match::Maybe,
                (Some(kind), Some(asked)) => Match::of(kind == asked),
            };
            Match::of(family == asked).min(kinds)
        }
        (PortKind::Other(name), Transport::Other(asked)) => Match::of(name.eq_ignore_ascii_case(asked)),
        (PortKind::Port { .. } | PortKind::Icmp { .. } | PortKind::Other(_), _) => Match::No,
    }
}

fn set_matches(set: &PortSet, protocol: Protocol, port: Option<u16>, case: &Case<'_>) -> Match {
    match (set, port) {
        (PortSet::All, _) => Match::Yes,
        (PortSet::Range(first, last), Some(port)) => Match::of((*first..=*last).contains(&port)),
        (PortSet::Range(..), None) => Match::Maybe,
        // A name means a container port of the destination, in both directions.
        (PortSet::Named(name), port) => {
            match case.traffic.destination.managed().map(|pod| &pod.named_ports) {
                None => Match::No,
                Some(Known::Unknown) => Match::Maybe,
                Some(Known::Known(named)) => {
                    let meant = |it: &&crate::peer::NamedPort| it.name == *name && it.protocol == protocol;
                    match (named.iter().find(meant), port) {
                        (None, _) => Match::No,
                        (Some(_), None) => Match::Maybe,
                        (Some(_), Some(port)) => {
                            Match::of(named.iter().filter(meant).any(|it| it.port == port))
                        }
                    }
                }
            }
        }
    }
}
