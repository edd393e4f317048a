//! The API server turns requests away (priority and fairness, HTTP 429), or a client holds itself back.
//!
//! Texts: `apimachinery/pkg/api/errors` (`NewTooManyRequestsError`), `apiserver/pkg/server/httplog`, `client-go/rest`.

use super::voices::{Voice, about, in_events, in_logs};
use super::{api, is_component};
use crate::draft::{Draft, Felt, event};
use crate::world::{World, reference};
use std::collections::BTreeMap;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const THROTTLING: CauseCode = CauseCode::new("control-plane.api-throttling");
const HELD_BACK: CauseCode = CauseCode::new("app.client-throttled");

const SAYS_TOO_MANY: &[&str] = &[
    "the server has received too many requests and has asked us to try again later",
    "Too many requests, please try again later",
    "resp=429",
];
const SAYS_HELD_BACK: &[&str] = &["client-side throttling, not priority and fairness"];
/// A client that waits so often lives with it all the time.
const OFTEN: usize = 5;
/// Times that one program must be turned away to count.
const AGAIN: usize = 3;
const SHOWN: usize = 4;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    found.extend(turned_away(world));
    found.extend(held_back(world));
}

fn turned_away(world: &World<'_>) -> Option<Draft> {
    let voices: Vec<Voice<'_>> = in_logs(world, SAYS_TOO_MANY)
        .into_iter()
        .filter(|voice| voice.pod.is_some() || voice.node.is_some())
        // A disruption budget says no to an eviction with the same number.
        .filter(|voice| !voice.line.contains("/eviction"))
        .collect();
    let events = in_events(world, SAYS_TOO_MANY);
    // An application may be told 429 by somebody else's API; the API server's own words, an event, or a node's
    // component leave no doubt.
    let certain = !events.is_empty()
        || voices.iter().any(|voice| voice.pod.is_none_or(is_component))
        || voices.iter().any(|voice| voice.line.contains(SAYS_TOO_MANY[0]));
    if !certain {
        return None;
    }
    // One program that was once told to come back is everyday.
    let heard = voices.iter().any(|voice| voice.pod.is_none_or(is_component))
        || !events.is_empty()
        || voices.len() > 1
        || voices.iter().any(|voice| times(voice.log) >= AGAIN);
    let loudest = loudest(&voices);
    let flooding = loudest.as_ref().and_then(|(agent, _)| client(world, agent));
    let at = flooding.clone().unwrap_or_else(api);
    let statement = match (&flooding, &loudest) {
        (Some(workload), Some((_, lines))) => format!(
            "the API server turns requests away, and most of those it turned away ({lines} in its log) come from {workload}"
        ),
        _ => "the API server turns requests away: more come in than it may serve at once".to_owned(),
    };
    let hit: Vec<ObjectRef> = events.iter().map(|event| about(world, event)).collect();
    let suffering = voices.iter().filter_map(|voice| voice.pod).filter(|pod| !is_component(pod));
    let mut draft = Draft::new(THROTTLING, at, if flooding.is_some() { 0.93 } else { 0.85 }, statement)
        .proofs(voices.iter().take(SHOWN).map(|voice| voice.proof.clone()))
        .proofs(events.iter().take(SHOWN).map(|it| event(it)))
        .affects([api()])
        .affects(hit)
        .affects(suffering.map(|pod| world.root(pod)))
        .since(events.iter().filter_map(|event| event.first_timestamp.or(event.event_time)).min());
    if let Some((agent, _)) = loudest {
        draft = draft.param("client", agent);
    }
    Some(if heard { draft } else { draft.sure(0.3).severity(Severity::Low).felt(Felt::Nowhere) })
}

fn times(log: &str) -> usize {
    log.lines().filter(|line| SAYS_TOO_MANY.iter().any(|words| line.contains(words))).count()
}

/// The client that the API server's log turns away most often, if it is most of them.
fn loudest(voices: &[Voice<'_>]) -> Option<(String, usize)> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for voice in voices.iter().filter(|voice| voice.pod.is_some_and(is_component)) {
        for line in voice.log.lines().filter(|line| line.contains("resp=429") && !line.contains("/eviction"))
        {
            if let Some((_, rest)) = line.split_once("userAgent=\"") {
                let agent = rest.split(['/', ' ', '"']).next().unwrap_or_default();
                *counts.entry(agent).or_default() += 1;
            }
        }
    }
    let all: usize = counts.values().sum();
    let (agent, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (!agent.is_empty() && most * 2 > all).then(|| (agent.to_owned(), most))
}

/// The workload that a user agent names: its own name, or its container's.
fn client(world: &World<'_>, agent: &str) -> Option<ObjectRef> {
    let named = |workload: &&crate::world::Workload<'_>| {
        workload.meta.name == agent || workload.template.spec.containers.iter().any(|it| it.name == agent)
    };
    let mut found = world.workloads.iter().filter(named);
    // A name that two workloads bear accuses neither.
    found.next().filter(|_| found.next().is_none()).map(crate::world::Workload::reference)
}

/// Clients that keep themselves waiting: their own rate limit, not the API server's.
fn held_back(world: &World<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for voice in in_logs(world, SAYS_HELD_BACK) {
        let Some(pod) = voice.pod else { continue };
        let often = voice.log.lines().filter(|line| line.contains(SAYS_HELD_BACK[0])).count() >= OFTEN;
        let root = world.root(pod);
        let statement = format!(
            "{root} holds its own requests to the API back: its client's rate limit is too low for what it does"
        );
        let draft = Draft::new(HELD_BACK, root, if often { 0.55 } else { 0.3 }, statement)
            .proof(voice.proof)
            .affects([reference("Pod", &pod.metadata)]);
        drafts.push(if often && !pod.ready() {
            draft
        } else {
            draft.felt(if often { Felt::Silently } else { Felt::Nowhere }).severity(Severity::Low)
        });
    }
    drafts
}
