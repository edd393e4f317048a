//! Whether a rule speaks of a peer.

use super::ruling::Case;
use super::{CidrNodes, Engine, Plugin, Service};
use crate::certainty::{Match, any};
use crate::model::{Block, Entity, PeerMatch, Peers, Reach, ServiceBy, ServiceMatch, Who};
use crate::peer::{Known, Peer, Reserved};
use ipnet::IpNet;
use std::net::IpAddr;

impl Engine {
    pub(crate) fn peers(&self, peers: &Peers, case: &Case<'_>) -> Match {
        match peers {
            Peers::Any => Match::Yes,
            Peers::Of(list) => any(list.iter().map(|peer| self.peer(peer, case))),
        }
    }

    pub(crate) fn peer(&self, peer: &PeerMatch, case: &Case<'_>) -> Match {
        let other = case.other();
        match &peer.who {
            Who::Endpoints(selector) => selector.matches(other),
            Who::Nodes(selector) => match other {
                Peer::Node(_)
                | Peer::Reserved(Reserved::Host | Reserved::RemoteNode | Reserved::KubeApiserver) => {
                    selector.matches(other)
                }
                Peer::Pod(pod) if pod.host_network => selector.matches(other),
                Peer::Pod(_) | Peer::World(_) | Peer::Reserved(_) => Match::No,
            },
            Who::Block(block) => self.block(block, other),
            Who::Group { name, except } => match &self.surroundings.cidr_groups {
                Known::Unknown => Match::Maybe,
                Known::Known(groups) => any(groups.get(name).into_iter().flatten().map(|net| {
                    let (net, except) = (*net, except.clone());
                    self.block(&Block { net, except, reach: Reach::Plugin }, other)
                })),
            },
            Who::Entity(entity) => self.entity(*entity, case),
            Who::Name(pattern) => match other {
                Peer::World(world) => match &world.names {
                    Known::Known(names) => any(names.iter().map(|name| pattern.matches(name))),
                    Known::Unknown => Match::Maybe,
                },
                // "If the resolved IPs are IPs within the kubernetes cluster, the ToFQDN rule will not apply to that IP."
                Peer::Pod(_) | Peer::Node(_) | Peer::Reserved(_) => Match::No,
            },
            Who::Service(wanted) => self.service(wanted, other),
            Who::Unsupported(_) => Match::Maybe,
        }
    }

    /// "By default, CIDR-based selectors do not match in-cluster entities (pods or nodes)" with Cilium; what other
    /// plug-ins do with addresses of pods is theirs to define, and by address is what most of them do.
    fn block(&self, block: &Block, other: &Peer) -> Match {
        let by_plugin = block.reach == Reach::Plugin && self.settings.plugin == Plugin::Cilium;
        match other {
            Peer::World(_) => by_address(block, other.ips()),
            Peer::Pod(pod) if !pod.host_network && by_plugin => Match::No,
            Peer::Pod(_) | Peer::Node(_)
                if by_plugin
                    && other.managed().is_none()
                    && self.settings.cidr_nodes == CidrNodes::Unmatched =>
            {
                Match::No
            }
            Peer::Pod(_) | Peer::Node(_) => by_address(block, other.ips()),
            // "Within the cluster prefix but the IP's networking is not provided by Cilium."
            Peer::Reserved(Reserved::Unmanaged) => Match::Maybe,
            Peer::Reserved(_) if by_plugin => Match::No,
            Peer::Reserved(_) => Match::Maybe,
        }
    }

    fn entity(&self, entity: Entity, case: &Case<'_>) -> Match {
        let other = case.other();
        let reserved = |wanted: Reserved| Match::of(matches!(other, Peer::Reserved(it) if *it == wanted));
        match entity {
            Entity::All => Match::Yes,
            Entity::None => Match::No,
            Entity::World => Match::of(matches!(other, Peer::World(_))),
            Entity::WorldV4 | Entity::WorldV6 => match other {
                Peer::World(world) => {
                    world.ip.map_or(Match::Maybe, |ip| Match::of(ip.is_ipv4() == (entity == Entity::WorldV4)))
                }
                Peer::Pod(_) | Peer::Node(_) | Peer::Reserved(_) => Match::No,
            },
            Entity::Cluster => match other {
                Peer::World(_) => Match::No,
                Peer::Pod(pod) if !pod.host_network => match (&pod.cluster, &self.settings.cluster) {
                    (None, _) => Match::Yes,
                    (Some(theirs), Some(ours)) => Match::of(theirs == ours),
                    (Some(_), None) => Match::Maybe,
                },
                // "This also includes all remote nodes in a clustermesh scenario."
                Peer::Pod(_) | Peer::Node(_) | Peer::Reserved(_) => Match::Yes,
            },
            Entity::Host => case.same_node(),
            Entity::RemoteNode => case.is_node().min(case.same_node().not()),
            Entity::KubeApiserver => match other {
                Peer::Node(node) => Match::of(node.kube_apiserver),
                Peer::World(world) => Match::of(world.kube_apiserver),
                Peer::Reserved(it) => Match::of(*it == Reserved::KubeApiserver),
                // It has its node's identity, and which nodes serve the API is not known of it.
                Peer::Pod(pod) => Match::of(pod.host_network).min(Match::Maybe),
            },
            Entity::Ingress => reserved(Reserved::Ingress),
            Entity::Health => reserved(Reserved::Health),
            Entity::Init => reserved(Reserved::Init),
            Entity::Unmanaged => reserved(Reserved::Unmanaged),
        }
    }

    /// Services with a selector stand for their pods, others for the addresses of their EndpointSlices.
    /// <https://docs.cilium.io/en/stable/security/policy/layer3/#services-based>
    fn service(&self, wanted: &ServiceMatch, other: &Peer) -> Match {
        let Known::Known(services) = &self.surroundings.services else { return Match::Maybe };
        let meant = |service: &&Service| {
            wanted.namespace.as_ref().is_none_or(|namespace| *namespace == service.namespace)
                && match &wanted.by {
                    ServiceBy::Name(name) => *name == service.name,
                    ServiceBy::Labels(selector) => selector.matches_labels(&service.labels),
                }
        };
        Match::of(services.iter().filter(meant).any(|service| backs(service, other)))
    }
}

/// Whether traffic to a Service may end at this peer.
pub(crate) fn backs(service: &Service, peer: &Peer) -> bool {
    match (peer, peer.managed()) {
        (_, Some(pod)) => {
            !service.selector.is_empty()
                && pod.namespace == service.namespace
                && service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        }
        (Peer::World(world), None) => {
            service.selector.is_empty() && world.ip.is_some_and(|ip| service.addresses.contains(&ip))
        }
        _ => false,
    }
}

/// The network of an `except` that takes an address out.
pub(crate) fn excepted<'a>(except: &'a [IpNet], ip: &IpAddr) -> Option<&'a IpNet> {
    except.iter().find(|net| net.contains(ip))
}

fn by_address(block: &Block, ips: &[IpAddr]) -> Match {
    if ips.is_empty() {
        return Match::Maybe;
    }
    Match::of(ips.iter().any(|ip| block.net.contains(ip) && excepted(&block.except, ip).is_none()))
}
