//! What is asked for, and what is given away.

use crate::object::{self, items, number, text};
use crate::quantity::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request of a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// Its name; alternatives are `request/alternative`.
    pub(crate) name: String,
    pub(crate) class: String,
    /// CEL expressions.
    pub(crate) selectors: Vec<String>,
    pub(crate) wanted: Wanted,
    pub(crate) admin_access: bool,
    pub(crate) tolerations: Vec<Value>,
    /// Capacity it takes of a device that can be shared.
    pub(crate) capacity: BTreeMap<String, Quantity>,
}

/// How many devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Exactly(i64),
    /// Every device that fits; all must be free.
    All,
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Exactly(1)
    }
}

impl Wanted {
    pub(crate) fn spoken(self) -> String {
        match self {
            Self::Exactly(1) => "1 device".to_owned(),
            Self::Exactly(count) => format!("{count} devices"),
            Self::All => "all devices that fit".to_owned(),
        }
    }
}

/// Devices of these requests must agree, or differ, in an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) requests: Vec<String>,
    pub(crate) attribute: String,
}

/// Requests of a claim's (or a template's) spec. Alternatives stand in order of preference.
pub(crate) fn requests(spec: &Value) -> Vec<Request> {
    let mut requests = Vec::new();
    for request in items(spec, "devices.requests") {
        let name = text(request, "name");
        let alternatives = items(request, "firstAvailable");
        if alternatives.is_empty() {
            // Before v1beta2 the fields stand in the request itself.
            requests.push(read(name, object::at(request, "exactly").unwrap_or(request)));
        }
        requests.extend(
            alternatives
                .iter()
                .map(|alternative| read(&format!("{name}/{}", text(alternative, "name")), alternative)),
        );
    }
    requests
}

fn read(name: &str, request: &Value) -> Request {
    Request {
        name: name.to_owned(),
        class: text(request, "deviceClassName").to_owned(),
        selectors: selectors(request),
        wanted: match text(request, "allocationMode") {
            "All" => Wanted::All,
            _ => Wanted::Exactly(number(request, "count").unwrap_or(1).max(1)),
        },
        admin_access: request["adminAccess"] == true,
        tolerations: items(request, "tolerations").to_vec(),
        capacity: object::entries(request, "capacity.requests")
            .filter_map(|(name, value)| Some((name.to_owned(), Quantity::parse(value.as_str()?)?)))
            .collect(),
    }
}

/// CEL expressions of a request or of a class's spec.
pub(crate) fn selectors(spec: &Value) -> Vec<String> {
    items(spec, "selectors").iter().map(|selector| text(selector, "cel.expression").to_owned()).collect()
}

/// Constraints by `matchAttribute` of a spec.
pub(crate) fn constraints(spec: &Value) -> Vec<Constraint> {
    items(spec, "devices.constraints")
        .iter()
        .filter(|constraint| !text(constraint, "matchAttribute").is_empty())
        .map(|constraint| Constraint {
            requests: items(constraint, "requests")
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            attribute: text(constraint, "matchAttribute").to_owned(),
        })
        .collect()
}

/// Which claims hold which devices.
#[derive(Debug, Default)]
pub(crate) struct Allocations {
    /// Claims by `driver/pool/device`.
    by_device: BTreeMap<String, Vec<Holder>>,
}

/// A claim that holds a device, and the pods that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// `namespace/name`.
    pub(crate) claim: String,
    /// Consumers, e.g. pods.
    pub(crate) for_whom: Vec<String>,
    /// What it takes of a device that can be shared.
    pub(crate) consumed: BTreeMap<String, Quantity>,
}

impl Holder {
    pub(crate) fn spoken(&self) -> String {
        if self.for_whom.is_empty() {
            format!("claim {} (reserved for nobody)", self.claim)
        } else {
            format!("claim {} for {}", self.claim, self.for_whom.join(","))
        }
    }
}

/// `namespace/name` of an object.
pub(crate) fn place(object: &Value) -> String {
    format!("{}/{}", object::namespace(object), object::name(object))
}

impl Allocations {
    /// Reads claims. Access for administrators takes nothing away from others.
    pub(crate) fn read(claims: &[Value]) -> Self {
        let mut allocations = Self::default();
        for claim in claims {
            for result in items(claim, "status.allocation.devices.results") {
                if result["adminAccess"] == true {
                    continue;
                }
                let id =
                    format!("{}/{}/{}", text(result, "driver"), text(result, "pool"), text(result, "device"));
                let for_whom = items(claim, "status.reservedFor")
                    .iter()
                    .map(|whom| text(whom, "name").to_owned())
                    .collect();
                let consumed = object::entries(result, "consumedCapacity")
                    .filter_map(|(name, value)| Some((name.to_owned(), Quantity::parse(value.as_str()?)?)))
                    .collect();
                let holder = Holder { claim: place(claim), for_whom, consumed };
                allocations.by_device.entry(id).or_default().push(holder);
            }
        }
        allocations
    }

    /// Who holds a device, others than this claim.
    pub(crate) fn holders<'a>(&'a self, device: &str, but: &'a str) -> impl Iterator<Item = &'a Holder> {
        self.by_device.get(device).into_iter().flatten().filter(move |holder| holder.claim != but)
    }

    /// Devices that are held.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &str> {
        self.by_device.keys().map(String::as_str)
    }
}

/// What an allocated claim still waits for, or failed at: conditions of its devices before a pod may be bound.
pub(crate) fn binding(claim: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for result in items(claim, "status.allocation.devices.results") {
        let same =
            |device: &&Value| ["driver", "pool", "device"].iter().all(|key| device[*key] == result[*key]);
        let reported = items(claim, "status.devices").iter().find(same);
        let condition = |name: &str| {
            let of = |condition: &&Value| text(condition, "type") == name;
            reported.and_then(|device| items(device, "conditions").iter().find(of))
        };
        let names =
            |field: &str| -> Vec<&str> { items(result, field).iter().filter_map(Value::as_str).collect() };
        let device = text(result, "device");
        for name in names("bindingFailureConditions") {
            if let Some(failed) = condition(name).filter(|condition| text(condition, "status") == "True") {
                told.push(format!("{device}: binding failed: {}", object::spoken_condition(failed)));
            }
        }
        for name in names("bindingConditions") {
            match condition(name) {
                Some(known) if text(known, "status") == "True" => {}
                Some(known) => told.push(format!("{device}: binding waits: {}", object::spoken_condition(known))),
                None => told.push(format!(
                    "{device}: binding waits for condition {name}, which its driver has not written: does its controller run"
                )),
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn every_shape_of_a_request_is_read() {
        let spec = json!({"devices": {"requests": [
            {"name": "a", "exactly": {"deviceClassName": "c", "count": 2, "selectors": [{"cel": {"expression": "true"}}],
                "capacity": {"requests": {"memory": "10Gi"}}}},
            {"name": "b", "deviceClassName": "c", "allocationMode": "All", "adminAccess": true},
            {"name": "d", "firstAvailable": [{"name": "big", "deviceClassName": "x"}, {"name": "small", "deviceClassName": "y"}]}],
            "constraints": [{"requests": ["a"], "matchAttribute": "resource.kubernetes.io/pcieRoot"}]}});
        let base = Request { class: "c".to_owned(), ..Request::default() };
        let expected = vec![
            Request {
                name: "a".to_owned(),
                selectors: vec!["true".to_owned()],
                wanted: Wanted::Exactly(2),
                capacity: BTreeMap::from([("memory".to_owned(), Quantity::parse("10Gi").unwrap())]),
                ..base.clone()
            },
            Request { name: "b".to_owned(), wanted: Wanted::All, admin_access: true, ..base.clone() },
            Request { name: "d/big".to_owned(), class: "x".to_owned(), ..base.clone() },
            Request { name: "d/small".to_owned(), class: "y".to_owned(), ..base },
        ];
        assert_eq!(requests(&spec), expected);
        assert_eq!(constraints(&spec).len(), 1);
    }

    #[test]
    fn holders_are_known_and_administrators_hold_nothing() {
        let claim = |name: &str, admin: bool| {
            json!({"metadata": {"namespace": "ml", "name": name}, "status": {"reservedFor": [{"name": "pod-0"}],
                "allocation": {"devices": {"results": [{"driver": "d", "pool": "p", "device": "x", "adminAccess": admin}]}}}})
        };
        let allocations = Allocations::read(&[claim("one", false), claim("watch", true)]);
        let told: Vec<String> = allocations.holders("d/p/x", "ml/other").map(Holder::spoken).collect();
        assert_eq!(told, ["claim ml/one for pod-0"]);
        assert_eq!(allocations.holders("d/p/x", "ml/one").count(), 0);
    }

    #[test]
    fn a_missing_a_false_and_a_failed_binding_condition_are_told() {
        let claim = json!({"status": {
            "allocation": {"devices": {"results": [{"driver": "d", "pool": "p", "device": "x",
                "bindingConditions": ["Attached", "Zoned", "Wired"], "bindingFailureConditions": ["Broken"]}]}},
            "devices": [{"driver": "d", "pool": "p", "device": "x", "conditions": [
                {"type": "Wired", "status": "True"}, {"type": "Zoned", "status": "False", "reason": "Wait"},
                {"type": "Broken", "status": "True", "reason": "NoFabric"}]}]}});
        assert_eq!(
            binding(&claim),
            [
                "x: binding failed: Broken=True (NoFabric)",
                "x: binding waits for condition Attached, which its driver has not written: does its controller run",
                "x: binding waits: Zoned=False (Wait)",
            ]
        );
    }
}
