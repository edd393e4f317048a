//! Protobuf's JSON, read leniently: numbers may be text, enumerations names or numbers, anything may be null.
//!
//! Functions for serde's `deserialize_with` and `serialize_with`.

use crate::time::{from_nanos, nanos, parse_nanos, show_nanos};
use crate::words::Words;
use prost_types::Timestamp;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// Whether a field has its default, which protobuf's JSON leaves out.
pub fn absent<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A value or null.
pub fn or_null<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// An integer given as a number, as text or as null; what does not fit the type becomes 0.
pub fn number<'de, T: TryFrom<i128> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Integer).map(|value| T::try_from(value).unwrap_or_default())
}

/// The code of an enumeration given by name or number. A name that is not known becomes 0.
pub fn code<'de, W: Words, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    deserializer.deserialize_any(Code::<W>(PhantomData))
}

/// Codes of an enumeration.
pub fn codes<'de, W: Words, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i32>, D::Error> {
    struct One<W>(i32, PhantomData<W>);
    impl<'de, W: Words> Deserialize<'de> for One<W> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            code::<W, D>(deserializer).map(|code| Self(code, PhantomData))
        }
    }
    let codes: Vec<One<W>> = or_null(deserializer)?;
    Ok(codes.into_iter().map(|one| one.0).collect())
}

/// A time as RFC 3339 text, or null. What is no time is an error.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<std::borrow::Cow<'de, str>> = Option::deserialize(deserializer)?;
    match text {
        None => Ok(None),
        Some(text) => parse_nanos(&text)
            .map(|nanos| Some(from_nanos(nanos)))
            .ok_or_else(|| D::Error::custom("a time is not RFC 3339")),
    }
}

/// A wrapped boolean: `true`, `false`, null, or `{"value": true}` as some encoders write it.
pub fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(Truth)
}

/// 64-bit integers are text in protobuf's JSON.
pub fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// An enumeration by name where the code is known, as a number otherwise.
pub fn as_name<W: Words, S: Serializer>(code: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    match W::name(*code) {
        Some(name) => serializer.serialize_str(name),
        None => serializer.serialize_i32(*code),
    }
}

/// A time as RFC 3339.
pub fn as_time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&show_nanos(nanos(time))),
        None => serializer.serialize_none(),
    }
}

struct Truth;

impl<'de> Visitor<'de> for Truth {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<bool>, E> {
        Ok(Some(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<bool>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<bool>, A::Error> {
        // An empty wrapper is false: zero values are left out.
        let mut value = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "value" {
                value = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(value))
    }
}

struct Integer;

impl<'de> Visitor<'de> for Integer {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i128, E> {
        Ok(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i128, E> {
        Ok(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<i128, E> {
        // Saturates; NaN becomes 0.
        Ok(value as i128)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<i128, E> {
        Ok(i128::from(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().map_err(|_| E::custom("a number is not a number"))
    }

    fn visit_unit<E: Error>(self) -> Result<i128, E> {
        Ok(0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<i128, A::Error> {
        // {"value": 1}: a wrapped number.
        let mut value = 0;
        while let Some(key) = map.next_key::<String>()? {
            if key == "value" {
                value = map.next_value::<i64>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(i128::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<i128, A::Error> {
        Err(A::Error::custom("a number is a list"))
    }
}

struct Code<W>(PhantomData<W>);

impl<W: Words> Visitor<'_> for Code<W> {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of an enumeration's value")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i32, E> {
        Ok(i32::try_from(value).unwrap_or_default())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i32, E> {
        Ok(i32::try_from(value).unwrap_or_default())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<i32, E> {
        Ok(value as i32)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<i32, E> {
        Ok(W::code(name).or_else(|| name.trim().parse().ok()).unwrap_or_default())
    }

    fn visit_unit<E: Error>(self) -> Result<i32, E> {
        Ok(0)
    }
}
