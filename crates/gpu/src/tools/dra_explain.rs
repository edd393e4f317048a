//! `dra_explain`: why a pod's claims get no device, device by device.

use super::report::Report;
use super::{TOOLSET, namespace, pods};
use crate::backend::{Backend, DRA};
use crate::dra::claim::{self, Allocations, Constraint, Request};
use crate::dra::inventory::Inventory;
use crate::dra::judge::{Group, Judge, Outcome, Verdict};
use crate::object::{self, items, text};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stethoscope_core::object::ObjectRef;
use stethoscope_core::reader::{KindName, Wanted};
use stethoscope_core::tool::{Availability, CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Explains claims.
pub(crate) struct Explain(pub(crate) Backend);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Pod, or claim/NAME
    #[serde(alias = "pod", alias = "claim")]
    name: String,
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
}

/// Verdicts by request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    requests: Vec<Answer>,
    report: Report,
}

/// What one request meets.
#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    claim: String,
    request: String,
    satisfiable: bool,
    conclusion: String,
    verdicts: Vec<Group>,
}

/// A claim as far as it is known: an object, or what a template would make.
struct Asked {
    /// `namespace/name`.
    id: String,
    title: String,
    spec: Value,
    object: Option<Value>,
}

#[async_trait]
impl TypedTool for Explain {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "dra_explain";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Why a pod's resource claims get no device: a verdict per device.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![
            RbacRule::read(
                DRA,
                &[
                    "resourceclaims",
                    "resourceclaimtemplates",
                    "deviceclasses",
                    "resourceslices",
                    "devicetaintrules",
                ],
            ),
            RbacRule::read("", &["pods", "nodes", "namespaces", "events"]),
        ]
    }

    fn available(&self) -> Availability {
        self.0.dra_available()
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let mut report = Report::default();
        let mut requests = Vec::new();
        let place = namespace(input.namespace.as_deref(), context);
        let missing = &mut report.coverage.missing;
        let claims = self.all("resourceclaims", 20_000, missing).await?;
        let classes = self.all("deviceclasses", 1_000, missing).await?;
        let mut lines = Vec::new();
        let (pod, asked) =
            self.asked(&input.name, place.as_deref(), &claims, &classes, missing, &mut lines).await?;
        report.subject =
            pod.as_ref().or(asked.first().and_then(|asked| asked.object.as_ref())).map(object::reference);
        let slices = self.all("resourceslices", 20_000, missing).await?;
        let mut inventory = Inventory::read(&slices);
        inventory.taint(&self.all("devicetaintrules", 1_000, missing).await?);
        let unread: Vec<String> = missing.clone();
        let mut nodes = self.0.list(&Wanted::all(KindName::new("", "nodes"), 10_000), missing).await?;
        if missing.len() > unread.len() {
            // A node that was not read is not known to be gone: then nothing is said about nodes.
            nodes.clear();
        }
        let allocations = Allocations::read(&claims);
        let judge = Judge::new(&inventory, &allocations, &nodes, pod.as_ref());
        let mut wrong = Vec::new();
        for asked in &asked {
            lines.push(format!("claim {} ({})", asked.id, asked.title));
            if let Some(allocated) =
                asked.object.as_ref().filter(|claim| object::at(claim, "status.allocation").is_some())
            {
                let (told, troubles) = allocated_lines(allocated, &inventory);
                lines.extend(told);
                wrong.extend(troubles);
                continue;
            }
            let constraints = claim::constraints(&asked.spec);
            let wanted = claim::requests(&asked.spec);
            if wanted.is_empty() {
                lines.push("  it asks for nothing that is known here".to_owned());
            }
            for request in wanted {
                if request.admin_access
                    && let Some(why) = self.admin(&asked.id, missing).await?
                {
                    wrong.push(why);
                }
                match answer(&judge, &request, &constraints, &classes, asked) {
                    Ok(answer) => {
                        if !answer.satisfiable {
                            wrong.push(format!(
                                "request {} of {}: {}",
                                answer.request, answer.claim, answer.conclusion
                            ));
                        }
                        lines.extend(spoken(&request, &answer));
                        requests.push(answer);
                    }
                    Err(why) => wrong.push(why),
                }
            }
        }
        if let Some(pod) = &pod {
            let reasons = ["BindingConditionsPending", "DeviceTaintManagerEviction"];
            let events = pods::events(&self.0, pod, &reasons, missing).await?;
            lines.extend(told_by(&events));
            report.section("events of the pod", events);
        }
        let alternatives = requests.iter().any(|answer| answer.request.contains('/') && answer.satisfiable);
        report.headline = match (wrong.first(), asked.is_empty()) {
            (_, true) => "it has no resource claims: DRA is not the question".to_owned(),
            (Some(first), _) if !alternatives => first.clone(),
            _ => "no claim of it lacks a device".to_owned(),
        };
        if !unread.is_empty() {
            report.headline = format!("seen in part only ({}): {}", unread.join("; "), report.headline);
        }
        report.section("claims", lines);
        Ok(Output { requests, report })
    }
}

impl Explain {
    async fn all(
        &self,
        plural: &str,
        most: usize,
        missing: &mut Vec<String>,
    ) -> Result<Vec<Value>, ToolError> {
        let served = self.0.objects()?.serves(DRA).await?;
        if !served.kinds.iter().any(|known| known.plural == plural) {
            return Ok(Vec::new());
        }
        self.0.list(&Wanted::all(KindName::new(DRA, plural), most), missing).await
    }

    /// The pod, if a pod is meant, and its claims.
    async fn asked(
        &self,
        name: &str,
        place: Option<&str>,
        claims: &[Value],
        classes: &[Value],
        missing: &mut Vec<String>,
        lines: &mut Vec<String>,
    ) -> Result<(Option<Value>, Vec<Asked>), ToolError> {
        let (kind, rest) = name.split_once('/').unwrap_or(("", name));
        if matches!(kind.to_lowercase().as_str(), "claim" | "resourceclaim" | "resourceclaims") {
            let found = claims.iter().find(|claim| {
                object::name(claim) == rest && place.is_none_or(|place| object::namespace(claim) == place)
            });
            let claim = found.ok_or_else(|| ToolError::NotFound {
                message: format!("no resource claim called {rest}"),
                nearest: stethoscope_core::tool::nearest_names(rest, claims.iter().map(object::name), 3),
            })?;
            return Ok((None, vec![of_object(claim, "given".to_owned())]));
        }
        let pod = pods::one(&self.0, name, place, missing).await?;
        let namespace = object::namespace(&pod).to_owned();
        let mut asked = Vec::new();
        for wanted in items(&pod, "spec.resourceClaims") {
            asked.extend(self.of_pod(&pod, wanted, claims, lines).await?);
        }
        let behind = text(&pod, "status.extendedResourceClaimStatus.resourceClaimName");
        if let Some(claim) = claims
            .iter()
            .find(|claim| !behind.is_empty() && claim::place(claim) == format!("{namespace}/{behind}"))
        {
            asked.push(of_object(claim, "behind an extended resource".to_owned()));
        } else {
            asked.extend(extended(&pod, classes));
        }
        Ok((Some(pod), asked))
    }

    async fn of_pod(
        &self,
        pod: &Value,
        wanted: &Value,
        claims: &[Value],
        lines: &mut Vec<String>,
    ) -> Result<Option<Asked>, ToolError> {
        let namespace = object::namespace(pod);
        let (local, template) = (text(wanted, "name"), text(wanted, "resourceClaimTemplateName"));
        let made =
            items(pod, "status.resourceClaimStatuses").iter().find(|status| text(status, "name") == local);
        let name = match (text(wanted, "resourceClaimName"), made) {
            ("", Some(status)) => text(status, "resourceClaimName"),
            (name, _) => name,
        };
        if let Some(claim) = claims
            .iter()
            .find(|claim| !name.is_empty() && claim::place(claim) == format!("{namespace}/{name}"))
        {
            let from = if template.is_empty() { String::new() } else { format!(" from template {template}") };
            return Ok(Some(of_object(claim, format!("{local}{from}"))));
        }
        if template.is_empty() {
            lines.push(format!("{local}: the claim {namespace}/{name} does not exist: the pod waits for it"));
            return Ok(None);
        }
        match self
            .0
            .objects()?
            .get(&KindName::new(DRA, "resourceclaimtemplates"), Some(namespace), template)
            .await
        {
            Ok(object) => Ok(Some(Asked {
                id: format!("{namespace}/{local}"),
                title: format!("not made yet, from template {template}"),
                spec: object["spec"]["spec"].clone(),
                object: None,
            })),
            Err(ToolError::NotFound { .. }) => {
                lines.push(format!("{local}: the template {namespace}/{template} does not exist"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Access for administrators needs a label of the namespace.
    async fn admin(&self, claim: &str, missing: &mut Vec<String>) -> Result<Option<String>, ToolError> {
        let namespace = claim.split('/').next().unwrap_or_default();
        match self.0.objects()?.get(&KindName::new("", "namespaces"), None, namespace).await {
            Ok(object) if object::label(&object, "resource.kubernetes.io/admin-access") == "true" => Ok(None),
            Ok(_) => Ok(Some(format!(
                "adminAccess is asked for, and namespace {namespace} lacks the label resource.kubernetes.io/admin-access=true"
            ))),
            Err(error) => {
                missing.push(format!("namespace {namespace}: {error}"));
                Ok(None)
            }
        }
    }
}

fn of_object(claim: &Value, title: String) -> Asked {
    Asked { id: claim::place(claim), title, spec: claim["spec"].clone(), object: Some(claim.clone()) }
}

/// Extended resources that a device class stands behind (KEP-5004).
fn extended(pod: &Value, classes: &[Value]) -> Vec<Asked> {
    let mut asked = Vec::new();
    for container in items(pod, "spec.containers") {
        for (resource, count) in object::entries(container, "resources.limits") {
            let class = classes.iter().find(|class| {
                text(class, "spec.extendedResourceName") == resource
                    || resource.strip_prefix("deviceclass.resource.kubernetes.io/")
                        == Some(object::name(class))
            });
            let Some(class) = class else { continue };
            let count: i64 = count.as_str().and_then(|count| count.parse().ok()).unwrap_or(1);
            let request = json!({"name": resource, "exactly": {"deviceClassName": object::name(class), "count": count}});
            asked.push(Asked {
                id: format!("{}/{}", object::namespace(pod), object::name(pod)),
                title: format!("extended resource {resource}"),
                spec: json!({"devices": {"requests": [request]}}),
                object: None,
            });
        }
    }
    asked
}

fn answer(
    judge: &Judge<'_>,
    request: &Request,
    constraints: &[Constraint],
    classes: &[Value],
    asked: &Asked,
) -> Result<Answer, String> {
    let Some(class) = classes.iter().find(|class| object::name(class) == request.class) else {
        let there: Vec<&str> = classes.iter().map(object::name).take(8).collect();
        return Err(format!(
            "request {}: device class {} does not exist (there are: {}); is the driver's chart installed",
            request.name,
            request.class,
            there.join(", ")
        ));
    };
    let selectors = claim::selectors(&class["spec"]);
    let Outcome { groups, conclusion, satisfiable } = judge
        .request(request, &selectors, constraints, &asked.id)
        .map_err(|refusal| format!("request {}: {refusal}", request.name))?;
    Ok(Answer {
        claim: asked.id.clone(),
        request: request.name.clone(),
        satisfiable,
        conclusion,
        verdicts: groups,
    })
}

fn spoken(request: &Request, answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!(
        "  request {} class {} wants {}: {}",
        request.name,
        request.class,
        request.wanted.spoken(),
        answer.conclusion
    )];
    for group in &answer.verdicts {
        let devices = if group.verdict == Verdict::OtherClass {
            String::new()
        } else {
            format!(
                " [{}{}]",
                group.devices.join(", "),
                if group.count > group.devices.len() { ", …" } else { "" }
            )
        };
        lines.push(format!("    {} {}{devices}", group.count, group.verdict.spoken()));
        lines.extend(group.reasons.iter().map(|reason| format!("      {}x {}", reason.count, reason.why)));
    }
    lines
}

/// What an allocated claim holds; and what keeps its pod waiting all the same.
fn allocated_lines(claim: &Value, inventory: &Inventory) -> (Vec<String>, Vec<String>) {
    let mut lines = Vec::new();
    let mut wrong = claim::binding(claim);
    for result in items(claim, "status.allocation.devices.results") {
        let id = format!("{}/{}/{}", text(result, "driver"), text(result, "pool"), text(result, "device"));
        lines.push(format!("  request {} has {id}", text(result, "request")));
        match inventory.devices.iter().find(|device| device.id() == id) {
            None => wrong.push(format!("{id} is allocated and no longer published: driver or node is gone")),
            Some(device) => wrong.extend(
                device
                    .taints
                    .iter()
                    .filter(|taint| taint.repels())
                    .map(|taint| format!("{id} is allocated and tainted: {}", taint.spoken())),
            ),
        }
    }
    let for_whom: Vec<&str> =
        items(claim, "status.reservedFor").iter().map(|whom| text(whom, "name")).collect();
    lines.push(format!(
        "  reserved for {}",
        if for_whom.is_empty() { "nobody".to_owned() } else { for_whom.join(", ") }
    ));
    lines.extend(wrong.iter().map(|why| format!("  ! {why}")));
    (lines, wrong)
}

/// Words of events that say more than the devices do.
fn told_by(events: &[String]) -> Vec<String> {
    let known = [
        ("is not registered", "the driver's kubelet plugin does not run on the pod's node"),
        ("driver only supports one pod per claim", "the claim is shared by two pods: use a template"),
        (
            "Dynamic Resource Allocation requirements that are not yet supported by Karpenter",
            "Karpenter passes over pods with claims: no node will come (--ignore-dra-requests)",
        ),
        ("not ready in ComputeDomain", "a node of the ComputeDomain is not ready: see gpu_overview"),
        ("device binding timeout", "what should set the binding conditions does not run"),
    ];
    known
        .into_iter()
        .filter(|(words, _)| events.iter().any(|event| event.contains(words)))
        .map(|(_, means)| format!("! {means}"))
        .collect()
}

impl Present for Output {
    fn text(&self) -> String {
        self.report.text()
    }

    fn summary(&self) -> String {
        self.report.summary()
    }

    fn subject(&self) -> Option<ObjectRef> {
        self.report.subject.clone()
    }

    fn coverage(&self) -> Coverage {
        self.report.coverage()
    }
}
