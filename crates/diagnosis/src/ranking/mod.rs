//! From many findings to few causes.
//!
//! ```text
//! node, quota, storage ──> workload's own fault ──> symptom of a workload ──> Service without endpoints ──> caller
//!      (deepest)                                                                                          (last)
//! ```
//! A finding explains another when it lies deeper and hits the other's subject, or something the other suffers
//! through. What is explained moves into `affected` and `chain` of its cause; the rest is ordered by what it does and
//! how sure it is.

mod depth;

use crate::Focus;
use crate::draft::{Draft, Felt};
use crate::world::{World, reference};
use depth::{Depth, depth};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use stethoscope_core::finding::{Finding, Severity};
use stethoscope_core::object::ObjectRef;

/// Most findings that are told.
const TOLD: usize = 50;
/// Seconds.
const HOUR: i64 = 3600;
/// Most affected objects named under a finding.
const AFFECTED: usize = 30;

/// Orders drafts and puts what is explained under its cause.
pub(crate) fn rank(world: &World<'_>, focus: &Focus, drafts: Vec<Draft>) -> Vec<Finding> {
    let mut drafts = merge(drafts);
    drafts.sort_by_cached_key(|draft| order(world, focus, draft));
    let hits: Vec<BTreeSet<ObjectRef>> = drafts.iter().map(|draft| hits(world, draft)).collect();
    let explained_by = explanations(&drafts, &hits);
    let mut told: Vec<Option<Finding>> = drafts.iter().map(|draft| Some(draft.finding.clone())).collect();
    let mut symptoms: Vec<(usize, Finding, bool)> = Vec::new();
    for (at, by) in explained_by.iter().enumerate() {
        let Some(by) = by.map(|by| root(by, &explained_by)) else { continue };
        if let Some(symptom) = told[at].take() {
            let beyond = !hits[by].contains(&symptom.subject);
            symptoms.push((by, symptom, beyond));
        }
    }
    // What the cause hits itself comes first in its chain, then what suffers through that; each from deep to shallow.
    symptoms.sort_by_key(|(_, symptom, beyond)| (*beyond, depth(&symptom.cause)));
    for (by, symptom, _) in symptoms {
        if let Some(cause) = &mut told[by] {
            absorb(cause, symptom);
        }
    }
    let mut findings: Vec<Finding> = told.into_iter().flatten().collect();
    for finding in &mut findings {
        finding.affected.truncate(AFFECTED);
        finding.confidence = finding.confidence.clamp(0.0, most(world, finding));
    }
    findings.truncate(TOLD);
    findings
}

/// Most confidence a finding may have. Why pods are not made stands in events: where those can't be read, a symptom that
/// nothing explains decides nothing.
fn most(world: &World<'_>, finding: &Finding) -> f64 {
    const UNDECIDED: f64 = 0.45;
    let bare = matches!(depth(&finding.cause), Depth::WorkloadSymptom | Depth::Route);
    let unread = finding
        .subject
        .namespace
        .as_deref()
        .is_some_and(|namespace| world.snapshot.has_gap(crate::snapshot::Kind::Event, namespace));
    if bare && unread { UNDECIDED } else { 1.0 }
}

/// The same cause on the same object is one finding.
fn merge(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut merged: Vec<Draft> = Vec::new();
    let mut at = HashMap::new();
    for draft in drafts {
        let key = (draft.finding.cause.clone(), draft.finding.subject.clone());
        match at.get(&key) {
            None => {
                at.insert(key, merged.len());
                merged.push(draft);
            }
            Some(&known) => {
                let same: &mut Draft = &mut merged[known];
                let stronger = (draft.felt, draft.finding.severity) > (same.felt, same.finding.severity);
                let better = draft.finding.confidence > same.finding.confidence;
                let old = same.clone();
                let mut kept = if better { draft.clone() } else { old.clone() };
                let other = if better { old } else { draft.clone() };
                if stronger {
                    kept.felt = draft.felt;
                    kept.finding.severity = draft.finding.severity;
                }
                *same = kept
                    .affects(other.finding.affected)
                    .proofs(other.finding.proofs)
                    .through(other.through)
                    .blames(other.blames)
                    .since(other.since);
            }
        }
    }
    merged
}

/// Sorted ascending, the first is told first: what concerns the question's namespace, causes before background and bare
/// symptoms, what is visible before what is not, then the score.
type Order = (bool, bool, bool, Reverse<Felt>, Reverse<u32>, Depth, Reverse<i64>, ObjectRef, String);

fn order(world: &World<'_>, focus: &Focus, draft: &Draft) -> Order {
    let finding = &draft.finding;
    let depth = depth(&finding.cause);
    (
        focus.namespace.as_deref().is_some_and(|namespace| !touches(finding, namespace)),
        draft.felt == Felt::Nowhere,
        matches!(depth, Depth::WorkloadSymptom | Depth::Route | Depth::Caller),
        Reverse(draft.felt),
        Reverse(score(world, focus, draft)),
        depth,
        Reverse(draft.since.map_or(0, jiff::Timestamp::as_second)),
        finding.subject.clone(),
        finding.cause.to_string(),
    )
}

/// Whether the finding is about the namespace, or a thing without namespace that something there suffers from.
fn touches(finding: &Finding, namespace: &str) -> bool {
    let here = |object: &ObjectRef| match &object.namespace {
        Some(other) => other == namespace,
        None => object.kind == "Namespace" && object.name == namespace,
    };
    let everywhere = finding.subject.namespace.is_none() && finding.subject.kind != "Namespace";
    here(&finding.subject) || finding.affected.iter().any(here) || everywhere && finding.affected.is_empty()
}

/// Confidence first, then harm, then how well it fits the question, then how recent it is. In thousandths.
fn score(world: &World<'_>, focus: &Focus, draft: &Draft) -> u32 {
    let finding = &draft.finding;
    let confidence = finding.confidence * 1000.0;
    let severity = match finding.severity {
        Severity::Critical => 120.0,
        Severity::High => 100.0,
        Severity::Medium => 50.0,
        Severity::Low => -100.0,
        Severity::Info => -300.0,
    };
    // People name what suffers, rarely what is at fault: a cause that hits the named object counts as if it were named.
    let asked =
        if named(focus, &finding.subject) || finding.affected.iter().any(|object| named(focus, object)) {
            100.0
        } else {
            0.0
        };
    let recent = match world.age(draft.since) {
        Some(age) if age < HOUR => 40.0,
        Some(age) if age < 24 * HOUR => 20.0,
        _ => 0.0,
    };
    (confidence + severity + asked + recent).max(0.0) as u32
}

/// Whether the question names the object, or the workload that a pod's name begins with.
fn named(focus: &Focus, object: &ObjectRef) -> bool {
    focus.words.iter().any(|word| {
        let whole = word.eq_ignore_ascii_case(&object.name);
        let pod_of = |name: &str| name.strip_prefix(word.as_str()).is_some_and(|rest| rest.starts_with('-'));
        whole || object.kind == "Pod" && pod_of(&object.name)
    })
}

/// Everything a finding's cause does harm to: its subject, what it affects, and the Services of those.
fn hits(world: &World<'_>, draft: &Draft) -> BTreeSet<ObjectRef> {
    let mut all: BTreeSet<ObjectRef> = draft.finding.affected.iter().cloned().collect();
    all.insert(draft.finding.subject.clone());
    let roots: Vec<ObjectRef> = all
        .iter()
        .filter(|object| object.kind == "Pod")
        .filter_map(|object| world.pod(object.namespace.as_deref()?, &object.name))
        .map(|pod| world.root(pod))
        .collect();
    // A node's trouble already lists its workloads; a pod on the way stands for its workload.
    all.extend(roots);
    let services: Vec<ObjectRef> = all
        .iter()
        .filter_map(|object| world.workload(object))
        .flat_map(|workload| {
            world
                .services_of(&workload.meta.namespace, &workload.template.metadata.labels)
                .into_iter()
                .map(|service| reference("Service", &service.metadata))
        })
        .collect();
    all.extend(services);
    all
}

/// For each draft, the best draft that explains it.
fn explanations(drafts: &[Draft], hits: &[BTreeSet<ObjectRef>]) -> Vec<Option<usize>> {
    let mut by_object: HashMap<&ObjectRef, Vec<usize>> = HashMap::new();
    for (at, hit) in hits.iter().enumerate() {
        for object in hit {
            by_object.entry(object).or_default().push(at);
        }
    }
    let mut explained_by: Vec<Option<usize>> = vec![None; drafts.len()];
    for (at, draft) in drafts.iter().enumerate() {
        let mine = depth(&draft.finding.cause);
        let suspects = std::iter::once(&draft.finding.subject).chain(&draft.through);
        let deeper = suspects
            .filter_map(|object| by_object.get(object))
            .flatten()
            .copied()
            .filter(|by| *by != at && explains(&drafts[*by], draft, mine))
            .min();
        let blamed = || {
            draft
                .blames
                .iter()
                .filter_map(|object| by_object.get(object))
                .flatten()
                .copied()
                .filter(|by| *by != at && is_blamed(&drafts[*by], draft))
                .filter(|by| !leads_to(*by, at, &explained_by))
                .min()
        };
        explained_by[at] = deeper.or_else(blamed);
    }
    explained_by
}

/// Of two processes that fail, the one that the other's log blames is the cause.
fn is_blamed(cause: &Draft, symptom: &Draft) -> bool {
    let process = |draft: &Draft| depth(&draft.finding.cause) == Depth::Process;
    process(cause)
        && process(symptom)
        && cause.felt == Felt::Visibly
        && cause.finding.subject != symptom.finding.subject
}

/// Whether the explanations known so far lead from one finding to the other.
fn leads_to(mut from: usize, to: usize, explained_by: &[Option<usize>]) -> bool {
    while from != to {
        match explained_by[from] {
            Some(next) => from = next,
            None => return false,
        }
    }
    true
}

/// Deeper, felt, and sure enough to speak for the other.
fn explains(cause: &Draft, symptom: &Draft, mine: Depth) -> bool {
    let theirs = depth(&cause.finding.cause);
    let sure = cause.finding.confidence >= 0.5 || cause.finding.confidence >= symptom.finding.confidence;
    theirs < mine && mine.explainable() && cause.felt != Felt::Nowhere && sure
}

/// Follows explanations to the deepest one. Depth falls, or nothing leads back among those who blame, so this ends.
fn root(mut at: usize, explained_by: &[Option<usize>]) -> usize {
    while let Some(by) = explained_by[at] {
        at = by;
    }
    at
}

/// Puts a symptom under its cause.
fn absorb(cause: &mut Finding, symptom: Finding) {
    if symptom.cause != cause.cause && !cause.chain.contains(&symptom.cause) {
        cause.chain.push(symptom.cause);
    }
    cause.severity = cause.severity.max(symptom.severity.min(Severity::High));
    for object in std::iter::once(symptom.subject).chain(symptom.affected) {
        if cause.affected.len() < AFFECTED && object != cause.subject && !cause.affected.contains(&object) {
            cause.affected.push(object);
        }
    }
}
