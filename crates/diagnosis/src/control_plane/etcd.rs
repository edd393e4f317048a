//! etcd behind the API: full, without a leader, or too slow.
//!
//! Texts: `server/etcdserver/errors` and `api/v3rpc/rpctypes/error.go` of etcd, and the warnings of its apply loop.

use super::voices::{Voice, about, fresh, in_events, in_logs};
use super::{api, component, is_component};
use crate::draft::{Draft, event};
use crate::snapshot::Event;
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const FULL: CauseCode = CauseCode::new("control-plane.etcd-full");
const NO_LEADER: CauseCode = CauseCode::new("control-plane.etcd-no-leader");
const SLOW: CauseCode = CauseCode::new("control-plane.etcd-slow");

const SAYS_FULL: &[&str] = &["mvcc: database space exceeded", "alarm:NOSPACE", "alarm raised: NOSPACE"];
const SAYS_NO_LEADER: &[&str] =
    &["etcdserver: no leader", "etcdserver: leader changed", "raft: stopped leading"];
const SAYS_TIMED_OUT: &[&str] = &["etcdserver: request timed out"];
/// One such line is everyday; a log full of them is a disk that can't keep up.
const SAYS_SLOW: &[&str] = &[
    "apply request took too long",
    "slow fdatasync",
    "leader failed to send out heartbeat on time",
    "waiting for ReadIndex response took too long",
];
const MANY: usize = 5;
/// What a change of the lead leaves in logs, and how often it must stand there to be trouble.
const HANDED_OVER: &str = "leader changed";
const LEADERLESS: usize = 3;
/// Proofs of each sort.
const SHOWN: usize = 3;

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    let sorts = [
        (FULL, SAYS_FULL, 0.96, "etcd is out of space, so the API takes no writes"),
        (NO_LEADER, SAYS_NO_LEADER, 0.9, "etcd has no stable leader, so the API's reads and writes fail"),
        (SLOW, SAYS_TIMED_OUT, 0.88, "etcd answers too slowly, so requests to the API time out"),
    ];
    for (cause, words, sure, what) in sorts {
        let mut voices = told(world, words);
        let events = in_events(world, words);
        // A member that restarts hands the lead over, once: everyday.
        let alone = |voice: &Voice<'_>| {
            voice.line.contains(HANDED_OVER) && recently(world, voice.log, words) < LEADERLESS
        };
        if events.is_empty() {
            voices.retain(|voice| !alone(voice));
        }
        if !voices.is_empty() || !events.is_empty() {
            found.push(draft(world, cause, sure, what, &voices, &events));
            return;
        }
    }
    let slow: Vec<Voice<'_>> = told(world, SAYS_SLOW)
        .into_iter()
        .filter(|voice| recently(world, voice.log, SAYS_SLOW) >= MANY)
        .collect();
    if !slow.is_empty() {
        found.push(draft(world, SLOW, 0.78, "etcd is slow: it warns again and again", &slow, &[]));
    }
}

/// Lines with these words that are no history by their own time stamps.
fn recently(world: &World<'_>, log: &str, words: &[&str]) -> usize {
    log.lines().filter(|line| holds(line, words) && fresh(world, line)).count()
}

fn holds(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

/// Components of the control plane only: an application may run an etcd of its own.
fn told<'a>(world: &World<'a>, words: &[&str]) -> Vec<Voice<'a>> {
    let mut voices = in_logs(world, words);
    voices.retain(|voice| voice.pod.is_some_and(is_component));
    voices
}

fn draft(
    world: &World<'_>,
    cause: CauseCode,
    sure: f64,
    what: &str,
    voices: &[Voice<'_>],
    events: &[&Event],
) -> Draft {
    let members = component(world, "etcd");
    let speaking = voices
        .iter()
        .filter_map(|voice| voice.pod)
        .find(|pod| members.iter().any(|member| member.metadata.name == pod.metadata.name));
    let member =
        speaking.or_else(|| members.iter().find(|pod| !pod.ready()).copied()).or(members.first().copied());
    let at = member.map_or_else(api, |pod| reference("Pod", &pod.metadata));
    let hit: Vec<ObjectRef> = events.iter().map(|event| about(world, event)).collect();
    Draft::new(cause, at, sure, what.to_owned())
        .proofs(events.iter().take(SHOWN).map(|it| event(it)))
        .proofs(voices.iter().take(SHOWN).map(|voice| voice.proof.clone()))
        .affects([api()])
        .affects(voices.iter().filter_map(|voice| voice.pod).map(|pod| reference("Pod", &pod.metadata)))
        .affects(hit)
        .since(events.iter().filter_map(|event| event.first_timestamp.or(event.event_time)).min())
}
