//! `k8s_overview`: what is there and what looks wrong, in few words.

mod text;

use super::TOOLSET;
use super::events::{Group, Grouping};
use super::target::namespace;
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::object::{self, at, number, text};
use crate::show::column::{node_status, replicas};
use crate::show::pod::pod_status;
use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use stethoscope_core::tool::{CallContext, Coverage, RbacRule, ToolError, TypedTool};

/// Looks over a cluster or a namespace.
pub(crate) struct Overview(pub(crate) Cluster);

/// Lines shown of each part; `data` has the rest.
const NAMESPACES: usize = 20;
const NODES: usize = 12;
const UNREADY: usize = 20;
const READY_BYTES: usize = 1_200;
const SERVICES_BYTES: usize = 700;
const PROBLEMS: usize = 15;
const EVENTS: usize = 10;
const MESSAGE: usize = 140;

/// Names kept of one kind.
const NAMES: usize = 20_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

/// The cluster or namespace at a glance.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Namespace looked at; absent for all.
    namespace: Option<String>,
    /// Every namespace with its pods.
    namespaces: Vec<Place>,
    /// Every node.
    nodes: Vec<NodeLine>,
    /// Every workload, those that are not ready first.
    workloads: Vec<Workload>,
    /// Every Service.
    services: Vec<ServiceLine>,
    /// Names of further objects by kind (Job, CronJob, PersistentVolumeClaim, Ingress), as `namespace/name`.
    names: BTreeMap<String, Vec<String>>,
    /// Pods by phase.
    phases: BTreeMap<String, usize>,
    /// Pods that are not well, by status and owner.
    problems: Vec<Problem>,
    /// Recent warnings.
    warnings: Vec<Group>,
    #[serde(skip)]
    now: Timestamp,
    #[serde(skip)]
    coverage: Coverage,
}

#[derive(Serialize, JsonSchema)]
struct Place {
    name: String,
    phase: String,
    pods: usize,
    problem_pods: usize,
}

#[derive(Serialize, JsonSchema)]
struct NodeLine {
    name: String,
    status: String,
    taints: usize,
}

#[derive(Serialize, JsonSchema)]
struct Workload {
    kind: String,
    namespace: String,
    name: String,
    ready: i64,
    desired: i64,
}

#[derive(Serialize, JsonSchema)]
struct ServiceLine {
    namespace: String,
    name: String,
    /// Ready endpoints; absent when unknown or when the Service selects nothing.
    ready_endpoints: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
struct Problem {
    status: String,
    namespace: String,
    owner: String,
    pods: usize,
    restarts: i64,
    example: String,
}

/// What one list adds.
type Part = Box<dyn FnOnce(&mut Output) + Send>;

#[async_trait]
impl TypedTool for Overview {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_overview";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "What runs and what looks wrong: nodes, workloads, problem pods, warnings. Start here.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read(
                "",
                &["namespaces", "nodes", "pods", "services", "events", "persistentvolumeclaims"],
            ),
            RbacRule::read("apps", &["deployments", "statefulsets", "daemonsets"]),
            RbacRule::read("batch", &["jobs", "cronjobs"]),
            RbacRule::read("discovery.k8s.io", &["endpointslices"]),
            RbacRule::read("networking.k8s.io", &["ingresses"]),
        ]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let place = namespace(input.namespace.as_deref(), context);
        let place = place.as_deref();
        let mut reads: Vec<BoxFuture<'_, Result<Part, ClusterError>>> = vec![
            Box::pin(self.namespaces()),
            Box::pin(self.nodes()),
            Box::pin(self.pods(place)),
            Box::pin(self.services(place)),
            Box::pin(self.events(place)),
        ];
        for (plural, kind) in
            [("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet")]
        {
            reads.push(Box::pin(self.workloads(plural, kind, place)));
        }
        for (group, plural, kind) in [
            ("batch", "jobs", "Job"),
            ("batch", "cronjobs", "CronJob"),
            ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
            ("networking.k8s.io", "ingresses", "Ingress"),
        ] {
            reads.push(Box::pin(self.names(group, plural, kind, place)));
        }
        let mut output =
            Output { namespace: place.map(str::to_owned), now: context.now, ..Output::default() };
        for part in futures::future::join_all(reads).await {
            part?(&mut output);
        }
        if let Some(name) = place
            && !output.namespaces.is_empty()
            && !output.namespaces.iter().any(|known| known.name == name)
        {
            let names = output.namespaces.iter().map(|known| known.name.as_str());
            return Err(ToolError::NotFound {
                message: format!("no namespace called {name}"),
                nearest: stethoscope_core::tool::nearest_names(name, names, 3),
            });
        }
        output.workloads.sort_by(|one, other| {
            let key = |one: &Workload| {
                (one.ready >= one.desired, one.namespace.clone(), one.name.clone(), one.kind.clone())
            };
            key(one).cmp(&key(other))
        });
        Ok(output)
    }
}

/// Turns a failed read into a remark.
fn told(spoken: String, error: ClusterError) -> Result<Part, ClusterError> {
    match error {
        error if error.is_fatal() => Err(error),
        ClusterError::NotServed { .. } => Ok(Box::new(|_| ())),
        error => {
            let line = format!("{spoken}: {}", error.brief());
            Ok(Box::new(move |output| output.coverage.missing.push(line)))
        }
    }
}

impl Overview {
    async fn each(
        &self,
        listing: &Listing<'_>,
        visit: &mut (dyn FnMut(Value) + Send),
    ) -> Result<crate::list::Listed, ClusterError> {
        self.0
            .list_each(listing, &mut |item| {
                visit(item);
                Ok(())
            })
            .await
    }

    async fn namespaces(&self) -> Result<Part, ClusterError> {
        let resource = Resource::known("", "v1", "namespaces", "Namespace", Scope::Cluster);
        let mut places = Vec::new();
        let read = self
            .each(&Listing::of(&resource, None), &mut |item| {
                let phase = text(&item, "status.phase").to_owned();
                places.push(Place { name: object::name(&item).to_owned(), phase, pods: 0, problem_pods: 0 });
            })
            .await;
        match read {
            Ok(_) => Ok(Box::new(|output| output.namespaces = places)),
            Err(error) => told("namespaces".to_owned(), error),
        }
    }

    async fn nodes(&self) -> Result<Part, ClusterError> {
        let resource = Resource::known("", "v1", "nodes", "Node", Scope::Cluster);
        let mut nodes = Vec::new();
        let read = self
            .each(&Listing::of(&resource, None), &mut |item| {
                nodes.push(NodeLine {
                    name: object::name(&item).to_owned(),
                    status: node_status(&item),
                    taints: object::items(&item, "spec.taints").len(),
                });
            })
            .await;
        match read {
            Ok(_) => Ok(Box::new(|output| output.nodes = nodes)),
            Err(error) => told("nodes".to_owned(), error),
        }
    }

    async fn pods(&self, place: Option<&str>) -> Result<Part, ClusterError> {
        let resource = crate::workload::pods();
        let mut phases = BTreeMap::new();
        let mut by_place: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let mut problems: BTreeMap<(String, String, String), Problem> = BTreeMap::new();
        let read = self
            .each(&Listing::of(&resource, place), &mut |pod| {
                *phases.entry(text(&pod, "status.phase").to_owned()).or_default() += 1;
                let namespace = object::namespace(&pod).unwrap_or_default().to_owned();
                let counts = by_place.entry(namespace.clone()).or_default();
                counts.0 += 1;
                let Some(status) = trouble(&pod) else { return };
                counts.1 += 1;
                let owner =
                    object::owner(&pod).map_or_else(String::new, |(kind, name)| owner_word(kind, name));
                let restarts = object::items(&pod, "status.containerStatuses")
                    .iter()
                    .filter_map(|container| number(container, "restartCount"))
                    .sum::<i64>();
                let problem = problems
                    .entry((status.clone(), namespace.clone(), owner.clone()))
                    .or_insert_with(|| Problem {
                        status,
                        namespace,
                        owner,
                        pods: 0,
                        restarts: 0,
                        example: object::name(&pod).to_owned(),
                    });
                problem.pods += 1;
                problem.restarts += restarts;
            })
            .await;
        match read {
            Ok(_) => Ok(Box::new(move |output| {
                output.phases = phases;
                for known in &mut output.namespaces {
                    if let Some((pods, bad)) = by_place.get(&known.name) {
                        known.pods = *pods;
                        known.problem_pods = *bad;
                    }
                }
                output.problems = problems.into_values().collect();
                output.problems.sort_by(|one, other| {
                    other.pods.cmp(&one.pods).then_with(|| {
                        (&one.status, &one.namespace, &one.owner).cmp(&(
                            &other.status,
                            &other.namespace,
                            &other.owner,
                        ))
                    })
                });
            })),
            Err(error) => told("pods".to_owned(), error),
        }
    }

    async fn workloads(&self, plural: &str, kind: &str, place: Option<&str>) -> Result<Part, ClusterError> {
        let resource = Resource::known("apps", "v1", plural, kind, Scope::Namespaced);
        let mut workloads = Vec::new();
        let read = self
            .each(&Listing::of(&resource, place), &mut |item| {
                let (ready, desired) = replicas(kind, &item);
                workloads.push(Workload {
                    kind: kind.to_owned(),
                    namespace: object::namespace(&item).unwrap_or_default().to_owned(),
                    name: object::name(&item).to_owned(),
                    ready,
                    desired,
                });
            })
            .await;
        match read {
            Ok(_) => Ok(Box::new(|output| output.workloads.extend(workloads))),
            Err(error) => told(plural.to_owned(), error),
        }
    }

    async fn services(&self, place: Option<&str>) -> Result<Part, ClusterError> {
        let services = Resource::known("", "v1", "services", "Service", Scope::Namespaced);
        let slices =
            Resource::known("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Scope::Namespaced);
        let mut found: BTreeMap<(String, String), bool> = BTreeMap::new();
        let read = self
            .each(&Listing::of(&services, place), &mut |item| {
                let key =
                    (object::namespace(&item).unwrap_or_default().to_owned(), object::name(&item).to_owned());
                found.insert(key, at(&item, "spec.selector").is_some());
            })
            .await;
        if let Err(error) = read {
            return told("services".to_owned(), error);
        }
        let mut ready: BTreeMap<(String, String), usize> = BTreeMap::new();
        let read = self
            .each(&Listing::of(&slices, place), &mut |item| {
                let service =
                    item["metadata"]["labels"]["kubernetes.io/service-name"].as_str().unwrap_or_default();
                let key = (object::namespace(&item).unwrap_or_default().to_owned(), service.to_owned());
                let count = object::items(&item, "endpoints")
                    .iter()
                    .filter(|endpoint| endpoint["conditions"]["ready"] != false)
                    .count();
                *ready.entry(key).or_default() += count;
            })
            .await;
        let known = match read {
            Ok(_) => None,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => Some(format!("endpointslices: {}", error.brief())),
        };
        Ok(Box::new(move |output| {
            output.services = found
                .into_iter()
                .map(|(key, selects)| ServiceLine {
                    ready_endpoints: (selects && known.is_none())
                        .then(|| ready.get(&key).copied().unwrap_or_default()),
                    namespace: key.0,
                    name: key.1,
                })
                .collect();
            output.coverage.missing.extend(known);
        }))
    }

    async fn names(
        &self,
        group: &str,
        plural: &str,
        kind: &'static str,
        place: Option<&str>,
    ) -> Result<Part, ClusterError> {
        let resource = Resource::known(group, "v1", plural, kind, Scope::Namespaced);
        let mut names = Vec::new();
        let listing = Listing { most: Some(NAMES), ..Listing::of(&resource, place) };
        let read = self
            .each(&listing, &mut |item| {
                names.push(format!(
                    "{}/{}",
                    object::namespace(&item).unwrap_or_default(),
                    object::name(&item)
                ));
            })
            .await;
        match read {
            Ok(_) if names.is_empty() => Ok(Box::new(|_| ())),
            Ok(_) => Ok(Box::new(move |output| {
                output.names.insert(kind.to_owned(), names);
            })),
            Err(error) => told(resource.spoken(), error),
        }
    }

    async fn events(&self, place: Option<&str>) -> Result<Part, ClusterError> {
        let resource = super::events::resource();
        let mut grouping = Grouping::default();
        let listing = Listing {
            fields: Some("type=Warning"),
            most: Some(super::events::MOST),
            ..Listing::of(&resource, place)
        };
        let read = self
            .each(&listing, &mut |event| {
                if text(&event, "type") == "Warning" {
                    grouping.take(&event);
                }
            })
            .await;
        match read {
            Ok(_) => Ok(Box::new(|output| output.warnings = grouping.groups())),
            Err(error) => told("events".to_owned(), error),
        }
    }
}

/// `ReplicaSet/web-7d9` reads better as the workload's name; the hash says nothing.
fn owner_word(kind: &str, name: &str) -> String {
    match (kind, name.rsplit_once('-')) {
        ("ReplicaSet", Some((stem, _))) => format!("Deployment/{stem}"),
        _ => format!("{kind}/{name}"),
    }
}

/// The status of a pod that is not well: not running, not ready, or restarted often.
fn trouble(pod: &Value) -> Option<String> {
    const OFTEN: i64 = 5;
    let status = pod_status(pod);
    match status.as_str() {
        "Completed" | "Succeeded" => None,
        "Running" => {
            let statuses = object::items(pod, "status.containerStatuses");
            let restarts = statuses.iter().filter_map(|one| number(one, "restartCount")).sum::<i64>();
            if statuses.iter().any(|one| one["ready"] == false) {
                Some("Running, not ready".to_owned())
            } else if restarts >= OFTEN {
                Some("Running, restarted often".to_owned())
            } else {
                None
            }
        }
        _ => Some(status),
    }
}
