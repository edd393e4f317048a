//! HTTP headers: `Authorization`, cookies, and the schemes `Bearer` and `Basic` wherever they stand.

use super::super::RedactError;
use super::super::names::Promise;
use super::super::values;
use super::Scanner;
use super::value::Found;

/// Schemes of RFC 7235 and the common private ones; the scheme itself stays readable.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "token",
    "apikey",
    "api-key",
    "digest",
    "negotiate",
    "ntlm",
    "hmac",
    "aws4-hmac-sha256",
    "splunk",
    "genie",
    "bot",
    "key",
    "genietoken",
    "sharedaccesssignature",
];

impl Scanner<'_> {
    /// The value of an `Authorization` header, found at `found`, which ends with the line or the quote.
    pub(super) fn authorization(&mut self, found: Found) {
        let value = &self.text[found.start..found.end];
        let scheme = value.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
        let known = SCHEMES.iter().any(|known| value[..scheme].eq_ignore_ascii_case(known));
        let gap = self.run(found.start + scheme, 8, |b| b == b' ' || b == b'+' || b == b'\t');
        let gap = if self.bytes[gap..].starts_with(b"%20") { gap + 3 } else { gap };
        if known && gap > found.start + scheme && gap < found.end {
            let first =
                self.text[gap..found.end].split([' ', '\t', ',', ';', ')']).next().unwrap_or_default();
            // These schemes have parameters, and what they sign with is among them.
            let parameters = ["digest", "aws4-hmac-sha256", "hmac"]
                .iter()
                .any(|of| value[..scheme].eq_ignore_ascii_case(of));
            let end = if parameters && first.contains('=') { found.end } else { gap + first.len() };
            if !values::is_placeholder(&self.text[gap..end])
                && !is_word(first)
                && self.genuine_token(gap).is_none()
            {
                self.seal(gap, end, "authorization");
            }
            return;
        }
        let first = value.split_whitespace().next().unwrap_or_default();
        if values::is_secret(first, Promise::Authorization) {
            let end = found.start + first.len();
            self.seal(found.start, end, "authorization");
        }
    }

    /// The value of a `Cookie` or `Set-Cookie` header.
    pub(super) fn cookie(&mut self, found: Found) {
        let value = &self.text[found.start..found.end];
        let name = value.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b)).count();
        if name == 0 || value.as_bytes().get(name) != Some(&b'=') || value.len() < name + 3 {
            return;
        }
        // Attributes of Set-Cookie stay; a Cookie header is one secret from the first value on.
        let rest = &value[name + 1..];
        let lower = rest.to_ascii_lowercase();
        let attributes = [
            "; path=",
            ";path=",
            "; domain=",
            "; httponly",
            "; secure",
            "; expires=",
            "; max-age=",
            "; samesite=",
        ]
        .iter()
        .filter_map(|attribute| lower.find(attribute))
        .min()
        .unwrap_or(rest.len());
        // In a log line the cookies end where white space comes without a semicolon.
        let spaced = rest.bytes().zip(rest.bytes().skip(1)).position(|(a, b)| a != b';' && b == b' ');
        let end = attributes.min(spaced.map_or(rest.len(), |at| at + 1));
        let start = found.start + name + 1;
        if self.genuine_token(start).is_none() {
            self.seal(start, start + end, "cookie");
        }
    }

    /// At `bearer ` or `basic `.
    pub(super) fn scheme(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if !self.word_begins(start) {
            return Ok(());
        }
        let from = self.run(end, 8, |b| b == b' ');
        let from = if matches!(self.byte(from), b'"' | b'\'') { from + 1 } else { from };
        let until = self.run(from, 1 << 16, |b| b.is_ascii_alphanumeric() || b"-._~+/=%".contains(&b));
        self.spend(until - from)?;
        let mut until = until;
        while until > from && self.bytes[until - 1] == b'.' {
            until -= 1;
        }
        let value = &self.text[from..until];
        if self.genuine_token(from).is_some() || value.is_empty() {
            return Ok(());
        }
        let basic = self.bytes[start].eq_ignore_ascii_case(&b'b')
            && self.bytes[start + 1].eq_ignore_ascii_case(&b'a');
        if basic {
            if values::is_basic(value) || (value.len() >= 16 && values::looks_random(value)) {
                self.seal(from, until, "basic-auth");
            }
        } else if credential(value) {
            self.seal(from, until, super::known::kind_of(value).unwrap_or("bearer-token"));
        }
        Ok(())
    }
}

/// A token as in RFC 6750 and not a word of a sentence: `Bearer realm="…"`, `bearer token rejected`.
fn credential(value: &str) -> bool {
    value.len() >= 6
        && !is_word(value)
        && !values::is_placeholder(value)
        && !value.starts_with("realm=")
        && !value.starts_with("error=")
        && !value.starts_with("scope=")
        && !values::is_path(value)
        && value.len() > value.trim_end_matches('=').bytes().filter(|b| *b == b'.').count()
}

/// Lower case letters, perhaps after a capital or around a hyphen: a word of a sentence.
fn is_word(value: &str) -> bool {
    let value = value.trim_end_matches(['.', ',', ':', ')']);
    value.len() <= 20
        && value.bytes().skip(1).all(|b| b.is_ascii_lowercase() || b == b'-')
        && value.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
}
