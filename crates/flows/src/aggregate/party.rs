//! Who an end of a flow is, once pods are folded to their owners and the world to names or networks.

use super::intern::{Interner, Sym};
use crate::fold::pod;
use crate::record::End;
use std::net::IpAddr;
use stethoscope_hubble::words::{Identity, Words};

/// One end, folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Party {
    pub(crate) kind: Kind,
    pub(crate) cluster: Sym,
    /// Namespace of a workload.
    pub(crate) space: Sym,
    pub(crate) name: Sym,
}

/// What kind of end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Neither address nor name.
    #[default]
    Unknown,
    /// A workload, by its identity.
    Workload,
    /// A pod that policies see as world: host network, or a cluster that is not this one's.
    OutsidePod,
    /// A reserved identity, by name.
    Reserved,
    /// A name in the world.
    Name,
    /// A network in the world: /24 or /64.
    World,
    /// A network of which the identity is not known.
    Network,
}

/// Identities from here on are of networks and names, each node's own.
const LOCAL_SCOPE: u32 = 1 << 24;
/// Identities of remote nodes (Cilium 1.15).
const NODE_SCOPE: u32 = 2 << 24;
const REMOTE_NODE: i32 = 6;

/// What an identity stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Unknown,
    World,
    Reserved(&'static str),
    Workload,
}

/// Identity beats name: policies decide by it.
pub(crate) fn scope(end: &End<'_>) -> Scope {
    let identity = match end.identity {
        0 if end.pod_name.0.is_empty() => end.labels.reserved().unwrap_or(0).cast_unsigned(),
        identity => identity,
    };
    match identity {
        0 | 3 | 5 => Scope::Unknown,
        2 | 9 | 10 => Scope::World,
        1..=255 => Identity::name(identity.cast_signed()).map_or(Scope::Unknown, Scope::Reserved),
        NODE_SCOPE.. => Identity::name(REMOTE_NODE).map_or(Scope::Unknown, Scope::Reserved),
        LOCAL_SCOPE.. => Scope::World,
        _ => Scope::Workload,
    }
}

/// The workload's name of an end.
pub(crate) fn workload<'e>(end: &'e End<'_>) -> &'e str {
    if end.workloads.name.0.is_empty() { pod::owner(&end.pod_name.0) } else { &end.workloads.name.0 }
}

/// Folds an end. `name` is the first name known for its address.
pub(crate) fn fold(
    interner: &mut Interner,
    end: Option<&End<'_>>,
    address: &str,
    name: Option<&str>,
) -> Party {
    let scope = end.map_or(Scope::Unknown, scope);
    if let Some(end) = end
        && !end.pod_name.0.is_empty()
        && !matches!(scope, Scope::Reserved(_))
    {
        let kind = if scope == Scope::World { Kind::OutsidePod } else { Kind::Workload };
        return Party {
            kind,
            cluster: interner.intern(&end.cluster_name.0),
            space: interner.intern(&end.namespace.0),
            name: interner.intern(workload(end)),
        };
    }
    let of = |kind, name| Party { kind, name, ..Party::default() };
    match scope {
        Scope::Reserved(reserved) => of(Kind::Reserved, interner.intern(reserved)),
        // A workload without a pod's name: an exporter masked it, or it ran outside Kubernetes.
        Scope::Workload => match end.filter(|end| !end.namespace.0.is_empty()) {
            Some(end) => Party {
                kind: Kind::Workload,
                cluster: interner.intern(&end.cluster_name.0),
                space: interner.intern(&end.namespace.0),
                name: interner.intern(workload(end)),
            },
            None => of(Kind::Network, network(interner, address)),
        },
        Scope::World | Scope::Unknown => {
            let kind = if scope == Scope::World { Kind::World } else { Kind::Network };
            match name.map(|name| name.trim_end_matches('.')).filter(|name| !name.is_empty()) {
                Some(name) => of(Kind::Name, interner.intern(name)),
                None if address.is_empty() => {
                    if scope == Scope::World {
                        of(Kind::Reserved, interner.intern("world"))
                    } else {
                        Party::default()
                    }
                }
                None => of(kind, network(interner, address)),
            }
        }
    }
}

/// `203.0.113.7` -> `203.0.113.0/24`; IPv6 to its /64.
fn network(interner: &mut Interner, address: &str) -> Sym {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            interner.intern(&format!("{a}.{b}.{c}.0/24"))
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            let prefix = std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            interner.intern(&format!("{prefix}/64"))
        }
        Err(_) => interner.intern(address),
    }
}

impl Party {
    /// `shop/cart`, `example.com`, `203.0.113.0/24`, `host`; with its cluster where there is more than one.
    pub(crate) fn show(&self, interner: &Interner, clusters: bool) -> String {
        let name = interner.name(self.name);
        match self.kind {
            Kind::Unknown => "unknown".to_owned(),
            Kind::Workload | Kind::OutsidePod => {
                let mut out = String::new();
                let cluster = interner.name(self.cluster);
                if clusters && !cluster.is_empty() {
                    out.push_str(cluster);
                    out.push(':');
                }
                let space = interner.name(self.space);
                if !space.is_empty() {
                    out.push_str(space);
                    out.push('/');
                }
                out.push_str(if name.is_empty() { "(no pod name)" } else { name });
                if self.kind == Kind::OutsidePod {
                    out.push_str(" (world)");
                }
                out
            }
            Kind::Reserved => format!("[{name}]"),
            Kind::Name => name.to_owned(),
            Kind::World => format!("{name} (world)"),
            Kind::Network => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;
    use pretty_assertions::assert_eq;
    use std::borrow::Cow;

    fn end(identity: u32, namespace: &'static str, pod: &'static str) -> End<'static> {
        let text = |text: &'static str| Text(Cow::Borrowed(text));
        End { identity, namespace: text(namespace), pod_name: text(pod), ..End::default() }
    }

    #[test]
    fn ends_are_folded_and_identity_beats_name() {
        let mut interner = Interner::default();
        let mut show = |end: End<'_>, address: &str, name: Option<&str>| {
            let party = fold(&mut interner, Some(&end), address, name);
            party.show(&interner, false)
        };
        assert_eq!(show(end(4000, "shop", "cart-7d8f9c6b5d-x2x4p"), "10.0.0.1", None), "shop/cart");
        assert_eq!(show(end(0, "shop", "cart-7d8f9c6b5d-x2x4p"), "10.0.0.1", None), "shop/cart");
        // A host-network pod: named, but policies see the world.
        assert_eq!(
            show(end(2, "kube-system", "node-local-dns-88zrp"), "10.0.0.9", None),
            "kube-system/node-local-dns (world)"
        );
        assert_eq!(show(end(1, "", ""), "10.0.0.1", None), "[host]");
        assert_eq!(show(end(7, "", ""), "10.0.0.1", None), "[kube-apiserver]");
        assert_eq!(show(end(2, "", ""), "203.0.113.7", Some("api.example.com.")), "api.example.com");
        assert_eq!(show(end(2, "", ""), "203.0.113.7", None), "203.0.113.0/24 (world)");
        assert_eq!(show(end(16_777_300, "", ""), "2001:db8:1:2:3::4", None), "2001:db8:1:2::/64 (world)");
        assert_eq!(show(end(33_554_500, "", ""), "10.1.0.1", None), "[remote-node]");
        assert_eq!(show(end(0, "", ""), "fe80::1", None), "fe80::/64");
        assert_eq!(show(end(0, "", ""), "", None), "unknown");
    }
}
