//! Flow filters, as the server reads them (Cilium `pkg/hubble/filters`): of one filter all set fields must match, of one
//! field any value; of the whitelist any filter, of the blacklist none.

use super::labels::Selector;
use super::pattern::{name_pattern, node_pattern};
use ipnet::IpNet;
use regex::Regex;
use std::net::IpAddr;
use stethoscope_hubble::words::event;
use stethoscope_hubble::{
    Endpoint, EventTypeFilter, Flow, FlowFilter, GetFlowsRequest, Http, Service, TcpFlags, Workload,
};

/// Protocols that the server knows (`filters/protocol.go`). gRPC is none of them.
const PROTOCOLS: [&str; 11] =
    ["icmp", "icmpv4", "icmpv6", "tcp", "udp", "sctp", "vrrp", "igmp", "dns", "http", "kafka"];

/// Whitelist and blacklist of a request.
#[derive(Debug)]
pub(super) struct Filters {
    white: Vec<Filter>,
    black: Vec<Filter>,
}

/// One condition of a filter.
type Check = Box<dyn Fn(&Flow) -> bool + Send + Sync>;

struct Filter {
    checks: Vec<Check>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").field("checks", &self.checks.len()).finish()
    }
}

impl Filters {
    /// Takes a request's filters, or says why nodes would not.
    pub(super) fn new(request: &GetFlowsRequest) -> Result<Self, String> {
        let compile = |filters: &[FlowFilter]| filters.iter().map(Filter::new).collect::<Result<Vec<_>, _>>();
        Ok(Self { white: compile(&request.whitelist)?, black: compile(&request.blacklist)? })
    }

    pub(super) fn pass(&self, flow: &Flow) -> bool {
        (self.white.is_empty() || self.white.iter().any(|filter| filter.matches(flow)))
            && !self.black.iter().any(|filter| filter.matches(flow))
    }
}

/// Collects the conditions of a filter's set fields.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    /// Any of the values, where there are any.
    fn any<T: Send + Sync + 'static>(
        &mut self,
        values: Vec<T>,
        matches: impl Fn(&Flow, &T) -> bool + Send + Sync + 'static,
    ) {
        if !values.is_empty() {
            self.0.push(Box::new(move |flow| values.iter().any(|value| matches(flow, value))));
        }
    }
}

impl Filter {
    fn matches(&self, flow: &Flow) -> bool {
        self.checks.iter().all(|check| check(flow))
    }

    fn new(filter: &FlowFilter) -> Result<Self, String> {
        let mut checks = Checks::default();
        addresses(filter, &mut checks)?;
        ends(filter, &mut checks)?;
        layers(filter, &mut checks)?;
        about(filter, &mut checks)?;
        Ok(Self { checks: checks.0 })
    }
}

fn within(address: Option<&String>, network: &IpNet) -> bool {
    address.and_then(|text| text.parse::<IpAddr>().ok()).is_some_and(|address| network.contains(&address))
}

fn addresses(filter: &FlowFilter, checks: &mut Checks) -> Result<(), String> {
    let networks = |texts: &[String]| -> Result<Vec<IpNet>, String> {
        let read = |text: &String| {
            text.parse::<IpNet>()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
                .ok_or_else(|| format!("invalid IP address or CIDR: {text:?}"))
        };
        texts.iter().map(read).collect()
    };
    checks.any(networks(&filter.source_ip)?, |flow, network| {
        within(flow.ip.as_ref().map(|ip| &ip.source), network)
    });
    checks.any(networks(&filter.destination_ip)?, |flow, network| {
        within(flow.ip.as_ref().map(|ip| &ip.destination), network)
    });
    checks.any(networks(&filter.source_ip_xlated)?, |flow, network| {
        within(flow.ip.as_ref().map(|ip| &ip.source_xlated), network)
    });
    checks.any(filter.ip_version.clone(), |flow, version| {
        flow.ip.as_ref().is_some_and(|ip| ip.version == *version)
    });
    checks.any(filter.encrypted.clone(), |flow, encrypted| {
        flow.ip.as_ref().is_some_and(|ip| ip.encrypted == *encrypted)
    });
    let ports = |texts: &[String]| -> Result<Vec<u32>, String> {
        let read =
            |text: &String| text.parse::<u16>().map(u32::from).map_err(|_| format!("invalid port: {text:?}"));
        texts.iter().map(read).collect()
    };
    checks.any(ports(&filter.source_port)?, |flow, port| {
        port_pair(flow).is_some_and(|(from, _)| from == *port)
    });
    checks.any(ports(&filter.destination_port)?, |flow, port| {
        port_pair(flow).is_some_and(|(_, to)| to == *port)
    });
    Ok(())
}

fn port_pair(flow: &Flow) -> Option<(u32, u32)> {
    let l4 = flow.l4.as_ref()?;
    let tcp = l4.tcp.as_ref().map(|tcp| (tcp.source_port, tcp.destination_port));
    let others = l4.udp.as_ref().or(l4.sctp.as_ref());
    tcp.or_else(|| others.map(|ports| (ports.source_port, ports.destination_port)))
}

/// `namespace/prefix`; without a namespace it is `default`.
#[derive(Debug)]
struct Prefix {
    namespace: String,
    name: String,
}

impl Prefix {
    fn new(text: &str) -> Result<Self, String> {
        let (namespace, name) = text.split_once('/').unwrap_or(("default", text));
        if namespace.is_empty() && name.is_empty() {
            return Err(format!("invalid filter: {text:?} names neither namespace nor name"));
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    fn matches(&self, namespace: &str, name: &str) -> bool {
        // An empty namespace means all.
        (self.namespace.is_empty() || self.namespace == namespace) && name.starts_with(&self.name)
    }
}

fn ends(filter: &FlowFilter, checks: &mut Checks) -> Result<(), String> {
    type End = fn(&Flow) -> Option<&Endpoint>;
    type Names = fn(&Flow) -> &[String];
    type Owner = fn(&Flow) -> Option<&Service>;
    let sides: [(bool, End, Names, Owner); 2] = [
        (true, |flow| flow.source.as_ref(), |flow| &flow.source_names, |flow| flow.source_service.as_ref()),
        (
            false,
            |flow| flow.destination.as_ref(),
            |flow| &flow.destination_names,
            |flow| flow.destination_service.as_ref(),
        ),
    ];
    let prefixes =
        |texts: &[String]| texts.iter().map(|text| Prefix::new(text)).collect::<Result<Vec<_>, _>>();
    for (source, end, names, service) in sides {
        let pick = |one: &Vec<String>, other: &Vec<String>| if source { one.clone() } else { other.clone() };
        let pods = prefixes(&pick(&filter.source_pod, &filter.destination_pod))?;
        checks.any(pods, move |flow, prefix| {
            end(flow).is_some_and(|end| prefix.matches(&end.namespace, &end.pod_name))
        });
        let services = prefixes(&pick(&filter.source_service, &filter.destination_service))?;
        checks.any(services, move |flow, prefix| {
            service(flow).is_some_and(|service| prefix.matches(&service.namespace, &service.name))
        });
        let patterns = pick(&filter.source_fqdn, &filter.destination_fqdn);
        let patterns = patterns.iter().map(|text| name_pattern(text)).collect::<Result<Vec<_>, _>>()?;
        checks.any(patterns, move |flow, pattern| {
            names(flow).iter().any(|name| pattern.is_match(name.trim_end_matches('.')))
        });
        let selectors = pick(&filter.source_label, &filter.destination_label);
        let selectors = selectors.iter().map(|text| Selector::new(text)).collect::<Result<Vec<_>, _>>()?;
        checks
            .any(selectors, move |flow, selector| end(flow).is_some_and(|end| selector.matches(&end.labels)));
        let clusters = pick(&filter.source_cluster_name, &filter.destination_cluster_name);
        checks.any(clusters, move |flow, cluster| end(flow).is_some_and(|end| end.cluster_name == *cluster));
        let owners = if source { &filter.source_workload } else { &filter.destination_workload };
        checks.any(owners.clone(), move |flow, wanted: &Workload| {
            end(flow).is_some_and(|end| {
                end.workloads.iter().any(|owner| {
                    (wanted.name.is_empty() || owner.name == wanted.name)
                        && (wanted.kind.is_empty() || owner.kind == wanted.kind)
                })
            })
        });
        let identities = if source { &filter.source_identity } else { &filter.destination_identity };
        checks.any(identities.clone(), move |flow, identity| {
            end(flow).is_some_and(|end| end.identity == *identity)
        });
    }
    Ok(())
}

fn regexes(texts: &[String]) -> Result<Vec<Regex>, String> {
    let read = |text: &String| Regex::new(text).map_err(|error| format!("failed to compile regexp: {error}"));
    texts.iter().map(read).collect()
}

fn http(flow: &Flow) -> Option<&Http> {
    flow.l7.as_ref()?.http.as_ref()
}

fn layers(filter: &FlowFilter, checks: &mut Checks) -> Result<(), String> {
    let protocols: Vec<String> = filter.protocol.iter().map(|name| name.to_lowercase()).collect();
    if let Some(unknown) = protocols.iter().find(|name| !PROTOCOLS.contains(&name.as_str())) {
        return Err(format!("unknown protocol: {unknown:?}"));
    }
    checks.any(protocols, |flow, name| is_protocol(flow, name));
    let flags = filter.tcp_flags.clone();
    checks.any(flags, |flow, wanted| {
        let tcp = flow.l4.as_ref().and_then(|l4| l4.tcp.as_ref());
        tcp.and_then(|tcp| tcp.flags.as_ref()).is_some_and(|flags| has_flags(flags, wanted))
    });
    for code in &filter.http_status_code {
        let digits = code.strip_suffix('+').unwrap_or(code);
        let right = !digits.is_empty()
            && digits.len() <= 3
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (code.ends_with('+') || digits.len() == 3);
        if !right {
            return Err(format!("invalid http status code prefix: {code:?}"));
        }
    }
    checks.any(filter.http_status_code.clone(), |flow, wanted| {
        http(flow).is_some_and(|http| {
            let code = http.code.to_string();
            // 0 is a request.
            http.code != 0
                && match wanted.strip_suffix('+') {
                    Some(prefix) => code.starts_with(prefix),
                    None => code == *wanted,
                }
        })
    });
    checks.any(filter.http_method.clone(), |flow, method| {
        http(flow).is_some_and(|http| http.method.eq_ignore_ascii_case(method))
    });
    checks.any(regexes(&filter.http_path)?, |flow, pattern| {
        http(flow).is_some_and(|http| pattern.is_match(path(&http.url)))
    });
    checks.any(regexes(&filter.http_url)?, |flow, pattern| {
        http(flow).is_some_and(|http| pattern.is_match(&http.url))
    });
    checks.any(regexes(&filter.dns_query)?, |flow, pattern| {
        let dns = flow.l7.as_ref().and_then(|l7| l7.dns.as_ref());
        dns.is_some_and(|dns| pattern.is_match(&dns.query))
    });
    Ok(())
}

fn path(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    };
    rest.split(['?', '#']).next().unwrap_or_default()
}

fn is_protocol(flow: &Flow, name: &str) -> bool {
    let l4 = flow.l4.as_ref();
    let l7 = flow.l7.as_ref();
    match name {
        "tcp" => l4.is_some_and(|l4| l4.tcp.is_some()),
        "udp" => l4.is_some_and(|l4| l4.udp.is_some()),
        "sctp" => l4.is_some_and(|l4| l4.sctp.is_some()),
        "icmp" => l4.is_some_and(|l4| l4.icmpv4.is_some() || l4.icmpv6.is_some()),
        "icmpv4" => l4.is_some_and(|l4| l4.icmpv4.is_some()),
        "icmpv6" => l4.is_some_and(|l4| l4.icmpv6.is_some()),
        "dns" => l7.is_some_and(|l7| l7.dns.is_some()),
        "http" => l7.is_some_and(|l7| l7.http.is_some()),
        "kafka" => l7.is_some_and(|l7| l7.kafka.is_some()),
        // VRRP and IGMP are not recorded.
        _ => false,
    }
}

/// Whether all wanted flags are set.
fn has_flags(flags: &TcpFlags, wanted: &TcpFlags) -> bool {
    let list = |flags: &TcpFlags| {
        [flags.fin, flags.syn, flags.rst, flags.psh, flags.ack, flags.urg, flags.ece, flags.cwr, flags.ns]
    };
    list(wanted).iter().zip(list(flags)).all(|(wanted, set)| !wanted || set)
}

fn about(filter: &FlowFilter, checks: &mut Checks) -> Result<(), String> {
    checks.any(filter.verdict.clone(), |flow, verdict| flow.verdict == *verdict);
    checks.any(filter.drop_reason_desc.clone(), |flow, reason| flow.drop_reason_desc == *reason);
    checks.any(filter.traffic_direction.clone(), |flow, direction| flow.traffic_direction == *direction);
    checks.any(filter.event_type.clone(), |flow, wanted: &EventTypeFilter| {
        // What has no type is an access log of old.
        let (kind, sub_kind) =
            flow.event_type.as_ref().map_or((event::L7, 0), |event| (event.kind, event.sub_kind));
        kind == wanted.kind && (!wanted.match_sub_kind || sub_kind == wanted.sub_kind)
    });
    // Where it is not known, it is neither.
    checks.any(filter.reply.clone(), |flow, reply| flow.is_reply == Some(*reply));
    let nodes = filter.node_name.iter().map(|text| node_pattern(text)).collect::<Result<Vec<_>, _>>()?;
    checks.any(nodes, |flow, pattern| {
        let name = &flow.node_name;
        if name.contains('/') { pattern.is_match(name) } else { pattern.is_match(&format!("default/{name}")) }
    });
    checks.any(filter.uuid.clone(), |flow, uuid| flow.uuid == *uuid);
    checks.any(filter.trace_id.clone(), |flow, wanted| {
        let parent = flow.trace_context.as_ref().and_then(|context| context.parent.as_ref());
        parent.is_some_and(|parent| parent.trace_id == *wanted)
    });
    Ok(())
}
