//! DNS names and patterns of them.

use crate::certainty::Match;

/// A name or a pattern, as `toFQDNs`, DNS rules, server names and `domainNames` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern {
    written: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Exact(String),
    /// `*` alone.
    Everything,
    /// Label by label; a `*` inside of a label stands for any characters but the dot.
    Labels(Vec<String>),
    /// One or more labels, then these (`**.` of Cilium, `*.` of the network policy API).
    Below(Vec<String>),
}

impl NamePattern {
    pub(crate) fn exact(written: &str) -> Self {
        Self { written: written.to_owned(), form: Form::Exact(normal(written)) }
    }

    /// Cilium's `matchPattern`: `*` is any run of characters without a dot, `**.` any number of labels, a lone `*`
    /// everything. <https://docs.cilium.io/en/stable/security/policy/layer3/#dns-based>
    pub(crate) fn cilium(written: &str) -> Self {
        let pattern = normal(written);
        let form = match pattern.split_once('.') {
            None if all_stars(&pattern) => Form::Everything,
            Some((first, rest)) if first.len() > 1 && all_stars(first) => Form::Below(labels(rest)),
            _ => Form::Labels(labels(&pattern)),
        };
        Self { written: written.to_owned(), form }
    }

    /// `domainNames` of the network policy API: `*.` in front matches one or more labels.
    pub(crate) fn domain(written: &str) -> Self {
        let pattern = normal(written);
        let form = match pattern.strip_prefix("*.") {
            Some(rest) => Form::Below(labels(rest)),
            None => Form::Exact(pattern),
        };
        Self { written: written.to_owned(), form }
    }

    pub(crate) fn matches(&self, name: &str) -> Match {
        let name = normal(name);
        let given: Vec<&str> = name.split('.').collect();
        Match::of(match &self.form {
            Form::Exact(exact) => *exact == name,
            Form::Everything => true,
            Form::Labels(labels) => labels.len() == given.len() && same(labels, &given),
            Form::Below(labels) => {
                given.len() > labels.len()
                    && given.iter().all(|label| !label.is_empty())
                    && same(labels, &given[given.len() - labels.len()..])
            }
        })
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }
}

fn normal(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

fn all_stars(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte == b'*')
}

fn labels(name: &str) -> Vec<String> {
    name.split('.').map(str::to_owned).collect()
}

fn same(patterns: &[String], labels: &[&str]) -> bool {
    patterns.iter().zip(labels).all(|(pattern, label)| glob(pattern.as_bytes(), label.as_bytes()))
}

/// `*` stands for any bytes. Linear in practice: only the last star is ever moved.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, in_text));
            at += 1;
        } else if pattern.get(at) == Some(&text[in_text]) {
            at += 1;
            in_text += 1;
        } else if let Some((behind, taken)) = star {
            star = Some((behind, taken + 1));
            at = behind + 1;
            in_text = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn patterns_match_as_upstream_documents_them() {
        let table = [
            ("*.example.test", "a.example.test", true),
            ("*.example.test", "example.test", false),
            ("*.example.test", "b.a.example.test", false),
            ("**.example.test", "b.a.example.test", true),
            ("**.example.test", "example.test", false),
            ("part*ial.test", "partial.test", true),
            ("part*ial.test", "part-extra-ial.test", true),
            ("part*ial.test", "part.ial.test", false),
            ("*", "any.name.at.all.", true),
            ("Api.Example.test.", "api.example.TEST", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(NamePattern::cilium(pattern).matches(name), Match::of(expected), "{pattern} {name}");
        }
        assert_eq!(NamePattern::domain("*.example.test").matches("b.a.example.test"), Match::Yes);
        assert_eq!(NamePattern::domain("*.example.test").matches("example.test"), Match::No);
    }
}
