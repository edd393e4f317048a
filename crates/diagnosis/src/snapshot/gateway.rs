//! Gateway API: classes, gateways, routes and the grants that let them cross namespaces.
//!
//! Fields and reasons: `apis/v1` of kubernetes-sigs/gateway-api.

use super::meta::{Condition, List, Meta};
use serde::Deserialize;

/// An IngressClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngressClass {
    /// Metadata.
    pub metadata: Meta,
}

impl IngressClass {
    /// Whether Ingresses that name no class get this one.
    pub fn is_default(&self) -> bool {
        self.metadata.annotations.text("ingressclass.kubernetes.io/is-default-class") == Some("true")
    }
}

/// A GatewayClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GatewayClass {
    /// Metadata.
    pub metadata: Meta,
    /// What is.
    pub status: ConditionsOnly,
}

/// A status of which only the conditions are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConditionsOnly {
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A Gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: GatewaySpec,
    /// What is.
    pub status: GatewayStatus,
}

/// A Gateway's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GatewaySpec {
    /// Class.
    pub gateway_class_name: String,
    /// Listeners.
    pub listeners: List<Listener>,
}

/// A listener of a Gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Listener {
    /// Name, which routes call `sectionName`.
    pub name: String,
    /// Host; absent takes every host.
    pub hostname: Option<Box<str>>,
    /// Port.
    pub port: i64,
}

/// A Gateway's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GatewayStatus {
    /// Conditions.
    pub conditions: List<Condition>,
    /// Listeners.
    pub listeners: List<ListenerStatus>,
}

/// How a listener fares.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListenerStatus {
    /// Name.
    pub name: String,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// An HTTPRoute.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HttpRoute {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: HttpRouteSpec,
    /// What is.
    pub status: RouteStatus,
}

/// A route's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpRouteSpec {
    /// Gateways it attaches to.
    pub parent_refs: List<ParentRef>,
    /// Hosts; none takes those of the listener.
    pub hostnames: List<String>,
    /// Rules.
    pub rules: List<RouteRule>,
}

/// A Gateway, or another parent, that a route attaches to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ParentRef {
    /// `Gateway` unless said.
    pub kind: Option<Box<str>>,
    /// The route's own namespace unless said.
    pub namespace: Option<Box<str>>,
    /// Name.
    pub name: String,
    /// Listener; absent means any.
    pub section_name: Option<Box<str>>,
}

/// A rule of a route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteRule {
    /// Where it goes.
    pub backend_refs: List<RouteBackend>,
}

/// Where a route sends requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RouteBackend {
    /// `Service` unless said.
    pub kind: Option<Box<str>>,
    /// The route's own namespace unless said.
    pub namespace: Option<Box<str>>,
    /// Name.
    pub name: String,
    /// Port of the Service.
    pub port: Option<i64>,
}

/// A route's status, for each parent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RouteStatus {
    /// Parents.
    pub parents: List<RouteParentStatus>,
}

/// What a parent's controller says of a route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// Which parent.
    pub parent_ref: ParentRef,
    /// Conditions.
    pub conditions: List<Condition>,
}

/// A permission to refer to objects of the grant's namespace from another one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReferenceGrant {
    /// Metadata.
    pub metadata: Meta,
    /// What is granted.
    pub spec: ReferenceGrantSpec,
}

/// What a grant allows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    pub from: List<GrantFrom>,
    /// To what.
    pub to: List<GrantTo>,
}

/// Who may refer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GrantFrom {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
}

/// To what may be referred.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GrantTo {
    /// Kind.
    pub kind: String,
    /// Name; absent means all.
    pub name: Option<Box<str>>,
}
