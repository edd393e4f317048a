//! `gpu_logs`: known lines in the logs of a workload's pods, and which of them failed first.

use super::report::Report;
use super::{TOOLSET, lookup, namespace, pods};
use crate::backend::Backend;
use crate::kernel::{KernelEvent, kernel_event};
use crate::knowledge::signature::{MATCHER, Role};
use crate::object::{self, items, text};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use stethoscope_core::reader::{LogWanted, Run, Stamps, Tail};
use stethoscope_core::tool::{Availability, CallContext, RbacRule, ToolError, TypedTool};

/// Reads logs.
pub(crate) struct Logs(pub(crate) Backend);

/// Container runs read, and at once; lines and bytes of each.
const RUNS: usize = 64;
const AT_ONCE: usize = 6;
const TAIL: u64 = 2_000;
const MOST_TAIL: u64 = 20_000;
const BYTES: usize = 2 << 20;
/// Longest line quoted, and looked at.
const QUOTED: usize = 260;
const LOOKED_AT: usize = 4_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Pod, workload, or label=value
    #[serde(alias = "pod", alias = "workload")]
    name: String,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Lines a container, default 2000
    #[serde(default)]
    tail: Option<u64>,
}

/// A known line in one container run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    place: String,
    at: Option<Timestamp>,
    role: Role,
    id: String,
    means: String,
    fix: String,
    source: String,
    line: String,
    count: usize,
    rank: Option<u32>,
}

#[async_trait]
impl TypedTool for Logs {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "gpu_logs";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "Known GPU, NCCL and serving errors in pod logs; the first failing rank.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("", &["pods", "pods/log"])]
    }

    fn available(&self) -> Availability {
        self.0.logs_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let place = namespace(input.namespace.as_deref(), context);
        let found = pods::find(&self.0, &input.name, place.as_deref(), &mut report.coverage.missing).await?;
        let mut wanted: Vec<LogWanted> =
            found.iter().flat_map(|pod| runs(pod, input.tail.unwrap_or(TAIL).clamp(1, MOST_TAIL))).collect();
        if wanted.len() > RUNS {
            report.coverage.truncated.push(format!("logs of {} more container runs", wanted.len() - RUNS));
            wanted.truncate(RUNS);
        }
        let objects = self.0.objects()?;
        let read: Vec<_> = stream::iter(wanted)
            .map(|wanted| async move {
                let log = objects.logs(&wanted).await;
                (wanted, log)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut hits = Vec::new();
        for (wanted, log) in read {
            let run = if wanted.run == Run::Previous { " (previous run)" } else { "" };
            let name = format!("{}/{}{run}", wanted.pod, wanted.container.as_deref().unwrap_or_default());
            match log {
                Ok(log) => {
                    report.coverage.truncated.extend(log.missing.map(|why| format!("log of {name}: {why}")));
                    hits.extend(scan(&name, &log.text));
                }
                Err(error) => report.coverage.missing.push(format!("log of {name}: {error}")),
            }
        }
        let deaths: Vec<(Timestamp, String)> = found.iter().filter_map(death).collect();
        conclude(&mut report, &found, hits, deaths);
        Ok(report)
    }
}

/// The runs of a pod's containers that may say something.
fn runs(pod: &Value, tail: u64) -> Vec<LogWanted> {
    let mut runs = Vec::new();
    for (containers, statuses, init) in [
        ("spec.containers", "status.containerStatuses", false),
        ("spec.initContainers", "status.initContainerStatuses", true),
    ] {
        for container in items(pod, containers) {
            let name = text(container, "name");
            let status = items(pod, statuses).iter().find(|status| text(status, "name") == name);
            let ended_well =
                status.is_some_and(|status| object::number(status, "state.terminated.exitCode") == Some(0));
            if init && ended_well {
                continue;
            }
            let wanted = |run: Run| LogWanted {
                namespace: object::namespace(pod).to_owned(),
                pod: object::name(pod).to_owned(),
                container: Some(name.to_owned()),
                run,
                tail: Tail { lines: tail, bytes: BYTES },
                stamps: Stamps::Each,
            };
            let restarts =
                status.and_then(|status| object::number(status, "restartCount")).unwrap_or_default();
            if restarts > 0 {
                runs.push(wanted(Run::Previous));
            }
            runs.push(wanted(Run::Current));
        }
    }
    runs
}

static RANK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\[(?:PG [^\]]*)?rank ?:? ?(\d{1,6})\]|\brank[ =:](\d{1,6})\b").ok());

fn rank(line: &str) -> Option<u32> {
    let found = RANK.as_ref()?.captures(line)?;
    found.get(1).or_else(|| found.get(2))?.as_str().parse().ok()
}

/// Known lines of one log, each signature once, with its first line.
fn scan(place: &str, log: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut seen: BTreeMap<(String, Option<u32>), usize> = BTreeMap::new();
    for whole in log.lines() {
        let whole = whole.get(..whole.floor_char_boundary(LOOKED_AT.min(whole.len()))).unwrap_or_default();
        let (at, line) = match whole.split_once(' ') {
            Some((stamp, rest)) => stamp.parse::<Timestamp>().map_or((None, whole), |at| (Some(at), rest)),
            None => (None, whole),
        };
        let mut add = |id: String, role: Role, means: String, fix: String, source: String| {
            let rank = rank(line);
            if let Some(hit) = seen.get(&(id.clone(), rank)).and_then(|index| hits.get_mut(*index)) {
                hit.count += 1;
                return;
            }
            seen.insert((id.clone(), rank), hits.len());
            let line = line.trim().chars().take(QUOTED).collect();
            hits.push(Hit {
                place: place.to_owned(),
                at,
                role,
                id,
                means,
                fix,
                source,
                line,
                count: 1,
                rank,
            });
        };
        if let Some(KernelEvent::Xid(xid)) = kernel_event(line) {
            add(
                format!("xid.{}", xid.code),
                Role::Cause,
                lookup::brief(xid.code),
                "xid_lookup with the line".to_owned(),
                "NVIDIA's XID catalogue".to_owned(),
            );
            continue;
        }
        if let Some(known) = MATCHER.of(line).first() {
            add(known.id.clone(), known.role, known.means.clone(), known.fix.clone(), known.source.clone());
        }
    }
    hits
}

/// When a pod's container last died badly, and how.
fn death(pod: &Value) -> Option<(Timestamp, String)> {
    items(pod, "status.containerStatuses")
        .iter()
        .flat_map(|status| ["state.terminated", "lastState.terminated"].map(|place| (status, place)))
        .filter_map(|(status, place)| {
            let code = object::number(status, &format!("{place}.exitCode"))?;
            let at = object::time(status, &format!("{place}.finishedAt"))?;
            let reason = text(status, &format!("{place}.reason"));
            (code != 0).then(|| {
                let node = text(pod, "spec.nodeName");
                (at, format!("{} {} (exit {code}) at {at} on {node}", object::name(pod), reason))
            })
        })
        .min()
}

fn conclude(report: &mut Report, pods: &[Value], mut hits: Vec<Hit>, mut deaths: Vec<(Timestamp, String)>) {
    deaths.sort();
    // The most telling role first; of equals the earliest, those without a time last.
    hits.sort_by_key(|hit| (hit.role, hit.at.is_none(), hit.at, hit.place.clone()));
    let first = hits.first().cloned();
    report.headline = match &first {
        None if deaths.is_empty() => format!("no known line in the logs of {} pods", pods.len()),
        None => format!("no known line in the logs; the first that died: {}", deaths[0].1),
        Some(hit) if hit.role == Role::Victim => {
            format!("only victims speak ({}): {}", hit.id, straggler(pods, &hits, &deaths))
        }
        Some(hit) => {
            let when = hit.at.map(|at| format!(" at {at}")).unwrap_or_default();
            let rank = hit.rank.map(|rank| format!(" (rank {rank})")).unwrap_or_default();
            format!("first to look at: {}{rank}{when}: {}", hit.place, hit.means)
        }
    };
    for (title, role) in [
        ("causes, earliest first", Role::Cause),
        ("failures without a reason", Role::Generic),
        ("victims", Role::Victim),
        ("harmless", Role::Benign),
    ] {
        let lines = hits.iter().filter(|hit| hit.role == role).map(spoken).collect();
        report.section(title, lines);
    }
    report
        .section("containers that died, earliest first", deaths.into_iter().map(|(_, text)| text).collect());
}

fn spoken(hit: &Hit) -> String {
    let count = if hit.count > 1 { format!(" x{}", hit.count) } else { String::new() };
    let at = hit.at.map(|at| format!(" {at}")).unwrap_or_default();
    format!(
        "{}{at} [{}{count}] {}\n  means: {} (text seen in {})\n  do: {}",
        hit.place, hit.id, hit.line, hit.means, hit.source, hit.fix
    )
}

/// Whom the victims waited for: the pod that died before them, or the ranks that do not complain.
fn straggler(pods: &[Value], hits: &[Hit], deaths: &[(Timestamp, String)]) -> String {
    let complaint = hits.iter().filter_map(|hit| hit.at).min();
    if let Some((_, death)) = deaths.first().filter(|(at, _)| complaint.is_none_or(|first| *at < first)) {
        return format!("{death}, before they complained");
    }
    let speaking: BTreeSet<&str> = hits.iter().filter_map(|hit| hit.place.split('/').next()).collect();
    let silent: Vec<&str> = pods.iter().map(object::name).filter(|name| !speaking.contains(name)).collect();
    if !silent.is_empty() && !speaking.is_empty() {
        return format!("look at the silent: {}", silent.join(", "));
    }
    let ranks: BTreeSet<u32> = hits.iter().filter_map(|hit| hit.rank).collect();
    let missing: Vec<String> = ranks
        .last()
        .map(|last| {
            (0..*last).filter(|rank| !ranks.contains(rank)).take(8).map(|rank| rank.to_string()).collect()
        })
        .unwrap_or_default();
    if missing.is_empty() {
        "every rank complains: network or a node, see gpu_health".to_owned()
    } else {
        format!("look at the silent ranks {}", missing.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn pod(name: &str) -> Value {
        json!({"kind": "Pod", "metadata": {"name": name, "namespace": "ml"}, "spec": {"containers": [{"name": "t"}]}})
    }

    fn headline(logs: &[(&str, &str)], deaths: Vec<(Timestamp, String)>) -> String {
        let mut report = Report::default();
        let pods: Vec<Value> = logs.iter().map(|(name, _)| pod(name)).collect();
        let hits = logs.iter().flat_map(|(name, log)| scan(&format!("{name}/t"), log)).collect();
        conclude(&mut report, &pods, hits, deaths);
        report.headline
    }

    const TIMEOUT: &str =
        "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9, OpType=ALLREDUCE)";

    #[test]
    fn the_rank_with_a_cause_is_named_and_not_the_victims() {
        let victim = format!("2026-03-01T10:10:00Z [rank0]: {TIMEOUT}");
        let cause =
            "2026-03-01T10:00:00Z [rank5]: RuntimeError: CUDA error: uncorrectable ECC error encountered";
        let told = headline(&[("w-0", &victim), ("w-5", cause)], Vec::new());
        assert_eq!(
            told,
            "first to look at: w-5/t (rank 5) at 2026-03-01T10:00:00Z: GPU memory failed under this program"
        );
    }

    #[test]
    fn where_only_victims_speak_the_silent_or_the_dead_one_is_named() {
        let victim = format!("2026-03-01T10:10:00Z [rank0]: {TIMEOUT}");
        let told = headline(&[("w-0", &victim), ("w-1", "step 1")], Vec::new());
        assert_eq!(told, "only victims speak (torch.watchdog): look at the silent: w-1");
        let died = vec![("2026-03-01T10:00:00Z".parse().unwrap(), "w-1 OOMKilled (exit 137)".to_owned())];
        let told = headline(&[("w-0", &victim), ("w-1", "step 1")], died);
        assert_eq!(
            told,
            "only victims speak (torch.watchdog): w-1 OOMKilled (exit 137), before they complained"
        );
    }

    #[test]
    fn of_two_causes_the_earlier_counts() {
        let late = "2026-03-01T10:09:00Z torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB";
        let early = "2026-03-01T10:01:00Z NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.";
        let told = headline(&[("w-0", late), ("w-1", early)], Vec::new());
        assert!(told.starts_with("first to look at: w-1/t at 2026-03-01T10:01:00Z: XID 79"), "{told}");
        assert_eq!(headline(&[("w-0", "fine")], Vec::new()), "no known line in the logs of 1 pods");
    }
}
