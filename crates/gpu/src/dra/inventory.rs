//! Devices and pools, as ResourceSlices publish them.

use super::place::Place;
use crate::cel::{Attribute, Facts, Semver, Sharing};
use crate::object::{self, items, number, text};
use crate::quantity::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// All devices of the newest generation of every pool.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) devices: Vec<Device>,
    pub(crate) pools: BTreeMap<PoolKey, Pool>,
}

/// Driver and pool.
pub(crate) type PoolKey = (String, String);

/// A pool: what one driver publishes for one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pool {
    pub(crate) generation: i64,
    /// Slices seen at that generation.
    pub(crate) slices: i64,
    /// Slices that the driver says there are.
    pub(crate) expected: i64,
    /// Shared counters by set and name (partitionable devices).
    pub(crate) counters: BTreeMap<(String, String), Quantity>,
}

impl Pool {
    /// An incomplete pool is passed over by the scheduler.
    pub(crate) fn is_complete(&self) -> bool {
        self.slices >= self.expected
    }
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    pub(crate) driver: String,
    pub(crate) pool: String,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) facts: Facts,
    pub(crate) taints: Vec<Taint>,
    /// What it takes of the pool's counters.
    pub(crate) consumes: Vec<((String, String), Quantity)>,
    /// Conditions that its driver sets before a pod may be bound.
    pub(crate) binding_conditions: Vec<String>,
}

/// A taint of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) effect: String,
}

impl Taint {
    pub(crate) fn read(value: &Value) -> Self {
        let of = |key: &str| text(value, key).to_owned();
        Self { key: of("key"), value: of("value"), effect: of("effect") }
    }

    /// `None` informs only.
    pub(crate) fn repels(&self) -> bool {
        self.effect == "NoSchedule" || self.effect == "NoExecute"
    }

    pub(crate) fn spoken(&self) -> String {
        let value = if self.value.is_empty() { String::new() } else { format!("={}", self.value) };
        format!("{}{value}:{}", self.key, self.effect)
    }
}

impl Device {
    /// `driver/pool/name`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}/{}", self.driver, self.pool, self.name)
    }

    /// An attribute by its qualified name; without a domain it is the driver's.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        let (domain, name) = name.split_once('/').unwrap_or((&self.driver, name));
        self.facts.attribute_of(domain, name)
    }

    /// An attribute as text; empty when it is absent.
    pub(crate) fn told(&self, name: &str) -> String {
        match self.attribute(name) {
            Some(Attribute::Text(text)) => text.clone(),
            Some(Attribute::Int(number)) => number.to_string(),
            Some(Attribute::Bool(yes)) => yes.to_string(),
            Some(Attribute::Version(version)) => {
                format!("{}.{}.{}", version.number(0), version.number(1), version.number(2))
            }
            None => String::new(),
        }
    }

    /// A capacity by its qualified name.
    pub(crate) fn capacity(&self, name: &str) -> Option<Quantity> {
        let (domain, name) = name.split_once('/').unwrap_or((&self.driver, name));
        self.facts.capacity_of(domain, name)
    }
}

impl Inventory {
    /// Reads slices. Those of older generations are passed over, as the scheduler does.
    pub(crate) fn read(slices: &[Value]) -> Self {
        let mut inventory = Self::default();
        let key =
            |slice: &Value| (text(slice, "spec.driver").to_owned(), text(slice, "spec.pool.name").to_owned());
        for slice in slices {
            let generation = number(slice, "spec.pool.generation").unwrap_or_default();
            let pool = inventory.pools.entry(key(slice)).or_default();
            if generation > pool.generation || pool.slices == 0 {
                *pool = Pool { generation: generation.max(pool.generation), ..Pool::default() };
            }
            if generation == pool.generation {
                pool.slices += 1;
                pool.expected = number(slice, "spec.pool.resourceSliceCount").unwrap_or(1);
            }
        }
        for slice in slices {
            let Some(pool) = inventory.pools.get_mut(&key(slice)) else { continue };
            if number(slice, "spec.pool.generation").unwrap_or_default() != pool.generation {
                continue;
            }
            for set in items(slice, "spec.sharedCounters") {
                for (name, value) in object::entries(set, "counters") {
                    if let Some(value) = Quantity::parse(text(value, "value")) {
                        pool.counters.insert((text(set, "name").to_owned(), name.to_owned()), value);
                    }
                }
            }
            let place = Place::read(&slice["spec"]);
            inventory
                .devices
                .extend(items(slice, "spec.devices").iter().map(|device| read(slice, device, &place)));
        }
        inventory
    }

    pub(crate) fn pool(&self, device: &Device) -> Option<&Pool> {
        self.pools.get(&(device.driver.clone(), device.pool.clone()))
    }

    /// Adds the taints of DeviceTaintRules.
    pub(crate) fn taint(&mut self, rules: &[Value]) {
        for rule in rules {
            let wanted = |field: &str, value: &str| {
                let asked =
                    object::at(rule, "spec.deviceSelector").map_or("", |selector| text(selector, field));
                asked.is_empty() || asked == value
            };
            let taint = Taint::read(&rule["spec"]["taint"]);
            for device in &mut self.devices {
                if wanted("driver", &device.driver)
                    && wanted("pool", &device.pool)
                    && wanted("device", &device.name)
                {
                    device.taints.push(taint.clone());
                }
            }
        }
    }
}

fn read(slice: &Value, device: &Value, place: &Place) -> Device {
    let driver = text(slice, "spec.driver");
    // Before v1beta2 the fields stand one level deeper.
    let basic = object::at(device, "basic").unwrap_or(device);
    let sharing = if basic["allowMultipleAllocations"] == true { Sharing::Several } else { Sharing::One };
    let mut facts = Facts::of(driver, sharing);
    for (name, value) in object::entries(basic, "attributes") {
        let (domain, name) = name.split_once('/').unwrap_or((driver, name));
        if let Some(value) = attribute(value) {
            facts.attribute(domain, name, value);
        }
    }
    for (name, value) in object::entries(basic, "capacity") {
        let (domain, name) = name.split_once('/').unwrap_or((driver, name));
        // v1beta1 had the quantity itself.
        let quantity = value.as_str().unwrap_or_else(|| text(value, "value"));
        if let Some(quantity) = Quantity::parse(quantity) {
            facts.capacity(domain, name, quantity);
        }
    }
    let consumes = items(basic, "consumesCounters")
        .iter()
        .flat_map(|set| {
            object::entries(set, "counters").filter_map(|(name, value)| {
                let key = (text(set, "counterSet").to_owned(), name.to_owned());
                Some((key, Quantity::parse(text(value, "value"))?))
            })
        })
        .collect();
    let own_place = Place::read(basic);
    Device {
        driver: driver.to_owned(),
        pool: text(slice, "spec.pool.name").to_owned(),
        name: text(device, "name").to_owned(),
        place: if own_place == Place::Nowhere { place.clone() } else { own_place },
        facts,
        taints: items(basic, "taints").iter().map(Taint::read).collect(),
        consumes,
        binding_conditions: items(basic, "bindingConditions")
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
    }
}

fn attribute(value: &Value) -> Option<Attribute> {
    let (kind, value) = value.as_object()?.iter().next()?;
    match (kind.as_str(), value) {
        ("bool", Value::Bool(yes)) => Some(Attribute::Bool(*yes)),
        ("int", Value::Number(number)) => number.as_i64().map(Attribute::Int),
        ("string", Value::String(text)) => Some(Attribute::Text(text.clone())),
        ("version", Value::String(text)) => Semver::parse(text).map(Attribute::Version),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn slice(generation: i64, count: i64, device: &str) -> Value {
        json!({"spec": {"driver": "gpu.example.com", "nodeName": "a", "devices": [{"name": device}],
            "pool": {"name": "a", "generation": generation, "resourceSliceCount": count}}})
    }

    #[test]
    fn only_the_newest_generation_counts_and_an_incomplete_pool_is_known() {
        let names = |slices: &[Value]| {
            let inventory = Inventory::read(slices);
            let names: Vec<String> = inventory.devices.iter().map(|device| device.name.clone()).collect();
            (names, inventory.pools.values().next().map(Pool::is_complete))
        };
        let word = |name: &str| name.to_owned();
        assert_eq!(names(&[slice(2, 2, "new"), slice(1, 1, "old")]), (vec![word("new")], Some(false)));
        assert_eq!(names(&[slice(1, 1, "old"), slice(2, 1, "new")]), (vec![word("new")], Some(true)));
        assert_eq!(names(&[slice(0, 1, "zero")]), (vec![word("zero")], Some(true)));
    }

    #[test]
    fn both_shapes_of_a_device_are_read() {
        let body = json!({"attributes": {"model": {"string": "M"}, "other.io/n": {"int": 2}}});
        let mut new = body.clone();
        new["name"] = json!("d");
        new["capacity"] = json!({"memory": {"value": "40Gi"}});
        let mut basic = body;
        basic["capacity"] = json!({"memory": "40Gi"});
        for device in [new, json!({"name": "d", "basic": basic})] {
            let slice = json!({"spec": {"driver": "g.io", "allNodes": true, "devices": [device],
                "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}});
            let inventory = Inventory::read(&[slice]);
            let known = &inventory.devices[0];
            assert_eq!((known.told("model"), known.told("other.io/n")), ("M".to_owned(), "2".to_owned()));
            assert_eq!(known.capacity("memory"), Quantity::parse("40Gi"));
            assert_eq!(known.place, Place::Everywhere);
        }
    }

    #[test]
    fn rules_taint_what_they_select() {
        let mut inventory = Inventory::read(&[slice(1, 1, "x")]);
        let rule = |selector: Value| json!({"spec": {"deviceSelector": selector, "taint": {"key": "bad", "effect": "NoExecute"}}});
        inventory.taint(&[
            rule(json!({"driver": "other"})),
            rule(json!({"driver": "gpu.example.com", "device": "x"})),
        ]);
        let spoken: Vec<String> = inventory.devices[0].taints.iter().map(Taint::spoken).collect();
        assert_eq!(spoken, ["bad:NoExecute"]);
    }
}
