//! Which end began: answers have source and destination the other way round.

use crate::record::{End, Flags, Layer4, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The protocol above IP.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Protocol {
    /// Not told.
    #[default]
    Unknown,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
}

impl Protocol {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "?",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
        }
    }
}

/// Ports from here on are clients' (Linux' default range begins at 32768).
const EPHEMERAL: u16 = 32_768;

/// A flow as its connection goes: from the client to the server.
#[derive(Debug)]
pub(crate) struct Turned<'r> {
    pub(crate) source: Option<&'r End<'r>>,
    pub(crate) destination: Option<&'r End<'r>>,
    pub(crate) source_address: &'r str,
    pub(crate) destination_address: &'r str,
    pub(crate) source_name: Option<&'r str>,
    pub(crate) destination_name: Option<&'r str>,
    pub(crate) protocol: Protocol,
    /// The server's port; ICMP's type.
    server_port: u16,
    /// Ports as on the wire, from and to.
    pub(crate) wire_ports: (u16, u16),
    pub(crate) flags: Option<Flags>,
    pub(crate) is_reply: bool,
    /// Nothing in the record told the direction.
    pub(crate) guessed: bool,
}

impl Turned<'_> {
    /// The server's port, 0 where it is one of those that are given out.
    pub(crate) fn port(&self) -> u16 {
        if self.server_port >= EPHEMERAL { 0 } else { self.server_port }
    }

    /// The server's port as it is.
    pub(crate) fn exact_port(&self) -> u16 {
        self.server_port
    }

    /// The type of an ICMPv6 packet.
    pub(crate) fn icmpv6(&self) -> Option<u8> {
        (self.protocol == Protocol::Icmpv6).then(|| u8::try_from(self.wire_ports.1).unwrap_or_default())
    }
}

/// Turns a flow so that it goes from client to server.
pub(crate) fn turn<'r>(record: &'r Record<'r>) -> Turned<'r> {
    let (protocol, from, to, flags) = transport(record.l4);
    let (is_reply, guessed) = is_reply(record, protocol, from, to, flags);
    let (source_address, destination_address) =
        record.ip.as_ref().map_or(("", ""), |ip| (ip.source.0.as_ref(), ip.destination.0.as_ref()));
    let name = |first: &'r crate::record::First<'r>| first.0.as_ref().map(|name| name.0.as_ref());
    let one = (record.source.as_ref(), source_address, name(&record.source_names), from);
    let other = (record.destination.as_ref(), destination_address, name(&record.destination_names), to);
    let (client, server) = if is_reply { (other, one) } else { (one, other) };
    Turned {
        source: client.0,
        destination: server.0,
        source_address: client.1,
        destination_address: server.1,
        source_name: client.2,
        destination_name: server.2,
        protocol,
        server_port: match (protocol, server.3) {
            // Echo and its answer are one conversation.
            (Protocol::Icmp, 0) => 8,
            (Protocol::Icmpv6, 129) => 128,
            (_, port) => port,
        },
        wire_ports: (from, to),
        flags,
        is_reply,
        guessed,
    }
}

fn transport(l4: Option<Layer4>) -> (Protocol, u16, u16, Option<Flags>) {
    let Some(l4) = l4 else { return (Protocol::Unknown, 0, 0, None) };
    if let Some(tcp) = l4.tcp {
        return (Protocol::Tcp, tcp.source_port, tcp.destination_port, Some(tcp.flags.unwrap_or_default()));
    }
    if let Some(udp) = l4.udp {
        return (Protocol::Udp, udp.source_port, udp.destination_port, None);
    }
    if let Some(sctp) = l4.sctp {
        return (Protocol::Sctp, sctp.source_port, sctp.destination_port, None);
    }
    // The type in both places: it does not turn.
    if let Some(icmp) = l4.icmpv4 {
        let kind = u16::from(icmp.kind);
        return (Protocol::Icmp, kind, kind, None);
    }
    if let Some(icmp) = l4.icmpv6 {
        let kind = u16::from(icmp.kind);
        return (Protocol::Icmpv6, kind, kind, None);
    }
    (Protocol::Unknown, 0, 0, None)
}

/// By what the record says; else by the kind of an L7 record, by flags, by ports. Absent is not false.
fn is_reply(
    record: &Record<'_>,
    protocol: Protocol,
    from: u16,
    to: u16,
    flags: Option<Flags>,
) -> (bool, bool) {
    if let Some(known) = record.is_reply {
        return (known, false);
    }
    if record.reply {
        return (true, false);
    }
    match record.l7.as_ref().map(|l7| l7.kind.code) {
        Some(1) => return (false, false),
        Some(2) => return (true, false),
        _ => {}
    }
    if let Some(flags) = flags
        && flags.syn
    {
        return (flags.ack, false);
    }
    // A policy decides on what begins.
    if record.event() == stethoscope_hubble::words::event::POLICY_VERDICT {
        return (false, false);
    }
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Sctp => (from < EPHEMERAL && to >= EPHEMERAL, true),
        // 0 and 129 are echo replies.
        Protocol::Icmp => (from == 0, false),
        Protocol::Icmpv6 => (from == 129, false),
        Protocol::Unknown => (false, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use stethoscope_hubble::file::{Entry, decode};

    /// Who is the client, its server's port, whether an answer, whether guessed.
    fn turned(more: &str) -> (String, u16, bool, bool) {
        let line = format!(
            r#"{{"flow":{{"verdict":"FORWARDED","IP":{{"source":"10.0.0.1","destination":"10.0.0.2"}}{more}}}}}"#
        );
        let Entry::Flow { flow, .. } = decode::<Record<'_>>(line.as_bytes()).unwrap() else {
            panic!("a flow")
        };
        let turned = turn(&flow);
        (turned.source_address.to_owned(), turned.exact_port(), turned.is_reply, turned.guessed)
    }

    fn tcp(from: u16, to: u16, flags: &str) -> String {
        format!(r#","l4":{{"TCP":{{"source_port":{from},"destination_port":{to},"flags":{{{flags}}}}}}}"#)
    }

    #[test]
    fn answers_are_turned_by_what_the_record_says() {
        let (one, other) = ("10.0.0.1".to_owned(), "10.0.0.2".to_owned());
        let answer = tcp(8080, 40_000, r#""ACK":true"#);
        assert_eq!(turned(&format!(r#"{answer},"is_reply":true"#)), (other.clone(), 8080, true, false));
        assert_eq!(turned(&format!(r#"{answer},"reply":true"#)), (other.clone(), 8080, true, false));
        // A server that connects from a low port to a high one, and the record says so.
        assert_eq!(turned(&format!(r#"{answer},"is_reply":false"#)), (one.clone(), 40_000, false, false));
        assert_eq!(
            turned(&format!(r#"{answer},"l7":{{"type":"RESPONSE"}}"#)),
            (other.clone(), 8080, true, false)
        );
        assert_eq!(turned(&tcp(8080, 40_000, r#""SYN":true,"ACK":true"#)), (other, 8080, true, false));
        assert_eq!(turned(&tcp(40_000, 50_000, r#""SYN":true"#)), (one, 50_000, false, false));
    }

    #[test]
    fn absent_is_not_false() {
        let (one, other) = ("10.0.0.1".to_owned(), "10.0.0.2".to_owned());
        assert_eq!(turned(&tcp(8080, 40_000, r#""ACK":true"#)), (other, 8080, true, true));
        assert_eq!(turned(&tcp(40_000, 8080, r#""ACK":true"#)), (one.clone(), 8080, false, true));
        assert_eq!(turned(""), (one, 0, false, true));
    }
}
