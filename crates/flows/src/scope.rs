//! What is looked at: the flows of a namespace or a workload, narrowed. Asked of Relay as far as its filters can tell
//! it, and checked again here: its pod filter is a prefix, so that `api` would also be `api-gateway`.

use crate::aggregate::{IdentityScope, identity_scope, workload};
use crate::reason;
use crate::record::{End, Record};
use crate::turn::{Protocol, Turned};
use ipnet::IpNet;
use std::net::IpAddr;
use stethoscope_hubble::FlowFilter;
use stethoscope_hubble::words::{DropReason, Verdict, Words};

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scope {
    pub(crate) namespace: Option<String>,
    /// A workload or a pod.
    pub(crate) workload: Option<String>,
    /// The other end.
    pub(crate) peer: Option<Peer>,
    pub(crate) direction: Option<Side>,
    /// A verdict's code.
    pub(crate) verdict: Option<i32>,
    /// A drop reason's code.
    pub(crate) reason: Option<i32>,
    pub(crate) port: Option<u16>,
    pub(crate) layer: Option<Layer>,
    pub(crate) node: Option<String>,
}

/// Which way, as the subject sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ingress,
    Egress,
}

/// A protocol of layer 4 or 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Transport(Protocol),
    Dns,
    Http,
}

/// The other end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Peer {
    Network(IpNet),
    /// `namespace/workload`; the second may be empty.
    Workload(String, String),
    /// A workload, a pod, a DNS name, or a reserved identity.
    Word(String),
}

impl Peer {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>() {
            return Self::Network(network);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::Network(address.into());
        }
        match text.split_once('/') {
            Some((namespace, workload)) => Self::Workload(namespace.to_owned(), workload.to_owned()),
            None => Self::Word(text.trim_start_matches("reserved:").trim_end_matches('.').to_owned()),
        }
    }

    fn is(&self, end: Option<&End<'_>>, address: &str, name: Option<&str>) -> bool {
        match self {
            Self::Network(network) => address.parse::<IpAddr>().is_ok_and(|ip| network.contains(&ip)),
            Self::Workload(namespace, word) => end.is_some_and(|end| {
                end.namespace.0 == *namespace && (word.is_empty() || is_workload(end, word))
            }),
            Self::Word(word) => {
                end.is_some_and(|end| {
                    is_workload(end, word)
                        || end.namespace.0 == *word
                        || match identity_scope(end) {
                            IdentityScope::World => word == "world",
                            IdentityScope::Reserved(reserved) => reserved == word,
                            IdentityScope::Unknown | IdentityScope::Workload => false,
                        }
                }) || name.is_some_and(|name| {
                    let name = name.trim_end_matches('.');
                    name == word || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
                })
            }
        }
    }
}

/// Exactly this workload, or exactly this pod.
fn is_workload(end: &End<'_>, word: &str) -> bool {
    end.pod_name.0 == word || (!word.is_empty() && workload(end) == word)
}

impl Scope {
    /// Whether a flow is in it.
    pub(crate) fn has(&self, record: &Record<'_>, turned: &Turned<'_>, node: &str) -> bool {
        if self.verdict.is_some_and(|verdict| record.verdict.code != verdict)
            || self.reason.is_some_and(|reason| record.reason().code != reason)
            || self.port.is_some_and(|port| turned.exact_port() != port)
            || self.node.as_ref().is_some_and(|wanted| !is_node(node, wanted))
        {
            return false;
        }
        let layer = match self.layer {
            None => true,
            Some(Layer::Transport(protocol)) => turned.protocol == protocol,
            Some(Layer::Dns) => {
                record.l7.as_ref().is_some_and(|l7| l7.dns.is_some()) || turned.exact_port() == 53
            }
            Some(Layer::Http) => record.l7.as_ref().is_some_and(|l7| l7.http.is_some()),
        };
        layer && self.ends(turned)
    }

    fn is_subject(&self, end: Option<&End<'_>>) -> bool {
        if self.namespace.is_none() && self.workload.is_none() {
            return true;
        }
        end.is_some_and(|end| {
            self.namespace.as_ref().is_none_or(|namespace| end.namespace.0 == *namespace)
                && self.workload.as_ref().is_none_or(|word| is_workload(end, word))
        })
    }

    fn ends(&self, turned: &Turned<'_>) -> bool {
        let peer = |end, address, name| self.peer.as_ref().is_none_or(|peer| peer.is(end, address, name));
        let out = self.direction != Some(Side::Ingress)
            && self.is_subject(turned.source)
            && peer(turned.destination, turned.destination_address, turned.destination_name);
        out || (self.direction != Some(Side::Egress)
            && self.is_subject(turned.destination)
            && peer(turned.source, turned.source_address, turned.source_name))
    }

    /// Filters for Relay, any of which may match: never narrower than the scope. None means everything.
    pub(crate) fn filters(&self) -> Vec<FlowFilter> {
        let mut base = FlowFilter::default();
        if let Some(verdict) = self.verdict {
            base.verdict.push(verdict);
        }
        if let Some(reason) = self.reason {
            base.drop_reason_desc.push(reason);
        }
        if let Some(node) = &self.node {
            // Without a cluster the server assumes the default one; `*` is any.
            base.node_name.push(if node.contains('/') { node.clone() } else { format!("*/{node}") });
        }
        // Never a protocol that the server does not know: it refuses the whole request (`grpc`). DNS over layer 4 is
        // not what its `dns` means.
        match self.layer {
            Some(Layer::Transport(Protocol::Tcp)) => base.protocol.push("tcp".to_owned()),
            Some(Layer::Transport(Protocol::Udp)) => base.protocol.push("udp".to_owned()),
            Some(Layer::Transport(Protocol::Sctp)) => base.protocol.push("sctp".to_owned()),
            Some(Layer::Transport(Protocol::Icmp)) => base.protocol.push("icmpv4".to_owned()),
            Some(Layer::Transport(Protocol::Icmpv6)) => base.protocol.push("icmpv6".to_owned()),
            Some(Layer::Http) => base.protocol.push("http".to_owned()),
            Some(Layer::Dns | Layer::Transport(Protocol::Unknown)) | None => {}
        }
        // A bare pod name means the namespace `default` to the server: without a namespace nothing is asked of it.
        let pods = self
            .namespace
            .as_ref()
            .map(|namespace| format!("{namespace}/{}", self.workload.as_deref().unwrap_or_default()));
        let mut filters = vec![base];
        if let Some(pods) = pods {
            filters = filters
                .into_iter()
                .flat_map(|filter| {
                    let mut other = filter.clone();
                    other.destination_pod.push(pods.clone());
                    let mut one = filter;
                    one.source_pod.push(pods.clone());
                    [one, other]
                })
                .collect();
        }
        if let Some(port) = self
            .port
            .filter(|_| !matches!(self.layer, Some(Layer::Transport(Protocol::Icmp | Protocol::Icmpv6))))
        {
            // Answers have the server's port at the source.
            filters = filters
                .into_iter()
                .flat_map(|filter| {
                    let mut other = filter.clone();
                    other.source_port.push(port.to_string());
                    let mut one = filter;
                    one.destination_port.push(port.to_string());
                    [one, other]
                })
                .collect();
        }
        filters.retain(|filter| *filter != FlowFilter::default());
        filters
    }

    /// A few words.
    pub(crate) fn words(&self) -> String {
        let mut words = Vec::new();
        match (&self.namespace, &self.workload) {
            (Some(namespace), Some(workload)) => words.push(format!("{namespace}/{workload}")),
            (Some(namespace), None) => words.push(format!("namespace {namespace}")),
            (None, Some(workload)) => words.push(format!("workload {workload}")),
            (None, None) => words.push("all namespaces".to_owned()),
        }
        match self.direction {
            Some(Side::Ingress) => words.push("ingress".to_owned()),
            Some(Side::Egress) => words.push("egress".to_owned()),
            None => {}
        }
        match &self.peer {
            Some(Peer::Network(network)) => words.push(format!("peer {network}")),
            Some(Peer::Workload(namespace, workload)) => words.push(format!("peer {namespace}/{workload}")),
            Some(Peer::Word(word)) => words.push(format!("peer {word}")),
            None => {}
        }
        if let Some(verdict) = self.verdict {
            words.push(Verdict::show(verdict));
        }
        if let Some(reason) = self.reason {
            words.push(reason::name(reason));
        }
        match self.layer {
            Some(Layer::Transport(protocol)) => words.push(protocol.name().to_owned()),
            Some(Layer::Dns) => words.push("dns".to_owned()),
            Some(Layer::Http) => words.push("http".to_owned()),
            None => {}
        }
        if let Some(port) = self.port {
            words.push(format!("port {port}"));
        }
        if let Some(node) = &self.node {
            words.push(format!("node {node}"));
        }
        words.join(", ")
    }

    /// The flags of `hubble observe` that show about the same.
    pub(crate) fn flags(&self) -> String {
        let mut flags = String::new();
        let mut add = |flag: &str, value: &str| {
            flags.push_str(&format!(" --{flag} {value}"));
        };
        match (&self.namespace, &self.workload) {
            (Some(namespace), Some(workload)) => add("pod", &format!("{namespace}/{workload}")),
            (Some(namespace), None) => add("namespace", namespace),
            _ => {}
        }
        if let Some(verdict) = self.verdict {
            add("verdict", &Verdict::show(verdict));
        }
        if let Some(reason) = self.reason {
            add("drop-reason-desc", &DropReason::show(reason));
        }
        if let Some(port) = self.port {
            add("port", &port.to_string());
        }
        match self.layer {
            Some(Layer::Transport(protocol)) => add("protocol", protocol.name()),
            Some(Layer::Http) => add("protocol", "http"),
            Some(Layer::Dns) => add("protocol", "dns"),
            None => {}
        }
        if let Some(node) = &self.node {
            add("node-name", node);
        }
        flags
    }
}

/// A node by its name, with its cluster or without.
fn is_node(node: &str, wanted: &str) -> bool {
    node == wanted || node.rsplit_once('/').is_some_and(|(_, name)| name == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::turn;
    use pretty_assertions::assert_eq;
    use stethoscope_hubble::file::{Entry, decode};

    /// From a pod of `shop/api` to a pod of `bank/db`, or to the world.
    const FLOW: &str = r#"{"flow":{"verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED","IP":{"source":"10.0.0.1","destination":"203.0.113.7"},"l4":{"TCP":{"source_port":40000,"destination_port":443}},"source":{"identity":1001,"namespace":"shop","pod_name":"api-7d8f9c6b5d-x2x4p"},"destination":{"identity":2},"destination_names":["s3.eu.storage.example"],"is_reply":false}}"#;

    fn has(scope: &Scope) -> bool {
        let Entry::Flow { flow, .. } = decode::<Record<'_>>(FLOW.as_bytes()).unwrap() else {
            panic!("a flow")
        };
        scope.has(&flow, &turn(&flow), "east/n1")
    }

    fn word(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_scope_is_exact_where_the_server_s_is_a_prefix() {
        let of = |workload: &str| Scope {
            namespace: Some(word("shop")),
            workload: Some(word(workload)),
            ..Scope::default()
        };
        assert!(has(&of("api")) && has(&of("api-7d8f9c6b5d-x2x4p")));
        assert!(!has(&of("ap")) && !has(&of("api-7d8f9c6b5d")));
        assert!(!has(&Scope { namespace: Some(word("bank")), ..Scope::default() }));
        assert!(has(&Scope { node: Some(word("n1")), ..Scope::default() }));
        assert!(!has(&Scope { node: Some(word("n10")), ..Scope::default() }));
    }

    #[test]
    fn a_peer_is_a_name_a_network_or_an_identity_and_stands_at_the_other_end() {
        for (peer, expected) in [
            ("storage.example", true),
            ("torage.example", false),
            ("203.0.113.0/24", true),
            ("203.0.113.8", false),
            ("world", true),
            ("host", false),
            ("shop/api", false),
        ] {
            let scope =
                Scope { namespace: Some(word("shop")), peer: Some(Peer::parse(peer)), ..Scope::default() };
            assert_eq!(has(&scope), expected, "{peer}");
        }
        let side = |side| Scope { namespace: Some(word("shop")), direction: Some(side), ..Scope::default() };
        assert!(has(&side(Side::Egress)) && !has(&side(Side::Ingress)));
    }

    #[test]
    fn filters_are_never_narrower_than_the_scope() {
        let scope = Scope {
            namespace: Some(word("shop")),
            workload: Some(word("api")),
            port: Some(53),
            ..Scope::default()
        };
        let filters = scope.filters();
        // Either end, and answers, which have the port at the source.
        assert_eq!(filters.len(), 4);
        assert!(filters.iter().all(|filter| filter.source_pod.len() + filter.destination_pod.len() == 1));
        // A bare pod name would mean the namespace `default`.
        assert_eq!(Scope { workload: Some(word("api")), ..Scope::default() }.filters(), []);
        assert_eq!(Scope::default().filters(), []);
        let node = Scope { node: Some(word("n1")), ..Scope::default() }.filters();
        assert_eq!(node[0].node_name, ["*/n1"]);
    }
}
