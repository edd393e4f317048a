//! A cluster of plain objects behind the port: it lists, selects and forbids, and counts what it is asked.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing fake is a failing test")]

use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use stethoscope_core::reader::{
    KindName, LogText, LogWanted, ObjectReader, Objects, Run, Scope, SeriesAnswer, SeriesReader, Served,
    ServedKind, Tail, Wanted,
};
use stethoscope_core::tool::{CallContext, ToolError, ToolOutput};
use stethoscope_gpu::{Backend, tools};

#[derive(Default)]
pub struct Fake {
    /// By group and plural.
    objects: BTreeMap<(String, String), Vec<Value>>,
    versions: BTreeMap<(String, String), (String, String)>,
    logs: BTreeMap<String, String>,
    forbidden: Vec<String>,
    pub asked: Mutex<Vec<String>>,
}

impl Fake {
    pub fn new() -> Self {
        let fake = Self::default();
        [
            ("", "v1", "nodes", "Node"),
            ("", "v1", "pods", "Pod"),
            ("", "v1", "events", "Event"),
            ("", "v1", "namespaces", "Namespace"),
            ("apps", "v1", "daemonsets", "DaemonSet"),
        ]
        .into_iter()
        .fold(fake, |fake, (group, version, plural, kind)| fake.serving(group, version, plural, kind))
    }

    pub fn serving(mut self, group: &str, version: &str, plural: &str, kind: &str) -> Self {
        self.versions.insert((group.to_owned(), plural.to_owned()), (version.to_owned(), kind.to_owned()));
        self
    }

    /// Everything of `resource.k8s.io`.
    pub fn with_dra(self) -> Self {
        [
            ("resourceslices", "ResourceSlice"),
            ("resourceclaims", "ResourceClaim"),
            ("resourceclaimtemplates", "ResourceClaimTemplate"),
            ("deviceclasses", "DeviceClass"),
            ("devicetaintrules", "DeviceTaintRule"),
        ]
        .into_iter()
        .fold(self, |fake, (plural, kind)| fake.serving("resource.k8s.io", "v1", plural, kind))
    }

    pub fn with(mut self, group: &str, plural: &str, mut object: Value) -> Self {
        let key = (group.to_owned(), plural.to_owned());
        object["kind"] = Value::String(self.versions[&key].1.clone());
        self.objects.entry(key).or_default().push(object);
        self
    }

    pub fn with_log(mut self, pod: &str, log: &str) -> Self {
        self.logs.insert(pod.to_owned(), log.to_owned());
        self
    }

    pub fn forbidding(mut self, plural: &str) -> Self {
        self.forbidden.push(plural.to_owned());
        self
    }

    pub async fn backend(self, series: Option<Arc<dyn SeriesReader>>) -> Backend {
        Backend::probe(Arc::new(self), series, Vec::new()).await
    }
}

#[async_trait]
impl ObjectReader for Fake {
    async fn serves(&self, group: &str) -> Result<Served, ToolError> {
        let kinds = self
            .versions
            .iter()
            .filter(|((of, _), _)| of == group)
            .map(|((_, plural), (version, kind))| ServedKind {
                version: version.clone(),
                plural: plural.clone(),
                kind: kind.clone(),
                scope: Scope::Namespaced,
            })
            .collect();
        Ok(Served { kinds, missing: None })
    }

    async fn list(&self, wanted: &Wanted) -> Result<Objects, ToolError> {
        self.asked.lock().unwrap().push(wanted.kind.plural.clone());
        if self.forbidden.contains(&wanted.kind.plural) {
            return Ok(Objects {
                items: Vec::new(),
                missing: Some(format!("{}: forbidden", wanted.kind.plural)),
            });
        }
        let key = (wanted.kind.group.clone(), wanted.kind.plural.clone());
        let field = wanted.fields.as_deref().and_then(|fields| fields.split_once('='));
        let label = wanted.labels.as_deref().and_then(|labels| labels.split_once('='));
        let items = self
            .objects
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|object| {
                let namespace = object["metadata"]["namespace"].as_str();
                wanted.namespace.is_none() || wanted.namespace.as_deref() == namespace
            })
            .filter(|object| {
                field.is_none_or(|(path, value)| {
                    path.split('.').fold(*object, |value, key| &value[key]).as_str() == Some(value)
                })
            })
            .filter(|object| label.is_none_or(|(key, value)| object["metadata"]["labels"][key] == value))
            .take(wanted.most)
            .cloned()
            .collect();
        Ok(Objects { items, missing: None })
    }

    async fn get(&self, kind: &KindName, namespace: Option<&str>, name: &str) -> Result<Value, ToolError> {
        let found = self.list(&Wanted::all(kind.clone(), usize::MAX).within(namespace)).await?;
        found.items.into_iter().find(|object| object["metadata"]["name"] == name).ok_or_else(|| {
            ToolError::NotFound { message: format!("no {} {name}", kind.plural), nearest: Vec::new() }
        })
    }

    async fn logs(&self, wanted: &LogWanted) -> Result<LogText, ToolError> {
        if wanted.run == Run::Previous {
            return Err(ToolError::BadArguments { message: "no previous run".to_owned(), hint: None });
        }
        let text = self.logs.get(&wanted.pod).cloned().unwrap_or_default();
        Ok(LogText { text, missing: None })
    }

    async fn node_log(&self, _node: &str, _unit: &str, _tail: Tail) -> Result<LogText, ToolError> {
        Err(ToolError::Unavailable { message: "no node log".to_owned(), hint: None })
    }
}

/// Answers by the first key that a query contains.
pub struct FakeSeries(pub Vec<(&'static str, String)>);

#[async_trait]
impl SeriesReader for FakeSeries {
    async fn query(&self, promql: &str, _at: jiff::Timestamp) -> Result<SeriesAnswer, ToolError> {
        let text = self.0.iter().find(|(part, _)| promql.contains(part)).map(|(_, text)| text.as_str());
        Ok(stethoscope_gpu::exposition(text.unwrap_or_default()))
    }
}

pub async fn call(backend: &Backend, name: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
    let tools = tools(backend);
    let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
    let context = CallContext { namespace: None, now: "2026-03-01T12:00:00Z".parse().unwrap() };
    tool.call(arguments, &context).await
}
