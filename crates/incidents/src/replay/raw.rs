//! One field of encoded JSON without decoding the rest.

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The value under a key of an object.
fn field<'a>(json: &'a str, key: &str) -> Option<&'a RawValue> {
    struct Wanted<'k>(&'k str);
    impl<'de> Visitor<'de> for Wanted<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                if key == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Wanted(key)).ok().flatten()
}

/// The encoded value at a dotted path.
pub(crate) fn at<'a>(json: &'a [u8], path: &str) -> Option<&'a RawValue> {
    let text = std::str::from_utf8(json).ok()?;
    let mut parts = path.split('.');
    let mut found = field(text, parts.next()?)?;
    for part in parts {
        found = field(found.get(), part)?;
    }
    Some(found)
}

/// The scalar at a dotted path as a field selector compares it; empty when absent, as upstream's field sets have it.
pub(crate) fn text_at(json: &[u8], path: &str) -> String {
    let Some(raw) = at(json, path) else { return String::new() };
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) => text,
        Ok(Value::Bool(flag)) => flag.to_string(),
        Ok(Value::Number(number)) => number.to_string(),
        Ok(Value::Null | Value::Array(_) | Value::Object(_)) | Err(_) => String::new(),
    }
}
