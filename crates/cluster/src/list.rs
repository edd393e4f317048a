//! Lists, page by page, each item handed on as soon as it is decoded.
//!
//! A page's bytes and one item are in memory at a time, never a list of items, so that 100,000 pods cost what their
//! visitor keeps of them.

use crate::api::{JSON, METADATA_LIST};
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::ClusterError;
use crate::query::Query;
use crate::seal::seal;
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Items asked for at once; kubectl's choice.
const PAGE: usize = 500;

/// Restarts and repeated pages after expired tokens and cut bodies, per list.
const REPEATS: u32 = 3;

/// What to list.
#[derive(Clone, Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) resource: &'a Resource,
    /// `None`: all namespaces, or a cluster-scoped kind.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) labels: Option<&'a str>,
    pub(crate) fields: Option<&'a str>,
    /// Where an earlier listing stopped.
    pub(crate) from: Option<&'a str>,
    /// Stop after about this many items, at a page's end.
    pub(crate) most: Option<usize>,
    pub(crate) managed_fields: ManagedFields,
}

/// What to do with `metadata.managedFields`: half of a typical object, and of use to one tool only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManagedFields {
    Drop,
    Keep,
}

impl<'a> Listing<'a> {
    pub(crate) fn of(resource: &'a Resource, namespace: Option<&'a str>) -> Self {
        Self {
            resource,
            namespace,
            labels: None,
            fields: None,
            from: None,
            most: None,
            managed_fields: ManagedFields::Drop,
        }
    }
}

/// How a listing ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Items handed on.
    pub(crate) items: usize,
    /// Token to go on with, when stopped by `most`.
    pub(crate) next: Option<String>,
    /// The server's count of what is left, if it says.
    pub(crate) remaining: Option<u64>,
    /// Items that could not be redacted and were withheld.
    pub(crate) withheld: usize,
}

impl Cluster {
    /// Lists, calling `visit` with each sealed item in the server's order, each object once.
    pub(crate) async fn list_each(
        &self,
        listing: &Listing<'_>,
        visit: &mut (dyn FnMut(Value) -> Result<(), ClusterError> + Send),
    ) -> Result<Listed, ClusterError> {
        let mut seen = HashSet::new();
        let mut read = |part: Part<'_>, listed: &mut Listed| match part {
            Part::Page(bytes) => self.page(listing, bytes, &mut seen, listed, visit),
            // What is listed again is known by name.
            Part::Again => Ok(PageEnd::default()),
        };
        self.pages(listing, &mut read).await
    }

    /// Lists, calling `visit` with each item as it was sent. Nothing is sealed: for views that keep little, and seal that
    /// little themselves. When the server makes the list begin anew, `Raw::Again` voids every item before it.
    pub(crate) async fn list_raw_each(
        &self,
        listing: &Listing<'_>,
        visit: &mut (dyn FnMut(Raw<'_>) -> Result<Kept, ClusterError> + Send),
    ) -> Result<Listed, ClusterError> {
        let mut read = |part: Part<'_>, listed: &mut Listed| match part {
            Part::Page(bytes) => raw_page(listing, bytes, listed, visit),
            Part::Again => {
                *listed = Listed::default();
                visit(Raw::Again).map_err(PageError::Failed)?;
                Ok(PageEnd::default())
            }
        };
        self.pages(listing, &mut read).await
    }

    async fn pages(&self, listing: &Listing<'_>, read: ReadPage<'_>) -> Result<Listed, ClusterError> {
        let path = listing.resource.path(listing.namespace, None)?;
        let accept = if listing.resource.is_secret() { METADATA_LIST } else { JSON };
        let mut listed = Listed::default();
        let mut token = listing.from.map(str::to_owned);
        let mut repeats = 0;
        let mut ahead: Option<Ahead> = None;
        let uri = |token: Option<&str>, items: usize| {
            let page = listing.most.map_or(PAGE, |most| PAGE.min(most.saturating_sub(items).max(1)));
            Query::default()
                .with("limit", Some(&page.to_string()))
                .with("continue", token)
                .with("labelSelector", listing.labels)
                .with("fieldSelector", listing.fields)
                .on(&path)
        };
        loop {
            let answer = match ahead.take() {
                Some(ahead) if Some(&ahead.token) == token.as_ref() => ahead.answer().await,
                _ => self.api().get(&uri(token.as_deref(), listed.items), accept).await,
            };
            let bytes = match answer {
                Ok(bytes) => bytes,
                Err(ClusterError::Expired { what, continue_token }) if token.is_some() => {
                    if repeats >= REPEATS {
                        return Err(ClusterError::Expired { what, continue_token });
                    }
                    repeats += 1;
                    // client-go's pager: the server's token goes on at a newer revision; without one, from the start.
                    token = continue_token;
                    if token.is_none()
                        && let Err(PageError::Cut(error) | PageError::Failed(error)) =
                            read(Part::Again, &mut listed)
                    {
                        return Err(error);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            // The next page is on its way while this one is decoded, unless this one may be the last that is wanted.
            if listing.most.is_none()
                && let Some(next) = next_token(&bytes)
            {
                let (cluster, uri) = (self.clone(), uri(Some(&next), 0));
                let fetch = tokio::spawn(async move { cluster.api().get(&uri, accept).await });
                ahead = Some(Ahead { token: next, fetch });
            }
            match read(Part::Page(&bytes), &mut listed) {
                Ok(end) => {
                    token = end.next;
                    listed.remaining = end.remaining;
                }
                // A body that was cut is asked for again; what it already gave is in `seen`.
                Err(PageError::Cut(_)) if repeats < REPEATS => {
                    repeats += 1;
                    continue;
                }
                Err(PageError::Cut(error) | PageError::Failed(error)) => return Err(error),
            }
            if token.is_none() || listing.most.is_some_and(|most| listed.items >= most) {
                listed.next = token;
                return Ok(listed);
            }
        }
    }

    fn page(
        &self,
        listing: &Listing<'_>,
        bytes: &Bytes,
        seen: &mut HashSet<u64>,
        listed: &mut Listed,
        visit: &mut (dyn FnMut(Value) -> Result<(), ClusterError> + Send),
    ) -> Result<PageEnd, PageError> {
        let resource = listing.resource;
        let mut failure = None;
        let mut each = |mut item: Value| -> Result<(), ()> {
            if !seen.insert(identity(&item)) {
                return Ok(());
            }
            if let Value::Object(map) = &mut item {
                // Items of a list carry neither; the sealer and the tools go by kind.
                let api_version = || Value::String(resource.api_version());
                map.entry("apiVersion").or_insert_with(api_version);
                map.insert("kind".to_owned(), Value::String(resource.kind.clone()));
            }
            if seal(self.sealer(), &mut item).is_err() {
                listed.withheld += 1;
                return Ok(());
            }
            listed.items += 1;
            visit(item).map_err(|error| failure = Some(error))
        };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let seed = Page { managed_fields: listing.managed_fields, each: &mut each };
        let end = seed.deserialize(&mut deserializer);
        match (end, failure) {
            (_, Some(error)) => Err(PageError::Failed(error)),
            (Ok(end), None) => Ok(end),
            (Err(error), None) => Err(decode_error(listing, &error)),
        }
    }
}

type ReadPage<'a> = &'a mut (dyn FnMut(Part<'_>, &mut Listed) -> Result<PageEnd, PageError> + Send);

/// What a reader of pages is given.
enum Part<'a> {
    Page(&'a Bytes),
    /// The list begins anew.
    Again,
}

/// What a reader of raw items is given.
pub(crate) enum Raw<'a> {
    Item(&'a RawValue),
    /// The list begins anew: every item so far is void.
    Again,
}

/// What became of a raw item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// It could not be redacted.
    Withheld,
}

/// A page that is being fetched while the one before it is decoded.
struct Ahead {
    token: String,
    fetch: tokio::task::JoinHandle<Result<Bytes, ClusterError>>,
}

impl Ahead {
    async fn answer(mut self) -> Result<Bytes, ClusterError> {
        (&mut self.fetch).await.unwrap_or_else(|error| {
            Err(ClusterError::Server { what: "a page of a list".to_owned(), message: error.to_string() })
        })
    }
}

impl Drop for Ahead {
    /// A page that nobody waits for any more is not fetched to its end.
    fn drop(&mut self) {
        self.fetch.abort();
    }
}

/// The continue token of a page, read without its items where the server sends `metadata` first, as Go does.
fn next_token(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow, rename = "continue")]
        next: Option<std::borrow::Cow<'a, str>>,
    }
    let start = bytes.get(..bytes.len().min(HEAD))?;
    let at = start.windows(HEAD_KEY.len()).position(|window| window == HEAD_KEY)? + HEAD_KEY.len();
    let mut head = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<Head<'_>>();
    let next = head.next()?.ok()?.next?;
    (!next.is_empty()).then(|| next.into_owned())
}

/// Bytes within which a list's own metadata stands.
const HEAD: usize = 512;
const HEAD_KEY: &[u8] = b"\"metadata\":";

fn raw_page(
    listing: &Listing<'_>,
    bytes: &Bytes,
    listed: &mut Listed,
    visit: &mut (dyn FnMut(Raw<'_>) -> Result<Kept, ClusterError> + Send),
) -> Result<PageEnd, PageError> {
    #[derive(serde::Deserialize)]
    struct Document<'a> {
        #[serde(default)]
        metadata: Head,
        #[serde(borrow, default)]
        items: Option<Vec<&'a RawValue>>,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Head {
        #[serde(rename = "continue")]
        next: Option<String>,
        remaining_item_count: Option<u64>,
    }
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| decode_error(listing, &error))?;
    for item in document.items.unwrap_or_default() {
        match visit(Raw::Item(item)).map_err(PageError::Failed)? {
            Kept::Yes => listed.items += 1,
            Kept::Withheld => listed.withheld += 1,
        }
    }
    Ok(PageEnd {
        next: document.metadata.next.filter(|token| !token.is_empty()),
        remaining: document.metadata.remaining_item_count,
    })
}

fn decode_error(listing: &Listing<'_>, error: &serde_json::Error) -> PageError {
    let what = format!("list {}", listing.resource.spoken());
    let decode = ClusterError::Decode { what, message: error.to_string() };
    if error.is_eof() { PageError::Cut(decode) } else { PageError::Failed(decode) }
}

enum PageError {
    Cut(ClusterError),
    Failed(ClusterError),
}

fn identity(item: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    crate::object::text(item, "metadata.namespace").hash(&mut hasher);
    crate::object::text(item, "metadata.name").hash(&mut hasher);
    hasher.finish()
}

#[derive(Default)]
struct PageEnd {
    next: Option<String>,
    remaining: Option<u64>,
}

type Each<'a> = &'a mut dyn FnMut(Value) -> Result<(), ()>;

/// Reads one `*List` document.
struct Page<'a> {
    managed_fields: ManagedFields,
    each: Each<'a>,
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = PageEnd;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PageEnd, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = PageEnd;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PageEnd, A::Error> {
        let mut end = PageEnd::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                "metadata" => {
                    let meta: Value = map.next_value()?;
                    end.next = meta["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
                    end.remaining = meta["remainingItemCount"].as_u64();
                }
                "items" => {
                    map.next_value_seed(Items {
                        managed_fields: self.managed_fields,
                        each: &mut *self.each,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(end)
    }
}

struct Items<'a> {
    managed_fields: ManagedFields,
    each: Each<'a>,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }

    /// Go writes an empty list as `null`.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element_seed(Item(self.managed_fields))? {
            (self.each)(item).map_err(|()| A::Error::custom("the reader stopped"))?;
        }
        Ok(())
    }
}

/// A JSON value without `managedFields`, which are not even allocated.
#[derive(Clone, Copy)]
struct Item(ManagedFields);

impl<'de> DeserializeSeed<'de> for Item {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0 == ManagedFields::Drop && key == "managedFields" {
                map.next_value::<IgnoredAny>()?;
            } else {
                object.insert(key, map.next_value_seed(self)?);
            }
        }
        Ok(Value::Object(object))
    }
}
