//! From JSON objects to [`Policy`]. Nothing is left out in silence: what is not understood is a [`Problem`] with its
//! path, and a rule that has such a part is undecided where it matters.
//!
//! [`Problem`]: crate::Problem

mod admin;
mod cilium;
mod cilium_ports;
mod cursor;
mod icmp;
mod kubernetes;
mod labels;

use crate::error::PolicyError;
use crate::model::{Kind, Policy, Tier};
use cursor::{At, Report};
use serde_json::Value;
use stethoscope_core::object::ObjectRef;

const NETWORK_POLICY_API: &str = "policy.networking.k8s.io/";

impl Policy {
    /// Reads one policy, e.g. an item of a list or a manifest.
    ///
    /// An item of a typed list has no `kind` of its own; give it one, or use [`Policy::of_kind`].
    pub fn parse(object: &Value) -> Result<Self, PolicyError> {
        let word = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
        if !object.is_object() {
            return Err(PolicyError::NotAnObject);
        }
        let (kind, version) = (word("kind"), word("apiVersion"));
        let found = match (kind, version) {
            ("NetworkPolicy", "networking.k8s.io/v1") => Some(Kind::NetworkPolicy),
            ("CiliumNetworkPolicy", "cilium.io/v2") => Some(Kind::CiliumNetworkPolicy),
            ("CiliumClusterwideNetworkPolicy", "cilium.io/v2") => Some(Kind::CiliumClusterwideNetworkPolicy),
            ("AdminNetworkPolicy", version) if version.starts_with(NETWORK_POLICY_API) => {
                Some(Kind::AdminNetworkPolicy)
            }
            ("BaselineAdminNetworkPolicy", version) if version.starts_with(NETWORK_POLICY_API) => {
                Some(Kind::BaselineAdminNetworkPolicy)
            }
            ("ClusterNetworkPolicy", version) if version.starts_with(NETWORK_POLICY_API) => {
                Some(Kind::ClusterNetworkPolicy)
            }
            _ => None,
        };
        let kind = found.ok_or_else(|| PolicyError::UnknownKind {
            kind: kind.to_owned(),
            api_version: version.to_owned(),
        })?;
        Self::of_kind(kind, object)
    }

    /// Reads an object of a kind that is known from elsewhere, e.g. from the list it came in.
    pub fn of_kind(kind: Kind, object: &Value) -> Result<Self, PolicyError> {
        if !object.is_object() {
            return Err(PolicyError::NotAnObject);
        }
        let meta = |key| object.get("metadata").and_then(|meta| meta.get(key)).and_then(Value::as_str);
        let nameless = |field| PolicyError::Nameless { kind: kind.word().to_owned(), field };
        let name = meta("name").filter(|name| !name.is_empty()).ok_or_else(|| nameless("name"))?;
        let reference = if kind.namespaced() {
            let namespace =
                meta("namespace").filter(|it| !it.is_empty()).ok_or_else(|| nameless("namespace"))?;
            ObjectRef::namespaced(kind.word(), namespace, name)
        } else {
            ObjectRef::cluster(kind.word(), name)
        };
        let mut report = Report::new(reference.clone());
        let namespace = reference.namespace.clone();
        let spec = object.get("spec").filter(|spec| !spec.is_null());
        let (tier, sections) = match kind {
            Kind::NetworkPolicy => (
                Tier::Standard,
                kubernetes::sections(spec, namespace.as_deref().unwrap_or_default(), &mut report),
            ),
            Kind::CiliumNetworkPolicy | Kind::CiliumClusterwideNetworkPolicy => {
                (Tier::Standard, cilium::sections(object, namespace.as_deref(), &mut report))
            }
            Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy | Kind::ClusterNetworkPolicy => {
                admin::sections(kind, spec, &mut report)
            }
        };
        Ok(Self { reference, kind, tier, sections, problems: report.finish(), manifest: object.clone() })
    }
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::CiliumNetworkPolicy => "CiliumNetworkPolicy",
            Self::CiliumClusterwideNetworkPolicy => "CiliumClusterwideNetworkPolicy",
            Self::AdminNetworkPolicy => "AdminNetworkPolicy",
            Self::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
        }
    }

    fn namespaced(self) -> bool {
        matches!(self, Self::NetworkPolicy | Self::CiliumNetworkPolicy)
    }
}

/// The root of a spec.
fn at<'v>(value: &'v Value, path: &str) -> At<'v> {
    At { value, path: path.to_owned() }
}
