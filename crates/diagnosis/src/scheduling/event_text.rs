//! What `FailedScheduling` says, e.g. `0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu.`
//!
//! Texts: `ErrReason*` constants of the plugins below `pkg/scheduler/framework/plugins`.

use super::predicates::Obstacle;

/// The obstacle that the scheduler names for the most nodes. Cordons count only when they stand alone: filters stop at
/// the first refusal, so a standing cordon of a control-plane node appears in every message.
pub(super) fn verdict(message: &str) -> Option<Obstacle> {
    let (_, rest) = message.split_once("nodes are available: ")?;
    let reasons = rest.split(". preemption:").next().unwrap_or(rest);
    if message.starts_with("0/0 nodes") {
        return Some(Obstacle::NoNodes);
    }
    let mut counted: Vec<(u32, Obstacle)> = reasons
        .trim_end_matches('.')
        .split(", ")
        .filter_map(|reason| {
            let (count, what) = reason.split_once(' ')?;
            Some((count.parse().ok()?, obstacle(what)?))
        })
        .collect();
    if counted.len() > 1 {
        let without: Vec<_> = counted.iter().filter(|(_, it)| *it != Obstacle::Cordon).cloned().collect();
        // A node that matches the selector but has another obstacle is the one the pod is meant for.
        let meant: Vec<_> = without
            .iter()
            .filter(|(_, it)| !matches!(it, Obstacle::Selector | Obstacle::Affinity))
            .cloned()
            .collect();
        counted = if meant.is_empty() { without } else { meant };
    }
    counted.into_iter().max_by_key(|(count, _)| *count).map(|(_, obstacle)| obstacle)
}

fn obstacle(what: &str) -> Option<Obstacle> {
    let what = what.trim();
    Some(if let Some(resource) = what.strip_prefix("Insufficient ") {
        Obstacle::Resource(resource.to_owned())
    } else if what.starts_with("Too many pods") {
        Obstacle::Resource("pods".to_owned())
    } else if let Some(taint) =
        what.split_once("untolerated taint {").or_else(|| what.split_once("had taint {"))
    {
        taint_named(taint.1)
    } else if what.contains("were unschedulable") {
        Obstacle::Cordon
    } else if what.contains("anti-affinity rules") {
        Obstacle::AntiAffinity
    } else if what.contains("pod affinity rules") {
        Obstacle::PodAffinity
    } else if what.contains("node affinity/selector") {
        Obstacle::Selector
    } else if what.contains("topology spread constraints") {
        Obstacle::Spread
    } else if what.contains("free ports for the requested pod ports") {
        Obstacle::HostPort(0)
    } else if what.contains("volume node affinity conflict") {
        Obstacle::Volume
    } else {
        return None;
    })
}

/// `key: value}` as the scheduler writes it.
fn taint_named(words: &str) -> Obstacle {
    let inside = words.split('}').next().unwrap_or(words);
    let (key, value) = inside.split_once(": ").unwrap_or((inside.trim_end_matches(':'), ""));
    if key.starts_with("node.kubernetes.io/") {
        Obstacle::NodeUnavailable(key.to_owned())
    } else if value.is_empty() {
        Obstacle::Taint(key.to_owned())
    } else {
        Obstacle::Taint(format!("{key}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_most_named_obstacle_wins_and_a_cordon_counts_only_alone() {
        let cases = [
            (
                "0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu. preemption: 0/4 nodes are available: 4 x.",
                Some(Obstacle::Resource("cpu".to_owned())),
            ),
            (
                "0/4 nodes are available: 4 node(s) were unschedulable. preemption: none",
                Some(Obstacle::Cordon),
            ),
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: true}, 2 node(s) didn't match Pod's node affinity/selector.",
                Some(Obstacle::Taint("gpu=true".to_owned())),
            ),
            (
                "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
                Some(Obstacle::AntiAffinity),
            ),
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
                Some(Obstacle::NodeUnavailable("node.kubernetes.io/unreachable".to_owned())),
            ),
            ("something else", None),
        ];
        for (message, expected) in cases {
            assert_eq!(verdict(message), expected, "{message}");
        }
    }
}
