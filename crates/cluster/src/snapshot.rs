//! A snapshot: each kind listed once, in parallel, and what may not be seen said instead of failed on.

use crate::api::JSON;
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::{Kept, Listing, Raw};
use crate::query::Query;
use crate::seal::seal_container;
use futures::{StreamExt, stream};
use std::collections::BTreeSet;
use stethoscope_diagnosis::Focus;
use stethoscope_diagnosis::snapshot::{Gap, GapReason, Kind, LogExcerpt, LogRequest, LogSource, Snapshot};

/// What to take a snapshot of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// Namespaces whose objects are listed; `None` for all. Cluster-scoped kinds are listed in any case.
    pub namespaces: Option<Vec<String>>,
    /// What else is listed when namespaces are named, because causes lie there: cluster DNS, node events.
    pub beside: Vec<Beside>,
    /// Whether the logs that detectors ask for are read too.
    pub logs: Logs,
    /// What the question is about: its containers' logs are read first.
    pub focus: Focus,
}

/// Kinds of one more namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Namespace.
    pub namespace: String,
    /// Kinds listed there.
    pub kinds: Vec<Kind>,
    /// Field selector.
    pub fields: Option<String>,
}

/// Whether a snapshot has logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    /// Those that detectors ask for, up to this many.
    Wanted {
        /// Most logs.
        most: usize,
    },
    /// None.
    Skip,
}

impl Default for SnapshotRequest {
    fn default() -> Self {
        Self {
            namespaces: None,
            beside: vec![
                Beside {
                    namespace: "kube-system".to_owned(),
                    kinds: vec![
                        Kind::Pod,
                        Kind::Service,
                        Kind::EndpointSlice,
                        Kind::Deployment,
                        Kind::ReplicaSet,
                        Kind::DaemonSet,
                        Kind::ConfigMap,
                        Kind::Event,
                    ],
                    fields: None,
                },
                // Events on nodes are recorded in `default`.
                Beside {
                    namespace: "default".to_owned(),
                    kinds: vec![Kind::Event],
                    fields: Some("involvedObject.kind=Node".to_owned()),
                },
            ],
            logs: Logs::Wanted { most: 60 },
            focus: Focus::default(),
        }
    }
}

impl SnapshotRequest {
    /// One namespace, or all.
    pub fn of(namespace: Option<&str>) -> Self {
        Self { namespaces: namespace.map(|name| vec![name.to_owned()]), ..Self::default() }
    }

    /// The namespace of a question, or all, with the logs that help with it.
    pub fn about(focus: &Focus) -> Self {
        Self { focus: focus.clone(), ..Self::of(focus.namespace.as_deref()) }
    }
}

/// Lists under way at once; the client's own bound holds beside it.
const LISTS: usize = 12;

/// Logs read at once.
const LOGS: usize = 8;

/// Bytes of one log that are read.
const LOG_BYTES: usize = 256 << 10;

/// One list to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Job {
    kind: Kind,
    namespace: Option<String>,
    fields: Option<String>,
}

impl Cluster {
    /// Takes a snapshot. Fails only when the cluster does not answer or does not know us; whatever else cannot be
    /// read is a gap.
    pub async fn snapshot(&self, request: &SnapshotRequest) -> Result<Snapshot, ClusterError> {
        let mut snapshot = Snapshot { taken_at: Some(self.clock().now()), ..Snapshot::default() };
        let planned = jobs(request);
        let (version, listed) = tokio::join!(self.version(), self.lists(&mut snapshot, planned.clone()));
        listed?;
        snapshot.server_version = version;
        let behind = behind(request, &snapshot, &planned);
        self.lists(&mut snapshot, behind).await?;
        if let Logs::Wanted { most } = request.logs {
            self.read_logs(&mut snapshot, most, &request.focus).await?;
        }
        Ok(snapshot)
    }

    /// The API server's version; who may not know it goes without.
    async fn version(&self) -> Option<String> {
        let version = self.api().get_value("/version", JSON).await.ok()?;
        Some(version.get("gitVersion")?.as_str()?.to_owned())
    }

    async fn lists(&self, snapshot: &mut Snapshot, jobs: Vec<Job>) -> Result<(), ClusterError> {
        // Ordered, so that equal clusters give equal snapshots; each list is a task of its own, so that decoding
        // uses every core.
        let mut parts = stream::iter(jobs)
            .map(|job| {
                let cluster = self.clone();
                tokio::spawn(async move { cluster.part(&job).await })
            })
            .buffered(LISTS);
        while let Some(part) = parts.next().await {
            match part {
                Ok(part) => snapshot.merge(part?),
                Err(error) => snapshot.gaps.push(Gap {
                    kind: "Snapshot".to_owned(),
                    namespace: None,
                    why: GapReason::Failed(format!("a list was given up: {error}")),
                }),
            }
        }
        Ok(())
    }

    async fn part(&self, job: &Job) -> Result<Snapshot, ClusterError> {
        let kind = job.kind;
        let scope = if kind.namespaced() { Scope::Namespaced } else { Scope::Cluster };
        let resource = Resource::known(kind.group(), kind.version(), kind.plural(), kind.kind(), scope);
        let mut part = Snapshot::default();
        if kind.installed()
            && !self.catalog().await.is_ok_and(|catalog| catalog.serves(kind.group(), kind.plural()))
        {
            return Ok(part);
        }
        let mut unread = 0_usize;
        let mut why_unread = String::new();
        let listing =
            Listing { fields: job.fields.as_deref(), ..Listing::of(&resource, job.namespace.as_deref()) };
        let listed = self
            .list_raw_each(&listing, &mut |raw| {
                let Raw::Item(item) = raw else {
                    part = Snapshot::default();
                    unread = 0;
                    return Ok(Kept::Yes);
                };
                let mut one = Snapshot::default();
                // The words of an error may quote a value; they are redacted as text with the rest of the coverage.
                if let Err(error) = one.push(kind, item) {
                    unread += 1;
                    why_unread = error.to_string();
                    return Ok(Kept::Yes);
                }
                let sealed =
                    one.containers_mut().try_for_each(|container| seal_container(self.sealer(), container));
                if sealed.is_err() {
                    return Ok(Kept::Withheld);
                }
                part.merge(one);
                Ok(Kept::Yes)
            })
            .await;
        let why = match listed {
            Ok(listed) if listed.withheld > 0 => {
                Some(GapReason::Failed(format!("{} withheld, they could not be redacted", listed.withheld)))
            }
            Ok(_) if unread > 0 => {
                Some(GapReason::Failed(format!("{unread} could not be read: {why_unread}")))
            }
            Ok(_) => None,
            Err(error) if error.is_fatal() => return Err(error),
            Err(ClusterError::NotServed { .. } | ClusterError::NotFound { .. }) if kind.optional() => None,
            Err(ClusterError::NotServed { .. } | ClusterError::NotFound { .. }) => Some(GapReason::NotServed),
            Err(ClusterError::Forbidden { .. }) => Some(GapReason::Forbidden),
            Err(error) => Some(GapReason::Failed(error.brief())),
        };
        if let Some(why) = why {
            part.gaps.push(Gap { kind: kind.kind().to_owned(), namespace: job.namespace.clone(), why });
        }
        Ok(part)
    }

    async fn read_logs(
        &self,
        snapshot: &mut Snapshot,
        most: usize,
        focus: &Focus,
    ) -> Result<(), ClusterError> {
        let mut wanted = snapshot.wanted_logs_for(focus);
        let left = wanted.len().saturating_sub(most);
        wanted.truncate(most);
        let read: Vec<(LogRequest, Result<LogExcerpt, ClusterError>)> = stream::iter(wanted)
            .map(|request| async move {
                let answer = self.read_log(&request).await;
                (request, answer)
            })
            .buffered(LOGS)
            .collect()
            .await;
        let mut gaps = BTreeSet::new();
        for (request, answer) in read {
            let (kind, namespace, name) = match &request.source {
                LogSource::Container { namespace, pod, container, .. } => {
                    ("pods/log", Some(namespace.clone()), format!("{pod}/{container}"))
                }
                LogSource::NodeUnit { node, unit } => ("nodes/proxy", None, format!("{unit} of {node}")),
            };
            let why = match answer {
                Ok(log) => {
                    snapshot.add_log(log);
                    continue;
                }
                Err(error) if error.is_fatal() => return Err(error),
                // A container that has not started or has no earlier run has no log: that is no gap.
                Err(ClusterError::BadRequest { .. } | ClusterError::NotFound { .. }) => continue,
                Err(ClusterError::Forbidden { .. }) => None,
                // One line for all: which logs a recording lacks, or that a kubelet answers no query, says enough.
                Err(ClusterError::NotServed { .. }) => {
                    Some("some logs that would help are not served".to_owned())
                }
                Err(error) => Some(format!("{name}: {}", error.brief())),
            };
            gaps.insert((kind, namespace, why));
        }
        snapshot.gaps.extend(gaps.into_iter().map(|(kind, namespace, why)| Gap {
            kind: kind.to_owned(),
            namespace,
            why: why.map_or(GapReason::Forbidden, GapReason::Failed),
        }));
        if left > 0 {
            snapshot.gaps.push(Gap {
                kind: "pods/log".to_owned(),
                namespace: None,
                why: GapReason::Failed(format!("{left} more logs would help and were not read")),
            });
        }
        Ok(())
    }

    async fn read_log(&self, request: &LogRequest) -> Result<LogExcerpt, ClusterError> {
        let tail = request.tail_lines.to_string();
        let uri = match &request.source {
            LogSource::Container { namespace, pod, container, previous } => Query::default()
                .with("container", Some(container))
                .with("previous", previous.then_some("true"))
                .with("tailLines", Some(&tail))
                .on(&pod_log_path(namespace, pod)?),
            LogSource::NodeUnit { node, unit } => Query::default()
                .with("query", Some(unit))
                .with("tailLines", Some(&tail))
                .on(&node_log_path(node)?),
        };
        let read = self.api().get_text(&uri, LOG_BYTES).await?;
        let lines = read.text.lines().count();
        let truncated = read.cut || u32::try_from(lines).is_ok_and(|lines| lines >= request.tail_lines);
        Ok(LogExcerpt { source: request.source.clone(), text: read.text, truncated })
    }
}

/// `/api/v1/namespaces/<namespace>/pods/<pod>/log`.
pub(crate) fn pod_log_path(namespace: &str, pod: &str) -> Result<String, ClusterError> {
    let pods = Resource::known("", "v1", "pods", "Pod", Scope::Namespaced);
    Ok(format!("{}/log", pods.path(Some(namespace), Some(pod))?))
}

/// `/api/v1/nodes/<node>/proxy/logs/`, the kubelet's log query (KEP-2258).
pub(crate) fn node_log_path(node: &str) -> Result<String, ClusterError> {
    let nodes = Resource::known("", "v1", "nodes", "Node", Scope::Cluster);
    Ok(format!("{}/proxy/logs/", nodes.path(None, Some(node))?))
}

/// The lists of a request, each once, in the order of [`Kind::ALL`].
fn jobs(request: &SnapshotRequest) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut add = |kind: Kind, namespace: Option<&str>, fields: Option<&str>| {
        let job = Job { kind, namespace: namespace.map(str::to_owned), fields: fields.map(str::to_owned) };
        let covered = jobs
            .iter()
            .any(|other| other.kind == kind && other.namespace == job.namespace && other.fields.is_none());
        if !covered {
            jobs.push(job);
        }
    };
    for &kind in Kind::ALL {
        if !kind.namespaced() {
            add(kind, None, None);
        } else if !kind.only_in().is_empty() {
            for only in kind.only_in() {
                add(kind, Some(only), None);
            }
        } else if let Some(namespaces) = &request.namespaces {
            for namespace in namespaces {
                add(kind, Some(namespace), None);
            }
            for beside in request.beside.iter().filter(|beside| beside.kinds.contains(&kind)) {
                add(kind, Some(&beside.namespace), beside.fields.as_deref());
            }
        } else {
            add(kind, None, None);
        }
    }
    jobs
}

/// Namespaces read beside those of the request because a webhook or an API that fails there harms those here.
const BEHIND: usize = 2;

/// The lists that show why a backend in another namespace does not answer.
fn behind(request: &SnapshotRequest, snapshot: &Snapshot, planned: &[Job]) -> Vec<Job> {
    const KINDS: &[Kind] = &[
        Kind::Pod,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::Event,
        Kind::Certificate,
    ];
    if request.namespaces.is_none() {
        return Vec::new();
    }
    let mut jobs: Vec<Job> = Vec::new();
    for namespace in snapshot.backend_namespaces().into_iter().take(BEHIND) {
        for &kind in KINDS {
            let job = Job { kind, namespace: Some(namespace.to_owned()), fields: None };
            if !planned.contains(&job) {
                jobs.push(job);
            }
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn places(request: &SnapshotRequest, kind: Kind) -> Vec<(Option<String>, Option<String>)> {
        jobs(request)
            .into_iter()
            .filter(|job| job.kind == kind)
            .map(|job| (job.namespace, job.fields))
            .collect()
    }

    #[test]
    fn a_namespace_brings_what_causes_may_lie_in_beside_it() {
        let request = SnapshotRequest::of(Some("shop"));
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(places(&request, Kind::Node), vec![(None, None)]);
        assert_eq!(places(&request, Kind::Pod), vec![(some("shop"), None), (some("kube-system"), None)]);
        assert_eq!(
            places(&request, Kind::Event),
            vec![
                (some("shop"), None),
                (some("kube-system"), None),
                (some("default"), some("involvedObject.kind=Node"))
            ]
        );
        assert_eq!(
            places(&request, Kind::Lease),
            vec![(some("kube-node-lease"), None), (some("kube-system"), None)]
        );
    }

    #[test]
    fn each_list_is_read_once() {
        let twice = SnapshotRequest {
            namespaces: Some(vec!["kube-system".to_owned(), "default".to_owned(), "default".to_owned()]),
            ..SnapshotRequest::default()
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(places(&twice, Kind::Pod), vec![(some("kube-system"), None), (some("default"), None)]);
        assert_eq!(places(&twice, Kind::Event), vec![(some("kube-system"), None), (some("default"), None)]);
        assert_eq!(places(&SnapshotRequest::default(), Kind::Pod), vec![(None, None)]);
    }
}
