//! stub
use super::route::{Answer, json};
use super::status::Failure;
use super::store::Store;
use axum::response::Response;
pub(super) fn index(_store: &Store) -> Response {
    json(&serde_json::json!({"paths": {}}))
}
pub(super) fn document(_store: &Store, _group: &str, _version: &str) -> Answer {
    Err(Failure::unknown_resource())
}
