//! The cause catalogue: stable codes with their titles, explanations and fixes.

mod catalogue;

use crate::{answer::FixStep, finding::Severity, object::ObjectRef};
pub use catalogue::CATALOGUE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A stable cause code, `<area>.<what-is-wrong>`, e.g. `service.selector-mismatch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CauseCode(Cow<'static, str>);

impl CauseCode {
    /// A code known at compile time. A test in `diagnosis` checks that each is in the catalogue.
    pub const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// The code's words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The catalogue's entry, if the code is listed.
    pub fn describe(&self) -> Option<&'static Cause> {
        find(self.as_str())
    }
}

impl fmt::Display for CauseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `<area>.<what-is-wrong>`.
    pub code: &'static str,
    /// A few words, lower case, no full stop.
    pub title: &'static str,
    /// Two or three sentences: what happens and why.
    pub explanation: &'static str,
    /// Kind of the object to mend.
    pub subject_kind: &'static str,
    /// Severity unless the detector knows better.
    pub severity: Severity,
    /// What to do, most likely first.
    pub fix: &'static [Fix],
}

/// A fix as templates over `{kind}` (lower case), `{namespace}`, `{name}` and the finding's params.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to do and why.
    pub explain: &'static str,
    /// A command that does it; empty when no single command does.
    pub command: &'static str,
    /// A command that shows that it worked; empty when none does.
    pub verify: &'static str,
}

/// The entry with this code.
pub fn find(code: &str) -> Option<&'static Cause> {
    CATALOGUE.iter().flat_map(|area| area.iter()).find(|cause| cause.code == code)
}

/// The catalogue's fixes with their placeholders filled. A command with a placeholder left over is dropped:
/// no command is better than a wrong one.
pub fn fixes(code: &CauseCode, subject: &ObjectRef, params: &BTreeMap<String, String>) -> Vec<FixStep> {
    let Some(cause) = code.describe() else { return Vec::new() };
    cause
        .fix
        .iter()
        .map(|fix| FixStep {
            explain: fill(fix.explain, subject, params).unwrap_or_else(|| fix.explain.to_owned()),
            command: fill(fix.command, subject, params).filter(|text| !text.is_empty()),
            verify: fill(fix.verify, subject, params).filter(|text| !text.is_empty()),
        })
        .collect()
}

/// Fills `{placeholder}`s; `None` when one has no value. `{{` and `}}` stand for single braces (JSON patches).
fn fill(template: &str, subject: &ObjectRef, params: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let end = rest.find('}')?;
        let value = match &rest[..end] {
            "kind" => subject.kind.to_lowercase(),
            "namespace" => subject.namespace.clone()?,
            "name" => subject.name.clone(),
            key => params.get(key)?.clone(),
        };
        out.push_str(&value);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn fills_placeholders_and_keeps_doubled_braces() {
        let subject = ObjectRef::namespaced("Service", "shop", "cart");
        let params = BTreeMap::from([("port".to_owned(), "8080".to_owned())]);
        let text = fill("patch {kind}/{name} -n {namespace} -p '{{\"port\":{port}}}'", &subject, &params);
        assert_eq!(text.as_deref(), Some("patch service/cart -n shop -p '{\"port\":8080}'"));
    }

    #[test]
    fn a_placeholder_without_a_value_drops_the_command() {
        let subject = ObjectRef::cluster("Node", "n1");
        assert_eq!(fill("get -n {namespace}", &subject, &BTreeMap::new()), None);
    }

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut codes: Vec<_> =
            CATALOGUE.iter().flat_map(|area| area.iter()).map(|cause| cause.code).collect();
        for code in &codes {
            let (area, what) = code.split_once('.').unwrap_or_default();
            let plain = |word: &str| {
                !word.is_empty()
                    && word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit())
            };
            assert!(plain(area) && plain(what), "{code} is not <area>.<what-is-wrong>");
        }
        let before = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), before, "a code stands twice in the catalogue");
    }
}
