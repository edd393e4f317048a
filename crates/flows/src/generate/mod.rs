//! Flows of incidents that never were, from a seed: for tests, benchmarks and recordings of our own making. There is no
//! public recording of dropped flows in volume.
//!
//! What real streams have is in them: both records of a denied packet (the policy's verdict and the drop), sightings of
//! a packet at both nodes, answers with the ends swapped, search-domain tries, noise, lost events, nodes that are away.

mod conversation;
mod parts;

use parts::{Line, Pod, Random, dns_server, workload, world};
use std::collections::BTreeMap;
use stethoscope_hubble::{Flow, GetFlowsResponse, LostEvent, NodeStatusEvent, from_nanos};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// Nothing.
    Healthy,
    /// No policy lets the client in at the server.
    IngressDefaultDeny,
    /// No policy lets the client out to an address in the world.
    EgressDefaultDeny,
    /// A deny rule, which drops name.
    DenyRule,
    /// DNS is not allowed out.
    DnsDenied,
    /// A name that no variant of resolves.
    DnsTypo,
    /// The proxy can't reach an upstream: 503 after a second.
    UpstreamTimeout,
    /// A proxy refuses requests: 403, without a drop reason.
    Layer7Denied,
    /// Nothing listens on the port.
    Refused,
    /// SYN after SYN, and no answer.
    Unanswered,
    /// A policy in audit mode.
    Audit,
    /// Packets too big for the path.
    Fragmentation,
}

impl Incident {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Healthy,
        Self::IngressDefaultDeny,
        Self::EgressDefaultDeny,
        Self::DenyRule,
        Self::DnsDenied,
        Self::DnsTypo,
        Self::UpstreamTimeout,
        Self::Layer7Denied,
        Self::Refused,
        Self::Unanswered,
        Self::Audit,
        Self::Fragmentation,
    ];
}

/// How the stream is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The same seed gives the same flows.
    pub seed: u64,
    /// What goes wrong.
    pub incident: Incident,
    /// First moment, nanoseconds since 1970.
    pub start: i64,
    /// Records, about.
    pub records: u64,
    /// Records a second, over all nodes.
    pub rate: u64,
    /// Nodes.
    pub nodes: usize,
    /// Workloads, of three pods each.
    pub workloads: usize,
    /// Nodes that Relay can't reach.
    pub absent: usize,
    /// Whether events get lost.
    pub loss: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            incident: Incident::IngressDefaultDeny,
            // 2026-01-01T12:00:00Z
            start: 1_767_268_800_000_000_000,
            records: 2_000,
            rate: 200,
            nodes: 3,
            workloads: 8,
            absent: 0,
            loss: false,
        }
    }
}

/// Namespace of the generated workloads.
pub const NAMESPACE: &str = "pier";
const MILLISECOND: i64 = 1_000_000;
/// Of so many conversations one belongs to the incident.
const SHARE: u64 = 12;
/// Nothing in the stream comes later than so long after the conversation began.
const HORIZON: i64 = 5_000 * MILLISECOND;

/// The stream, in the order of time.
#[derive(Debug)]
pub struct Flows {
    options: Options,
    random: Random,
    now: i64,
    made: u64,
    /// What is to come, by time and order of making.
    queue: BTreeMap<(i64, u64), GetFlowsResponse>,
    order: u64,
}

/// The workload that the incident hits, and the one that it keeps from being reached.
pub fn subjects(options: &Options) -> (String, String) {
    (workload(0), workload(1.min(options.workloads.saturating_sub(1))))
}

/// Makes the stream.
pub fn flows(options: &Options) -> Flows {
    let options = Options {
        nodes: options.nodes.max(1),
        workloads: options.workloads.max(2),
        rate: options.rate.max(1),
        ..options.clone()
    };
    let mut flows = Flows {
        random: Random(options.seed),
        now: options.start,
        made: 0,
        queue: BTreeMap::new(),
        order: 0,
        options,
    };
    flows.node_states();
    flows
}

/// The stream as lines of protobuf's JSON, as `hubble observe -o jsonpb` writes them.
pub fn lines(options: &Options) -> impl Iterator<Item = String> {
    flows(options).filter_map(|response| serde_json::to_string(&response).ok())
}

impl Iterator for Flows {
    type Item = GetFlowsResponse;

    fn next(&mut self) -> Option<GetFlowsResponse> {
        loop {
            let done = self.made >= self.options.records;
            if let Some(first) = self.queue.first_entry()
                && (done || first.key().0 + HORIZON < self.now || first.key().0 <= self.options.start)
            {
                return Some(first.remove());
            }
            if done {
                return None;
            }
            let before = self.made;
            self.conversation();
            let step = (self.made - before).max(1).cast_signed() * 1_000 * MILLISECOND
                / self.options.rate.cast_signed();
            self.now += step;
        }
    }
}

impl Flows {
    fn node(number: usize) -> String {
        format!("quay-{}", number + 1)
    }

    fn push(&mut self, time: i64, node: usize, mut flow: Flow) {
        flow.time = Some(from_nanos(time));
        flow.node_name = Self::node(node);
        let (high, low) = (self.random.next(), self.random.next());
        flow.uuid = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        self.made += 1;
        let response = GetFlowsResponse {
            node_name: flow.node_name.clone(),
            time: flow.time,
            flow: Some(Box::new(flow)),
            ..GetFlowsResponse::default()
        };
        self.put(time, response);
    }

    fn put(&mut self, time: i64, response: GetFlowsResponse) {
        self.order += 1;
        self.queue.insert((time, self.order), response);
    }

    fn node_states(&mut self) {
        let nodes: Vec<String> = (0..self.options.nodes).map(Self::node).collect();
        let absent: Vec<String> =
            (0..self.options.absent).map(|number| Self::node(self.options.nodes + number)).collect();
        for (state_change, node_names) in [(1, nodes), (2, absent)] {
            if !node_names.is_empty() {
                let status = NodeStatusEvent { state_change, node_names, message: String::new() };
                let response = GetFlowsResponse { node_status: Some(status), ..GetFlowsResponse::default() };
                self.put(self.options.start, response);
            }
        }
    }

    fn pod(&mut self, workload: usize) -> (Pod, usize) {
        let replica = self.random.below(3);
        (Pod { workload, replica }, (workload + replica as usize) % self.options.nodes)
    }

    fn line(&mut self, client: usize, server: usize, port: u32) -> Line {
        let (client, client_node) = self.pod(client);
        let (server, server_node) = self.pod(server);
        Line {
            client: client.endpoint(),
            client_address: client.address(),
            client_node,
            server: server.endpoint(),
            server_address: server.address(),
            server_node: Some(server_node),
            server_names: Vec::new(),
            port,
            client_port: 32_768 + u32::try_from(self.random.below(28_000)).unwrap_or_default(),
            udp: false,
        }
    }

    fn dns_line(&mut self, client: usize) -> Line {
        let mut line = self.line(client, client, 53);
        let (address, server) = dns_server();
        line.server = server;
        line.server_address = address;
        line.server_node = Some(0);
        line.udp = true;
        line
    }

    fn world_line(&mut self, client: usize) -> Line {
        let mut line = self.line(client, client, 443);
        line.server = world();
        line.server_address = format!("203.0.113.{}", 1 + self.random.below(200));
        line.server_node = None;
        line.server_names = vec!["api.tides.example".to_owned()];
        line
    }

    /// One conversation, of the incident or of the day.
    fn conversation(&mut self) {
        let incident = self.options.incident != Incident::Healthy && self.random.below(SHARE) == 0;
        if incident {
            self.trouble();
        } else {
            let count = self.options.workloads as u64;
            let client = self.random.below(count) as usize;
            match self.random.below(20) {
                0..=2 => self.resolve(client),
                3 => {
                    let line = self.world_line(client);
                    self.talk(&line);
                }
                4..=8 => self.request(client),
                9 => self.noise(client),
                _ => {
                    // The pair of the incident is left out: it has no good conversation.
                    let server = (client + 2 + self.random.below(count.saturating_sub(2).max(1)) as usize)
                        % self.options.workloads;
                    let line = self.line(client, server, 8080);
                    self.talk(&line);
                }
            }
        }
        if self.options.loss && self.random.below(40) == 0 {
            let event =
                LostEvent { source: 3, num_events_lost: 1 + self.random.below(50), ..LostEvent::default() };
            let node = self.random.below(self.options.nodes as u64) as usize;
            let response = GetFlowsResponse {
                lost_events: Some(event),
                node_name: Self::node(node),
                time: Some(from_nanos(self.now)),
                ..GetFlowsResponse::default()
            };
            self.put(self.now, response);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_same_seed_gives_the_same_flows_in_the_order_of_time() {
        let options = Options { loss: true, absent: 1, ..Options::default() };
        let (one, other): (Vec<_>, Vec<_>) = (flows(&options).collect(), flows(&options).collect());
        assert_eq!(one, other);
        let times: Vec<i64> =
            one.iter().filter_map(|response| response.time.as_ref().map(stethoscope_hubble::nanos)).collect();
        assert!(times.is_sorted());
        assert!(times.len() as u64 >= options.records);
        let different: Vec<_> = flows(&Options { seed: 2, ..options }).collect();
        assert_ne!(one, different);
    }

    #[test]
    fn every_incident_can_be_written_and_read() {
        for incident in Incident::ALL {
            let options = Options { incident, records: 300, ..Options::default() };
            let text: Vec<String> = lines(&options).collect();
            let figures = crate::measure::decode_file(std::io::Cursor::new(text.join("\n").into_bytes()));
            assert_eq!(
                figures.flows,
                flows(&options).filter(|response| response.flow.is_some()).count() as u64
            );
        }
    }
}
