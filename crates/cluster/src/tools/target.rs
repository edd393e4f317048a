//! What arguments mean: forgiving with words, strict with the rest.

use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::list::Listing;
use crate::object;
use crate::show::parse_duration;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use stethoscope_core::tool::{CallContext, ToolError};

/// One object, found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) resource: Resource,
    pub(crate) object: Value,
}

/// The namespace an argument means: absent takes the question's, `*`, `all` and `""` mean all (`None`).
pub(crate) fn namespace(argument: Option<&str>, context: &CallContext) -> Option<String> {
    match argument.map(str::trim) {
        None => context.namespace.clone(),
        Some("" | "*" | "all" | "-A" | "_all") => None,
        Some(name) => Some(name.to_owned()),
    }
}

/// Words of an object: kind, namespace and name as far as they were said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
}

/// Reads `web-0`, `pod/web-0`, `shop/web-0` (with a kind), `Pod shop/web-0`, `pod/shop/web-0`.
fn read(kind: Option<&str>, name: &str) -> Said {
    let trimmed = name.trim();
    let (spoken_kind, rest) = match trimmed.split_once(char::is_whitespace) {
        Some((kind, rest)) => (Some(kind.to_owned()), rest.trim()),
        None => (None, trimmed),
    };
    let kind = kind.map(str::trim).filter(|kind| !kind.is_empty()).map(str::to_owned);
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let known = kind.clone().or(spoken_kind);
    match (parts.as_slice(), known) {
        ([kind, namespace, name], _) => Said {
            kind: Some((*kind).to_owned()),
            namespace: Some((*namespace).to_owned()),
            name: (*name).to_owned(),
        },
        ([first, name], Some(kind)) if same_word(first, &kind) => {
            Said { kind: Some(kind), namespace: None, name: (*name).to_owned() }
        }
        ([namespace, name], Some(kind)) => {
            Said { kind: Some(kind), namespace: Some((*namespace).to_owned()), name: (*name).to_owned() }
        }
        ([kind, name], None) => {
            Said { kind: Some((*kind).to_owned()), namespace: None, name: (*name).to_owned() }
        }
        (_, kind) => Said { kind, namespace: None, name: rest.to_owned() },
    }
}

/// `pods`, `pod` and `Pod` are one word; so are `deploy` and `deployment`.
fn same_word(one: &str, other: &str) -> bool {
    let plain = |word: &str| word.to_lowercase().trim_end_matches('s').to_owned();
    let (one, other) = (plain(one), plain(other));
    one == other
        || (one.len() >= 2 && other.starts_with(&one))
        || (other.len() >= 2 && one.starts_with(&other))
}

impl Cluster {
    /// The object that arguments name. `fallback` is the kind when none is said.
    pub(crate) async fn target(
        &self,
        kind: Option<&str>,
        name: &str,
        place: Option<&str>,
        fallback: &str,
        context: &CallContext,
    ) -> Result<Target, ToolError> {
        let said = read(kind, name);
        if said.name.is_empty() {
            return Err(ToolError::BadArguments {
                message: "no name is given".to_owned(),
                hint: Some("use k8s_list to see names".to_owned()),
            });
        }
        let resource = self.resolve(said.kind.as_deref().unwrap_or(fallback)).await?;
        if resource.scope == Scope::Cluster {
            let object = self.object_or_nearest(&resource, None, &said.name).await?;
            return Ok(Target { resource, object });
        }
        // What is said with the name is nearer to it than the argument beside it.
        let namespace = said.namespace.or_else(|| namespace(place, context));
        let object = match &namespace {
            Some(namespace) => self.object_or_nearest(&resource, Some(namespace), &said.name).await?,
            None => self.only_one(&resource, &said.name).await?,
        };
        Ok(Target { resource, object })
    }

    /// The object of that name, in whichever namespace it is.
    async fn only_one(&self, resource: &Resource, name: &str) -> Result<Value, ToolError> {
        let fields = format!("metadata.name={name}");
        let listing = Listing { fields: Some(&fields), ..Listing::of(resource, None) };
        let mut places = Vec::new();
        self.list_each(&listing, &mut |item| {
            // An API server that does not know the selector gives every object.
            if object::name(&item) == name {
                places.push(object::namespace(&item).unwrap_or_default().to_owned());
            }
            Ok(())
        })
        .await?;
        places.sort();
        match places.as_slice() {
            [] => Err(self.not_found(resource, None, name).await),
            [place] => self.object_or_nearest(resource, Some(place), name).await,
            _ => Err(ToolError::BadArguments {
                message: format!("{} {name} exists in several namespaces", resource.kind),
                hint: Some(format!("give namespace: {}", places.join(", "))),
            }),
        }
    }
}

/// A number given as such or as text.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Text(String),
        Nothing(()),
    }
    match Given::deserialize(deserializer)? {
        Given::Number(number) => Ok(Some(number)),
        Given::Text(text) if text.trim().is_empty() => Ok(None),
        Given::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no number"))),
        Given::Nothing(()) => Ok(None),
    }
}

/// One text, or a list of texts, or a text with commas.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Many(Vec<String>),
        One(String),
        Nothing(()),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::Many(words) => words,
        Given::One(text) => {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        Given::Nothing(()) => Vec::new(),
    })
}

/// The moment that `15m`, `2h`, `1d` or an RFC 3339 time means.
pub(crate) fn since(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ToolError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Some(moment));
    }
    let seconds = parse_duration(text.trim_end_matches("ago").trim_start_matches('-'));
    let moment = seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .and_then(|seconds| Timestamp::from_second(now.as_second().saturating_sub(seconds)).ok());
    moment.map(Some).ok_or_else(|| ToolError::BadArguments {
        message: format!("since: {text:?} is no duration"),
        hint: Some("e.g. 30m, 2h, 1d or 2026-01-31T12:00:00Z".to_owned()),
    })
}

/// A regular expression argument.
pub(crate) fn regex(name: &str, pattern: Option<&str>) -> Result<Option<regex::Regex>, ToolError> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else { return Ok(None) };
    crate::show::filter::regex(pattern).map(Some).map_err(|error| ToolError::BadArguments {
        message: format!("{name}: {error}"),
        hint: Some("escape ( ) [ ] { } . * + ? with a backslash".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn every_way_to_name_an_object_is_read() {
        let said = |kind: Option<&str>, name: &str| {
            let said = read(kind, name);
            (said.kind.unwrap_or_default(), said.namespace.unwrap_or_default(), said.name)
        };
        let is = |kind: &str, namespace: &str, name: &str| {
            (kind.to_owned(), namespace.to_owned(), name.to_owned())
        };
        assert_eq!(said(None, "web-0"), is("", "", "web-0"));
        assert_eq!(said(None, "pod/web-0"), is("pod", "", "web-0"));
        assert_eq!(said(Some("pod"), "pods/web-0"), is("pod", "", "web-0"));
        assert_eq!(said(Some("pod"), "shop/web-0"), is("pod", "shop", "web-0"));
        assert_eq!(said(None, "Pod shop/web-0"), is("Pod", "shop", "web-0"));
        assert_eq!(said(None, "pod/shop/web-0"), is("pod", "shop", "web-0"));
        assert_eq!(said(Some("deploy"), "deployment/web"), is("deploy", "", "web"));
    }

    #[test]
    fn namespaces_fall_back_to_the_questions() {
        let context =
            CallContext { namespace: Some("shop".to_owned()), now: "2026-01-01T00:00:00Z".parse().unwrap() };
        assert_eq!(namespace(None, &context), Some("shop".to_owned()));
        assert_eq!(namespace(Some("*"), &context), None);
        assert_eq!(namespace(Some("db"), &context), Some("db".to_owned()));
    }

    #[test]
    fn since_takes_durations_and_moments() {
        let now: Timestamp = "2026-01-01T02:00:00Z".parse().unwrap();
        let hour: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        assert_eq!(since(Some("1h"), now), Ok(Some(hour)));
        assert_eq!(since(Some("1h ago"), now), Ok(Some(hour)));
        assert_eq!(since(Some("2026-01-01T01:00:00Z"), now), Ok(Some(hour)));
        assert_eq!(since(None, now), Ok(None));
        assert!(since(Some("yesterday"), now).is_err());
    }
}
