//! What the question is about: its words, matched to names of real objects.

use super::{OVERVIEW, newest, words};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::model::{Message, ModelRequest};

/// Words that say nothing about where to look.
const STOP_WORDS: &[&str] = &[
    "the",
    "and",
    "for",
    "why",
    "what",
    "when",
    "where",
    "which",
    "who",
    "how",
    "are",
    "was",
    "were",
    "has",
    "have",
    "had",
    "does",
    "did",
    "doing",
    "not",
    "can",
    "cant",
    "cannot",
    "could",
    "would",
    "should",
    "will",
    "with",
    "from",
    "into",
    "about",
    "that",
    "this",
    "these",
    "those",
    "there",
    "then",
    "than",
    "its",
    "our",
    "your",
    "any",
    "all",
    "some",
    "been",
    "being",
    "please",
    "help",
    "since",
    "after",
    "before",
    "still",
    "again",
    "now",
    "today",
    "down",
    "broken",
    "failing",
    "fails",
    "failed",
    "fail",
    "failure",
    "error",
    "errors",
    "issue",
    "issues",
    "problem",
    "problems",
    "wrong",
    "slow",
    "root",
    "cause",
    "diagnose",
    "incident",
    "fault",
    "cluster",
    "kubernetes",
    "k8s",
    "namespace",
    "environment",
    "service",
    "services",
    "pod",
    "pods",
    "deployment",
    "node",
    "nodes",
    "app",
    "application",
    "applications",
    "workload",
    "workloads",
    "scope",
    "symptom",
    "reported",
    "high-level",
    "experiencing",
    "question",
];

pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The namespace named by the person, or the one that holds what the words name.
    pub(super) namespace: Option<String>,
    /// Names of objects that the words name.
    pub(super) names: Vec<String>,
    /// The other words: what is wrong with those.
    pub(super) complaint: Vec<String>,
}

/// Words of a complaint that are passed on.
const COMPLAINT: usize = 40;

/// The question's words in their order, those that every question has among them: `slow` is one.
fn complaint(question: &str) -> impl Iterator<Item = String> {
    question
        .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
        .filter(|word| word.chars().count() >= 3)
        .map(str::to_lowercase)
}

impl Scope {
    pub(super) fn of(request: &ModelRequest<'_>) -> Self {
        let question = question(request.messages);
        let named = named_namespace(request.messages);
        let Some(overview) = newest(request, OVERVIEW) else {
            return Self { namespace: named, ..Self::default() };
        };
        let mut objects = BTreeSet::new();
        collect(&overview.data, None, &mut objects);
        let mut words = words(question);
        if let Some(namespace) = &named {
            words.remove(namespace);
        }
        let hits = hits(&words, &objects);
        let namespace = named.or_else(|| namespace_of(&words, &objects, &hits));
        let mut names: Vec<String> = Vec::new();
        for (place, name) in hits {
            let elsewhere = namespace.is_some() && place.is_some() && *place != namespace;
            if !elsewhere && !names.contains(name) && Some(name) != namespace.as_ref() {
                names.push(name.clone());
            }
        }
        let complaint = complaint(question).filter(|word| !names.contains(word)).take(COMPLAINT).collect();
        Self { namespace, names, complaint }
    }

    pub(super) fn diagnose_arguments(&self) -> Value {
        let mut arguments = json!({});
        if let Some(namespace) = &self.namespace {
            arguments["namespace"] = json!(namespace);
        }
        let words: Vec<&str> = self.names.iter().chain(&self.complaint).map(String::as_str).collect();
        if !words.is_empty() {
            arguments["question"] = json!(words.join(" "));
        }
        arguments
    }

    pub(super) fn in_words(&self) -> String {
        let place = match &self.namespace {
            Some(namespace) => format!("namespace `{namespace}`"),
            None => "the whole cluster".to_owned(),
        };
        if self.names.is_empty() {
            format!("Looking at {place}.")
        } else {
            let names: Vec<String> = self.names.iter().take(8).map(|name| format!("`{name}`")).collect();
            format!("Looking at {place}; the question names {}.", names.join(", "))
        }
    }
}

/// The text of the question: the first user message.
fn question(messages: &[Message]) -> &str {
    messages
        .iter()
        .find_map(|message| match message {
            Message::User { text } => Some(text.as_str()),
            Message::System { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
        })
        .unwrap_or_default()
}

/// The namespace of the scope line that the loop adds to the question (`prompts/question.md.tera`).
pub(super) fn named_namespace(messages: &[Message]) -> Option<String> {
    let scope = question(messages).lines().rev().find(|line| line.starts_with("Scope:"))?;
    let (_, rest) = scope.split_once("namespace `")?;
    let (name, _) = rest.split_once('`')?;
    Some(name.to_owned())
}

/// Whether a word of the question names an object: the same, or one is the beginning or a dash-separated part of the other.
fn names(word: &str, name: &str) -> bool {
    let bare = |text: &str| text.replace(['-', '_', '.'], "");
    let (bare_word, bare_name) = (bare(word), bare(name));
    if bare_word == bare_name || name.split('-').any(|part| part == word) {
        return true;
    }
    let singular = bare_word.trim_end_matches('s');
    singular.len() >= 4
        && (bare_name.starts_with(singular) || (bare_name.len() >= 4 && singular.starts_with(&bare_name)))
}

/// Objects that the words name. A word that names very many (an application's common prefix) tells nothing.
fn hits<'a>(
    words: &BTreeSet<String>,
    objects: &'a BTreeSet<(Option<String>, String)>,
) -> Vec<&'a (Option<String>, String)> {
    const MANY: usize = 6;
    let named_by = |word: &String| objects.iter().filter(|(_, name)| names(word, name)).count();
    let telling: Vec<&String> = words.iter().filter(|word| (1..=MANY).contains(&named_by(word))).collect();
    objects.iter().filter(|(_, name)| telling.iter().any(|word| names(word, name))).collect()
}

/// The namespace that a word names, else the one that holds most of the objects hit, if one does.
fn namespace_of(
    words: &BTreeSet<String>,
    objects: &BTreeSet<(Option<String>, String)>,
    hits: &[&(Option<String>, String)],
) -> Option<String> {
    let namespaces: BTreeSet<&String> =
        objects.iter().filter_map(|(namespace, _)| namespace.as_ref()).collect();
    if let Some(named) = namespaces.iter().find(|namespace| words.contains(namespace.as_str())) {
        return Some((*named).clone());
    }
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for namespace in hits.iter().filter_map(|(namespace, _)| namespace.as_ref()) {
        *counts.entry(namespace).or_default() += 1;
    }
    let most = counts.values().max()?;
    let mut best = counts.iter().filter(|(_, count)| *count == most);
    match (best.next(), best.next()) {
        (Some((namespace, _)), None) => Some((*namespace).clone()),
        _ => None,
    }
}

/// Every `name` in the overview's data, with the namespace beside or above it.
fn collect(value: &Value, namespace: Option<&str>, objects: &mut BTreeSet<(Option<String>, String)>) {
    match value {
        Value::Object(map) => {
            let here = map.get("namespace").and_then(Value::as_str).or(namespace);
            if let Some(name) = map.get("name").and_then(Value::as_str) {
                objects.insert((here.map(ToOwned::to_owned), name.to_owned()));
            }
            map.values().for_each(|value| collect(value, here, objects));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, namespace, objects)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn words_name_objects_by_part_and_by_stem() {
        assert!(names("checkout", "checkout"));
        assert!(names("checkout", "checkout-api"));
        assert!(names("checkout", "checkoutservice"));
        assert!(names("payments", "payment"));
        assert!(names("mail-service", "mailservice"));
        assert!(!names("cart", "chart"));
        assert!(!names("api", "apiserver"));
    }

    #[test]
    fn the_scope_line_names_the_namespace() {
        let messages = [Message::User { text: "why?\n\nScope: cluster `c` namespace `shop`".to_owned() }];
        assert_eq!(named_namespace(&messages), Some("shop".to_owned()));
    }

    #[test]
    fn the_namespace_with_most_hits_is_meant() {
        let data = json!({"workloads": [
            {"namespace": "shop", "name": "checkout"}, {"namespace": "shop", "name": "checkout-worker"},
            {"namespace": "kube-system", "name": "coredns"}
        ]});
        let mut objects = BTreeSet::new();
        collect(&data, None, &mut objects);
        let words = words("why is checkout failing?");
        let hits = hits(&words, &objects);
        assert_eq!(namespace_of(&words, &objects, &hits), Some("shop".to_owned()));
    }
}
