//! `k8s_access`: who may do what, and why something is forbidden.

use super::TOOLSET;
use super::target::namespace;
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::object::{self, items, text};
use crate::rbac::{Action, Grant, Rbac, Subject};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Asks about permissions.
pub(crate) struct Access(pub(crate) Cluster);

/// Roles and bindings read, grants shown, rules shown of each.
const MOST: usize = 20_000;
const GRANTS: usize = 40;
const RULES: usize = 12;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// sa/ns/name, user/x, group/x; anyone: who may; default us
    #[serde(default, alias = "who")]
    subject: Option<String>,
    /// e.g. get; omit to list permissions
    #[serde(default)]
    verb: Option<String>,
    /// e.g. pods/log
    #[serde(default, alias = "kind")]
    resource: Option<String>,
    #[serde(default)]
    name: Option<String>,
    /// * for cluster-wide
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

/// What is allowed, and through what.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Who.
    subject: String,
    /// What, e.g. `list pods in namespace shop`; absent for a list of permissions.
    action: Option<String>,
    /// Whether it is allowed; absent for a list.
    allowed: Option<bool>,
    /// The API server's own reason.
    reason: String,
    /// Bindings that allow it, or that the subject has.
    grants: Vec<Given>,
    /// Whether the ServiceAccount exists; absent for other subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    #[serde(skip)]
    coverage: Coverage,
}

/// One binding.
#[derive(Serialize, JsonSchema)]
struct Given {
    /// The binding and its role.
    through: String,
    /// Whom it binds.
    subjects: Vec<String>,
    /// Its rules.
    rules: Vec<String>,
}

impl From<Grant> for Given {
    fn from(grant: Grant) -> Self {
        let mut rules = grant.rules;
        let more = rules.len().saturating_sub(RULES);
        rules.truncate(RULES);
        if more > 0 {
            rules.push(format!("+{more} more rules"));
        }
        Self { through: grant.through, subjects: grant.subjects, rules }
    }
}

/// A verb on a resource in a place, resolved.
struct Asked {
    verb: String,
    group: String,
    resource: String,
    sub: String,
    name: Option<String>,
    namespace: Option<String>,
}

impl Asked {
    fn full(&self) -> String {
        if self.sub.is_empty() { self.resource.clone() } else { format!("{}/{}", self.resource, self.sub) }
    }

    fn spoken(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = self
            .namespace
            .as_ref()
            .map_or(" cluster-wide".to_owned(), |place| format!(" in namespace {place}"));
        format!("{} {}{group}{name}{place}", self.verb, self.full())
    }
}

#[async_trait]
impl TypedTool for Access {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_access";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Who may do what by RBAC, and why something is forbidden.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule {
                api_group: "authorization.k8s.io".to_owned(),
                resources: vec!["selfsubjectaccessreviews".to_owned(), "selfsubjectrulesreviews".to_owned()],
                verbs: vec!["create".to_owned()],
            },
            RbacRule::read(
                "rbac.authorization.k8s.io",
                &["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
            ),
        ]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let place = namespace(input.namespace.as_deref(), context);
        let asked = self.asked(&input, place.clone()).await?;
        match input.subject.as_deref().map(str::trim).filter(|subject| !subject.is_empty()) {
            None | Some("us" | "me" | "self") => match asked {
                Some(asked) => self.may_we(&asked).await,
                None => self.our_rules(place.as_deref()).await,
            },
            Some("anyone" | "anybody" | "*" | "who") => match asked {
                Some(asked) => self.who_may(&asked).await,
                None => Err(ToolError::BadArguments {
                    message: "who may do what?".to_owned(),
                    hint: Some("give verb and resource".to_owned()),
                }),
            },
            Some(words) => {
                let subject = Subject::parse(words, place.as_deref());
                self.may_they(&subject, asked.as_ref(), place.as_deref()).await
            }
        }
    }
}

impl Access {
    async fn asked(&self, input: &Input, place: Option<String>) -> Result<Option<Asked>, ToolError> {
        let (verb, resource) = match (&input.verb, &input.resource) {
            (None, None) => return Ok(None),
            (verb, Some(resource)) => (verb.clone().unwrap_or_else(|| "get".to_owned()), resource),
            (Some(_), None) => {
                return Err(ToolError::BadArguments {
                    message: "a verb needs a resource".to_owned(),
                    hint: Some("e.g. verb get, resource pods/log".to_owned()),
                });
            }
        };
        let (word, sub) = resource.split_once('/').unwrap_or((resource, ""));
        let found = self.0.resolve(word).await?;
        let namespaced = found.scope == Scope::Namespaced;
        Ok(Some(Asked {
            verb: verb.to_lowercase(),
            group: found.group,
            resource: found.plural,
            sub: sub.to_owned(),
            name: input.name.clone(),
            namespace: place.filter(|_| namespaced),
        }))
    }

    async fn may_we(&self, asked: &Asked) -> Result<Output, ToolError> {
        let answer = self
            .0
            .api()
            .review(
                "selfsubjectaccessreviews",
                &json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "spec": {"resourceAttributes": {
                        "verb": asked.verb, "group": asked.group, "resource": asked.resource,
                        "subresource": asked.sub, "name": asked.name.clone().unwrap_or_default(),
                        "namespace": asked.namespace.clone().unwrap_or_default(),
                    }}
                }),
            )
            .await?;
        let allowed = answer["status"]["allowed"] == true;
        let mut reason = text(&answer, "status.reason").to_owned();
        if !allowed && reason.is_empty() {
            reason = format!("no rule allows it; needs {}", asked.spoken());
        }
        Ok(Output {
            subject: "us".to_owned(),
            action: Some(asked.spoken()),
            allowed: Some(allowed),
            reason,
            grants: Vec::new(),
            exists: None,
            coverage: Coverage::default(),
        })
    }

    async fn our_rules(&self, place: Option<&str>) -> Result<Output, ToolError> {
        let namespace = place.unwrap_or(self.0.default_namespace());
        let answer = self
            .0
            .api()
            .review(
                "selfsubjectrulesreviews",
                &json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
                    "spec": {"namespace": namespace}
                }),
            )
            .await?;
        let mut rules: Vec<String> = items(&answer, "status.resourceRules").iter().map(rule).collect();
        rules.sort();
        rules.dedup();
        let mut coverage = Coverage::default();
        if answer["status"]["incomplete"] == true {
            coverage.missing.push("the API server calls this list incomplete".to_owned());
        }
        Ok(Output {
            subject: "us".to_owned(),
            action: None,
            allowed: None,
            reason: format!("in namespace {namespace}"),
            grants: vec![Given { through: "rules".to_owned(), subjects: Vec::new(), rules }],
            exists: None,
            coverage,
        })
    }

    async fn who_may(&self, asked: &Asked) -> Result<Output, ToolError> {
        let (rbac, mut coverage) = self.rbac(asked.namespace.as_deref()).await?;
        let grants = rbac.allowing(None, &action(asked, &asked.full()));
        Ok(Output {
            subject: "anyone".to_owned(),
            action: Some(asked.spoken()),
            allowed: None,
            reason: String::new(),
            grants: given(grants, &mut coverage),
            exists: None,
            coverage,
        })
    }

    async fn may_they(
        &self,
        subject: &Subject,
        asked: Option<&Asked>,
        place: Option<&str>,
    ) -> Result<Output, ToolError> {
        let own = match subject {
            Subject::ServiceAccount { namespace, .. } => Some(namespace.as_str()),
            Subject::User(_) | Subject::Group(_) => None,
        };
        let place = asked.map_or(place.or(own), |asked| asked.namespace.as_deref());
        let (rbac, mut coverage) = self.rbac(place).await?;
        let exists = self.exists(subject).await;
        let output = |allowed, reason, grants| Output {
            subject: subject.spoken(),
            action: asked.map(Asked::spoken),
            allowed,
            reason,
            grants,
            exists,
            coverage: Coverage::default(),
        };
        let mut output = match asked {
            Some(asked) => {
                let grants = rbac.allowing(Some(subject), &action(asked, &asked.full()));
                let allowed = !grants.is_empty();
                // Nothing found proves nothing when not everything could be read.
                let sure = allowed || coverage.missing.is_empty();
                let (reason, grants) = if allowed {
                    (String::new(), grants)
                } else {
                    let held = rbac.held(subject, asked.namespace.as_deref());
                    let words =
                        if held.is_empty() { "it has no bindings" } else { "its bindings do not allow it" };
                    (words.to_owned(), held)
                };
                output(sure.then_some(allowed), reason, given(grants, &mut coverage))
            }
            None => output(None, String::new(), given(rbac.held(subject, place), &mut coverage)),
        };
        output.coverage = coverage;
        Ok(output)
    }

    async fn exists(&self, subject: &Subject) -> Option<bool> {
        let Subject::ServiceAccount { namespace, name } = subject else { return None };
        let accounts = Resource::known("", "v1", "serviceaccounts", "ServiceAccount", Scope::Namespaced);
        match self.0.object(&accounts, Some(namespace), name).await {
            Ok(_) => Some(true),
            Err(ClusterError::NotFound { .. }) => Some(false),
            Err(_) => None,
        }
    }

    async fn rbac(&self, place: Option<&str>) -> Result<(Rbac, Coverage), ToolError> {
        let known = |plural: &str, kind: &str, scope| {
            Resource::known("rbac.authorization.k8s.io", "v1", plural, kind, scope)
        };
        let roles = known("roles", "Role", Scope::Namespaced);
        let cluster_roles = known("clusterroles", "ClusterRole", Scope::Cluster);
        let bindings = known("rolebindings", "RoleBinding", Scope::Namespaced);
        let cluster_bindings = known("clusterrolebindings", "ClusterRoleBinding", Scope::Cluster);
        let lists = [
            Listing::of(&roles, place),
            Listing::of(&cluster_roles, None),
            Listing::of(&bindings, place),
            Listing::of(&cluster_bindings, None),
        ];
        let mut read =
            futures::future::try_join_all(lists.iter().map(|listing| self.0.objects(listing, MOST))).await?;
        let missing = read.iter_mut().filter_map(|list| list.missing.take()).collect();
        let mut lists = read.into_iter().map(|list| list.items);
        let mut two = || -> Vec<Value> { lists.by_ref().take(2).flatten().collect() };
        let (roles, bindings) = (two(), two());
        Ok((Rbac { roles, bindings }, Coverage { missing, truncated: Vec::new() }))
    }
}

fn action<'a>(asked: &'a Asked, resource: &'a str) -> Action<'a> {
    Action {
        verb: &asked.verb,
        group: &asked.group,
        resource,
        name: asked.name.as_deref(),
        namespace: asked.namespace.as_deref(),
    }
}

fn given(grants: Vec<Grant>, coverage: &mut Coverage) -> Vec<Given> {
    if grants.len() > GRANTS {
        coverage.truncated.push(format!("{} more bindings", grants.len() - GRANTS));
    }
    grants.into_iter().take(GRANTS).map(Given::from).collect()
}

fn rule(rule: &Value) -> String {
    let joined = |field: &str| {
        items(rule, field)
            .iter()
            .map(object::plain)
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(",")
    };
    let (groups, names) = (joined("apiGroups"), joined("resourceNames"));
    let groups = if groups.is_empty() { groups } else { format!(" in {groups}") };
    let names = if names.is_empty() { names } else { format!(" named {names}") };
    format!("{} {}{groups}{names}", joined("verbs"), joined("resources"))
}

impl Present for Output {
    fn text(&self) -> String {
        let mut out = self.subject.clone();
        if self.exists == Some(false) {
            out.push_str(" (this ServiceAccount does not exist)");
        }
        match (&self.action, self.allowed) {
            (Some(action), Some(true)) => out.push_str(&format!(": allowed to {action}")),
            (Some(action), Some(false)) => out.push_str(&format!(": NOT allowed to {action}")),
            (Some(action), None) => out.push_str(&format!(" may {action} through:")),
            (None, _) => out.push_str(" may:"),
        }
        if !self.reason.is_empty() {
            out.push_str(&format!(" ({})", self.reason));
        }
        out.push('\n');
        if self.grants.is_empty() && self.allowed.is_none() {
            out.push_str("nothing that RBAC shows\n");
        }
        for grant in &self.grants {
            let subjects = if grant.subjects.is_empty() {
                String::new()
            } else {
                format!(" for {}", grant.subjects.join(", "))
            };
            out.push_str(&format!("{}{subjects}\n", grant.through));
            for rule in &grant.rules {
                out.push_str(&format!("  {rule}\n"));
            }
        }
        out
    }

    fn summary(&self) -> String {
        match self.allowed {
            Some(true) => "allowed".to_owned(),
            Some(false) => "not allowed".to_owned(),
            None => crate::show::table::count(self.grants.len(), "binding"),
        }
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
