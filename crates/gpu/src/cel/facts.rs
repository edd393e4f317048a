//! A device as CEL sees it.

use super::env::{ENV, QuantityValue, SemverValue};
use super::semver::Semver;
use crate::quantity::Quantity;
use ::cel::common::traits::{Container, Indexer, Iterable, Sizer};
use ::cel::common::types::{CelBool, CelInt, CelMap, CelMapKey, CelString, MAP_TYPE, Type};
use ::cel::common::value::{CowVal, StaticVal, Val};
use ::cel::{Context, ExecutionError};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A device attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Bool(bool),
    Int(i64),
    Text(String),
    Version(Semver),
}

/// How many claims can hold a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    One,
    Several,
}

/// What a selector can ask of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) driver: String,
    attributes: BTreeMap<String, BTreeMap<String, Attribute>>,
    capacities: BTreeMap<String, BTreeMap<String, Quantity>>,
    pub(crate) allow_multiple_allocations: bool,
}

impl Facts {
    /// A device without attributes. Whether several claims can hold it at once is a property of it.
    pub(crate) fn of(driver: &str, sharing: Sharing) -> Self {
        Self {
            driver: driver.to_owned(),
            allow_multiple_allocations: sharing == Sharing::Several,
            ..Self::default()
        }
    }

    /// Adds an attribute.
    pub(crate) fn attribute(&mut self, domain: &str, name: &str, value: Attribute) {
        self.attributes.entry(domain.to_owned()).or_default().insert(name.to_owned(), value);
    }

    /// Adds a capacity.
    pub(crate) fn capacity(&mut self, domain: &str, name: &str, value: Quantity) {
        self.capacities.entry(domain.to_owned()).or_default().insert(name.to_owned(), value);
    }

    /// An attribute by domain and name.
    pub(crate) fn attribute_of(&self, domain: &str, name: &str) -> Option<&Attribute> {
        self.attributes.get(domain)?.get(name)
    }

    /// A capacity by domain and name.
    pub(crate) fn capacity_of(&self, domain: &str, name: &str) -> Option<Quantity> {
        self.capacities.get(domain)?.get(name).copied()
    }

    /// Every attribute with its domain and name.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str, &Attribute)> {
        flat(&self.attributes)
    }

    /// Every capacity with its domain and name.
    pub(crate) fn capacities(&self) -> impl Iterator<Item = (&str, &str, &Quantity)> {
        flat(&self.capacities)
    }

    /// The variables of a selector; `None` only if the environment could not be built.
    pub(crate) fn context(&self) -> Option<Context<'static, 'static>> {
        let env = ENV.as_ref()?;
        let attributes = domains(&self.attributes, |value| match value {
            Attribute::Bool(value) => Box::new(CelBool::from(*value)),
            Attribute::Int(value) => Box::new(CelInt::from(*value)),
            Attribute::Text(value) => Box::new(CelString::from(value.clone())),
            Attribute::Version(value) => Box::new(SemverValue(value.clone())),
        });
        let capacities = domains(&self.capacities, |value| Box::new(QuantityValue(*value)));
        let mut device = Fields::with_capacity(4);
        device.insert(key("driver"), Box::new(CelString::from(self.driver.clone())));
        device.insert(key("attributes"), Box::new(attributes));
        device.insert(key("capacity"), Box::new(capacities));
        device.insert(
            key("allowMultipleAllocations"),
            Box::new(CelBool::from(self.allow_multiple_allocations)),
        );
        let mut context = Context::with_env(Arc::clone(env));
        context.add_variable_as_val("device", Box::new(CelMap::from(device)));
        Some(context)
    }
}

fn flat<T>(values: &BTreeMap<String, BTreeMap<String, T>>) -> impl Iterator<Item = (&str, &str, &T)> {
    values.iter().flat_map(|(domain, names)| {
        names.iter().map(move |(name, value)| (domain.as_str(), name.as_str(), value))
    })
}

type Fields = HashMap<CelMapKey<'static>, Box<dyn Val>>;

fn key(name: &str) -> CelMapKey<'static> {
    CelMapKey::from(name.to_owned())
}

fn domains<T>(values: &BTreeMap<String, BTreeMap<String, T>>, value: impl Fn(&T) -> Box<dyn Val>) -> Domains {
    let known: Fields = values
        .iter()
        .map(|(domain, names)| {
            let names: Fields = names.iter().map(|(name, known)| (key(name), value(known))).collect();
            (key(domain), Box::new(CelMap::from(names)) as Box<dyn Val>)
        })
        .collect();
    Domains { known: CelMap::from(known), none: CelMap::from(Fields::new()) }
}

/// A map whose missing keys are empty maps, as upstream's mapper: `device.attributes['other'].x` fails at `x`.
#[derive(Clone, Debug)]
struct Domains {
    known: CelMap<'static>,
    none: CelMap<'static>,
}

impl Val for Domains {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(&self.known)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(&self.known)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(&self.known)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Domains {}

impl Indexer for Domains {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match self.known.get(index) {
            Err(ExecutionError::NoSuchKey(_)) => Ok(CowVal::Borrowed(&self.none)),
            found => found,
        }
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}
