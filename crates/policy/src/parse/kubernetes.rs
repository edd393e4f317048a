//! `networking.k8s.io/v1` NetworkPolicy.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>

use super::cursor::{At, Report};
use super::labels::{network, networks, selector};
use crate::model::{
    Action, Block, Isolates, PeerMatch, Peers, PortKind, PortMatch, PortSet, Ports, ProblemKind, Reach, Rule,
    Section, Side, Subject, Who,
};
use crate::selector::{Key, Requirement, Selector};
use crate::traffic::Protocol;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn sections(spec: Option<&Value>, namespace: &str, report: &mut Report) -> Vec<Section> {
    let Some(spec) = spec else {
        report.malformed("spec", "a policy without a spec selects nothing");
        return Vec::new();
    };
    let Some(mut fields) = super::at(spec, "spec").fields(report) else { return Vec::new() };
    let subject = match fields.take("podSelector") {
        Some(at) => {
            selector(&at, report, pod).map_or(Subject::Unreadable, |it| Subject::Pods(within(namespace, it)))
        }
        None => Subject::Pods(within(namespace, Selector::default())),
    };
    let types = fields.take("policyTypes");
    let ingress = fields.take("ingress");
    let egress = fields.take("egress");
    let has_egress =
        egress.as_ref().and_then(|at| at.value.as_array()).is_some_and(|rules| !rules.is_empty());
    let (covers_ingress, covers_egress) = covered(types.as_ref(), has_egress, report);
    let sides = [("Ingress", covers_ingress, ingress, "from"), ("Egress", covers_egress, egress, "to")];
    let [ingress, egress] = sides.map(|(name, covered, at, peers)| {
        let rules = at.as_ref().map_or_else(Vec::new, |at| rules(at, peers, namespace, report));
        if !covered && !rules.is_empty() {
            let path = at.map_or_else(String::new, |at| at.path);
            report.say(
                &path,
                ProblemKind::NoEffect,
                format!("policyTypes does not name {name}: these rules are not in effect"),
            );
        }
        covered.then_some(Side { isolates: Isolates::Yes, rules })
    });
    fields.close(report);
    vec![Section { path: "spec".to_owned(), subject, ingress, egress }]
}

/// "If no policyTypes are specified on a NetworkPolicy then by default Ingress will always be set and Egress will be
/// set if the NetworkPolicy has any egress rules."
fn covered(types: Option<&At<'_>>, has_egress: bool, report: &mut Report) -> (bool, bool) {
    let named = types.and_then(|at| at.list(report)).unwrap_or_default();
    let (mut ingress, mut egress) = (false, false);
    for item in &named {
        match item.text(report) {
            Some("Ingress") => ingress = true,
            Some("Egress") => egress = true,
            Some(_) => report.malformed(&item.path, "neither Ingress nor Egress"),
            None => {}
        }
    }
    if named.is_empty() { (true, has_egress) } else { (ingress, egress) }
}

fn rules(at: &At<'_>, peers: &'static str, namespace: &str, report: &mut Report) -> Vec<Rule> {
    let Some(items) = at.list(report) else { return vec![Rule::unreadable(at.path.clone(), Action::Allow)] };
    let read = |item: &At<'_>, report: &mut Report| {
        rule(item, peers, namespace, report)
            .unwrap_or_else(|| Rule::unreadable(item.path.clone(), Action::Allow))
    };
    items.iter().map(|item| read(item, report)).collect()
}

fn rule(at: &At<'_>, peers: &'static str, namespace: &str, report: &mut Report) -> Option<Rule> {
    let mut fields = at.fields(report)?;
    let from = fields.take(peers).map_or(Some(Vec::new()), |at| at.list(report))?;
    let ports = fields.take("ports").map_or(Some(Vec::new()), |at| at.list(report))?;
    // "If this field is empty or missing, this rule matches all": both for peers and for ports.
    let peers = if from.is_empty() {
        Peers::Any
    } else {
        Peers::Of(from.iter().map(|item| peer(item, namespace, report)).collect())
    };
    let ports = if ports.is_empty() {
        Ports::Any
    } else {
        Ports::Of(ports.iter().map(|item| port(item, report)).collect())
    };
    let doubt = fields.close(report);
    let (path, action) = (at.path.clone(), Action::Allow);
    Some(Rule { path, name: None, action, peers, ports, authentication: None, doubt })
}

fn peer(at: &At<'_>, namespace: &str, report: &mut Report) -> PeerMatch {
    let who = who(at, namespace, report)
        .unwrap_or_else(|| Who::Unsupported("a peer that can't be read".to_owned()));
    PeerMatch { who }
}

fn who(at: &At<'_>, namespace: &str, report: &mut Report) -> Option<Who> {
    let mut fields = at.fields(report)?;
    let pods = fields.take("podSelector");
    let namespaces = fields.take("namespaceSelector");
    let block = fields.take("ipBlock");
    if fields.close(report).is_some() {
        return None;
    }
    match (pods, namespaces, block) {
        (None, None, Some(block)) => ip_block(&block, report).map(Who::Block),
        (pods, Some(namespaces), None) => {
            let namespaces = selector(&namespaces, report, namespace_label)?;
            let pods = pods.map_or(Some(Selector::default()), |at| selector(&at, report, pod))?;
            // Only pods have a namespace: an empty namespaceSelector selects no node and no address.
            Some(Who::Endpoints(pods.joined(namespaces).and(Requirement::exists(Key::Namespace))))
        }
        (Some(pods), None, None) => Some(Who::Endpoints(within(namespace, selector(&pods, report, pod)?))),
        (None, None, None) => {
            report.malformed(&at.path, "a peer without podSelector, namespaceSelector or ipBlock");
            None
        }
        (_, _, Some(_)) => {
            report.malformed(&at.path, "ipBlock can't stand beside a selector");
            None
        }
    }
}

fn ip_block(at: &At<'_>, report: &mut Report) -> Option<Block> {
    let mut fields = at.fields(report)?;
    let Some(cidr) = fields.take("cidr") else {
        report.malformed(&at.path, "an ipBlock without cidr");
        return None;
    };
    let net = network(&cidr, report)?;
    let except = fields.take("except").map_or(Some(Vec::new()), |at| networks(&at, report))?;
    fields.close(report).is_none().then_some(Block { net, except, reach: Reach::Plugin })
}

fn port(at: &At<'_>, report: &mut Report) -> PortMatch {
    let kind = port_kind(at, report)
        .unwrap_or_else(|| PortKind::Unsupported("a port that can't be read".to_owned()));
    PortMatch { path: at.path.clone(), kind, layer7: Arc::new([]) }
}

fn port_kind(at: &At<'_>, report: &mut Report) -> Option<PortKind> {
    let mut fields = at.fields(report)?;
    let protocol = match fields.take("protocol") {
        None => Protocol::Tcp,
        Some(at) => {
            let word = at.text(report)?;
            let Some(protocol) = Protocol::parse(word) else {
                report.malformed(&at.path, "none of TCP, UDP, SCTP");
                return None;
            };
            protocol
        }
    };
    let (port, end) = (fields.take("port"), fields.take("endPort"));
    if fields.close(report).is_some() {
        return None;
    }
    let set = match (port, end) {
        (None, None) => PortSet::All,
        (Some(port), end) => match (port.value, end) {
            (Value::String(name), None) => PortSet::Named(name.clone()),
            (Value::String(_), Some(_)) => {
                report.malformed(&at.path, "endPort belongs to a port number, not to a name");
                return None;
            }
            (_, end) => {
                let first = port.port(report)?;
                let last = end.map_or(Some(first), |end| end.port(report))?;
                if last < first {
                    report.malformed(&at.path, "endPort is smaller than port");
                    return None;
                }
                PortSet::Range(first, last)
            }
        },
        (None, Some(_)) => {
            report.malformed(&at.path, "endPort without port");
            return None;
        }
    };
    Some(PortKind::Port { protocol: Some(protocol), set })
}

pub(super) fn pod(key: &str) -> Key {
    Key::Pod(key.to_owned())
}

pub(super) fn namespace_label(key: &str) -> Key {
    Key::NamespaceLabel(key.to_owned())
}

fn within(namespace: &str, selector: Selector) -> Selector {
    selector.and(Requirement::equals(Key::Namespace, namespace))
}
