//! Field masks: only what a client names is sent.

use stethoscope_hubble::{FieldMask, Flow};

type Copy = fn(&Flow, &mut Flow);

/// What to send; nothing in it sends everything.
#[derive(Debug, Default)]
pub(super) struct Mask {
    copies: Vec<Copy>,
}

macro_rules! whole {
    ($path:literal, $field:ident) => {
        ($path, (|from: &Flow, to: &mut Flow| to.$field.clone_from(&from.$field)) as Copy)
    };
}

macro_rules! part {
    ($path:literal, $message:ident, $field:ident) => {
        (
            $path,
            (|from: &Flow, to: &mut Flow| {
                if let Some(message) = &from.$message {
                    to.$message.get_or_insert_default().$field.clone_from(&message.$field);
                }
            }) as Copy,
        )
    };
}

macro_rules! record {
    ($path:literal, $record:ident, $field:ident) => {
        (
            $path,
            (|from: &Flow, to: &mut Flow| {
                if let Some(record) = from.l7.as_ref().and_then(|l7| l7.$record.as_ref()) {
                    let l7 = to.l7.get_or_insert_default();
                    l7.$record.get_or_insert_default().$field.clone_from(&record.$field);
                }
            }) as Copy,
        )
    };
}

/// Paths by proto name.
const PATHS: &[(&str, Copy)] = &[
    whole!("time", time),
    whole!("uuid", uuid),
    whole!("verdict", verdict),
    whole!("drop_reason", drop_reason),
    whole!("drop_reason_desc", drop_reason_desc),
    whole!("auth_type", auth_type),
    whole!("ethernet", ethernet),
    whole!("IP", ip),
    part!("IP.source", ip, source),
    part!("IP.destination", ip, destination),
    part!("IP.ipVersion", ip, version),
    part!("IP.encrypted", ip, encrypted),
    part!("IP.source_xlated", ip, source_xlated),
    whole!("l4", l4),
    part!("l4.TCP", l4, tcp),
    part!("l4.UDP", l4, udp),
    part!("l4.ICMPv4", l4, icmpv4),
    part!("l4.ICMPv6", l4, icmpv6),
    part!("l4.SCTP", l4, sctp),
    whole!("source", source),
    part!("source.ID", source, id),
    part!("source.identity", source, identity),
    part!("source.namespace", source, namespace),
    part!("source.labels", source, labels),
    part!("source.pod_name", source, pod_name),
    part!("source.workloads", source, workloads),
    part!("source.cluster_name", source, cluster_name),
    whole!("destination", destination),
    part!("destination.ID", destination, id),
    part!("destination.identity", destination, identity),
    part!("destination.namespace", destination, namespace),
    part!("destination.labels", destination, labels),
    part!("destination.pod_name", destination, pod_name),
    part!("destination.workloads", destination, workloads),
    part!("destination.cluster_name", destination, cluster_name),
    whole!("Type", kind),
    whole!("node_name", node_name),
    whole!("source_names", source_names),
    whole!("destination_names", destination_names),
    whole!("l7", l7),
    part!("l7.type", l7, kind),
    part!("l7.latency_ns", l7, latency_ns),
    part!("l7.dns", l7, dns),
    record!("l7.dns.query", dns, query),
    record!("l7.dns.ips", dns, ips),
    record!("l7.dns.ttl", dns, ttl),
    record!("l7.dns.cnames", dns, cnames),
    record!("l7.dns.observation_source", dns, observation_source),
    record!("l7.dns.rcode", dns, rcode),
    record!("l7.dns.qtypes", dns, qtypes),
    record!("l7.dns.rrtypes", dns, rrtypes),
    part!("l7.http", l7, http),
    record!("l7.http.code", http, code),
    record!("l7.http.method", http, method),
    record!("l7.http.url", http, url),
    record!("l7.http.protocol", http, protocol),
    record!("l7.http.headers", http, headers),
    part!("l7.kafka", l7, kafka),
    whole!("reply", reply),
    whole!("is_reply", is_reply),
    whole!("event_type", event_type),
    part!("event_type.type", event_type, kind),
    part!("event_type.sub_type", event_type, sub_kind),
    whole!("source_service", source_service),
    whole!("destination_service", destination_service),
    whole!("traffic_direction", traffic_direction),
    whole!("policy_match_type", policy_match_type),
    whole!("trace_observation_point", trace_observation_point),
    whole!("trace_reason", trace_reason),
    whole!("file", file),
    whole!("interface", interface),
    whole!("proxy_port", proxy_port),
    whole!("trace_context", trace_context),
    whole!("Summary", summary),
    whole!("egress_allowed_by", egress_allowed_by),
    whole!("ingress_allowed_by", ingress_allowed_by),
    whole!("egress_denied_by", egress_denied_by),
    whole!("ingress_denied_by", ingress_denied_by),
    whole!("policy_log", policy_log),
    whole!("aggregate", aggregate),
];

/// Fields that the API has and recordings here do not: valid in a mask, with nothing to send.
const UNUSED: [&str; 11] = [
    "emitter",
    "tunnel",
    "node_labels",
    "ip_trace_id",
    "debug_capture_point",
    "sock_xlate_point",
    "socket_cookie",
    "cgroup_id",
    "extensions",
    "l4.VRRP",
    "l4.IGMP",
];

impl Mask {
    /// Takes a mask, or says that a path is none.
    pub(super) fn new(mask: Option<&FieldMask>) -> Result<Self, String> {
        let mut copies = Vec::new();
        for path in mask.map(|mask| mask.paths.as_slice()).unwrap_or_default() {
            match PATHS.iter().find(|(known, _)| known == path) {
                Some((_, copy)) => copies.push(*copy),
                None if UNUSED.contains(&path.as_str()) => {}
                None => return Err("invalid fieldmask".to_owned()),
            }
        }
        // A mask of nothing but unused fields is still a mask.
        if copies.is_empty() && mask.is_some_and(|mask| !mask.paths.is_empty()) {
            copies.push(|_, _| {});
        }
        Ok(Self { copies })
    }

    pub(super) fn apply(&self, flow: &Flow) -> Flow {
        if self.copies.is_empty() {
            return flow.clone();
        }
        let mut masked = Flow::default();
        for copy in &self.copies {
            copy(flow, &mut masked);
        }
        masked
    }
}
