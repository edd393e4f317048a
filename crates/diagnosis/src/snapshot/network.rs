//! Services and the way to their pods.

use super::meta::{IntOrName, Labels, List, Meta};
use super::selector::LabelSelector;
use serde::Deserialize;

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: ServiceSpec,
}

/// A Service's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP` unless said; `ExternalName` has no endpoints.
    #[serde(rename = "type")]
    pub kind: Option<Box<str>>,
    /// Which pods; empty when endpoints are made by hand.
    pub selector: Labels,
    /// Ports.
    pub ports: List<ServicePort>,
    /// `None` for headless Services.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<Box<str>>,
    /// DNS name an `ExternalName` Service stands for.
    pub external_name: Option<Box<str>>,
    /// `Local` keeps traffic on the node.
    pub internal_traffic_policy: Option<Box<str>>,
}

/// A Service's port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServicePort {
    /// Name.
    pub name: Option<Box<str>>,
    /// What callers use.
    pub port: i64,
    /// Where it goes; the same as `port` unless said.
    pub target_port: Option<IntOrName>,
    /// `TCP` unless said.
    pub protocol: Option<Box<str>>,
    /// What is spoken, e.g. `grpc`.
    pub app_protocol: Option<Box<str>>,
}

impl ServicePort {
    /// Where it goes, with upstream's default.
    pub fn target(&self) -> IntOrName {
        match &self.target_port {
            Some(IntOrName::Int(0)) | None => IntOrName::Int(self.port),
            Some(target) => target.clone(),
        }
    }

    /// The transport protocol, with upstream's default.
    pub fn transport(&self) -> &str {
        self.protocol.as_deref().unwrap_or("TCP")
    }
}

/// Endpoints of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointSlice {
    /// Metadata; the label `kubernetes.io/service-name` names the Service.
    pub metadata: Meta,
    /// Endpoints.
    pub endpoints: List<Endpoint>,
    /// Ports.
    pub ports: List<EndpointPort>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// Addresses.
    pub addresses: List<String>,
    /// Whether it is ready.
    pub conditions: EndpointConditions,
    /// What stands behind it.
    pub target_ref: Option<Box<TargetName>>,
}

/// Whether an endpoint is ready; absent counts as ready.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Ready.
    pub ready: Option<bool>,
}

/// An object behind an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TargetName {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// A port of a slice.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointPort {
    /// Name.
    pub name: Option<Box<str>>,
    /// Number; absent means all.
    pub port: Option<i64>,
    /// `TCP` unless said.
    pub protocol: Option<Box<str>>,
}

/// An Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ingress {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: IngressSpec,
    /// What a controller made of it.
    pub status: IngressStatus,
}

/// An Ingress's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressStatus {
    /// Where it is served.
    pub load_balancer: IngressLoadBalancer,
}

/// Where an Ingress is served.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressLoadBalancer {
    /// One for each address; empty until a controller serves it.
    pub ingress: List<IngressAddress>,
}

/// An address at which an Ingress is served.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressAddress {
    /// IP address.
    pub ip: Option<Box<str>>,
    /// DNS name.
    pub hostname: Option<Box<str>>,
}

/// An Ingress's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressSpec {
    /// Class.
    pub ingress_class_name: Option<Box<str>>,
    /// Where the rest goes.
    pub default_backend: Option<IngressBackend>,
    /// Rules.
    pub rules: List<IngressRule>,
    /// Certificates.
    pub tls: List<IngressTls>,
}

/// A certificate of an Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressTls {
    /// Secret with the certificate.
    pub secret_name: Option<Box<str>>,
}

/// A rule of an Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressRule {
    /// Host.
    pub host: Option<Box<str>>,
    /// Paths.
    pub http: Option<IngressPaths>,
}

/// Paths of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressPaths {
    /// Paths.
    pub paths: List<IngressPath>,
}

/// A path of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressPath {
    /// Path.
    pub path: Option<Box<str>>,
    /// Where it goes.
    pub backend: IngressBackend,
}

/// Where an Ingress sends requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressBackend {
    /// A Service; other resources are not read.
    pub service: Option<IngressService>,
}

/// A Service behind an Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressService {
    /// Name.
    pub name: String,
    /// Port.
    pub port: IngressPort,
}

/// A Service's port by name or number.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressPort {
    /// Name.
    pub name: Option<Box<str>>,
    /// Number.
    pub number: Option<i64>,
}

/// A NetworkPolicy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NetworkPolicy {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: NetworkPolicySpec,
}

/// A policy's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// Pods it isolates; empty means all of the namespace.
    pub pod_selector: LabelSelector,
    /// `Ingress`, `Egress`; upstream infers them when absent.
    pub policy_types: List<String>,
    /// What may come in.
    pub ingress: List<PolicyRule>,
    /// What may go out.
    pub egress: List<PolicyRule>,
}

/// One allowance; without peers or ports, all of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PolicyRule {
    /// Peers of an ingress rule.
    pub from: List<PolicyPeer>,
    /// Peers of an egress rule.
    pub to: List<PolicyPeer>,
    /// Ports.
    pub ports: List<PolicyPort>,
}

/// Who is allowed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyPeer {
    /// Pods.
    pub pod_selector: Option<LabelSelector>,
    /// Namespaces.
    pub namespace_selector: Option<LabelSelector>,
    /// Addresses.
    pub ip_block: Option<IpBlock>,
}

/// A range of addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IpBlock {
    /// CIDR.
    pub cidr: String,
}

/// An allowed port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyPort {
    /// Number or name; absent means all.
    pub port: Option<IntOrName>,
    /// Last port of a range.
    pub end_port: Option<i64>,
    /// `TCP` unless said.
    pub protocol: Option<Box<str>>,
}
