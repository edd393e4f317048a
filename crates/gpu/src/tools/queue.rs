//! `queue_explain`: what keeps a gang or a queued job from starting.

use super::report::Report;
use super::{TOOLSET, namespace, said};
use crate::backend::Backend;
use crate::knowledge::kinds::KindRow;
use crate::object::{self, annotation, items, number, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, RbacRule, ToolError, TypedTool};

/// Explains queues.
pub(crate) struct Queue(pub(crate) Backend);

const READ: usize = 5_000;
const PODS: usize = 50_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Job, pod, workload or queue; absent: all that wait
    #[serde(default)]
    name: Option<String>,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

#[async_trait]
impl TypedTool for Queue {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "queue_explain";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str =
        "Why a gang or queued job waits (Kueue, Volcano, KAI, PodGroup), and who holds the quota.";

    fn rbac(&self) -> Vec<RbacRule> {
        let mut rules: Vec<RbacRule> =
            self.rows().map(|(row, _)| RbacRule::read(&row.group, &[&row.plural])).collect();
        rules.push(RbacRule::read("", &["pods"]));
        rules
    }

    fn available(&self) -> Availability {
        self.0.queues_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Report, ToolError> {
        let mut report = Report::default();
        let place = namespace(input.namespace.as_deref(), context);
        let name = said(input.name.as_deref());
        let missing = &mut report.coverage.missing;
        let mut read: Vec<Read<'_>> = Vec::new();
        for (row, kind) in self.rows() {
            // Queues of a cluster belong to no namespace, and holders of quota may be in any.
            let everywhere = row.group == "kueue.x-k8s.io" || row.plural == "queues";
            let within = if everywhere { None } else { place.as_deref() };
            let before = missing.len();
            let objects = self.0.list(&Wanted::all(kind.clone(), READ).within(within), missing).await?;
            read.push(Read { row, objects, whole: missing.len() == before });
        }
        let pods = self
            .0
            .list(&Wanted::all(KindName::new("", "pods"), PODS).within(place.as_deref()), missing)
            .await?;
        let pod = name.and_then(|name| pods.iter().find(|pod| object::name(pod) == name));
        let (mut waiting, mut shown) = (0, 0);
        let mut sections = Vec::new();
        for Read { row, objects, .. } in &read {
            for object in objects {
                let mut lines: Vec<String> = row
                    .troubles(object)
                    .into_iter()
                    .map(|trouble| format!("! {}: {}", trouble.quote, trouble.means))
                    .collect();
                let gang = if row.plural == "podgroups" { gang(row, object, &pods) } else { Vec::new() };
                lines.extend(gang);
                let meant = match name {
                    Some(name) => means(object, name, pod),
                    None => {
                        !lines.is_empty()
                            && !row.is_done(object)
                            && place.as_deref().is_none_or(|place| {
                                object::namespace(object).is_empty() || object::namespace(object) == place
                            })
                    }
                };
                if !meant {
                    continue;
                }
                shown += 1;
                waiting += usize::from(!lines.is_empty());
                let cells: Vec<String> =
                    row.cells(object).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
                lines.insert(0, cells.join(", "));
                if row.group == "kueue.x-k8s.io" && row.plural == "workloads" {
                    lines.extend(quota(object, &read));
                }
                lines.extend(row.notes.iter().map(|note| format!("note: {note}")));
                lines.retain(|line| !line.is_empty());
                sections.push((object::title(object), lines));
            }
        }
        report.headline = match (name, shown) {
            (Some(name), 0) => unmanaged(name, pod),
            (_, _) => format!("{shown} found, {waiting} with something in the way"),
        };
        for (title, lines) in sections {
            report.section(title, lines);
        }
        Ok(report)
    }
}

impl Queue {
    fn rows(&self) -> impl Iterator<Item = (&KindRow, &KindName)> {
        self.0.served_rows().filter(|(row, _)| row.family == "queue")
    }
}

/// One kind's objects, and whether all of them were read.
struct Read<'a> {
    row: &'a KindRow,
    objects: Vec<Value>,
    whole: bool,
}

/// Why nothing manages a name.
fn unmanaged(name: &str, pod: Option<&Value>) -> String {
    match pod {
        None => format!(
            "no workload, pod group or queue belongs to {name}: a job without the label kueue.x-k8s.io/queue-name is not managed by Kueue"
        ),
        Some(pod) => match group_of(pod) {
            Some(group) => format!(
                "pod {name} waits for group {group}, which does not exist: wrong name, or its kind is served in another version"
            ),
            None => {
                format!("pod {name} belongs to no gang or queue: its scheduling is the scheduler's alone")
            }
        },
    }
}

/// The group that a pod names, in any of the ways.
fn group_of(pod: &Value) -> Option<&str> {
    [
        text(pod, "spec.schedulingGroup.podGroupName"),
        text(pod, "spec.workloadRef.name"),
        annotation(pod, "scheduling.k8s.io/group-name"),
        annotation(pod, "pod-group-name"),
    ]
    .into_iter()
    .find(|name| !name.is_empty())
}

/// Whether a name means an object: its own, its owner's, or that of a pod of it.
fn means(object: &Value, name: &str, pod: Option<&Value>) -> bool {
    let owner = |of: &Value| {
        items(of, "metadata.ownerReferences").iter().any(|owner| {
            text(owner, "name") == name
                || pod.is_some_and(|pod| {
                    items(pod, "metadata.ownerReferences").iter().any(|own| own["name"] == owner["name"])
                })
        })
    };
    object::name(object) == name
        || owner(object)
        || pod.and_then(group_of).is_some_and(|group| object::name(object) == group)
}

/// How many pods of a gang there are, and how many have a node.
fn gang(row: &KindRow, group: &Value, pods: &[Value]) -> Vec<String> {
    let least = [number(group, "spec.schedulingPolicy.gang.minCount"), number(group, "spec.minMember")]
        .into_iter()
        .flatten()
        .next();
    let Some(least) = least else { return Vec::new() };
    if row.is_done(group) {
        return Vec::new();
    }
    let own: Vec<&Value> = pods
        .iter()
        .filter(|pod| {
            object::namespace(pod) == object::namespace(group) && group_of(pod) == Some(object::name(group))
        })
        .filter(|pod| object::is_live(pod))
        .collect();
    let there = own.len() as i64;
    let placed = own.iter().filter(|pod| !text(pod, "spec.nodeName").is_empty()).count() as i64;
    let mut lines = Vec::new();
    if there < least {
        lines.push(format!("! {there} pods exist and {least} are needed before any is placed: look at what makes them (quota, a failed job)"));
    } else if placed < least {
        lines.push(format!("! {placed} of {there} pods have a node, {least} must fit at once: capacity"));
        lines.extend(
            own.iter()
                .filter_map(|pod| {
                    object::condition(pod, "PodScheduled")
                        .filter(|condition| text(condition, "status") == "False")
                        .map(object::spoken_condition)
                })
                .take(1),
        );
    }
    let says_placed = ["PodGroupScheduled", "PodGroupInitiallyScheduled"].iter().any(|kind| {
        object::condition(group, kind).is_some_and(|condition| text(condition, "status") == "True")
    });
    if says_placed && placed < least {
        lines.push(
            "! its condition still says scheduled: it never goes back to False, believe the pods".to_owned(),
        );
    }
    lines
}

/// The queue of a Kueue workload, its quota, and who has it.
fn quota(workload: &Value, read: &[Read<'_>]) -> Vec<String> {
    let row = |plural: &str| {
        read.iter().find(|read| read.row.group == "kueue.x-k8s.io" && read.row.plural == plural)
    };
    let of = |plural: &str| row(plural).map_or(&[][..], |read| read.objects.as_slice());
    // What could not be read is not known to be absent; the coverage says it.
    let absent = |plural: &str| row(plural).is_some_and(|read| read.whole);
    let (queue, namespace) = (text(workload, "spec.queueName"), object::namespace(workload));
    let evicted = number(workload, "status.requeueState.count").unwrap_or_default();
    let mut lines = Vec::new();
    if evicted > 0 {
        lines.push(format!("requeued {evicted} times"));
    }
    let Some(local) = of("localqueues")
        .iter()
        .find(|known| object::name(known) == queue && object::namespace(known) == namespace)
    else {
        if absent("localqueues") {
            lines.push(format!("! LocalQueue {namespace}/{queue} does not exist"));
        }
        return lines;
    };
    let cluster = text(local, "spec.clusterQueue");
    let Some(cluster_queue) = of("clusterqueues").iter().find(|known| object::name(known) == cluster) else {
        if absent("clusterqueues") {
            lines.push(format!("! ClusterQueue {cluster} does not exist"));
        }
        return lines;
    };
    for group in items(cluster_queue, "spec.resourceGroups") {
        for flavor in items(group, "flavors") {
            let name = text(flavor, "name");
            let used = items(cluster_queue, "status.flavorsReservation")
                .iter()
                .find(|used| text(used, "name") == name);
            for resource in items(flavor, "resources") {
                let kind = text(resource, "name");
                let used = used.and_then(|used| {
                    items(used, "resources").iter().find(|known| text(known, "name") == kind)
                });
                let total = used.map_or_else(|| "0".to_owned(), |used| object::plain(&used["total"]));
                let borrowed = used
                    .map(|used| object::plain(&used["borrowed"]))
                    .filter(|amount| amount != "0" && amount != "null");
                let borrowed =
                    borrowed.map(|amount| format!(", {amount} of it borrowed")).unwrap_or_default();
                lines.push(format!(
                    "quota {cluster}/{name} {kind}: {total} reserved of {}{borrowed}",
                    object::plain(&resource["nominalQuota"])
                ));
            }
        }
    }
    let mut holders: Vec<String> = of("workloads")
        .iter()
        .filter(|other| text(other, "status.admission.clusterQueue") == cluster)
        .filter(|other| {
            object::condition(other, "Finished").is_none_or(|done| text(done, "status") != "True")
        })
        .map(|other| {
            let usage: Vec<String> = items(other, "status.admission.podSetAssignments")
                .iter()
                .flat_map(|set| {
                    object::entries(set, "resourceUsage")
                        .map(|(name, amount)| format!("{name} {}", object::plain(amount)))
                        .collect::<Vec<_>>()
                })
                .collect();
            format!("{}/{} ({})", object::namespace(other), object::name(other), usage.join(", "))
        })
        .collect();
    let more = holders.len().saturating_sub(6);
    holders.truncate(6);
    if !holders.is_empty() {
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("held by {}{more}", holders.join("; ")));
    }
    lines
}
