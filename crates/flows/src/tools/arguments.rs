//! What both tools take.

use crate::ask::Ask;
use crate::reason;
use crate::scope::{Layer, Peer, Scope, Side};
use crate::show::read_moment;
use crate::turn::Protocol;
use serde::{Deserialize, Deserializer};
use stethoscope_core::tool::{CallContext, ToolError, nearest_names};
use stethoscope_hubble::words::{DropReason, Verdict, Words};

/// The arguments as given.
#[derive(Clone, Debug, Default)]
pub(super) struct Given<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) workload: Option<&'a str>,
    pub(super) peer: Option<&'a str>,
    pub(super) direction: Option<&'a str>,
    pub(super) verdict: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
    pub(super) protocol: Option<&'a str>,
    pub(super) port: Option<u64>,
    pub(super) node: Option<&'a str>,
    pub(super) since: Option<&'a str>,
    pub(super) until: Option<&'a str>,
}

fn bad(message: String, hint: &str) -> ToolError {
    ToolError::BadArguments { message, hint: Some(hint.to_owned()) }
}

/// An argument that is not blank.
fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

impl Given<'_> {
    /// What they ask for.
    pub(super) fn ask(&self, context: &CallContext) -> Result<Ask, ToolError> {
        let namespace = match self.namespace.map(str::trim) {
            None => context.namespace.clone(),
            Some("" | "*" | "all") => None,
            Some(name) => Some(name.to_owned()),
        };
        // `namespace/workload` in one word.
        let (namespace, workload) = match said(self.workload) {
            Some(word) => match word.split_once('/') {
                Some((space, name)) => (Some(space.to_owned()), Some(name.to_owned())),
                None => (namespace, Some(word.to_owned())),
            },
            None => (namespace, None),
        };
        let scope = Scope {
            namespace: namespace.filter(|name| !name.is_empty()),
            workload: workload.filter(|name| !name.is_empty()),
            peer: said(self.peer).map(Peer::parse),
            direction: self.side()?,
            verdict: word::<Verdict>("verdict", self.verdict)?,
            reason: drop_reason(self.reason)?,
            port: match self.port {
                None | Some(0) => None,
                Some(port) => Some(
                    u16::try_from(port).map_err(|_| bad(format!("port: {port} is no port"), "1 to 65535"))?,
                ),
            },
            layer: self.layer()?,
            node: said(self.node).map(str::to_owned),
        };
        let now = i64::try_from(context.now.as_nanosecond()).unwrap_or(i64::MAX);
        let moment = |name: &str, text| {
            read_moment(text, now)
                .map_err(|why| bad(format!("{name}: {why}"), "e.g. 10m, 1h or 2026-01-31T12:00:00Z"))
        };
        let (since, until) = (moment("since", self.since)?, moment("until", self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(bad("since is after until".to_owned(), "both count back from now"));
        }
        Ok(Ask { scope, since, until, ..Ask::default() })
    }

    fn side(&self) -> Result<Option<Side>, ToolError> {
        match said(self.direction).map(str::to_ascii_lowercase).as_deref() {
            None | Some("any" | "both" | "*") => Ok(None),
            Some("ingress" | "in" | "to") => Ok(Some(Side::Ingress)),
            Some("egress" | "out" | "from") => Ok(Some(Side::Egress)),
            Some(other) => Err(bad(format!("direction: {other:?}"), "ingress or egress")),
        }
    }

    fn layer(&self) -> Result<Option<Layer>, ToolError> {
        Ok(Some(match said(self.protocol).map(str::to_ascii_lowercase).as_deref() {
            None | Some("any" | "*") => return Ok(None),
            Some("tcp") => Layer::Transport(Protocol::Tcp),
            Some("udp") => Layer::Transport(Protocol::Udp),
            Some("sctp") => Layer::Transport(Protocol::Sctp),
            Some("icmp" | "icmpv4") => Layer::Transport(Protocol::Icmp),
            Some("icmpv6") => Layer::Transport(Protocol::Icmpv6),
            Some("dns") => Layer::Dns,
            Some("http" | "http2" | "grpc") => Layer::Http,
            Some(other) => {
                return Err(bad(
                    format!("protocol: {other:?} is not known"),
                    "tcp, udp, sctp, icmp, icmpv6, dns or http (gRPC is HTTP here)",
                ));
            }
        }))
    }
}

/// The code of an enumeration's name, in any letter case.
fn word<W: Words>(argument: &str, text: Option<&str>) -> Result<Option<i32>, ToolError> {
    let Some(text) = said(text).filter(|text| !matches!(*text, "*" | "any" | "all")) else { return Ok(None) };
    let upper = text.to_ascii_uppercase().replace([' ', '-'], "_");
    if let Some(code) = W::code(&upper).or_else(|| text.parse().ok()) {
        return Ok(Some(code));
    }
    let nearest = nearest_names(&upper, W::NAMES.iter().map(|(_, name)| *name), 3);
    Err(ToolError::BadArguments {
        message: format!("{argument}: {text:?} is not known"),
        hint: (!nearest.is_empty()).then(|| format!("did you mean {}?", nearest.join(", "))),
    })
}

/// A drop reason by its name in the API, or as answers call it.
fn drop_reason(text: Option<&str>) -> Result<Option<i32>, ToolError> {
    if let Some(text) = said(text) {
        let shown = |code: &i32| reason::name(*code).eq_ignore_ascii_case(text);
        let words = |code: &i32| {
            reason::name(*code).split(' ').next().is_some_and(|name| name.eq_ignore_ascii_case(text))
        };
        let codes = DropReason::NAMES.iter().map(|(code, _)| *code);
        if let Some(code) = codes.clone().find(shown).or_else(|| codes.clone().find(words)) {
            return Ok(Some(code));
        }
    }
    word::<DropReason>("reason", text)
}

/// A number given as such or as text.
pub(super) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
        Nothing(()),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(Some(number)),
        Either::Text(text) if text.trim().is_empty() => Ok(None),
        Either::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no number"))),
        Either::Nothing(()) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn context() -> CallContext {
        CallContext { namespace: Some("shop".to_owned()), now: "2026-01-01T12:00:00Z".parse().unwrap() }
    }

    #[test]
    fn grpc_is_http_and_never_sent_as_a_protocol() {
        let ask = Given { protocol: Some("grpc"), ..Given::default() }.ask(&context()).unwrap();
        assert_eq!(ask.scope.layer, Some(Layer::Http));
        assert!(ask.scope.filters().iter().all(|filter| filter.protocol == ["http"]));
    }

    #[test]
    fn words_are_taken_as_people_write_them() {
        let ask = Given {
            workload: Some("bank/teller"),
            verdict: Some("dropped"),
            reason: Some("policy denied"),
            direction: Some("EGRESS"),
            since: Some("10m"),
            port: Some(53),
            ..Given::default()
        }
        .ask(&context())
        .unwrap();
        assert_eq!(
            (
                ask.scope.namespace.as_deref(),
                ask.scope.workload.as_deref(),
                ask.scope.verdict,
                ask.scope.reason
            ),
            (Some("bank"), Some("teller"), Some(2), Some(133))
        );
        assert_eq!(ask.scope.words(), "bank/teller, egress, DROPPED, POLICY_DENIED, port 53");
        let fragments = Given { reason: Some("fragmentation_needed"), ..Given::default() };
        assert_eq!(fragments.ask(&context()).unwrap().scope.reason, Some(136));
    }

    #[test]
    fn wrong_words_are_refused_with_the_right_ones() {
        for (given, word) in [
            (Given { verdict: Some("DROPED"), ..Given::default() }, "DROPPED"),
            (Given { reason: Some("POLICY_DENIE"), ..Given::default() }, "POLICY_DENIED"),
            (Given { protocol: Some("quic"), ..Given::default() }, "tcp, udp"),
            (Given { direction: Some("up"), ..Given::default() }, "ingress or egress"),
            (Given { port: Some(70_000), ..Given::default() }, "65535"),
            (Given { since: Some("soon"), ..Given::default() }, "10m"),
            (Given { since: Some("1m"), until: Some("1h"), ..Given::default() }, "count back"),
        ] {
            let error = given.ask(&context()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
