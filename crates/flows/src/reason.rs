//! What drop reasons mean: how agents print them, what kind of trouble they are, and which are no trouble.
//!
//! Texts are those of Cilium's `pkg/monitor/api/drop.go` (v1.19), which `hubble observe` and the label `reason` of
//! `cilium_drop_count_total` show.

use stethoscope_hubble::words::{DropReason, Words};

/// What kind of trouble a drop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A network policy refused it.
    Policy,
    /// Mutual authentication is missing.
    Authentication,
    /// No backend, or not allowed to a service.
    Service,
    /// Routing, neighbours, tunnels, encryption between nodes.
    Path,
    /// A table or a limit is full.
    Capacity,
    /// The packet itself.
    Packet,
    /// The agent or the datapath is not ready, or has a defect.
    Datapath,
    /// Egress gateway or cluster mesh.
    Gateway,
    /// Anything else.
    Other,
}

/// `133` -> POLICY_DENIED. The proto's names for 136 and 161 are not what agents of 1.19 mean: theirs are told.
pub fn name(code: i32) -> String {
    match code {
        0 => "unknown reason".to_owned(),
        136 => "FRAGMENTATION_NEEDED (136)".to_owned(),
        161 => "NAT46_64_NOT_ENABLED (161)".to_owned(),
        _ => DropReason::show(code),
    }
}

/// A likely cause, where the name alone does not tell it.
pub fn hint(code: i32) -> Option<&'static str> {
    Some(match code {
        132 => "source address is not the pod's",
        133 => "default deny: no policy allows it",
        136 => "MTU: packet too big",
        140 | 203 => "endpoint is being regenerated",
        150 => "no neighbour or route",
        151 => "address of a pod that is gone",
        155 => "conntrack table full",
        157 => "fragment tracking off or full",
        158 => "Service without ready backends",
        160 => "remote node unknown to this one",
        162 => "egress bandwidth limit of the pod",
        167 => "source ports or NAT table used up",
        169 => "no route on the node",
        171 => "identity not known yet",
        174 => "ClusterIP called from outside",
        177 => "loadBalancerSourceRanges",
        178 | 179 => "L7 proxy not reachable",
        181 => "explicit deny rule",
        189 => "mutual authentication not done; first packets are normal",
        192 => "cluster id clash",
        194 => "no egress gateway node; normal while the map fills",
        195 => "strict encryption mode",
        196 => "routing loop",
        202 => "agent starting",
        204 => "gateway node lacks the egress address",
        _ => return None,
    })
}

/// The kind of trouble.
pub fn class(code: i32) -> Class {
    match code {
        133 | 181 => Class::Policy,
        189 => Class::Authentication,
        158 | 174 | 177 => Class::Service,
        147..=151 | 160 | 164 | 169 | 183 | 185 | 195..=197 => Class::Path,
        136 | 155 | 157 | 162 | 167 | 175 | 190 | 191 | 198 => Class::Capacity,
        130..=132 | 134 | 135 | 137..=139 | 142..=146 | 156 | 166 | 168 | 170 | 176 | 180 | 182 => {
            Class::Packet
        }
        140 | 141 | 153 | 154 | 163 | 165 | 171 | 172 | 178 | 179 | 184 | 202 | 203 => Class::Datapath,
        192..=194 | 204 => Class::Gateway,
        _ => Class::Other,
    }
}

/// What belongs to no incident: router and neighbour solicitations of IPv6, layer-2 chatter, internal codes, multicast.
/// `icmpv6` is the type of an ICMPv6 packet.
pub fn is_noise(code: i32, icmpv6: Option<u8>, destination: &str) -> bool {
    match code {
        132 | 139 => {
            icmpv6.is_some_and(|kind| (133..=136).contains(&kind))
                || destination.starts_with("ff0")
                || destination.starts_with("224.0.0.")
        }
        166 | 173 | 199..=201 | 205 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn reasons_whose_names_differ_between_proto_and_agent_are_told_as_the_agent_means_them() {
        assert_eq!(name(136), "FRAGMENTATION_NEEDED (136)");
        assert_eq!((name(133), name(777)), ("POLICY_DENIED".to_owned(), "777".to_owned()));
        assert_eq!((class(133), class(136), class(777)), (Class::Policy, Class::Capacity, Class::Other));
    }

    #[test]
    fn noise_is_told_by_the_packet_and_not_by_the_reason_alone() {
        assert!(is_noise(132, Some(133), "ff02::2"));
        assert!(!is_noise(132, None, "10.0.0.1"), "a spoofed source is no noise");
        assert!(is_noise(166, None, ""));
        assert!(!is_noise(133, Some(133), "ff02::2"), "a denied packet is none either");
    }
}
