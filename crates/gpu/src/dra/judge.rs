//! One verdict a device for a request, and what follows from all of them.

use super::claim::{Allocations, Constraint, Request, Wanted};
use super::inventory::{Device, Inventory, PoolKey};
use super::place::{Place, repelled, tolerates};
use crate::cel::{Judged, Refusal, Selector};
use crate::quantity::Quantity;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Why a device is, or is not, for a request. Ordered by how near it is to fitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It can be given.
    Fits,
    /// Another claim holds it.
    Taken,
    /// A taint that the request does not tolerate.
    Tainted,
    /// Not enough capacity, or counters of its pool, is left.
    Short,
    /// The pod can not be on the device's node.
    WrongNode,
    /// Slices of its pool are missing: the scheduler passes over the pool.
    PoolIncomplete,
    /// The request's selector is false.
    Selector,
    /// A selector can not be evaluated: the scheduler stops with an error.
    Error,
    /// The class's selector is false: another kind of device.
    OtherClass,
}

impl Verdict {
    pub(crate) fn spoken(self) -> &'static str {
        match self {
            Self::Fits => "free and fitting",
            Self::Taken => "taken",
            Self::Tainted => "tainted",
            Self::Short => "too little left",
            Self::WrongNode => "on a node that the pod can not use",
            Self::PoolIncomplete => "in an incomplete pool",
            Self::Selector => "selector false",
            Self::Error => "selector fails",
            Self::OtherClass => "not of this class",
        }
    }
}

/// Devices with the same verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Group {
    pub(crate) verdict: Verdict,
    pub(crate) count: usize,
    /// Why, each with how many; the commonest first.
    pub(crate) reasons: Vec<Reason>,
    /// The first of them, as `driver/pool/device`.
    pub(crate) devices: Vec<String>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Reason {
    pub(crate) count: usize,
    pub(crate) why: String,
}

/// What a request meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) groups: Vec<Group>,
    /// In one sentence.
    pub(crate) conclusion: String,
    pub(crate) satisfiable: bool,
}

/// Reasons and devices named a group.
const REASONS: usize = 5;
const NAMED: usize = 4;

/// What devices are judged against.
pub(crate) struct Judge<'a> {
    inventory: &'a Inventory,
    allocations: &'a Allocations,
    /// Why the pod can not be on a node, by node; absent for nodes that are not known.
    repelled: BTreeMap<&'a str, Option<String>>,
    nodes: &'a [Value],
    /// Counters that allocated devices use.
    used: BTreeMap<(PoolKey, (String, String)), Quantity>,
}

impl<'a> Judge<'a> {
    /// `nodes` may be empty: then nothing is said about them.
    pub(crate) fn new(
        inventory: &'a Inventory,
        allocations: &'a Allocations,
        nodes: &'a [Value],
        pod: Option<&Value>,
    ) -> Self {
        let nothing = json!({});
        let repelled = nodes
            .iter()
            .map(|node| (crate::object::name(node), repelled(pod.unwrap_or(&nothing), node)))
            .collect();
        let mut used: BTreeMap<(PoolKey, (String, String)), Quantity> = BTreeMap::new();
        for device in inventory.devices.iter().filter(|device| !device.consumes.is_empty()) {
            if allocations.holders(&device.id(), "").next().is_none() {
                continue;
            }
            for (counter, amount) in &device.consumes {
                let sum =
                    used.entry(((device.driver.clone(), device.pool.clone()), counter.clone())).or_default();
                *sum = sum.checked_add(*amount).unwrap_or(*sum);
            }
        }
        Self { inventory, allocations, repelled, nodes, used }
    }

    /// Judges every device for a request of the claim `own` (`namespace/name`).
    pub(crate) fn request(
        &self,
        request: &Request,
        class: &[String],
        constraints: &[Constraint],
        own: &str,
    ) -> Result<Outcome, Refusal> {
        let compile = |texts: &[String]| {
            texts.iter().map(|text| Selector::compile(text)).collect::<Result<Vec<_>, _>>()
        };
        let (class, selectors) = (compile(class)?, compile(&request.selectors)?);
        let devices = &self.inventory.devices;
        let cost: u64 = class.iter().chain(&selectors).map(|selector| selector.cost).sum();
        if cost.saturating_mul(devices.len() as u64) > BUDGET {
            return Err(Refusal::TooCostly(format!("{} devices may take {cost} steps each", devices.len())));
        }
        let judged: Vec<(Verdict, String)> =
            devices.iter().map(|device| self.device(device, request, &class, &selectors, own)).collect();
        let groups = groups(devices, &judged);
        let (conclusion, satisfiable) = self.conclude(request, constraints, &judged);
        Ok(Outcome { groups, conclusion, satisfiable })
    }

    fn device(
        &self,
        device: &Device,
        request: &Request,
        class: &[Selector],
        selectors: &[Selector],
        own: &str,
    ) -> (Verdict, String) {
        let Some(context) = device.facts.context() else { return (Verdict::Error, String::new()) };
        for (of, wrong) in [(class, Verdict::OtherClass), (selectors, Verdict::Selector)] {
            for selector in of {
                match selector.judge(&context) {
                    Judged::True => {}
                    Judged::False(_) if wrong == Verdict::OtherClass => return (wrong, String::new()),
                    Judged::False(terms) => return (wrong, false_terms(device, &terms)),
                    Judged::Error { term, why } => return (Verdict::Error, format!("{term}: {why}")),
                }
            }
        }
        if let Some(pool) = self.inventory.pool(device).filter(|pool| !pool.is_complete()) {
            let why = format!("pool {}: {} of {} slices", device.pool, pool.slices, pool.expected);
            return (Verdict::PoolIncomplete, why);
        }
        if let Some(why) = self.wrong_node(device) {
            return (Verdict::WrongNode, why);
        }
        let tolerated = |taint: &super::inventory::Taint| {
            let taint = json!({"key": taint.key, "value": taint.value, "effect": taint.effect});
            request.tolerations.iter().any(|toleration| tolerates(toleration, &taint))
        };
        if let Some(taint) = device.taints.iter().find(|taint| taint.repels() && !tolerated(taint)) {
            return (Verdict::Tainted, taint.spoken());
        }
        if request.admin_access {
            return (Verdict::Fits, String::new());
        }
        let id = device.id();
        if !device.facts.allow_multiple_allocations
            && let Some(holder) = self.allocations.holders(&id, own).next()
        {
            return (Verdict::Taken, holder.spoken());
        }
        if let Some(why) = self.short(device, &id, request, own) {
            return (Verdict::Short, why);
        }
        (Verdict::Fits, String::new())
    }

    fn wrong_node(&self, device: &Device) -> Option<String> {
        if self.nodes.is_empty() {
            return None;
        }
        match &device.place {
            Place::Node(name) => match self.repelled.get(name.as_str()) {
                None => Some(format!("node {name} is not there (any more)")),
                Some(why) => why.as_ref().map(|why| format!("node {name}: {why}")),
            },
            place => {
                let reachable = self.nodes.iter().any(|node| {
                    place.holds(node) && self.repelled.get(crate::object::name(node)) == Some(&None)
                });
                (!reachable).then(|| "no node that the pod can use reaches it".to_owned())
            }
        }
    }

    fn short(&self, device: &Device, id: &str, request: &Request, own: &str) -> Option<String> {
        for (name, wanted) in &request.capacity {
            let has = device.capacity(name).unwrap_or_default();
            let consumed = self
                .allocations
                .holders(id, own)
                .filter_map(|holder| holder.consumed.get(name))
                .fold(Quantity::default(), |sum, amount| sum.checked_add(*amount).unwrap_or(sum));
            let left = has.checked_sub(consumed).unwrap_or_default();
            if left < *wanted {
                return Some(format!("{name}: {wanted} wanted, {left} of {has} left"));
            }
        }
        let pool = self.inventory.pool(device)?;
        for (counter, wanted) in &device.consumes {
            let key = ((device.driver.clone(), device.pool.clone()), counter.clone());
            let used = self.used.get(&key).copied().unwrap_or_default();
            let has = pool.counters.get(counter).copied().unwrap_or_default();
            let left = has.checked_sub(used).unwrap_or_default();
            if left < *wanted {
                let (set, name) = counter;
                return Some(format!(
                    "counter {set}/{name}: {wanted} wanted, {left} of {has} left (other partitions hold the rest)"
                ));
            }
        }
        None
    }

    fn conclude(
        &self,
        request: &Request,
        constraints: &[Constraint],
        judged: &[(Verdict, String)],
    ) -> (String, bool) {
        let count = |verdict: Verdict| judged.iter().filter(|(known, _)| *known == verdict).count();
        let fits = count(Verdict::Fits);
        if judged.is_empty() {
            return ("no device is published: does the driver run on the nodes".to_owned(), false);
        }
        if count(Verdict::Error) > 0 {
            return ("a selector can not be evaluated for some devices: the scheduler reports an error and places nothing".to_owned(), false);
        }
        let of_class = judged.len() - count(Verdict::OtherClass);
        if of_class == 0 {
            return (format!("none of {} devices belongs to class {}", judged.len(), request.class), false);
        }
        match request.wanted {
            Wanted::All => {
                let hindered = count(Verdict::Taken) + count(Verdict::Tainted);
                let fine = fits > 0 && hindered == 0;
                let words = if fine {
                    "all are free"
                } else {
                    "a node serves this only when every one that fits there is free and untainted"
                };
                (format!("{fits} free, {hindered} taken or tainted: {words}"), fine)
            }
            Wanted::Exactly(wanted) => self.exactly(request, constraints, judged, wanted, fits, of_class),
        }
    }

    fn exactly(
        &self,
        request: &Request,
        constraints: &[Constraint],
        judged: &[(Verdict, String)],
        wanted: i64,
        fits: usize,
        of_class: usize,
    ) -> (String, bool) {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let free: Vec<&Device> = self
            .inventory
            .devices
            .iter()
            .zip(judged)
            .filter(|(_, (verdict, _))| *verdict == Verdict::Fits)
            .map(|(device, _)| device)
            .collect();
        // Devices of one node count together, those that any node reaches count everywhere.
        let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
        for node in free.iter().filter_map(|device| device.place.node()) {
            *by_node.entry(node).or_default() += 1;
        }
        let anywhere = free.iter().filter(|device| device.place.node().is_none()).count();
        let best =
            by_node.iter().max_by_key(|(_, count)| **count).map(|(node, count)| (*node, count + anywhere));
        let best_count = best.map_or(anywhere, |(_, count)| count);
        if fits < wanted {
            let why = groups(&self.inventory.devices, judged)
                .iter()
                .filter(|group| !matches!(group.verdict, Verdict::Fits | Verdict::OtherClass))
                .map(|group| format!("{} {}", group.count, group.verdict.spoken()))
                .collect::<Vec<_>>()
                .join(", ");
            return (
                format!("{wanted} wanted, {fits} free of {of_class} of class {}: {why}", request.class),
                false,
            );
        }
        if best_count < wanted {
            let place = best.map_or(String::new(), |(node, count)| format!(" (best: {node} with {count})"));
            return (
                format!("{wanted} wanted on one node; {fits} are free, but no node has so many{place}"),
                false,
            );
        }
        let names = |constraint: &&Constraint| {
            constraint.requests.is_empty() || constraint.requests.contains(&request.name)
        };
        for constraint in constraints.iter().filter(names) {
            let mut alike: BTreeMap<(String, String), usize> = BTreeMap::new();
            for device in &free {
                let node = device.place.node().unwrap_or("*").to_owned();
                *alike.entry((node, device.told(&constraint.attribute))).or_default() += 1;
            }
            alike.retain(|(_, value), _| !value.is_empty());
            let most = alike.values().copied().max().unwrap_or_default();
            if most < wanted {
                return (
                    format!(
                        "{wanted} with the same {} wanted; at most {most} free ones on a node agree",
                        constraint.attribute
                    ),
                    false,
                );
            }
        }
        (format!("{fits} free and fitting: it can be placed as far as its devices go"), true)
    }
}

/// The terms, with what the device has instead, where that can be told.
fn false_terms(device: &Device, terms: &[String]) -> String {
    let has: Vec<String> = device
        .facts
        .capacities()
        .filter(|(_, name, _)| terms.iter().any(|term| term.contains("capacity") && term.contains(*name)))
        .map(|(_, name, value)| format!("{name} {value}"))
        .chain(
            device
                .facts
                .attributes()
                .filter(|(_, name, _)| {
                    terms.iter().any(|term| term.contains("attributes") && term.contains(*name))
                })
                .map(|(domain, name, _)| format!("{name} {}", device.told(&format!("{domain}/{name}")))),
        )
        .take(3)
        .collect();
    let has = if has.is_empty() { String::new() } else { format!(" (it has {})", has.join(", ")) };
    format!("{}{has}", terms.join(" && "))
}

/// Steps for one request over all devices.
const BUDGET: u64 = 50_000_000;

/// How many, why with how many, and the first ids.
type Same<'a> = (usize, BTreeMap<&'a str, usize>, Vec<String>);

fn groups(devices: &[Device], judged: &[(Verdict, String)]) -> Vec<Group> {
    let mut by_verdict: BTreeMap<Verdict, Same<'_>> = BTreeMap::new();
    for (device, (verdict, why)) in devices.iter().zip(judged) {
        let (count, reasons, named) = by_verdict.entry(*verdict).or_default();
        *count += 1;
        if !why.is_empty() {
            *reasons.entry(why).or_default() += 1;
        }
        if named.len() < NAMED {
            named.push(device.id());
        }
    }
    by_verdict
        .into_iter()
        .map(|(verdict, (count, reasons, devices))| {
            let mut reasons: Vec<Reason> =
                reasons.into_iter().map(|(why, count)| Reason { count, why: why.to_owned() }).collect();
            reasons.sort_by(|one, two| two.count.cmp(&one.count).then_with(|| one.why.cmp(&two.why)));
            let more = reasons.len().saturating_sub(REASONS);
            reasons.truncate(REASONS);
            if more > 0 {
                reasons.push(Reason { count: more, why: "other reasons of this sort".to_owned() });
            }
            Group { verdict, count, reasons, devices }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn slices() -> Vec<Value> {
        let device = |name: &str, memory: &str, root: &str, taints: Value| {
            json!({"name": name, "taints": taints, "capacity": {"memory": {"value": memory}},
                "attributes": {"type": {"string": "gpu"}, "resource.kubernetes.io/pcieRoot": {"string": root}}})
        };
        let node = |name: &str, devices: Value, count: i64| {
            json!({"spec": {"driver": "gpu.io", "nodeName": name, "devices": devices,
                "pool": {"name": name, "generation": 1, "resourceSliceCount": count}}})
        };
        let none = json!([]);
        let xid = json!([{"key": "gpu.io/xid", "value": "48", "effect": "NoSchedule"}]);
        let note = json!([{"key": "gpu.io/xid", "value": "31", "effect": "None"}]);
        vec![
            node("a", json!([device("0", "40Gi", "r0", none.clone()), device("1", "40Gi", "r1", note)]), 1),
            node("b", json!([device("0", "80Gi", "r0", none.clone()), device("1", "80Gi", "r0", xid)]), 1),
            node("c", json!([device("0", "80Gi", "r0", none.clone())]), 2),
        ]
    }

    fn claim(name: &str, pool: &str, device: &str) -> Value {
        json!({"metadata": {"namespace": "ml", "name": name}, "status": {"reservedFor": [{"name": "p"}],
            "allocation": {"devices": {"results": [{"driver": "gpu.io", "pool": pool, "device": device}]}}}})
    }

    fn told(
        request: &Request,
        claims: &[Value],
        constraints: &[Constraint],
    ) -> (Vec<(Verdict, usize, String)>, String, bool) {
        let slices = slices();
        let inventory = Inventory::read(&slices);
        let allocations = Allocations::read(claims);
        let nodes: Vec<Value> =
            ["a", "b", "c"].iter().map(|name| json!({"metadata": {"name": name}})).collect();
        let judge = Judge::new(&inventory, &allocations, &nodes, None);
        let class = ["device.driver == 'gpu.io'".to_owned()];
        let outcome = judge.request(request, &class, constraints, "ml/own").unwrap();
        let groups = outcome
            .groups
            .iter()
            .map(|group| {
                let why = group.reasons.first().map(|reason| reason.why.clone()).unwrap_or_default();
                (group.verdict, group.count, why)
            })
            .collect();
        (groups, outcome.conclusion, outcome.satisfiable)
    }

    fn request(count: i64, selectors: &[&str]) -> Request {
        Request {
            name: "gpu".to_owned(),
            class: "gpus".to_owned(),
            wanted: Wanted::Exactly(count),
            selectors: selectors.iter().map(|text| (*text).to_owned()).collect(),
            ..Request::default()
        }
    }

    #[test]
    fn each_device_has_its_own_reason_where_the_scheduler_has_one_text() {
        let big = "device.capacity['gpu.io'].memory.compareTo(quantity('80Gi')) >= 0";
        let expected = vec![
            (Verdict::Taken, 1, "claim ml/x for p".to_owned()),
            (Verdict::Tainted, 1, "gpu.io/xid=48:NoSchedule".to_owned()),
            (Verdict::PoolIncomplete, 1, "pool c: 1 of 2 slices".to_owned()),
            (Verdict::Selector, 2, format!("{big} (it has memory 40Gi)")),
        ];
        let (groups, conclusion, satisfiable) = told(&request(1, &[big]), &[claim("x", "b", "0")], &[]);
        assert_eq!((groups, satisfiable), (expected, false));
        assert_eq!(
            conclusion,
            "1 wanted, 0 free of 5 of class gpus: 1 taken, 1 tainted, 1 in an incomplete pool, 2 selector false"
        );
    }

    #[test]
    fn free_devices_on_different_nodes_do_not_serve_one_pod() {
        let (_, conclusion, satisfiable) = told(&request(2, &[]), &[claim("x", "a", "0")], &[]);
        assert_eq!(conclusion, "2 wanted on one node; 2 are free, but no node has so many (best: b with 1)");
        assert!(!satisfiable);
    }

    #[test]
    fn a_constraint_that_no_node_can_meet_is_told() {
        let constraint =
            Constraint { requests: Vec::new(), attribute: "resource.kubernetes.io/pcieRoot".to_owned() };
        let (_, conclusion, _) = told(&request(2, &[]), &[], std::slice::from_ref(&constraint));
        assert_eq!(
            conclusion,
            "2 with the same resource.kubernetes.io/pcieRoot wanted; at most 1 free ones on a node agree"
        );
        assert!(told(&request(1, &[]), &[], &[constraint]).2);
    }

    #[test]
    fn a_toleration_a_taint_that_only_informs_and_an_administrator_pass() {
        let mut tolerant = request(1, &["device.capacity['gpu.io'].memory.isGreaterThan(quantity('50Gi'))"]);
        tolerant.tolerations = vec![json!({"key": "gpu.io/xid", "operator": "Exists"})];
        assert!(told(&tolerant, &[claim("x", "b", "0")], &[]).2);
        let mut admin = request(1, &[]);
        admin.admin_access = true;
        assert!(told(&admin, &[claim("x", "a", "0"), claim("y", "a", "1"), claim("z", "b", "0")], &[]).2);
        // The device whose taint has the effect None is free.
        assert!(told(&request(1, &[]), &[claim("x", "a", "0"), claim("z", "b", "0")], &[]).2);
    }

    #[test]
    fn a_selector_that_fails_is_an_error_and_not_a_pass() {
        let (groups, conclusion, _) =
            told(&request(1, &["device.attributes['gpu.io'].none == 'x'"]), &[], &[]);
        assert_eq!(groups[0].0, Verdict::Error);
        assert!(conclusion.contains("error"));
    }

    #[test]
    fn counters_of_partitions_run_out() {
        let partition = |name: &str| json!({"name": name, "consumesCounters": [{"counterSet": "gpu-0", "counters": {"memory": {"value": "30Gi"}}}]});
        let slice = json!({"spec": {"driver": "gpu.io", "nodeName": "a", "devices": [partition("m0"), partition("m1")],
            "sharedCounters": [{"name": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}],
            "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1}}});
        let inventory = Inventory::read(&[slice]);
        let allocations = Allocations::read(&[claim("x", "a", "m0")]);
        let judge = Judge::new(&inventory, &allocations, &[], None);
        let outcome = judge.request(&request(1, &[]), &[], &[], "ml/own").unwrap();
        let told: Vec<(Verdict, &str)> =
            outcome.groups.iter().map(|group| (group.verdict, group.reasons[0].why.as_str())).collect();
        let short = "counter gpu-0/memory: 30Gi wanted, 10Gi of 40Gi left (other partitions hold the rest)";
        assert_eq!(told, [(Verdict::Taken, "claim ml/x for p"), (Verdict::Short, short)]);
    }
}
