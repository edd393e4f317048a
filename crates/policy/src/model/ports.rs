//! Ports of rules.

use super::Layer7;
use crate::traffic::{Family, Protocol};
use std::fmt;
use std::sync::Arc;

/// Which ports a rule speaks of.
#[derive(Clone, Debug)]
pub(crate) enum Ports {
    /// All, and every protocol.
    Any,
    /// Any of these.
    Of(Vec<PortMatch>),
}

#[derive(Clone, Debug)]
pub(crate) struct PortMatch {
    pub(crate) path: String,
    pub(crate) kind: PortKind,
    /// All of these must let a request pass; none means that layer 7 is not looked at.
    pub(crate) layer7: Arc<[Layer7]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    /// `None` means any protocol with ports.
    Port { protocol: Option<Protocol>, set: PortSet },
    /// An ICMP type; `None` for all.
    Icmp { family: Family, kind: Option<u8> },
    /// A protocol of another name.
    Other(String),
    /// Something that is not evaluated, in words.
    Unsupported(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortSet {
    All,
    /// First and last, both included.
    Range(u16, u16),
    /// A container port's name.
    Named(String),
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { protocol, set } => {
                let protocol = protocol.map_or("ANY", Protocol::word);
                match set {
                    PortSet::All => write!(f, "all ports/{protocol}"),
                    PortSet::Range(first, last) if first == last => write!(f, "{first}/{protocol}"),
                    PortSet::Range(first, last) => write!(f, "{first}-{last}/{protocol}"),
                    PortSet::Named(name) => write!(f, "{name}/{protocol}"),
                }
            }
            Self::Icmp { family, kind } => {
                f.write_str(if *family == Family::V4 { "ICMP" } else { "ICMPv6" })?;
                kind.map_or(Ok(()), |kind| write!(f, " type {kind}"))
            }
            Self::Other(name) => f.write_str(name),
            Self::Unsupported(what) => write!(f, "{what} (not evaluated)"),
        }
    }
}
