//! Why: which policies select each end, which rule decided, and which came closest.

mod gap;
mod nearest;

pub use gap::{End, Gap, Listed};
pub(crate) use nearest::Candidate;

use crate::engine::{Audit, Case, Engine, Outcome, Place, Ruling, Way};
use crate::model::{Action, Direction, ProblemKind};
use crate::traffic::Traffic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use stethoscope_core::object::ObjectRef;

/// Notes about parts of policies that are not evaluated; more of them say nothing more.
const MOST_NOTES: usize = 5;

/// What becomes of traffic, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// In one word.
    pub outcome: Outcome,
    /// What the source's policies say.
    pub egress: SideVerdict,
    /// What the destination's policies say.
    pub ingress: SideVerdict,
}

/// What one end says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SideVerdict {
    /// Which end.
    pub direction: Direction,
    /// Whether it lets traffic pass, and by what.
    pub decision: Decision,
    /// Policies that select this end in this direction.
    pub selected_by: Vec<ObjectRef>,
    /// Allowing rules that do not match, or only perhaps, closest first. Only where one of them could have helped.
    pub nearest: Vec<NearMiss>,
    /// What else one should know.
    pub notes: Vec<String>,
}

/// What one end decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Decision {
    /// Not a pod with a network of its own: these policies do not speak to it.
    Outside,
    /// No policy isolates it in this direction.
    Open,
    /// A pod always reaches itself.
    Itself,
    /// A node always reaches the pods that it runs.
    LocalHost,
    /// A rule allows it.
    Allowed {
        /// The rule.
        rule: RuleRef,
        /// Whether a proxy looks at its requests and may refuse them (verdict `REDIRECTED`).
        proxy: bool,
    },
    /// A rule denies it (drop reason `POLICY_DENY`, 181).
    Denied {
        /// The rule.
        rule: RuleRef,
    },
    /// A policy isolates this end and no rule allows it (drop reason `POLICY_DENIED`, 133).
    DefaultDeny,
    /// The proxy refuses the request: HTTP 403, DNS REFUSED; not a drop.
    Refused {
        /// The rule whose layer 7 part refuses.
        rule: RuleRef,
    },
    /// It depends on something that is not known; see the nearest rules.
    Unknown,
    /// Policies of the same priority disagree, and upstream leaves open which of them wins.
    Conflict {
        /// One of the rules.
        rule: RuleRef,
    },
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleRef {
    /// Its policy.
    pub policy: ObjectRef,
    /// Where it stands, e.g. `spec.ingress[0]`.
    pub path: String,
    /// Its own name, where the kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.policy, self.path)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// A rule that would have allowed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// The rule.
    pub rule: RuleRef,
    /// What it lacks, at least one thing.
    pub gaps: Vec<Gap>,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule)?;
        for (index, gap) in self.gaps.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{gap}")?;
        }
        Ok(())
    }
}

impl Engine {
    /// What becomes of it, and why. [`Engine::decide`] is quicker.
    pub fn explain(&self, traffic: &Traffic) -> Verdict {
        let egress = self.side(&Case::new(traffic, Direction::Egress));
        let ingress = self.side(&Case::new(traffic, Direction::Ingress));
        let outcome = self.outcome(egress.1, ingress.1);
        Verdict { outcome, egress: egress.0, ingress: ingress.0 }
    }

    fn side(&self, case: &Case<'_>) -> (SideVerdict, Option<bool>) {
        let ruling = self.ruling(case);
        let selecting = self.selecting(case);
        let mut selected_by: Vec<ObjectRef> =
            selecting.iter().map(|it| self.policies()[it.policy].reference.clone()).collect();
        selected_by.dedup();
        let nearest = match ruling {
            Ruling::DefaultDeny | Ruling::Refused(_) | Ruling::Unknown => self.nearest(case, &selecting),
            // Where a rule denies, no allowing rule would have helped, however close it comes.
            Ruling::Denied(_) | Ruling::Conflict(_) => Vec::new(),
            Ruling::Outside | Ruling::Open | Ruling::Itself | Ruling::LocalHost | Ruling::Allowed(..) => {
                Vec::new()
            }
        };
        let side = SideVerdict {
            direction: case.direction,
            decision: self.decision(ruling, case.direction),
            selected_by,
            nearest,
            notes: self.notes(ruling, case),
        };
        (side, ruling.passes())
    }

    fn decision(&self, ruling: Ruling, direction: Direction) -> Decision {
        match ruling {
            Ruling::Outside => Decision::Outside,
            Ruling::Open => Decision::Open,
            Ruling::Itself => Decision::Itself,
            Ruling::LocalHost => Decision::LocalHost,
            Ruling::DefaultDeny => Decision::DefaultDeny,
            Ruling::Unknown => Decision::Unknown,
            Ruling::Allowed(place, way) => {
                Decision::Allowed { rule: self.rule_ref(place, direction), proxy: way == Way::Proxy }
            }
            Ruling::Denied(place) => Decision::Denied { rule: self.rule_ref(place, direction) },
            Ruling::Refused(place) => Decision::Refused { rule: self.rule_ref(place, direction) },
            Ruling::Conflict(place) => Decision::Conflict { rule: self.rule_ref(place, direction) },
        }
    }

    pub(crate) fn rule_ref(&self, place: Place, direction: Direction) -> RuleRef {
        let (policy, section) = self.at(place);
        let rule = self.rule(place, direction);
        RuleRef {
            policy: policy.reference.clone(),
            path: rule.map_or_else(|| section.path.clone(), |(_, rule)| rule.path.clone()),
            name: rule.and_then(|(_, rule)| rule.name.clone()),
        }
    }

    fn notes(&self, ruling: Ruling, case: &Case<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        if ruling.passes() == Some(false) && self.settings().audit == Audit::On {
            notes.push("policies are in audit mode: it is reported and let pass".to_owned());
        }
        if let Ruling::Allowed(place, _) = ruling
            && let Some((_, rule)) = self.rule(place, case.direction)
            && let Some(mode) = &rule.authentication
        {
            notes.push(format!("{} wants mutual authentication (mode {mode})", rule.path));
        }
        let about_nodes = |problem: &&crate::model::Problem| problem.kind == ProblemKind::NotCovered;
        if ruling == Ruling::Outside
            && case.is_subject_node()
            && let Some(problem) = self.problems().find(about_nodes)
        {
            notes.push(format!("{} is a host policy, which is not judged here", problem.policy));
        }
        let mut seen: Vec<&ObjectRef> = Vec::new();
        for it in self.selecting(case) {
            let policy = &self.policies()[it.policy];
            if seen.contains(&&policy.reference) {
                continue;
            }
            seen.push(&policy.reference);
            let undecided = policy
                .problems
                .iter()
                .filter(|it| matches!(it.kind, ProblemKind::Malformed | ProblemKind::Unsupported));
            notes.extend(undecided.map(|it| format!("{} {}: {}", it.policy, it.path, it.says)));
        }
        notes.truncate(MOST_NOTES);
        notes
    }
}

impl fmt::Display for SideVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.direction {
            Direction::Egress => "source (egress)",
            Direction::Ingress => "destination (ingress)",
        };
        match &self.decision {
            Decision::Outside => write!(f, "{end}: no policy of pods speaks to it")?,
            Decision::Open => write!(f, "{end}: open, no policy isolates it")?,
            Decision::Itself => write!(f, "{end}: a pod always reaches itself")?,
            Decision::LocalHost => write!(f, "{end}: its own node is always let through")?,
            Decision::Allowed { rule, proxy: false } => write!(f, "{end}: allowed by {rule}")?,
            Decision::Allowed { rule, proxy: true } => {
                write!(f, "{end}: allowed by {rule}, through a proxy that looks at requests")?;
            }
            Decision::Denied { rule } => write!(f, "{end}: denied by {rule}")?,
            Decision::DefaultDeny => write!(f, "{end}: dropped by default deny")?,
            Decision::Refused { rule } => write!(f, "{end}: refused by the proxy of {rule}")?,
            Decision::Unknown => write!(f, "{end}: cannot tell")?,
            Decision::Conflict { rule } => {
                write!(f, "{end}: cannot tell, a policy of the same priority contradicts {rule}")?;
            }
        }
        if !self.selected_by.is_empty() {
            let names: Listed = self.selected_by.iter().map(ToString::to_string).collect();
            write!(f, "; selected by {names}")?;
        }
        for miss in &self.nearest {
            write!(f, "\n  nearest rule {miss}")?;
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Audited => "would be denied (audit mode)",
            Outcome::Unknown => "cannot tell",
        };
        write!(f, "{word}\n{}\n{}", self.egress, self.ingress)
    }
}

/// Whether a rule of this action could have let traffic pass.
pub(crate) fn allows(action: Action) -> bool {
    action == Action::Allow
}
