//! A cluster at one moment, as lean views of its objects.
//!
//! ```text
//! cluster crate: list each Kind once -> push(kind, item) ... merge
//!                wanted_logs() -> read them -> add_log(...)
//! ```
//! The views keep what detectors read and skip the rest while parsing, so 100,000 pods stay well under 600 MB.

mod cluster;
mod event;
mod extension;
mod gateway;
mod kind;
mod logs;
mod meta;
mod network;
mod pod;
mod pod_status;
mod policy;
mod quantity;
mod selector;
mod signal;
mod storage;
mod workload;

pub use cluster::*;
pub use event::*;
pub use extension::*;
pub use gateway::*;
pub use kind::Kind;
pub use logs::{LogExcerpt, LogRequest, LogSource};
pub use meta::{Amounts, Condition, IntOrName, Labels, List, Meta, Owner, Pairs};
pub use network::*;
pub use pod::*;
pub use pod_status::*;
pub use policy::*;
pub use quantity::Quantity;
pub use selector::{LabelSelector, Requirement};
pub use signal::{About, Signal, SignalKind, SignalOrigin, Testimony, Witness};
pub use storage::*;
pub use workload::*;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// What could not be read, so that nobody takes silence for health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Kind, e.g. `Secret`.
    pub kind: String,
    /// Namespace, absent when all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Why.
    pub why: GapReason,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// RBAC says no.
    Forbidden,
    /// The API server does not serve the kind.
    NotServed,
    /// It went wrong; the words say how.
    Failed(String),
}

/// Everything the detectors look at.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "one list a kind")]
pub struct Snapshot {
    /// The moment; `None` makes the newest time in the snapshot count as now.
    pub taken_at: Option<Timestamp>,
    /// The API server's version, e.g. `v1.34.2`.
    pub server_version: Option<String>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    pub pods: Vec<Pod>,
    pub nodes: Vec<Node>,
    pub namespaces: Vec<Namespace>,
    pub services: Vec<Service>,
    pub endpoint_slices: Vec<EndpointSlice>,
    pub deployments: Vec<Deployment>,
    pub replica_sets: Vec<ReplicaSet>,
    pub stateful_sets: Vec<StatefulSet>,
    pub daemon_sets: Vec<DaemonSet>,
    pub jobs: Vec<Job>,
    pub cron_jobs: Vec<CronJob>,
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    pub claims: Vec<PersistentVolumeClaim>,
    pub volumes: Vec<PersistentVolume>,
    pub storage_classes: Vec<StorageClass>,
    pub config_maps: Vec<ConfigMap>,
    pub secrets: Vec<Secret>,
    pub service_accounts: Vec<ServiceAccount>,
    pub quotas: Vec<ResourceQuota>,
    pub limit_ranges: Vec<LimitRange>,
    pub network_policies: Vec<NetworkPolicy>,
    pub ingresses: Vec<Ingress>,
    pub ingress_classes: Vec<IngressClass>,
    pub gateway_classes: Vec<GatewayClass>,
    pub gateways: Vec<Gateway>,
    pub http_routes: Vec<HttpRoute>,
    pub reference_grants: Vec<ReferenceGrant>,
    pub events: Vec<Event>,
    pub leases: Vec<Lease>,
    pub priority_classes: Vec<PriorityClass>,
    pub api_services: Vec<ApiService>,
    pub validating_webhooks: Vec<WebhookConfiguration>,
    pub mutating_webhooks: Vec<WebhookConfiguration>,
    pub certificates: Vec<Certificate>,
    pub logs: Vec<LogExcerpt>,
    /// What other sources saw.
    pub signals: Vec<Signal>,
    /// Whose latency other sources measure, in trouble or not.
    pub timed: Vec<About>,
}

impl Snapshot {
    /// Parses one object of a kind and keeps its view. On an error nothing is kept.
    pub fn push<'de, D: Deserializer<'de>>(&mut self, kind: Kind, item: D) -> Result<(), D::Error> {
        match kind {
            Kind::Pod => self.pods.push(Pod::deserialize(item)?),
            Kind::Node => self.nodes.push(Node::deserialize(item)?),
            Kind::Namespace => self.namespaces.push(Namespace::deserialize(item)?),
            Kind::Service => self.services.push(Service::deserialize(item)?),
            Kind::EndpointSlice => self.endpoint_slices.push(EndpointSlice::deserialize(item)?),
            Kind::Deployment => self.deployments.push(Deployment::deserialize(item)?),
            Kind::ReplicaSet => self.replica_sets.push(ReplicaSet::deserialize(item)?),
            Kind::StatefulSet => self.stateful_sets.push(StatefulSet::deserialize(item)?),
            Kind::DaemonSet => self.daemon_sets.push(DaemonSet::deserialize(item)?),
            Kind::Job => self.jobs.push(Job::deserialize(item)?),
            Kind::CronJob => self.cron_jobs.push(CronJob::deserialize(item)?),
            Kind::HorizontalPodAutoscaler => {
                self.autoscalers.push(HorizontalPodAutoscaler::deserialize(item)?);
            }
            Kind::PodDisruptionBudget => {
                self.disruption_budgets.push(PodDisruptionBudget::deserialize(item)?);
            }
            Kind::PersistentVolumeClaim => self.claims.push(PersistentVolumeClaim::deserialize(item)?),
            Kind::PersistentVolume => self.volumes.push(PersistentVolume::deserialize(item)?),
            Kind::StorageClass => self.storage_classes.push(StorageClass::deserialize(item)?),
            Kind::ConfigMap => self.config_maps.push(ConfigMap::deserialize(item)?),
            Kind::Secret => self.secrets.push(Secret::deserialize(item)?),
            Kind::ServiceAccount => self.service_accounts.push(ServiceAccount::deserialize(item)?),
            Kind::ResourceQuota => self.quotas.push(ResourceQuota::deserialize(item)?),
            Kind::LimitRange => self.limit_ranges.push(LimitRange::deserialize(item)?),
            Kind::NetworkPolicy => self.network_policies.push(NetworkPolicy::deserialize(item)?),
            Kind::Ingress => self.ingresses.push(Ingress::deserialize(item)?),
            Kind::IngressClass => self.ingress_classes.push(IngressClass::deserialize(item)?),
            Kind::GatewayClass => self.gateway_classes.push(GatewayClass::deserialize(item)?),
            Kind::Gateway => self.gateways.push(Gateway::deserialize(item)?),
            Kind::HTTPRoute => self.http_routes.push(HttpRoute::deserialize(item)?),
            Kind::ReferenceGrant => self.reference_grants.push(ReferenceGrant::deserialize(item)?),
            Kind::Event => self.events.push(Event::deserialize(item)?),
            Kind::Lease => self.leases.push(Lease::deserialize(item)?),
            Kind::PriorityClass => self.priority_classes.push(PriorityClass::deserialize(item)?),
            Kind::ApiService => self.api_services.push(ApiService::deserialize(item)?),
            Kind::ValidatingWebhookConfiguration => {
                self.validating_webhooks.push(WebhookConfiguration::deserialize(item)?);
            }
            Kind::MutatingWebhookConfiguration => {
                self.mutating_webhooks.push(WebhookConfiguration::deserialize(item)?);
            }
            Kind::Certificate => self.certificates.push(Certificate::deserialize(item)?),
        }
        Ok(())
    }

    /// Adds everything another snapshot holds, e.g. the part listed by another task.
    pub fn merge(&mut self, other: Self) {
        macro_rules! append {
            ($($list:ident),+ $(,)?) => { $( append(&mut self.$list, other.$list); )+ };
        }
        self.taken_at = self.taken_at.or(other.taken_at);
        self.server_version = self.server_version.take().or(other.server_version);
        append!(
            gaps,
            pods,
            nodes,
            namespaces,
            services,
            endpoint_slices,
            deployments,
            replica_sets,
            stateful_sets,
            daemon_sets,
            jobs,
            cron_jobs,
            autoscalers,
            disruption_budgets,
            claims,
            volumes,
            storage_classes,
            config_maps,
            secrets,
            service_accounts,
            quotas,
            limit_ranges,
            network_policies,
            ingresses,
            ingress_classes,
            gateway_classes,
            gateways,
            http_routes,
            reference_grants,
            events,
            leases,
            priority_classes,
            api_services,
            validating_webhooks,
            mutating_webhooks,
            certificates,
            logs,
        );
    }

    /// Every container of every pod and pod template: their environment and arguments are where objects hold secrets,
    /// so whoever fills a snapshot seals these.
    pub fn containers_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        let pods = self.pods.iter_mut().map(|pod| &mut pod.spec);
        let deployments = self.deployments.iter_mut().map(|it| &mut it.spec.template.spec);
        let replica_sets = self.replica_sets.iter_mut().map(|it| &mut it.spec.template.spec);
        let stateful_sets = self.stateful_sets.iter_mut().map(|it| &mut it.spec.template.spec);
        let daemon_sets = self.daemon_sets.iter_mut().map(|it| &mut it.spec.template.spec);
        let jobs = self.jobs.iter_mut().map(|it| &mut it.spec.template.spec);
        let specs =
            pods.chain(deployments).chain(replica_sets).chain(stateful_sets).chain(daemon_sets).chain(jobs);
        specs.flat_map(|spec| spec.containers.iter_mut().chain(spec.init_containers.iter_mut()))
    }

    /// Adds a log that was read.
    pub fn add_log(&mut self, log: LogExcerpt) {
        self.logs.push(log);
    }

    /// Namespaces in which the backends of failing webhooks and of unavailable APIs run: what is wrong with them shows there.
    pub fn backend_namespaces(&self) -> BTreeSet<&str> {
        crate::webhooks::backends(self)
    }

    /// Whether lists of this kind may be incomplete, so that absence proves nothing.
    pub fn has_gap(&self, kind: Kind, namespace: &str) -> bool {
        self.gaps.iter().any(|gap| {
            gap.kind == kind.kind() && gap.namespace.as_deref().is_none_or(|gapped| gapped == namespace)
        })
    }
}

/// Moves `from` behind `into`, without copying when `into` is empty.
fn append<T>(into: &mut Vec<T>, mut from: Vec<T>) {
    if into.is_empty() {
        *into = from;
    } else {
        into.append(&mut from);
    }
}
