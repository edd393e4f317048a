//! The smallest change of policies that lets denied traffic pass.

use super::patch::{PatchOp, pointer};
use super::prove::Proof;
use super::yaml::yaml;
use super::{Change, Edit, EditKind, write};
use crate::certainty::Match;
use crate::engine::{Case, Engine, Place, Plugin, Ruling, port_matches};
use crate::explain::{Candidate, Gap, RuleRef};
use crate::model::{Direction, Isolates, Kind, Peers, Policy, Ports, Subject};
use crate::selector::Key;
use crate::traffic::{Observed, Traffic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use stethoscope_core::object::ObjectRef;

/// Rules and policies that are tried for one question.
const MOST_TRIED: usize = 4;

/// Different questions that one suggestion is made for; the rest is left to its proof.
const MOST_QUESTIONS: usize = 100;

/// A change and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The change.
    pub change: Change,
    /// What it does to everything observed.
    pub proof: Proof,
}

/// What can be done, best first, and what stands in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestions {
    /// Changes that let at least some of it pass, best first.
    pub ranked: Vec<Suggestion>,
    /// What no added rule can mend.
    pub obstacles: Vec<Obstacle>,
}

/// Something that no added rule can mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Obstacle {
    /// A rule denies it; only its owner can narrow it.
    ExplicitDeny {
        /// The rule.
        rule: RuleRef,
    },
    /// Whether it is denied depends on something that is not known.
    CannotTell {
        /// The question.
        question: String,
    },
    /// The peer or the port can't be named in a policy.
    Inexpressible {
        /// The question.
        question: String,
    },
    /// These policies let it pass already: something else drops it.
    NotDenied {
        /// The question.
        question: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExplicitDeny { rule } => {
                write!(
                    f,
                    "{rule} denies it, and denials win: only that rule itself can be narrowed or removed"
                )
            }
            Self::CannotTell { question } => write!(f, "whether policies deny {question} is not known"),
            Self::Inexpressible { question } => write!(f, "no policy kind here can name {question}"),
            Self::NotDenied { question } => {
                write!(f, "these policies let {question} pass: something else drops it")
            }
        }
    }
}

/// Where allowances are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    /// Into the rule that comes closest.
    Nearest,
    /// Into a policy that selects the pod already.
    Rule,
    /// Into a policy of its own.
    Policy,
}

impl Engine {
    /// Changes that would let denied traffic pass, each proved against what was observed; at most one of each strategy.
    pub fn suggest(&self, denied: &[Observed], observed: &[Observed]) -> Suggestions {
        let ground = self.ground(denied, observed);
        let mut obstacles = BTreeSet::new();
        let mut ranked: Vec<(Suggestion, usize)> = Vec::new();
        for strategy in [Strategy::Nearest, Strategy::Rule, Strategy::Policy] {
            let mut draft = Draft::new(self, strategy);
            draft.allow(denied);
            obstacles.extend(draft.obstacles);
            let change = Change { edits: draft.edits };
            let known = ranked.iter().any(|(it, _)| it.change == change);
            if change.edits.is_empty() || known {
                continue;
            }
            // A change is only ever made of edits that were applied while it was drafted.
            let Ok(proof) = self.prove_on(&ground, &change) else { continue };
            if proof.allowed > 0 {
                ranked.push((Suggestion { change, proof }, draft.breadth));
            }
        }
        ranked.sort_by_key(|(it, breadth)| {
            let (opened, closed) = (it.proof.opened, it.proof.closed);
            (Reverse(it.proof.allowed), closed, opened, *breadth, it.change.edits.len())
        });
        // What one strategy can't say another may.
        if ranked.iter().any(|(it, _)| it.proof.allowed == it.proof.dropped) {
            obstacles.retain(|it| !matches!(it, Obstacle::Inexpressible { .. }));
        }
        let ranked = ranked.into_iter().map(|(it, _)| it).collect();
        Suggestions { ranked, obstacles: obstacles.into_iter().collect() }
    }
}

/// A change in the making.
struct Draft<'e> {
    before: &'e Engine,
    now: Engine,
    strategy: Strategy,
    edits: Vec<Edit>,
    obstacles: BTreeSet<Obstacle>,
    /// Edits of policies that select more than the workload in question.
    breadth: usize,
}

impl<'e> Draft<'e> {
    fn new(before: &'e Engine, strategy: Strategy) -> Self {
        let now = before.clone();
        Self { before, now, strategy, edits: Vec::new(), obstacles: BTreeSet::new(), breadth: 0 }
    }

    fn allow(&mut self, denied: &[Observed]) {
        let mut asked: HashSet<&Traffic> = HashSet::new();
        for item in denied {
            if asked.len() == MOST_QUESTIONS {
                break;
            }
            if !asked.insert(&item.traffic) {
                continue;
            }
            let mut denied = false;
            for direction in [Direction::Egress, Direction::Ingress] {
                let case = Case::new(&item.traffic, direction);
                denied |= self.before.ruling(&case).passes() != Some(true);
                self.mend(&case);
            }
            if !denied {
                self.obstacles.insert(Obstacle::NotDenied { question: question(&item.traffic) });
            }
        }
    }

    fn mend(&mut self, case: &Case<'_>) {
        let ruling = self.now.ruling(case);
        if ruling.passes() == Some(true) {
            return;
        }
        let edits = match ruling {
            Ruling::Denied(place) => {
                let rule = self.now.rule_ref(place, case.direction);
                self.obstacles.insert(Obstacle::ExplicitDeny { rule });
                return;
            }
            Ruling::Refused(place) => self.request(place, case).into_iter().collect(),
            Ruling::DefaultDeny => self.allowances(case),
            _ => {
                self.obstacles.insert(Obstacle::CannotTell { question: question(case.traffic) });
                return;
            }
        };
        // Whether an edit helps is asked, not assumed: a network in a rule, say, may match no node.
        let mended = edits.into_iter().find_map(|edit| {
            let after = self.now.after(&Change { edits: vec![edit.clone()] }).ok()?;
            (after.ruling(case).passes() == Some(true)).then_some((edit, after))
        });
        match mended {
            Some((edit, after)) => {
                self.breadth += usize::from(self.broad(&edit.policy));
                self.now = after;
                self.keep(edit);
            }
            None => {
                self.obstacles.insert(Obstacle::Inexpressible { question: question(case.traffic) });
            }
        }
    }

    /// An edit of a policy that this very change adds goes into its manifest.
    fn keep(&mut self, edit: Edit) {
        let own = self.edits.iter_mut().find(|it| it.policy == edit.policy && it.manifest.is_some());
        let Some(Edit { manifest: Some(manifest), yaml: text, words, .. }) = own else {
            self.edits.push(edit);
            return;
        };
        for op in &edit.patch {
            // It was applied to the same manifest a moment ago.
            let _ = op.apply(manifest);
        }
        *text = yaml(manifest);
        words.push_str("; ");
        words.push_str(&edit.words);
    }

    /// Whether a policy selects all pods of a namespace, or of the cluster.
    fn broad(&self, reference: &ObjectRef) -> bool {
        let policy = self.now.policies().iter().find(|policy| policy.reference == *reference);
        policy.is_some_and(|policy| {
            policy.sections.iter().any(|section| match &section.subject {
                Subject::Pods(selector) => !selector.names(|key| matches!(key, Key::Pod(_))),
                Subject::Nodes | Subject::Unreadable => true,
            })
        })
    }

    /// Edits that may help, smallest first as the strategy sees it.
    fn allowances(&self, case: &Case<'_>) -> Vec<Edit> {
        let selecting = self.now.selecting(case);
        let mut candidates = self.now.candidates(case, &selecting);
        candidates.truncate(MOST_TRIED);
        let mut edits = Vec::new();
        if self.strategy == Strategy::Nearest {
            edits.extend(candidates.iter().filter_map(|candidate| self.extend(candidate, case)));
        }
        let isolating = selecting.iter().filter(|it| {
            let side = self.now.policies()[it.policy].sections[it.section].side(case.direction);
            side.is_some_and(|side| side.isolates == Isolates::Yes)
        });
        let mut homes: Vec<Place> = candidates.iter().map(|it| it.place).collect();
        homes.extend(isolating.take(MOST_TRIED).map(|it| Place {
            policy: it.policy,
            section: it.section,
            rule: 0,
        }));
        let mine = |place: &&Place| match self.strategy {
            Strategy::Nearest | Strategy::Rule => true,
            Strategy::Policy => self.fresh(&self.now.at(**place).0.reference),
        };
        edits.extend(homes.iter().filter(mine).filter_map(|place| self.rule(*place, case)));
        edits.extend(self.policies(case));
        edits
    }

    /// Whether this change adds the policy.
    fn fresh(&self, reference: &ObjectRef) -> bool {
        self.before.policies().iter().all(|policy| policy.reference != *reference)
    }

    fn plugin(&self) -> Plugin {
        self.now.settings().plugin
    }

    /// One thing more in a rule that lacks only this one thing.
    fn extend(&self, candidate: &Candidate, case: &Case<'_>) -> Option<Edit> {
        let (policy, rule) = self.now.rule(candidate.place, case.direction)?;
        if candidate.gaps.iter().any(|gap| matches!(gap, Gap::Undecided { .. } | Gap::Request { .. })) {
            return None;
        }
        let base = pointer(&rule.path);
        let of_peer = candidate.gaps.iter().all(Gap::of_peer);
        let of_port = candidate.gaps.iter().all(|gap| matches!(gap, Gap::Port { .. }));
        if of_port {
            let (field, item) = write::port(policy.kind, &case.traffic.transport)?;
            let words =
                format!("{} of {} also allows port {}", rule.path, policy.reference, case.traffic.transport);
            let listed = policy.manifest.pointer(&format!("{base}/{field}")).is_some_and(Value::is_array);
            return listed
                .then(|| added(policy, EditKind::AddPort, format!("{base}/{field}/-"), item, words));
        }
        if of_peer {
            let peer = write::peer(policy.kind, policy.reference.namespace.as_deref(), case, self.plugin())?;
            // Cilium rejects rules that mix sorts of peers: the field must be there already, and hold something.
            let field = format!("{base}/{}", peer.field);
            let listed = policy.manifest.pointer(&field).and_then(Value::as_array);
            if listed.is_none_or(Vec::is_empty) || matches!(rule.peers, Peers::Any) {
                return None;
            }
            let words = format!("{} of {} also speaks of {}", rule.path, policy.reference, peer.words);
            return Some(added(policy, EditKind::AddPeer, format!("{field}/-"), peer.item, words));
        }
        None
    }

    /// One rule more in a policy.
    fn rule(&self, place: Place, case: &Case<'_>) -> Option<Edit> {
        let (policy, section) = self.now.at(place);
        let peer = write::peer(policy.kind, policy.reference.namespace.as_deref(), case, self.plugin())?;
        let item = write::rule(policy.kind, &peer, &case.traffic.transport)?;
        let side = match case.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        let list = format!("{}/{side}", pointer(&section.path));
        let words = format!(
            "{} gets one more {side} rule: {} on {}",
            policy.reference, peer.words, case.traffic.transport
        );
        let there = policy.manifest.pointer(&list).is_some_and(Value::is_array);
        let (path, item) = if there { (format!("{list}/-"), item) } else { (list, json!([item])) };
        Some(added(policy, EditKind::AddRule, path, item, words))
    }

    /// A policy of its own, in the kinds that can say it.
    fn policies(&self, case: &Case<'_>) -> Vec<Edit> {
        let Some(pod) = case.subject().managed() else { return Vec::new() };
        let cilium = self.plugin() == Plugin::Cilium;
        let kinds = [Kind::NetworkPolicy, Kind::CiliumNetworkPolicy];
        // A NetworkPolicy would have to allow more than one ICMP type, and an address where a name is meant.
        let icmp = matches!(case.traffic.transport, crate::traffic::Transport::Icmp { .. });
        let mut kinds: Vec<Kind> =
            kinds.into_iter().filter(|kind| cilium || *kind == Kind::NetworkPolicy).collect();
        let named = write::peer(Kind::CiliumNetworkPolicy, Some(&pod.namespace), case, self.plugin())
            .is_some_and(|peer| peer.field == "toFQDNs");
        if icmp || named {
            kinds.reverse();
        }
        let edit = |kind: Kind| {
            let peer = write::peer(kind, Some(&pod.namespace), case, self.plugin())?;
            let rule = write::rule(kind, &peer, &case.traffic.transport)?;
            let taken =
                |reference: &ObjectRef| self.now.policies().iter().any(|it| it.reference == *reference);
            let (reference, manifest) =
                write::policy(kind, pod, case.direction, &case.traffic.transport, &rule, taken)?;
            let words = format!(
                "a new {reference} allows {} {} on {}",
                if case.direction == Direction::Ingress { "traffic from" } else { "traffic to" },
                peer.words,
                case.traffic.transport
            );
            let yaml = yaml(&manifest);
            let kind = EditKind::NewPolicy;
            Some(Edit { policy: reference, kind, words, patch: Vec::new(), manifest: Some(manifest), yaml })
        };
        kinds.into_iter().filter_map(edit).collect()
    }

    /// One request more that a proxy lets pass.
    fn request(&self, place: Place, case: &Case<'_>) -> Option<Edit> {
        let (policy, rule) = self.now.rule(place, case.direction)?;
        let request = case.traffic.request.as_ref()?;
        let Ports::Of(ports) = &rule.ports else { return None };
        let (fields, item) = write::request(request);
        let entry = |path: &str| path.rsplit_once(".ports[").map(|(entry, _)| pointer(entry));
        let reached = ports.iter().filter(|port| port_matches(&port.kind, case) == Match::Yes);
        let mut lists = reached.filter_map(|port| Some(format!("{}/{fields}", entry(&port.path)?)));
        let list = lists.find(|list| policy.manifest.pointer(list).is_some_and(Value::is_array))?;
        let words = format!("{} of {} also lets {request} pass", rule.path, policy.reference);
        Some(added(policy, EditKind::AddRequest, format!("{list}/-"), item, words))
    }
}

fn added(policy: &Policy, kind: EditKind, path: String, item: Value, words: String) -> Edit {
    let yaml = yaml(&item);
    let patch = vec![PatchOp::add(path, item)];
    Edit { policy: policy.reference.clone(), kind, words, patch, manifest: None, yaml }
}

fn question(traffic: &Traffic) -> String {
    let request = traffic.request.as_ref().map_or_else(String::new, |request| format!(" ({request})"));
    let (source, destination) = (traffic.source.called(), traffic.destination.called());
    format!("{source} to {destination} on {}{request}", traffic.transport)
}
