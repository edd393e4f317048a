//! What a client asked for: path, query and Accept, decoded.

use super::status::Failure;
use http::{HeaderMap, Method, Uri, header};

/// One decoded request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    pub(crate) shape: Shape,
    pub(crate) discovery: DiscoveryShape,
}

/// In which form objects are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The objects themselves.
    Object,
    /// `as=Table`, with the version of meta.k8s.io.
    Table(&'static str),
    /// `as=PartialObjectMetadata` or its list.
    Metadata(&'static str),
}

/// In which form discovery is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryShape {
    /// APIVersions, APIGroupList.
    Legacy,
    /// APIGroupDiscoveryList in this version of apidiscovery.k8s.io.
    Aggregated(&'static str),
}

impl Request {
    pub(crate) fn parse(method: Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Failure> {
        let bad = || Failure::bad_request("the path is not valid percent-encoded UTF-8");
        let path = uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| decode(part, Plus::Literal).ok_or_else(bad))
            .collect::<Result<Vec<_>, _>>()?;
        let query = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(key, Plus::Space)?, decode(value, Plus::Space)?))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Failure::bad_request("the query is not valid percent-encoded UTF-8"))?;
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*");
        let (shape, discovery) = negotiate(accept);
        Ok(Self { method, path, query, shape, discovery })
    }

    /// The first value of a query parameter that is not empty.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, v)| v.as_str())
    }

    /// All values of a repeated query parameter that are not empty.
    pub(crate) fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// Whether a boolean parameter is set, in apimachinery's reading: anything but false and 0 is true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let mut values = self.query.iter().filter(|(key, _)| key == name);
        values.next().is_some_and(|(_, value)| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// A whole number, refused when it is something else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(text) = self.param(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::bad_request(format!("invalid {name} {text:?}: expected a whole number"))),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Literal,
    Space,
}

fn decode(text: &str, plus: Plus) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let hex = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            b'+' if plus == Plus::Space => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// The first alternative of an Accept header that we can give. Protobuf is offered by many clients; everything here
/// is JSON, so those alternatives are passed over.
fn negotiate(accept: &str) -> (Shape, DiscoveryShape) {
    let mut shape = None;
    let mut discovery = None;
    for alternative in accept.split(',') {
        let mut parts = alternative.split(';').map(str::trim);
        if !matches!(parts.next(), Some("application/json" | "application/*" | "*/*")) {
            continue;
        }
        let (mut form, mut version) = ("", "");
        for part in parts {
            match part.split_once('=') {
                Some(("as", value)) => form = value,
                Some(("v", value)) => version = value,
                _ => {}
            }
        }
        let meta = if version == "v1beta1" { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
        match form {
            "Table" => shape = shape.or(Some(Shape::Table(meta))),
            "PartialObjectMetadata" | "PartialObjectMetadataList" => {
                shape = shape.or(Some(Shape::Metadata(meta)));
            }
            "APIGroupDiscoveryList" => {
                let version = if version == "v2beta1" { "v2beta1" } else { "v2" };
                discovery = discovery.or(Some(DiscoveryShape::Aggregated(version)));
            }
            "" => {
                shape = shape.or(Some(Shape::Object));
                discovery = discovery.or(Some(DiscoveryShape::Legacy));
            }
            _ => {}
        }
    }
    (shape.unwrap_or(Shape::Object), discovery.unwrap_or(DiscoveryShape::Legacy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn takes_the_first_json_alternative_of_kubectl_and_of_the_metadata_client() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(negotiate(kubectl).0, Shape::Table("meta.k8s.io/v1"));
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
            application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        assert_eq!(negotiate(metadata).0, Shape::Metadata("meta.k8s.io/v1"));
        let discovery =
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        assert_eq!(negotiate(discovery).1, DiscoveryShape::Aggregated("v2"));
        assert_eq!(negotiate("application/json, */*"), (Shape::Object, DiscoveryShape::Legacy));
    }

    #[test]
    fn a_plus_is_a_space_in_queries_and_itself_in_paths() {
        let uri: Uri = "/api/v1/a+b%2Fc?labelSelector=app+in+%28a%29&limit=".parse().unwrap();
        let request = Request::parse(Method::GET, &uri, &HeaderMap::new()).unwrap();
        assert_eq!(request.path, ["api", "v1", "a+b/c"]);
        assert_eq!(request.param("labelSelector"), Some("app in (a)"));
        assert_eq!(request.param("limit"), None);
    }

    #[test]
    fn a_cut_percent_escape_is_refused() {
        let uri: Uri = "/api?x=%4".parse().unwrap();
        assert!(Request::parse(Method::GET, &uri, &HeaderMap::new()).is_err());
    }
}
