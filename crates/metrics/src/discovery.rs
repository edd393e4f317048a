//! Which Service of a cluster is its Prometheus. Pure: whoever can list Services asks.

/// A Service as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateService {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its ports.
    pub ports: Vec<u16>,
}

/// Names that charts and operators give, the front of a query layer before a single server, and their ports and paths:
/// Thanos and Mimir (Helm), VictoriaMetrics (operator, Helm), kube-prometheus, the Prometheus chart, prometheus-operator.
const KNOWN: [(&str, u16, &str); 13] = [
    ("thanos-query-frontend", 9090, ""),
    ("thanos-query", 9090, ""),
    ("thanos-querier", 9090, ""),
    ("mimir-query-frontend", 8080, "/prometheus"),
    ("mimir-nginx", 80, "/prometheus"),
    ("vmselect", 8481, "/select/0/prometheus"),
    ("vmsingle", 8429, ""),
    ("victoria-metrics-single-server", 8428, ""),
    ("prometheus-k8s", 9090, ""),
    ("kube-prometheus-stack-prometheus", 9090, ""),
    ("prometheus-server", 80, ""),
    ("prometheus-operated", 9090, ""),
    ("prometheus", 9090, ""),
];

/// Where a metrics backend listens in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsService {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// What comes before `/api/v1`; mostly empty.
    pub path: &'static str,
}

impl MetricsService {
    /// Its base URL for who is in the cluster.
    pub fn url(&self) -> String {
        format!("http://{}.{}.svc:{}{}", self.name, self.namespace, self.port, self.path)
    }
}

/// The best candidate, if any is known.
pub fn prometheus_service<'a>(
    services: impl IntoIterator<Item = &'a CandidateService>,
) -> Option<MetricsService> {
    let mut best: Option<(usize, &CandidateService, u16, &'static str)> = None;
    for service in services {
        let rank = KNOWN.iter().position(|(known, _, _)| {
            // Charts put the release's name before.
            service.name == *known
                || service.name.strip_suffix(known).is_some_and(|release| release.ends_with('-'))
        });
        let Some(rank) = rank else { continue };
        let Some(&(_, usual, path)) = KNOWN.get(rank) else { continue };
        let Some(port) = service.ports.iter().find(|port| **port == usual).or(service.ports.first()) else {
            continue;
        };
        let better = best.as_ref().is_none_or(|(other, known, ..)| {
            (rank, &service.namespace, &service.name) < (*other, &known.namespace, &known.name)
        });
        if better {
            best = Some((rank, service, *port, path));
        }
    }
    best.map(|(_, service, port, path)| MetricsService {
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        port,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn service(namespace: &str, name: &str, ports: &[u16]) -> CandidateService {
        CandidateService { namespace: namespace.to_owned(), name: name.to_owned(), ports: ports.to_vec() }
    }

    #[test]
    fn a_query_layer_is_preferred_and_other_services_are_no_candidates() {
        let single = service("monitoring", "demo-kube-prometheus-stack-prometheus", &[9090, 8080]);
        let layer = service("thanos", "thanos-query", &[10901, 9090]);
        let other = service("shop", "prometheus-adapter", &[443]);
        assert_eq!(prometheus_service([&other]), None);
        let expected = "http://demo-kube-prometheus-stack-prometheus.monitoring.svc:9090";
        assert_eq!(prometheus_service([&other, &single]).map(|found| found.url()).as_deref(), Some(expected));
        assert_eq!(
            prometheus_service([&single, &layer]).map(|found| found.url()).as_deref(),
            Some("http://thanos-query.thanos.svc:9090")
        );
        assert_eq!(prometheus_service([&service("a", "prometheus", &[])]), None);
    }
}
