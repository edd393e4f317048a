//! `suite.yaml`: which incidents, which models, how foreign labels map to our causes.
//!
//! ```yaml
//! name: core                            # default: the file's name
//! description: incidents of our own
//! incidents: ../incidents               # a directory of bundles, a bundle, a glob, or a list of these
//! labels: {their_label: [our.cause]}    # absent: the expectation's own `cause` decides
//! subjects: {app: [Deployment, Pod]}    # which kinds a foreign `app/x` stands for
//! models: [builtin]
//! repeat: 1
//! limits: {turns: 30, seconds: 120}
//! filter: checkout                      # cases whose name, label or cause contains it; `*` is a wildcard
//! variants: {seed: 1, kinds: [rename, clock, distract, swap, ablate, canaries]}
//! thresholds: {cause_at_1: 0.95}        # floors for CI, see `Thresholds`
//! ```
//!
//! Unknown keys are errors. Relative paths count from the suite's directory; where nothing is there, from the working
//! directory that the caller names, so that a suite can point beside the project.

use crate::error::EvalError;
use crate::paths;
use crate::variants::Variants;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stethoscope_agent::Limits;

/// Bytes of a suite file that are read.
const LONGEST_SUITE: u64 = 4 << 20;
/// Most runs of each case.
const MOST_REPEATS: u32 = 1_000;

/// A suite, read and checked.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// What it measures.
    pub description: Option<String>,
    /// Paths of its bundles, sorted, each once.
    pub incidents: Vec<PathBuf>,
    /// How expectations are read.
    pub mapping: Mapping,
    /// Models to ask when the caller names none.
    pub models: Vec<String>,
    /// Runs of each case.
    pub repeat: u32,
    /// Bounds of each investigation.
    pub limits: Limits,
    /// Cases to run when the caller names no filter.
    pub filter: Option<String>,
    /// Variants to score beside the originals.
    pub variants: Variants,
    /// Floors for CI.
    pub thresholds: Thresholds,
}

/// From foreign words to ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Causes that are right for a label. A label with no cause is one that nothing of ours can name yet: it counts as wrong.
    pub labels: BTreeMap<String, Vec<String>>,
    /// Kinds that a foreign kind of subject stands for.
    pub subjects: BTreeMap<String, Vec<String>>,
}

/// Floors and ceilings that a run must keep, each optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Least share right at rank 1.
    pub cause_at_1: Option<f64>,
    /// Least share right within rank 3.
    pub cause_at_3: Option<f64>,
    /// Least share of right verdicts.
    pub verdict: Option<f64>,
    /// Least share of quotes that are verified.
    pub evidence_verified: Option<f64>,
    /// Highest Brier score.
    pub brier: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    incidents: OneOrMany,
    #[serde(default)]
    labels: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    subjects: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    repeat: Option<u32>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    variants: Variants,
    #[serde(default)]
    thresholds: Thresholds,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    turns: Option<u32>,
    tool_calls: Option<u32>,
    tokens: Option<u64>,
    seconds: Option<f64>,
    cost: Option<f64>,
}

/// Where the incidents come from, and where relative paths count from.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The working directory.
    pub working_directory: PathBuf,
    /// Replaces the suite's own `incidents`: paths or globs, relative to the working directory.
    pub incidents: Vec<String>,
}

impl Suite {
    /// Reads a suite and finds its bundles. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or has an unknown key or value, or when a path names no bundle.
    pub fn load(path: &Path, place: &Place) -> Result<Self, EvalError> {
        let io = |source| EvalError::Io { doing: "read", path: path.to_owned(), source };
        let wrong = |why: String| EvalError::Suite { path: path.to_owned(), why };
        let length = std::fs::metadata(path).map_err(io)?.len();
        if length > LONGEST_SUITE {
            return Err(wrong(format!("it has {length} bytes; {LONGEST_SUITE} are the most")));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let file: File = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let name = match &file.name {
            Some(name) => name.clone(),
            None => path
                .file_stem()
                .map_or_else(|| "suite".to_owned(), |stem| stem.to_string_lossy().into_owned()),
        };
        let directory = path.parent().unwrap_or(Path::new("."));
        let incidents = if place.incidents.is_empty() {
            let patterns = match &file.incidents {
                OneOrMany::None => {
                    return Err(wrong(
                        "it names no incidents; add `incidents:` or name a directory".to_owned(),
                    ));
                }
                OneOrMany::One(one) => std::slice::from_ref(one),
                OneOrMany::Many(many) => many.as_slice(),
            };
            paths::bundles(patterns, &[directory, &place.working_directory])?
        } else {
            paths::bundles(&place.incidents, &[&place.working_directory])?
        };
        check(&file).map_err(wrong)?;
        Ok(Self {
            name,
            description: file.description,
            incidents,
            mapping: Mapping { labels: file.labels, subjects: file.subjects },
            models: if file.models.is_empty() {
                vec![stethoscope_models::builtin::BUILTIN.to_owned()]
            } else {
                file.models
            },
            repeat: file.repeat.unwrap_or(1),
            limits: file.limits.over(Limits::default()),
            filter: file.filter,
            variants: file.variants,
            thresholds: file.thresholds,
        })
    }

    /// A suite of these bundles and nothing else.
    pub fn of(name: &str, incidents: Vec<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            incidents,
            mapping: Mapping::default(),
            models: vec![stethoscope_models::builtin::BUILTIN.to_owned()],
            repeat: 1,
            limits: Limits::default(),
            filter: None,
            variants: Variants::default(),
            thresholds: Thresholds::default(),
        }
    }
}

impl LimitsFile {
    fn over(&self, limits: Limits) -> Limits {
        Limits {
            turns: self.turns.unwrap_or(limits.turns).max(1),
            tool_calls: self.tool_calls.unwrap_or(limits.tool_calls),
            tokens: self.tokens.unwrap_or(limits.tokens),
            seconds: self.seconds.unwrap_or(limits.seconds),
            cost: self.cost.or(limits.cost),
            ..limits
        }
    }
}

/// What serde does not check.
fn check(file: &File) -> Result<(), String> {
    if let Some(repeat) = file.repeat.filter(|repeat| !(1..=MOST_REPEATS).contains(repeat)) {
        return Err(format!("repeat is {repeat}; 1 to {MOST_REPEATS} are possible"));
    }
    let unknown = file.labels.iter().find_map(|(label, causes)| {
        causes.iter().find(|cause| stethoscope_core::cause::find(cause).is_none()).map(|cause| (label, cause))
    });
    if let Some((label, cause)) = unknown {
        return Err(format!("the label {label} maps to {cause}, which is not in the cause catalogue"));
    }
    if let Some((kind, _)) = file.subjects.iter().find(|(_, kinds)| kinds.is_empty()) {
        return Err(format!("the subject kind {kind} stands for no kind; name at least one"));
    }
    let thresholds = &file.thresholds;
    let shares = [
        ("cause_at_1", thresholds.cause_at_1),
        ("cause_at_3", thresholds.cause_at_3),
        ("verdict", thresholds.verdict),
        ("evidence_verified", thresholds.evidence_verified),
        ("brier", thresholds.brier),
    ];
    match shares.iter().find(|(_, value)| value.is_some_and(|value| !(0.0..=1.0).contains(&value))) {
        Some((name, value)) => {
            Err(format!("the threshold {name} is {}; it is a share from 0 to 1", value.unwrap_or_default()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn load(text: &str) -> Result<Suite, EvalError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("bundles/one")).unwrap();
        std::fs::write(directory.path().join("bundles/one/incident.yaml"), "").unwrap();
        let path = directory.path().join("tiny.yaml");
        std::fs::write(&path, text).unwrap();
        Suite::load(&path, &Place::default())
    }

    #[test]
    fn a_short_suite_has_the_defaults() {
        let suite = load("incidents: bundles").unwrap();
        let names: Vec<_> = suite.incidents.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(
            (suite.name.as_str(), names, suite.models, suite.repeat),
            ("tiny", vec!["one".into()], vec!["builtin".to_owned()], 1)
        );
    }

    #[test]
    fn an_unknown_key_a_wrong_cause_and_a_share_above_one_are_errors() {
        let why = |text: &str| load(text).unwrap_err().to_string();
        assert!(why("incidents: bundles\nretries: 3").contains("retries"));
        assert!(why("incidents: bundles\nlimits: {steps: 3}").contains("steps"));
        assert!(
            why("incidents: bundles\nlabels: {a: [no.such-cause]}")
                .contains("no.such-cause, which is not in the cause catalogue")
        );
        assert!(why("incidents: bundles\nthresholds: {brier: 8}").contains("from 0 to 1"));
        assert!(why("incidents: bundles\nrepeat: 0").contains("repeat is 0"));
    }

    #[test]
    fn a_suite_without_incidents_says_so() {
        assert!(load("name: x").unwrap_err().to_string().contains("names no incidents"));
        assert!(
            load("incidents: nowhere").unwrap_err().to_string().contains("no incident bundle at nowhere")
        );
    }
}
