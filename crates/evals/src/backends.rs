//! The concrete backends of one cluster, put together once for commands and harness.

use std::sync::Arc;
use stethoscope_cluster::Cluster;
use stethoscope_core::clock::Clock;
use stethoscope_core::reader::SeriesReader;
use stethoscope_core::redact::Sealer;
use stethoscope_core::tool::{Registry, RegistryError};
use stethoscope_flows::Observer;
use stethoscope_incidents::Bundle;
use stethoscope_incidents::replay::{self, Replay};
use stethoscope_metrics::{Prometheus, ServiceTransport};

/// What the tools of one cluster read. Cheap to clone.
#[derive(Clone)]
pub struct Backends {
    /// The API server.
    pub cluster: Cluster,
    /// Prometheus.
    pub metrics: stethoscope_metrics::Backend,
    /// Hubble.
    pub flows: stethoscope_flows::Backend,
    /// What GPUs and AI resources there are.
    pub gpu: stethoscope_gpu::Backend,
}

impl Backends {
    /// A live cluster; looks once for GPUs.
    pub async fn of(
        cluster: Cluster,
        metrics: stethoscope_metrics::Backend,
        flows: stethoscope_flows::Backend,
    ) -> Self {
        let series = metrics.is_there().then(|| Arc::new(metrics.clone()) as Arc<dyn SeriesReader>);
        let gpu = stethoscope_gpu::Backend::probe(Arc::new(cluster.clone()), series, Vec::new()).await;
        Self { cluster, metrics, flows, gpu }
    }

    /// No cluster: tools that can be described and not called.
    pub fn unconnected(cluster: Cluster) -> Self {
        let why = "no cluster is connected";
        Self {
            cluster,
            metrics: stethoscope_metrics::Backend::missing(why),
            flows: stethoscope_flows::Backend::missing(why),
            gpu: stethoscope_gpu::Backend::missing(why),
        }
    }

    /// A recorded cluster, over the replay servers in process.
    pub async fn recorded(
        bundle: Arc<Bundle>,
        namespace: String,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let metrics = match replay::prometheus::router(&bundle) {
            Some(router) => stethoscope_metrics::Backend::new(Prometheus::new(ServiceTransport::new(
                router,
                "the recording",
            ))),
            None => stethoscope_metrics::Backend::missing("the incident has no recorded metrics"),
        };
        let flows = match replay::relay::Relay::new(&bundle) {
            Some(relay) => {
                for problem in relay.problems() {
                    tracing::warn!(problem, "part of the recorded flows cannot be read");
                }
                stethoscope_flows::Backend::relay(Observer::over_service(relay.service(), "the recording"))
            }
            None => stethoscope_flows::Backend::missing("the incident has no recorded flows"),
        };
        let router = Replay::new(bundle).router();
        Self::of(Cluster::over_service(router, namespace, sealer, clock), metrics, flows).await
    }

    /// Every tool; detectors hear what metrics saw.
    ///
    /// # Errors
    /// When two tools share a name.
    pub fn registry(&self) -> Result<Registry, RegistryError> {
        let mut registry = Registry::default();
        let tools = stethoscope_cluster::tools(&self.cluster, &[Arc::new(self.metrics.clone())])
            .into_iter()
            .chain(stethoscope_metrics::tools(&self.metrics))
            .chain(stethoscope_flows::tools(&self.flows))
            .chain(stethoscope_gpu::tools(&self.gpu));
        for tool in tools {
            registry.add(tool)?;
        }
        Ok(registry)
    }
}
