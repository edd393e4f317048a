//! Reviews in Kubernetes' protobuf envelope, which kubectl posts since v1.32. Only their text fields are read.

use serde_json::{Map, Value, json};

/// What an encoded object starts with: `k8s` and a zero.
const MAGIC: &[u8] = b"k8s\0";

/// The review as JSON, by the field numbers of `k8s.io/api/authorization/v1/generated.proto`. `None` when the bytes
/// are no such message.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    // runtime.Unknown: typeMeta = 1 {apiVersion = 1, kind = 2}, raw = 2.
    let unknown = Message::parse(body.strip_prefix(MAGIC)?)?;
    let review = unknown.message(2).unwrap_or_default();
    let spec = review.message(2).unwrap_or_default();
    let kind = unknown.message(1)?.text(2)?;
    let mut out = Map::new();
    match kind.as_str() {
        "SelfSubjectAccessReview" => {
            if let Some(attributes) = spec.message(1) {
                let names = ["namespace", "verb", "group", "version", "resource", "subresource", "name"];
                out.insert("resourceAttributes".to_owned(), attributes.texts(&names));
            }
            if let Some(attributes) = spec.message(2) {
                out.insert("nonResourceAttributes".to_owned(), attributes.texts(&["path", "verb"]));
            }
        }
        "SelfSubjectRulesReview" => {
            out.insert("namespace".to_owned(), spec.text(1).into());
        }
        "SelfSubjectReview" => {}
        _ => return None,
    }
    Some(json!({"metadata": {}, "spec": out}))
}

/// The length-delimited fields of one message.
#[derive(Debug, Default)]
struct Message<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Message<'a> {
    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let skip = match tag & 7 {
                0 => {
                    varint(&mut bytes)?;
                    0
                }
                1 => 8,
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    fields.push((tag >> 3, bytes.get(..length)?));
                    length
                }
                5 => 4,
                _ => return None,
            };
            bytes = bytes.get(skip..)?;
        }
        Some(Self(fields))
    }

    /// The last one counts, as protobuf has it.
    fn field(&self, number: u64) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|(n, _)| *n == number).map(|(_, bytes)| *bytes)
    }

    fn message(&self, number: u64) -> Option<Message<'a>> {
        Self::parse(self.field(number)?)
    }

    fn text(&self, number: u64) -> Option<String> {
        String::from_utf8(self.field(number)?.to_vec()).ok()
    }

    /// Text fields that are numbered from 1 on.
    fn texts(&self, names: &[&str]) -> Value {
        let numbered = names.iter().zip(1..);
        let pairs =
            numbered.filter_map(|(name, number)| Some(((*name).to_owned(), self.text(number)?.into())));
        Value::Object(pairs.collect())
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// A length-delimited field.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        out.extend_from_slice(content);
        out
    }

    fn review() -> Vec<u8> {
        let attributes =
            [field(1, b"shop"), field(2, b"list"), field(3, b"apps"), field(5, b"deployments")].concat();
        let review = field(2, &field(1, &attributes));
        let kind = [field(1, b"authorization.k8s.io/v1"), field(2, b"SelfSubjectAccessReview")].concat();
        [MAGIC, &field(1, &kind), &field(2, &review), &field(3, b"")].concat()
    }

    #[test]
    fn reads_what_is_asked_for() {
        let expected =
            json!({"namespace": "shop", "verb": "list", "group": "apps", "resource": "deployments"});
        assert_eq!(decode(&review()).unwrap()["spec"]["resourceAttributes"], expected);
    }

    #[test]
    fn a_cut_message_is_refused() {
        let whole = review();
        let readable = (0..whole.len()).filter(|end| decode(&whole[..*end]).is_some()).count();
        // Cut between the fields of the envelope it is still a message.
        assert!(readable <= 2, "{readable}");
        assert_eq!(decode(b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
