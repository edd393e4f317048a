//! What a request path addresses, parsed once and strictly: the guard judges it, error messages name it.

/// A path of the Kubernetes API, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiPath<'a> {
    /// `/version`, `/apis`, `/openapi/v3`, …
    NonResource(Vec<&'a str>),
    /// An object, a list, or a sub-resource.
    Resource(ResourcePath<'a>),
}

/// `/apis/<group>/<version>[/namespaces/<namespace>]/<resource>[/<name>[/<sub>…]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePath<'a> {
    /// Empty for core.
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) resource: &'a str,
    pub(crate) name: Option<&'a str>,
    /// Segments below the object; a trailing slash is an empty last segment.
    pub(crate) sub: Vec<&'a str>,
}

/// Why a path is not one that this crate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    #[error("it does not begin with /")]
    Relative,
    #[error("it holds a percent-encoded character")]
    Encoded,
    #[error("it holds a character that no Kubernetes path needs")]
    Character,
    #[error("it holds an empty segment")]
    Empty,
    #[error("it holds a . or .. segment")]
    Dots,
    #[error("its fixed parts are not lower case")]
    Case,
    #[error("it is longer than any Kubernetes path")]
    Long,
}

/// Longest path sent: group, namespace and name at 253 bytes each, and room.
const LONGEST: usize = 1_200;

/// Splits and checks a path.
///
/// Names may be upper case (RBAC and CRD-free names allow it); every fixed part (group, version, resource,
/// sub-resource) must be lower case, so that no proxy on the way can read it differently.
pub(crate) fn parse(path: &str) -> Result<ApiPath<'_>, PathError> {
    let rest = path.strip_prefix('/').ok_or(PathError::Relative)?;
    if path.len() > LONGEST {
        return Err(PathError::Long);
    }
    if path.contains('%') {
        return Err(PathError::Encoded);
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._:@~+=$".contains(&byte)) {
        return Err(PathError::Character);
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        if segment.is_empty() && index != last {
            return Err(PathError::Empty);
        }
        if segment.bytes().all(|byte| byte == b'.') && !segment.is_empty() {
            return Err(PathError::Dots);
        }
    }
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => {
            if segments.last().is_some_and(|segment| segment.is_empty()) {
                return Err(PathError::Empty);
            }
            lower(&segments)?;
            return Ok(ApiPath::NonResource(segments));
        }
    };
    lower(&[group, version])?;
    let (namespace, rest) = match rest {
        ["namespaces", namespace, resource, below @ ..] if !is_namespace_sub(resource) => {
            (Some(*namespace), [&[*resource][..], below].concat())
        }
        _ => (None, rest.to_vec()),
    };
    let (&resource, below) = rest.split_first().ok_or(PathError::Empty)?;
    let name = below.first().copied();
    let sub = below.get(1..).unwrap_or_default().to_vec();
    if resource.is_empty() || name == Some("") || namespace == Some("") {
        return Err(PathError::Empty);
    }
    lower(&[resource])?;
    lower(&sub)?;
    Ok(ApiPath::Resource(ResourcePath { group, version, namespace, resource, name, sub }))
}

/// Sub-resources of a Namespace object itself: `/api/v1/namespaces/<name>/status`.
fn is_namespace_sub(segment: &str) -> bool {
    matches!(segment, "status" | "finalize" | "")
}

fn lower(segments: &[&str]) -> Result<(), PathError> {
    if segments.iter().any(|segment| segment.bytes().any(|byte| byte.is_ascii_uppercase())) {
        return Err(PathError::Case);
    }
    Ok(())
}

impl ResourcePath<'_> {
    /// `pods`, `pods/log`, `deployments.apps`: as RBAC rules are spoken of.
    pub(crate) fn spoken(&self) -> String {
        let mut out = self.resource.to_owned();
        if !self.group.is_empty() {
            out.push('.');
            out.push_str(self.group);
        }
        let sub: Vec<&str> = self.sub.iter().copied().filter(|segment| !segment.is_empty()).collect();
        if let Some(first) = sub.first() {
            out.push('/');
            out.push_str(first);
        }
        out
    }

    /// `get` with a name, `list` without.
    pub(crate) fn verb(&self) -> &'static str {
        if self.name.is_some() { "get" } else { "list" }
    }

    /// The RBAC rule a request needs: `needs get pods/log in namespace shop`.
    pub(crate) fn rule(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("needs {} {} in namespace {namespace}", self.verb(), self.spoken()),
            None => format!("needs {} {} cluster-wide", self.verb(), self.spoken()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn splits_objects_lists_and_sub_resources() {
        assert_eq!(
            parse("/api/v1/namespaces/shop/pods/web-0/log"),
            Ok(ApiPath::Resource(ResourcePath {
                group: "",
                version: "v1",
                namespace: Some("shop"),
                resource: "pods",
                name: Some("web-0"),
                sub: vec!["log"],
            }))
        );
        assert_eq!(
            parse("/apis/apps/v1/deployments"),
            Ok(ApiPath::Resource(ResourcePath {
                group: "apps",
                version: "v1",
                namespace: None,
                resource: "deployments",
                name: None,
                sub: vec![],
            }))
        );
        assert_eq!(
            parse("/api/v1/namespaces/shop/status"),
            Ok(ApiPath::Resource(ResourcePath {
                group: "",
                version: "v1",
                namespace: None,
                resource: "namespaces",
                name: Some("shop"),
                sub: vec!["status"],
            }))
        );
        assert_eq!(parse("/apis/apps"), Ok(ApiPath::NonResource(vec!["apis", "apps"])));
    }

    #[test]
    fn names_the_rule_a_request_needs() {
        let rule = |path| match parse(path) {
            Ok(ApiPath::Resource(path)) => path.rule(),
            other => panic!("{other:?}"),
        };
        assert_eq!(rule("/api/v1/namespaces/shop/pods/web-0/log"), "needs get pods/log in namespace shop");
        assert_eq!(rule("/apis/apps/v1/deployments"), "needs list deployments.apps cluster-wide");
    }

    #[test]
    fn tricks_are_errors() {
        for (path, error) in [
            ("/api/v1/namespaces/shop/%73ecrets", PathError::Encoded),
            ("/api/v1//secrets", PathError::Empty),
            ("/api/v1/pods/../secrets", PathError::Dots),
            ("/api/v1/Secrets", PathError::Case),
            ("api/v1/pods", PathError::Relative),
            ("/api/v1/pods;x", PathError::Character),
            ("/api/v1/pods/", PathError::Empty),
            ("/version/", PathError::Empty),
        ] {
            assert_eq!(parse(path), Err(error), "{path}");
        }
    }
}
