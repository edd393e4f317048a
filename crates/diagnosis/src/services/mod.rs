//! The way from a caller to a pod: addresses, Services, ports, policies, names.

pub(crate) mod addresses;
pub(crate) mod callers;
pub(crate) mod dns;
pub(crate) mod gateway;
pub(crate) mod ingress;
pub(crate) mod policy;
pub(crate) mod ports;
pub(crate) mod selector;
pub(crate) mod targets;

use crate::snapshot::Service;

/// Whether a Service is meant to have endpoints made from pods.
pub(crate) fn routes_to_pods(service: &Service) -> bool {
    service.spec.kind.as_deref() != Some("ExternalName") && !service.spec.selector.is_empty()
}
