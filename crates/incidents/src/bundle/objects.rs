//! Recorded Kubernetes objects: found in lists and single files, kept as encoded JSON.
//!
//! Objects stay bytes: a list of 20,000 pods is served by joining slices, and only what a table or selector needs is
//! ever parsed.

use super::secrets;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One recorded object.
#[derive(Clone, Debug)]
pub struct Object {
    /// API group; empty for the core group.
    pub group: String,
    /// API version within the group, e.g. `v1`.
    pub version: String,
    /// CamelCase kind.
    pub kind: String,
    /// Namespace; `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Labels, in the order of their keys.
    pub labels: BTreeMap<String, String>,
    /// The object as compact JSON, with `apiVersion` and `kind`.
    pub json: Bytes,
}

impl Object {
    /// The object as a tree. Secrets have no values in it.
    pub fn value(&self) -> Value {
        // The bytes were checked when they were read; a failure can't happen, and `null` shows as an absent object.
        serde_json::from_slice(&self.json).unwrap_or(Value::Null)
    }

    /// What makes two recordings the same object.
    pub(crate) fn key(&self) -> ObjectKey {
        (self.group.clone(), self.kind.clone(), self.namespace.clone(), self.name.clone())
    }
}

pub(crate) type ObjectKey = (String, String, Option<String>, String);

/// `apiVersion` and `kind` to assume where an item has none, from its list or from the file's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assumed {
    pub(crate) api_version: Option<String>,
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
struct ListHead<'a> {
    #[serde(borrow, rename = "apiVersion", default)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MetaHead<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// Collects the objects of one file; what can't be read becomes a problem.
pub(crate) struct Collector<'a> {
    pub(crate) file: &'a str,
    pub(crate) objects: &'a mut Vec<Object>,
    pub(crate) problems: &'a mut Problems,
    /// No object is read beyond this many in all.
    pub(crate) limit: usize,
}

/// What was passed over, the first of it in words and the rest as a number.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kept: Vec<String>,
    more: usize,
}

impl Problems {
    /// Most problems that are told in words.
    const KEPT: usize = 200;

    pub(crate) fn push(&mut self, problem: String) {
        if self.kept.len() < Self::KEPT { self.kept.push(problem) } else { self.more += 1 }
    }

    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.kept.push(format!("and {} problems more", self.more));
        }
        self.kept
    }
}

/// A YAML tree takes about ten times the memory of its text, so larger files are passed over.
const YAML_BYTES: usize = 64 << 20;

/// Lists in lists are not nested deeper than this by any tool.
const LIST_DEPTH: usize = 4;

impl Collector<'_> {
    /// Reads a file of one or more JSON or YAML documents.
    pub(crate) fn file(&mut self, content: &[u8], assumed: &Assumed) {
        let Ok(text) = std::str::from_utf8(content) else {
            self.problem("not UTF-8");
            return;
        };
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with(['{', '[']) {
            match self.json_documents(text, assumed) {
                Ok(()) => return,
                // `{a: b}` is flow-style YAML; a .json file is JSON only.
                Err(error) if self.is_json() => {
                    self.problem(&format!("invalid JSON: {error}"));
                    return;
                }
                Err(_) => {}
            }
        }
        if text.len() > YAML_BYTES {
            self.problem(&format!("more than {YAML_BYTES} bytes of YAML; record it as JSON"));
            return;
        }
        match yaml_documents(text) {
            Ok(documents) => {
                for document in documents {
                    if document.is_null() {
                        continue;
                    }
                    match serde_json::to_string(&document) {
                        Ok(json) => {
                            if let Err(error) = self.json_documents(&json, assumed) {
                                self.problem(&error.to_string());
                            }
                        }
                        Err(error) => self.problem(&error.to_string()),
                    }
                }
            }
            Err(error) => self.problem(&format!("invalid YAML: {error}")),
        }
    }

    fn is_json(&self) -> bool {
        self.file.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "json")
    }

    fn problem(&mut self, what: &str) {
        let what = what.lines().next().unwrap_or_default();
        self.problems.push(format!("{}: {what}", self.file));
    }

    fn json_documents(&mut self, text: &str, assumed: &Assumed) -> serde_json::Result<()> {
        for document in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
            self.document(document?, assumed, 0);
        }
        Ok(())
    }

    fn document(&mut self, raw: &RawValue, assumed: &Assumed, depth: usize) {
        let text = raw.get();
        if text == "null" || self.objects.len() > self.limit {
            return;
        }
        if depth > LIST_DEPTH {
            self.problem("lists are nested too deep");
            return;
        }
        if text.starts_with('[') {
            // Troubleshoot writes custom resources, and old versions everything, as bare arrays.
            match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(items) => items.into_iter().for_each(|item| self.document(item, assumed, depth + 1)),
                Err(error) => self.problem(&error.to_string()),
            }
            return;
        }
        let head = match serde_json::from_str::<ListHead<'_>>(text) {
            Ok(head) => head,
            Err(error) => {
                self.problem(&format!("not a Kubernetes object: {error}"));
                return;
            }
        };
        let present = |text: Option<Cow<'_, str>>| text.filter(|t| !t.is_empty()).map(Cow::into_owned);
        let (api_version, kind) = (present(head.api_version), present(head.kind));
        let is_list = kind.as_deref().is_none_or(|kind| kind.ends_with("List"));
        if let (true, Some(items)) = (is_list, head.items) {
            let assumed = match kind.as_deref() {
                Some("List") | None => assumed.clone(),
                Some(list) => Assumed { api_version, kind: list.strip_suffix("List").map(str::to_owned) },
            };
            for item in items {
                self.document(item, &assumed, depth + 1);
            }
            return;
        }
        if is_list && kind.is_some() && head.metadata.is_none_or(|m| !m.get().contains("\"name\"")) {
            return; // `items: null` of an empty list
        }
        self.object(text, head.metadata, Assumed { api_version, kind }, assumed);
    }

    fn object(&mut self, text: &str, metadata: Option<&RawValue>, own: Assumed, assumed: &Assumed) {
        let own_text = (own.api_version.is_some(), own.kind.is_some());
        let (Some(api_version), Some(kind)) =
            (own.api_version.or(assumed.api_version.clone()), own.kind.or(assumed.kind.clone()))
        else {
            self.problem("an object without apiVersion and kind was passed over");
            return;
        };
        let meta = match metadata.map(|raw| serde_json::from_str::<MetaHead<'_>>(raw.get())) {
            Some(Ok(meta)) => meta,
            Some(Err(error)) => {
                self.problem(&format!("a {kind} with wrong metadata was passed over: {error}"));
                return;
            }
            None => {
                self.problem(&format!("a {kind} without metadata was passed over"));
                return;
            }
        };
        let Some(name) = meta.name.filter(|name| !name.is_empty()) else {
            self.problem(&format!("a {kind} without a name was passed over"));
            return;
        };
        let (group, version) = match api_version.split_once('/') {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (String::new(), api_version.clone()),
        };
        let labels =
            meta.labels.unwrap_or_default().into_iter().map(|(k, v)| (k, v.unwrap_or_default())).collect();
        let json = if group.is_empty() && kind == "Secret" {
            secrets::without_values(text)
        } else {
            with_type(text, own_text, &api_version, &kind)
        };
        self.objects.push(Object {
            group,
            version,
            kind,
            namespace: meta.namespace.filter(|ns| !ns.is_empty()).map(Cow::into_owned),
            name: name.into_owned(),
            labels,
            json,
        });
    }
}

/// The object's compact JSON with `apiVersion` and `kind`, which items of typed lists leave out.
fn with_type(text: &str, (has_version, has_kind): (bool, bool), api_version: &str, kind: &str) -> Bytes {
    let body = compact(text);
    if has_version && has_kind {
        return Bytes::from(body);
    }
    let mut out = String::with_capacity(body.len() + 64);
    out.push('{');
    let mut put = |key: &str, value: &str| {
        out.push_str(&Value::from(key).to_string());
        out.push(':');
        out.push_str(&Value::from(value).to_string());
        out.push(',');
    };
    if !has_version {
        put("apiVersion", api_version);
    }
    if !has_kind {
        put("kind", kind);
    }
    // An object with a name is never empty, so the comma always has a successor.
    out.push_str(body.get(1..).unwrap_or("}"));
    // An empty `"kind":""` of the item itself would follow ours and win in most parsers.
    let hidden = body.contains("\"kind\":\"\"") || body.contains("\"apiVersion\":\"\"");
    if hidden && let Ok(Value::Object(mut map)) = serde_json::from_str::<Value>(&out) {
        map.insert("apiVersion".to_owned(), Value::from(api_version));
        map.insert("kind".to_owned(), Value::from(kind));
        return Bytes::from(Value::Object(map).to_string());
    }
    Bytes::from(out)
}

/// JSON without white space between tokens. Watch frames are lines, so an object must be one.
pub(crate) fn compact(text: &str) -> String {
    if !text.bytes().any(|b| matches!(b, b'\n' | b'\r' | b'\t')) && !text.contains("\": ") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push_str(text.get(start..at).unwrap_or_default());
            start = at + 1;
        }
    }
    out.push_str(text.get(start..).unwrap_or_default());
    out
}

/// All documents of a YAML stream, within bounds that grow with the text but not with its anchors.
pub(crate) fn yaml_documents(text: &str) -> Result<Vec<Value>, String> {
    let size = text.len().saturating_add(1024);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: size,
            max_nodes: size,
            max_documents: size,
            max_depth: 200,
            max_total_scalar_bytes: size.saturating_mul(2),
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|e| e.to_string())
}
