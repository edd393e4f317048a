//! Addresses in environment variables: who calls whom, and which address leads nowhere.

use crate::draft::{Draft, Felt, absence, field, log, some_pods};
use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::snapshot::{Kind, Pod, PodSpec, Service};
use crate::world::{World, reference};
use std::collections::BTreeSet;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::Severity;
use stethoscope_core::object::ObjectRef;

const ADDRESS: CauseCode = CauseCode::new("service.address-mismatch");
const DATABASE_PORT: CauseCode = CauseCode::new("database.wrong-port");
const SWAPPED: CauseCode = CauseCode::new("service.address-of-another");
const MISSING: CauseCode = CauseCode::new("service.missing");

/// An address found in a container's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) container: String,
    /// The variable, or the host's variable of a host and port pair.
    pub(crate) variable: String,
    /// The variable that holds the port, when it is another one.
    pub(crate) port_variable: Option<String>,
    pub(crate) text: String,
    pub(crate) host: String,
    pub(crate) namespace: Option<String>,
    pub(crate) port: Option<i64>,
}

/// Variables whose value names a host of the cluster.
pub(crate) fn addresses(spec: &PodSpec) -> Vec<Address> {
    let mut all = Vec::new();
    for container in spec.all_containers() {
        let value =
            |name: &str| container.env.iter().find(|it| it.name == name).and_then(|it| it.value.as_deref());
        for variable in &container.env {
            let Some(text) = variable.value.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
                continue;
            };
            let Some((host, port)) = parse(text, &variable.name) else { continue };
            let (port, port_variable) = match port {
                Some(port) => (Some(port), None),
                None => port_beside(&variable.name, value),
            };
            let (host, namespace) = in_cluster(&host);
            all.push(Address {
                container: container.name.clone(),
                variable: variable.name.clone(),
                port_variable,
                text: text.to_owned(),
                host,
                namespace,
                port,
            });
        }
    }
    all
}

/// Names of variables that hold an address or its host.
const HOST_NAMES: &[&str] = &["HOST", "ADDR", "ADDRESS", "URL", "URI", "ENDPOINT", "SERVER", "SERVICE"];

/// `X_HOST` with `X_PORT`.
fn port_beside<'v>(name: &str, value: impl Fn(&str) -> Option<&'v str>) -> (Option<i64>, Option<String>) {
    for suffix in HOST_NAMES {
        if let Some(stem) = name.strip_suffix(suffix) {
            let other = format!("{stem}PORT");
            if let Some(port) = value(&other).and_then(|text| text.trim().parse().ok()) {
                return (Some(port), Some(other));
            }
        }
    }
    (None, None)
}

/// `host:port`, `scheme://[user@]host[:port]/…`, or a bare host in a variable named for one.
fn parse(text: &str, variable: &str) -> Option<(String, Option<i64>)> {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', ',']).next()?;
        let authority = authority.rsplit('@').next()?;
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, port.parse().ok()));
        return is_host(host).then(|| (host.to_owned(), port));
    }
    if let Some((host, rest)) = text.split_once(':') {
        let digits = rest.split(['/', ',']).next()?;
        let port: i64 = digits.parse().ok()?;
        return (is_host(host) && (1..=65535).contains(&port)).then(|| (host.to_owned(), Some(port)));
    }
    let upper = variable.to_ascii_uppercase();
    let named = HOST_NAMES.iter().take(3).any(|suffix| upper.ends_with(suffix));
    (named && is_host(text)).then(|| (text.to_owned(), None))
}

/// A DNS name, not an address and not the pod itself.
fn is_host(host: &str) -> bool {
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    !matches!(host, "localhost" | "")
        && host.split('.').all(label)
        && host.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// `name`, `name.namespace`, `name.namespace.svc…` as (name, namespace); other names keep their dots.
fn in_cluster(host: &str) -> (String, Option<String>) {
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        [name, namespace] => ((*name).to_owned(), Some((*namespace).to_owned())),
        [name, namespace, "svc", ..] => ((*name).to_owned(), Some((*namespace).to_owned())),
        _ => (host.to_owned(), None),
    }
}

/// The Services a pod is told to call, and those that its logs blame.
pub(crate) fn callees(world: &World<'_>, pod: &Pod) -> Vec<ObjectRef> {
    let mut all = told_to_call(world, pod);
    all.extend(super::targets::blamed_in_logs(world, pod));
    all.into_iter().collect()
}

/// The Services that the pod's environment names.
pub(super) fn told_to_call(world: &World<'_>, pod: &Pod) -> BTreeSet<ObjectRef> {
    let named = |address: Address| {
        let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
        world.service(namespace, &address.host).map(|service| reference("Service", &service.metadata))
    };
    addresses(&pod.spec).into_iter().filter_map(named).collect()
}

/// Whether the pod is told to call any Service.
pub(crate) fn calls_any(world: &World<'_>, pod: &Pod) -> bool {
    addresses(&pod.spec).iter().any(|address| {
        let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
        address.port.is_some() || world.service(namespace, &address.host).is_some()
    })
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    if world.snapshot.services.is_empty() {
        return;
    }
    for workload in &world.workloads {
        if workload.wanted == 0 {
            continue;
        }
        let root = workload.reference();
        let pods = world.pods_of(&root);
        found.extend(lone_database_port(world, &root, &workload.template.spec));
        for address in addresses(&workload.template.spec) {
            let home = workload.meta.namespace.as_str();
            let namespace = address.namespace.as_deref().unwrap_or(home);
            let draft = match world.service(namespace, &address.host) {
                Some(service) => wrong_port(world, &root, &address, service)
                    .or_else(|| another_service(world, &root, &address, service)),
                None if address.host.contains('.') => None,
                None if namespace != home && world.service(home, &address.host).is_none() => None,
                None if world.snapshot.has_gap(Kind::Service, namespace) => None,
                None => Some(unknown_host(world, &root, &address, namespace, pods)),
            };
            found.extend(draft.map(|draft| {
                let healthy = !workload.short();
                draft
                    .affects(some_pods(pods))
                    .param("variable", &address.variable)
                    .param("container", &address.container)
                    .felt_if(healthy)
            }));
        }
    }
}

impl Draft {
    /// Keeps background what is background, and says whether the caller itself shows it.
    fn felt_if(self, healthy: bool) -> Self {
        let felt = if self.felt == Felt::Nowhere {
            Felt::Nowhere
        } else if healthy {
            Felt::Silently
        } else {
            Felt::Visibly
        };
        self.felt(felt)
    }
}

/// The variable is named after one Service and holds the address of another: `CART_ADDR=orders:80` beside a Service
/// `cart`.
fn another_service(world: &World<'_>, root: &ObjectRef, address: &Address, named: &Service) -> Option<Draft> {
    let stem = stem(&address.variable)?;
    let host = plain(&address.host);
    let ways = [stem.clone(), format!("{stem}service"), format!("{stem}svc")];
    let is = |name: &str| ways.contains(&plain(name));
    if host.contains(&stem) || is(&named.metadata.name) {
        return None;
    }
    let home = root.namespace.as_deref().unwrap_or_default();
    let meant = world.services_in(home).iter().find(|service| is(&service.metadata.name))?;
    let (name, other) = (&meant.metadata.name, &named.metadata.name);
    let port = meant.spec.ports.first().map_or(0, |port| port.port);
    let statement =
        format!("the variable {} of {root} leads to Service {other} instead of {name}", address.variable);
    Some(
        Draft::new(SWAPPED, root.clone(), 0.85, statement)
            .proof(field(root, &variable_path(address, &address.variable), &address.text))
            .proof(field(&reference("Service", &meant.metadata), "metadata.name", name))
            .param("value", format!("{name}:{port}")),
    )
}

/// What a variable is named after: `PRODUCT_CATALOG_SERVICE_ADDR` is about `productcatalog`.
fn stem(variable: &str) -> Option<String> {
    let mut rest = variable.to_ascii_uppercase();
    for suffix in ["_ADDR", "_ADDRESS", "_HOST", "_URL", "_URI", "_ENDPOINT", "_SERVER"] {
        if let Some(shorter) = rest.strip_suffix(suffix) {
            rest = shorter.to_owned();
            break;
        }
    }
    let stem = plain(rest.strip_suffix("_SERVICE").unwrap_or(&rest));
    (stem.len() >= 4 && rest.len() < variable.len()).then_some(stem)
}

/// Letters and digits only, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Ports that databases listen on, so that a wrong one is told as such.
pub(super) const DATABASE_PORTS: &[i64] = &[3306, 33060, 5432, 1433, 1521, 27017];

fn wrong_port(world: &World<'_>, root: &ObjectRef, address: &Address, service: &Service) -> Option<Draft> {
    let port = address.port?;
    let ports: Vec<i64> = service.spec.ports.iter().map(|it| it.port).collect();
    if ports.is_empty() || ports.contains(&port) || service.spec.kind.as_deref() == Some("ExternalName") {
        return None;
    }
    // Callers of a headless Service reach the pods themselves, on any port that these open.
    let headless = service.spec.cluster_ip.as_deref() == Some("None");
    let pods = world.selected(&service.metadata.namespace, &service.spec.selector);
    let opened = pods
        .iter()
        .flat_map(|pod| &pod.spec.containers)
        .flat_map(|container| &container.ports)
        .any(|it| it.container_port == port);
    if headless && opened {
        return None;
    }
    let on = reference("Service", &service.metadata);
    let offered = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let cause = if ports.iter().any(|port| DATABASE_PORTS.contains(port)) { DATABASE_PORT } else { ADDRESS };
    let statement = format!(
        "{root} calls {} on port {port}, the Service offers {offered} (variable {})",
        address.host,
        address.port_variable.as_deref().unwrap_or(&address.variable)
    );
    let variable = address.port_variable.as_deref().unwrap_or(&address.variable);
    let value = if address.port_variable.is_some() { port.to_string() } else { address.text.clone() };
    Some(
        Draft::new(cause, root.clone(), 0.93, statement)
            .proof(field(root, &variable_path(address, variable), value))
            .proof(field(&on, "spec.ports.port", &offered))
            .param("value", address.text.replace(&format!(":{port}"), &format!(":{}", ports[0])))
            .param("right", ports[0].to_string()),
    )
}

fn variable_path(address: &Address, variable: &str) -> String {
    format!("spec.template.spec.containers[{}].env[{variable}]", address.container)
}

/// A variable named for a database's port, whose host is not in sight, with a number that no Service of the namespace
/// offers though one offers a database's port.
fn lone_database_port(world: &World<'_>, root: &ObjectRef, spec: &PodSpec) -> Option<Draft> {
    const DATABASES: &[&str] =
        &["MYSQL", "MARIADB", "POSTGRES", "POSTGRESQL", "PG", "MONGO", "MONGODB", "DB", "DATABASE"];
    let home = root.namespace.as_deref().unwrap_or_default();
    let offered =
        || world.services_in(home).iter().flat_map(|service| &service.spec.ports).map(|port| port.port);
    let right = offered().find(|port| DATABASE_PORTS.contains(port))?;
    let paired: BTreeSet<String> =
        addresses(spec).into_iter().filter_map(|address| address.port_variable).collect();
    for container in spec.all_containers() {
        for variable in &container.env {
            let upper = variable.name.to_ascii_uppercase();
            let Some(stem) = upper.strip_suffix("_PORT") else { continue };
            let Some(port) = variable.value.as_deref().and_then(|text| text.trim().parse::<i64>().ok())
            else {
                continue;
            };
            let about_database = stem.split('_').any(|word| DATABASES.contains(&word));
            let opens = container.ports.iter().any(|it| it.container_port == port);
            if about_database && !opens && !paired.contains(&variable.name) && offered().all(|it| it != port)
            {
                let path =
                    format!("spec.template.spec.containers[{}].env[{}]", container.name, variable.name);
                let statement = format!(
                    "{root} is told to use database port {port} (variable {}), which no Service of namespace {home} offers; one offers {right}",
                    variable.name
                );
                return Some(
                    Draft::new(DATABASE_PORT, root.clone(), 0.8, statement)
                        .proof(field(root, &path, port))
                        .proof(absence(root, format!("no Service in namespace {home} offers port {port}")))
                        .param("variable", variable.name.as_str())
                        .param("right", right.to_string()),
                );
            }
        }
    }
    None
}

/// The host is no Service: a typing error where a Service of nearly that name and port is there, or a Service that was
/// never made.
fn unknown_host(
    world: &World<'_>,
    root: &ObjectRef,
    address: &Address,
    namespace: &str,
    pods: &[&Pod],
) -> Draft {
    let at_variable = variable_path(address, &address.variable);
    let absent = absence(
        &ObjectRef::namespaced("Service", namespace, &address.host),
        format!("no Service {} in namespace {namespace}", address.host),
    );
    let home = root.namespace.as_deref().unwrap_or_default();
    if namespace != home {
        let statement = format!(
            "{root} calls {} in namespace {namespace}, the Service is in {home} (variable {})",
            address.host, address.variable
        );
        return Draft::new(ADDRESS, root.clone(), 0.88, statement)
            .proof(field(root, &at_variable, &address.text))
            .proof(absent)
            .param(
                "value",
                address.text.replacen(
                    &format!("{}.{namespace}", address.host),
                    &format!("{}.{home}", address.host),
                    1,
                ),
            );
    }
    let near = world.services_in(namespace).iter().find(|service| {
        let name = service.metadata.name.as_str();
        let same_port = address.port.is_none_or(|port| service.spec.ports.iter().any(|it| it.port == port));
        same_port && alike(name, &address.host)
    });
    let complaint = complaint(world, pods, &address.host);
    let told = complaint.is_some();
    if let Some(near) = near {
        // The Service it nearly names is meant only if nothing else of this workload names it already.
        let name = &near.metadata.name;
        let statement = format!(
            "{root} calls the host {}, which does not exist; the Service is called {name} (variable {})",
            address.host, address.variable
        );
        return Draft::new(ADDRESS, root.clone(), if told { 0.96 } else { 0.92 }, statement)
            .proof(field(root, &at_variable, &address.text))
            .proof(absent)
            .proofs(complaint)
            .proof(field(&reference("Service", &near.metadata), "metadata.name", name))
            .param("value", address.text.replace(&address.host, name));
    }
    let owner = world.workloads_in(namespace).iter().find(|workload| workload.meta.name == address.host);
    let mut draft = if let Some(owner) = owner {
        let statement = format!(
            "no Service {} exists, though {} runs and {root} calls it",
            address.host,
            owner.reference()
        );
        let opened = owner.template.spec.containers.iter().flat_map(|container| &container.ports).next();
        let mut draft = Draft::new(MISSING, owner.reference(), 0.88, statement)
            .affects([root.clone()])
            .param("service", &address.host);
        if let Some(port) = address.port {
            draft = draft.param("port", port.to_string());
        }
        if let Some(opened) = opened {
            draft = draft.param("target", opened.container_port.to_string());
        }
        draft
    } else {
        // Optional integrations are often configured and never installed: tell it, quietly, unless a log complains.
        let statement = format!("{root} is told to call {}, and no such Service exists", address.host);
        let draft = Draft::new(ADDRESS, root.clone(), if told { 0.8 } else { 0.2 }, statement);
        if told { draft } else { draft.severity(Severity::Info).felt(Felt::Nowhere) }
    };
    draft = draft.proof(field(root, &at_variable, &address.text)).proof(absent).proofs(complaint);
    draft
}

/// A log line of the caller that says the host does not resolve or answer.
fn complaint(world: &World<'_>, pods: &[&Pod], host: &str) -> Option<stethoscope_core::finding::Proof> {
    for pod in pods {
        for container in &pod.spec.containers {
            for run in [Run::Current, Run::Previous] {
                let Some(text) = world.log(pod, &container.name, run) else { continue };
                let line = text.lines().rev().find(|line| {
                    matches!(signatures::of(line), Some(Signature::NameUnresolved | Signature::Unreachable))
                        && signatures::mentions(line, host)
                });
                if let Some(line) = line {
                    return Some(log(pod, &container.name, run, line));
                }
            }
        }
    }
    None
}

/// Whether one name is the other with a small slip: a letter or two, or a part added or missing at the end.
fn alike(service: &str, host: &str) -> bool {
    let longest = service.len().max(host.len());
    let slips = distance(service, host);
    slips <= 2 && longest >= 5
        || (host.strip_prefix(service).is_some_and(|rest| rest.starts_with('-')) && service.len() >= 4)
        || (service.strip_prefix(host).is_some_and(|rest| rest.starts_with('-')) && host.len() >= 4)
}

/// Levenshtein distance; names are at most 63 bytes.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn reads_hosts_and_ports_from_the_customary_forms() {
        let cases = [
            ("CART_ADDR", "cart:7070", Some(("cart".to_owned(), Some(7070)))),
            ("DB_URL", "jdbc:mysql://orders-db:3306/orders", Some(("orders-db".to_owned(), Some(3306)))),
            (
                "CACHE",
                "redis://user:x@cache.shop.svc:6379/0",
                Some(("cache.shop.svc".to_owned(), Some(6379))),
            ),
            ("DB_HOST", "orders-db", Some(("orders-db".to_owned(), None))),
            ("MODE", "production", None),
            ("LISTEN", "0.0.0.0:8080", None),
            ("TIME", "12:30", None),
        ];
        for (name, text, expected) in cases {
            assert_eq!(parse(text, name), expected, "{name}={text}");
        }
    }

    #[test]
    fn a_slip_is_alike_and_another_service_is_not() {
        assert!(alike("catalog", "catalogs"));
        assert!(alike("cart-redis", "cart-redis-invalid"));
        assert!(!alike("cart", "card-payments"));
        assert!(!alike("orders", "payments"));
    }
}
