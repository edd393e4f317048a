//! A walk through JSON that remembers where it is and which fields nobody asked for.

use crate::model::{Problem, ProblemKind};
use serde_json::{Map, Value};
use stethoscope_core::object::ObjectRef;

/// More problems of one policy than anyone reads; the last one says how many were left out.
const MOST_PROBLEMS: usize = 50;

/// Problems of one policy.
pub(super) struct Report {
    policy: ObjectRef,
    problems: Vec<Problem>,
    left_out: usize,
}

impl Report {
    pub(super) fn new(policy: ObjectRef) -> Self {
        Self { policy, problems: Vec::new(), left_out: 0 }
    }

    pub(super) fn say(&mut self, path: &str, kind: ProblemKind, says: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            let (policy, path) = (self.policy.clone(), path.to_owned());
            self.problems.push(Problem { policy, path, kind, says: says.into() });
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn malformed(&mut self, path: &str, says: impl Into<String>) {
        self.say(path, ProblemKind::Malformed, says);
    }

    pub(super) fn finish(mut self) -> Vec<Problem> {
        if self.left_out > 0 {
            self.problems.push(Problem {
                policy: self.policy,
                path: String::new(),
                kind: ProblemKind::Malformed,
                says: format!("{} more problems are not listed", self.left_out),
            });
        }
        self.problems
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct At<'v> {
    pub(super) value: &'v Value,
    pub(super) path: String,
}

impl<'v> At<'v> {
    pub(super) fn fields(&self, report: &mut Report) -> Option<Fields<'v>> {
        let Value::Object(map) = self.value else {
            report.malformed(&self.path, format!("{} where an object belongs", sort(self.value)));
            return None;
        };
        Some(Fields { map, path: self.path.clone(), taken: Vec::new() })
    }

    pub(super) fn list(&self, report: &mut Report) -> Option<Vec<Self>> {
        let Value::Array(items) = self.value else {
            report.malformed(&self.path, format!("{} where a list belongs", sort(self.value)));
            return None;
        };
        let place = |(index, value)| Self { value, path: format!("{}[{index}]", self.path) };
        Some(items.iter().enumerate().map(place).collect())
    }

    pub(super) fn text(&self, report: &mut Report) -> Option<&'v str> {
        let text = self.value.as_str();
        if text.is_none() {
            report.malformed(&self.path, format!("{} where text belongs", sort(self.value)));
        }
        text
    }

    pub(super) fn integer(&self, report: &mut Report) -> Option<i64> {
        let integer = self.value.as_i64();
        if integer.is_none() {
            report.malformed(&self.path, format!("{} where a whole number belongs", sort(self.value)));
        }
        integer
    }

    pub(super) fn flag(&self, report: &mut Report) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            report.malformed(&self.path, format!("{} where true or false belongs", sort(self.value)));
        }
        flag
    }

    /// A port number, 0 excluded.
    pub(super) fn port(&self, report: &mut Report) -> Option<u16> {
        let number = self.integer(report)?;
        let port = u16::try_from(number).ok().filter(|port| *port > 0);
        if port.is_none() {
            report.malformed(&self.path, format!("{number} is no port"));
        }
        port
    }
}

/// An object whose fields are taken one by one.
pub(super) struct Fields<'v> {
    map: &'v Map<String, Value>,
    pub(super) path: String,
    taken: Vec<&'static str>,
}

impl<'v> Fields<'v> {
    /// A field; `null` counts as absent, as in Kubernetes.
    pub(super) fn take(&mut self, key: &'static str) -> Option<At<'v>> {
        self.taken.push(key);
        let value = self.map.get(key).filter(|value| !value.is_null())?;
        Some(At { value, path: format!("{}.{key}", self.path) })
    }

    /// Fields that never change a verdict.
    pub(super) fn skip(&mut self, keys: &[&'static str]) {
        self.taken.extend(keys);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.values().all(Value::is_null)
    }

    /// Reports the fields that nobody took; the first of them in words, because what has them is undecided.
    pub(super) fn close(self, report: &mut Report) -> Option<String> {
        let mut doubt = None;
        for (key, value) in self.map {
            if value.is_null() || self.taken.contains(&key.as_str()) {
                continue;
            }
            let key: String = key.chars().take(80).collect();
            report.say(
                &format!("{}.{key}", self.path),
                ProblemKind::Unsupported,
                "a field that is not known and not evaluated",
            );
            doubt.get_or_insert(format!("field {key} is not evaluated"));
        }
        doubt
    }
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
