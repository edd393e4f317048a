//! What callers' logs say about the services they call: databases that refuse, names that do not resolve, callees that
//! do not answer.

use super::addresses::{Address, DATABASE_PORTS, addresses};
use crate::draft::{Draft, field, log};
use crate::logs::Run;
use crate::logs::signatures::{self, Signature};
use crate::snapshot::{Pod, PodSpec};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const CREDENTIALS: CauseCode = CauseCode::new("database.credentials-refused");
const CONNECTIONS: CauseCode = CauseCode::new("database.connections-exhausted");
const READ_ONLY: CauseCode = CauseCode::new("database.read-only");
const RESOLUTION: CauseCode = CauseCode::new("dns.resolution-failing");
const CLUSTER_DNS: CauseCode = CauseCode::new("dns.cluster-dns-down");
const POD_DNS: CauseCode = CauseCode::new("dns.pod-resolver-wrong");
const UNREACHABLE: CauseCode = CauseCode::new("app.dependency-unreachable");
const CERTIFICATE: CauseCode = CauseCode::new("app.tls-failing");

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    found.extend(cluster_dns_down(world));
    for (workload, pods) in world.groups() {
        let mut seen = Vec::new();
        for pod in pods.iter().filter(|pod| !pod.finished() && !pod.terminating()) {
            for draft in complaints(world, workload, pod) {
                if !seen.contains(&draft.finding.cause) {
                    seen.push(draft.finding.cause.clone());
                    found.push(draft);
                }
            }
        }
        if let Some(pod) = pods.iter().find(|pod| !pod.finished())
            && let Some(draft) = wrong_resolver(world, workload, pod)
        {
            found.push(draft);
        }
    }
}

fn complaints(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let called = addresses(&pod.spec);
    for container in &pod.spec.containers {
        for run in [Run::Current, Run::Previous] {
            let Some(text) = world.log(pod, &container.name, run) else { continue };
            for (signature, line) in signatures::newest(text) {
                if let Some(draft) = explain(world, workload, pod, &called, signature, line) {
                    drafts.push(
                        draft
                            .proof(log(pod, &container.name, run, line))
                            .param("container", container.name.as_str())
                            .affects([reference("Pod", &pod.metadata)]),
                    );
                }
            }
        }
    }
    drafts
}

/// The Service a line is about: named in it, or its ClusterIP is.
fn callee<'c>(
    world: &World<'_>,
    pod: &Pod,
    called: &'c [Address],
    line: &str,
) -> Option<(&'c Address, ObjectRef)> {
    called.iter().find_map(|address| {
        let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
        let service = world.service(namespace, &address.host)?;
        let by_ip = service
            .spec
            .cluster_ip
            .as_deref()
            .is_some_and(|ip| ip != "None" && signatures::mentions(line, ip));
        (by_ip || signatures::mentions(line, &address.host))
            .then(|| (address, reference("Service", &service.metadata)))
    })
}

fn explain(
    world: &World<'_>,
    workload: &ObjectRef,
    pod: &Pod,
    called: &[Address],
    signature: Signature,
    line: &str,
) -> Option<Draft> {
    let target = callee(world, pod, called, line);
    let database = if serves_database(&pod.spec) {
        Some(workload.clone())
    } else {
        let named = target.as_ref().map(|(_, service)| service.clone());
        named.or_else(|| only_database(world, pod, called)).or_else(|| sole_database(world, pod))
    };
    let on = |service: &ObjectRef| database_workload(world, service).unwrap_or_else(|| service.clone());
    Some(match signature {
        // A server that logs whom it refused is not at fault.
        Signature::CredentialsRefused if serves_database(&pod.spec) => return None,
        Signature::CredentialsRefused => {
            let mut draft = Draft::new(
                CREDENTIALS,
                workload.clone(),
                0.92,
                format!("the database refuses the credentials of {workload}"),
            );
            for container in &pod.spec.containers {
                for variable in &container.env {
                    let upper = variable.name.to_ascii_uppercase();
                    if upper.contains("USER")
                        && let Some(value) = &variable.value
                    {
                        draft = draft.proof(field(
                            workload,
                            &format!(
                                "spec.template.spec.containers[{}].env[{}]",
                                container.name, variable.name
                            ),
                            value,
                        ));
                    }
                }
            }
            draft.affects(database)
        }
        Signature::ConnectionsExhausted => {
            let subject = database.as_ref().map_or_else(|| workload.clone(), on);
            Draft::new(
                CONNECTIONS,
                subject,
                0.9,
                format!("the database that {workload} uses accepts no more connections"),
            )
            .affects([workload.clone()])
        }
        Signature::ReadOnlyDatabase => {
            let subject = database.as_ref().map_or_else(|| workload.clone(), on);
            Draft::new(
                READ_ONLY,
                subject,
                0.92,
                format!("the database that {workload} writes to is read-only"),
            )
            .affects([workload.clone()])
        }
        Signature::NameUnresolved => {
            let (address, service) = target?;
            // The Service is there and yet its name does not resolve: that is DNS, of the pod or of the cluster.
            Draft::new(
                RESOLUTION,
                workload.clone(),
                0.75,
                format!("{workload} can't resolve {}, though the Service exists", address.host),
            )
            .through([service])
            .through(cluster_dns(world).map(crate::world::Workload::reference))
        }
        Signature::Unreachable => {
            let (address, service) = target?;
            Draft::new(
                UNREACHABLE,
                workload.clone(),
                0.45,
                format!("{workload} can't reach {}", address.host),
            )
            .through([service])
        }
        Signature::Tls => {
            Draft::new(CERTIFICATE, workload.clone(), 0.6, format!("TLS between {workload} and a peer fails"))
        }
        // The container's own end tells these.
        Signature::AddressInUse | Signature::OutOfMemory | Signature::DiskFull => return None,
    })
}

/// The one database a pod is told to use.
fn only_database(world: &World<'_>, pod: &Pod, called: &[Address]) -> Option<ObjectRef> {
    let mut databases = called.iter().filter_map(|address| {
        let database = matches!(address.port, Some(3306 | 5432 | 1433 | 1521 | 27017))
            || ["mysql", "postgres", "mariadb"]
                .iter()
                .any(|kind| address.variable.to_ascii_lowercase().contains(kind));
        let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
        let service = world.service(namespace, &address.host).filter(|_| database)?;
        Some(reference("Service", &service.metadata))
    });
    let first = databases.next()?;
    databases.all(|other| other == first).then_some(first)
}

/// Whether one of the containers declares a database's port.
fn serves_database(spec: &PodSpec) -> bool {
    let ports = || spec.containers.iter().flat_map(|container| &container.ports);
    ports().any(|port| DATABASE_PORTS.contains(&port.container_port))
}

/// The one workload of the namespace that serves a database.
fn sole_database(world: &World<'_>, pod: &Pod) -> Option<ObjectRef> {
    let mut all =
        world.workloads_in(&pod.metadata.namespace).iter().filter(|it| serves_database(&it.template.spec));
    let first = all.next()?;
    all.next().is_none().then(|| first.reference())
}

/// The workload behind a Service.
fn database_workload(world: &World<'_>, service: &ObjectRef) -> Option<ObjectRef> {
    let service = Some(service).filter(|it| it.kind == "Service")?;
    let service = world.service(service.namespace.as_deref()?, &service.name)?;
    let pods = world.selected(&service.metadata.namespace, &service.spec.selector);
    pods.first().map(|pod| world.root(pod))
}

/// Workloads of the cluster's DNS, by upstream's label.
fn cluster_dns<'w, 'a>(world: &'w World<'a>) -> impl Iterator<Item = &'w crate::world::Workload<'a>> {
    world.workloads.iter().filter(|it| {
        it.meta.namespace == "kube-system" && it.template.metadata.labels.text("k8s-app") == Some("kube-dns")
    })
}

/// The cluster's DNS has no ready pod: no Service is found by name.
fn cluster_dns_down(world: &World<'_>) -> Option<Draft> {
    let down = cluster_dns(world).find(|workload| workload.ready == 0)?;
    if cluster_dns(world).any(|workload| workload.ready > 0) {
        return None;
    }
    let root = down.reference();
    Some(
        Draft::new(CLUSTER_DNS, root.clone(), 0.9, format!("the cluster's DNS ({root}) has no ready pod"))
            .proof(field(&root, "status.readyReplicas", 0))
            .proof(field(&root, "spec.replicas", down.wanted)),
    )
}

/// A pod that calls Services by name but does not ask the cluster's DNS.
fn wrong_resolver(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Option<Draft> {
    let policy = pod.spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let callees = super::addresses::callees(world, pod);
    if callees.is_empty() {
        return None;
    }
    let servers =
        pod.spec.dns_config.as_ref().map(|config| config.nameservers.join(", ")).unwrap_or_default();
    let wrong = match policy {
        "Default" => true,
        "None" => elsewhere(world, &servers),
        "ClusterFirst" => pod.spec.host_network,
        _ => false,
    };
    if !wrong {
        return None;
    }
    let at = reference("Pod", &pod.metadata);
    let statement = format!(
        "pods of {workload} call Services by name, but their dnsPolicy {policy} does not ask the cluster's DNS"
    );
    let mut draft = Draft::new(POD_DNS, workload.clone(), 0.85, statement)
        .proof(field(&at, "spec.dnsPolicy", policy))
        .affects([at.clone()])
        .since(pod.metadata.creation_timestamp);
    if !servers.is_empty() {
        draft = draft.proof(field(&at, "spec.dnsConfig.nameservers", servers));
    }
    Some(draft)
}

/// Whether the resolvers are known not to be the cluster's.
fn elsewhere(world: &World<'_>, servers: &str) -> bool {
    let cluster_dns: Vec<&str> = world
        .snapshot
        .services
        .iter()
        .filter(|service| service.spec.ports.iter().any(|port| port.port == 53))
        .filter_map(|service| service.spec.cluster_ip.as_deref())
        .collect();
    !cluster_dns.is_empty() && !cluster_dns.iter().any(|ip| servers.contains(ip))
}
