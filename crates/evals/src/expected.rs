//! What an incident expects, in our words.
//!
//! Read from `expect` of `incident.yaml`: `verdict`, `label`, `cause`, `subject`, `subjects`, `evidence`, `forbidden`. A foreign
//! label becomes causes through the suite's mapping.

use crate::suite::Mapping;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stethoscope_core::answer::Verdict;
use stethoscope_incidents::Expect;

/// The right answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The right verdict.
    pub verdict: Verdict,
    /// The label, the cause or the verdict: what the case is counted under.
    pub stratum: String,
    /// Causes that are right; empty where no root cause is expected, or where nothing of ours can name it yet.
    pub causes: Vec<String>,
    /// Objects that are right, each by itself.
    pub subjects: Vec<SubjectPattern>,
    /// Words that stand verbatim in the recording and that a good answer can quote.
    pub evidence: Vec<String>,
    /// Claims that would be wrong.
    pub forbidden: Vec<Forbidden>,
}

/// An object, or a foreign word for several kinds of object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectPattern {
    /// Kinds that are right, in upstream's words.
    pub kinds: Vec<String>,
    /// Namespace, where it is named.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Whether the kinds come from the suite's mapping of a foreign word.
    pub foreign: bool,
}

/// A claim that must not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Forbidden {
    /// Words that must not stand in the answer, whatever their case and spacing. Other words with the same meaning are not
    /// found this way: that is for `cause`, for `pattern`, or for the judge.
    Words(String),
    /// A cause that must not be named first, or a pattern that must not match.
    Exact(ForbiddenExact),
}

/// A forbidden claim that a program can find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenExact {
    /// Cause that must not be the first hypothesis of a root cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Regular expression, case insensitive, that must not match any claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

impl Expected {
    /// Reads an expectation with a suite's mapping.
    ///
    /// # Errors
    /// One sentence: an unknown verdict, a label that the suite does not map, a subject that is no `Kind/name`, a pattern
    /// that is none.
    pub fn read(expect: &Expect, mapping: &Mapping) -> Result<Self, String> {
        let mapped = expect.label.as_ref().and_then(|label| mapping.labels.get(label));
        let causes = match (mapped, &expect.cause) {
            (Some(causes), _) => causes.clone(),
            (None, Some(cause)) => vec![cause.clone()],
            (None, None) => Vec::new(),
        };
        let verdict = match expect.more.get("verdict") {
            Some(verdict) => serde_json::from_value(verdict.clone()).map_err(|_| {
                format!("expect.verdict is {verdict}; it is root_cause_found, no_issue or inconclusive")
            })?,
            None => Verdict::RootCauseFound,
        };
        if verdict == Verdict::RootCauseFound && mapped.is_none() && causes.is_empty() {
            let label = expect.label.as_deref().unwrap_or("none");
            return Err(format!(
                "nothing says which cause is right: expect.cause is absent and the suite does not map the label {label}"
            ));
        }
        let mut subjects: Vec<SubjectPattern> = Vec::new();
        for text in expect.subject.iter().cloned().chain(texts(expect.more.get("subjects"), "subjects")?) {
            let subject = SubjectPattern::read(&text, mapping)?;
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        let forbidden: Vec<Forbidden> = match expect.more.get("forbidden") {
            Some(value) => serde_json::from_value(value.clone()).map_err(|_| {
                "expect.forbidden is a list of sentences, {cause: …} or {pattern: …}".to_owned()
            })?,
            None => Vec::new(),
        };
        for pattern in forbidden.iter().filter_map(Forbidden::pattern) {
            Regex::new(pattern)
                .map_err(|error| format!("the forbidden pattern {pattern:?} is none: {error}"))?;
        }
        let stratum = expect
            .label
            .clone()
            .or_else(|| causes.first().cloned())
            .unwrap_or_else(|| word(verdict).to_owned());
        Ok(Self {
            verdict,
            stratum,
            causes,
            subjects,
            evidence: texts(expect.more.get("evidence"), "evidence")?,
            forbidden,
        })
    }

    /// Whether a root cause is to be found.
    pub fn wants_cause(&self) -> bool {
        self.verdict == Verdict::RootCauseFound
    }
}

impl Forbidden {
    pub(crate) fn pattern(&self) -> Option<&str> {
        match self {
            Self::Words(_) => None,
            Self::Exact(exact) => exact.pattern.as_deref(),
        }
    }
}

impl SubjectPattern {
    /// `Kind/name`, `Kind/namespace/name`, or a word of the mapping in place of the kind.
    fn read(text: &str, mapping: &Mapping) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').map(str::trim).collect();
        let (kind, namespace, name) = match parts.as_slice() {
            [kind, name] => (*kind, None, *name),
            [kind, namespace, name] => (*kind, Some((*namespace).to_owned()), *name),
            _ => {
                return Err(format!(
                    "the expected subject {text:?} is no Kind/name and no Kind/namespace/name"
                ));
            }
        };
        if kind.is_empty() || name.is_empty() {
            return Err(format!("the expected subject {text:?} has an empty part"));
        }
        let foreign = mapping.subjects.get(kind);
        let kinds = foreign.cloned().unwrap_or_else(|| vec![kind.to_owned()]);
        Ok(Self { kinds, namespace, name: name.to_owned(), foreign: foreign.is_some() })
    }
}

/// A verdict as it is written in answers.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::RootCauseFound => "root_cause_found",
        Verdict::NoIssue => "no_issue",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn texts(value: Option<&Value>, what: &str) -> Result<Vec<String>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    serde_json::from_value(value.clone()).map_err(|_| format!("expect.{what} is a list of texts"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn read(value: Value, mapping: &Mapping) -> Result<Expected, String> {
        Expected::read(&serde_json::from_value(value).unwrap(), mapping)
    }

    #[test]
    fn a_foreign_label_and_subject_become_ours() {
        let mapping = Mapping {
            labels: [("wrong_selector".to_owned(), vec!["service.selector-mismatch".to_owned()])].into(),
            subjects: [("app".to_owned(), vec!["Deployment".to_owned(), "Service".to_owned()])].into(),
        };
        let expected = read(json!({"label": "wrong_selector", "subject": "app/cart"}), &mapping).unwrap();
        assert_eq!(
            expected,
            Expected {
                verdict: Verdict::RootCauseFound,
                stratum: "wrong_selector".to_owned(),
                causes: vec!["service.selector-mismatch".to_owned()],
                subjects: vec![SubjectPattern {
                    kinds: vec!["Deployment".to_owned(), "Service".to_owned()],
                    namespace: None,
                    name: "cart".to_owned(),
                    foreign: true,
                }],
                evidence: Vec::new(),
                forbidden: Vec::new(),
            }
        );
    }

    #[test]
    fn an_expectation_that_decides_nothing_is_refused() {
        let mapping = Mapping::default();
        assert!(read(json!({"label": "unknown_label"}), &mapping).unwrap_err().contains("unknown_label"));
        assert!(
            read(json!({"cause": "a.b", "subject": "nonsense"}), &mapping).unwrap_err().contains("Kind/name")
        );
        assert!(
            read(json!({"cause": "a.b", "verdict": "maybe"}), &mapping).unwrap_err().contains("no_issue")
        );
        assert!(
            read(json!({"cause": "a.b", "forbidden": [{"pattern": "("}]}), &mapping)
                .unwrap_err()
                .contains("pattern")
        );
    }
}
