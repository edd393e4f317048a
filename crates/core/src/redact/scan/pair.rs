//! Names with their values: `KEY=value`, JSON at any depth of escaping, YAML, headers, flags, name/value pairs of
//! environment lists, struct dumps, XML, properties.

use super::super::RedactError;
use super::super::names::{self, Promise};
use super::super::pseudonym;
use super::super::values;
use super::value::{Ends, Found};
use super::{Edit, Scanner, known};

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
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
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Leading hyphens: a flag.
    pub(super) dashes: usize,
    /// Whether a quote closes it.
    pub(super) quoted: bool,
    /// It is the first thing on its line, but for indentation, a list's hyphen, `export` and a comment sign.
    pub(super) begins_line: bool,
}

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

    pub(super) fn begins_line(&self, start: usize) -> bool {
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
            b',' if name.quoted && self.opens_tuple(name) => {
                let value = spaces(at + 1);
                matches!(self.byte(value), b'"' | b'\'' | b'b').then_some((Between::Argument, value))
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

    /// `('password', 'x')`, as Python prints headers and items.
    fn opens_tuple(&self, name: &Name) -> bool {
        let quote = name.start.wrapping_sub(1);
        let open = if self.byte(quote.wrapping_sub(1)) == b'b' {
            quote.wrapping_sub(2)
        } else {
            quote.wrapping_sub(1)
        };
        self.byte(open) == b'('
    }

    /// Whether `name:`, `key=` or the like stands before the name.
    fn is_value_of_name(&self, name: &Name) -> bool {
        self.name_key_before(name).is_some()
    }

    /// Where the `name` key before the name begins.
    pub(super) fn name_key_before(&self, name: &Name) -> Option<usize> {
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

    /// `"value":"x","name":"DB_PASSWORD"` and the same in YAML.
    pub(super) fn value_before_name(&mut self, name: &Name, key: usize) -> Result<(), RedactError> {
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
