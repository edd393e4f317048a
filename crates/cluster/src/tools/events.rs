//! `k8s_events`: grouped and counted.

use super::TOOLSET;
use super::target::{lenient, namespace, regex, since};
use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::fold::pattern;
use crate::list::Listing;
use crate::object::text;
use crate::show::column::{event_count, event_time};
use crate::show::{Table, age};
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stethoscope_core::tool::{CallContext, Coverage, Present, RbacRule, ToolError, TypedTool};

/// Lists events.
pub(crate) struct Events(pub(crate) Cluster);

/// Events read, groups shown, objects named in a group.
pub(crate) const MOST: usize = 20_000;
const GROUPS: usize = 40;
const NAMED: usize = 3;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// * for all
    #[serde(default, alias = "ns")]
    namespace: Option<String>,
    /// Name or kind/name
    #[serde(default, alias = "name")]
    object: Option<String>,
    /// Warning or Normal
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// Regex
    #[serde(default)]
    reason: Option<String>,
    /// e.g. 30m, 2h
    #[serde(default)]
    since: Option<String>,
    /// Groups, default 40
    #[serde(default, deserialize_with = "lenient")]
    #[schemars(with = "Option<u64>")]
    limit: Option<u64>,
}

/// Events that say the same of like objects.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Group {
    /// `Warning` or `Normal`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Upstream's reason.
    pub(crate) reason: String,
    /// Kind of the objects.
    pub(crate) object_kind: String,
    /// Their namespace.
    pub(crate) namespace: String,
    /// Some of their names, sorted.
    pub(crate) objects: Vec<String>,
    /// How many objects.
    pub(crate) object_count: usize,
    /// How many occurrences.
    pub(crate) count: i64,
    /// First and last time seen.
    #[schemars(with = "Option<String>")]
    pub(crate) first: Option<Timestamp>,
    /// Last time seen.
    #[schemars(with = "Option<String>")]
    pub(crate) last: Option<Timestamp>,
    /// The newest message, verbatim.
    pub(crate) message: String,
    #[serde(skip)]
    newest: Option<Timestamp>,
}

/// Grouped events, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    namespace: Option<String>,
    /// Events that passed the filter.
    events: usize,
    /// Groups shown.
    groups: Vec<Group>,
    #[serde(skip)]
    now: Timestamp,
    #[serde(skip)]
    coverage: Coverage,
}

/// What events of one group have in common: namespace, type, reason, kind, and the message's pattern.
type Likeness = [String; 5];

/// Groups events as they come.
#[derive(Default)]
pub(crate) struct Grouping {
    groups: BTreeMap<Likeness, (Group, BTreeSet<String>)>,
    pub(crate) events: usize,
}

impl Grouping {
    pub(crate) fn take(&mut self, event: &Value) {
        self.events += 1;
        let field = |path: &str| text(event, path).to_owned();
        let name = field("involvedObject.name");
        let message = field("message");
        let plain = if name.is_empty() { message.clone() } else { message.replace(&name, "#") };
        let namespace = field("involvedObject.namespace");
        let key = [
            namespace.clone(),
            field("type"),
            field("reason"),
            field("involvedObject.kind"),
            pattern(&plain),
        ];
        let last = event_time(event);
        let first = crate::object::time(event, "firstTimestamp").or(last);
        let (group, names) = self.groups.entry(key).or_insert_with(|| {
            let group = Group {
                kind: field("type"),
                reason: field("reason"),
                object_kind: field("involvedObject.kind"),
                namespace,
                objects: Vec::new(),
                object_count: 0,
                count: 0,
                first: None,
                last: None,
                message: String::new(),
                newest: None,
            };
            (group, BTreeSet::new())
        });
        group.count += event_count(event);
        group.first = group.first.into_iter().chain(first).min();
        group.last = group.last.max(last);
        if group.message.is_empty() || last >= group.newest {
            group.newest = last;
            group.message = message;
        }
        names.insert(name);
    }

    /// Newest first, warnings before the rest at the same moment.
    pub(crate) fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .groups
            .into_values()
            .map(|(mut group, names)| {
                group.object_count = names.len();
                group.objects = names.into_iter().take(NAMED).collect();
                group
            })
            .collect();
        groups.sort_by(|one, other| {
            other.last.cmp(&one.last).then_with(|| other.kind.cmp(&one.kind)).then_with(|| {
                (&one.namespace, &one.object_kind, &one.objects, &one.reason, &one.message).cmp(&(
                    &other.namespace,
                    &other.object_kind,
                    &other.objects,
                    &other.reason,
                    &other.message,
                ))
            })
        });
        groups
    }
}

impl Group {
    /// `Pod/web-0,web-1 +3`.
    pub(crate) fn about(&self) -> String {
        let more = self.object_count.saturating_sub(self.objects.len());
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        format!("{}/{}{more}", self.object_kind, self.objects.join(","))
    }

    /// `7m` or `7m (first 3h)`.
    pub(crate) fn ages(&self, now: Timestamp) -> String {
        let last = self.last.map_or("?".to_owned(), |last| age(now, last));
        match self.first {
            Some(first) if self.count > 1 && Some(first) != self.last => {
                format!("{last} (first {})", age(now, first))
            }
            _ => last,
        }
    }
}

/// Core events, which every server has.
pub(crate) fn resource() -> Resource {
    Resource::known("", "v1", "events", "Event", Scope::Namespaced)
}

#[async_trait]
impl TypedTool for Events {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "k8s_events";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Events, grouped and counted, newest first.";

    fn rbac(&self) -> Vec<RbacRule> {
        vec![RbacRule::read("", &["events"])]
    }

    async fn run(&self, input: Input, context: &CallContext) -> Result<Output, ToolError> {
        let place = namespace(input.namespace.as_deref(), context);
        let from = since(input.since.as_deref(), context.now)?;
        let reason = regex("reason", input.reason.as_deref())?;
        let object = input.object.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let (kind, name) = match object.and_then(|name| name.rsplit_once(['/', ' '])) {
            Some((kind, name)) => (Some(kind.split([' ', '/']).next().unwrap_or(kind)), Some(name)),
            None => (None, object),
        };
        // The word for the kind may be `po` or `deploy`: the API server's own kind decides.
        let kind = match kind {
            Some(kind) => self.0.resolve(kind).await.ok().map(|resource| resource.kind),
            None => None,
        };
        let fields = name.map(|name| format!("involvedObject.name={name}"));
        let resource = resource();
        let listing = Listing {
            fields: fields.as_deref(),
            most: Some(MOST),
            ..Listing::of(&resource, place.as_deref())
        };
        let mut grouping = Grouping::default();
        let listed = self
            .0
            .list_each(&listing, &mut |event| {
                let wanted =
                    input.kind.as_deref().is_none_or(|kind| text(&event, "type").eq_ignore_ascii_case(kind))
                        && reason.as_ref().is_none_or(|regex| regex.is_match(text(&event, "reason")))
                        && name.is_none_or(|name| text(&event, "involvedObject.name") == name)
                        && kind.as_deref().is_none_or(|kind| text(&event, "involvedObject.kind") == kind)
                        && from.is_none_or(|from| event_time(&event).is_none_or(|last| last >= from));
                if wanted {
                    grouping.take(&event);
                }
                Ok::<(), ClusterError>(())
            })
            .await?;
        let events = grouping.events;
        let mut groups = grouping.groups();
        let mut coverage = Coverage::default();
        let most = input.limit.map_or(GROUPS, |limit| (limit as usize).clamp(1, 400));
        if groups.len() > most {
            coverage.truncated.push(format!("{} more groups of events", groups.len() - most));
            groups.truncate(most);
        }
        if listed.next.is_some() {
            coverage.truncated.push(format!("only the first {MOST} events were read"));
        }
        Ok(Output { namespace: place, events, groups, now: context.now, coverage })
    }
}

impl Present for Output {
    fn text(&self) -> String {
        if self.groups.is_empty() {
            let place = self.namespace.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
            return format!("no events{place} (the API server keeps them for an hour by default)\n");
        }
        let mut table = Table::new(["count", "last", "type", "reason", "object", "message"]);
        for group in &self.groups {
            let about = match self.namespace {
                Some(_) => group.about(),
                None => format!("{} {}", group.namespace, group.about()),
            };
            table.row([
                group.count.to_string(),
                group.ages(self.now),
                group.kind.clone(),
                group.reason.clone(),
                about,
                group.message.clone(),
            ]);
        }
        table.render()
    }

    fn summary(&self) -> String {
        format!(
            "{} in {}",
            crate::show::table::count(self.events, "event"),
            crate::show::table::count(self.groups.len(), "group")
        )
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
