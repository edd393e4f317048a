//! Services and what routes to them.

use super::field::{NONE, Printed, int, join, labels, list, scalar, selector_or_none, shortened, text};
use serde_json::{Value, json};

pub(super) fn service(o: Printed<'_>) -> Vec<Value> {
    let first = o.text("/spec/clusterIPs/0");
    let cluster_ip = if first.is_empty() { o.text_or("/spec/clusterIP", NONE) } else { first };
    let ports = join(o.list("/spec/ports").iter().map(|port| {
        let protocol = match text(port, "/protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        match int(port, "/nodePort") {
            0 => format!("{}/{protocol}", int(port, "/port")),
            node => format!("{}:{node}/{protocol}", int(port, "/port")),
        }
    }));
    vec![
        json!(o.name()),
        json!(o.text_or("/spec/type", "ClusterIP")),
        json!(cluster_ip),
        json!(external_ip(o)),
        json!(if ports.is_empty() { NONE } else { &ports }),
        json!(o.age()),
        json!(labels(o.object.pointer("/spec/selector"))),
    ]
}

fn external_ip(o: Printed<'_>) -> String {
    let own = join(o.list("/spec/externalIPs").iter().filter_map(Value::as_str).map(str::to_owned));
    match o.text_or("/spec/type", "ClusterIP") {
        "ClusterIP" | "NodePort" if own.is_empty() => NONE.to_owned(),
        "ClusterIP" | "NodePort" => own,
        "LoadBalancer" => match (load_balancer(o), own) {
            (lb, own) if lb.is_empty() && own.is_empty() => "<pending>".to_owned(),
            (lb, own) if own.is_empty() => lb,
            (lb, own) if lb.is_empty() => own,
            (lb, own) => format!("{lb},{own}"),
        },
        "ExternalName" => o.text("/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Addresses of a load balancer, clipped to 16 letters as in narrow tables.
fn load_balancer(o: Printed<'_>) -> String {
    let mut addresses: Vec<&str> = o
        .list("/status/loadBalancer/ingress")
        .iter()
        .map(|ingress| match text(ingress, "/ip") {
            "" => text(ingress, "/hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let all = addresses.join(",");
    match all.get(..13) {
        Some(start) if all.len() > 16 => format!("{start}..."),
        _ => all,
    }
}

pub(super) fn ingress(o: Printed<'_>) -> Vec<Value> {
    let rules = o.list("/spec/rules");
    let hosts: Vec<String> =
        rules.iter().map(|r| text(r, "/host").to_owned()).filter(|host| !host.is_empty()).collect();
    let hosts = match hosts.as_slice() {
        [] => "*".to_owned(),
        hosts => shortened(hosts, 3),
    };
    vec![
        json!(o.name()),
        json!(o.text_or("/spec/ingressClassName", NONE)),
        json!(hosts),
        json!(load_balancer(o)),
        json!(if o.list("/spec/tls").is_empty() { "80" } else { "80, 443" }),
        json!(o.age()),
    ]
}

pub(super) fn ingress_class(o: Printed<'_>) -> Vec<Value> {
    let parameters = match (o.text("/spec/parameters/kind"), o.text("/spec/parameters/apiGroup")) {
        ("", _) => NONE.to_owned(),
        (kind, "") => format!("{kind}/{}", o.text("/spec/parameters/name")),
        (kind, group) => format!("{kind}.{group}/{}", o.text("/spec/parameters/name")),
    };
    vec![json!(o.name()), json!(o.text("/spec/controller")), json!(parameters), json!(o.age())]
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

pub(super) fn endpoints(o: Printed<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in o.list("/subsets") {
        let addresses = || list(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            // Headless services may have none.
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses().map(|ip| host_port(ip, int(port, "/port"))));
        }
    }
    let shown = if o.list("/subsets").is_empty() { NONE.to_owned() } else { shortened(&all, 3) };
    vec![json!(o.name()), json!(shown), json!(o.age())]
}

pub(super) fn endpoint_slice(o: Printed<'_>) -> Vec<Value> {
    let unset = |all: Vec<String>| match all.as_slice() {
        [] => "<unset>".to_owned(),
        all => shortened(all, 3),
    };
    let ports = o.list("/ports").iter().map(|port| match (port.get("port"), text(port, "/name")) {
        (Some(number), _) if number.is_number() => scalar(Some(number)),
        (_, "") => "*".to_owned(),
        (_, name) => name.to_owned(),
    });
    let addresses = o.list("/endpoints").iter().flat_map(|e| list(e, "/addresses"));
    vec![
        json!(o.name()),
        json!(o.text("/addressType")),
        json!(unset(ports.collect())),
        json!(unset(addresses.filter_map(Value::as_str).map(str::to_owned).collect())),
        json!(o.age()),
    ]
}

pub(super) fn network_policy(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(selector_or_none(o.object.pointer("/spec/podSelector"))), json!(o.age())]
}

pub(super) fn service_cidr(o: Printed<'_>) -> Vec<Value> {
    let cidrs = join(o.list("/spec/cidrs").iter().filter_map(Value::as_str).map(str::to_owned));
    vec![json!(o.name()), json!(cidrs), json!(o.age())]
}

pub(super) fn ip_address(o: Printed<'_>) -> Vec<Value> {
    let parts =
        ["group", "resource", "namespace", "name"].map(|key| o.text(&format!("/spec/parentRef/{key}")));
    let [group, resource, namespace, name] = parts;
    let kind = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let parent =
        [kind.as_str(), namespace, name].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
    vec![json!(o.name()), json!(parent), json!(o.age())]
}
