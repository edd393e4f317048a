//! What callers' logs say about the services they call: databases that refuse, names that do not resolve, callees that
//! do not answer.

use super::addresses::{Address, DATABASE_PORTS, addresses};
use crate::draft::{Draft, field, log};
use crate::logs::signatures::{self, Signature};
use crate::logs::{Run, moment};
use crate::services::targets;
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
const FAILING: CauseCode = CauseCode::new("app.dependency-failing");
const SCHEMA: CauseCode = CauseCode::new("database.schema-behind");
const MIGRATION_LOCK: CauseCode = CauseCode::new("database.migration-locked");
const TOPIC: CauseCode = CauseCode::new("messaging.topic-missing");
const NO_LEADER: CauseCode = CauseCode::new("messaging.no-leader");

/// A running process that complains fewer times than this, or not among its last lines, has got over it.
const OFTEN: usize = 3;
/// Seconds that a log goes on without a complaint after which it is over.
const OVER: i64 = 600;
/// Last lines of a log.
const LATELY: usize = 30;

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
    for container in pod.spec.all_containers() {
        for run in [Run::Current, Run::Previous] {
            let Some(text) = world.log(pod, &container.name, run) else { continue };
            for (signature, line) in signatures::newest(text) {
                if in_passing(pod, text, signature, line) {
                    continue;
                }
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

/// Whether a process that is ready has got over what it complained of: the log went on without it, or it is a
/// complaint of the kind that comes and goes.
fn in_passing(pod: &Pod, text: &str, signature: Signature, line: &str) -> bool {
    if !pod.ready() {
        return false;
    }
    let passing = matches!(
        signature,
        Signature::NoLeader
            | Signature::TopicMissing
            | Signature::SchemaBehind
            | Signature::MigrationLocked
            | Signature::Reset
            | Signature::PeerFails
            | Signature::CredentialsRefused
            | Signature::ConnectionsExhausted
            | Signature::ReadOnlyDatabase
            | Signature::Tls
    );
    if !passing {
        return long_over(text, line);
    }
    let says = |line: &&str| signatures::of(line) == Some(signature);
    let lately = text.lines().rev().take(LATELY).any(|line| says(&line));
    !lately || text.lines().filter(says).count() < OFTEN || long_over(text, line)
}

/// Whether the log goes on for long after its newest complaint.
fn long_over(text: &str, complaint: &str) -> bool {
    let newest = text.lines().rev().find_map(moment::of);
    let told = moment::of(complaint);
    newest.zip(told).is_some_and(|(newest, told)| newest.as_second() - told.as_second() > OVER)
}

/// The Service a line is about: named in it, or its ClusterIP is, or the client names its address.
fn callee(world: &World<'_>, pod: &Pod, called: &[Address], line: &str) -> Option<(String, ObjectRef)> {
    let told = called.iter().find_map(|address| {
        let namespace = address.namespace.as_deref().unwrap_or(&pod.metadata.namespace);
        let service = world.service(namespace, &address.host)?;
        let by_ip = service
            .spec
            .cluster_ip
            .as_deref()
            .is_some_and(|ip| ip != "None" && signatures::mentions(line, ip));
        (by_ip || signatures::mentions(line, &address.host))
            .then(|| (address.host.clone(), reference("Service", &service.metadata)))
    });
    told.or_else(|| targets::blamed(world, pod, line).map(|it| (it.host, it.service)))
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
            // Whose refusal it is shows only where the database is known: users of the program are refused too.
            let confidence = if database.is_some() { 0.92 } else { 0.4 };
            let mut draft = Draft::new(
                CREDENTIALS,
                workload.clone(),
                confidence,
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
            let (host, service) = target?;
            // The Service is there and yet its name does not resolve: that is DNS, of the pod or of the cluster.
            Draft::new(
                RESOLUTION,
                workload.clone(),
                0.75,
                format!("{workload} can't resolve {host}, though the Service exists"),
            )
            .through([service])
            .through(cluster_dns(world).map(crate::world::Workload::reference))
        }
        Signature::Unreachable => {
            let (host, service) = target?;
            Draft::new(UNREACHABLE, workload.clone(), 0.45, format!("{workload} can't reach {host}"))
                .through([service])
        }
        Signature::Tls => {
            Draft::new(CERTIFICATE, workload.clone(), 0.6, format!("TLS between {workload} and a peer fails"))
        }
        Signature::Reset | Signature::PeerFails | Signature::Overloaded => {
            let (host, service) = target?;
            let statement = format!("{workload} gets errors from {host}");
            Draft::new(FAILING, workload.clone(), 0.4, statement).through([service])
        }
        Signature::SchemaBehind if serves_database(&pod.spec) => return None,
        Signature::SchemaBehind => {
            let statement =
                format!("the database that {workload} uses lacks tables or columns that the program expects");
            Draft::new(SCHEMA, workload.clone(), 0.88, statement).affects(database)
        }
        Signature::MigrationLocked => {
            let statement = format!("a migration of {workload} waits for a lock that another one holds");
            Draft::new(MIGRATION_LOCK, workload.clone(), 0.88, statement).affects(database)
        }
        Signature::TopicMissing => {
            let statement = format!("{workload} uses a topic or queue that the broker does not know");
            Draft::new(TOPIC, workload.clone(), 0.85, statement).affects(target.map(|(_, service)| service))
        }
        Signature::NoLeader => {
            let broker = target.as_ref().and_then(|(_, service)| database_workload(world, service));
            let broker = broker.or_else(|| sole_broker(world, pod));
            let statement = format!(
                "{workload} uses a topic, group or replica set that has no leader or too few replicas"
            );
            Draft::new(NO_LEADER, broker.unwrap_or_else(|| workload.clone()), 0.7, statement)
                .affects([workload.clone()])
        }
        // The container's own end tells these; the rest says nothing about a peer of the cluster.
        Signature::AddressInUse
        | Signature::OutOfMemory
        | Signature::DiskFull
        | Signature::ForeignBinary
        | Signature::EnvironmentMissing
        | Signature::ReadOnlyFileSystem
        | Signature::Denied
        | Signature::NoRoute => return None,
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

/// The one workload of the namespace that opens a broker's port: Kafka, RabbitMQ, NATS, MongoDB.
fn sole_broker(world: &World<'_>, pod: &Pod) -> Option<ObjectRef> {
    const PORTS: &[i64] = &[9092, 5672, 4222, 27017];
    let opens = |spec: &PodSpec| {
        spec.containers.iter().flat_map(|it| &it.ports).any(|port| PORTS.contains(&port.container_port))
    };
    let mut all = world.workloads_in(&pod.metadata.namespace).iter().filter(|it| opens(&it.template.spec));
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
pub(super) fn cluster_dns<'w, 'a>(
    world: &'w World<'a>,
) -> impl Iterator<Item = &'w crate::world::Workload<'a>> {
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
    if super::dns::server_fault(world, &root).is_some() {
        return None; // services::dns tells why.
    }
    Some(
        Draft::new(CLUSTER_DNS, root.clone(), 0.9, format!("the cluster's DNS ({root}) has no ready pod"))
            .proof(field(&root, "status.readyReplicas", 0))
            .proof(field(&root, "spec.replicas", down.wanted)),
    )
}

/// A pod that calls Services by name but does not ask the cluster's DNS.
fn wrong_resolver(world: &World<'_>, workload: &ObjectRef, pod: &Pod) -> Option<Draft> {
    let policy = pod.spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    // A log may name a Service for other reasons than a call by name; the environment is what the pod was told.
    if serves_cluster_dns(workload, pod) || super::addresses::told_to_call(world, pod).is_empty() {
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

/// The cluster's DNS asks the node's resolver, by upstream's manifest: it can't ask itself.
fn serves_cluster_dns(workload: &ObjectRef, pod: &Pod) -> bool {
    pod.metadata.namespace == "kube-system"
        && (pod.metadata.labels.text("k8s-app") == Some("kube-dns") || workload.name == "coredns")
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
