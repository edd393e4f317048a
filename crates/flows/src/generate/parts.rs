//! The parts of a made-up cluster: pods, connections, and the random numbers that choose among them.

use super::NAMESPACE;
use stethoscope_hubble::{Endpoint, Flow, Ip, Layer4, Ports, Tcp, TcpFlags, Workload};

const WORDS: [&str; 12] = [
    "anchor", "buoy", "compass", "deck", "ferry", "gull", "harbor", "keel", "lantern", "mast", "oar",
    "rudder",
];

/// SplitMix64.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// One of a workload's pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod {
    pub(super) workload: usize,
    pub(super) replica: u64,
}

pub(super) fn workload(number: usize) -> String {
    match WORDS.get(number) {
        Some(word) => (*word).to_owned(),
        None => format!("{}-{}", WORDS[number % WORDS.len()], number / WORDS.len()),
    }
}

/// Letters that generated names are made of.
pub(super) fn suffix(mut number: u64, length: usize) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length)
        .map(|_| {
            let letter = LETTERS[usize::try_from(number % 27).unwrap_or_default()];
            number = number / 27 + 7;
            char::from(letter)
        })
        .collect()
}

impl Pod {
    pub(super) fn name(self) -> String {
        let seed = self.workload as u64 * 7_919 + 13;
        format!(
            "{}-{}-{}",
            workload(self.workload),
            suffix(seed, 9),
            suffix(seed + self.replica * 104_729, 5)
        )
    }

    pub(super) fn address(self) -> String {
        format!("10.{}.{}.{}", 8 + self.workload / 250, self.workload % 250, 10 + self.replica)
    }

    pub(super) fn endpoint(self) -> Endpoint {
        let name = workload(self.workload);
        Endpoint {
            id: u32::try_from(self.workload as u64 * 10 + self.replica).unwrap_or_default(),
            identity: 10_000 + u32::try_from(self.workload).unwrap_or_default(),
            namespace: NAMESPACE.to_owned(),
            labels: vec![
                format!("k8s:app.kubernetes.io/name={name}"),
                format!("k8s:app.kubernetes.io/part-of={NAMESPACE}"),
                format!("k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name={NAMESPACE}"),
                "k8s:io.cilium.k8s.policy.cluster=default".to_owned(),
                format!("k8s:io.cilium.k8s.policy.serviceaccount={name}"),
                format!("k8s:io.kubernetes.pod.namespace={NAMESPACE}"),
            ],
            pod_name: self.name(),
            workloads: vec![Workload { name, kind: "Deployment".to_owned() }],
            cluster_name: "default".to_owned(),
        }
    }
}

pub(super) fn dns_server() -> (String, Endpoint) {
    let endpoint = Endpoint {
        id: 7,
        identity: 9_000,
        namespace: "kube-system".to_owned(),
        labels: vec![
            "k8s:io.kubernetes.pod.namespace=kube-system".to_owned(),
            "k8s:k8s-app=kube-dns".to_owned(),
        ],
        pod_name: "coredns-5d78c9869d-k7w2x".to_owned(),
        workloads: vec![Workload { name: "coredns".to_owned(), kind: "Deployment".to_owned() }],
        cluster_name: "default".to_owned(),
    };
    ("10.7.0.53".to_owned(), endpoint)
}

pub(super) fn world() -> Endpoint {
    Endpoint { identity: 2, labels: vec!["reserved:world".to_owned()], ..Endpoint::default() }
}

pub(super) const FORWARDED: i32 = 1;
pub(super) const DROPPED: i32 = 2;
pub(super) const AUDIT: i32 = 4;
pub(super) const REDIRECTED: i32 = 5;
pub(super) const INGRESS: i32 = 1;
pub(super) const EGRESS: i32 = 2;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
    Reset,
}

pub(super) fn flags(flag: Flag) -> TcpFlags {
    TcpFlags {
        syn: matches!(flag, Flag::Syn | Flag::SynAck),
        ack: !matches!(flag, Flag::Syn),
        psh: flag == Flag::Push,
        fin: flag == Flag::Fin,
        rst: flag == Flag::Reset,
        ..TcpFlags::default()
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) client: Endpoint,
    pub(super) client_address: String,
    pub(super) client_node: usize,
    pub(super) server: Endpoint,
    pub(super) server_address: String,
    /// `None` in the world.
    pub(super) server_node: Option<usize>,
    pub(super) server_names: Vec<String>,
    pub(super) port: u32,
    pub(super) client_port: u32,
    pub(super) udp: bool,
}

impl Line {
    /// A packet of it, from the client or as an answer.
    pub(super) fn flow(&self, reply: bool, flag: Flag) -> Flow {
        let (one, other) = (self.client_port, self.port);
        let (from, to) = if reply { (other, one) } else { (one, other) };
        let l4 = if self.udp {
            Layer4 { udp: Some(Ports { source_port: from, destination_port: to }), ..Layer4::default() }
        } else {
            let tcp = Tcp { source_port: from, destination_port: to, flags: Some(flags(flag)) };
            Layer4 { tcp: Some(tcp), ..Layer4::default() }
        };
        let (mut source, mut destination) = (self.client.clone(), self.server.clone());
        let (mut source_address, mut destination_address) =
            (self.client_address.clone(), self.server_address.clone());
        let (mut source_names, mut destination_names) = (Vec::new(), self.server_names.clone());
        if reply {
            std::mem::swap(&mut source, &mut destination);
            std::mem::swap(&mut source_address, &mut destination_address);
            std::mem::swap(&mut source_names, &mut destination_names);
        }
        Flow {
            verdict: FORWARDED,
            ip: Some(Ip {
                source: source_address,
                destination: destination_address,
                version: 1,
                ..Ip::default()
            }),
            l4: Some(l4),
            source: Some(source),
            destination: Some(destination),
            source_names,
            destination_names,
            kind: 1,
            is_reply: Some(reply),
            ..Flow::default()
        }
    }
}
