//! What every object carries, and the small containers that keep views lean.

use jiff::Timestamp;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::quantity::Quantity;

/// An object's metadata, without managedFields.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Name.
    pub name: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Labels.
    pub labels: Labels,
    /// Annotations that detectors read; the rest is dropped while parsing.
    #[serde(deserialize_with = "known_annotations")]
    pub annotations: Labels,
    /// Owners.
    pub owner_references: List<Owner>,
    /// When it was created.
    #[serde(deserialize_with = "time")]
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion was asked for.
    #[serde(deserialize_with = "time")]
    pub deletion_timestamp: Option<Timestamp>,
    /// What must be done before it may go.
    pub finalizers: List<String>,
    /// Counts changes of the spec.
    pub generation: i64,
}

impl Meta {
    /// The controlling owner, or the first one.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller).or_else(|| self.owner_references.first())
    }
}

/// An owner reference.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Owner {
    /// Kind.
    pub kind: String,
    /// Name, in the same namespace.
    pub name: String,
    /// Whether it manages the object.
    pub controller: bool,
}

/// A list; `null` is an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(Box<[T]>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> std::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items.into())
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or null")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(List(items.into()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_none<E: de::Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }
        }
        deserializer.deserialize_any(Items(PhantomData))
    }
}

/// Names with values, ordered by name: labels, selectors, resource amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs<V>(Box<[(Box<str>, V)]>);

/// Labels, or an equality selector.
pub type Labels = Pairs<Box<str>>;

/// Amounts by resource name.
pub type Amounts = Pairs<Quantity>;

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<V> Pairs<V> {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        let at = self.0.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Names with values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K: Into<Box<str>>, V> FromIterator<(K, V)> for Pairs<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all: Vec<(Box<str>, V)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(all.into())
    }
}

impl Labels {
    /// The value under a name as plain text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| &**value)
    }

    /// Whether these labels carry every pair of an equality selector.
    pub fn carry(&self, selector: &Labels) -> bool {
        selector.iter().all(|(name, value)| self.get(name) == Some(value))
    }

    /// `a=b,c=d`.
    pub fn written(&self) -> String {
        let pairs: Vec<String> = self.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(",")
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor { keep: |_| true, value: PhantomData })
    }
}

struct PairsVisitor<V> {
    keep: fn(&str) -> bool,
    value: PhantomData<V>,
}

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
        let mut pairs: Vec<(String, V)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if (self.keep)(&name) {
                if let Some(value) = map.next_value::<Option<V>>()? {
                    pairs.push((name, value));
                }
            } else {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(pairs.into_iter().collect())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Pairs<V>, E> {
        Ok(Pairs::default())
    }

    fn visit_none<E: de::Error>(self) -> Result<Pairs<V>, E> {
        Ok(Pairs::default())
    }
}

/// Annotations that a detector reads. Everything else (above all `last-applied-configuration`) is dropped unread.
const ANNOTATIONS: &[&str] = &[
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/change-cause",
    "storageclass.kubernetes.io/is-default-class",
    "ingressclass.kubernetes.io/is-default-class",
    "kubernetes.io/ingress.class",
    "storageclass.beta.kubernetes.io/is-default-class",
    "volume.beta.kubernetes.io/storage-class",
    "volume.kubernetes.io/selected-node",
    "kubernetes.io/ingress.class",
    "kubernetes.io/config.mirror",
];

fn known_annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    deserializer.deserialize_any(PairsVisitor {
        keep: |name| ANNOTATIONS.contains(&name),
        value: PhantomData::<Box<str>>,
    })
}

/// A list without the items that say nothing, so that 100,000 of them stay small.
pub(super) fn kept<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    keep: fn(&T) -> bool,
) -> Result<List<T>, D::Error> {
    let all = List::<T>::deserialize(deserializer)?;
    Ok(List(all.0.into_vec().into_iter().filter(keep).collect()))
}

/// A time; what is no RFC 3339 time counts as absent, because one odd field must not hide the object.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Option<Timestamp>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time or null")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.parse().ok())
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(self)
        }
    }
    deserializer.deserialize_any(Text)
}

/// The names of a map's keys; the values are skipped unread.
pub(super) fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Box<str>>, D::Error> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = List<Box<str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map or null")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some(key) = map.next_key::<String>()? {
                map.next_value::<de::IgnoredAny>()?;
                keys.push(key.into());
            }
            Ok(List(keys.into()))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(List::default())
        }

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(List::default())
        }
    }
    deserializer.deserialize_any(Keys)
}

/// A port or a count that may be a number or a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntOrName {
    /// A number.
    Int(i64),
    /// A port's name, or a percentage.
    Name(Box<str>),
}

impl Default for IntOrName {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl fmt::Display for IntOrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = IntOrName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a name")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrName, E> {
                Ok(IntOrName::Int(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrName, E> {
                Ok(IntOrName::Int(number as i64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<IntOrName, E> {
                Ok(IntOrName::Int(number as i64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrName, E> {
                Ok(text.parse().map_or_else(|_| IntOrName::Name(text.into()), IntOrName::Int))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A status condition.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// E.g. `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// CamelCase reason.
    pub reason: String,
    /// Words for people.
    pub message: String,
    /// Since when it is so.
    #[serde(deserialize_with = "time")]
    pub last_transition_time: Option<Timestamp>,
    /// When a node last said so.
    #[serde(deserialize_with = "time")]
    pub last_heartbeat_time: Option<Timestamp>,
}
