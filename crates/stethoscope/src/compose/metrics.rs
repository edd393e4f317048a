//! The metrics backend of a live cluster: the one that is named, else the one that the cluster runs.

use super::environment;
use crate::config::Config;
use crate::exit::Failure;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;
use stethoscope_cluster::{Cluster, ClusterError};
use stethoscope_core::reader::{KindName, ObjectReader, Wanted};
use stethoscope_metrics::{
    Backend, CandidateService, HttpOptions, HttpTransport, MetricsError, MetricsService, Prometheus,
    Transport, prometheus_service,
};

/// Longest search, and Services looked through at most: a command must not wait for what may not be there.
const PATIENCE: Duration = Duration::from_secs(3);
const SERVICES: usize = 2_000;

/// Prometheus, or what speaks its API.
pub(super) async fn live(cluster: &Cluster, config: &Config) -> Result<Backend, Failure> {
    if let Some(url) = environment("PROMETHEUS_URL").or_else(|| config.metrics.url.clone()) {
        let bearer = config.metrics.bearer_env.as_deref().and_then(environment).map(Into::into);
        return at(&HttpOptions { bearer, ..HttpOptions::new(url) });
    }
    if !config.metrics.discover.unwrap_or(true) {
        return Ok(Backend::missing(
            "no Prometheus is named; set PROMETHEUS_URL, or url under [metrics] in stethoscope.toml",
        ));
    }
    let Some(service) = tokio::time::timeout(PATIENCE, search(cluster)).await.ok().flatten() else {
        return Ok(Backend::missing(
            "no Prometheus is named, and none was found among the cluster's Services; set PROMETHEUS_URL, or url under [metrics] in stethoscope.toml",
        ));
    };
    tracing::debug!(service = service.url(), "found a metrics backend");
    // Set in every container of a pod.
    if environment("KUBERNETES_SERVICE_HOST").is_some() {
        return at(&HttpOptions::new(service.url()));
    }
    Ok(Backend::new(Prometheus::new(Proxied::new(cluster.clone(), service))))
}

fn at(options: &HttpOptions) -> Result<Backend, Failure> {
    let transport = HttpTransport::new(options).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Backend::new(Prometheus::new(transport)))
}

async fn search(cluster: &Cluster) -> Option<MetricsService> {
    let wanted = Wanted::all(KindName::new("", "services"), SERVICES);
    let services: Vec<CandidateService> =
        cluster.list(&wanted).await.ok()?.items.iter().filter_map(candidate).collect();
    prometheus_service(&services)
}

fn candidate(service: &Value) -> Option<CandidateService> {
    let text = |path: &str| service.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let ports = service.pointer("/spec/ports").and_then(Value::as_array)?;
    let number =
        |port: &Value| port.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    Some(CandidateService {
        namespace: text("/metadata/namespace")?,
        name: text("/metadata/name")?,
        ports: ports.iter().filter_map(number).collect(),
    })
}

/// A Service behind the API server.
struct Proxied {
    cluster: Cluster,
    service: MetricsService,
    address: String,
}

impl Proxied {
    fn new(cluster: Cluster, service: MetricsService) -> Self {
        let address = format!("{} (through the API server)", service.url());
        Self { cluster, service, address }
    }
}

#[async_trait]
impl Transport for Proxied {
    async fn get(&self, path_and_query: &str) -> Result<(u16, Bytes), MetricsError> {
        let MetricsService { namespace, name, port, path } = &self.service;
        let address = || self.address.clone();
        self.cluster.service_get(namespace, name, *port, &format!("{path}{path_and_query}")).await.map_err(
            |error| match error {
                ClusterError::Forbidden { .. } => MetricsError::Denied { address: address(), status: 403 },
                ClusterError::Authentication { .. } => {
                    MetricsError::Denied { address: address(), status: 401 }
                }
                ClusterError::Timeout { seconds, .. } => {
                    MetricsError::Timeout { address: address(), after: Duration::from_secs(seconds) }
                }
                ClusterError::TooLarge { limit, .. } => MetricsError::TooLarge { address: address(), limit },
                other => MetricsError::Unreachable { address: address(), why: other.to_string() },
            },
        )
    }

    fn address(&self) -> &str {
        &self.address
    }
}
