//! What the API server serves, and what a person means by `deploy`, `Pod` or `certificates.cert-manager.io`.

use crate::api::{Api, JSON};
use crate::error::ClusterError;
use serde_json::Value;
use stethoscope_core::tool::{ToolError, nearest_names};

/// Aggregated discovery, GA since Kubernetes 1.30; older servers fall back to the plain documents.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                          application/json";

/// One resource that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Empty for core.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) scope: Scope,
    pub(crate) short_names: Vec<String>,
    pub(crate) verbs: Vec<String>,
}

/// Where objects of a resource live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Cluster,
    Namespaced,
}

impl Resource {
    /// A resource known without asking.
    pub(crate) fn known(group: &str, version: &str, plural: &str, kind: &str, scope: Scope) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
            scope,
            short_names: Vec::new(),
            verbs: vec!["get".to_owned(), "list".to_owned()],
        }
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn spoken(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub(crate) fn can_list(&self) -> bool {
        self.verbs.is_empty() || self.verbs.iter().any(|verb| verb == "list")
    }

    /// Secrets: only their metadata may be asked for.
    pub(crate) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    /// Path of the list, or of one object.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> Result<String, ClusterError> {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let (Scope::Namespaced, Some(namespace)) = (self.scope, namespace) {
            path.push_str("/namespaces/");
            path.push_str(segment(namespace)?);
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            path.push_str(segment(name)?);
        }
        Ok(path)
    }
}

/// A name that may stand in a path. Object names never need more than these characters.
fn segment(name: &str) -> Result<&str, ClusterError> {
    let plain = !name.is_empty()
        && name.len() <= 253
        && name.bytes().any(|byte| byte != b'.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:@~+=$".contains(&byte));
    if plain {
        Ok(name)
    } else {
        Err(ClusterError::BadRequest {
            what: format!("{name:?}"),
            message: "this is not the name of a Kubernetes object".to_owned(),
        })
    }
}

/// Everything that is served, in the server's order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    resources: Vec<Resource>,
    /// Groups whose resources could not be learnt, e.g. because their aggregated server is down.
    pub(crate) gaps: Vec<String>,
}

impl Catalog {
    /// Asks the API server.
    pub(crate) async fn fetch(api: &Api) -> Result<Self, ClusterError> {
        let (core, groups) =
            futures::join!(api.get_value("/api", AGGREGATED), api.get_value("/apis", AGGREGATED));
        let mut catalog = Self::default();
        let core = core?;
        catalog.absorb(api, &core, "/api").await;
        match groups {
            Ok(groups) => catalog.absorb(api, &groups, "/apis").await,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => catalog.gaps.push(format!("API groups: {}", error.brief())),
        }
        Ok(catalog)
    }

    async fn absorb(&mut self, api: &Api, document: &Value, root: &str) {
        if document["kind"] == "APIGroupDiscoveryList" {
            self.aggregated(document);
        } else {
            self.legacy(api, document, root).await;
        }
    }

    fn aggregated(&mut self, document: &Value) {
        for group in crate::object::items(document, "items") {
            let group_name = crate::object::name(group);
            for version in crate::object::items(group, "versions") {
                let version_name = crate::object::text(version, "version");
                if version["freshness"] == "Stale" {
                    self.gaps.push(format!(
                        "{group_name}/{version_name}: its API server does not answer; what it serves may be out of date"
                    ));
                }
                for entry in crate::object::items(version, "resources") {
                    self.add(Resource {
                        group: group_name.to_owned(),
                        version: version_name.to_owned(),
                        plural: crate::object::text(entry, "resource").to_owned(),
                        singular: crate::object::text(entry, "singularResource").to_lowercase(),
                        kind: crate::object::text(entry, "responseKind.kind").to_owned(),
                        scope: if entry["scope"] == "Namespaced" {
                            Scope::Namespaced
                        } else {
                            Scope::Cluster
                        },
                        short_names: strings(entry, "shortNames"),
                        verbs: strings(entry, "verbs"),
                    });
                }
            }
        }
    }

    /// `/api` gives versions, `/apis` groups with versions; each version is a document of its own.
    async fn legacy(&mut self, api: &Api, document: &Value, root: &str) {
        let mut wanted: Vec<(String, String)> = Vec::new();
        for version in strings(document, "versions") {
            wanted.push((String::new(), version));
        }
        for group in crate::object::items(document, "groups") {
            let group_name = crate::object::text(group, "name");
            let preferred = crate::object::text(group, "preferredVersion.version");
            let mut versions: Vec<&str> = crate::object::items(group, "versions")
                .iter()
                .map(|version| crate::object::text(version, "version"))
                .collect();
            versions.sort_by_key(|version| *version != preferred);
            wanted.extend(versions.into_iter().map(|version| (group_name.to_owned(), version.to_owned())));
        }
        let answers = futures::future::join_all(wanted.iter().map(|(group, version)| {
            let path = if group.is_empty() {
                format!("{root}/{version}")
            } else {
                format!("{root}/{group}/{version}")
            };
            async move { api.get_value(&path, JSON).await }
        }))
        .await;
        for ((group, version), answer) in wanted.into_iter().zip(answers) {
            match answer {
                Ok(document) => self.resource_list(&group, &version, &document),
                Err(error) => self.gaps.push(format!("{group}/{version}: {}", error.brief())),
            }
        }
    }

    fn resource_list(&mut self, group: &str, version: &str, document: &Value) {
        for entry in crate::object::items(document, "resources") {
            let plural = crate::object::text(entry, "name");
            if plural.contains('/') {
                continue;
            }
            self.add(Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: plural.to_owned(),
                singular: crate::object::text(entry, "singularName").to_lowercase(),
                kind: crate::object::text(entry, "kind").to_owned(),
                scope: if entry["namespaced"].as_bool() == Some(true) {
                    Scope::Namespaced
                } else {
                    Scope::Cluster
                },
                short_names: strings(entry, "shortNames"),
                verbs: strings(entry, "verbs"),
            });
        }
    }

    fn add(&mut self, mut resource: Resource) {
        let readable =
            resource.verbs.is_empty() || resource.verbs.iter().any(|verb| verb == "get" || verb == "list");
        if resource.plural.is_empty() || resource.kind.is_empty() || !readable {
            return;
        }
        if resource.singular.is_empty() {
            resource.singular = resource.kind.to_lowercase();
        }
        self.resources.push(resource);
    }

    /// Whether a resource is served at all.
    pub(crate) fn serves(&self, group: &str, plural: &str) -> bool {
        self.resources.iter().any(|resource| resource.group == group && resource.plural == plural)
    }

    /// What a group serves, in the server's order of preference.
    pub(crate) fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.group == group)
    }

    /// Gaps that may hide resources of a group.
    pub(crate) fn gaps_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        self.gaps.iter().map(String::as_str).filter(move |gap| {
            gap.starts_with("API groups:")
                || gap.strip_prefix(group).is_some_and(|rest| !group.is_empty() && rest.starts_with('/'))
        })
    }

    /// The resource of an `apiVersion` and `kind`, as owner references name it.
    pub(crate) fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let of_kind = |resource: &&Resource| resource.kind == kind;
        self.resources
            .iter()
            .filter(of_kind)
            .find(|resource| resource.group == group && resource.api_version() == api_version)
            .or_else(|| self.resources.iter().filter(of_kind).find(|resource| resource.group == group))
    }

    /// What a person means: kind, plural, singular or short name, alone or with `.group` or `.version.group`.
    pub(crate) fn resolve(&self, word: &str) -> Result<&Resource, ToolError> {
        let wanted = word.trim().to_lowercase();
        let (word_part, qualifier) = match wanted.split_once('.') {
            Some((head, tail)) => (head, Some(tail)),
            None => (wanted.as_str(), None),
        };
        let fits = |resource: &&Resource| match qualifier {
            None => true,
            Some(tail) => {
                tail == resource.group
                    || (resource.group.is_empty() && tail == resource.version)
                    || tail == format!("{}.{}", resource.version, resource.group)
            }
        };
        let by = |matches: &dyn Fn(&Resource) -> bool| {
            self.resources
                .iter()
                .filter(fits)
                .filter(|resource| matches(resource))
                .min_by_key(|resource| rank(&resource.group))
        };
        by(&|resource| resource.plural == word_part)
            .or_else(|| by(&|resource| resource.singular == word_part))
            .or_else(|| by(&|resource| resource.kind.to_lowercase() == word_part))
            .or_else(|| by(&|resource| resource.short_names.iter().any(|short| short == word_part)))
            .ok_or_else(|| self.unknown(word_part, word))
    }

    fn unknown(&self, word_part: &str, word: &str) -> ToolError {
        let mut names: Vec<String> = self.resources.iter().map(Resource::spoken).collect();
        names.sort();
        names.dedup();
        let gaps = if self.gaps.is_empty() {
            String::new()
        } else {
            format!(" (not every API group could be read: {})", self.gaps.join("; "))
        };
        ToolError::NotFound {
            message: format!("the cluster serves no kind called {word}{gaps}"),
            nearest: nearest_names(word_part, names.iter().map(String::as_str), 4),
        }
    }
}

/// Upstream's own groups before others, core first; the server's order decides among the rest.
fn rank(group: &str) -> u8 {
    match group {
        "" => 0,
        "apps" | "batch" | "autoscaling" | "policy" => 1,
        // A copy of core's events and of aggregated metrics' `pods` and `nodes` must never win.
        "events.k8s.io" => 2,
        "metrics.k8s.io" => 9,
        group if group.ends_with(".k8s.io") => 2,
        _ => 3,
    }
}

fn strings(value: &Value, path: &str) -> Vec<String> {
    crate::object::items(value, path).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.aggregated(&json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "pods", "singularResource": "pod", "responseKind": {"kind": "Pod"},
                 "scope": "Namespaced", "shortNames": ["po"], "verbs": ["get", "list"]},
                {"resource": "bindings", "singularResource": "binding", "responseKind": {"kind": "Binding"},
                 "scope": "Namespaced", "verbs": ["create"]},
            ]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale",
              "resources": [{"resource": "pods", "responseKind": {"kind": "PodMetrics"}, "scope": "Namespaced",
                "verbs": ["get", "list"]}]}]},
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "singularResource": "deployment",
                 "responseKind": {"kind": "Deployment"}, "scope": "Namespaced", "shortNames": ["deploy"],
                 "verbs": ["get", "list"]}]}]},
            {"metadata": {"name": "example.com"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Cluster",
                 "verbs": ["get", "list"]}]}]},
        ]}));
        catalog
    }

    #[test]
    fn every_customary_word_resolves() {
        let catalog = catalog();
        let spoken = |word: &str| catalog.resolve(word).map(Resource::spoken).unwrap_or_default();
        for word in ["pods", "Pod", "po", "POD", "pods.v1"] {
            assert_eq!(spoken(word), "pods", "{word}");
        }
        for word in ["deploy", "Deployment", "deployments.apps", "deployments.v1.apps", "deployment.apps"] {
            assert_eq!(spoken(word), "deployments.apps", "{word}");
        }
        assert_eq!(spoken("deployments.example.com"), "deployments.example.com");
        assert_eq!(spoken("podmetrics"), "pods.metrics.k8s.io");
    }

    #[test]
    fn an_unknown_word_gives_the_nearest_names_and_a_stale_group_is_said() {
        assert_eq!(
            catalog().resolve("deploymets"),
            Err(ToolError::NotFound {
                message: "the cluster serves no kind called deploymets (not every API group could be read: \
                          metrics.k8s.io/v1beta1: its API server does not answer; what it serves may be out of date)"
                    .to_owned(),
                nearest: vec!["deployments.apps".to_owned(), "deployments.example.com".to_owned()],
            })
        );
    }

    #[test]
    fn names_that_would_change_a_path_are_refused() {
        let pods = Resource::known("", "v1", "pods", "Pod", Scope::Namespaced);
        assert_eq!(
            pods.path(Some("shop"), Some("web-0")),
            Ok("/api/v1/namespaces/shop/pods/web-0".to_owned())
        );
        for name in ["..", "a/b", "a?b", "a%2fb", "", "ä"] {
            assert!(pods.path(Some("shop"), Some(name)).is_err(), "{name}");
        }
    }
}
