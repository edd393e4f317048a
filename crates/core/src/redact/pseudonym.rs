//! The tokens that stand for secrets: `[secret:jwt@<16 hex>]` while sealed, `[secret:jwt#3]` once numbered.

use super::{RedactError, Sealer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How every pseudonym begins.
pub(super) const OPEN: &str = "[secret:";
/// What a look-alike from outside is given to begin with.
pub(super) const QUOTED: &str = "[quoted secret:";
const HEX: usize = 16;
const KIND_MAX: usize = 32;

/// A token's parts, found at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: &'t str,
    /// `@` and hex, or `#` and a number.
    pub(super) mark: char,
    pub(super) label: &'t str,
    /// Bytes of the whole token.
    pub(super) len: usize,
}

/// Reads a token, genuine or look-alike, in any letter case.
pub(super) fn parse(text: &str) -> Option<Token<'_>> {
    parse_after(OPEN, text)
}

/// Reads a look-alike that was marked as quoted.
pub(super) fn parse_quoted(text: &str) -> Option<Token<'_>> {
    parse_after(QUOTED, text)
}

fn parse_after<'t>(open: &str, text: &'t str) -> Option<Token<'t>> {
    if !text.get(..open.len())?.eq_ignore_ascii_case(open) {
        return None;
    }
    let rest = &text[open.len()..];
    let is_kind = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let kind_len = rest.bytes().take(KIND_MAX + 1).take_while(is_kind).count();
    let mark = rest.as_bytes().get(kind_len).copied().filter(|b| matches!(b, b'@' | b'#'))?;
    let label = &rest[kind_len + 1..];
    let label_len = label.bytes().take(HEX + 1).take_while(u8::is_ascii_hexdigit).count();
    let closed = label.as_bytes().get(label_len) == Some(&b']');
    if kind_len == 0 || kind_len > KIND_MAX || label_len == 0 || label_len > HEX || !closed {
        return None;
    }
    Some(Token {
        kind: &rest[..kind_len],
        mark: char::from(mark),
        label: &label[..label_len],
        len: open.len() + kind_len + 1 + label_len + 1,
    })
}

/// The numbers given to secrets so far. Holds keyed hashes, never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonyms(BTreeMap<String, u32>);

impl Pseudonyms {
    /// How many distinct secrets were seen.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no secret was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn number(&mut self, hash: &str) -> u32 {
        if let Some(number) = self.0.get(hash) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.0.insert(hash.to_owned(), number);
        number
    }

    fn has(&self, number: &str) -> bool {
        number.parse::<usize>().is_ok_and(|number| (1..=self.0.len()).contains(&number))
    }
}

/// Seals, then numbers the secrets by first appearance. One per investigation, used in the order of its evidence.
#[derive(Clone, Debug)]
pub struct Redactor {
    sealer: Sealer,
    pseudonyms: Pseudonyms,
}

/// A text with its secrets replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text.
    pub text: String,
    /// How many secrets were replaced.
    pub replaced: u32,
}

impl Redactor {
    /// One that has seen nothing yet.
    pub fn new(sealer: Sealer) -> Self {
        Self::resume(sealer, Pseudonyms::default())
    }

    /// One that goes on with the numbers of an earlier run. The sealer must have that run's key, or equal secrets
    /// get new numbers.
    pub fn resume(sealer: Sealer, pseudonyms: Pseudonyms) -> Self {
        Self { sealer, pseudonyms }
    }

    /// The stateless first stage, for tools to use at the source.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The numbers given so far, to be kept with the investigation.
    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.pseudonyms
    }

    /// Redacts a text from outside. A look-alike of a pseudonym in it is marked as quoted.
    pub fn text(&mut self, text: &str) -> Result<Redacted, RedactError> {
        let sealed = self.sealer.text(text)?;
        let mut replaced = 0;
        let text = self.number(sealed.text, &mut replaced);
        Ok(Redacted { text, replaced })
    }

    /// Redacts a text that the model wrote: pseudonyms that this redactor has given stay as they are.
    pub fn reply(&mut self, text: &str) -> Result<Redacted, RedactError> {
        let redacted = self.text(text)?;
        let mut out = String::with_capacity(redacted.text.len());
        let mut rest = redacted.text.as_str();
        while let Some(at) = rest.find(QUOTED) {
            let (before, quoted) = rest.split_at(at);
            out.push_str(before);
            let given = |token: &Token<'_>| token.mark == '#' && self.pseudonyms.has(token.label);
            if let Some(token) = parse_quoted(quoted).filter(given) {
                out.push_str(&format!("{OPEN}{}#{}]", token.kind, token.label));
                rest = &quoted[token.len..];
            } else {
                out.push_str(QUOTED);
                rest = &quoted[QUOTED.len()..];
            }
        }
        out.push_str(rest);
        Ok(Redacted { text: out, replaced: redacted.replaced })
    }

    /// Redacts a JSON value in place, Kubernetes objects by their structure; gives how many secrets were replaced.
    pub fn value(&mut self, value: &mut Value) -> Result<u32, RedactError> {
        self.sealer.object(value)?;
        let mut replaced = 0;
        self.number_value(value, &mut replaced);
        Ok(replaced)
    }

    fn number_value(&mut self, value: &mut Value, replaced: &mut u32) {
        match value {
            Value::String(text) if text.contains(OPEN) => *text = self.number(std::mem::take(text), replaced),
            Value::Array(items) => items.iter_mut().for_each(|item| self.number_value(item, replaced)),
            Value::Object(map) => {
                if map.keys().any(|key| key.contains(OPEN)) {
                    *map = std::mem::take(map)
                        .into_iter()
                        .map(|(key, value)| (self.number(key, replaced), value))
                        .collect::<Map<_, _>>();
                }
                map.values_mut().for_each(|item| self.number_value(item, replaced));
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn number(&mut self, text: String, replaced: &mut u32) -> String {
        if !text.contains(OPEN) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(OPEN) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            match parse(from).filter(|token| self.sealer.is_genuine(token)) {
                Some(token) => {
                    let number = self.pseudonyms.number(token.label);
                    out.push_str(&format!("{OPEN}{}#{number}]", token.kind));
                    *replaced += 1;
                    rest = &from[token.len..];
                }
                None => {
                    out.push_str(OPEN);
                    rest = &from[OPEN.len()..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}
