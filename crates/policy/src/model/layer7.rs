//! Layer 7 of rules. Cilium sends what such a rule matches through a proxy, which refuses instead of dropping: HTTP 403,
//! DNS REFUSED. <https://docs.cilium.io/en/stable/security/policy/layer7/>

use super::NamePattern;
use crate::certainty::{Match, all, any};
use crate::traffic::Request;
use regex::{Regex, RegexBuilder};

/// Memory a hostile pattern may take when compiled.
const LARGEST_PATTERN: usize = 1 << 20;

/// What a proxy lets pass.
#[derive(Clone, Debug)]
pub(crate) enum Layer7 {
    Http(Vec<HttpRule>),
    Dns(Vec<NamePattern>),
    ServerNames(Vec<NamePattern>),
    /// Something that is not evaluated, in words.
    Opaque(String),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HttpRule {
    pub(crate) method: Option<Pattern>,
    pub(crate) path: Option<Pattern>,
    pub(crate) host: Option<Pattern>,
    pub(crate) headers: Vec<Header>,
}

#[derive(Clone, Debug)]
pub(crate) enum Header {
    Present(String),
    Equals(String, String),
    /// Its value stands in a Secret, which is never read.
    Secret(String),
}

/// A regular expression that must match the whole text, as Envoy's `safe_regex` does.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) written: String,
    /// `None` when it can't be compiled: undecided then.
    regex: Option<Regex>,
}

impl Pattern {
    pub(crate) fn new(written: &str) -> Self {
        let regex = RegexBuilder::new(&format!("^(?:{written})$")).size_limit(LARGEST_PATTERN).build().ok();
        Self { written: written.to_owned(), regex }
    }

    pub(crate) fn unreadable() -> Self {
        Self { written: "a pattern that can't be read".to_owned(), regex: None }
    }

    pub(crate) fn readable(&self) -> bool {
        self.regex.is_some()
    }

    fn matches(&self, text: &str) -> Match {
        self.regex.as_ref().map_or(Match::Maybe, |regex| Match::of(regex.is_match(text)))
    }
}

impl Layer7 {
    pub(crate) fn allows(&self, request: &Request) -> Match {
        match (self, request) {
            (Self::Opaque(_), _) => Match::Maybe,
            // An empty list of a kind lets all of that kind pass.
            (Self::Http(rules), Request::Http { method, path, host, headers }) => {
                if rules.is_empty() {
                    return Match::Yes;
                }
                any(rules.iter().map(|rule| rule.allows(method, path, host, headers)))
            }
            (Self::Dns(names), Request::Dns { query }) => {
                if names.is_empty() {
                    return Match::Yes;
                }
                any(names.iter().map(|name| name.matches(query)))
            }
            (Self::ServerNames(names), Request::Tls { server_name }) => {
                any(names.iter().map(|name| name.matches(server_name)))
            }
            // The question is about another layer 7 than the rule: whether the handshake would carry a wanted name is
            // not known, and a proxy for one protocol does not understand the other.
            (Self::ServerNames(_), _) => Match::Maybe,
            (Self::Http(_), Request::Tls { .. }) => Match::Maybe,
            (Self::Http(_), Request::Dns { .. }) | (Self::Dns(_), _) => Match::No,
        }
    }

    /// What it lets pass, in words, at most a few.
    pub(crate) fn written(&self) -> Vec<String> {
        match self {
            Self::Http(rules) => rules.iter().map(HttpRule::written).collect(),
            Self::Dns(names) | Self::ServerNames(names) => {
                names.iter().map(|name| name.written().to_owned()).collect()
            }
            Self::Opaque(what) => vec![format!("{what} (not evaluated)")],
        }
    }
}

impl HttpRule {
    fn allows(&self, method: &str, path: &str, host: &str, headers: &[(String, String)]) -> Match {
        let pattern = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().map_or(Match::Yes, |it| it.matches(text))
        };
        let values = |name: &str| {
            let name = name.to_owned();
            headers.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(&name)).map(|(_, value)| value)
        };
        all([pattern(&self.method, method), pattern(&self.path, path), pattern(&self.host, host)]
            .into_iter()
            .chain(self.headers.iter().map(|header| match header {
                Header::Present(name) => Match::of(values(name).next().is_some()),
                Header::Equals(name, wanted) => Match::of(values(name).any(|value| value == wanted)),
                Header::Secret(_) => Match::Maybe,
            })))
    }

    fn written(&self) -> String {
        let mut words = vec![
            self.method.as_ref().map_or("any method", |it| it.written.as_str()).to_owned(),
            self.path.as_ref().map_or("any path", |it| it.written.as_str()).to_owned(),
        ];
        words.extend(self.host.as_ref().map(|host| format!("host {}", host.written)));
        words.extend(self.headers.iter().map(|header| match header {
            Header::Present(name) | Header::Secret(name) => format!("header {name}"),
            Header::Equals(name, value) => format!("header {name}: {value}"),
        }));
        words.join(" ")
    }
}
