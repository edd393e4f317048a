//! Policies of administrators: AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1), ClusterNetworkPolicy
//! (v1alpha2). <https://network-policy-api.sigs.k8s.io/api-overview/>

use super::cursor::{At, Fields, Report};
use super::kubernetes::{namespace_label, pod};
use super::labels::{networks, selector};
use crate::model::{
    Action, Block, Isolates, Kind, NamePattern, PeerMatch, Peers, PortKind, PortMatch, PortSet, Ports, Reach,
    Rule, Section, Side, Subject, Tier, Who,
};
use crate::selector::{Key, Requirement, Selector};
use crate::traffic::Protocol;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn sections(kind: Kind, spec: Option<&Value>, report: &mut Report) -> (Tier, Vec<Section>) {
    let nowhere = Tier::Baseline { priority: 0 };
    let Some(spec) = spec else {
        report.malformed("spec", "a policy without a spec selects nothing");
        return (nowhere, Vec::new());
    };
    let Some(mut fields) = super::at(spec, "spec").fields(report) else { return (nowhere, Vec::new()) };
    let tier = tier(kind, &mut fields, report);
    let subject = fields.take("subject").and_then(|at| pods(&at, report));
    if subject.is_none() {
        report.malformed("spec.subject", "a policy needs a subject: namespaces, or pods");
    }
    let [ingress, egress] = [("ingress", "from"), ("egress", "to")].map(|(side, peers)| {
        let rules = fields.take(side).map_or_else(Vec::new, |at| rules(&at, peers, report));
        // "CNPs with no ingress rules do not affect ingress traffic."
        (!rules.is_empty()).then_some(Side { isolates: Isolates::No, rules })
    });
    fields.close(report);
    let subject = subject.map_or(Subject::Unreadable, Subject::Pods);
    (tier, vec![Section { path: "spec".to_owned(), subject, ingress, egress }])
}

fn tier(kind: Kind, fields: &mut Fields<'_>, report: &mut Report) -> Tier {
    let mut priority = || fields.take("priority").and_then(|at| at.integer(report));
    match kind {
        Kind::BaselineAdminNetworkPolicy => Tier::Baseline { priority: 0 },
        Kind::ClusterNetworkPolicy => {
            let priority = priority().unwrap_or_default();
            let written = fields.take("tier");
            match written.as_ref().and_then(|at| at.value.as_str()) {
                Some("Baseline") => Tier::Baseline { priority },
                Some("Admin") => Tier::Admin { priority },
                _ => {
                    report.malformed("spec.tier", "neither Admin nor Baseline: taken as Admin");
                    Tier::Admin { priority }
                }
            }
        }
        _ => {
            let priority = priority();
            if priority.is_none() {
                report.malformed("spec.priority", "an AdminNetworkPolicy needs a priority: taken as 0");
            }
            Tier::Admin { priority: priority.unwrap_or_default() }
        }
    }
}

/// Pods by namespace, or by namespace and labels. Host-networked pods are never among them.
fn pods(at: &At<'_>, report: &mut Report) -> Option<Selector> {
    let mut fields = at.fields(report)?;
    let (namespaces, pods) = (fields.take("namespaces"), fields.take("pods"));
    if fields.close(report).is_some() {
        return None;
    }
    match (namespaces, pods) {
        (Some(namespaces), None) => in_namespaces(&namespaces, report),
        (None, Some(pods)) => namespaced_pods(&pods, report),
        _ => None,
    }
}

fn in_namespaces(at: &At<'_>, report: &mut Report) -> Option<Selector> {
    Some(selector(at, report, namespace_label)?.and(Requirement::exists(Key::Namespace)))
}

fn namespaced_pods(at: &At<'_>, report: &mut Report) -> Option<Selector> {
    let mut fields = at.fields(report)?;
    let namespaces = fields
        .take("namespaceSelector")
        .map_or(Some(Selector::default()), |at| selector(&at, report, namespace_label));
    let pods = fields.take("podSelector").map_or(Some(Selector::default()), |at| selector(&at, report, pod));
    if fields.close(report).is_some() {
        return None;
    }
    Some(pods?.joined(namespaces?).and(Requirement::exists(Key::Namespace)))
}

fn rules(at: &At<'_>, peers: &'static str, report: &mut Report) -> Vec<Rule> {
    let Some(items) = at.list(report) else { return vec![Rule::unreadable(at.path.clone(), Action::Deny)] };
    let read = |item: &At<'_>, report: &mut Report| {
        rule(item, peers, report).unwrap_or_else(|| Rule::unreadable(item.path.clone(), Action::Deny))
    };
    items.iter().map(|item| read(item, report)).collect()
}

fn rule(at: &At<'_>, peers: &'static str, report: &mut Report) -> Option<Rule> {
    let mut fields = at.fields(report)?;
    let name = fields.take("name").and_then(|at| at.text(report)).map(str::to_owned);
    let action = fields.take("action").and_then(|at| match at.value.as_str() {
        Some("Allow" | "Accept") => Some(Action::Allow),
        Some("Deny") => Some(Action::Deny),
        Some("Pass") => Some(Action::Pass),
        _ => None,
    });
    let items = fields.take(peers).map_or(Some(Vec::new()), |at| at.list(report))?;
    let read: Vec<Option<Vec<PeerMatch>>> = items.iter().map(|item| peer(item, report)).collect();
    let unreadable = read.iter().any(Option::is_none);
    let peers = Peers::Of(read.into_iter().flatten().flatten().collect());
    let ports = match (fields.take("ports"), fields.take("protocols")) {
        (None, None) => Ports::Any,
        (ports, protocols) => {
            let ports = ports.map_or(Some(Vec::new()), |at| at.list(report))?;
            let protocols = protocols.map_or(Some(Vec::new()), |at| at.list(report))?;
            let ports = ports.iter().map(|at| matched(at, port_v1alpha1(at, report), report));
            let mut all: Vec<PortMatch> = ports.collect();
            all.extend(protocols.iter().map(|at| matched(at, protocol_v1alpha2(at, report), report)));
            Ports::Of(all)
        }
    };
    let mut doubt = fields.close(report);
    if action.is_none() {
        report.malformed(&format!("{}.action", at.path), "none of Allow (Accept), Deny, Pass");
        doubt.get_or_insert_with(|| "its action can't be read".to_owned());
    }
    let action = action.unwrap_or(Action::Deny);
    let path = at.path.clone();
    // "fail closed": an Allow rule matches no traffic, a Deny or Pass rule is treated as a "Deny all" rule.
    if unreadable && action != Action::Allow {
        report.malformed(&path, "a peer can't be read: upstream asks to treat the rule as \"Deny all\"");
        let (action, peers, ports) = (Action::Deny, Peers::Any, Ports::Any);
        return Some(Rule { path, name, action, peers, ports, authentication: None, doubt });
    }
    Some(Rule { path, name, action, peers, ports, authentication: None, doubt })
}

/// One peer, which may speak of several networks or names; `None` when it can't be read.
fn peer(at: &At<'_>, report: &mut Report) -> Option<Vec<PeerMatch>> {
    let mut fields = at.fields(report)?;
    let place = |who| PeerMatch { who };
    let (namespaces, pods) = (fields.take("namespaces"), fields.take("pods"));
    let (nodes, nets, names) = (fields.take("nodes"), fields.take("networks"), fields.take("domainNames"));
    let unknown = fields.close(report).is_some();
    let set = [&namespaces, &pods, &nodes, &nets, &names].iter().filter(|it| it.is_some()).count();
    if unknown || set != 1 {
        report
            .malformed(&at.path, "a peer has exactly one of namespaces, pods, nodes, networks, domainNames");
        return None;
    }
    if let Some(at) = namespaces {
        return Some(vec![place(Who::Endpoints(in_namespaces(&at, report)?))]);
    }
    if let Some(at) = pods {
        return Some(vec![place(Who::Endpoints(namespaced_pods(&at, report)?))]);
    }
    if let Some(at) = nodes {
        return Some(vec![place(Who::Nodes(selector(&at, report, |key| Key::Node(key.to_owned()))?))]);
    }
    if let Some(at) = nets {
        // "cluster-internal traffic will be checked against the rule as well"
        let block = |net| Block { net, except: Vec::new(), reach: Reach::Everyone };
        return Some(networks(&at, report)?.into_iter().map(|net| place(Who::Block(block(net)))).collect());
    }
    let items = names?.list(report)?;
    let names: Vec<Option<&str>> = items.iter().map(|item| item.text(report)).collect();
    let names: Option<Vec<&str>> = names.into_iter().collect();
    Some(names?.into_iter().map(|name| place(Who::Name(NamePattern::domain(name)))).collect())
}

fn matched(at: &At<'_>, kind: Option<PortKind>, report: &mut Report) -> PortMatch {
    let kind = kind.unwrap_or_else(|| {
        report.malformed(&at.path, "a port that can't be read");
        PortKind::Unsupported("a port that can't be read".to_owned())
    });
    PortMatch { path: at.path.clone(), kind, layer7: Arc::new([]) }
}

fn port_v1alpha1(at: &At<'_>, report: &mut Report) -> Option<PortKind> {
    let mut fields = at.fields(report)?;
    let (number, name, range) =
        (fields.take("portNumber"), fields.take("namedPort"), fields.take("portRange"));
    if fields.close(report).is_some() {
        return None;
    }
    if let Some(at) = name {
        return Some(PortKind::Port { protocol: None, set: PortSet::Named(at.text(report)?.to_owned()) });
    }
    let mut fields = number.as_ref().or(range.as_ref())?.fields(report)?;
    let protocol = match fields.take("protocol") {
        None => Protocol::Tcp,
        Some(at) => Protocol::parse(at.text(report)?)?,
    };
    let set = if number.is_some() {
        let port = fields.take("port")?.port(report)?;
        PortSet::Range(port, port)
    } else {
        PortSet::Range(fields.take("start")?.port(report)?, fields.take("end")?.port(report)?)
    };
    fields.close(report).is_none().then_some(PortKind::Port { protocol: Some(protocol), set })
}

fn protocol_v1alpha2(at: &At<'_>, report: &mut Report) -> Option<PortKind> {
    let mut fields = at.fields(report)?;
    let name = fields.take("destinationNamedPort");
    let protocols = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)]
        .map(|(word, protocol)| (fields.take(word), protocol));
    if fields.close(report).is_some() {
        return None;
    }
    if let Some(at) = name {
        return Some(PortKind::Port { protocol: None, set: PortSet::Named(at.text(report)?.to_owned()) });
    }
    let (at, protocol) = protocols.into_iter().find_map(|(at, protocol)| at.map(|at| (at, protocol)))?;
    let mut fields = at.fields(report)?;
    let port = fields.take("destinationPort");
    if fields.close(report).is_some() {
        return None;
    }
    let Some(port) = port else {
        return Some(PortKind::Port { protocol: Some(protocol), set: PortSet::All });
    };
    let mut fields = port.fields(report)?;
    let (number, range) = (fields.take("number"), fields.take("range"));
    if fields.close(report).is_some() {
        return None;
    }
    let set = if let Some(number) = number {
        let port = number.port(report)?;
        PortSet::Range(port, port)
    } else {
        let mut fields = range?.fields(report)?;
        PortSet::Range(fields.take("start")?.port(report)?, fields.take("end")?.port(report)?)
    };
    Some(PortKind::Port { protocol: Some(protocol), set })
}
