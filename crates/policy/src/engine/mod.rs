//! All policies of a cluster, ready to be asked.

mod index;
mod peers;
mod ports;
mod ruling;

pub(crate) use index::Selected;
pub(crate) use peers::{backs, excepted};
pub(crate) use ports::matches as port_matches;
pub(crate) use ruling::{Case, Place, Ruling, Way};

use crate::model::{Direction, Policy, Problem, Rule, Section};
use crate::peer::{Known, Labels};
use crate::traffic::Traffic;
use index::Index;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Who enforces the policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plugin {
    /// Cilium: networks match neither pods nor nodes, a node reaches its own pods.
    Cilium,
    /// Any other: networks match by address, traffic between a pod and its own node always passes
    /// (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>).
    #[default]
    Other,
}

/// Cilium's `enable-policy`. <https://docs.cilium.io/en/stable/security/policy/intro/#policy-enforcement-modes>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Pods are open until a policy selects them.
    #[default]
    Default,
    /// Pods are closed even if none does.
    Always,
    /// Policies are not enforced.
    Never,
}

/// Whether Cilium's policies only say what they would drop (`policy-audit-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Audit {
    /// They drop.
    #[default]
    Off,
    /// They do not; flows show the verdict `AUDIT`.
    On,
}

/// Whether a node reaches the pods that it runs whatever policies say (Cilium's `allow-localhost`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LocalHost {
    /// It does: upstream's default.
    #[default]
    Always,
    /// Policies decide.
    Policy,
}

/// Whether networks in Cilium's policies match nodes (`policy-cidr-match-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CidrNodes {
    /// They do not: upstream's default.
    #[default]
    Unmatched,
    /// They do.
    Matched,
}

/// How policies are enforced here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// By whom.
    pub plugin: Plugin,
    /// How strictly.
    pub enforcement: Enforcement,
    /// Whether for real.
    pub audit: Audit,
    /// What a node may reach.
    pub local_host: LocalHost,
    /// What networks match.
    pub cidr_nodes: CidrNodes,
    /// Cluster Mesh's name of this cluster.
    pub cluster: Option<String>,
}

/// A Service, as `toServices` and explanations need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Selector; empty for none.
    pub selector: Labels,
    /// Addresses of its EndpointSlices, for a Service without a selector.
    pub addresses: Vec<IpAddr>,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// A Service's port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    /// The Service's own port.
    pub port: u16,
    /// The pods' port, where it is a number.
    pub target: u16,
}

/// What policies refer to outside of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// All Services.
    pub services: Known<Vec<Service>>,
    /// All CiliumCIDRGroups by name.
    pub cidr_groups: Known<BTreeMap<String, Vec<IpNet>>>,
}

/// All policies of a cluster.
#[derive(Clone, Debug)]
pub struct Engine {
    policies: Vec<Arc<Policy>>,
    settings: Settings,
    surroundings: Arc<Surroundings>,
    index: Index,
}

impl Engine {
    /// Puts the policies in order; theirs does not matter.
    pub fn new(
        policies: impl IntoIterator<Item = Arc<Policy>>,
        surroundings: Surroundings,
        settings: Settings,
    ) -> Self {
        Self::with(policies.into_iter().collect(), Arc::new(surroundings), settings)
    }

    fn with(mut policies: Vec<Arc<Policy>>, surroundings: Arc<Surroundings>, settings: Settings) -> Self {
        policies.sort_by(|a, b| (a.tier, &a.reference).cmp(&(b.tier, &b.reference)));
        let index = Index::new(&policies);
        Self { policies, settings, surroundings, index }
    }

    /// The same cluster with some policies replaced, matched by reference, or added.
    pub(crate) fn changed(&self, changed: &[Arc<Policy>]) -> Self {
        let kept = |policy: &&Arc<Policy>| changed.iter().all(|it| it.reference != policy.reference);
        let mut policies: Vec<Arc<Policy>> = self.policies.iter().filter(kept).cloned().collect();
        policies.extend(changed.iter().cloned());
        Self::with(policies, self.surroundings.clone(), self.settings.clone())
    }

    /// The same cluster with these policies and no others.
    pub(crate) fn only(&self, policies: Vec<Arc<Policy>>) -> Self {
        Self::with(policies, self.surroundings.clone(), self.settings.clone())
    }

    /// The policies, in the order in which they are asked.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// How they are enforced.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What they refer to.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Everything that is not taken as written.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.policies.iter().flat_map(|policy| &policy.problems)
    }

    /// What becomes of it: the quick answer, without an explanation.
    pub fn decide(&self, traffic: &Traffic) -> Outcome {
        let egress = self.ruling(&Case::new(traffic, Direction::Egress)).passes();
        if egress == Some(false) {
            return self.outcome(egress, Some(true));
        }
        self.outcome(egress, self.ruling(&Case::new(traffic, Direction::Ingress)).passes())
    }

    pub(crate) fn outcome(&self, egress: Option<bool>, ingress: Option<bool>) -> Outcome {
        match (egress, ingress) {
            (Some(false), _) | (_, Some(false)) => match self.settings.audit {
                Audit::Off => Outcome::Denied,
                Audit::On => Outcome::Audited,
            },
            (None, _) | (_, None) => Outcome::Unknown,
            (Some(true), Some(true)) => Outcome::Allowed,
        }
    }

    pub(crate) fn at(&self, place: Place) -> (&Arc<Policy>, &Section) {
        let policy = &self.policies[place.policy];
        (policy, &policy.sections[place.section])
    }

    pub(crate) fn rule(&self, place: Place, direction: Direction) -> Option<(&Arc<Policy>, &Rule)> {
        let (policy, section) = self.at(place);
        Some((policy, section.side(direction)?.rules.get(place.rule)?))
    }
}

/// What becomes of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Both ends let it pass.
    Allowed,
    /// One end drops or refuses it.
    Denied,
    /// One end would, but policies are in audit mode.
    Audited,
    /// It depends on something that is not known.
    Unknown,
}
