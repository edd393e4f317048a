//! Names with their values: `KEY=value`, JSON at any depth of escaping, YAML, headers, flags, name/value pairs of
//! environment lists, struct dumps, XML, properties.

use super::super::RedactError;
use super::super::names::{self, Promise};
use super::super::pseudonym;
use super::super::values;
use super::value::{Ends, Found};
use super::{Edit, Scanner, known};
use std::collections::HashSet;
use std::sync::LazyLock;

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// `=`, `:=`, `=>`, `%3D`.
    Equals,
    /// `:`.
    Colon,
    /// `<name>`.
    Tag,
    /// A flag's next argument.
    Argument,
    /// The name is the value of `name`, the value that of `value`.
    NameValue,
}

/// A name in the text.
#[derive(Clone, Copy, Debug)]
struct Name {
    start: usize,
    end: usize,
    /// Leading hyphens: a flag.
    dashes: usize,
    /// Whether a quote closes it.
    quoted: bool,
    /// It is the first thing on its line, but for indentation, a list's hyphen, `export` and a comment sign.
    begins_line: bool,
}

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

/// What stands before the word `secret` in a look-alike that was marked.
const QUOTE: &str = "[quoted ";

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

impl Scanner<'_> {
    /// At a part of a name.
    pub(super) fn name(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if start < self.named {
            return Ok(());
        }
        if start > 0 && self.bytes[start - 1] == b'[' && self.pseudonym(start - 1) {
            return Ok(());
        }
        if start >= QUOTE.len()
            && &self.bytes[start - QUOTE.len()..start] == QUOTE.as_bytes()
            && let Some(token) = pseudonym::parse_quoted(&self.text[start - QUOTE.len()..])
        {
            self.done = self.done.max(start - QUOTE.len() + token.len);
            return Ok(());
        }
        let mut from = self.run_back(start, 128, in_name).max(self.done);
        // `\npassword` in an escaped text: the `n` belongs to the escape.
        if from > 0
            && self.bytes[from - 1] == b'\\'
            && matches!(self.bytes[from], b'n' | b't' | b'r')
            && from < start
        {
            from += 1;
        } else if from >= 1 && self.bytes[from - 1] == b'%' && from + 2 <= start {
            from += 2; // a percent escape before the name
        }
        let mut until = self.run(end, 128, in_name);
        self.spend(until - from)?;
        self.named = until;
        let first = self.run(from, 128, |b| matches!(b, b'-' | b'.' | b'_'));
        let first = first.min(start);
        while until > end && matches!(self.bytes[until - 1], b'-' | b'.') {
            // `${PASSWORD:-x}` has its hyphen after the colon; `password->x` before the arrow.
            until -= 1;
        }
        let dashes = self.text[from..first].matches('-').count();
        let slashes = self.run(until, 16, |b| b == b'\\') - until;
        let quoted = matches!(self.byte(until + slashes), b'"' | b'\'' | b'`');
        let after = if quoted { until + slashes + 1 } else { until };
        let name = Name { start: first, end: until, dashes, quoted, begins_line: false };
        self.kind_is_secret(first, until)?;
        let Some((between, at)) = self.between(&name, after) else {
            return self.without_separator(&name, after);
        };
        let first = self.with_word_before(first, until);
        let name = Name { start: first, ..name };
        let Some(promise) = names::promise(&self.text[first..until]) else {
            return Ok(());
        };
        if self.is_checksum(first) {
            return Ok(());
        }
        let begins_line = self.begins_line(first);
        self.paired(Name { begins_line, ..name }, promise, between, at)
    }

    /// `API key: x`, `connection string: x`: names of two words.
    fn with_word_before(&self, start: usize, end: usize) -> usize {
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

    /// A pseudonym: ours is stepped over, a look-alike is marked. Whether there was one.
    fn pseudonym(&mut self, at: usize) -> bool {
        if let Some(len) = self.genuine_token(at) {
            self.done = self.done.max(at + len);
            self.named = self.named.max(at + len);
            return true;
        }
        match pseudonym::parse(&self.text[at..]) {
            Some(token) => {
                self.edits.push(Edit::Quote { at });
                self.done = self.done.max(at + token.len);
                self.named = self.named.max(at + token.len);
                true
            }
            None => false,
        }
    }

    /// `checksum/secret: <hash>`, a label prefix that says the value is a hash.
    fn is_checksum(&self, start: usize) -> bool {
        if start == 0 || self.bytes[start - 1] != b'/' {
            return false;
        }
        let from = self.run_back(start - 1, 64, in_name);
        let prefix = self.text[from..start - 1].to_ascii_lowercase();
        ["checksum", "hash", "sha256", "sha", "digest"].iter().any(|word| prefix.contains(word))
    }

    fn begins_line(&self, start: usize) -> bool {
        let from = self.run_back(start, 64, |b| matches!(b, b' ' | b'\t' | b'-' | b'#' | b'"' | b'\''));
        if from == 0 || self.bytes[from - 1] == b'\n' {
            return true;
        }
        let word = self.run_back(from, 8, |b| b.is_ascii_alphabetic());
        matches!(&self.text[word..from], "export" | "declare" | "setenv" | "set" | "ENV" | "ARG")
            && (word == 0 || matches!(self.bytes[word - 1], b'\n' | b' '))
    }

    /// Finds what stands between the name and its value, and where the value begins.
    fn between(&self, name: &Name, after: usize) -> Option<(Between, usize)> {
        // os.environ["DB_PASSWORD"] = "x", password[0]=x
        let after = if name.quoted && self.byte(after) == b']' { after + 1 } else { after };
        let spaces = |at| self.run(at, 64, |b| b == b' ' || b == b'\t');
        let at = spaces(after);
        match self.byte(at) {
            b'=' => {
                let next = self.run(at, 2, |b| b == b'=' || b == b'>' || b == b'~');
                Some((Between::Equals, spaces(next)))
            }
            b':' if self.byte(at + 1) == b'=' => Some((Between::Equals, spaces(at + 2))),
            b':' if self.byte(at + 1) == b':' => None,
            b':' if self.bytes[at..].starts_with(b":-")
                && name.start >= 2
                && self.bytes[name.start - 1] == b'{' =>
            {
                Some((Between::Equals, at + 2))
            }
            b':' => {
                let spaced = at > after;
                let mut value = spaces(at + 1);
                // JSON may put the value on the next line.
                if name.quoted && self.byte(value) == b'\n' {
                    let next = self.run(value, 256, |b| b.is_ascii_whitespace());
                    if matches!(self.byte(next), b'"' | b'[') {
                        value = next;
                    }
                }
                let value_quoted = matches!(self.byte(value), b'"' | b'\'' | b'\\' | b'[' | b'`');
                // `volume "db-secret" : timed out`: a quoted name in a sentence.
                if spaced && name.quoted && !value_quoted {
                    return None;
                }
                Some((Between::Colon, value))
            }
            b'-' if self.byte(at + 1) == b'>' => Some((Between::Equals, spaces(at + 2))),
            b'%' if self.bytes[at..].starts_with(b"%3D") || self.bytes[at..].starts_with(b"%3d") => {
                Some((Between::Equals, at + 3))
            }
            b'%' if self.bytes[at..].starts_with(b"%3A") || self.bytes[at..].starts_with(b"%3a") => {
                Some((Between::Colon, at + 3))
            }
            b'>' if name.quoted || (name.start > 0 && self.bytes[name.start - 1] == b'<') => {
                Some((Between::Tag, at + 1))
            }
            _ => self.value_of_pair(name, after).map(|at| (Between::NameValue, at)).or_else(|| {
                (name.dashes > 0)
                    .then(|| self.next_argument(name, after))
                    .flatten()
                    .map(|at| (Between::Argument, at))
            }),
        }
    }

    /// `name: DB_PASSWORD` + line end + `value: x`, `"name":"DB_PASSWORD","value":"x"`, `Name:"…", Value:"…"`.
    fn value_of_pair(&self, name: &Name, after: usize) -> Option<usize> {
        if !self.is_value_of_name(name) {
            return None;
        }
        let at = self.run(after, 128, |b| b.is_ascii_whitespace() || matches!(b, b',' | b'"' | b'\'' | b';'));
        let at = self.escaped_gap(at);
        let at = self.run(at, 32, |b| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b','));
        if !self.text.get(at..at + 5)?.eq_ignore_ascii_case("value") {
            return None;
        }
        let at = self.run(at + 5, 16, |b| matches!(b, b'"' | b'\'' | b'\\' | b' '));
        matches!(self.byte(at), b':' | b'=').then(|| self.run(at + 1, 64, |b| b == b' ' || b == b'\t'))
    }

    /// Steps over `\n   ` and `\",\"` in an escaped text.
    fn escaped_gap(&self, mut at: usize) -> usize {
        loop {
            let slashes = self.run(at, 16, |b| b == b'\\');
            if slashes == at || !matches!(self.byte(slashes), b'n' | b'r' | b'"' | b'\'') {
                return at;
            }
            at = self.run(slashes + 1, 64, |b| matches!(b, b' ' | b','));
        }
    }

    /// Whether `name:`, `key=` or the like stands before the name.
    fn is_value_of_name(&self, name: &Name) -> bool {
        self.name_key_before(name).is_some()
    }

    /// Where the `name` key before the name begins.
    fn name_key_before(&self, name: &Name) -> Option<usize> {
        let back = |at, limit, set: &'static [u8]| self.run_back(at, limit, move |b| set.contains(&b));
        let at = back(name.start, 20, b"\"'\\ ");
        let sep = at.checked_sub(1).filter(|at| matches!(self.bytes[*at], b':' | b'='))?;
        let key_end = back(sep, 20, b"\"'\\ ");
        let key = self.run_back(key_end, 8, |b| b.is_ascii_alphabetic());
        let word = &self.text[key..key_end];
        (word.eq_ignore_ascii_case("name")
            || word.eq_ignore_ascii_case("key")
            || word.eq_ignore_ascii_case("env"))
        .then_some(key)
    }

    /// The next argument after a flag: after spaces, after `", "`, after a line end and a YAML hyphen.
    fn next_argument(&self, name: &Name, after: usize) -> Option<usize> {
        if name.quoted {
            let at = self.run(after, 128, |b| b.is_ascii_whitespace() || b == b',');
            if at > after && matches!(self.byte(at), b'"' | b'\'' | b'\\') {
                return Some(at);
            }
        }
        let line = self.run(after, 8, |b| b == b' ' || b == b'\r');
        if self.byte(line) == b'\n' {
            let at = self.run(line, 128, |b| b.is_ascii_whitespace());
            if self.byte(at) == b'-' {
                return (self.byte(at + 1) == b' ').then(|| self.run(at + 1, 8, |b| b == b' '));
            }
            // `kubectl describe` prints one argument a line, all at one indentation.
            let flag = name.start - name.dashes;
            let indent = flag - self.run_back(flag, 64, |b| b == b' ');
            return (indent > 0 && at - line == indent + 1 && self.ends_line(at)).then_some(at);
        }
        if name.quoted || line == after || self.byte(line) == b'-' {
            return None;
        }
        // A flag begins a word of its own.
        let dash = name.start - name.dashes;
        (dash == 0
            || matches!(
                self.bytes[dash - 1],
                b' ' | b'\t' | b'"' | b'\'' | b'[' | b'\n' | b'(' | b'`' | b','
            ))
        .then_some(line)
    }

    /// A name with a promise and a value.
    fn paired(
        &mut self,
        name: Name,
        promise: Promise,
        between: Between,
        at: usize,
    ) -> Result<(), RedactError> {
        let column = name.start - self.run_back(name.start, 256, |b| b != b'\n');
        if between == Between::Colon || between == Between::NameValue {
            let column = if between == Between::Colon { column } else { column.saturating_sub(8) };
            if let Some(found) = self.block(at, column) {
                self.spend(found.end - found.start)?;
                let value = &self.text[found.start..found.end];
                if promise_holds(value, promise) && !value.contains("-----BEGIN CERT") {
                    self.seal(found.start, found.end, promise.kind());
                }
                return Ok(());
            }
        }
        match self.byte(at) {
            b'[' if self.genuine_token(at).is_none() => return self.list(promise, at),
            b'{' | b'(' if between == Between::Colon => return Ok(()),
            _ => {}
        }
        if between == Between::Tag {
            let end = self.run(at, 4096, |b| !matches!(b, b'<' | b'\n' | b'"'));
            self.spend(end - at)?;
            if self.bytes[end..].starts_with(b"</") || end == self.bytes.len() {
                self.judge(promise, Found { start: at, end, quoted: true });
            }
            return Ok(());
        }
        let header = matches!(promise, Promise::Authorization | Promise::Cookie);
        let yaml = matches!(between, Between::Colon | Between::NameValue)
            && self.byte(at.saturating_sub(1)) == b' '
            && (name.begins_line || between == Between::NameValue);
        let dump = between == Between::Equals && name.begins_line && !name.quoted;
        let ends = if header {
            Ends::Header
        } else if yaml || dump {
            Ends::Line
        } else {
            Ends::Word
        };
        let Some(mut found) = self.value_at(at, ends) else {
            return Ok(());
        };
        if header && !found.quoted {
            while found.end > found.start && self.bytes[found.end - 1] == b'\\' {
                found.end -= 1;
            }
        }
        self.spend(found.end - found.start)?;
        if !found.quoted
            && between != Between::Argument
            && !header
            && self.is_message(promise, between, &name, found)
        {
            return Ok(());
        }
        match promise {
            Promise::Authorization => self.authorization(found),
            Promise::Cookie => self.cookie(found),
            _ => self.judge(promise, found),
        }
        Ok(())
    }

    fn judge(&mut self, promise: Promise, found: Found) {
        let value = &self.text[found.start..found.end];
        if promise_holds(value, promise) && !value.starts_with("-----BEGIN CERT") {
            let kind = known::kind_of(value).unwrap_or(promise.kind());
            self.seal(found.start, found.end, kind);
        }
    }

    /// Whether a bare value is a message rather than a value: `token: invalid signature`.
    fn is_message(&self, promise: Promise, between: Between, name: &Name, found: Found) -> bool {
        let line_end = self.boundary(self.bytes.len().min(found.start + 160));
        let line = self.text[found.start..line_end].split('\n').next().unwrap_or_default();
        let first = line.split([' ', '\t', '"', '\'']).next().unwrap_or_default();
        let goes_on = line.len() > first.len() + 1
            && line[first.len()..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | '\'' | '\\'));
        let word = first.trim_end_matches([',', '.', ';', ':', ')']);
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

    /// `password: ["a", "b"]`, and Go's `[104 117 110]` for bytes.
    fn list(&mut self, promise: Promise, at: usize) -> Result<(), RedactError> {
        let bytes_end = self
            .run(at + 1, 1 << 16, |b| b.is_ascii_digit() || matches!(b, b' ' | b',' | b'x' | b'a'..=b'f'));
        self.spend(bytes_end - at)?;
        if self.byte(bytes_end) == b']'
            && bytes_end - at > 8
            && matches!(promise, Promise::Password | Promise::Secret(_))
        {
            self.seal(at + 1, bytes_end, promise.kind());
            return Ok(());
        }
        let mut at = at + 1;
        for _ in 0..64 {
            at = self.run(at, 256, |b| b.is_ascii_whitespace() || b == b',');
            let slashes = self.run(at, 16, |b| b == b'\\');
            if !matches!(self.byte(slashes), b'"' | b'\'') {
                break;
            }
            let open = slashes + 1;
            match self.value_at(at, Ends::Word) {
                Some(found) => {
                    self.spend(found.end - found.start)?;
                    match promise {
                        Promise::Authorization => self.authorization(found),
                        Promise::Cookie => self.cookie(found),
                        _ => self.judge(promise, found),
                    }
                    at = found.end;
                }
                None => at = self.genuine_token(open).map_or(open, |len| open + len),
            }
            at = self.run(at, 16, |b| b == b'\\');
            if !matches!(self.byte(at), b'"' | b'\'') {
                break;
            }
            at += 1;
        }
        Ok(())
    }

    /// A secret word without a separator: `password 'x'`, `requirepass x`, .netrc, `token abcdef.0123456789abcdef`,
    /// and name/value pairs with the value first.
    fn without_separator(&mut self, name: &Name, after: usize) -> Result<(), RedactError> {
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
    fn ends_line(&self, at: usize) -> bool {
        let end = self.run(at, 256, |b| !b.is_ascii_whitespace());
        end > at && matches!(self.byte(end), 0 | b'\n' | b'\r')
    }

    /// `"value":"x","name":"DB_PASSWORD"` and the same in YAML.
    fn value_before_name(&mut self, name: &Name, key: usize) -> Result<(), RedactError> {
        let Some(promise) = names::promise(&self.text[name.start..name.end]) else {
            return Ok(());
        };
        let gap = self.run_back(key, 128, |b| b.is_ascii_whitespace() || b"\"',\\-".contains(&b));
        let from = self.boundary(self.run_back(gap, 512, |_| true));
        self.spend(key - from)?;
        let window = &self.text[from..gap];
        let Some(value) = window.rfind("value").or_else(|| window.rfind("Value")) else {
            return Ok(());
        };
        let at = self.run(from + value + 5, 16, |b| matches!(b, b'"' | b'\'' | b'\\' | b' '));
        if !matches!(self.byte(at), b':' | b'=') {
            return Ok(());
        }
        let at = self.run(at + 1, 16, |b| b == b' ');
        if let Some(found) = self.value_at(at, Ends::Line)
            && found.end >= gap
            && found.end <= key
        {
            let done = self.done;
            self.judge(promise, found);
            self.done = done.max(found.end);
        }
        Ok(())
    }
}

fn promise_holds(value: &str, promise: Promise) -> bool {
    match promise {
        // A quoted header is judged by its own scanner.
        Promise::Authorization | Promise::Cookie => false,
        _ => values::is_secret(value, promise),
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
pub(super) fn bootstrap_token(value: &str) -> bool {
    value.len() == 23
        && value.as_bytes()[6] == b'.'
        && value.bytes().enumerate().all(|(at, b)| at == 6 || b.is_ascii_lowercase() || b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_digit())
}
