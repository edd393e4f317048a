//! As much of a flow as is aggregated, borrowed from the line or the message that it came in.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use stethoscope_hubble as hubble;
use stethoscope_hubble::file::Bare;
use stethoscope_hubble::json::{number, or_null, truth};
use stethoscope_hubble::words::{self, Words};

/// A flow, lean.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Record<'a> {
    /// Nanoseconds since 1970; 0 when absent.
    #[serde(deserialize_with = "moment")]
    pub(crate) time: i64,
    #[serde(borrow)]
    pub(crate) uuid: Text<'a>,
    #[serde(borrow, deserialize_with = "word::<words::Verdict, _>")]
    pub(crate) verdict: Word<'a>,
    #[serde(deserialize_with = "number")]
    pub(crate) drop_reason: u32,
    #[serde(borrow, deserialize_with = "word::<words::DropReason, _>")]
    pub(crate) drop_reason_desc: Word<'a>,
    #[serde(borrow, rename = "IP")]
    pub(crate) ip: Option<Addresses<'a>>,
    pub(crate) l4: Option<Layer4>,
    #[serde(borrow)]
    pub(crate) source: Option<End<'a>>,
    #[serde(borrow)]
    pub(crate) destination: Option<End<'a>>,
    #[serde(borrow)]
    pub(crate) node_name: Text<'a>,
    #[serde(borrow)]
    pub(crate) source_names: First<'a>,
    #[serde(borrow)]
    pub(crate) destination_names: First<'a>,
    #[serde(borrow)]
    pub(crate) l7: Option<Layer7<'a>>,
    #[serde(deserialize_with = "or_null")]
    pub(crate) reply: bool,
    #[serde(deserialize_with = "truth")]
    pub(crate) is_reply: Option<bool>,
    pub(crate) event_type: Option<Event>,
    #[serde(borrow, deserialize_with = "word::<words::Direction, _>")]
    pub(crate) traffic_direction: Word<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    pub(crate) egress_denied_by: Vec<Policy<'a>>,
    #[serde(borrow, deserialize_with = "or_null")]
    pub(crate) ingress_denied_by: Vec<Policy<'a>>,
    #[serde(borrow, deserialize_with = "word::<words::AuthType, _>")]
    pub(crate) auth_type: Word<'a>,
    pub(crate) aggregate: Option<Aggregate>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Addresses<'a> {
    #[serde(borrow)]
    pub(crate) source: Text<'a>,
    #[serde(borrow)]
    pub(crate) destination: Text<'a>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Layer4 {
    #[serde(rename = "TCP")]
    pub(crate) tcp: Option<Ports>,
    #[serde(rename = "UDP")]
    pub(crate) udp: Option<Ports>,
    #[serde(rename = "SCTP")]
    pub(crate) sctp: Option<Ports>,
    #[serde(rename = "ICMPv4")]
    pub(crate) icmpv4: Option<Icmp>,
    #[serde(rename = "ICMPv6")]
    pub(crate) icmpv6: Option<Icmp>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Ports {
    #[serde(deserialize_with = "number")]
    pub(crate) source_port: u16,
    #[serde(deserialize_with = "number")]
    pub(crate) destination_port: u16,
    pub(crate) flags: Option<Flags>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Flags {
    #[serde(rename = "FIN")]
    pub(crate) fin: bool,
    #[serde(rename = "SYN")]
    pub(crate) syn: bool,
    #[serde(rename = "RST")]
    pub(crate) rst: bool,
    #[serde(rename = "PSH")]
    pub(crate) psh: bool,
    #[serde(rename = "ACK")]
    pub(crate) ack: bool,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Icmp {
    #[serde(rename = "type", deserialize_with = "number")]
    pub(crate) kind: u8,
    #[serde(deserialize_with = "number")]
    pub(crate) code: u8,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct End<'a> {
    #[serde(deserialize_with = "number")]
    pub(crate) identity: u32,
    #[serde(borrow)]
    pub(crate) namespace: Text<'a>,
    #[serde(borrow)]
    pub(crate) pod_name: Text<'a>,
    #[serde(borrow)]
    pub(crate) workloads: Owner<'a>,
    #[serde(borrow)]
    pub(crate) cluster_name: Text<'a>,
    #[serde(borrow)]
    pub(crate) labels: Labels<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Layer7<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "word::<words::L7Type, _>")]
    pub(crate) kind: Word<'a>,
    #[serde(deserialize_with = "number")]
    pub(crate) latency_ns: u64,
    #[serde(borrow)]
    pub(crate) dns: Option<Dns<'a>>,
    #[serde(borrow)]
    pub(crate) http: Option<Http<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Dns<'a> {
    #[serde(borrow)]
    pub(crate) query: Text<'a>,
    #[serde(deserialize_with = "number")]
    pub(crate) rcode: u32,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Http<'a> {
    #[serde(deserialize_with = "number")]
    pub(crate) code: u32,
    #[serde(borrow)]
    pub(crate) method: Text<'a>,
    #[serde(borrow)]
    pub(crate) url: Text<'a>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    #[serde(rename = "type", deserialize_with = "number")]
    pub(crate) kind: i32,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Policy<'a> {
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    #[serde(borrow)]
    pub(crate) namespace: Text<'a>,
    #[serde(borrow)]
    pub(crate) kind: Text<'a>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Aggregate {
    #[serde(deserialize_with = "number")]
    ingress_flow_count: u64,
    #[serde(deserialize_with = "number")]
    egress_flow_count: u64,
    #[serde(deserialize_with = "number")]
    unknown_direction_flow_count: u64,
}

/// A text, or null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// An enumeration's code. A name that is not known is kept, with the code -1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) code: i32,
    pub(crate) name: Option<Cow<'a, str>>,
}

/// The first of a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct First<'a>(pub(crate) Option<Text<'a>>);

/// The first owner of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) kind: Text<'a>,
}

/// Labels, not looked at until someone asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Labels<'a> {
    #[default]
    None,
    Raw(&'a RawValue),
    List(&'a [String]),
}

impl Bare for Record<'_> {
    fn is_flow(&self) -> bool {
        self.verdict.code != 0 || self.ip.is_some() || self.l4.is_some() || self.event_type.is_some()
    }
}

impl<'a> Record<'a> {
    /// The lean view of a message.
    pub(crate) fn of(flow: &'a hubble::Flow) -> Self {
        Self {
            time: flow.time.as_ref().map_or(0, hubble::nanos),
            uuid: text(&flow.uuid),
            verdict: coded(flow.verdict),
            drop_reason: flow.drop_reason,
            drop_reason_desc: coded(flow.drop_reason_desc),
            ip: flow
                .ip
                .as_ref()
                .map(|ip| Addresses { source: text(&ip.source), destination: text(&ip.destination) }),
            l4: flow.l4.as_ref().map(layer4),
            source: flow.source.as_ref().map(end),
            destination: flow.destination.as_ref().map(end),
            node_name: text(&flow.node_name),
            source_names: First(flow.source_names.first().map(|name| text(name))),
            destination_names: First(flow.destination_names.first().map(|name| text(name))),
            l7: flow.l7.as_ref().map(layer7),
            reply: flow.reply,
            is_reply: flow.is_reply,
            event_type: flow.event_type.as_ref().map(|event| Event { kind: event.kind }),
            traffic_direction: coded(flow.traffic_direction),
            egress_denied_by: flow.egress_denied_by.iter().map(policy).collect(),
            ingress_denied_by: flow.ingress_denied_by.iter().map(policy).collect(),
            auth_type: coded(flow.auth_type),
            aggregate: flow.aggregate.as_ref().map(|counts| Aggregate {
                ingress_flow_count: counts.ingress_flow_count,
                egress_flow_count: counts.egress_flow_count,
                unknown_direction_flow_count: counts.unknown_direction_flow_count,
            }),
        }
    }

    /// How many flow events it stands for: an aggregating exporter writes one for many.
    pub(crate) fn weight(&self) -> u64 {
        self.aggregate.map_or(1, |counts| {
            counts
                .ingress_flow_count
                .saturating_add(counts.egress_flow_count)
                .saturating_add(counts.unknown_direction_flow_count)
                .max(1)
        })
    }

    pub(crate) fn event(&self) -> i32 {
        self.event_type.map_or(0, |event| event.kind)
    }

    /// Why it was dropped: the description, or the number of old records.
    pub(crate) fn reason(&self) -> Word<'a> {
        if self.drop_reason_desc.code != 0 || self.drop_reason == 0 {
            return self.drop_reason_desc.clone();
        }
        Word { code: i32::try_from(self.drop_reason).unwrap_or_default(), name: None }
    }
}

fn text(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

fn coded<'a>(code: i32) -> Word<'a> {
    Word { code, name: None }
}

fn end(end: &hubble::Endpoint) -> End<'_> {
    End {
        identity: end.identity,
        namespace: text(&end.namespace),
        pod_name: text(&end.pod_name),
        workloads: end
            .workloads
            .first()
            .map_or_else(Owner::default, |owner| Owner { name: text(&owner.name), kind: text(&owner.kind) }),
        cluster_name: text(&end.cluster_name),
        labels: Labels::List(&end.labels),
    }
}

fn layer4(l4: &hubble::Layer4) -> Layer4 {
    let port = |port: u32| u16::try_from(port).unwrap_or_default();
    let ports = |ports: &hubble::Ports| Ports {
        source_port: port(ports.source_port),
        destination_port: port(ports.destination_port),
        flags: None,
    };
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    let icmp = |icmp: &hubble::Icmp| Icmp { kind: small(icmp.kind), code: small(icmp.code) };
    Layer4 {
        tcp: l4.tcp.as_ref().map(|tcp| Ports {
            source_port: port(tcp.source_port),
            destination_port: port(tcp.destination_port),
            flags: tcp.flags.as_ref().map(|flags| Flags {
                fin: flags.fin,
                syn: flags.syn,
                rst: flags.rst,
                psh: flags.psh,
                ack: flags.ack,
            }),
        }),
        udp: l4.udp.as_ref().map(ports),
        sctp: l4.sctp.as_ref().map(ports),
        icmpv4: l4.icmpv4.as_ref().map(icmp),
        icmpv6: l4.icmpv6.as_ref().map(icmp),
    }
}

fn layer7(l7: &hubble::Layer7) -> Layer7<'_> {
    Layer7 {
        kind: coded(l7.kind),
        latency_ns: l7.latency_ns,
        dns: l7.dns.as_ref().map(|dns| Dns { query: text(&dns.query), rcode: dns.rcode }),
        http: l7.http.as_ref().map(|http| Http {
            code: http.code,
            method: text(&http.method),
            url: text(&http.url),
        }),
    }
}

fn policy(policy: &hubble::Policy) -> Policy<'_> {
    Policy { name: text(&policy.name), namespace: text(&policy.namespace), kind: text(&policy.kind) }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = Text::deserialize(deserializer)?;
    if text.0.is_empty() {
        return Ok(0);
    }
    hubble::parse_nanos(&text.0).ok_or_else(|| D::Error::custom("time is not RFC 3339"))
}

fn word<'de, W: Words, D: Deserializer<'de>>(deserializer: D) -> Result<Word<'de>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Word<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a number")
        }

        fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Word<'de>, E> {
            Ok(Word { code: -1, name: Some(Cow::Borrowed(name)) })
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Word<'de>, E> {
            Ok(Word { code: -1, name: Some(Cow::Owned(name.to_owned())) })
        }

        fn visit_u64<E: Error>(self, code: u64) -> Result<Word<'de>, E> {
            Ok(coded(i32::try_from(code).unwrap_or_default()))
        }

        fn visit_i64<E: Error>(self, code: i64) -> Result<Word<'de>, E> {
            Ok(coded(i32::try_from(code).unwrap_or_default().max(0)))
        }

        fn visit_f64<E: Error>(self, code: f64) -> Result<Word<'de>, E> {
            Ok(coded((code as i32).max(0)))
        }

        fn visit_unit<E: Error>(self) -> Result<Word<'de>, E> {
            Ok(Word::default())
        }
    }
    let word = deserializer.deserialize_any(Either)?;
    let Some(name) = &word.name else { return Ok(word) };
    if name.is_empty() {
        return Ok(Word::default());
    }
    Ok(match W::code(name).or_else(|| name.parse().ok().filter(|code| *code >= 0)) {
        Some(code) => coded(code),
        None => word,
    })
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = First<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First<'de>, A::Error> {
                let first = items.next_element::<Text<'de>>()?;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }

            fn visit_unit<E: Error>(self) -> Result<First<'de>, E> {
                Ok(First(None))
            }
        }
        deserializer.deserialize_any(List)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Owner<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct One<'a> {
            #[serde(borrow)]
            name: Text<'a>,
            #[serde(borrow)]
            kind: Text<'a>,
        }
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Owner<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of owners")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Owner<'de>, A::Error> {
                let first = items.next_element::<One<'de>>()?.unwrap_or_default();
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Owner { name: first.name, kind: first.kind })
            }

            fn visit_unit<E: Error>(self) -> Result<Owner<'de>, E> {
                Ok(Owner::default())
            }
        }
        deserializer.deserialize_any(List)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Self::Raw)
    }
}

impl Labels<'_> {
    /// The reserved identity among the labels, e.g. `world`, where a record has labels but no identity.
    pub(crate) fn reserved(&self) -> Option<i32> {
        let of = |label: &str| words::Identity::code(label.strip_prefix("reserved:")?);
        match self {
            Self::None => None,
            Self::List(labels) => labels.iter().find_map(|label| of(label)),
            Self::Raw(raw) => {
                let labels: Vec<Cow<'_, str>> = serde_json::from_str(raw.get()).ok()?;
                labels.iter().find_map(|label| of(label))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use stethoscope_hubble::file::{Entry, decode};

    const LINE: &str = r#"{"flow":{"time":"2026-01-01T00:00:01Z","uuid":"u","verdict":"DROPPED","drop_reason":133,
        "drop_reason_desc":"POLICY_DENIED","IP":{"source":"10.0.0.1","destination":"10.0.0.2","ipVersion":"IPv4"},
        "l4":{"TCP":{"source_port":40000,"destination_port":8080,"flags":{"SYN":true}}},
        "source":{"ID":1,"identity":1000,"namespace":"a","labels":["k8s:app=x"],"pod_name":"p-1","workloads":[{"name":"p","kind":"Deployment"},{"name":"q"}]},
        "destination":{"identity":2,"labels":["reserved:world"]},"Type":"L3_L4","node_name":"n","event_type":{"type":1,"sub_type":133},
        "traffic_direction":"EGRESS","is_reply":false,"destination_names":["b.example","c.example"],
        "egress_denied_by":[{"name":"deny","namespace":"a","revision":"3"}],"aggregate":{"egress_flow_count":"7"},"Summary":"TCP Flags: SYN"}}"#;

    #[test]
    fn a_line_and_a_message_give_the_same_view() {
        let Entry::Flow { flow: lean, .. } = decode::<Record<'_>>(LINE.as_bytes()).unwrap() else {
            panic!("a flow")
        };
        let Entry::Flow { flow: whole, .. } = decode::<hubble::Flow>(LINE.as_bytes()).unwrap() else {
            panic!("a flow")
        };
        let view = |record: &Record<'_>| format!("{record:?}").split("labels").next().map(str::to_owned);
        assert_eq!(view(&lean), view(&Record::of(&whole)));
        assert_eq!((lean.weight(), lean.reason().code, lean.event()), (7, 133, 1));
        let reserved = |end: &Option<End<'_>>| end.as_ref().and_then(|end| end.labels.reserved());
        assert_eq!(
            (reserved(&lean.destination), reserved(&Record::of(&whole).destination)),
            (Some(2), Some(2))
        );
        assert_eq!(reserved(&lean.source), None);
    }

    #[test]
    fn names_that_nobody_knows_yet_survive() {
        let line = br#"{"flow":{"verdict":"SHREDDED","drop_reason_desc":4711,"l7":null,"workloads":null,"source":{"labels":null,"workloads":null}}}"#;
        let Entry::Flow { flow, .. } = decode::<Record<'_>>(line).unwrap() else { panic!("a flow") };
        assert_eq!((flow.verdict.code, flow.verdict.name.as_deref()), (-1, Some("SHREDDED")));
        assert_eq!(flow.reason(), coded(4711));
    }
}
