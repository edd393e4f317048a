//! A finding in the making, and the proofs it quotes.

use crate::logs::Run;
use crate::snapshot::{Event, Pod};
use crate::world::{World, reference};
use jiff::Timestamp;
use std::collections::BTreeSet;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::{Finding, Proof, ProofSource, Severity};
use stethoscope_core::object::ObjectRef;

/// A finding before ranking: with what it hits and what could explain it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) finding: Finding,
    /// Objects whose own trouble would explain this finding, e.g. the Service a failing caller talks to.
    pub(crate) through: BTreeSet<ObjectRef>,
    /// Services that its own words blame: of two failing processes, the blamed one is the cause.
    pub(crate) blames: BTreeSet<ObjectRef>,
    /// When it began, if known.
    pub(crate) since: Option<Timestamp>,
    /// Whether anything suffers from it now.
    pub(crate) felt: Felt,
}

/// Whether a cause has a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Felt {
    /// Odd, but nothing suffers: background.
    Nowhere,
    /// It must do harm by the API's semantics; no victim shows it yet.
    Silently,
    /// A pod, a workload or a Service shows it.
    Visibly,
}

impl Draft {
    pub(crate) fn new(cause: CauseCode, subject: ObjectRef, confidence: f64, statement: String) -> Self {
        let severity = cause.describe().map_or(Severity::Medium, |entry| entry.severity);
        Self {
            finding: Finding {
                cause,
                subject,
                severity,
                confidence,
                statement,
                chain: Vec::new(),
                affected: Vec::new(),
                proofs: Vec::new(),
                params: std::collections::BTreeMap::new(),
            },
            through: BTreeSet::new(),
            blames: BTreeSet::new(),
            since: None,
            felt: Felt::Visibly,
        }
    }

    #[must_use]
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    #[must_use]
    pub(crate) fn proof(mut self, proof: Proof) -> Self {
        if !self.finding.proofs.contains(&proof) {
            self.finding.proofs.push(proof);
        }
        self
    }

    #[must_use]
    pub(crate) fn proofs(self, proofs: impl IntoIterator<Item = Proof>) -> Self {
        proofs.into_iter().fold(self, Self::proof)
    }

    #[must_use]
    pub(crate) fn affects(mut self, objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        for object in objects {
            if object != self.finding.subject && !self.finding.affected.contains(&object) {
                self.finding.affected.push(object);
            }
        }
        self
    }

    #[must_use]
    pub(crate) fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.finding.params.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn through(mut self, objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        self.through.extend(objects);
        self
    }

    #[must_use]
    pub(crate) fn blames(mut self, services: impl IntoIterator<Item = ObjectRef>) -> Self {
        self.blames.extend(services);
        self
    }

    #[must_use]
    pub(crate) fn since(mut self, moment: Option<Timestamp>) -> Self {
        self.since = self.since.or(moment);
        self
    }

    /// Another confidence than the one it began with, for evidence found later.
    #[must_use]
    pub(crate) fn sure(mut self, confidence: f64) -> Self {
        self.finding.confidence = confidence;
        self
    }

    #[must_use]
    pub(crate) fn felt(mut self, felt: Felt) -> Self {
        self.felt = felt;
        self
    }
}

/// A field of an object, quoted as `path: value`.
pub(crate) fn field(object: &ObjectRef, path: &str, value: impl std::fmt::Display) -> Proof {
    Proof {
        object: object.clone(),
        source: ProofSource::Field { path: path.to_owned() },
        quote: format!("{path}: {value}"),
    }
}

/// An event's message, verbatim.
pub(crate) fn event(event: &Event) -> Proof {
    let about = &event.involved_object;
    let object = if about.namespace.is_empty() {
        ObjectRef::cluster(&about.kind, &about.name)
    } else {
        ObjectRef::namespaced(&about.kind, &about.namespace, &about.name)
    };
    Proof {
        object,
        source: ProofSource::Event { reason: event.reason.clone() },
        quote: event.message.clone(),
    }
}

/// A line of a container's log, verbatim.
pub(crate) fn log(pod: &Pod, container: &str, run: Run, line: &str) -> Proof {
    Proof {
        object: reference("Pod", &pod.metadata),
        source: ProofSource::Log { container: container.to_owned(), previous: run == Run::Previous },
        quote: line.to_owned(),
    }
}

/// A line of a node component's log, verbatim.
pub(crate) fn unit_log(node: &str, unit: &str, line: &str) -> Proof {
    Proof {
        object: ObjectRef::cluster("Node", node),
        source: ProofSource::NodeLog { unit: unit.to_owned() },
        quote: line.to_owned(),
    }
}

/// Something that is not there.
pub(crate) fn absence(object: &ObjectRef, looked_for: impl Into<String>) -> Proof {
    Proof { object: object.clone(), source: ProofSource::Absence, quote: looked_for.into() }
}

/// References to pods, at most a handful: enough to see, never unbounded.
pub(crate) fn some_pods(pods: &[&Pod]) -> Vec<ObjectRef> {
    const SHOWN: usize = 5;
    pods.iter().take(SHOWN).map(|pod| reference("Pod", &pod.metadata)).collect()
}

/// The newest event of these reasons on a pod.
pub(crate) fn newest<'a>(world: &World<'a>, pod: &Pod, reasons: &[&str]) -> Option<&'a Event> {
    world.pod_events(pod).iter().find(|event| reasons.contains(&event.reason.as_str())).copied()
}
