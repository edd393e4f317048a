//! Sentences: which bare values are messages (`token: invalid signature`), and which words of a message are secrets
//! (`logged in with password x`).

use super::super::RedactError;
use super::super::names::{self, Promise};
use super::super::values;
use super::pair::{Between, Name};
use super::value::{Ends, Found};
use super::{Scanner, known};
use std::collections::HashSet;
use std::sync::LazyLock;

/// First words of what a message says after `token:` or `password:`.
static MESSAGE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "invalid incorrect expired missing required wrong failed failure error not no is was are has have \
     must should cannot can could may authentication authorization unauthorized denied rejected unknown \
     unexpected mismatch unable couldn't can't does doesn't too the a an for from in of to at by with and \
     or if when that this will bad malformed illegal unsupported signature parse parsing crypto x509 rpc \
     context timeout timed forbidden refused revoked rotated updated created deleted loaded unset did got \
     expected found using reading read open file refresh refreshed generated changed accepted verified \
     valid ok success succeeded successful successfully undefined only never please enter there you your \
     it its as on up out waiting unmarshal decode decoding"
        .split_ascii_whitespace()
        .collect()
});

/// Nouns that begin a message only when it goes on.
static NOUNS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "secret secrets token tokens key keys password user configmap field value access failed connection \
     http service server client request"
        .split_ascii_whitespace()
        .collect()
});

impl Scanner<'_> {
    /// Whether a bare value is a message rather than a value: `token: invalid signature`.
    pub(super) fn is_message(&self, promise: Promise, between: Between, name: &Name, found: Found) -> bool {
        let line_end = self.boundary(self.bytes.len().min(found.start + 160));
        let line = self.text[found.start..line_end].split('\n').next().unwrap_or_default();
        let first = line.split([' ', '\t', '"', '\'']).next().unwrap_or_default();
        let goes_on = line.len() > first.len() + 1
            && line[first.len()..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | '\'' | '\\'));
        let word = first.trim_end_matches([',', '.', ';', ':', ')', '\\']);
        let lower = word.to_ascii_lowercase();
        let says = MESSAGE.contains(lower.as_str()) || (goes_on && NOUNS.contains(lower.as_str()));
        match between {
            Between::Colon => {
                let mut colon = found.start;
                while colon > 0 && self.bytes[colon - 1] == b' ' {
                    colon -= 1;
                }
                if colon == found.start {
                    // `password:x` has no space; a message always has.
                    return says && goes_on && promise != Promise::Password;
                }
                let wordlike =
                    |b: u8| b.is_ascii_lowercase() || matches!(b, b'/' | b'-' | b'.' | b':' | b'_');
                let prose = goes_on && promise != Promise::Password && word.bytes().all(wordlike);
                // `serviceAccountToken: projected`: no issuer makes tokens that are short words.
                let short = promise == Promise::Secret("token")
                    && word.len() < 16
                    && word.bytes().all(|b| b.is_ascii_lowercase());
                // `svc/token: ClusterIP`: an object in a listing, not a key.
                let object =
                    promise != Promise::Password && name.start > 0 && self.bytes[name.start - 1] == b'/';
                if short || (object && !values::looks_random(word)) {
                    return true;
                }
                let sentence =
                    goes_on && word.bytes().skip(1).all(|b| b.is_ascii_lowercase()) && !name.begins_line;
                if says || prose || (sentence && promise != Promise::Password) {
                    return true;
                }
                // `invalid token: x`, `unexpected token: x`: only what looks random is a token.
                promise != Promise::Password && self.is_complaint(name) && !values::looks_random(word)
            }
            Between::Equals => promise != Promise::Password && MESSAGE.contains(lower.as_str()),
            Between::Tag | Between::Argument | Between::NameValue => false,
        }
    }

    fn is_complaint(&self, name: &Name) -> bool {
        let end = self.run_back(name.start, 4, |b| b == b' ');
        let start = self.run_back(end, 16, |b| b.is_ascii_alphabetic());
        end < name.start
            && [
                "unexpected",
                "invalid",
                "illegal",
                "expired",
                "missing",
                "unknown",
                "parse",
                "get",
                "with",
                "the",
                "no",
                "bad",
                "read",
                "for",
                "find",
            ]
            .iter()
            .any(|word| self.text[start..end].eq_ignore_ascii_case(word))
    }

    /// A secret word without a separator: `password 'x'`, `requirepass x`, .netrc, `token abcdef.0123456789abcdef`,
    /// and name/value pairs with the value first.
    pub(super) fn without_separator(&mut self, name: &Name, after: usize) -> Result<(), RedactError> {
        if let Some(key) = self.name_key_before(name) {
            return self.value_before_name(name, key);
        }
        if self.byte(after) != b' ' && self.byte(after) != b'\t' {
            return Ok(());
        }
        let at = self.run(after, 16, |b| b == b' ' || b == b'\t');
        let word = &self.text[name.start..name.end];
        let last = word.rsplit(['_', '.', ' ']).next().unwrap_or_default().to_ascii_lowercase();
        let password = matches!(last.as_str(), "password" | "passwd" | "passphrase" | "pwd" | "pass");
        let conf = matches!(last.as_str(), "requirepass" | "masterauth");
        let token = matches!(last.as_str(), "token" | "key" | "apikey" | "api-key" | "secret" | "jwt");
        if name.quoted {
            return Ok(());
        }
        if self.in_sentence(name, at, password)? {
            return Ok(());
        }
        let slashes = self.run(at, 4, |b| b == b'\\');
        let value_quoted = matches!(self.byte(slashes), b'"' | b'\'' | b'`');
        let netrc = || {
            let from = self.boundary(self.run_back(name.start, 200, |_| true));
            let before = &self.text[from..name.start];
            before.contains("login ") && before.contains("machine ") || before.trim_end().ends_with("default")
        };
        let bare = conf
            || (password && !value_quoted && (netrc() || self.begins_line(name.start) && self.ends_line(at)));
        let possible = bare || token || (value_quoted && password);
        if !possible {
            return Ok(());
        }
        let Some(found) = self.value_at(at, Ends::Word) else {
            return Ok(());
        };
        self.spend(found.end - found.start + 200)?;
        let value = &self.text[found.start..found.end];
        let held = if bare {
            values::is_secret(value, Promise::Password) && (conf || !MESSAGE.contains(value))
        } else if password {
            values::is_secret(value, Promise::Password)
                && !values::is_reference(value)
                && !value.contains(' ')
        } else {
            bootstrap_token(value)
                || (last != "secret" && last != "key" && value.len() >= 20 && values::looks_random(value))
        };
        if held {
            let kind = known::kind_of(value).unwrap_or(if token { "token" } else { "password" });
            self.seal(found.start, found.end, kind);
        }
        Ok(())
    }

    /// `logged in with password x`, `the password for admin is: x`, `invalid API key provided: x`,
    /// `configure set aws_secret_access_key x`. Whether a secret was found.
    fn in_sentence(&mut self, name: &Name, at: usize, password: bool) -> Result<bool, RedactError> {
        let start = self.with_word_before(name.start, name.end);
        let strong = matches!(
            names::promise(&self.text[start..name.end]),
            Some(Promise::Password | Promise::Secret(_))
        );
        let line = self.boundary(self.run(at, 96, |b| b != b'\n'));
        self.spend(line - at)?;
        if !strong {
            return Ok(false);
        }
        let mut from = at;
        for _ in 0..6 {
            let end = self.run(from, line - from, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'');
            let word = self.text[from..end].trim_end_matches([',', '.', ':', ';', ')']);
            let linked = matches!(
                word,
                "is" | "was"
                    | "for"
                    | "set"
                    | "to"
                    | "of"
                    | "user"
                    | "admin"
                    | "root"
                    | "the"
                    | "="
                    | ""
                    | "provided"
                    | "header"
                    | "value"
                    | "changed"
            );
            if !linked {
                let least = if password { 6 } else { 12 };
                let secret = word.len() >= least && is_made_up(word) && self.genuine_token(from).is_none();
                if secret {
                    let kind = if password { "password" } else { "token" };
                    self.seal(from, from + word.len(), known::kind_of(word).unwrap_or(kind));
                }
                return Ok(secret);
            }
            from = self.run(end, 8, |b| b == b' ' || b == b'"' || b == b'\'');
            if from >= line || from == end {
                break;
            }
        }
        Ok(false)
    }

    /// Nothing but one word stands on the rest of the line.
    pub(super) fn ends_line(&self, at: usize) -> bool {
        let end = self.run(at, 256, |b| !b.is_ascii_whitespace());
        end > at && matches!(self.byte(end), 0 | b'\n' | b'\r')
    }

    /// `API key: x`, `connection string: x`: names of two words.
    pub(super) fn with_word_before(&self, start: usize, end: usize) -> usize {
        let second = &self.text[start..end];
        if start < 2
            || self.bytes[start - 1] != b' '
            || !["key", "secret", "token", "string"].iter().any(|word| second.eq_ignore_ascii_case(word))
        {
            return start;
        }
        let from = self.run_back(start - 1, 12, |b| b.is_ascii_alphabetic());
        let word = &self.text[from..start - 1];
        let known = [
            "api",
            "access",
            "secret",
            "private",
            "encryption",
            "signing",
            "license",
            "client",
            "connection",
            "master",
        ]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
        if known { from } else { start }
    }
}

/// Letters and digits in no word's order: neither an object's name, a version, a number, a path nor an algorithm.
fn is_made_up(word: &str) -> bool {
    const ALGORITHMS: &[&str] = &[
        "sha", "md5", "pbkdf2", "argon2", "bcrypt", "scrypt", "base64", "utf", "aes", "rsa", "ed25519",
        "oauth2", "x509", "hs256", "rs256", "http", "ipv4", "ipv6",
    ];
    let lower = word.to_ascii_lowercase();
    values::is_secret(word, Promise::Password)
        && word.bytes().all(|b| b.is_ascii_graphic() && !b"/:=(){}[]<>|,".contains(&b))
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
        && !word.contains('.')
        && !values::is_reference(word)
        && !values::is_uuid(word)
        && !ALGORITHMS.iter().any(|name| lower.starts_with(name))
}

/// Kubernetes bootstrap tokens: `abcdef.0123456789abcdef`.
fn bootstrap_token(value: &str) -> bool {
    value.len() == 23
        && value.as_bytes()[6] == b'.'
        && value.bytes().enumerate().all(|(at, b)| at == 6 || b.is_ascii_lowercase() || b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_digit())
}
