//! Filter expressions over columns: `restarts > 3 && status != Running`, `name =~ "^web-" || !(node == n1)`.
//!
//! ```text
//! or    := and ("||" and)*          and := not ("&&" not)*
//! not   := "!" not | "(" or ")" | column [operator value]
//! operator: == = != > >= < <= =~ !~ (regex)
//! ```
//! A column alone is true when it has a value other than `false` and `0`.

use super::column::{Cell, Column, worth};
use super::parse_duration;
use regex::{Regex, RegexBuilder};
use stethoscope_core::tool::ToolError;

/// A parsed expression.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Set(Column),
    Compare(Column, Operator, String),
    Matches(Column, Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// Longest expression and deepest nesting.
const LONGEST: usize = 2_000;
const DEEPEST: usize = 24;

/// Parses an expression; the error says where it stopped understanding.
pub(crate) fn parse(text: &str) -> Result<Filter, ToolError> {
    let wrong = |message: String| ToolError::BadArguments {
        message: format!("where: {message}"),
        hint: Some("e.g. restarts>3 && status!=Running; operators == != > >= < <= =~ && || ! ( )".to_owned()),
    };
    if text.len() > LONGEST {
        return Err(wrong(format!("longer than {LONGEST} bytes")));
    }
    let tokens = tokens(text).map_err(wrong)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let filter = parser.or().map_err(wrong)?;
    match tokens.get(parser.at) {
        None => Ok(filter),
        Some(token) => Err(wrong(format!("did not expect {token:?}"))),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["&&", "||", "==", "!=", ">=", "<=", "=~", "!~", "=", ">", "<", "!", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if matches!(first, '"' | '\'') {
            let inner = &rest[1..];
            let end = inner.find(first).ok_or_else(|| format!("the quote {first} is not closed"))?;
            tokens.push(Token::Quoted(inner[..end].to_owned()));
            rest = &inner[end + 1..];
        } else {
            // Brackets of a path may hold anything: metadata.labels[app.kubernetes.io/name].
            let mut inside = false;
            let end = rest
                .find(|letter: char| {
                    match letter {
                        '[' => inside = true,
                        ']' => inside = false,
                        _ => {}
                    }
                    !inside && (letter.is_whitespace() || "&|=!<>()\"'".contains(letter))
                })
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("did not expect {first:?}"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(found);
        found
    }

    /// `and` and `or` are understood as words too.
    fn joined(&mut self, sign: &str, word: &str) -> bool {
        if self.sign(sign) {
            return true;
        }
        let found =
            matches!(self.tokens.get(self.at), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.and()?];
        while self.joined("||", "or") {
            parts.push(self.and()?);
        }
        Ok(Filter::Or(parts))
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.not()?];
        while self.joined("&&", "and") {
            parts.push(self.not()?);
        }
        Ok(Filter::And(parts))
    }

    fn not(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("nested deeper than {DEEPEST}"));
        }
        let filter = if self.joined("!", "not") {
            Filter::Not(Box::new(self.not()?))
        } else if self.sign("(") {
            let inner = self.or()?;
            if !self.sign(")") {
                return Err("a ( is not closed".to_owned());
            }
            inner
        } else {
            self.compare()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn compare(&mut self) -> Result<Filter, String> {
        let column = match self.tokens.get(self.at) {
            Some(Token::Word(word) | Token::Quoted(word)) => Column::parse(word),
            Some(token) => return Err(format!("expected a column, found {token:?}")),
            None => return Err("expected a column at the end".to_owned()),
        };
        self.at += 1;
        let Some(Token::Sign(sign)) = self.tokens.get(self.at) else { return Ok(Filter::Set(column)) };
        let operator = match *sign {
            "==" | "=" => Some(Operator::Equal),
            "!=" => Some(Operator::NotEqual),
            ">" => Some(Operator::Greater),
            ">=" => Some(Operator::AtLeast),
            "<" => Some(Operator::Less),
            "<=" => Some(Operator::AtMost),
            "=~" | "!~" => None,
            _ => return Ok(Filter::Set(column)),
        };
        let negated = *sign == "!~";
        self.at += 1;
        let value = match self.tokens.get(self.at) {
            Some(Token::Word(word) | Token::Quoted(word)) => word.clone(),
            _ => return Err(format!("expected a value after {sign}")),
        };
        self.at += 1;
        let Some(operator) = operator else {
            let regex = regex(&value)?;
            let matches = Filter::Matches(column, regex);
            return Ok(if negated { Filter::Not(Box::new(matches)) } else { matches });
        };
        Ok(Filter::Compare(column, operator, value))
    }
}

/// A bounded regular expression, `(?i)` and all.
pub(crate) fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| format!("{pattern:?} is not a regular expression: {error}"))
}

impl Filter {
    /// Whether a row passes; `cell` gives a column's cell.
    pub(crate) fn passes(&self, cell: &dyn Fn(&Column) -> Cell) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.passes(cell)),
            Self::And(parts) => parts.iter().all(|part| part.passes(cell)),
            Self::Not(inner) => !inner.passes(cell),
            Self::Set(column) => !matches!(cell(column).text.as_str(), "" | "false" | "0"),
            Self::Matches(column, regex) => regex.is_match(&cell(column).text),
            Self::Compare(column, operator, value) => compare(&cell(column), *operator, value),
        }
    }
}

fn compare(cell: &Cell, operator: Operator, value: &str) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    // `age > 1h`: a cell that counts seconds against a duration; `restarts > 3`: numbers; else words.
    let seconds = || parse_duration(value).map(|seconds| seconds as f64);
    let looks_like_age = parse_duration(&cell.text.replace(' ', "")).is_some() && worth(&cell.text).is_none();
    let number = if looks_like_age || worth(value).is_none() { seconds() } else { worth(value) };
    let order = match (cell.worth, number) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => cell.text.to_lowercase().cmp(&value.to_lowercase()),
    };
    match operator {
        // Words as written count too: `ready == 1/1`.
        Operator::Equal => equal_words(cell, value).unwrap_or(order == Equal),
        Operator::NotEqual => !equal_words(cell, value).unwrap_or(order == Equal),
        Operator::Greater => order == Greater,
        Operator::AtLeast => order != Less,
        Operator::Less => order == Less,
        Operator::AtMost => order != Greater,
    }
}

/// A ratio is compared as words with a ratio.
fn equal_words(cell: &Cell, value: &str) -> Option<bool> {
    let ratio = cell.text.contains('/') && value.contains('/');
    (ratio || cell.text.eq_ignore_ascii_case(value)).then(|| cell.text.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;
    use serde_json::json;

    fn passes(expression: &str) -> bool {
        let now = "2026-01-01T03:00:00Z".parse().unwrap();
        let pod = json!({
            "metadata": {"name": "web-0", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}], "hostNetwork": true},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "restartCount": 12, "ready": true, "state": {"running": {}}},
                {"name": "b", "restartCount": 0, "ready": false,
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
        });
        let filter = parse(expression).unwrap();
        filter.passes(&|column| column.cell("Pod", &pod, now))
    }

    #[test]
    fn numbers_words_ages_regexes_and_their_combinations() {
        for (expression, expected) in [
            ("restarts>3", true),
            ("restarts > 9 && status != Running", true),
            ("status=crashloopbackoff", true),
            ("ready==1/2", true),
            ("ready==1/3", false),
            ("age >= 3h", true),
            ("age<90m", false),
            ("age > 60", true),
            ("name =~ '^web-[0-9]+$'", true),
            ("name !~ '^db'", true),
            ("!(status==Running) && (restarts<1 || namespace==shop)", true),
            ("not status==Running and namespace==shop", true),
            ("spec.hostNetwork", true),
            ("spec.hostPID", false),
            ("metadata.labels[app.kubernetes.io/name]==web", true),
            ("node==n1", false),
            ("node==''", true),
        ] {
            assert_eq!(passes(expression), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (expression, message) in [
            ("restarts >", "where: expected a value after >"),
            ("(a==b", "where: a ( is not closed"),
            ("name =~ '('", "where: \"(\" is not a regular expression"),
            ("a==b c", "where: did not expect Word(\"c\")"),
            ("'open", "where: the quote ' is not closed"),
            ("", "where: expected a column at the end"),
        ] {
            match parse(expression) {
                Err(ToolError::BadArguments { message: said, .. }) => {
                    assert!(said.starts_with(message), "{expression}: {said}");
                }
                other => panic!("{expression}: {other:?}"),
            }
        }
        assert!(parse(&"!".repeat(1_500)).is_err());
        assert!(parse(&"(".repeat(1_500)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_and_never_breaks(text in "[ -~äß\\n]{0,80}") {
            if let Ok(filter) = parse(&text) {
                filter.passes(&|_| Cell::text("x"));
            }
        }
    }
}
