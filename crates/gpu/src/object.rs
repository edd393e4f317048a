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

/// The entries of a map at a dotted path.
pub(crate) fn entries<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    at(object, path)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
}

/// A time at a dotted path.
pub(crate) fn time(object: &Value, path: &str) -> Option<Timestamp> {
    text(object, path).parse().ok()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "metadata.name")
}

pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "metadata.namespace")
}

/// A label's value; keys hold dots, so no path reaches them.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

/// An annotation's value.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// What it is.
pub(crate) fn reference(object: &Value) -> ObjectRef {
    ObjectRef {
        kind: text(object, "kind").to_owned(),
        namespace: Some(namespace(object)).filter(|name| !name.is_empty()).map(str::to_owned),
        name: name(object).to_owned(),
    }
}

/// `Pod shop/web-0`.
pub(crate) fn title(object: &Value) -> String {
    reference(object).to_string()
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "status.conditions").iter().find(|condition| text(condition, "type") == kind)
}

/// `Ready=False (OperandNotReady: …)`.
pub(crate) fn spoken_condition(condition: &Value) -> String {
    let (reason, message) = (text(condition, "reason"), text(condition, "message"));
    let why = match (reason.is_empty(), message.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" ({reason})"),
        (true, false) => format!(" ({})", cut(message)),
        (false, false) => format!(" ({reason}: {})", cut(message)),
    };
    format!("{}={}{why}", text(condition, "type"), text(condition, "status"))
}

/// Longest message that is passed on.
const LONGEST: usize = 300;

/// A message on one line and no longer than is useful.
pub(crate) fn cut(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let head: String = line.chars().take(LONGEST).collect();
    format!("{head}…")
}

/// A value as one cell.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}

/// Whether a pod still holds its resources.
pub(crate) fn is_live(pod: &Value) -> bool {
    !matches!(text(pod, "status.phase"), "Succeeded" | "Failed")
}

/// The values a path leads to, in document order. Steps: `a.b`, `a[*]` (every item or value), `a[key=value]` (items with
/// that), `a[key.with/dots]`.
pub(crate) fn find<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![object];
    for step in steps(path) {
        found = found.into_iter().flat_map(|value| take(value, step)).collect();
        if found.is_empty() {
            break;
        }
    }
    found.retain(|value| !value.is_null());
    found
}

/// Splits at dots outside brackets, and before each bracket.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        let end = if rest.starts_with('[') {
            rest.find(']').map_or(rest.len(), |end| end + 1)
        } else {
            rest.find(['.', '[']).unwrap_or(rest.len())
        };
        let (step, after) = rest.split_at(end);
        rest = after;
        Some(step)
    })
}

fn take<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    let Some(inner) = step.strip_prefix('[').and_then(|step| step.strip_suffix(']')) else {
        return value.get(step).into_iter().collect();
    };
    let all: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    };
    match inner.split_once('=') {
        None if inner == "*" => all,
        None => value.get(inner).into_iter().collect(),
        Some((key, wanted)) => all.into_iter().filter(|item| item[key].as_str() == Some(wanted)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn paths_reach_all_items_chosen_items_and_map_values() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "A", "status": "True"}],
            "parents": {"one": {"state": "x"}, "two": {"state": "y"}}}});
        let cells = |path: &str| find(&object, path).into_iter().map(plain).collect::<Vec<_>>();
        assert_eq!(cells("status.conditions[type=Ready].status"), ["False"]);
        assert_eq!(cells("status.conditions[*].type"), ["Ready", "A"]);
        assert_eq!(cells("status.parents[*].state"), ["x", "y"]);
        assert_eq!(cells("status.parents[two].state"), ["y"]);
        for path in ["status.none[*].x", "status.conditions[type=B].status", "[", "status[", "..", ""] {
            let told = cells(path);
            assert!(told.len() <= 1, "{path}: {told:?}");
        }
    }
}
