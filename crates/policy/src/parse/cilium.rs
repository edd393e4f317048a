//! `cilium.io/v2` CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.
//! <https://docs.cilium.io/en/stable/security/policy/>, fields as in `pkg/policy/api` of v1.19.

use super::cilium_ports::{icmps, ports};
use super::cursor::{At, Fields, Report};
use super::labels::{network, networks, selector};
use crate::model::{
    Action, Block, Entity, Isolates, NamePattern, PeerMatch, Peers, PortMatch, Ports, ProblemKind, Reach,
    Rule, Section, ServiceBy, ServiceMatch, Side, Subject, Who,
};
use crate::selector::{Key, Requirement};
use Words::{From, To};
use serde_json::Value;

/// Labels that Cilium adds to a pod's own (`pkg/k8s/apis/cilium.io`).
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
const SERVICE_ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";

pub(super) fn sections(object: &Value, namespace: Option<&str>, report: &mut Report) -> Vec<Section> {
    let part = |key: &str| object.get(key).filter(|value| !value.is_null());
    let mut specs: Vec<At<'_>> = part("spec").map(|value| super::at(value, "spec")).into_iter().collect();
    if let Some(list) = part("specs") {
        specs.extend(super::at(list, "specs").list(report).unwrap_or_default());
    }
    if specs.is_empty() {
        report.malformed("spec", "a policy without spec and specs selects nothing");
    }
    specs.iter().filter_map(|spec| section(spec, namespace, report)).collect()
}

fn section(at: &At<'_>, namespace: Option<&str>, report: &mut Report) -> Option<Section> {
    let mut fields = at.fields(report)?;
    fields.skip(&["description", "labels", "log"]);
    let endpoints = fields.take("endpointSelector");
    let nodes = fields.take("nodeSelector");
    let subject = match (endpoints, nodes) {
        (Some(at), None) => endpoint_subject(&at, namespace, report),
        (None, Some(at)) => {
            report.say(
                &at.path,
                ProblemKind::NotCovered,
                "a host policy: what it does to nodes and host-networked pods is not judged",
            );
            Subject::Nodes
        }
        _ => {
            report.malformed(&at.path, "exactly one of endpointSelector and nodeSelector belongs here");
            Subject::Unreadable
        }
    };
    let defaults = fields.take("enableDefaultDeny");
    let (default_in, default_out) = defaults.as_ref().map_or((None, None), |at| default_deny(at, report));
    let place = Place { namespace };
    let directions =
        [("ingress", "ingressDeny", From, default_in), ("egress", "egressDeny", To, default_out)];
    let [ingress, egress] = directions.map(|(allow, deny, words, default)| {
        let mut rules = Vec::new();
        for (key, action) in [(allow, Action::Allow), (deny, Action::Deny)] {
            let Some(at) = fields.take(key) else { continue };
            let Some(items) = at.list(report) else {
                rules.push(Rule::unreadable(at.path, action));
                continue;
            };
            rules.extend(items.iter().map(|at| {
                place
                    .rule(at, words, action, report)
                    .unwrap_or_else(|| Rule::unreadable(at.path.clone(), action))
            }));
        }
        if rules.is_empty() {
            // "If omitted or empty, this rule does not apply at ingress."
            if default == Some(true) {
                let path = format!("{}.enableDefaultDeny.{allow}", at.path);
                report.say(&path, ProblemKind::NoEffect, format!("without {allow} rules it denies nothing"));
            }
            return None;
        }
        let isolates = if default == Some(false) { Isolates::No } else { Isolates::Yes };
        Some(Side { isolates, rules })
    });
    fields.close(report);
    Some(Section { path: at.path.clone(), subject, ingress, egress })
}

/// "The endpointSelector always applies to pods in the namespace associated with the policy resource itself."
fn endpoint_subject(at: &At<'_>, namespace: Option<&str>, report: &mut Report) -> Subject {
    let Some(mut read) = selector(at, report, key) else { return Subject::Unreadable };
    let Some(namespace) = namespace else { return Subject::Pods(read) };
    let before = read.requirements.len();
    read.requirements.retain(|it| it.key != Key::Namespace || it.holds(Some(namespace)));
    if read.requirements.len() < before {
        report.say(
            &at.path,
            ProblemKind::NoEffect,
            "a policy selects pods of its own namespace only: the other namespace in its selector is ignored",
        );
    }
    Subject::Pods(read.and(Requirement::equals(Key::Namespace, namespace)))
}

fn default_deny(at: &At<'_>, report: &mut Report) -> (Option<bool>, Option<bool>) {
    let Some(mut fields) = at.fields(report) else { return (None, None) };
    let ingress = fields.take("ingress").and_then(|at| at.flag(report));
    let egress = fields.take("egress").and_then(|at| at.flag(report));
    fields.close(report);
    (ingress, egress)
}

/// Names of the fields of one direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    From,
    To,
}

impl Words {
    fn endpoints(self) -> &'static str {
        if self == From { "fromEndpoints" } else { "toEndpoints" }
    }
    fn entities(self) -> &'static str {
        if self == From { "fromEntities" } else { "toEntities" }
    }
    fn cidrs(self) -> &'static str {
        if self == From { "fromCIDR" } else { "toCIDR" }
    }
    fn cidr_set(self) -> &'static str {
        if self == From { "fromCIDRSet" } else { "toCIDRSet" }
    }
    fn nodes(self) -> &'static str {
        if self == From { "fromNodes" } else { "toNodes" }
    }
    fn groups(self) -> &'static str {
        if self == From { "fromGroups" } else { "toGroups" }
    }
    fn requires(self) -> &'static str {
        if self == From { "fromRequires" } else { "toRequires" }
    }
}

/// Where the policy lives; `None` for the cluster.
#[derive(Clone, Copy)]
struct Place<'a> {
    namespace: Option<&'a str>,
}

impl Place<'_> {
    fn rule(self, at: &At<'_>, words: Words, action: Action, report: &mut Report) -> Option<Rule> {
        let mut fields = at.fields(report)?;
        let empty = fields.is_empty();
        let mut doubt = None;
        let (peers, members) = self.peers(&mut fields, words, &mut doubt, report);
        if members > 1 {
            report.malformed(
                &at.path,
                "upstream rejects a policy that combines several sorts of peers in one rule",
            );
        }
        let (ports, limited) = both_ports(&mut fields, report);
        let authentication = fields.take("authentication").and_then(|at| mode(&at, report));
        doubt = fields.close(report).or(doubt);
        let peers = match (members, limited) {
            (0, Limited::No) => {
                if empty {
                    report.say(
                        &at.path,
                        ProblemKind::NoEffect,
                        "a rule without peers and ports matches nothing (pkg/policy/rule.go of Cilium up to 1.18): \
                         it only turns default deny on",
                    );
                }
                Peers::Of(Vec::new())
            }
            // "an empty slice of EndpointSelector indicates that the rule allows all at L3"
            (0, Limited::Yes) => Peers::Any,
            _ => Peers::Of(peers),
        };
        let path = at.path.clone();
        Some(Rule { path, name: None, action, peers, ports, authentication, doubt })
    }

    /// All peers of a rule, and how many sorts of them it names.
    fn peers(
        self,
        fields: &mut Fields<'_>,
        words: Words,
        doubt: &mut Option<String>,
        report: &mut Report,
    ) -> (Vec<PeerMatch>, usize) {
        let mut peers = Vec::new();
        let mut members = 0;
        let mut list = |key: &'static str, read: &mut dyn FnMut(&At<'_>, &mut Report) -> Option<Who>| {
            let Some(at) = fields.take(key) else { return };
            members += 1;
            let Some(items) = at.list(report) else {
                let who = Who::Unsupported("peers that can't be read".to_owned());
                peers.push(PeerMatch { who });
                return;
            };
            for item in items {
                let who = read(&item, report).unwrap_or_else(|| {
                    report.malformed(&item.path, "a peer that can't be read");
                    Who::Unsupported("a peer that can't be read".to_owned())
                });
                peers.push(PeerMatch { who });
            }
        };
        list(words.endpoints(), &mut |at, report| self.endpoints(at, report));
        list(words.entities(), &mut |at, report| Entity::parse(at.text(report)?).map(Who::Entity));
        list(words.cidrs(), &mut |at, report| {
            Some(Who::Block(Block { net: network(at, report)?, except: Vec::new(), reach: Reach::Plugin }))
        });
        list(words.cidr_set(), &mut cidr_rule);
        list(words.nodes(), &mut |at, report| {
            selector(at, report, |key| Key::Node(source(key).1.to_owned())).map(Who::Nodes)
        });
        list(words.groups(), &mut |at, report| {
            let what = "a group of a cloud provider";
            report.say(&at.path, ProblemKind::Unsupported, format!("{what} is not resolved"));
            Some(Who::Unsupported(what.to_owned()))
        });
        if words == To {
            list("toServices", &mut service);
            list("toFQDNs", &mut fqdn);
        }
        if let Some(at) = fields.take(words.requires()) {
            report.say(&at.path, ProblemKind::Unsupported, "removed in Cilium 1.19 and not evaluated");
            doubt.get_or_insert(format!("{} is not evaluated", words.requires()));
        }
        (peers, members)
    }

    /// Without a namespace of its own a selector means the policy's; in a clusterwide policy, any pod.
    fn endpoints(self, at: &At<'_>, report: &mut Report) -> Option<Who> {
        let read = selector(at, report, key)?;
        if read.pinned(&Key::Reserved("all".to_owned())).is_some() {
            return Some(Who::Entity(Entity::All));
        }
        if read.names(|key| matches!(key, Key::Reserved(_) | Key::Namespace)) {
            return Some(Who::Endpoints(read));
        }
        let namespace = match self.namespace {
            None => Requirement::exists(Key::Namespace),
            // Code of v1.19 (utils.go, getEndpointSelector) takes labels of namespaces as a scope of their own; the
            // documentation still says that they are ignored here.
            Some(_) if read.names(|key| matches!(key, Key::NamespaceLabel(_))) => {
                Requirement::exists(Key::Namespace)
            }
            Some(namespace) => Requirement::equals(Key::Namespace, namespace),
        };
        Some(Who::Endpoints(read.and(namespace)))
    }
}

/// Whether a rule names ports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limited {
    Yes,
    No,
}

type Reader = fn(&At<'_>, &mut Report) -> Vec<PortMatch>;

fn both_ports(fields: &mut Fields<'_>, report: &mut Report) -> (Ports, Limited) {
    let mut all: Vec<PortMatch> = Vec::new();
    let mut limited = Limited::No;
    let readers: [(&'static str, Reader); 2] = [("toPorts", ports), ("icmps", icmps)];
    for (key, read) in readers {
        let Some(at) = fields.take(key) else { continue };
        let items = at.list(report);
        // An empty list limits nothing; what is no list is read as one entry that can't be read.
        for item in items.unwrap_or_else(|| vec![at]) {
            limited = Limited::Yes;
            all.extend(read(&item, report));
        }
    }
    (if limited == Limited::Yes { Ports::Of(all) } else { Ports::Any }, limited)
}

fn mode(at: &At<'_>, report: &mut Report) -> Option<String> {
    let mut fields = at.fields(report)?;
    let mode = fields.take("mode")?.text(report)?;
    fields.close(report);
    (mode != "disabled").then(|| mode.to_owned())
}

fn cidr_rule(at: &At<'_>, report: &mut Report) -> Option<Who> {
    let mut fields = at.fields(report)?;
    let cidr = fields.take("cidr");
    let group = fields.take("cidrGroupRef");
    let by_labels = fields.take("cidrGroupSelector");
    let except = fields.take("except").map_or(Some(Vec::new()), |at| networks(&at, report))?;
    if fields.close(report).is_some() {
        return None;
    }
    match (cidr, group, by_labels) {
        (Some(at), None, None) => {
            Some(Who::Block(Block { net: network(&at, report)?, except, reach: Reach::Plugin }))
        }
        (None, Some(at), None) => Some(Who::Group { name: at.text(report)?.to_owned(), except }),
        (None, None, Some(at)) => {
            let what = "a selector of CiliumCIDRGroups";
            report.say(&at.path, ProblemKind::Unsupported, format!("{what} is not resolved"));
            Some(Who::Unsupported(what.to_owned()))
        }
        _ => None,
    }
}

fn fqdn(at: &At<'_>, report: &mut Report) -> Option<Who> {
    let mut fields = at.fields(report)?;
    let name = fields.take("matchName");
    let pattern = fields.take("matchPattern");
    fields.close(report);
    match (name, pattern) {
        (Some(at), None) => Some(Who::Name(NamePattern::exact(at.text(report)?))),
        (None, Some(at)) => Some(Who::Name(NamePattern::cilium(at.text(report)?))),
        _ => None,
    }
}

fn service(at: &At<'_>, report: &mut Report) -> Option<Who> {
    let mut fields = at.fields(report)?;
    let (named, selected) = (fields.take("k8sService"), fields.take("k8sServiceSelector"));
    if fields.close(report).is_some() {
        return None;
    }
    let mut fields = named.as_ref().or(selected.as_ref())?.fields(report)?;
    let text = |at: Option<At<'_>>, report: &mut Report| at.and_then(|at| at.text(report)).map(str::to_owned);
    let namespace = text(fields.take("namespace"), report);
    let by = if named.is_some() {
        ServiceBy::Name(text(fields.take("serviceName"), report)?)
    } else {
        // Labels of Services have no source: the prefix that Cilium's selectors carry means nothing here.
        ServiceBy::Labels(selector(&fields.take("selector")?, report, |key| {
            Key::Pod(source(key).1.to_owned())
        })?)
    };
    if fields.close(report).is_some() {
        return None;
    }
    Some(Who::Service(ServiceMatch { namespace, by }))
}

/// Splits a label's source from its key. A key has no colon of its own.
fn source(written: &str) -> (&str, &str) {
    written.split_once(':').unwrap_or(("any", written))
}

/// A label as Cilium's selectors name it: `k8s:app`, `any:app`, `reserved:host`, or without a source.
fn key(written: &str) -> Key {
    match source(written) {
        ("reserved", name) => Key::Reserved(name.to_owned()),
        ("k8s" | "any" | "", name) => match name {
            POD_NAMESPACE => Key::Namespace,
            CLUSTER => Key::Cluster,
            SERVICE_ACCOUNT => Key::ServiceAccount,
            _ => match name.strip_prefix(NAMESPACE_LABELS) {
                Some(label) => Key::NamespaceLabel(label.to_owned()),
                None => Key::Pod(name.to_owned()),
            },
        },
        _ => Key::Foreign(written.to_owned()),
    }
}
