//! Which Service of a cluster is Hubble Relay. Pure: whoever can list Services asks, and configures the address.

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

/// The address of Relay's Service within the cluster: plain on port 80, with TLS on 443 (Cilium's Helm chart). In any
/// namespace: managed Ciliums have their own.
pub fn relay_service<'a>(services: impl IntoIterator<Item = &'a CandidateService>) -> Option<String> {
    let relay = services
        .into_iter()
        .filter(|service| service.name == "hubble-relay")
        .min_by_key(|service| (service.namespace != "kube-system", &service.namespace))?;
    let host = format!("{}.{}.svc", relay.name, relay.namespace);
    if relay.ports.contains(&443) && !relay.ports.contains(&80) {
        return Some(format!("tls://{host}:443"));
    }
    let port = relay.ports.iter().find(|port| **port == 80).or(relay.ports.first())?;
    Some(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_is_found_in_any_namespace_with_tls_or_without() {
        let service = |namespace: &str, name: &str, ports: &[u16]| CandidateService {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ports: ports.to_vec(),
        };
        let services = [service("a", "web", &[80]), service("managed", "hubble-relay", &[443])];
        assert_eq!(relay_service(&services), Some("tls://hubble-relay.managed.svc:443".to_owned()));
        let both = [service("cilium", "hubble-relay", &[443]), service("kube-system", "hubble-relay", &[80])];
        assert_eq!(relay_service(&both), Some("hubble-relay.kube-system.svc:80".to_owned()));
        assert_eq!(relay_service(&[]), None);
    }
}
