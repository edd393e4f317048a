//! Label selectors over Cilium's labels, which carry their source: `k8s:app=web`, `reserved:world`.

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`: all must hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    /// Whether the values, or the key itself, must be there or must not.
    wanted: bool,
    /// `None`: only the key counts.
    values: Option<Vec<String>>,
}

impl Selector {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let wrong = || format!("invalid label selector: {text:?}");
        let mut requirements = Vec::new();
        for part in split(text) {
            let part = part.trim();
            let (key, wanted, values) = if let Some(key) = part.strip_prefix('!') {
                (key, false, None)
            } else if let Some((key, values)) = part.split_once(" notin ") {
                (key, false, Some(list(values).ok_or_else(wrong)?))
            } else if let Some((key, values)) = part.split_once(" in ") {
                (key, true, Some(list(values).ok_or_else(wrong)?))
            } else if let Some((key, value)) = part.split_once("!=") {
                (key, false, Some(vec![value.trim().to_owned()]))
            } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (key, true, Some(vec![value.trim().to_owned()]))
            } else {
                (part, true, None)
            };
            let key = key.trim();
            if key.is_empty() || key.contains([' ', '(', ')', '=']) {
                return Err(wrong());
            }
            requirements.push(Requirement { key: key.to_owned(), wanted, values });
        }
        Ok(Self { requirements })
    }

    pub(super) fn matches(&self, labels: &[String]) -> bool {
        self.requirements.iter().all(|requirement| {
            let found = labels.iter().any(|label| {
                let (key, value) = label.split_once('=').unwrap_or((label, ""));
                is_key(key, &requirement.key)
                    && requirement
                        .values
                        .as_ref()
                        .is_none_or(|values| values.iter().any(|wanted| wanted == value))
            });
            found == requirement.wanted
        })
    }
}

/// With a source exactly; without one, of any source.
fn is_key(key: &str, wanted: &str) -> bool {
    key == wanted
        || (!wanted.contains(':') && key.split_once(':').is_some_and(|(_, name)| name == wanted))
        || wanted.strip_prefix("any:").is_some_and(|wanted| is_key(key, wanted))
}

fn list(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

/// At commas outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_kubernetes_with_cilium_s_sources() {
        let labels = ["k8s:app=web", "k8s:tier=front", "reserved:host"].map(str::to_owned);
        for (text, expected) in [
            ("app=web", true),
            ("k8s:app=web", true),
            ("any:app==web", true),
            ("reserved:host", true),
            ("reserved:world", false),
            ("app in (api, web),tier", true),
            ("app notin (web)", false),
            ("app!=api,!missing", true),
            ("container:app=web", false),
        ] {
            assert_eq!(Selector::new(text).unwrap().matches(&labels), expected, "{text}");
        }
        for text in ["", "=web", "app in web", "a b"] {
            assert!(Selector::new(text).is_err(), "{text}");
        }
    }
}
