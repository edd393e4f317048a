//! `toPorts` and `icmps` of Cilium's policies, with layer 7.

use super::cursor::{At, Fields, Report};
use super::icmp::kind_of;
use crate::model::{
    Header, HttpRule, Layer7, NamePattern, Pattern, PortKind, PortMatch, PortSet, ProblemKind,
};
use crate::traffic::{Family, Protocol};
use serde_json::Value;
use std::sync::Arc;

/// One entry of `toPorts`.
pub(super) fn ports(at: &At<'_>, report: &mut Report) -> Vec<PortMatch> {
    let Some(mut fields) = at.fields(report) else { return vec![unreadable(at)] };
    // TLS contexts say how the proxy reads, a listener where it sends: neither changes who may talk to whom.
    fields.skip(&["terminatingTLS", "originatingTLS"]);
    let mut layer7 = Vec::new();
    if let Some(names) = fields.take("serverNames") {
        layer7.push(patterns(&names, report).map_or_else(|| opaque(SERVER_NAMES), Layer7::ServerNames));
    }
    if let Some(listener) = fields.take("listener") {
        report.say(
            &listener.path,
            ProblemKind::Unsupported,
            "what the Envoy listener does with the traffic is not known",
        );
    }
    if let Some(rules) = fields.take("rules") {
        layer7.extend(rules_of(&rules, report));
    }
    let listed = fields.take("ports").and_then(|at| at.list(report)).unwrap_or_default();
    if let Some(doubt) = fields.close(report) {
        layer7.push(Layer7::Opaque(doubt));
    }
    let layer7: Arc<[Layer7]> = layer7.into();
    if listed.is_empty() {
        report.say(&at.path, ProblemKind::NoEffect, "an entry without ports matches none");
    }
    let one = |item: &At<'_>, report: &mut Report| {
        let kind = port(item, report).unwrap_or_else(|| {
            report.malformed(&item.path, "a port that can't be read");
            PortKind::Unsupported("a port that can't be read".to_owned())
        });
        PortMatch { path: item.path.clone(), kind, layer7: layer7.clone() }
    };
    listed.iter().map(|item| one(item, report)).collect()
}

fn unreadable(at: &At<'_>) -> PortMatch {
    let kind = PortKind::Unsupported("a port that can't be read".to_owned());
    PortMatch { path: at.path.clone(), kind, layer7: Arc::new([]) }
}

fn port(at: &At<'_>, report: &mut Report) -> Option<PortKind> {
    let mut fields = at.fields(report)?;
    let word = fields.take("protocol").map_or(Some(""), |at| at.text(report))?;
    let written = fields.take("port")?;
    let end = fields.take("endPort").map_or(Some(None), |at| at.integer(report).map(Some))?;
    if fields.close(report).is_some() {
        return None;
    }
    let text = match written.value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let number = text.parse::<u16>().ok();
    let family = match word.to_ascii_uppercase().as_str() {
        "ICMP" => Some(Family::V4),
        "ICMPV6" => Some(Family::V6),
        _ => None,
    };
    if let Some(family) = family {
        let kind = number.and_then(|number| u8::try_from(number).ok());
        return Some(PortKind::Icmp { family, kind });
    }
    let any = word.is_empty() || word.eq_ignore_ascii_case("ANY");
    let protocol = Protocol::parse(word);
    if protocol.is_none() && !any {
        // VRRP, IGMP and such have no ports.
        return Some(PortKind::Other(word.to_ascii_uppercase()));
    }
    let set = match (number, end) {
        // Port 0 is the wildcard (pkg/policy/api/rule_validation.go).
        (Some(0), _) => PortSet::All,
        (Some(first), None | Some(0)) => PortSet::Range(first, first),
        (Some(first), Some(end)) => {
            let last = u16::try_from(end).ok().filter(|last| *last >= first)?;
            PortSet::Range(first, last)
        }
        // "EndPort is ignored if Port is a named port." Names compare without case.
        (None, _) if name(&text) => PortSet::Named(text.to_ascii_lowercase()),
        (None, _) => return None,
    };
    Some(PortKind::Port { protocol, set })
}

/// An IANA service name: letters, digits and hyphens, at least one letter.
fn name(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// One entry of `icmps`.
pub(super) fn icmps(at: &At<'_>, report: &mut Report) -> Vec<PortMatch> {
    let Some(mut fields) = at.fields(report) else { return vec![unreadable(at)] };
    let listed = fields.take("fields").and_then(|at| at.list(report)).unwrap_or_default();
    fields.close(report);
    let one = |item: &At<'_>, report: &mut Report| {
        let kind = icmp(item, report).unwrap_or_else(|| {
            report.malformed(&item.path, "an ICMP type that can't be read");
            PortKind::Unsupported("an ICMP type that can't be read".to_owned())
        });
        PortMatch { path: item.path.clone(), kind, layer7: Arc::new([]) }
    };
    listed.iter().map(|item| one(item, report)).collect()
}

fn icmp(at: &At<'_>, report: &mut Report) -> Option<PortKind> {
    let mut fields = at.fields(report)?;
    let family = match fields.take("family").map_or(Some("IPv4"), |at| at.text(report))? {
        "IPv4" | "" => Family::V4,
        "IPv6" => Family::V6,
        _ => return None,
    };
    let written = fields.take("type")?;
    fields.close(report);
    let kind = match written.value {
        Value::Number(number) => number.as_u64().and_then(|number| u8::try_from(number).ok())?,
        Value::String(text) => text.parse().ok().or_else(|| kind_of(family, text))?,
        _ => return None,
    };
    Some(PortKind::Icmp { family, kind: Some(kind) })
}

/// "exactly one of the following must be set"
fn rules_of(at: &At<'_>, report: &mut Report) -> Vec<Layer7> {
    let Some(mut fields) = at.fields(report) else { return vec![opaque("layer 7 rules that can't be read")] };
    let mut found = Vec::new();
    if let Some(at) = fields.take("http") {
        let rules = at.list(report).map(|rules| rules.iter().map(|at| http(at, report)).collect());
        found.push(rules.map_or_else(|| opaque("HTTP rules that can't be read"), Layer7::Http));
    }
    if let Some(at) = fields.take("dns") {
        found.push(dns(&at, report).map_or_else(|| opaque("DNS rules that can't be read"), Layer7::Dns));
    }
    for key in ["kafka", "l7proto", "l7"] {
        if let Some(at) = fields.take(key) {
            report.say(&at.path, ProblemKind::Unsupported, "rules of this protocol are not evaluated");
            found.push(Layer7::Opaque(format!("{key} rules")));
        }
    }
    if let Some(doubt) = fields.close(report) {
        found.push(Layer7::Opaque(doubt));
    }
    if found.len() > 1 {
        report.malformed(&at.path, "upstream rejects several layer 7 protocols in one entry");
    }
    found
}

fn http(at: &At<'_>, report: &mut Report) -> HttpRule {
    let mut rule = HttpRule::default();
    let Some(mut fields) = at.fields(report) else {
        rule.headers.push(Header::Secret("of a rule that can't be read".to_owned()));
        return rule;
    };
    rule.method = pattern(&mut fields, "method", report);
    rule.path = pattern(&mut fields, "path", report);
    rule.host = pattern(&mut fields, "host", report);
    for item in fields.take("headers").and_then(|at| at.list(report)).unwrap_or_default() {
        rule.headers
            .push(item.text(report).map_or_else(|| Header::Secret("that can't be read".to_owned()), header));
    }
    for item in fields.take("headerMatches").and_then(|at| at.list(report)).unwrap_or_default() {
        rule.headers.extend(header_match(&item, report));
    }
    if let Some(doubt) = fields.close(report) {
        rule.headers.push(Header::Secret(doubt));
    }
    rule
}

fn pattern(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Option<Pattern> {
    let at = fields.take(key)?;
    let Some(text) = at.text(report) else { return Some(Pattern::unreadable()) };
    if text.is_empty() {
        return None;
    }
    let pattern = Pattern::new(text);
    if !pattern.readable() {
        report.malformed(&at.path, "a regular expression that can't be compiled");
    }
    Some(pattern)
}

/// `X-My-Header: true`, `X-My-Header true`, or a name alone.
fn header(written: &str) -> Header {
    match written.trim().split_once(' ') {
        Some((name, value)) => Header::Equals(name.trim_end_matches(':').to_owned(), value.trim().to_owned()),
        None => Header::Present(written.trim().trim_end_matches(':').to_owned()),
    }
}

fn header_match(at: &At<'_>, report: &mut Report) -> Option<Header> {
    let mut fields = at.fields(report)?;
    let name = fields.take("name")?.text(report)?.to_owned();
    let value = fields.take("value").and_then(|at| at.text(report)).map(str::to_owned);
    let secret = fields.take("secret").is_some();
    // "Otherwise the overall rule is still considered as matching, but the mismatches are logged".
    let lenient =
        fields.take("mismatch").is_some_and(|at| at.value.as_str().is_some_and(|it| !it.is_empty()));
    fields.close(report);
    match value {
        _ if lenient => None,
        _ if secret => Some(Header::Secret(name)),
        Some(value) => Some(Header::Equals(name, value)),
        None => Some(Header::Present(name)),
    }
}

const SERVER_NAMES: &str = "server names that can't be read";

fn opaque(what: &str) -> Layer7 {
    Layer7::Opaque(what.to_owned())
}

/// `None` when one of them can't be read: a shorter list would refuse, and an empty one let everything pass.
fn dns(at: &At<'_>, report: &mut Report) -> Option<Vec<NamePattern>> {
    let items = at.list(report)?;
    let names: Vec<Option<NamePattern>> = items.iter().map(|item| dns_name(item, report)).collect();
    names.into_iter().collect()
}

fn dns_name(at: &At<'_>, report: &mut Report) -> Option<NamePattern> {
    let mut fields = at.fields(report)?;
    let (name, pattern) = (fields.take("matchName"), fields.take("matchPattern"));
    fields.close(report);
    match (name, pattern) {
        (Some(at), None) => at.text(report).map(NamePattern::exact),
        (None, Some(at)) => at.text(report).map(NamePattern::cilium),
        _ => {
            report.malformed(&at.path, "a DNS rule has either matchName or matchPattern");
            None
        }
    }
}

fn patterns(at: &At<'_>, report: &mut Report) -> Option<Vec<NamePattern>> {
    let items = at.list(report)?;
    let names: Vec<Option<&str>> = items.iter().map(|item| item.text(report)).collect();
    names.into_iter().map(|name| name.map(NamePattern::cilium)).collect()
}
