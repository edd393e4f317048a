//! What a rule lacks to match.

use crate::certainty::Match;
use crate::engine::{Case, Engine, backs, excepted, port_matches};
use crate::model::{Block, Direction, PeerMatch, Peers, PortKind, PortSet, Ports, Rule, ServiceBy, Who};
use crate::peer::{Known, Peer};
use crate::selector::{Key, Look, Requirement, Selector, look};
use crate::traffic::Transport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Items of a list that are shown.
const LISTED: usize = 6;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Who opens the connection.
    Source,
    /// Who is called.
    Destination,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

/// The end that a direction's policies select.
pub(super) fn subject(direction: Direction) -> End {
    match direction {
        Direction::Egress => End::Source,
        Direction::Ingress => End::Destination,
    }
}

fn other(direction: Direction) -> End {
    match direction {
        Direction::Egress => End::Destination,
        Direction::Ingress => End::Source,
    }
}

/// One thing that a rule lacks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "lacks")]
pub enum Gap {
    /// A label, a namespace or another property of the peer.
    #[serde(rename_all = "camelCase")]
    Property {
        /// Whose.
        end: End,
        /// What the rule wants, e.g. `label app=web`.
        wanted: String,
        /// What is there, if anything.
        found: Option<String>,
    },
    /// The rule speaks of another sort of peer, e.g. of pods while the peer is outside of the cluster.
    #[serde(rename_all = "camelCase")]
    Sort {
        /// Whose.
        end: End,
        /// What the rule wants.
        wanted: String,
        /// What the peer is.
        found: String,
    },
    /// The peer's address.
    #[serde(rename_all = "camelCase")]
    Address {
        /// Whose.
        end: End,
        /// Its address.
        address: String,
        /// Networks of the rule.
        networks: Listed,
        /// The exception that takes it out of one of them.
        excepted: Option<String>,
    },
    /// DNS names of the peer.
    #[serde(rename_all = "camelCase")]
    Name {
        /// Names that the DNS proxy has seen for its address; none is why it can't match.
        known: Listed,
        /// Names and patterns of the rule.
        wanted: Listed,
    },
    /// The port.
    #[serde(rename_all = "camelCase")]
    Port {
        /// The port asked for, e.g. `8080/TCP`.
        port: String,
        /// Ports of the rule.
        ports: Listed,
        /// Set when the rule names the port of this Service, which policies never see: they see the pods' port.
        service: Option<String>,
    },
    /// The request.
    #[serde(rename_all = "camelCase")]
    Request {
        /// What was asked.
        request: String,
        /// What the rule lets pass.
        allowed: Listed,
    },
    /// The rule matches nobody.
    Nobody,
    /// Something that is not known or not evaluated.
    #[serde(rename_all = "camelCase")]
    Undecided {
        /// What.
        what: String,
    },
}

/// A list of any length in a few items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The first items.
    pub shown: Vec<String>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "none")]
    pub more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn none(more: &usize) -> bool {
    *more == 0
}

impl FromIterator<String> for Listed {
    fn from_iter<I: IntoIterator<Item = String>>(items: I) -> Self {
        let mut listed = Self::default();
        for item in items {
            if listed.shown.len() < LISTED {
                listed.shown.push(item);
            } else {
                listed.more += 1;
            }
        }
        listed
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property { end, wanted, found: None } => write!(f, "{wanted} is missing on the {end}"),
            Self::Property { end, wanted, found: Some(found) } => {
                write!(f, "{wanted} is wanted of the {end}, which has {found}")
            }
            Self::Sort { end, wanted, found } => write!(f, "it speaks of {wanted}, and the {end} is {found}"),
            Self::Address { end, address, excepted: Some(except), .. } => {
                write!(f, "{address} of the {end} is excepted by {except}")
            }
            Self::Address { end, address, networks, excepted: None } => {
                write!(f, "{address} of the {end} is not in {networks}")
            }
            Self::Name { known, wanted } if known.shown.is_empty() => write!(
                f,
                "no DNS name of the destination is known to the DNS proxy, and the rule wants {wanted}"
            ),
            Self::Name { known, wanted } => {
                write!(f, "name {known} of the destination is not {wanted}")
            }
            Self::Port { port, ports, service } => {
                write!(f, "port {port} is not in the ports of the rule ({ports})")?;
                service.as_ref().map_or(Ok(()), |service| {
                    write!(f, "; the rule names the port of {service}, but policies see the port of its pods")
                })
            }
            Self::Request { request, allowed } => {
                write!(f, "{request} is not among the requests it lets pass ({allowed})")
            }
            Self::Nobody => f.write_str("it matches nobody"),
            Self::Undecided { what } => write!(f, "not known: {what}"),
        }
    }
}

impl Gap {
    /// How far it is from closed.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Undecided { .. } => 0,
            Self::Port { service: Some(_), .. } => 1,
            Self::Property { .. }
            | Self::Port { .. }
            | Self::Request { .. }
            | Self::Address { excepted: Some(_), .. } => 2,
            Self::Address { .. } | Self::Name { .. } => 3,
            Self::Sort { .. } => 6,
            Self::Nobody => 9,
        }
    }

    fn dimension(&self) -> usize {
        match self {
            Self::Undecided { .. } => 0,
            Self::Port { .. } => 1,
            Self::Request { .. } => 2,
            Self::Property { .. }
            | Self::Sort { .. }
            | Self::Address { .. }
            | Self::Name { .. }
            | Self::Nobody => 3,
        }
    }

    /// Whether it is about the peer.
    pub(crate) fn of_peer(&self) -> bool {
        self.dimension() == 3
    }
}

/// How many of peer, port and request are missing.
pub(super) fn dimensions(gaps: &[Gap]) -> usize {
    (1..=3).filter(|wanted| gaps.iter().any(|gap| gap.dimension() == *wanted)).count()
}

impl Engine {
    /// What a rule lacks; nothing when it matches.
    pub(super) fn gaps(&self, rule: &Rule, case: &Case<'_>) -> Vec<Gap> {
        if let Some(doubt) = &rule.doubt {
            return vec![Gap::Undecided { what: doubt.clone() }];
        }
        let mut gaps = self.peer_gaps(&rule.peers, case);
        gaps.extend(self.port_gaps(rule, case));
        gaps
    }

    fn peer_gaps(&self, peers: &Peers, case: &Case<'_>) -> Vec<Gap> {
        let Peers::Of(list) = peers else { return Vec::new() };
        match self.peers(peers, case) {
            Match::Yes => return Vec::new(),
            Match::No if list.is_empty() => return vec![Gap::Nobody],
            Match::Maybe | Match::No => {}
        }
        // Addresses and names are told together: which of a hundred networks is nearest says nothing.
        let mut best: Option<(usize, Vec<Gap>)> = None;
        for peer in list {
            let gaps = self.peer_gap(peer, case);
            let weight = gaps.iter().map(Gap::weight).sum();
            if best.as_ref().is_none_or(|(known, _)| weight < *known) {
                best = Some((weight, gaps));
            }
        }
        let mut gaps = best.map_or_else(Vec::new, |(_, gaps)| gaps);
        if let [gap @ (Gap::Address { .. } | Gap::Name { .. })] = gaps.as_mut_slice() {
            gather(gap, list);
        }
        gaps
    }

    fn peer_gap(&self, peer: &PeerMatch, case: &Case<'_>) -> Vec<Gap> {
        let (end, found) = (other(case.direction), case.other());
        let sort = |wanted: &str| vec![Gap::Sort { end, wanted: wanted.to_owned(), found: found.called() }];
        if self.peer(peer, case) == Match::Maybe {
            return vec![Gap::Undecided { what: doubt(&peer.who, found, end) }];
        }
        match &peer.who {
            Who::Endpoints(selector) if found.managed().is_none() && !reserved(selector) => {
                sort(&format!("pods with {}", wanted(selector)))
            }
            Who::Endpoints(selector) | Who::Nodes(selector) => properties(selector, found, end),
            Who::Block(block) => address(block, found, end),
            Who::Group { name, .. } => sort(&format!("CiliumCIDRGroup {name}")),
            Who::Entity(entity) => sort(&format!("entity {}", entity.word())),
            Who::Name(pattern) => match found {
                Peer::World(world) => vec![Gap::Name {
                    known: world.names.known().into_iter().flatten().cloned().collect(),
                    wanted: Listed::from_iter([pattern.written().to_owned()]),
                }],
                Peer::Pod(_) | Peer::Node(_) | Peer::Reserved(_) => {
                    sort(&format!("the DNS name {} outside of the cluster", pattern.written()))
                }
            },
            Who::Service(service) => {
                let name = match &service.by {
                    ServiceBy::Name(name) => name.clone(),
                    ServiceBy::Labels(selector) => format!("with {selector}"),
                };
                let namespace = service.namespace.as_deref().unwrap_or("any namespace");
                sort(&format!("what backs Service {name} of {namespace}"))
            }
            Who::Unsupported(what) => vec![Gap::Undecided { what: what.clone() }],
        }
    }

    fn port_gaps(&self, rule: &Rule, case: &Case<'_>) -> Vec<Gap> {
        let Ports::Of(ports) = &rule.ports else { return Vec::new() };
        let fits = ports.iter().map(|port| port_matches(&port.kind, case)).max().unwrap_or(Match::No);
        match fits {
            Match::No => {
                let service = self.service_port(rule, case);
                vec![Gap::Port {
                    port: case.traffic.transport.to_string(),
                    ports: ports.iter().map(|port| port.kind.to_string()).collect(),
                    service,
                }]
            }
            Match::Maybe => {
                let named = |kind: &PortKind| matches!(kind, PortKind::Port { set: PortSet::Named(_), .. });
                let what = if ports.iter().any(|port| named(&port.kind)) {
                    "the named ports of the destination".to_owned()
                } else {
                    format!("whether {} is in the ports of the rule", case.traffic.transport)
                };
                vec![Gap::Undecided { what }]
            }
            Match::Yes => request_gap(rule, case).into_iter().collect(),
        }
    }

    /// A Service of the destination whose own port the rule names, while its pods listen on the port asked for.
    fn service_port(&self, rule: &Rule, case: &Case<'_>) -> Option<String> {
        let (Known::Known(services), Transport::Port { port: Some(asked), protocol }) =
            (&self.surroundings().services, &case.traffic.transport)
        else {
            return None;
        };
        let Ports::Of(ports) = &rule.ports else { return None };
        let names = |number: u16| {
            ports.iter().any(|port| match &port.kind {
                PortKind::Port { protocol: wanted, set: PortSet::Range(first, last) } => {
                    wanted.is_none_or(|it| it == *protocol) && (*first..=*last).contains(&number)
                }
                _ => false,
            })
        };
        let mut backed = services.iter().filter(|service| backs(service, &case.traffic.destination));
        backed.find_map(|service| {
            let port = service.ports.iter().find(|it| it.target == *asked && names(it.port))?;
            Some(format!("Service {}/{} ({} to {})", service.namespace, service.name, port.port, port.target))
        })
    }
}

fn address(block: &Block, found: &Peer, end: End) -> Vec<Gap> {
    let inside = found.ips().iter().find(|ip| block.net.contains(*ip));
    let except = inside.and_then(|ip| excepted(&block.except, ip));
    if let (Some(ip), None) = (inside, except) {
        // The address fits, so it is the sort of peer that networks do not match.
        let wanted =
            format!("networks such as {}, which match neither pods nor nodes with Cilium", block.net);
        return vec![Gap::Sort { end, wanted, found: format!("{} ({ip})", found.called()) }];
    }
    let Some(ip) = inside.or(found.ips().first()) else {
        let wanted = format!("network {}", block.net);
        return vec![Gap::Sort { end, wanted, found: found.called() }];
    };
    vec![Gap::Address {
        end,
        address: ip.to_string(),
        networks: Listed::from_iter([block.net.to_string()]),
        excepted: except.map(ToString::to_string),
    }]
}

fn request_gap(rule: &Rule, case: &Case<'_>) -> Option<Gap> {
    let Ports::Of(ports) = &rule.ports else { return None };
    let request = case.traffic.request.as_ref()?;
    let reached = ports.iter().filter(|port| port_matches(&port.kind, case) == Match::Yes);
    let pass = |port: &&crate::model::PortMatch| {
        port.layer7.iter().map(|it| it.allows(request)).min().unwrap_or(Match::Yes)
    };
    let reached: Vec<_> = reached.collect();
    match reached.iter().map(pass).max()? {
        Match::Yes => None,
        Match::Maybe => Some(Gap::Undecided { what: format!("whether its proxy lets {request} pass") }),
        Match::No => {
            let allowed = reached
                .iter()
                .flat_map(|port| port.layer7.iter())
                .flat_map(crate::model::Layer7::written)
                .collect();
            Some(Gap::Request { request: request.to_string(), allowed })
        }
    }
}

/// All networks, or all names, of a rule in one gap.
fn gather(gap: &mut Gap, peers: &[PeerMatch]) {
    match gap {
        Gap::Address { networks, excepted: None, .. } => {
            *networks = peers
                .iter()
                .filter_map(|peer| match &peer.who {
                    Who::Block(block) => Some(block.net.to_string()),
                    _ => None,
                })
                .collect();
        }
        Gap::Name { wanted, .. } => {
            *wanted = peers
                .iter()
                .filter_map(|peer| match &peer.who {
                    Who::Name(pattern) => Some(pattern.written().to_owned()),
                    _ => None,
                })
                .collect();
        }
        _ => {}
    }
}

fn reserved(selector: &Selector) -> bool {
    selector.names(|key| matches!(key, Key::Reserved(_)))
}

/// A selector without what every pod has.
fn wanted(selector: &Selector) -> String {
    let kept = |it: &&Requirement| **it != Requirement::exists(Key::Namespace);
    Selector { requirements: selector.requirements.iter().filter(kept).cloned().collect() }.to_string()
}

fn properties(selector: &Selector, found: &Peer, end: End) -> Vec<Gap> {
    let missing = selector.requirements.iter().filter(|it| it.matches(found) == Match::No);
    missing
        .map(|it| Gap::Property {
            end,
            wanted: it.to_string(),
            found: match look(found, &it.key) {
                Look::Value(value) => Some(value.to_owned()),
                Look::Absent | Look::Unknown => None,
            },
        })
        .collect()
}

fn doubt(who: &Who, found: &Peer, end: End) -> String {
    match who {
        Who::Endpoints(selector) | Who::Nodes(selector) => {
            let unknown = selector.requirements.iter().find(|it| it.matches(found) == Match::Maybe);
            unknown
                .map_or_else(|| format!("the identity of the {end}"), |it| format!("{} of the {end}", it.key))
        }
        Who::Block(_) => format!("the address of the {end}"),
        Who::Group { name, .. } => format!("the networks of CiliumCIDRGroup {name}"),
        Who::Entity(entity) => format!("whether the {end} is {}", entity.word()),
        Who::Name(_) => "the DNS names of the destination".to_owned(),
        Who::Service(_) => "the Services of the cluster".to_owned(),
        Who::Unsupported(what) => what.clone(),
    }
}
