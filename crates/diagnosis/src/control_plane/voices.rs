//! Who says what: lines of logs and warnings that hold given words, with the proof at hand.

use crate::logs::last_line_with;
use crate::snapshot::{Event, LogSource, Pod};
use crate::world::World;
use jiff::Timestamp;
use stethoscope_core::finding::{Proof, ProofSource};
use stethoscope_core::object::ObjectRef;

/// Warnings and stamped lines older than this are history, in seconds.
const FRESH: i64 = 3600;

/// A line of a log.
#[derive(Clone, Debug)]
pub(crate) struct Voice<'a> {
    /// Verbatim.
    pub(crate) line: &'a str,
    /// The whole log.
    pub(crate) log: &'a str,
    /// Who wrote it, if it is a container of a pod that is known.
    pub(crate) pod: Option<&'a Pod>,
    /// The node it was written on.
    pub(crate) node: Option<&'a str>,
    /// The line as a proof.
    pub(crate) proof: Proof,
}

/// The newest line of each log that holds one of the words, unless its own time stamp says that it is history.
pub(crate) fn in_logs<'a>(world: &World<'a>, words: &[&str]) -> Vec<Voice<'a>> {
    let mut voices: Vec<Voice<'a>> =
        world.snapshot.logs.iter().filter_map(|log| voice(world, &log.source, &log.text, words)).collect();
    voices.sort_by(|a, b| (&a.proof.object, a.line).cmp(&(&b.proof.object, b.line)));
    voices
}

fn voice<'a>(world: &World<'a>, source: &'a LogSource, log: &'a str, words: &[&str]) -> Option<Voice<'a>> {
    let line = last_line_with(log, words).filter(|line| fresh(world, line))?;
    let (object, said, pod, node) = match source {
        LogSource::Container { namespace, pod, container, previous } => {
            let known = world.pod(namespace, pod);
            let said = ProofSource::Log { container: container.clone(), previous: *previous };
            (ObjectRef::namespaced("Pod", namespace, pod), said, known, known.and_then(Pod::node))
        }
        LogSource::NodeUnit { node, unit } => {
            let said = ProofSource::NodeLog { unit: unit.clone() };
            (ObjectRef::cluster("Node", node), said, None, Some(node.as_str()))
        }
    };
    let proof = Proof { object, source: said, quote: line.to_owned() };
    Some(Voice { line, log, pod, node, proof })
}

/// Warnings of the last hour that hold one of the words, newest first.
pub(crate) fn in_events<'a>(world: &World<'a>, words: &[&str]) -> Vec<&'a Event> {
    let mut events: Vec<&Event> = world
        .snapshot
        .events
        .iter()
        .filter(|event| event.warns() && words.iter().any(|word| event.message.contains(word)))
        .filter(|event| recent(world, event))
        .collect();
    events.sort_by_key(|event| (std::cmp::Reverse(event.last_seen()), &event.metadata.name));
    events
}

/// Whether an event was seen within the last hour.
pub(crate) fn recent(world: &World<'_>, event: &Event) -> bool {
    world.age(event.last_seen()).is_none_or(|age| age < FRESH)
}

/// What an event is about, or the workload above it.
pub(crate) fn about(world: &World<'_>, event: &Event) -> ObjectRef {
    let about = &event.involved_object;
    if let Some(pod) = world.pod(&about.namespace, &about.name).filter(|_| about.kind == "Pod") {
        return world.root(pod);
    }
    let set = world.snapshot.replica_sets.iter().find(|set| {
        about.kind == "ReplicaSet"
            && set.metadata.name == about.name
            && set.metadata.namespace == about.namespace
    });
    if let Some(owner) = set.and_then(|set| set.metadata.controller()) {
        return ObjectRef::namespaced(&owner.kind, &about.namespace, &owner.name);
    }
    if about.namespace.is_empty() {
        ObjectRef::cluster(&about.kind, &about.name)
    } else {
        ObjectRef::namespaced(&about.kind, &about.namespace, &about.name)
    }
}

/// A line without a time of its own counts as fresh: its log was cut to the newest lines.
pub(super) fn fresh(world: &World<'_>, line: &str) -> bool {
    stamp(line, world.now).is_none_or(|moment| world.now.as_second() - moment.as_second() < FRESH)
}

/// The time a line carries: `2026-01-02T03:04:05…` anywhere near its beginning, or klog's `E0102 03:04:05.000000`.
fn stamp(line: &str, now: Timestamp) -> Option<Timestamp> {
    const NEAR: usize = 60;
    let head = &line[..line.floor_char_boundary(NEAR + 19)];
    let iso = (0..head.len().saturating_sub(18).min(NEAR)).find_map(|at| {
        let text = head.get(at..at + 19)?;
        let bytes = text.as_bytes();
        let shaped = bytes[4] == b'-' && bytes[7] == b'-' && bytes[13] == b':' && bytes[16] == b':';
        let parted = matches!(bytes[10], b'T' | b' ');
        (shaped && parted).then(|| format!("{}T{}Z", &text[..10], &text[11..]).parse().ok()).flatten()
    });
    iso.or_else(|| klog(line, now))
}

/// klog writes no year: the one that lies nearest before now is meant.
fn klog(line: &str, now: Timestamp) -> Option<Timestamp> {
    let head = line.get(..14)?;
    let is_klog = head.is_ascii()
        && head.starts_with(['I', 'W', 'E', 'F'])
        && head[1..5].bytes().all(|byte| byte.is_ascii_digit())
        && head.as_bytes()[5] == b' ';
    if !is_klog {
        return None;
    }
    let year: i64 = now.to_string().get(..4)?.parse().ok()?;
    let at = |year: i64| -> Option<Timestamp> {
        format!("{year:04}-{}-{}T{}Z", &head[1..3], &head[3..5], &head[6..14]).parse().ok()
    };
    // A day ahead is a clock that goes wrong or another time zone; more than that is last year.
    let ahead = |moment: Timestamp| moment.as_second() - now.as_second() > 86_400;
    at(year).filter(|moment| !ahead(*moment)).or_else(|| at(year - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn lines_are_stamped_as_their_writers_do() {
        let now: Timestamp = "2026-01-02T03:30:00Z".parse().unwrap();
        let cases = [
            ("2026-01-02T03:04:05.123Z ERROR no", Some("2026-01-02T03:04:05Z")),
            (r#"{"level":"warn","ts":"2026-01-02T03:04:05.9Z","msg":"slow"}"#, Some("2026-01-02T03:04:05Z")),
            ("E0102 03:04:05.000001       1 leaderelection.go:340] no", Some("2026-01-02T03:04:05Z")),
            ("E1231 23:59:58.000001       1 leaderelection.go:340] no", Some("2025-12-31T23:59:58Z")),
            ("Error: no time here", None),
            ("Ünïcode Ünïcode Ünïcode Ünïcode Ünïcode Ünïcode Ünïcode Ünïcode Ünïcode", None),
        ];
        for (line, expected) in cases {
            assert_eq!(stamp(line, now), expected.map(|text| text.parse().unwrap()), "{line}");
        }
    }
}
