//! Completions of prompt arguments and resource addresses: namespaces, kinds, names, codes, ids.

use crate::caller::{Caller, Scope};
use crate::desk::lock;
use crate::place::Place;
use crate::resources::causes;
use crate::server::{Server, allowed, caller, refusal};
use rmcp::ErrorData;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};
use rmcp::service::{RequestContext, RoleServer};
use std::collections::BTreeSet;
use std::time::Duration;
use stethoscope_core::reader::{KindName, Wanted};

/// Objects looked at for one completion.
const MOST: usize = 2_000;

/// A person is typing: late is useless.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest text to complete.
const LONGEST: usize = 253;

/// Kinds that people ask about, with group and plural.
const KINDS: [(&str, &str, &str); 14] = [
    ("CronJob", "batch", "cronjobs"),
    ("DaemonSet", "apps", "daemonsets"),
    ("Deployment", "apps", "deployments"),
    ("HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers"),
    ("Ingress", "networking.k8s.io", "ingresses"),
    ("Job", "batch", "jobs"),
    ("NetworkPolicy", "networking.k8s.io", "networkpolicies"),
    ("Node", "", "nodes"),
    ("PersistentVolumeClaim", "", "persistentvolumeclaims"),
    ("Pod", "", "pods"),
    ("ReplicaSet", "apps", "replicasets"),
    ("ResourceClaim", "resource.k8s.io", "resourceclaims"),
    ("Service", "", "services"),
    ("StatefulSet", "apps", "statefulsets"),
];

/// What an argument names.
enum Names {
    Namespaces,
    Kinds,
    Nodes,
    /// Objects of a kind; `None` for the kinds of workloads.
    Objects(Option<String>),
    Nothing,
}

impl Server {
    pub(crate) async fn completion(
        &self,
        request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = caller(context);
        allowed(&caller)?;
        let typed = request.argument.value;
        if typed.len() > LONGEST {
            return Ok(CompleteResult::default());
        }
        let argument = request.argument.name;
        let given = |name: &str| {
            let arguments = request.context.as_ref()?.arguments.as_ref()?;
            arguments.get(name).filter(|value| !value.is_empty() && value.len() <= LONGEST).cloned()
        };
        let candidates = match &request.r#ref {
            Reference::Prompt(prompt) => {
                if !crate::prompts::takes(&prompt.name, &argument) {
                    let message = format!("prompt {} takes no argument {argument}", prompt.name);
                    return Err(ErrorData::invalid_params(message, None));
                }
                let names = match argument.as_str() {
                    "namespace" => Names::Namespaces,
                    "kind" => Names::Kinds,
                    "node" => Names::Nodes,
                    "name" => Names::Objects(given("kind")),
                    "from" => Names::Objects(None),
                    "to" => Names::Objects(Some("Service".to_owned())),
                    _ => Names::Nothing,
                };
                self.names(&caller, &names, given("namespace")).await
            }
            Reference::Resource(template) => match template.uri.as_str() {
                "cause://{code}" => causes().into_iter().map(|cause| cause.code.to_owned()).collect(),
                "evidence://{id}" => {
                    let desk = self.desk(&caller);
                    let desk = lock(&desk);
                    desk.ledger.iter().map(|evidence| evidence.id.to_string()).collect()
                }
                "incident://{id}" => {
                    let desk = self.desk(&caller);
                    let desk = lock(&desk);
                    let answers = desk.answers().map(|(number, _)| format!("I{number}"));
                    answers.chain(["current".to_owned()]).collect()
                }
                _ => {
                    let message = "there is no such resource template".to_owned();
                    return Err(ErrorData::invalid_params(message, None));
                }
            },
            _ => return Ok(CompleteResult::default()),
        };
        Ok(CompleteResult::new(matching(candidates, &typed)))
    }

    /// Names of objects. What cannot be read is not there to be completed; it is no error.
    async fn names(&self, caller: &Caller, names: &Names, namespace: Option<String>) -> Vec<String> {
        if let Names::Kinds = names {
            return KINDS.iter().map(|(kind, ..)| (*kind).to_owned()).collect();
        }
        // Who may not read objects with tools may not read their names here.
        if refusal(self, caller, Scope::Read).is_some() {
            return Vec::new();
        }
        let Some(place) = self.inner.places.open_soon(&caller.identity).await else { return Vec::new() };
        let namespace = namespace.or_else(|| place.source.scope.namespace.clone());
        let wanted: Vec<Wanted> = match names {
            Names::Namespaces => vec![Wanted::all(KindName::new("", "namespaces"), MOST)],
            Names::Nodes => vec![Wanted::all(KindName::new("", "nodes"), MOST)],
            Names::Objects(kind) => KINDS
                .iter()
                .filter(|(known, group, _)| match kind {
                    Some(kind) => known.eq_ignore_ascii_case(kind),
                    None => matches!(*group, "apps" | "batch") && *known != "ReplicaSet",
                })
                .map(|(known, group, plural)| {
                    let place = if *known == "Node" { None } else { namespace.as_deref() };
                    Wanted::all(KindName::new(*group, *plural), MOST).within(place)
                })
                .collect(),
            Names::Kinds | Names::Nothing => Vec::new(),
        };
        let read = futures::future::join_all(wanted.iter().map(|wanted| place.source.objects.list(wanted)));
        let Ok(lists) = tokio::time::timeout(PATIENCE, read).await else { return Vec::new() };
        let names: BTreeSet<String> = lists
            .into_iter()
            .flatten()
            .flat_map(|list| list.items)
            .filter_map(|object| object["metadata"]["name"].as_str().map(ToOwned::to_owned))
            .collect();
        cleaned(&place, names)
    }
}

/// Names are outputs too: they pass the choke point. One that does not pass is left out.
fn cleaned(place: &Place, names: BTreeSet<String>) -> Vec<String> {
    names.into_iter().filter_map(|name| place.clean(&name).ok()).collect()
}

/// Those that begin with what was typed, then those that hold it; a hundred at most, as the protocol asks.
fn matching(candidates: Vec<String>, typed: &str) -> CompletionInfo {
    let typed = typed.to_lowercase();
    let (mut first, rest): (Vec<String>, Vec<String>) =
        candidates.into_iter().partition(|name| name.to_lowercase().starts_with(&typed));
    first.extend(rest.into_iter().filter(|name| name.to_lowercase().contains(&typed)));
    let total = first.len();
    first.truncate(CompletionInfo::MAX_VALUES);
    let more = total > first.len();
    CompletionInfo::with_pagination(first, u32::try_from(total).ok(), more).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn what_begins_so_comes_before_what_holds_it_and_a_hundred_is_the_most() {
        let names = ["b-web", "web-1", "other"].map(str::to_owned).to_vec();
        assert_eq!(matching(names, "WEB").values, vec!["web-1".to_owned(), "b-web".to_owned()]);
        let many: Vec<String> = (0..250).map(|number| format!("pod-{number}")).collect();
        let info = matching(many, "pod");
        assert_eq!((info.values.len(), info.total, info.has_more), (100, Some(250), Some(true)));
    }
}
