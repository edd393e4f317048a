//! The table of custom resources of AI workloads: how to find them, what to show, what is bad when.

use crate::object;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use stethoscope_core::reader::{KindName, ServedKind};

pub(super) const FILE: &str = include_str!("../../data/kinds.yaml");

/// Rows; the embedded ones, and what a configuration adds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    kinds: Vec<KindRow>,
}

/// How to read one kind of object. Deserializable, so that a configuration can hold more rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindRow {
    /// API group.
    pub group: String,
    /// Plural, as in paths.
    pub plural: String,
    /// CamelCase kind.
    pub kind: String,
    /// What it belongs to, e.g. `ray`; `queue` rows are for `queue_explain`, `operator` rows for `gpu_overview`.
    #[serde(default)]
    pub family: String,
    /// Versions in order of preference.
    pub versions: Vec<String>,
    /// Where the fields are defined upstream.
    #[serde(default)]
    pub source: String,
    /// Name of a cell and the path of its value.
    #[serde(default)]
    pub show: BTreeMap<String, String>,
    /// Label selector of its pods, with `{name}`.
    #[serde(default)]
    pub pods: Option<String>,
    /// Objects that it makes.
    #[serde(default)]
    pub follow: Vec<Follow>,
    /// When it has ended well.
    #[serde(default)]
    pub done: Option<Done>,
    /// What is bad.
    #[serde(default)]
    pub bad: Vec<Rule>,
    /// What must be known to read it.
    #[serde(default)]
    pub notes: Option<String>,
}

/// Another object, by a name that a field holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// API group.
    pub group: String,
    /// Plural.
    pub plural: String,
    /// Path of the name.
    pub name: String,
}

/// A path and the values that mean the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Path.
    pub path: String,
    /// Values.
    pub is: Vec<String>,
}

/// One thing that is bad.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Where to look. A condition is judged by its status.
    pub path: String,
    /// Bad with one of these.
    #[serde(default)]
    pub is: Vec<String>,
    /// Bad with any other.
    #[serde(default)]
    pub is_not: Option<Vec<String>>,
    /// Bad when nothing is there.
    #[serde(default)]
    pub absent: bool,
    /// Bad when smaller than the number at this path.
    #[serde(default)]
    pub less_than: Option<String>,
    /// Paths quoted beside it.
    #[serde(default)]
    pub why: Vec<String>,
    /// What it means.
    pub say: String,
}

/// Something bad in an object: what the field says, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// `status.state: failed`, `HeadPodReady=False (reason: message)`.
    pub(crate) quote: String,
    pub(crate) means: String,
}

static EMBEDDED: LazyLock<Table> = LazyLock::new(|| super::embedded(FILE));

impl Table {
    /// The embedded rows, and more. A row of the same group and plural replaces the embedded one.
    pub(crate) fn with(more: Vec<KindRow>) -> Self {
        let mut table = EMBEDDED.clone();
        table.kinds.retain(|known| {
            !more.iter().any(|row| (&row.group, &row.plural) == (&known.group, &known.plural))
        });
        table.kinds.extend(more);
        table
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &KindRow> {
        self.kinds.iter()
    }

    pub(crate) fn row(&self, group: &str, plural: &str) -> Option<&KindRow> {
        self.kinds.iter().find(|row| row.group == group && row.plural == plural)
    }
}

impl KindRow {
    /// In the best version that is served; `None` when none is.
    pub(crate) fn named(&self, served: &[ServedKind]) -> Option<KindName> {
        let of_kind = || served.iter().filter(|known| known.plural == self.plural);
        let best = self
            .versions
            .iter()
            .find_map(|version| of_kind().find(|known| known.version == *version))
            .or_else(|| of_kind().next())?;
        Some(KindName::new(&self.group, &self.plural).at(&best.version))
    }

    /// `rayclusters.ray.io`.
    pub(crate) fn spoken(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Whether a person means this kind by a word.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        let word = word.trim().to_lowercase();
        let kind = self.kind.to_lowercase();
        word == kind
            || word == self.plural
            || word == self.spoken()
            || word == format!("{kind}.{}", self.group)
    }

    /// The cells of an object that have a value.
    pub(crate) fn cells(&self, object: &Value) -> BTreeMap<String, String> {
        self.show
            .iter()
            .filter_map(|(name, path)| {
                let values: Vec<String> = object::find(object, path)
                    .into_iter()
                    .map(object::plain)
                    .filter(|text| !text.is_empty())
                    .collect();
                (!values.is_empty()).then(|| (name.clone(), values.join(",")))
            })
            .collect()
    }

    /// Whether it has ended well.
    pub(crate) fn is_done(&self, object: &Value) -> bool {
        self.done.as_ref().is_some_and(|done| {
            object::find(object, &done.path).into_iter().any(|value| done.is.contains(&judged(value)))
        })
    }

    /// What is bad about an object.
    pub(crate) fn troubles(&self, object: &Value) -> Vec<Trouble> {
        if self.is_done(object) {
            return Vec::new();
        }
        let mut troubles: Vec<Trouble> = Vec::new();
        for rule in &self.bad {
            for quote in rule.quotes(object) {
                if !troubles.iter().any(|known| known.quote == quote) {
                    troubles.push(Trouble { quote, means: rule.say.clone() });
                }
            }
        }
        troubles
    }
}

/// Most values of one rule that are told.
const VALUES: usize = 5;

impl Rule {
    fn quotes(&self, object: &Value) -> Vec<String> {
        let found = object::find(object, &self.path);
        if self.absent {
            let empty = found.iter().all(|value| {
                value.as_array().is_some_and(Vec::is_empty)
                    || value.as_object().is_some_and(serde_json::Map::is_empty)
            });
            return if empty { vec![format!("{}: nothing", self.path)] } else { Vec::new() };
        }
        let limit = self
            .less_than
            .as_ref()
            .map(|path| object::find(object, path).first().and_then(|value| value.as_f64()));
        if let Some(limit) = limit {
            // Go leaves out a zero: no number beside a wanted one means none.
            let value = found.first().map_or(Some(0.0), |value| value.as_f64());
            return match (value, limit, object.get("status")) {
                (Some(value), Some(limit), Some(_)) if value < limit => {
                    vec![format!("{}: {value} of {limit}", self.path)]
                }
                _ => Vec::new(),
            };
        }
        let why: Vec<String> = self
            .why
            .iter()
            .flat_map(|path| object::find(object, path))
            .map(object::plain)
            .filter(|text| !text.is_empty())
            .take(VALUES)
            .collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(": ")) };
        found
            .into_iter()
            .filter(|value| {
                let judged = judged(value);
                self.is.contains(&judged) || self.is_not.as_ref().is_some_and(|fine| !fine.contains(&judged))
            })
            .take(VALUES)
            .map(|value| match value {
                Value::Object(_) => format!("{}{why}", object::spoken_condition(value)),
                _ => format!("{}: {}{why}", self.path, object::plain(value)),
            })
            .collect()
    }
}

/// A condition's status, or the value as text.
fn judged(value: &Value) -> String {
    match value {
        Value::Object(map) => map.get("status").and_then(Value::as_str).unwrap_or_default().to_owned(),
        other => object::plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use stethoscope_core::reader::Scope;

    fn row(plural: &str, group: &str) -> &'static KindRow {
        EMBEDDED.row(group, plural).unwrap()
    }

    fn told(plural: &str, group: &str, object: &Value) -> Vec<String> {
        row(plural, group).troubles(object).into_iter().map(|trouble| trouble.quote).collect()
    }

    #[test]
    fn every_row_is_whole() {
        let rows: Vec<&KindRow> = EMBEDDED.rows().collect();
        assert!(rows.len() > 40);
        for row in &rows {
            assert!(
                !row.versions.is_empty() && !row.family.is_empty() && !row.source.is_empty(),
                "{}",
                row.spoken()
            );
            for rule in &row.bad {
                let kinds = usize::from(!rule.is.is_empty())
                    + usize::from(rule.is_not.is_some())
                    + usize::from(rule.absent)
                    + usize::from(rule.less_than.is_some());
                assert_eq!(kinds, 1, "{}: {}", row.spoken(), rule.path);
            }
            for follow in &row.follow {
                assert!(EMBEDDED.row(&follow.group, &follow.plural).is_some(), "{}", row.spoken());
            }
        }
        let mut names: Vec<String> = rows.iter().map(|row| row.spoken()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
    }

    #[test]
    fn an_object_without_status_and_a_hostile_one_are_not_bad_and_do_not_break() {
        for row in EMBEDDED.rows().filter(|row| !row.bad.iter().any(|rule| rule.absent)) {
            for object in
                [json!({}), json!(null), json!([1]), json!({"status": {"conditions": "x", "state": [[]]}})]
            {
                assert_eq!(row.troubles(&object), Vec::new(), "{}", row.spoken());
            }
        }
    }

    #[test]
    fn a_head_that_is_not_ready_and_missing_workers_are_told() {
        let cluster = json!({"status": {"conditions": [
            {"type": "HeadPodReady", "status": "False", "reason": "HeadPodNotFound", "message": "gone"}],
            "desiredWorkerReplicas": 3}});
        assert_eq!(
            told("rayclusters", "ray.io", &cluster),
            ["HeadPodReady=False (HeadPodNotFound: gone)", "status.readyWorkerReplicas: 0 of 3"]
        );
    }

    #[test]
    fn ready_with_nothing_deployed_is_told() {
        let policy = json!({"status": {"state": "ready", "conditions": [
            {"type": "Ready", "status": "True", "reason": "NFDLabelsMissing", "message": "No NFD labels found"}]}});
        assert_eq!(
            told("clusterpolicies", "nvidia.com", &policy),
            ["status.conditions[type=Ready].reason: NFDLabelsMissing"]
        );
    }

    #[test]
    fn a_status_that_nobody_writes_is_not_bad() {
        let objective = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Pending",
            "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"}]}});
        assert_eq!(told("inferenceobjectives", "llm-d.ai", &objective), Vec::<String>::new());
        assert!(row("inferenceobjectives", "llm-d.ai").notes.is_some());
    }

    #[test]
    fn what_has_ended_well_has_no_troubles() {
        let job = json!({"status": {"jobDeploymentStatus": "Complete", "jobStatus": "STOPPED"}});
        assert_eq!(told("rayjobs", "ray.io", &job), Vec::<String>::new());
    }

    #[test]
    fn the_best_served_version_is_taken_and_any_other_before_none() {
        let served = |version: &str| ServedKind {
            version: version.to_owned(),
            plural: "podgroups".to_owned(),
            kind: "PodGroup".to_owned(),
            scope: Scope::Namespaced,
        };
        let row = row("podgroups", "scheduling.k8s.io");
        let version = |served: &[ServedKind]| row.named(served).and_then(|name| name.version);
        assert_eq!(version(&[served("v1alpha2"), served("v1beta1")]).as_deref(), Some("v1beta1"));
        assert_eq!(version(&[served("v2")]).as_deref(), Some("v2"));
        assert_eq!(version(&[]), None);
    }

    #[test]
    fn a_row_of_a_configuration_replaces_ours() {
        let more: Table = serde_saphyr::from_str(
            "kinds:\n- {group: ray.io, plural: rayclusters, kind: RayCluster, versions: [v9]}\n- {group: x.io, plural: ys, kind: Y, versions: [v1]}",
        )
        .unwrap();
        let table = Table::with(more.kinds);
        assert_eq!(
            table.row("ray.io", "rayclusters").map(|row| row.versions.clone()),
            Some(vec!["v9".to_owned()])
        );
        assert_eq!(table.rows().count(), EMBEDDED.rows().count() + 1);
    }
}
