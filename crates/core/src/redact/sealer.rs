//! The stateless first stage: finds secrets and puts keyed hashes in their place.

use super::pseudonym::{OPEN, QUOTED, Token};
use super::scan::{self, Edit};
use super::{RedactError, base64, structure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;

/// The largest text that is searched.
const MAX_BYTES: usize = 64 << 20;

/// How often a text is gone over until nothing changes.
const MAX_PASSES: usize = 8;

/// Replaces secrets by `[secret:<kind>@<16 hex>]`. Stateless: the same key gives the same token for the same secret,
/// in any order, on any thread.
///
/// The hex is six bytes of SHA-256 over key and secret, and two that only the key's holder can compute from them, so
/// that a log line cannot pass a token of its own making off as a sealed secret.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

/// A text with its secrets sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The text.
    pub text: String,
    /// How many secrets this pass sealed.
    pub sealed: u32,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with this run's key: random for live runs, fixed for replays.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Seals the secrets in a text. Sealing what is sealed changes nothing.
    pub fn text(&self, text: &str) -> Result<Sealed, RedactError> {
        let mut result = Sealed { text: text.to_owned(), sealed: 0 };
        // A token in place of a secret can bring two names together that now read as a pair: sealed until nothing
        // changes, which is the second pass for all but contrived texts.
        for _ in 0..MAX_PASSES {
            let edits = self.search(&result.text)?;
            if edits.is_empty() {
                return Ok(result);
            }
            result = self.apply(&result, edits);
        }
        Err(RedactError::TooTangled)
    }

    fn search(&self, text: &str) -> Result<Vec<Edit>, RedactError> {
        if text.len() > MAX_BYTES {
            return Err(RedactError::TooLarge { bytes: text.len(), limit: MAX_BYTES });
        }
        scan::scan(text, self)
    }

    fn apply(&self, before: &Sealed, edits: Vec<Edit>) -> Sealed {
        let text = &before.text;
        let mut out = String::with_capacity(text.len());
        let (mut done, mut sealed) = (0, before.sealed);
        for edit in edits {
            match edit {
                Edit::Seal { start, end, kind } => {
                    out.push_str(&text[done..start]);
                    self.token(kind, &text[start..end], &mut out);
                    sealed += 1;
                    done = end;
                }
                Edit::Quote { at } => {
                    out.push_str(&text[done..at]);
                    out.push_str(QUOTED);
                    done = at + OPEN.len();
                }
            }
        }
        out.push_str(&text[done..]);
        Sealed { text: out, sealed }
    }

    /// Seals every string of a JSON value, with the names above them in mind.
    pub fn value(&self, value: &mut Value) -> Result<(), RedactError> {
        structure::seal_value(self, value, structure::DEPTH)
    }

    /// Seals a Kubernetes object or list: what is secret by its kind and place first, then every string.
    pub fn object(&self, value: &mut Value) -> Result<(), RedactError> {
        structure::seal_kinds(self, value, structure::DEPTH)?;
        self.value(value)
    }

    /// The token for a secret.
    pub(super) fn seal(&self, kind: &str, secret: &str) -> String {
        let mut out = String::with_capacity(48);
        self.token(kind, secret, &mut out);
        out
    }

    /// The token for a base64 value of a Secret: of what it encodes where that is text, so that it equals the same
    /// secret in an environment variable.
    pub(super) fn seal_encoded(&self, kind: &str, encoded: &str) -> String {
        match base64::decode_text(encoded.trim()) {
            Some(plain) if !plain.is_empty() => self.seal(kind, plain.trim_end_matches('\n')),
            _ => self.seal(kind, encoded),
        }
    }

    fn token(&self, kind: &str, secret: &str, out: &mut String) {
        let digest = Sha256::new().chain_update(self.key).chain_update(secret).finalize();
        let mut hex = String::with_capacity(16);
        push_hex(&digest[..6], &mut hex);
        let check = self.check(&hex);
        push_hex(&check, &mut hex);
        out.push_str(OPEN);
        out.push_str(kind);
        out.push('@');
        out.push_str(&hex);
        out.push(']');
    }

    fn check(&self, hash: &str) -> [u8; 2] {
        let digest =
            Sha256::new().chain_update(b"token").chain_update(self.key).chain_update(hash).finalize();
        [digest[0], digest[1]]
    }

    /// Whether this key made a token.
    pub(super) fn is_genuine(&self, token: &Token<'_>) -> bool {
        if token.mark != '@' || token.label.len() != 16 || token.kind.bytes().any(|b| b.is_ascii_uppercase())
        {
            return false;
        }
        let mut check = String::with_capacity(4);
        push_hex(&self.check(&token.label[..12]), &mut check);
        check == token.label[12..]
    }
}

fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
