//! Lists, pages and metadata-only forms. Items are joined as the bytes they were recorded as.

use super::raw;
use super::request::{Request, Shape};
use super::route::{Answer, json, json_bytes};
use super::selector::Selectors;
use super::status::Failure;
use super::store::{Resource, Store};
use super::{table, watch};
use crate::bundle::Object;
use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

pub(super) fn list(
    store: &Arc<Store>,
    resource: &Resource,
    namespace: Option<&str>,
    request: &Request,
) -> Answer {
    let selectors = Selectors::parse(request.param("labelSelector"), request.param("fieldSelector"))?;
    let all = resource.in_namespace(namespace);
    if request.flag("watch") {
        let selected: Vec<_> = all.iter().filter(|o| selectors.matches(o)).cloned().collect();
        return watch::stream(store, resource, selected, request);
    }
    let limit = usize::try_from(request.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let token = request.param("continue").map(Token::parse).transpose()?;
    let start = token.as_ref().map_or(0, |token| token.position(all));
    if let Some(token) = &token {
        token.check(store, limit)?;
    }
    let page = Page::take(all.get(start..).unwrap_or_default(), &selectors, limit);
    let mut meta = json!({"resourceVersion": store.resource_version});
    if let Some(last) = page.more_after {
        let pages = token.map_or(0, |token| token.pages) + 1;
        let next = Token { version: store.resource_version.clone(), pages, after: key(last) };
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("continue".to_owned(), Value::from(next.encode()));
            // Upstream does not count what a selector would drop.
            if selectors.is_empty() {
                meta.insert("remainingItemCount".to_owned(), Value::from(page.remaining));
            }
        }
    }
    let mut response = match request.shape {
        Shape::Object => encoded(resource, &meta, page.items.iter().map(|o| o.json.clone()).collect(), None),
        Shape::Metadata(api) => {
            let items = page.items.iter().map(|o| Bytes::from(metadata_only(o, api))).collect();
            encoded(resource, &meta, items, Some(api))
        }
        Shape::Table(api) => {
            let mut table = table::of(store, resource, &page.items, table::Include::of(request)?, api);
            if let Some(table) = table.as_object_mut() {
                table.insert("metadata".to_owned(), meta);
            }
            json(&table)
        }
    };
    if resource.objects.is_empty() {
        // Nothing recorded and nothing there look alike in a list, so the client is told. kubectl prints it.
        let text = format!("299 - \"no {} were recorded in this incident\"", resource.kind.qualified());
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(header::WARNING, value);
        }
    }
    Ok(response)
}

/// One page of what a selector lets through.
struct Page<'a> {
    items: Vec<&'a Arc<Object>>,
    /// The last item, when more follow.
    more_after: Option<&'a Object>,
    remaining: usize,
}

impl<'a> Page<'a> {
    fn take(from: &'a [Arc<Object>], selectors: &Selectors, limit: usize) -> Self {
        let mut selected = from.iter().enumerate().filter(|(_, o)| selectors.matches(o));
        if limit == 0 {
            return Self { items: selected.map(|(_, o)| o).collect(), more_after: None, remaining: 0 };
        }
        let page: Vec<_> = selected.by_ref().take(limit).collect();
        let last = page.last().copied();
        let more_after = if selected.next().is_some() { last } else { None };
        Self {
            items: page.into_iter().map(|(_, o)| o).collect(),
            more_after: more_after.map(|(_, o)| o.as_ref()),
            remaining: more_after.map_or(0, |(at, _)| from.len().saturating_sub(at + 1)),
        }
    }
}

fn key(object: &Object) -> (String, String) {
    (object.namespace.clone().unwrap_or_default(), object.name.clone())
}

/// Where a list goes on. Opaque to clients: hex of a JSON array.
#[derive(Debug)]
struct Token {
    version: String,
    pages: usize,
    after: (String, String),
}

impl Token {
    fn encode(&self) -> String {
        let (namespace, name) = &self.after;
        let text = json!([self.version, self.pages, namespace, name]).to_string();
        let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or('0');
        text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let decode = || {
            let digits: Option<Vec<u8>> =
                text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
            let bytes: Vec<u8> =
                digits?.chunks(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
            let (version, pages, namespace, name) = serde_json::from_slice(&bytes).ok()?;
            Some(Self { version, pages, after: (namespace, name) })
        };
        decode().ok_or_else(|| {
            Failure::bad_request("continue key is not valid: it was not issued by this server")
        })
    }

    fn position(&self, all: &[Arc<Object>]) -> usize {
        let after = (self.after.0.as_str(), self.after.1.as_str());
        all.partition_point(|o| (o.namespace.as_deref().unwrap_or_default(), o.name.as_str()) <= after)
    }

    /// A token of another recording has expired, and so has one that was told to.
    fn check(&self, store: &Store, limit: usize) -> Result<(), Failure> {
        let renewed = self.pages == usize::MAX / 2;
        let late = store.continue_expires.is_some_and(|pages| self.pages >= pages && !renewed && limit > 0);
        if self.version == store.resource_version && !late {
            return Ok(());
        }
        // Going on with the renewed token works to the end, as upstream's inconsistent continue does.
        let next = Self {
            version: store.resource_version.clone(),
            pages: usize::MAX / 2,
            after: self.after.clone(),
        };
        Err(Failure::expired(&next.encode()))
    }
}

/// The PartialObjectMetadata of an object.
pub(super) fn metadata_only(object: &Object, api_version: &str) -> String {
    let metadata = raw::at(&object.json, "metadata").map_or("{}", serde_json::value::RawValue::get);
    format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata}}}")
}

/// Bodies are sent in pieces of about this size.
const CHUNK: usize = 256 << 10;

/// A list document around encoded items, streamed when it is large.
fn encoded(resource: &Resource, meta: &Value, items: Vec<Bytes>, metadata_api: Option<&str>) -> Response {
    let (kind, api) = match metadata_api {
        Some(api) => ("PartialObjectMetadataList".to_owned(), api.to_owned()),
        None => (resource.kind.list_kind(), resource.kind.api_version()),
    };
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{meta},\"items\":[",
        quoted(&kind),
        quoted(&api)
    );
    let size = head.len() + items.iter().map(|i| i.len() + 1).sum::<usize>() + 2;
    let mut pieces = Pieces { head: Some(head), items: items.into_iter(), first: true, ended: false };
    if size <= CHUNK {
        return json_bytes(pieces.next().unwrap_or_default());
    }
    json_bytes(Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, Infallible>))))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A list document in pieces of [`CHUNK`] bytes.
struct Pieces {
    head: Option<String>,
    items: std::vec::IntoIter<Bytes>,
    first: bool,
    ended: bool,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = BytesMut::with_capacity(CHUNK + (16 << 10));
        if let Some(head) = self.head.take() {
            out.put_slice(head.as_bytes());
        }
        while out.len() < CHUNK {
            let Some(item) = self.items.next() else {
                out.put_slice(b"]}");
                self.ended = true;
                break;
            };
            if !std::mem::take(&mut self.first) {
                out.put_u8(b',');
            }
            out.put_slice(&item);
        }
        Some(out.freeze())
    }
}
