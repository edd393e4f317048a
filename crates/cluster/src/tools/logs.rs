//! `k8s_logs`: of a pod or of every pod of a workload.

use super::TOOLSET;
use super::target::{lenient, regex, since};
use crate::api::Text;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::fold::{Folded, fold};
use crate::object::{self, items, number, text};
use crate::query::Query;
use crate::show::pod::pod_status;
use crate::snapshot::pod_log_path;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool, nearest_names};

/// Reads logs.
pub(crate) struct Logs(pub(crate) Cluster);

/// Lines from the end unless asked otherwise, and at most.
const TAIL: u64 = 300;
const MOST_TAIL: u64 = 20_000;

/// Bytes read of one container's log.
const BYTES: usize = 2 << 20;

/// Containers read in one call, and at once.
const CONTAINERS: usize = 12;
const AT_ONCE: usize = 6;

/// Lines shown of one container, and of one line.
const SHOWN: usize = 120;
pub(crate) const LINE: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Pod, or kind/name of a workload
    #[serde(alias = "pod", alias = "workload")]
    name: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Default all
    #[serde(default)]
    container: Option<String>,
    /// The run before; default too when crash-looping
    #[serde(default)]
    previous: Option<bool>,
    /// e.g. 15m
    #[serde(default)]
    since: Option<String>,
    /// Lines, default 300
    #[serde(default, deserialize_with = "lenient", alias = "tail_lines", alias = "lines")]
    #[schemars(with = "Option<u64>")]
    tail: Option<u64>,
    /// Regex of lines to show
    #[serde(default)]
    grep: Option<String>,
    /// Regex of lines to hide
    #[serde(default)]
    exclude: Option<String>,
}

/// Logs by container.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// What was asked for.
    object: ObjectRef,
    /// One entry a container run.
    logs: Vec<Log>,
    #[serde(skip)]
    coverage: Coverage,
}

/// One container run's log.
#[derive(Serialize, JsonSchema)]
struct Log {
    /// Pod.
    pod: String,
    /// Container.
    container: String,
    /// Whether it is the run before the present one.
    previous: bool,
    /// Lines that passed the filters.
    lines: usize,
    /// Lines read.
    read: usize,
    /// What was read, folded.
    patterns: Vec<Pattern>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<String>,
}

/// Lines that are equal but for numbers and ids.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pattern {
    /// How many.
    pub(crate) count: usize,
    /// The first, verbatim.
    pub(crate) first: String,
    /// The last, verbatim.
    pub(crate) last: String,
}

impl From<Folded> for Pattern {
    fn from(folded: Folded) -> Self {
        Self { count: folded.count, first: cut(&folded.first), last: cut(&folded.last) }
    }
}

/// A line no longer than [`LINE`].
fn cut(line: &str) -> String {
    if line.chars().count() <= LINE {
        return line.to_owned();
    }
    let head: String = line.chars().take(LINE).collect();
    format!("{head}…")
}

impl Pattern {
    /// Once: the line. More often: the count, the first and the last.
    pub(crate) fn text(&self) -> String {
        match self.count {
            1 => format!("{}\n", self.last),
            _ if self.first == self.last => format!("[x{}] {}\n", self.count, self.last),
            count => format!("[x{count} first] {}\n[x{count} last] {}\n", self.first, self.last),
        }
    }
}

/// A container run to be read.
struct Wanted {
    namespace: String,
    pod: String,
    container: String,
    previous: bool,
}

#[async_trait]
impl TypedTool for Logs {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_logs";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Container logs of a pod or workload; repeated lines folded.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("", &["pods", "pods/log"])]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let grep = regex("grep", input.grep.as_deref())?;
        let exclude = regex("exclude", input.exclude.as_deref())?;
        let from = since(input.since.as_deref(), context.now)?;
        let target = self.find(&input, context).await?;
        let found = self.0.pods_behind(&target.resource.kind, &target.object).await?;
        let mut coverage = Coverage::default();
        coverage.missing.extend(found.missing);
        let mut pods = found.items;
        if pods.is_empty() {
            return Err(ToolError::NotFound {
                message: format!("{} has no pods", object::title(&target.object)),
                nearest: Vec::new(),
            });
        }
        // Those in trouble first: a workload's healthy pods say the least.
        pods.sort_by_cached_key(|pod| (std::cmp::Reverse(trouble(pod)), object::name(pod).to_owned()));
        let mut wanted = wanted(&pods, &input)?;
        if wanted.len() > CONTAINERS {
            coverage
                .truncated
                .push(format!("{} more containers; name a pod or container", wanted.len() - CONTAINERS));
            wanted.truncate(CONTAINERS);
        }
        let tail = input.tail.unwrap_or(TAIL).clamp(1, MOST_TAIL);
        let reads: Vec<(Wanted, Result<Text, ClusterError>)> = stream::iter(wanted)
            .map(|wanted| async {
                let answer = self.read(&wanted, tail, from).await;
                (wanted, answer)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut logs = Vec::new();
        let single = reads.len() == 1;
        for (wanted, answer) in reads {
            let name = format!("{}/{}", wanted.pod, wanted.container);
            match answer {
                Ok(read) => {
                    logs.push(show(wanted, &read, tail, grep.as_ref(), exclude.as_ref(), &mut coverage));
                }
                Err(ClusterError::BadRequest { message, .. } | ClusterError::NotFound { what: message }) => {
                    let none = Some(message);
                    logs.push(Log { patterns: Vec::new(), lines: 0, read: 0, none, ..log_of(wanted) });
                }
                Err(error) if single || error.is_fatal() => return Err(error.into()),
                Err(error) => coverage.missing.push(format!("log of {name}: {}", error.brief())),
            }
        }
        Ok(Output { object: object::reference(&target.object), logs, coverage })
    }
}

impl Logs {
    /// A pod; a word that is no pod's name may be a workload's.
    async fn find(&self, input: &Input, context: &CallContext) -> Result<super::target::Target, ToolError> {
        let find = |kind: &'static str| {
            let said = input.kind.as_deref();
            self.0.target(said, &input.name, input.namespace.as_deref(), kind, context)
        };
        let first = find("pod").await;
        let said_kind = input.kind.is_some() || input.name.contains(['/', ' ']);
        match first {
            Err(ToolError::NotFound { message, nearest }) if !said_kind => {
                for kind in ["deployment", "statefulset", "daemonset", "job", "cronjob"] {
                    if let Ok(target) = find(kind).await {
                        return Ok(target);
                    }
                }
                Err(ToolError::NotFound { message, nearest })
            }
            answer => answer,
        }
    }

    async fn read(
        &self,
        wanted: &Wanted,
        tail: u64,
        from: Option<jiff::Timestamp>,
    ) -> Result<Text, ClusterError> {
        let from = from.map(|from| from.to_string());
        let uri = Query::default()
            .with("container", Some(&wanted.container))
            .with("previous", wanted.previous.then_some("true"))
            .with("tailLines", Some(&tail.to_string()))
            .with("sinceTime", from.as_deref())
            .on(&pod_log_path(&wanted.namespace, &wanted.pod)?);
        self.0.api().get_text(&uri, BYTES).await
    }
}

fn log_of(wanted: Wanted) -> Log {
    Log {
        pod: wanted.pod,
        container: wanted.container,
        previous: wanted.previous,
        lines: 0,
        read: 0,
        patterns: Vec::new(),
        none: None,
    }
}

fn show(
    wanted: Wanted,
    read: &Text,
    tail: u64,
    grep: Option<&Regex>,
    exclude: Option<&Regex>,
    coverage: &mut Coverage,
) -> Log {
    let name = format!("{}/{}", wanted.pod, wanted.container);
    let (patterns, lines, total) = patterns(&read.text, grep, exclude);
    let hidden = patterns.len().saturating_sub(SHOWN);
    if hidden > 0 {
        coverage.truncated.push(format!("log of {name}: {hidden} older different lines; use grep or tail"));
    }
    if read.cut {
        coverage.truncated.push(format!("log of {name}: only {BYTES} bytes were read"));
    } else if total as u64 >= tail {
        coverage.truncated.push(format!("log of {name}: only the last {tail} lines were read"));
    }
    let patterns = patterns.into_iter().skip(hidden).collect();
    Log { lines, read: total, patterns, ..log_of(wanted) }
}

/// The lines that pass, folded; how many pass, and how many there are.
pub(crate) fn patterns(
    log: &str,
    grep: Option<&Regex>,
    exclude: Option<&Regex>,
) -> (Vec<Pattern>, usize, usize) {
    let total = log.lines().count();
    let passing = |line: &&str| {
        grep.is_none_or(|regex| regex.is_match(line)) && !exclude.is_some_and(|regex| regex.is_match(line))
    };
    let lines = log.lines().filter(passing).count();
    (fold(log.lines().filter(passing)).into_iter().map(Pattern::from).collect(), lines, total)
}

/// Not ready counts most, restarts after that.
fn trouble(pod: &Value) -> (bool, i64) {
    let statuses = items(pod, "status.containerStatuses");
    let ready = statuses.iter().all(|status| status["ready"] == true) && !statuses.is_empty();
    let done = text(pod, "status.phase") == "Succeeded";
    let restarts =
        statuses.iter().filter_map(|status| number(status, "restartCount")).max().unwrap_or_default();
    (!ready && !done, restarts)
}

fn wanted(pods: &[Value], input: &Input) -> Result<Vec<Wanted>, ToolError> {
    let mut wanted = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for pod in pods {
        let crashing = pod_status(pod).contains("CrashLoopBackOff");
        let lists = [
            ("spec.containers", "status.containerStatuses"),
            ("spec.initContainers", "status.initContainerStatuses"),
        ];
        for (containers, statuses) in lists {
            for container in items(pod, containers) {
                let name = text(container, "name");
                names.push(name);
                let status = items(pod, statuses).iter().find(|status| text(status, "name") == name);
                let init = containers == "spec.initContainers";
                let chosen = match input.container.as_deref() {
                    Some("" | "*" | "all") | None => !init || status.is_some_and(|status| !finished(status)),
                    Some(asked) => asked == name,
                };
                if !chosen {
                    continue;
                }
                let restarted =
                    status.and_then(|status| number(status, "restartCount")).unwrap_or_default() > 0;
                let runs: &[bool] = match input.previous {
                    Some(true) => &[true],
                    None if crashing && restarted => &[true, false],
                    Some(false) | None => &[false],
                };
                wanted.extend(runs.iter().map(|&previous| Wanted {
                    namespace: object::namespace(pod).unwrap_or_default().to_owned(),
                    pod: object::name(pod).to_owned(),
                    container: name.to_owned(),
                    previous,
                }));
            }
        }
    }
    if wanted.is_empty() {
        let asked = input.container.as_deref().unwrap_or_default();
        names.sort_unstable();
        names.dedup();
        return Err(ToolError::NotFound {
            message: format!("no container called {asked}; there are {}", names.join(", ")),
            nearest: nearest_names(asked, names.iter().copied(), 3),
        });
    }
    Ok(wanted)
}

fn finished(status: &Value) -> bool {
    number(status, "state.terminated.exitCode") == Some(0)
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = String::new();
        for log in &self.logs {
            let run = if log.previous { " (previous run)" } else { "" };
            let head = format!("== {}/{}{run}", log.pod, log.container);
            match &log.none {
                Some(why) => out.push_str(&format!("{head}: no log: {why}\n")),
                None if log.read == 0 => out.push_str(&format!("{head}: the log is empty\n")),
                None if log.lines == 0 => {
                    out.push_str(&format!("{head}: none of {} lines pass the filter\n", log.read));
                }
                None => {
                    let of = if log.lines == log.read { String::new() } else { format!(" of {}", log.read) };
                    out.push_str(&format!("{head}: {}{of} lines\n", log.lines));
                    out.extend(log.patterns.iter().map(Pattern::text));
                }
            }
        }
        out
    }

    fn summary(&self) -> String {
        let lines: usize = self.logs.iter().map(|log| log.lines).sum();
        format!("{lines} lines of {}", crate::show::table::count(self.logs.len(), "container"))
    }

    fn subject(&self) -> Option<ObjectRef> {
        Some(self.object.clone())
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
