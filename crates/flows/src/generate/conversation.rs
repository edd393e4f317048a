//! Conversations: what is said on a connection, and what goes wrong.

use super::parts::{AUDIT, DROPPED, EGRESS, FORWARDED, Flag, INGRESS, Line, REDIRECTED, suffix, workload};
use super::{Flows, Incident, MILLISECOND, NAMESPACE};
use stethoscope_hubble::{Dns, EventType, Flow, Header, Http, Icmp, Ip, Layer4, Layer7, Policy};

impl Flows {
    /// A packet as both nodes see it: where it leaves, and where it arrives a moment later.
    fn packet(&mut self, line: &Line, after: i64, reply: bool, flag: Flag) {
        let time = self.now + after;
        let (from, to) = if reply {
            (line.server_node, Some(line.client_node))
        } else {
            (Some(line.client_node), line.server_node)
        };
        if let Some(node) = from {
            let mut flow = line.flow(reply, flag);
            flow.event_type = Some(EventType { kind: 4, sub_kind: 4 });
            flow.traffic_direction = if reply { INGRESS } else { EGRESS };
            flow.trace_observation_point = if from == to { 101 } else { 4 };
            self.push(time, node, flow);
        }
        if let Some(node) = to.filter(|_| from != to) {
            let mut flow = line.flow(reply, flag);
            flow.event_type = Some(EventType { kind: 4, sub_kind: 0 });
            flow.traffic_direction = if reply { EGRESS } else { INGRESS };
            flow.trace_observation_point = 101;
            self.push(time + MILLISECOND / 3, node, flow);
        }
    }

    pub(super) fn talk(&mut self, line: &Line) {
        self.packet(line, 0, false, Flag::Syn);
        self.packet(line, MILLISECOND, true, Flag::SynAck);
        self.packet(line, 2 * MILLISECOND, false, Flag::Push);
        self.packet(line, 6 * MILLISECOND, true, Flag::Push);
        self.packet(line, 9 * MILLISECOND, false, Flag::Fin);
    }

    /// A policy's verdict and, two microseconds later, the drop: the same packet.
    fn drop(&mut self, line: &Line, after: i64, reason: i32, direction: i32, denied_by: &[Policy]) {
        let node = if direction == EGRESS { Some(line.client_node) } else { line.server_node };
        let Some(node) = node else { return };
        let time = self.now + after;
        let mut verdict = line.flow(false, Flag::Syn);
        verdict.verdict = DROPPED;
        verdict.drop_reason_desc = reason;
        verdict.drop_reason = reason.cast_unsigned();
        verdict.traffic_direction = direction;
        verdict.is_reply = None;
        let mut drop = verdict.clone();
        verdict.event_type = Some(EventType { kind: 5, sub_kind: 0 });
        if direction == EGRESS {
            verdict.egress_denied_by = denied_by.to_vec();
        } else {
            verdict.ingress_denied_by = denied_by.to_vec();
        }
        drop.event_type = Some(EventType { kind: 1, sub_kind: reason });
        if matches!(reason, 133 | 181) {
            self.push(time, node, verdict);
        }
        self.push(time + 2_000, node, drop);
    }

    /// A record of the proxy at the client's node.
    fn layer7(&mut self, line: &Line, after: i64, reply: bool, verdict: i32, l7: Layer7) {
        let mut flow = line.flow(reply, Flag::Ack);
        flow.kind = 2;
        flow.verdict = verdict;
        flow.event_type = Some(EventType { kind: 129, sub_kind: 0 });
        flow.traffic_direction = EGRESS;
        if let Some(tcp) = flow.l4.as_mut().and_then(|l4| l4.tcp.as_mut()) {
            tcp.flags = None;
        }
        flow.l7 = Some(l7);
        self.push(self.now + after, line.client_node, flow);
    }

    fn dns(&mut self, line: &Line, after: i64, query: &str, rcode: u32) {
        let dns = Dns {
            query: query.to_owned(),
            observation_source: "proxy".to_owned(),
            qtypes: vec!["A".to_owned()],
            ..Dns::default()
        };
        let asked = Layer7 { kind: 1, dns: Some(dns.clone()), ..Layer7::default() };
        self.layer7(line, after, false, FORWARDED, asked);
        let latency_ns = 300_000 + self.random.below(900_000);
        let ips = if rcode == 0 { vec!["203.0.113.9".to_owned()] } else { Vec::new() };
        let dns = Dns { rcode, ips, ..dns };
        let answer = Layer7 { kind: 2, latency_ns, dns: Some(dns), ..Layer7::default() };
        self.layer7(line, after + latency_ns.cast_signed(), true, FORWARDED, answer);
    }

    /// A name in the world, as `ndots:5` has it asked for.
    pub(super) fn resolve(&mut self, client: usize) {
        let line = self.dns_line(client);
        let name = "api.tides.example.";
        for (number, domain) in
            [&format!("{NAMESPACE}.svc.cluster.local."), "svc.cluster.local.", "cluster.local."]
                .iter()
                .enumerate()
        {
            self.dns(&line, number as i64 * 2 * MILLISECOND, &format!("{name}{domain}"), 3);
        }
        self.dns(&line, 8 * MILLISECOND, name, 0);
    }

    fn http(&mut self, line: &Line, path: &str, code: u32, latency_ns: u64) {
        let http = Http {
            method: "GET".to_owned(),
            url: format!("http://{}:{}{path}", workload(1), line.port),
            protocol: "HTTP/1.1".to_owned(),
            headers: vec![Header { key: "X-Request-Id".to_owned(), value: suffix(latency_ns, 20) }],
            ..Http::default()
        };
        let verdict = if code == 403 { DROPPED } else { FORWARDED };
        let asked = Layer7 { kind: 1, http: Some(http.clone()), ..Layer7::default() };
        self.layer7(line, 0, false, verdict, asked);
        let answer = Layer7 { kind: 2, latency_ns, http: Some(Http { code, ..http }), ..Layer7::default() };
        self.layer7(line, latency_ns.cast_signed(), true, FORWARDED, answer);
    }

    pub(super) fn request(&mut self, client: usize) {
        let count = self.options.workloads;
        let server = (client + 2 + self.random.below(count as u64 / 2) as usize) % count;
        let line = self.line(client, server, 8080);
        let path = match self.random.below(3) {
            0 => "/healthz".to_owned(),
            1 => format!("/berths/{}", self.random.below(100_000)),
            _ => format!("/v1/ships/{}/cargo?limit={}", self.random.below(100_000), self.random.below(100)),
        };
        let latency = 2_000_000 + self.random.below(20_000_000);
        let mut redirected = line.flow(false, Flag::Syn);
        redirected.verdict = REDIRECTED;
        redirected.event_type = Some(EventType { kind: 5, sub_kind: 0 });
        redirected.traffic_direction = EGRESS;
        redirected.proxy_port = 14_000;
        self.push(self.now, line.client_node, redirected);
        self.http(&line, &path, 200, latency);
    }

    /// What is dropped all day and hurts nobody: router solicitations.
    pub(super) fn noise(&mut self, client: usize) {
        let (pod, node) = self.pod(client);
        let flow = Flow {
            verdict: DROPPED,
            drop_reason_desc: 132,
            drop_reason: 132,
            ip: Some(Ip {
                source: "fe80::1".to_owned(),
                destination: "ff02::2".to_owned(),
                version: 2,
                ..Ip::default()
            }),
            l4: Some(Layer4 { icmpv6: Some(Icmp { kind: 133, code: 0 }), ..Layer4::default() }),
            source: Some(pod.endpoint()),
            kind: 1,
            event_type: Some(EventType { kind: 1, sub_kind: 132 }),
            traffic_direction: EGRESS,
            ..Flow::default()
        };
        self.push(self.now, node, flow);
    }

    /// One conversation of the incident.
    pub(super) fn trouble(&mut self) {
        let second = 1_000 * MILLISECOND;
        match self.options.incident {
            Incident::Healthy => {}
            Incident::IngressDefaultDeny => {
                let line = self.line(0, 1, 8080);
                for after in [0, second, 3 * second] {
                    self.packet_out(&line, after);
                    self.drop(&line, after + MILLISECOND, 133, INGRESS, &[]);
                }
            }
            Incident::EgressDefaultDeny => {
                let line = self.world_line(0);
                for after in [0, second, 3 * second] {
                    self.drop(&line, after, 133, EGRESS, &[]);
                }
            }
            Incident::DenyRule => {
                let line = self.line(0, 1, 8080);
                let policy = Policy {
                    name: "no-visitors".to_owned(),
                    namespace: NAMESPACE.to_owned(),
                    kind: "CiliumNetworkPolicy".to_owned(),
                    revision: 3,
                    ..Policy::default()
                };
                self.drop(&line, 0, 181, INGRESS, &[policy]);
            }
            Incident::DnsDenied => {
                let line = self.dns_line(0);
                self.drop(&line, 0, 133, EGRESS, &[]);
            }
            Incident::DnsTypo => {
                let line = self.dns_line(0);
                let name = "api.tydes.example.";
                for domain in
                    [&format!("{NAMESPACE}.svc.cluster.local."), "svc.cluster.local.", "cluster.local.", ""]
                {
                    self.dns(&line, 0, &format!("{name}{domain}"), 3);
                }
            }
            Incident::UpstreamTimeout => {
                let line = self.line(0, 1, 8080);
                let latency = 1_000_000_000 + self.random.below(8_000_000);
                self.http(&line, "/berths/7", 503, latency);
            }
            Incident::Layer7Denied => {
                let line = self.line(0, 1, 8080);
                self.http(&line, "/admin", 403, 1_000_000);
            }
            Incident::Refused => {
                let line = self.line(0, 1, 9090);
                self.packet(&line, 0, false, Flag::Syn);
                self.packet(&line, MILLISECOND, true, Flag::Reset);
            }
            Incident::Unanswered => {
                let line = self.world_line(0);
                for after in [0, second, 3 * second] {
                    self.packet_out(&line, after);
                }
            }
            Incident::Audit => {
                let line = self.line(0, 1, 8080);
                let mut flow = line.flow(false, Flag::Syn);
                flow.verdict = AUDIT;
                flow.event_type = Some(EventType { kind: 5, sub_kind: 0 });
                flow.traffic_direction = INGRESS;
                self.push(self.now, line.server_node.unwrap_or_default(), flow);
                self.talk(&line);
            }
            Incident::Fragmentation => {
                let line = self.line(0, 1, 8080);
                self.drop(&line, 0, 136, EGRESS, &[]);
            }
        }
    }

    /// A SYN where it leaves.
    fn packet_out(&mut self, line: &Line, after: i64) {
        let mut flow = line.flow(false, Flag::Syn);
        flow.event_type = Some(EventType { kind: 4, sub_kind: 4 });
        flow.traffic_direction = EGRESS;
        flow.trace_observation_point = 4;
        self.push(self.now + after, line.client_node, flow);
    }
}
