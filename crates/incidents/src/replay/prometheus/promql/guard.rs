//! Parsing with bounds: the parser and the evaluator recurse, so nesting is counted before either runs.

use super::QueryError;
use promql_parser::parser::{Expr, parse as parse_promql};

/// Bytes of a query.
const LONGEST: usize = 16 << 10;
/// Brackets inside brackets.
const DEEPEST: usize = 48;
/// Operators in all: `1+1+1` nests as deep as it is long.
const MOST_OPERATORS: usize = 150;

/// Parses a query that is bounded in length and depth.
pub(super) fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.len() > LONGEST {
        return Err(QueryError::BadData(format!("the query is longer than {LONGEST} bytes")));
    }
    let shape = measure(query);
    if shape.depth > DEEPEST || shape.operators > MOST_OPERATORS {
        return Err(QueryError::BadData(format!(
            "the query nests deeper than {DEEPEST} brackets or has more than {MOST_OPERATORS} operators"
        )));
    }
    if let Some(word) = shape.no_duration {
        return Err(QueryError::BadData(format!(
            "not a valid duration string: {word:?}; write 90s, 5m or 1h30m"
        )));
    }
    parse_promql(query).map_err(|why| QueryError::BadData(format!("invalid parameter \"query\": {why}")))
}

/// What matters before parsing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Deepest bracket.
    depth: usize,
    /// Operators outside strings, comments and label matchers.
    operators: usize,
    /// A word that stands where a duration must, and is none. The parser panics for some numbers there.
    no_duration: Option<String>,
}

/// `90`, `1.5`, `5m`, `1h30m`; never an exponent, `Inf` or a number beyond what a clock can count.
fn is_duration(word: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_digit() || ".:smhdwy".contains(letter);
    word.chars().all(allowed)
        && word.split(|letter: char| !letter.is_ascii_digit()).all(|digits| digits.len() <= 12)
}

fn measure(query: &str) -> Shape {
    let mut shape = Shape::default();
    let (mut depth, mut braces, mut squares) = (0_usize, 0_usize, 0_usize);
    let mut quote = None;
    let (mut escaped, mut comment, mut after_offset) = (false, false, false);
    let mut word = String::new();
    // The line break at the end finishes the last word.
    for letter in query.chars().chain(['\n']) {
        if comment {
            comment = letter != '\n';
            continue;
        }
        if let Some(open) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' if open != '`' => escaped = true,
                _ if letter == open => quote = None,
                _ => {}
            }
            continue;
        }
        if letter.is_alphanumeric() || matches!(letter, '_' | ':' | '.') {
            word.push(letter);
            continue;
        }
        if !word.is_empty() && braces == 0 {
            let lower = word.to_lowercase();
            shape.operators += usize::from(matches!(lower.as_str(), "and" | "or" | "unless" | "atan2"));
            if (squares > 0 || after_offset) && !is_duration(&word) {
                shape.no_duration.get_or_insert_with(|| word.chars().take(40).collect());
            }
            after_offset = lower == "offset";
        }
        word.clear();
        match letter {
            '"' | '\'' | '`' => quote = Some(letter),
            '#' => comment = true,
            '(' | '[' | '{' => {
                depth += 1;
                shape.depth = shape.depth.max(depth);
                braces += usize::from(letter == '{');
                squares += usize::from(letter == '[');
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                braces = braces.saturating_sub(usize::from(letter == '}'));
                squares = squares.saturating_sub(usize::from(letter == ']'));
            }
            '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!' if braces == 0 => {
                shape.operators += 1;
                if squares > 0 {
                    shape.no_duration.get_or_insert_with(|| letter.to_string());
                }
            }
            _ => {}
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn operators_are_counted_outside_strings_comments_and_matchers() {
        let shape = |depth, operators| Shape { depth, operators, no_duration: None };
        assert_eq!(measure("a{x=\"1+1\",y!~'-'} + b # + + +\n and c"), shape(1, 2));
        assert_eq!(measure("sum(rate(x[5m] offset -1h30m)) or y"), shape(3, 2));
    }

    #[test]
    fn what_nests_too_deep_is_refused_before_it_is_parsed() {
        let refused = |query: String| match parse(&query) {
            Err(QueryError::BadData(message)) => {
                message.contains("nests deeper") || message.contains("longer")
            }
            _ => false,
        };
        assert!(refused("(".repeat(5_000)));
        assert!(refused(format!("1{}", "+1".repeat(5_000))));
        assert!(refused("-".repeat(5_000)));
        assert!(refused(format!("up{}", " or up".repeat(2_000))));
        assert!(refused(" ".repeat(LONGEST + 1)));
        assert!(parse("sum(rate(x[5m])) by (y) / 3").is_ok());
    }
}
