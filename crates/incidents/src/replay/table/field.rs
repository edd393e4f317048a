//! Reading recorded objects for printing.

use super::duration;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// What upstream prints for an empty cell.
pub(super) const NONE: &str = "<none>";

/// An object to print, at the moment of the capture.
#[derive(Clone, Copy)]
pub(super) struct Printed<'a> {
    pub(super) object: &'a Value,
    pub(super) now: Timestamp,
}

impl<'a> Printed<'a> {
    pub(super) fn text(self, pointer: &str) -> &'a str {
        text(self.object, pointer)
    }

    pub(super) fn text_or(self, pointer: &str, absent: &'a str) -> &'a str {
        let found = self.text(pointer);
        if found.is_empty() { absent } else { found }
    }

    pub(super) fn int(self, pointer: &str) -> i64 {
        int(self.object, pointer)
    }

    pub(super) fn int_or(self, pointer: &str, absent: i64) -> i64 {
        self.object.pointer(pointer).and_then(Value::as_i64).unwrap_or(absent)
    }

    pub(super) fn list(self, pointer: &str) -> &'a [Value] {
        list(self.object, pointer)
    }

    pub(super) fn has(self, pointer: &str) -> bool {
        self.object.pointer(pointer).is_some_and(|v| !v.is_null())
    }

    pub(super) fn name(self) -> &'a str {
        self.text("/metadata/name")
    }

    /// Time since the creation.
    pub(super) fn age(self) -> String {
        self.since("/metadata/creationTimestamp")
    }

    pub(super) fn since(self, pointer: &str) -> String {
        duration::since(self.now, Some(self.text(pointer)).filter(|t| !t.is_empty()))
    }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn int(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A scalar as Go's `%v` prints it.
pub(super) fn scalar(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `labels.FormatLabels`: `a=b,c=d`, sorted, or `<none>`.
pub(super) fn labels(map: Option<&Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = map.and_then(Value::as_object).into_iter().flatten().collect();
    if sorted.is_empty() {
        return NONE.to_owned();
    }
    join(sorted.into_iter().map(|(key, value)| format!("{key}={}", scalar(Some(value)))))
}

/// The canonical text of a metav1.LabelSelector, empty for one that selects all or nothing.
pub(super) fn selector(selector: Option<&Value>) -> String {
    let mut parts: Vec<(String, String)> = Vec::new();
    let matching = selector.and_then(|s| s.get("matchLabels")?.as_object());
    for (key, value) in matching.into_iter().flatten() {
        parts.push((key.clone(), format!("{key}={}", scalar(Some(value)))));
    }
    for rule in selector.map(|s| list(s, "/matchExpressions")).unwrap_or_default() {
        let key = text(rule, "/key");
        let mut values: Vec<&str> = list(rule, "/values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let shown = match text(rule, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        };
        parts.push((key.to_owned(), shown));
    }
    parts.sort();
    join(parts.into_iter().map(|(_, shown)| shown))
}

/// `metav1.FormatLabelSelector`: as [`selector`], with `<none>` for the empty one.
pub(super) fn selector_or_none(value: Option<&Value>) -> String {
    let shown = selector(value);
    if shown.is_empty() { NONE.to_owned() } else { shown }
}

/// Names and images of a pod template's containers.
pub(super) fn containers(object: &Value, pointer: &str) -> (String, String) {
    let containers = list(object, pointer);
    (
        join(containers.iter().map(|c| text(c, "/name").to_owned())),
        join(containers.iter().map(|c| text(c, "/image").to_owned())),
    )
}

pub(super) fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// The first items of a list and how many more there are, as upstream shortens endpoints and hosts.
pub(super) fn shortened(all: &[String], most: usize) -> String {
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>().join(",");
    match all.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{shown} + {more} more..."),
        _ => shown,
    }
}
