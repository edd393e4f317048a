//! Tables, as `kubectl get` prints them: the server makes columns and cells, so ages count from the capture.
//!
//! Columns and cells follow `pkg/printers/internalversion/printers.go` of Kubernetes, custom resources their
//! definition's printer columns, and everything else has a name and an age.

mod cluster;
mod columns;
mod custom;
mod duration;
mod field;
mod network;
mod pods;
mod storage;
mod workloads;

use super::objects::metadata_only;
use super::request::Request;
use super::status::Failure;
use super::store::{Resource, Store};
use crate::bundle::Object;
use field::Printed;
use serde_json::{Value, json};
use std::sync::Arc;

/// What each row carries of its object, `includeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(crate) fn of(request: &Request) -> Result<Self, Failure> {
        match request.param("includeObject") {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => Err(Failure::bad_request(format!(
                "invalid includeObject {other:?}: expected None, Metadata or Object"
            ))),
        }
    }
}

/// The table of some objects of one resource.
pub(crate) fn of(
    store: &Store,
    resource: &Resource,
    objects: &[&Arc<Object>],
    include: Include,
    api_version: &str,
) -> Value {
    let kind = &resource.kind;
    let printer = columns::printer_of(&kind.group, &kind.kind);
    let definitions = match (&kind.custom, printer) {
        (Some(version), _) => custom::columns(version),
        (None, printer) => columns::definitions(printer.columns),
    };
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let value = object.value();
            let printed = Printed { object: &value, now: store.captured_at };
            let cells = match &kind.custom {
                Some(version) => custom::row(version, printed),
                None => (printer.row)(printed),
            };
            let is_pod = kind.group.is_empty() && kind.kind == "Pod";
            let conditions = if is_pod { pods::row_conditions(&value) } else { None };
            let shown = match include {
                Include::None => None,
                // The bytes are ours; a failure can't happen and would leave the row without its object.
                Include::Metadata => serde_json::from_str(&metadata_only(object, api_version)).ok(),
                Include::Object => Some(value),
            };
            let mut row = json!({"cells": cells});
            if let Some(row) = row.as_object_mut() {
                row.extend(conditions.map(|c| ("conditions".to_owned(), c)));
                row.extend(shown.map(|o| ("object".to_owned(), o)));
            }
            row
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": api_version,
        "metadata": {"resourceVersion": store.resource_version},
        "columnDefinitions": definitions,
        "rows": rows,
    })
}
