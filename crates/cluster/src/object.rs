//! Reading fields of objects whose kind is known only at run time.

use jiff::Timestamp;
use serde_json::Value;
use stethoscope_core::object::ObjectRef;

/// The value at a dotted path without array steps; `None` also for `null`.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// A string at a dotted path, or nothing.
pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// An integer at a dotted path.
pub(crate) fn number(object: &Value, path: &str) -> Option<i64> {
    at(object, path).and_then(Value::as_i64)
}

/// The items of an array at a dotted path.
pub(crate) fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The string pairs of a map at a dotted path.
pub(crate) fn pairs<'a>(object: &'a Value, path: &str) -> Vec<(&'a str, &'a str)> {
    let map = at(object, path).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// A time at a dotted path.
pub(crate) fn time(object: &Value, path: &str) -> Option<Timestamp> {
    text(object, path).parse().ok()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "metadata.name")
}

pub(crate) fn namespace(object: &Value) -> Option<&str> {
    Some(text(object, "metadata.namespace")).filter(|name| !name.is_empty())
}

/// `Pod shop/web-0`.
pub(crate) fn title(object: &Value) -> String {
    reference(object).to_string()
}

/// What it is.
pub(crate) fn reference(object: &Value) -> ObjectRef {
    ObjectRef {
        kind: text(object, "kind").to_owned(),
        namespace: namespace(object).map(str::to_owned),
        name: name(object).to_owned(),
    }
}

/// The owner that controls it, else its first owner: kind and name.
pub(crate) fn owner(object: &Value) -> Option<(&str, &str)> {
    let owners = items(object, "metadata.ownerReferences");
    let owner =
        owners.iter().find(|owner| owner["controller"].as_bool() == Some(true)).or_else(|| owners.first())?;
    Some((text(owner, "kind"), text(owner, "name")))
}

/// Whether the labels hold every pair of a `matchLabels` map. An empty map matches nothing here.
pub(crate) fn carries(object: &Value, wanted: &[(&str, &str)]) -> bool {
    let labels = at(object, "metadata.labels");
    !wanted.is_empty()
        && wanted
            .iter()
            .all(|(key, value)| labels.and_then(|map| map.get(*key)).and_then(Value::as_str) == Some(*value))
}

/// Whether a `LabelSelector` (matchLabels and matchExpressions) selects the labels of an object.
/// An absent selector selects nothing, an empty one everything, as upstream.
pub(crate) fn selects(selector: Option<&Value>, object: &Value) -> bool {
    let Some(selector) = selector else { return false };
    let labels = at(object, "metadata.labels");
    let label = |key: &str| labels.and_then(|map| map.get(key)).and_then(Value::as_str);
    let by_label = pairs(selector, "matchLabels").iter().all(|(key, value)| label(key) == Some(*value));
    by_label
        && items(selector, "matchExpressions").iter().all(|expression| {
            let value = label(text(expression, "key"));
            let listed =
                |value: &str| items(expression, "values").iter().any(|item| item.as_str() == Some(value));
            match text(expression, "operator") {
                "In" => value.is_some_and(listed),
                "NotIn" => !value.is_some_and(listed),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// One step of a projection path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// `[web]`, `[0]`, `[*]`.
    Item(String),
}

/// A projection path: `spec.containers[web].image`, `metadata.labels[app.kubernetes.io/name]`, `spec.ports[*].port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    /// Parses a path; a leading dot and kubectl's braces are tolerated.
    pub(crate) fn parse(path: &str) -> Self {
        let trimmed = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('.');
        let mut steps = Vec::new();
        let mut rest = trimmed;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let end = after.find(']').unwrap_or(after.len());
                steps.push(Step::Item(after[..end].trim_matches(['\'', '"']).to_owned()));
                rest = after.get(end + 1..).unwrap_or_default().trim_start_matches('.');
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                // jsonpath's `\.` stands for a dot inside a key.
                steps.push(Step::Key(rest[..end].to_owned()));
                rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
            }
        }
        Self(steps)
    }

    /// The values it leads to, in document order.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        walk(object, &self.0, &mut found);
        found
    }
}

fn walk<'a>(value: &'a Value, steps: &[Step], found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = steps.split_first() else {
        if !value.is_null() {
            found.push(value);
        }
        return;
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => {
            if let Some(inner) = map.get(key) {
                walk(inner, rest, found);
                return;
            }
            // Keys with dots (labels, annotations) were split: join until one fits.
            let mut joined = key.clone();
            for (index, step) in rest.iter().enumerate() {
                let Step::Key(next) = step else { return };
                joined.push('.');
                joined.push_str(next);
                if let Some(inner) = map.get(&joined) {
                    walk(inner, &rest[index + 1..], found);
                    return;
                }
            }
        }
        (Step::Item(key), Value::Object(map)) => {
            if key == "*" {
                for inner in map.values() {
                    walk(inner, rest, found);
                }
            } else if let Some(inner) = map.get(key) {
                walk(inner, rest, found);
            }
        }
        (Step::Item(key) | Step::Key(key), Value::Array(list)) => {
            if key == "*" {
                for inner in list {
                    walk(inner, rest, found);
                }
            } else if let Ok(index) = key.parse::<usize>() {
                if let Some(inner) = list.get(index) {
                    walk(inner, rest, found);
                }
            } else if let Some(named) = list.iter().find(|item| {
                ["name", "type", "key"].iter().any(|field| item[field].as_str() == Some(key.as_str()))
            }) {
                walk(named, rest, found);
            } else if matches!(step, Step::Key(_)) {
                for inner in list {
                    walk(inner, steps, found);
                }
            }
        }
        _ => {}
    }
}

/// A value as one cell: scalars plain, maps as `k=v,k=v`, the rest as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) if map.values().all(|inner| !inner.is_object() && !inner.is_array()) => {
            map.iter().map(|(key, inner)| format!("{key}={}", plain(inner))).collect::<Vec<_>>().join(",")
        }
        Value::Array(list) if list.iter().all(|inner| !inner.is_object() && !inner.is_array()) => {
            list.iter().map(plain).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn paths_reach_named_items_keys_with_dots_and_all_items() {
        let pod = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web", "tier": "front"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:2"}]},
        });
        let cell =
            |path: &str| Path::parse(path).find(&pod).into_iter().map(plain).collect::<Vec<_>>().join(" ");
        assert_eq!(cell("spec.containers[side].image"), "side:2");
        assert_eq!(cell("{.spec.containers[0].image}"), "web:1");
        assert_eq!(cell("spec.containers[*].image"), "web:1 side:2");
        assert_eq!(cell("spec.containers.image"), "web:1 side:2");
        assert_eq!(cell("metadata.labels.app.kubernetes.io/name"), "web");
        assert_eq!(cell("metadata.labels['app.kubernetes.io/name']"), "web");
        assert_eq!(cell("metadata.labels"), "app.kubernetes.io/name=web,tier=front");
        assert_eq!(cell("spec.nothing[7].here"), "");
    }

    #[test]
    fn selectors_match_as_upstream() {
        let pod = json!({"metadata": {"labels": {"app": "web"}}});
        let matches = |selector: Value| selects(Some(&selector), &pod);
        assert!(matches(json!({})));
        assert!(matches(json!({"matchLabels": {"app": "web"}})));
        assert!(!matches(json!({"matchLabels": {"app": "db"}})));
        assert!(matches(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]})));
        assert!(matches(json!({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]})));
        assert!(!matches(
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]})
        ));
        assert!(!selects(None, &pod));
    }
}
