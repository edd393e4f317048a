//! The traps of reading flows, one by one, and that nothing is lost on the way.

use super::*;
use crate::ask::Sink as _;
use crate::files;
use crate::measure;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::fmt::Write as _;
use stethoscope_hubble::file::Bounds;

#[derive(Default)]
struct All(Aggregate);

impl crate::ask::Sink for All {
    fn flow(&mut self, record: &Record<'_>, node: &str, time: i64) {
        self.0.seen.event(node, time);
        self.0.add(record, &crate::turn::turn(record), node, time);
    }

    fn lost(&mut self, event: &LostEvent) {
        self.0.lost(event);
    }

    fn node_status(&mut self, status: &NodeStatusEvent) {
        self.0.node_status(status);
    }
}

fn aggregate(lines: &[String]) -> Aggregate {
    let (mut sink, mut flows) = (All::default(), 0);
    let report =
        files::read(std::io::Cursor::new(lines.join("\n")), &Bounds::default(), &mut sink, &mut flows);
    assert_eq!((report.rejected, report.stopped), (0, None));
    // Losses and states go the same way.
    sink.lost(&LostEvent::default());
    sink.0
}

/// A flow of `cart` to `db` on port 5432, with what is said of it.
fn flow(node: &str, millisecond: i64, more: &str) -> String {
    let time = stethoscope_hubble::show_nanos(1_767_225_600_000_000_000 + millisecond * 1_000_000);
    format!(
        r#"{{"flow":{{"time":"{time}","node_name":"{node}","IP":{{"source":"10.0.0.1","destination":"10.0.0.2"}},"source":{{"identity":1001,"namespace":"shop","pod_name":"cart-7d8f9c6b5d-x2x4p"}},"destination":{{"identity":1002,"namespace":"shop","pod_name":"db-0"}}{more}}}}}"#
    )
}

const SYN: &str = r#","l4":{"TCP":{"source_port":40000,"destination_port":5432,"flags":{"SYN":true}}}"#;
const ANSWER: &str = r#","l4":{"TCP":{"source_port":5432,"destination_port":40000,"flags":{"SYN":true,"ACK":true}}},"is_reply":true"#;

fn dropped(kind: i32, more: &str) -> String {
    format!(
        r#"{SYN},"verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED","traffic_direction":"INGRESS","event_type":{{"type":{kind}}}{more}"#
    )
}

/// Count of the only group of drops, and the names of policies in it.
fn only_drop(aggregate: &Aggregate) -> (u64, Vec<String>) {
    let groups: Vec<_> = aggregate.drops.iter().collect();
    assert_eq!(groups.len(), 1);
    let names = groups[0].1.policies.iter().map(|sym| aggregate.names.name(sym).to_owned());
    (groups[0].1.count, names.collect())
}

#[test]
fn a_denied_packet_is_one_drop_though_it_is_two_records() {
    let verdict = dropped(
        5,
        r#","ingress_denied_by":[{"name":"deny","namespace":"shop","kind":"CiliumNetworkPolicy"}]"#,
    );
    for order in [[&verdict, &dropped(1, "")], [&dropped(1, ""), &verdict]] {
        let lines: Vec<String> = order.iter().map(|more| flow("n2", 0, more)).collect();
        let sum = aggregate(&lines);
        assert_eq!((sum.records, sum.events, sum.twins), (2, 1, 1));
        assert_eq!(only_drop(&sum), (1, vec!["CiliumNetworkPolicy shop/deny".to_owned()]));
    }
}

#[test]
fn drops_of_one_kind_alone_are_all_counted() {
    // An exporter may leave either kind out; retransmissions are packets of their own.
    for kind in [1, 5] {
        let lines: Vec<String> = [0, 1_000, 3_000].map(|time| flow("n2", time, &dropped(kind, ""))).to_vec();
        assert_eq!(only_drop(&aggregate(&lines)).0, 3);
    }
    // Packets that follow at once have the same ports.
    let lines: Vec<String> = (0..5).map(|_| flow("n2", 0, &dropped(1, ""))).collect();
    assert_eq!(only_drop(&aggregate(&lines)).0, 5);
}

#[test]
fn a_packet_seen_on_both_nodes_counts_once_and_a_retransmission_again() {
    let forwarded = format!(r#"{SYN},"verdict":"FORWARDED","is_reply":false,"event_type":{{"type":4}}"#);
    let lines = [flow("n1", 0, &forwarded), flow("n2", 1, &forwarded), flow("n1", 1_000, &forwarded)];
    let sum = aggregate(&lines);
    assert_eq!((sum.records, sum.events, sum.sightings), (3, 2, 1));
}

#[test]
fn answers_join_the_connection_that_they_answer() {
    let lines = [
        flow("n1", 0, &format!(r#"{SYN},"verdict":"FORWARDED","is_reply":false"#)),
        flow("n1", 1, &format!(r#"{ANSWER},"verdict":"FORWARDED""#))
            .replace(r#""source":{"identity":1001,"namespace":"shop","pod_name":"cart-7d8f9c6b5d-x2x4p"},"destination":{"identity":1002,"namespace":"shop","pod_name":"db-0"}"#,
                r#""source":{"identity":1002,"namespace":"shop","pod_name":"db-0"},"destination":{"identity":1001,"namespace":"shop","pod_name":"cart-7d8f9c6b5d-x2x4p"}"#)
            .replace(r#""source":"10.0.0.1","destination":"10.0.0.2""#, r#""source":"10.0.0.2","destination":"10.0.0.1""#),
    ];
    let sum = aggregate(&lines);
    let pairs: Vec<_> = sum.pairs.iter().collect();
    assert_eq!(pairs.len(), 1);
    let (key, group) = pairs[0];
    assert_eq!(
        (key.from.show(&sum.names, false), key.to.show(&sum.names, false), key.port),
        ("shop/cart".into(), "shop/db".into(), 5432)
    );
    assert_eq!((group.count, group.syn, group.syn_ack, group.answers), (2, 1, 1, 1));
}

#[test]
fn a_record_of_an_aggregating_exporter_counts_for_all_it_stands_for() {
    let sums = format!(
        r#"{SYN},"verdict":"FORWARDED","aggregate":{{"ingress_flow_count":"40","egress_flow_count":2}}"#
    );
    let sum = aggregate(&[flow("n1", 0, &sums), flow("n1", 0, &sums)]);
    assert_eq!((sum.records, sum.events, sum.weighted), (2, 84, 2));
}

#[test]
fn a_refusal_of_a_proxy_is_a_drop_though_it_has_no_reason() {
    let refused = r#","verdict":"DROPPED","Type":"L7","l7":{"type":"REQUEST","http":{"method":"GET","url":"/admin?token=x"}},"event_type":{"type":129}"#;
    let sum = aggregate(&[flow("n1", 0, refused)]);
    let (key, _) = sum.drops.iter().next().unwrap();
    assert_eq!(key.why, Why::Layer7);
    let (path, group) = sum.http.iter().next().unwrap();
    assert_eq!((sum.names.name(path.path), group.denied), ("/admin", 1));
}

#[test]
fn audit_mode_noise_and_values_of_other_makers_are_set_apart() {
    let lines = [
        flow("n1", 0, &format!(r#"{SYN},"verdict":"AUDIT","event_type":{{"type":5}}"#)),
        flow(
            "n1",
            0,
            r#","verdict":"DROPPED","drop_reason_desc":"INVALID_SOURCE_IP","l4":{"ICMPv6":{"type":133}},"event_type":{"type":1}"#,
        ),
        flow("n1", 0, r#","verdict":15"#),
        flow("n1", 1, r#","verdict":"SHREDDED""#),
    ];
    let sum = aggregate(&lines);
    let verdicts = sum.verdicts();
    let verdicts: Vec<(&str, u64)> = verdicts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(verdicts, [("AUDIT", 1), ("DROPPED", 1), ("RETRANSMISSION", 1), ("SHREDDED", 1)]);
    assert_eq!(sum.noise.get("INVALID_SOURCE_IP"), Some(&1));
    let drops: Vec<Why> = sum.drops.iter().map(|(key, _)| key.why).collect();
    assert_eq!(drops, [Why::Audit]);
}

#[test]
fn search_domain_tries_are_of_the_name_that_is_meant() {
    let dns = |query: &str, rcode: u32, time| {
        flow(
            "n1",
            time,
            &format!(
                r#","verdict":"FORWARDED","Type":"L7","l7":{{"type":"RESPONSE","latency_ns":"5","dns":{{"query":"{query}","rcode":{rcode}}}}},"is_reply":false"#
            ),
        )
    };
    let sum =
        aggregate(&[dns("api.example.com.shop.svc.cluster.local.", 3, 0), dns("api.example.com.", 0, 1)]);
    let groups: Vec<_> = sum.dns.iter().collect();
    assert_eq!(groups.len(), 1);
    let (key, group) = groups[0];
    assert_eq!(
        (sum.names.name(key.name), group.ok, group.nonexistent, group.nonexistent_expanded),
        ("api.example.com", 1, 1, 1)
    );
}

#[test]
fn memory_is_bounded_and_sums_stay_exact() {
    // Every flow is of its own pair: far more than the table holds.
    let mut text = String::new();
    let total: u32 = 70_000;
    for number in 0..total {
        let _ = writeln!(
            text,
            r#"{{"flow":{{"verdict":"FORWARDED","time":"2026-01-01T00:00:00Z","IP":{{"source":"198.18.{}.{}","destination":"10.0.0.2"}},"source":{{"identity":2}},"source_names":["host-{number}.example"],"destination":{{"identity":5000,"namespace":"a","pod_name":"b-0"}},"l4":{{"UDP":{{"source_port":40000,"destination_port":{}}}}},"is_reply":false}}}}"#,
            number / 256 % 256,
            number % 256,
            1 + number % 30_000
        );
    }
    let (mut sink, mut flows) = (All::default(), 0);
    files::read(std::io::Cursor::new(text), &Bounds::default(), &mut sink, &mut flows);
    let kept: u64 = sink.0.pairs.iter().map(|(_, group)| group.count).sum();
    let remainder = sink.0.pairs.remainder();
    assert_eq!((flows, kept + remainder.count), (u64::from(total), sink.0.events));
    assert!(sink.0.pairs.len() <= PAIRS && remainder.groups > 0);
}

#[test]
fn the_generated_incidents_show_as_what_they_are() {
    use crate::generate::{Incident, Options, lines};
    for incident in Incident::ALL {
        let lines: Vec<String> = lines(&Options { incident, records: 3_000, ..Options::default() }).collect();
        let sum = aggregate(&lines);
        let mut reasons: Vec<String> = sum.drops.iter().map(|(key, _)| format!("{:?}", key.why)).collect();
        reasons.sort();
        reasons.dedup();
        let expected: &[&str] = match incident {
            Incident::IngressDefaultDeny | Incident::EgressDefaultDeny | Incident::DnsDenied => {
                &["Reason(133)"]
            }
            Incident::DenyRule => &["Reason(181)"],
            Incident::Fragmentation => &["Reason(136)"],
            Incident::Layer7Denied => &["Layer7"],
            Incident::Audit => &["Audit"],
            Incident::Healthy
            | Incident::DnsTypo
            | Incident::UpstreamTimeout
            | Incident::Refused
            | Incident::Unanswered => &[],
        };
        assert_eq!(reasons, expected, "{incident:?}");
        assert!(sum.sightings > 100, "packets are seen on both nodes");
        assert!(!sum.noise.is_empty());
    }
}

proptest! {
    /// Whatever comes, events are records without duplicates, each in one verdict.
    #[test]
    fn events_and_duplicates_are_all_records(parts in proptest::collection::vec((0_u8..3, 0_i64..3, 0_u8..6), 0..60)) {
        let lines: Vec<String> = parts
            .iter()
            .map(|(node, second, kind)| {
                let more = match kind {
                    0 => dropped(1, ""),
                    1 => dropped(5, ""),
                    2 => format!(r#"{SYN},"verdict":"FORWARDED""#),
                    3 => format!(r#"{ANSWER},"verdict":"FORWARDED""#),
                    4 => r#","verdict":"TRACED","event_type":{"type":7}"#.to_owned(),
                    _ => String::new(),
                };
                flow(&format!("n{node}"), second * 1_000, &more)
            })
            .collect();
        let sum = aggregate(&lines);
        prop_assert_eq!(sum.events + sum.twins + sum.sightings, sum.records);
        prop_assert_eq!(sum.verdicts().values().sum::<u64>(), sum.events);
        prop_assert_eq!(sum.records, lines.len() as u64);
    }

    #[test]
    fn no_bytes_break_the_aggregation(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        measure::aggregate_file(std::io::Cursor::new(bytes));
    }
}
