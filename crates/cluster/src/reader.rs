//! [`Cluster`] as the port that other tool crates read through. The guard stays beneath.

use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::query::Query;
use crate::snapshot::{node_log_path, pod_log_path};
use async_trait::async_trait;
use serde_json::Value;
use stethoscope_core::reader::{
    self, KindName, LogText, LogWanted, ObjectReader, Objects, Run, Served, ServedKind, Stamps, Tail, Wanted,
};
use stethoscope_core::tool::ToolError;

impl Cluster {
    /// The resource of a name; without a version, the first that the server gives.
    async fn named(&self, kind: &KindName) -> Result<Option<Resource>, ClusterError> {
        let catalog = self.catalog().await?;
        let mut versions = catalog.of_group(&kind.group).filter(|resource| resource.plural == kind.plural);
        Ok(match &kind.version {
            None => versions.next(),
            Some(version) => versions.find(|resource| resource.version == *version),
        }
        .cloned())
    }
}

fn spoken(kind: &KindName) -> String {
    let version = kind.version.as_ref().map(|version| format!(".{version}")).unwrap_or_default();
    let group = if kind.group.is_empty() { String::new() } else { format!(".{}", kind.group) };
    format!("{}{version}{group}", kind.plural)
}

#[async_trait]
impl ObjectReader for Cluster {
    async fn serves(&self, group: &str) -> Result<Served, ToolError> {
        let catalog = self.catalog().await?;
        let kinds = catalog
            .of_group(group)
            .map(|resource| ServedKind {
                version: resource.version.clone(),
                plural: resource.plural.clone(),
                kind: resource.kind.clone(),
                scope: match resource.scope {
                    Scope::Cluster => reader::Scope::Cluster,
                    Scope::Namespaced => reader::Scope::Namespaced,
                },
            })
            .collect();
        let gaps: Vec<&str> = catalog.gaps_of(group).collect();
        Ok(Served { kinds, missing: (!gaps.is_empty()).then(|| gaps.join("; ")) })
    }

    async fn list(&self, wanted: &Wanted) -> Result<Objects, ToolError> {
        let Some(resource) = self.named(&wanted.kind).await? else {
            let missing = Some(format!("{}: not served", spoken(&wanted.kind)));
            return Ok(Objects { items: Vec::new(), missing });
        };
        let listing = Listing {
            labels: wanted.labels.as_deref(),
            fields: wanted.fields.as_deref(),
            ..Listing::of(&resource, wanted.namespace.as_deref())
        };
        let objects = self.objects(&listing, wanted.most).await?;
        Ok(Objects { items: objects.items, missing: objects.missing })
    }

    async fn get(&self, kind: &KindName, namespace: Option<&str>, name: &str) -> Result<Value, ToolError> {
        let Some(resource) = self.named(kind).await? else {
            return Err(ClusterError::NotServed { what: spoken(kind) }.into());
        };
        self.object_or_nearest(&resource, namespace, name).await
    }

    async fn logs(&self, wanted: &LogWanted) -> Result<LogText, ToolError> {
        let uri = Query::default()
            .with("container", wanted.container.as_deref())
            .with("previous", matches!(wanted.run, Run::Previous).then_some("true"))
            .with("timestamps", matches!(wanted.stamps, Stamps::Each).then_some("true"))
            .with("tailLines", Some(&wanted.tail.lines.to_string()))
            .on(&pod_log_path(&wanted.namespace, &wanted.pod)?);
        self.log(&uri, wanted.tail).await
    }

    async fn node_log(&self, node: &str, unit: &str, tail: Tail) -> Result<LogText, ToolError> {
        let uri = Query::default()
            .with("query", Some(unit))
            .with("tailLines", Some(&tail.lines.to_string()))
            .on(&node_log_path(node)?);
        self.log(&uri, tail).await
    }
}

impl Cluster {
    async fn log(&self, uri: &str, tail: Tail) -> Result<LogText, ToolError> {
        let read = self.api().get_text(uri, tail.bytes).await?;
        let lines = read.text.lines().count();
        let missing = if read.cut {
            Some(format!("only {} bytes were read", tail.bytes))
        } else if lines as u64 >= tail.lines {
            Some(format!("only the last {} lines were read", tail.lines))
        } else {
            None
        };
        Ok(LogText { text: read.text, missing })
    }
}
