//! Label and field selectors, as apimachinery's `labels.Parse` and `fields.ParseSelector` read them.

use super::raw;
use super::status::Failure;
use crate::bundle::Object;

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selectors {
    labels: Vec<LabelRule>,
    fields: Vec<FieldRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LabelRule {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldRule {
    path: String,
    comparison: Comparison,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
}

impl Selectors {
    pub(crate) fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, Failure> {
        let wrong = |what: &str, text: &str, why: String| {
            Failure::bad_request(format!("unable to parse {what} selector {text:?}: {why}"))
        };
        Ok(Self {
            labels: labels
                .map_or(Ok(Vec::new()), |text| parse_labels(text).map_err(|why| wrong("label", text, why)))?,
            fields: fields
                .map_or(Ok(Vec::new()), |text| parse_fields(text).map_err(|why| wrong("field", text, why)))?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|rule| rule.matches(object))
            && self.fields.iter().all(|rule| rule.matches(object))
    }
}

impl LabelRule {
    fn matches(&self, object: &Object) -> bool {
        let number = |key: &String| object.labels.get(key).and_then(|v| v.parse::<i64>().ok());
        match self {
            Self::In(key, values) => object.labels.get(key).is_some_and(|v| values.contains(v)),
            Self::NotIn(key, values) => object.labels.get(key).is_none_or(|v| !values.contains(v)),
            Self::Exists(key) => object.labels.contains_key(key),
            Self::Absent(key) => !object.labels.contains_key(key),
            Self::Greater(key, than) => number(key).is_some_and(|n| n > *than),
            Self::Less(key, than) => number(key).is_some_and(|n| n < *than),
        }
    }
}

impl FieldRule {
    fn matches(&self, object: &Object) -> bool {
        let equal = match self.path.as_str() {
            "metadata.name" => object.name == self.value,
            "metadata.namespace" => object.namespace.as_deref().unwrap_or_default() == self.value,
            // Events have their reporter under `source` in the field set of upstream's registry.
            "source" if object.kind == "Event" => {
                let source = raw::text_at(&object.json, "source.component");
                let reporter = raw::text_at(&object.json, "reportingComponent");
                if source.is_empty() { reporter == self.value } else { source == self.value }
            }
            path => self.equals(&raw::text_at(&object.json, path)),
        };
        match self.comparison {
            Comparison::Equal => equal,
            Comparison::NotEqual => !equal,
        }
    }

    /// An absent boolean or number reads as its zero value, as in the field sets of the real registries.
    fn equals(&self, actual: &str) -> bool {
        actual == self.value
            || (actual.is_empty() && self.value == "false" && self.path == "spec.unschedulable")
    }
}

fn parse_fields(text: &str) -> Result<Vec<FieldRule>, String> {
    let mut rules = Vec::new();
    for term in split_terms(text) {
        if term.is_empty() {
            continue;
        }
        let (at, comparison, width) = if let Some(at) = term.find("!=") {
            (at, Comparison::NotEqual, 2)
        } else if let Some(at) = term.find("==") {
            (at, Comparison::Equal, 2)
        } else if let Some(at) = term.find('=') {
            (at, Comparison::Equal, 1)
        } else {
            return Err(format!("invalid selector: {term:?}; can't understand it"));
        };
        let path = term.get(..at).unwrap_or_default().trim().to_owned();
        let valid = !path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if !valid {
            return Err(format!("invalid field {path:?}"));
        }
        let value = unescape(term.get(at + width..).unwrap_or_default());
        rules.push(FieldRule { path, comparison, value });
    }
    Ok(rules)
}

/// Splits at commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(text.get(start..).unwrap_or_default());
    terms
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 9] = ["!=", "==", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.into_iter().find(|s| rest.starts_with(s)) {
            out.push(Token::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or_default();
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "!=(),<>".contains(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            out.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    out
}

fn parse_labels(text: &str) -> Result<Vec<LabelRule>, String> {
    let mut tokens = tokens(text).into_iter().peekable();
    let mut rules = Vec::new();
    if tokens.peek().is_none() {
        return Ok(rules);
    }
    loop {
        rules.push(label_rule(&mut tokens)?);
        match tokens.next() {
            None => return Ok(rules),
            Some(Token::Symbol(",")) => {}
            Some(other) => return Err(format!("found {}, expected: ',' or the end", show(&other))),
        }
    }
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<Token>>;

fn label_rule(tokens: &mut Tokens) -> Result<LabelRule, String> {
    if tokens.next_if_eq(&Token::Symbol("!")).is_some() {
        return Ok(LabelRule::Absent(key(tokens)?));
    }
    let key = key(tokens)?;
    match tokens.peek() {
        None | Some(Token::Symbol(",")) => Ok(LabelRule::Exists(key)),
        Some(Token::Symbol("=" | "==")) => {
            tokens.next();
            Ok(LabelRule::In(key, vec![value(tokens)?]))
        }
        Some(Token::Symbol("!=")) => {
            tokens.next();
            Ok(LabelRule::NotIn(key, vec![value(tokens)?]))
        }
        Some(Token::Symbol(sign @ (">" | "<"))) => {
            let sign = *sign;
            tokens.next();
            let text = value(tokens)?;
            let number = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
            Ok(if sign == ">" { LabelRule::Greater(key, number) } else { LabelRule::Less(key, number) })
        }
        Some(Token::Word(word)) if word == "in" => {
            tokens.next();
            Ok(LabelRule::In(key, set(tokens)?))
        }
        Some(Token::Word(word)) if word == "notin" => {
            tokens.next();
            Ok(LabelRule::NotIn(key, set(tokens)?))
        }
        Some(other) => Err(format!("found {}, expected: an operator", show(other))),
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("{word:?}"),
        Token::Symbol(symbol) => format!("'{symbol}'"),
    }
}

fn key(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.next() {
        Some(Token::Word(word)) if valid(&word, "/") => Ok(word),
        Some(Token::Word(word)) => Err(format!("invalid label key {word:?}")),
        Some(other) => Err(format!("found {}, expected: identifier", show(&other))),
        None => Err("found the end, expected: identifier".to_owned()),
    }
}

fn value(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.peek() {
        Some(Token::Word(word)) if valid(word, "") => {
            let word = word.clone();
            tokens.next();
            Ok(word)
        }
        Some(Token::Word(word)) => Err(format!("invalid label value {word:?}")),
        // `key=` selects the empty value.
        _ => Ok(String::new()),
    }
}

fn valid(word: &str, more: &str) -> bool {
    word.len() <= 317
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || more.contains(c))
}

fn set(tokens: &mut Tokens) -> Result<Vec<String>, String> {
    if tokens.next() != Some(Token::Symbol("(")) {
        return Err("expected: '(' after in or notin".to_owned());
    }
    let mut values = Vec::new();
    loop {
        values.push(value(tokens)?);
        match tokens.next() {
            Some(Token::Symbol(",")) => {}
            Some(Token::Symbol(")")) => return Ok(values),
            Some(other) => return Err(format!("found {}, expected: ',' or ')'", show(&other))),
            None => return Err("found the end, expected: ',' or ')'".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use pretty_assertions::assert_eq;

    fn object() -> Object {
        let json =
            r#"{"metadata":{"name":"a"},"spec":{"nodeName":"n1","replicas":3},"status":{"phase":"Running"}}"#;
        Object {
            group: String::new(),
            version: "v1".into(),
            kind: "Pod".into(),
            namespace: Some("shop".into()),
            name: "a".into(),
            labels: [("app", "web"), ("tier", "7"), ("empty", "")].map(|(k, v)| (k.into(), v.into())).into(),
            json: Bytes::from(json),
        }
    }

    fn label(text: &str) -> bool {
        Selectors::parse(Some(text), None).unwrap().matches(&object())
    }

    #[test]
    fn label_selectors_match_as_upstream_defines_them() {
        for yes in [
            "",
            "app=web",
            "app==web",
            "app!=db",
            "app",
            "!gone",
            "app in (db, web)",
            "app notin (db)",
            "gone!=x",
            "gone notin (x)",
            "tier>6",
            "tier < 8",
            "empty=",
            "app=web,tier=7",
            "app in (web),!gone",
            " app = web ",
        ] {
            assert!(label(yes), "{yes}");
        }
        for no in
            ["app=db", "gone", "!app", "app in (db)", "app notin (web,db)", "tier>7", "app=web,gone", "app="]
        {
            assert!(!label(no), "{no}");
        }
    }

    #[test]
    fn malformed_label_selectors_are_refused() {
        for wrong in
            ["app in", "app in (web", "=web", "app web", "app=we b", "!", ",", "a~b", "tier>x", "app=web,"]
        {
            assert!(Selectors::parse(Some(wrong), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn field_selectors_follow_any_dotted_path() {
        let field = |text| Selectors::parse(None, Some(text)).unwrap().matches(&object());
        let yes = [
            "spec.nodeName=n1",
            "spec.nodeName==n1,status.phase!=Failed",
            "metadata.namespace=shop",
            "spec.replicas=3",
            "spec.hostname=",
            "spec.hostname!=x",
            "",
        ];
        assert_eq!(yes.map(field), [true; 7]);
        assert_eq!(["spec.nodeName!=n1", "status.phase=Failed", "metadata.name=b"].map(field), [false; 3]);
        assert!(Selectors::parse(None, Some("spec.nodeName")).is_err());
        assert!(Selectors::parse(None, Some("a b=c")).is_err());
    }
}
