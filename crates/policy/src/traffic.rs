//! Questions: may this end reach that one?

use crate::peer::Peer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A protocol with ports.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP; upstream's default.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp].into_iter().find(|it| it.word().eq_ignore_ascii_case(word))
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Family {
    /// ICMP.
    #[serde(rename = "IPv4")]
    V4,
    /// ICMPv6.
    #[serde(rename = "IPv6")]
    V6,
}

/// Layer 4 of a question. Ports are the destination's own: policies see a Service's traffic after its translation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP, UDP or SCTP.
    Port {
        /// Protocol.
        protocol: Protocol,
        /// Destination port; `None` means that it is not known.
        port: Option<u16>,
    },
    /// ICMP.
    Icmp {
        /// Which.
        family: Family,
        /// Type; `None` means that it is not known.
        kind: Option<u8>,
    },
    /// Anything else, e.g. `IGMP`.
    Other(String),
}

impl Transport {
    /// TCP to a port.
    pub fn tcp(port: u16) -> Self {
        Self::Port { protocol: Protocol::Tcp, port: Some(port) }
    }

    /// UDP to a port.
    pub fn udp(port: u16) -> Self {
        Self::Port { protocol: Protocol::Udp, port: Some(port) }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { protocol, port: Some(port) } => write!(f, "{port}/{protocol}"),
            Self::Port { protocol, port: None } => write!(f, "an unknown {protocol} port"),
            Self::Icmp { family, kind } => {
                f.write_str(if *family == Family::V4 { "ICMP" } else { "ICMPv6" })?;
                kind.map_or(Ok(()), |kind| write!(f, " type {kind}"))
            }
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Layer 7 of a question.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// An HTTP request.
    Http {
        /// Method.
        method: String,
        /// Path with its query, as Envoy's `:path` has it.
        path: String,
        /// Host header.
        #[serde(default)]
        host: String,
        /// Headers, names in any case.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// A DNS query.
    Dns {
        /// The name asked for.
        query: String,
    },
    /// A TLS handshake.
    Tls {
        /// Server name indication.
        server_name: String,
    },
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { method, path, .. } => write!(f, "{method} {path}"),
            Self::Dns { query } => write!(f, "DNS query {query}"),
            Self::Tls { server_name } => write!(f, "TLS to {server_name}"),
        }
    }
}

/// A question: may `source` open this connection to `destination`? Replies of allowed connections are always allowed,
/// so a reply is asked about with its ends put back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// Who opens the connection.
    pub source: Arc<Peer>,
    /// Who is called.
    pub destination: Arc<Peer>,
    /// Layer 4.
    pub transport: Transport,
    /// Layer 7, when the question is about one request.
    pub request: Option<Request>,
}

/// What became of observed traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It passed.
    Forwarded,
    /// A policy dropped it.
    Dropped,
}

/// Traffic that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What.
    pub traffic: Traffic,
    /// How many flow events; at least one.
    pub count: u64,
    /// What became of it.
    pub fate: Fate,
}
