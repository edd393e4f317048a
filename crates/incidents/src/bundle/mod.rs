//! An incident bundle in memory.

mod access;
mod incident;
mod layout;
mod limits;
mod logs;
mod moment;
mod objects;
mod secrets;
mod source;

pub use access::{Access, Denial};
pub use incident::{API_VERSION, Expect, Incident};
pub use layout::Layout;
pub use limits::OpenLimits;
pub use logs::{NodeLogs, PodLogs, Run};
pub use objects::Object;

use crate::error::{BundleError, Refusal};
use bytes::Bytes;
use incident::Manifest;
use layout::Role;
use objects::{Collector, Problems};
use source::{Files, Source};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// A recorded cluster, read once and checked.
#[derive(Debug)]
pub struct Bundle {
    layout: Layout,
    incident: Incident,
    expectation: Option<Expect>,
    access: Access,
    objects: Vec<Arc<Object>>,
    pod_logs: Arc<PodLogs>,
    node_logs: Arc<NodeLogs>,
    metrics: Option<Bytes>,
    alerts: Option<Bytes>,
    flows: Option<(String, Bytes)>,
    version: Option<Bytes>,
    problems: Vec<String>,
}

impl Bundle {
    /// Reads a directory, .tar.gz, .tar.zst or .tar in any known layout. Blocking: call it off the async threads.
    ///
    /// # Errors
    /// When the path can't be read, is no bundle, is hostile or larger than `limits`, or holds no object.
    pub fn open(path: &Path, limits: &OpenLimits) -> Result<Self, BundleError> {
        Self::assemble(path, source::read(path, limits)?, limits)
    }

    /// A bundle of files in memory, by path with `/` between the parts.
    ///
    /// # Errors
    /// As [`Bundle::open`], for the paths and the content; of the limits only the number of objects applies.
    pub fn from_files<N, C>(name: &str, files: impl IntoIterator<Item = (N, C)>) -> Result<Self, BundleError>
    where
        N: AsRef<str>,
        C: Into<Bytes>,
    {
        let mut out = Files::new();
        for (path, content) in files {
            let clean = source::clean_path(path.as_ref())
                .map_err(|refusal| BundleError::Refused { path: name.into(), refusal })?;
            if let Some(clean) = clean {
                out.insert(clean, content.into());
            }
        }
        Self::assemble(Path::new(name), Source { files: out, ..Source::default() }, &OpenLimits::default())
    }

    fn assemble(path: &Path, source: Source, limits: &OpenLimits) -> Result<Self, BundleError> {
        let empty = || BundleError::Empty { path: path.to_owned(), expected: layout::KNOWN };
        let (layout, roots) = layout::detect(&source.files).ok_or_else(empty)?;
        let mut parts = Parts { problems: source.problems, limit: limits.objects, ..Parts::default() };
        for (file, content) in &source.files {
            if let Some(inside) = roots.iter().find_map(|root| file.strip_prefix(root.as_str())) {
                parts.file(path, file, layout::role(layout, inside), content)?;
            }
        }
        parts.deduplicate();
        let manifest = parts.manifest.take();
        if parts.objects.is_empty() && (layout != Layout::Stethoscope || parts.node_logs.is_empty()) {
            return Err(empty());
        }
        let captured_at = match manifest.as_ref().and_then(|m| m.captured_at) {
            Some(at) => at,
            None => moment::newest(&parts.objects).unwrap_or_else(|| {
                parts.problems.push("no object carries a time, so ages count from 1970".to_owned());
                jiff::Timestamp::UNIX_EPOCH
            }),
        };
        let (incident, expectation) = describe(path, manifest, captured_at);
        Ok(Self {
            layout,
            incident,
            expectation,
            access: parts.access,
            objects: parts.objects.into_iter().map(Arc::new).collect(),
            pod_logs: Arc::new(parts.pod_logs),
            node_logs: Arc::new(parts.node_logs),
            metrics: parts.metrics,
            alerts: parts.alerts,
            flows: parts.flows,
            version: parts.version,
            problems: parts.problems.into_lines(),
        })
    }

    /// Name, question, namespace, time and source. Never the expected answer.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// The namespace that the question is about, where it is about one.
    pub fn namespace(&self) -> Option<&str> {
        self.incident.namespace.as_deref()
    }

    /// When the cluster looked so: `capturedAt`, or else the newest time that an object carries.
    pub fn captured_at(&self) -> jiff::Timestamp {
        self.incident.captured_at
    }

    /// The expected answer, for evaluations. Nothing that a replay server serves is made from it.
    pub fn expectation(&self) -> Option<&Expect> {
        self.expectation.as_ref()
    }

    /// Which tool wrote the bundle.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// All objects, sorted by group, kind, namespace and name, each once.
    pub fn objects(&self) -> &[Arc<Object>] {
        &self.objects
    }

    /// Recorded container logs.
    pub fn pod_logs(&self) -> &Arc<PodLogs> {
        &self.pod_logs
    }

    /// Recorded logs of node services, by node and unit.
    pub fn node_logs(&self) -> &Arc<NodeLogs> {
        &self.node_logs
    }

    /// What the recorded identity was not allowed to read.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// `prometheus/metrics.om`: OpenMetrics text with timestamps.
    pub fn prometheus_metrics(&self) -> Option<&Bytes> {
        self.metrics.as_ref()
    }

    /// `prometheus/alerts.json`: the answer of Prometheus to `/api/v1/alerts`.
    pub fn alerts(&self) -> Option<&Bytes> {
        self.alerts.as_ref()
    }

    /// `hubble/flows.jsonl`, `.gz` or `.zst`: the file name, which tells the packing, and its bytes.
    pub fn flows(&self) -> Option<(&str, &Bytes)> {
        self.flows.as_ref().map(|(name, bytes)| (name.as_str(), bytes))
    }

    /// The recorded answer to `/version`, as Troubleshoot wraps it.
    pub fn version(&self) -> Option<&Bytes> {
        self.version.as_ref()
    }

    /// What could not be read and was passed over, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

fn describe(
    path: &Path,
    manifest: Option<Manifest>,
    captured_at: jiff::Timestamp,
) -> (Incident, Option<Expect>) {
    match manifest {
        Some(manifest) => (
            Incident {
                name: manifest.metadata.name,
                question: manifest.question,
                namespace: manifest.namespace.filter(|ns| !ns.is_empty()),
                captured_at,
                source: manifest.source,
            },
            manifest.expect,
        ),
        None => {
            let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let name = [".tar.gz", ".tgz", ".tar.zst", ".tar"]
                .iter()
                .find_map(|suffix| file.strip_suffix(suffix))
                .unwrap_or(&file)
                .to_owned();
            (Incident { name, question: None, namespace: None, captured_at, source: None }, None)
        }
    }
}

#[derive(Default)]
struct Parts {
    manifest: Option<Manifest>,
    access: Access,
    objects: Vec<Object>,
    pod_logs: PodLogs,
    node_logs: NodeLogs,
    metrics: Option<Bytes>,
    alerts: Option<Bytes>,
    flows: Option<(String, Bytes)>,
    version: Option<Bytes>,
    problems: Problems,
    limit: usize,
}

impl Parts {
    fn file(&mut self, path: &Path, file: &str, role: Role, content: &Bytes) -> Result<(), BundleError> {
        let wrong = |why| BundleError::Manifest { path: path.to_owned(), file: file.to_owned(), why };
        match role {
            Role::Manifest => self.manifest = Some(Manifest::parse(content).map_err(wrong)?),
            Role::Access => self.access = incident::one_document(content).map_err(wrong)?,
            Role::Objects(assumed) => {
                let (objects, problems) = (&mut self.objects, &mut self.problems);
                Collector { file, objects, problems, limit: self.limit }.file(content, &assumed);
                if self.objects.len() > self.limit {
                    let refusal = Refusal::TooManyObjects(self.limit);
                    return Err(BundleError::Refused { path: path.to_owned(), refusal });
                }
            }
            Role::PodLogFile { namespace, pod, stem } => {
                self.pod_logs.insert_file(&namespace, &pod, &stem, content.clone());
            }
            Role::PodLog { namespace, pod, container, run } => {
                self.pod_logs.insert(&namespace, &pod, &container, run, content.clone());
            }
            Role::PodLogDump { namespace, pod } => {
                for (container, log) in logs::dump_sections(&String::from_utf8_lossy(content)) {
                    self.pod_logs.insert(&namespace, &pod, &container, Run::Current, log);
                }
            }
            Role::NodeLog { node, unit } => {
                self.node_logs.entry(node).or_default().insert(unit, content.clone());
            }
            Role::Metrics => self.metrics = Some(content.clone()),
            Role::Alerts => self.alerts = Some(content.clone()),
            Role::Flows => {
                let name = file.rsplit('/').next().unwrap_or(file);
                self.flows = Some((name.to_owned(), content.clone()));
            }
            Role::Version => self.version = Some(content.clone()),
            Role::Ignored => {}
        }
        Ok(())
    }

    /// Keeps each object once, the first recording of it, in order.
    fn deduplicate(&mut self) {
        let mut seen = HashSet::with_capacity(self.objects.len());
        self.objects.retain(|object| seen.insert(object.key()));
        self.objects.sort_by(|a, b| {
            (&a.group, &a.kind, &a.namespace, &a.name).cmp(&(&b.group, &b.kind, &b.namespace, &b.name))
        });
    }
}
