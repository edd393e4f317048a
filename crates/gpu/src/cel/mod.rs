//! CEL selectors of Dynamic Resource Allocation, evaluated as the scheduler does, and bounded.
//!
//! ```text
//! text -> terms (split at &&) -> parse (bounded) -> cost (refused when too high) -> one verdict a term and device
//! ```
//!
//! Upstream: k8s.io/dynamic-resource-allocation/cel. `device.driver`, `device.attributes[domain].name`,
//! `device.capacity[domain].name`; an unknown domain is an empty map, an unknown name an error.

mod cost;
mod env;
mod facts;
mod semver;
mod terms;

use ::cel::objects::Value;
use ::cel::parser::PrattParser;
use ::cel::{Context, ExecutionError, IdedExpr};
pub(crate) use facts::{Attribute, Facts, Sharing};
pub(crate) use semver::Semver;

/// Longest expression: upstream's CELSelectorExpressionMaxLength.
const LONGEST: usize = 10 * 1024;
/// Nodes of one expression; real selectors have some ten.
const NODES: usize = 1_000;
/// How deep one may be nested, so that no stack runs out.
const DEEPEST: usize = 60;

/// Why an expression is not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It does not parse. The API server would have refused it too, unless it knows more than we do.
    Syntax(String),
    /// It is too long, too large, too deep or too costly for an answer in time.
    TooCostly(String),
    /// It calls what is not known here.
    Unknown(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(why) => write!(f, "the expression does not parse: {why}"),
            Self::TooCostly(why) => write!(f, "the expression is not evaluated: {why}"),
            Self::Unknown(name) => write!(f, "the expression is not evaluated: {name} is not known here"),
        }
    }
}

/// A selector, ready to be asked for each device.
#[derive(Debug)]
pub(crate) struct Selector {
    terms: Vec<Term>,
    /// Steps that one device costs at most.
    pub(crate) cost: u64,
}

#[derive(Debug)]
struct Term {
    text: String,
    expression: IdedExpr,
}

/// What a selector says about a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    True,
    /// These terms are false.
    False(Vec<String>),
    /// This term can not be evaluated; the scheduler stops with an error, it does not pass the device over.
    Error {
        term: String,
        why: String,
    },
}

impl Selector {
    /// Parses, and refuses what is hostile.
    pub(crate) fn compile(text: &str) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return Err(Refusal::TooCostly(format!("it is longer than {LONGEST} bytes")));
        }
        let mut terms = Vec::new();
        let mut total = 0_u64;
        for text in terms::split(text) {
            let parser = PrattParser::new()
                .max_recursion_depth(DEEPEST as u16)
                .max_expression_node_count(NODES)
                .error_reporting_limit(1)
                .error_recovery_limit(1)
                .enable_optional_syntax(true);
            let expression = parser.parse(text).map_err(|errors| {
                let first = errors.to_string();
                Refusal::Syntax(first.lines().next().unwrap_or_default().chars().take(200).collect())
            })?;
            total = total.saturating_add(cost::of(&expression)?);
            terms.push(Term { text: text.trim().to_owned(), expression });
        }
        if total > cost::MOST {
            return Err(Refusal::TooCostly(format!("it may take {total} steps for one device")));
        }
        Ok(Self { terms, cost: total })
    }

    /// Judges a device. Terms are joined by `&&`: one that is false outweighs one that fails, as in CEL.
    pub(crate) fn judge(&self, device: &Context<'_, '_>) -> Judged {
        let mut wrong = Vec::new();
        let mut failed = None;
        for term in &self.terms {
            match Value::resolve(&term.expression, device) {
                Ok(Value::Bool(true)) => {}
                Ok(Value::Bool(false)) => wrong.push(term.text.clone()),
                Ok(_) => failed = failed.or_else(|| Some((term, "it gives no boolean".to_owned()))),
                Err(error) => failed = failed.or_else(|| Some((term, spoken(&error)))),
            }
        }
        match (wrong.is_empty(), failed) {
            (false, _) => Judged::False(wrong),
            (true, Some((term, why))) => Judged::Error { term: term.text.clone(), why },
            (true, None) => Judged::True,
        }
    }
}

/// An error without the values it holds, which may be long.
fn spoken(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("no such key: {name}"),
        ExecutionError::UndeclaredReference(name) => format!("undeclared reference to {name}"),
        other => other.to_string().chars().take(160).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Quantity;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    fn facts() -> Facts {
        let mut facts = Facts::of("gpu.example.com", Sharing::One);
        let mut attribute = |domain: &str, name: &str, value: Attribute| facts.attribute(domain, name, value);
        attribute("gpu.example.com", "model", Attribute::Text("LATEST".to_owned()));
        attribute("gpu.example.com", "index", Attribute::Int(3));
        attribute("gpu.example.com", "ecc", Attribute::Bool(true));
        attribute(
            "gpu.example.com",
            "driverVersion",
            Attribute::Version(Semver::parse("580.126.9").unwrap()),
        );
        attribute("resource.kubernetes.io", "pcieRoot", Attribute::Text("pci0000:10".to_owned()));
        facts.capacity("gpu.example.com", "memory", Quantity::parse("40Gi").unwrap());
        facts
    }

    fn judge(text: &str) -> Judged {
        Selector::compile(text).unwrap().judge(&facts().context().unwrap())
    }

    #[test]
    fn selectors_are_judged_as_the_scheduler_does() {
        for text in [
            "device.driver == 'gpu.example.com'",
            "device.attributes['gpu.example.com'].model == 'LATEST'",
            "device.attributes[\"gpu.example.com\"].index in [1, 3]",
            "device.attributes['gpu.example.com'].ecc",
            "device.capacity['gpu.example.com'].memory.compareTo(quantity('4Gi')) >= 0",
            "device.capacity['gpu.example.com'].memory.isGreaterThan(quantity('39Gi'))",
            "device.attributes['gpu.example.com'].driverVersion.compareTo(semver('580.0.0')) > 0",
            "device.attributes['gpu.example.com'].driverVersion.isLessThan(semver('581.0.0'))",
            "device.attributes['gpu.example.com'].model.lowerAscii().matches('^lat.*')",
            "!('x' in device.attributes['other.example.com'])",
            "'gpu.example.com' in device.attributes",
            "has(device.attributes['gpu.example.com'].model)",
            "!has(device.attributes['gpu.example.com'].nothing)",
            "device.attributes['resource.kubernetes.io'].pcieRoot.startsWith('pci')",
            "['a', 'LATEST'].exists(x, x == device.attributes['gpu.example.com'].model)",
            "device.attributes['gpu.example.com'].?nothing.orValue('x') == 'x'",
            "device.allowMultipleAllocations == false",
        ] {
            assert_eq!(judge(text), Judged::True, "{text}");
        }
    }

    #[test]
    fn the_false_terms_are_named() {
        let text = "device.driver == 'gpu.example.com' && device.capacity['gpu.example.com'].memory.compareTo(quantity('80Gi')) >= 0 && device.attributes['gpu.example.com'].index == 4";
        let wrong = [
            "device.capacity['gpu.example.com'].memory.compareTo(quantity('80Gi')) >= 0",
            "device.attributes['gpu.example.com'].index == 4",
        ];
        assert_eq!(judge(text), Judged::False(wrong.map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_attribute_that_is_not_there_is_an_error_unless_another_term_is_false() {
        let term = "device.attributes['gpu.example.com'].nothing == 'x'";
        let why = "no such key: nothing".to_owned();
        assert_eq!(judge(term), Judged::Error { term: term.to_owned(), why });
        assert_eq!(judge(&format!("{term} && false")), Judged::False(vec!["false".to_owned()]));
    }

    #[test]
    fn long_but_harmless_expressions_are_judged() {
        for text in [format!("true{}", " || true".repeat(1_100)), format!("{}true", "!".repeat(4_000))] {
            assert_eq!(judge(&text), Judged::True);
        }
    }

    #[test]
    fn hostile_expressions_are_refused() {
        let doubling = format!("['{}']{}.size() > 0", "a".repeat(100), ".map(x, x + x)".repeat(60));
        let nested = "[1,2,3,4,5,6,7,8,9,10]".to_owned();
        let loops = (0..8).fold("true".to_owned(), |inner, depth| format!("{nested}.all(x{depth}, {inner})"));
        for text in [
            format!("'{}' == 'a'", "x".repeat(LONGEST)),
            "(".repeat(5_000),
            format!("{}true{}", "!(".repeat(500), ")".repeat(500)),
            format!("{}1{} == 1", "-(".repeat(500), ")".repeat(500)),
            format!("1{} == 1", "+1".repeat(3_000)),
            format!("{}1", "true ? 1 : ".repeat(900)),
            format!("a{}", ".b".repeat(4_000)),
            format!("a{}", "[0]".repeat(3_000)),
            doubling,
            loops,
            "'a'.matches('(((a{1000}){1000}){1000})')".to_owned(),
            "'a'.matches(device.driver + '+')".to_owned(),
            "'aaaa'.replace('', 'aaaaaaaaaaaaaaaaaaaa') == 'x'".to_owned(),
            "device.nobody.knows()".to_owned(),
            "'%s'.format(['x']) == 'x'".to_owned(),
            "device.driver ==".to_owned(),
            String::new(),
        ] {
            let told = Selector::compile(&text);
            assert!(told.is_err(), "{} was taken", text.chars().take(60).collect::<String>());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_or_refused(text in "[a-z'\"\\[\\]().&|!<>=+\\-?:, 0-9]{0,120}") {
            if let Ok(selector) = Selector::compile(&text) {
                let _ = selector.judge(&facts().context().unwrap());
            }
        }
    }
}
