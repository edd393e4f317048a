//! What one end of a connection says: tiers in order, union of allowances over default deny, explicit denials first.

use super::index::Selected;
use super::{Enforcement, Engine, LocalHost, Plugin};
use crate::certainty::Match;
use crate::model::{Action, Direction, Isolates, Rule, Tier};
use crate::peer::{Peer, Reserved};
use crate::traffic::Traffic;

/// A question to one end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) traffic: &'a Traffic,
    pub(crate) direction: Direction,
}

/// A rule by its indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) policy: usize,
    pub(crate) section: usize,
    pub(crate) rule: usize,
}

/// Whether traffic goes through a proxy that looks at layer 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    Proxy,
}

/// What one end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is no pod with a network of its own: policies do not speak to it.
    Outside,
    /// No policy isolates it.
    Open,
    /// "a Pod cannot block access to itself".
    Itself,
    /// Between a pod and its own node.
    LocalHost,
    Allowed(Place, Way),
    Denied(Place),
    DefaultDeny,
    /// Allowed on layers 3 and 4, refused by the proxy.
    Refused(Place),
    Unknown,
    /// Policies of one priority disagree; upstream leaves open which of them wins.
    Conflict(Place),
}

impl Ruling {
    /// Whether traffic passes, when that is known.
    pub(crate) fn passes(self) -> Option<bool> {
        match self {
            Self::Outside | Self::Open | Self::Itself | Self::LocalHost | Self::Allowed(..) => Some(true),
            Self::Denied(_) | Self::DefaultDeny | Self::Refused(_) => Some(false),
            Self::Unknown | Self::Conflict(_) => None,
        }
    }
}

impl<'a> Case<'a> {
    pub(crate) fn new(traffic: &'a Traffic, direction: Direction) -> Self {
        Self { traffic, direction }
    }

    /// The end that is asked.
    pub(crate) fn subject(&self) -> &'a Peer {
        match self.direction {
            Direction::Egress => &self.traffic.source,
            Direction::Ingress => &self.traffic.destination,
        }
    }

    /// The end that its rules speak of.
    pub(crate) fn other(&self) -> &'a Peer {
        match self.direction {
            Direction::Egress => &self.traffic.destination,
            Direction::Ingress => &self.traffic.source,
        }
    }

    /// Whether the other end is a node, or a pod that is one to policies.
    pub(crate) fn is_node(&self) -> Match {
        Match::of(node(self.other()))
    }

    pub(crate) fn is_subject_node(&self) -> bool {
        node(self.subject())
    }

    /// Whether the other end is the node on which the asked pod runs.
    pub(crate) fn same_node(&self) -> Match {
        let node = match self.other() {
            Peer::Reserved(Reserved::Host) => return Match::Yes,
            Peer::Reserved(_) | Peer::World(_) => return Match::No,
            Peer::Pod(pod) if !pod.host_network => return Match::No,
            Peer::Pod(pod) => pod.node.as_deref(),
            Peer::Node(node) => Some(node.name.as_str()).filter(|name| !name.is_empty()),
        };
        let own = self.subject().managed().and_then(|pod| pod.node.as_deref());
        match (own, node) {
            (Some(own), Some(node)) => Match::of(own == node),
            _ => Match::Maybe,
        }
    }

    fn itself(&self) -> bool {
        match (self.subject().managed(), self.other().managed()) {
            (Some(one), Some(other)) => {
                !one.name.is_empty()
                    && (&one.name, &one.namespace, &one.cluster)
                        == (&other.name, &other.namespace, &other.cluster)
            }
            _ => false,
        }
    }
}

fn node(peer: &Peer) -> bool {
    match peer {
        Peer::Node(_) | Peer::Reserved(Reserved::Host | Reserved::RemoteNode | Reserved::KubeApiserver) => {
            true
        }
        Peer::Pod(pod) => pod.host_network,
        Peer::World(_) | Peer::Reserved(_) => false,
    }
}

/// What rules that may match could change.
#[derive(Clone, Copy, Debug, Default)]
struct Doubts {
    allow: bool,
    deny: bool,
    pass: bool,
}

impl Doubts {
    fn note(&mut self, action: Action) {
        match action {
            Action::Allow => self.allow = true,
            Action::Deny => self.deny = true,
            Action::Pass => self.pass = true,
        }
    }

    /// A ruling stands if no doubtful rule would turn it.
    fn settle(self, ruling: Ruling, next: impl FnOnce() -> Ruling) -> Ruling {
        let turned = match ruling.passes() {
            Some(true) => self.deny,
            Some(false) => self.allow,
            None => false,
        };
        if turned || self.pass && next().passes() != ruling.passes() { Ruling::Unknown } else { ruling }
    }
}

impl Engine {
    pub(crate) fn ruling(&self, case: &Case<'_>) -> Ruling {
        if self.settings.enforcement == Enforcement::Never {
            return Ruling::Open;
        }
        let Some(pod) = case.subject().managed() else { return Ruling::Outside };
        if case.itself() {
            return Ruling::Itself;
        }
        let near = match (self.settings.plugin, self.settings.local_host, case.direction) {
            (Plugin::Other, _, _) | (Plugin::Cilium, LocalHost::Always, Direction::Ingress) => {
                case.same_node()
            }
            (Plugin::Cilium, _, _) => Match::No,
        };
        if near == Match::Yes {
            return Ruling::LocalHost;
        }
        let selected = self.index.select(&self.policies, case.subject(), pod);
        let ruling = self.tiers(&selected, case);
        if near == Match::Maybe && ruling.passes() == Some(false) { Ruling::Unknown } else { ruling }
    }

    /// The sections that select the asked end, in the order in which they are asked.
    pub(crate) fn selecting(&self, case: &Case<'_>) -> Vec<Selected> {
        let peer = case.subject();
        let selected = peer.managed().map(|pod| self.index.select(&self.policies, peer, pod));
        let mut selected = selected.unwrap_or_default();
        selected.retain(|it| self.policies[it.policy].sections[it.section].side(case.direction).is_some());
        selected
    }

    fn tiers(&self, selected: &[Selected], case: &Case<'_>) -> Ruling {
        let tier = |it: &Selected| self.policies[it.policy].tier;
        let admin = selected.partition_point(|it| matches!(tier(it), Tier::Admin { .. }));
        let (admin, rest) = selected.split_at(admin);
        let standard = rest.partition_point(|it| tier(it) == Tier::Standard);
        let (standard, baseline) = rest.split_at(standard);
        let last = || self.ordered(baseline, case, &|| Ruling::Open);
        self.ordered(admin, case, &|| self.additive(standard, case, &last))
    }

    /// A tier in which the first rule that matches decides.
    fn ordered(&self, selected: &[Selected], case: &Case<'_>, next: &dyn Fn() -> Ruling) -> Ruling {
        let mut doubts = Doubts::default();
        let tier = |it: &Selected| self.policies[it.policy].tier;
        for equals in selected.chunk_by(|a, b| tier(a) == tier(b)) {
            let mut decided: Option<(Action, Place)> = None;
            for it in equals {
                let Some((action, place)) = self.first(it, case, &mut doubts) else { continue };
                match decided {
                    Some((other, _)) if other != action => return Ruling::Conflict(place),
                    _ => decided = decided.or(Some((action, place))),
                }
            }
            if let Some((action, place)) = decided {
                let ruling = match action {
                    Action::Allow => Ruling::Allowed(place, Way::Direct),
                    Action::Deny => Ruling::Denied(place),
                    Action::Pass => next(),
                };
                return doubts.settle(ruling, next);
            }
        }
        doubts.settle(next(), next)
    }

    /// The first rule of a policy that surely matches.
    fn first(&self, it: &Selected, case: &Case<'_>, doubts: &mut Doubts) -> Option<(Action, Place)> {
        for (place, rule) in self.rules(it, case.direction) {
            match self.fit(rule, case).reached.min(it.sure) {
                Match::No => {}
                Match::Maybe => doubts.note(rule.action),
                Match::Yes => return Some((rule.action, place)),
            }
        }
        None
    }

    /// NetworkPolicies and Cilium's policies: denials win, allowances add up, what is left of an isolated pod's traffic
    /// is dropped. <https://docs.cilium.io/en/stable/security/policy/deny/>
    fn additive(&self, selected: &[Selected], case: &Case<'_>, next: &dyn Fn() -> Ruling) -> Ruling {
        let mut isolated = Match::of(self.settings.enforcement == Enforcement::Always);
        let mut doubts = Doubts::default();
        let mut allowed: Option<(Place, Way)> = None;
        let mut refused = None;
        for it in selected {
            let Some(side) = self.policies[it.policy].sections[it.section].side(case.direction) else {
                continue;
            };
            if side.isolates == Isolates::Yes {
                isolated = isolated.max(it.sure);
            }
            for (place, rule) in self.rules(it, case.direction) {
                let fit = self.fit(rule, case);
                match (rule.action, fit.passes.min(it.sure)) {
                    (Action::Deny, _) => match fit.reached.min(it.sure) {
                        Match::No => {}
                        Match::Maybe => doubts.deny = true,
                        Match::Yes => return Ruling::Denied(place),
                    },
                    (_, Match::Yes) => match allowed {
                        // Of several, one that needs no proxy says more.
                        Some((_, Way::Direct)) => {}
                        Some((_, Way::Proxy)) if fit.way == Way::Proxy => {}
                        _ => allowed = Some((place, fit.way)),
                    },
                    (_, Match::Maybe) => doubts.allow = true,
                    (_, Match::No) if fit.reached.min(it.sure) == Match::Yes => {
                        refused = refused.or(Some(place));
                    }
                    (_, Match::No) => {}
                }
            }
        }
        let ruling = match (allowed, refused, isolated) {
            (Some((place, way)), _, _) => Ruling::Allowed(place, way),
            // "EnableDefaultDeny does not apply to layer-7 policy."
            (None, Some(place), _) => Ruling::Refused(place),
            (None, None, Match::Yes) => Ruling::DefaultDeny,
            (None, None, Match::No) => next(),
            (None, None, Match::Maybe) => {
                let ruling = next();
                if ruling.passes() == Some(false) { ruling } else { Ruling::Unknown }
            }
        };
        doubts.settle(ruling, || ruling)
    }

    pub(crate) fn rules(
        &self,
        it: &Selected,
        direction: Direction,
    ) -> impl Iterator<Item = (Place, &Rule)> + use<'_> {
        let (policy, section) = (it.policy, it.section);
        let side = self.policies[policy].sections[section].side(direction);
        let rules = side.map_or(&[][..], |side| side.rules.as_slice());
        rules.iter().enumerate().map(move |(rule, read)| (Place { policy, section, rule }, read))
    }
}
