//! Where a value begins and ends: quoted at any depth of escaping, bare, or a YAML block.

use super::Scanner;

/// A value's place in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
}

/// Where a bare value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// At white space: `password=x user=y`.
    Word,
    /// With the line, unless other pairs follow on it: `password: correct horse`, an environment dump.
    Line,
    /// With the line, whatever is on it: an HTTP header.
    Header,
}

const MAX_VALUE: usize = 1 << 20;

/// The most lines over which a quoted value is followed to its quote.
const MAX_QUOTED_LINES: usize = 8;

/// The longest line that is one bare value.
const MAX_LINE: usize = 64 << 10;

impl Scanner<'_> {
    /// The value that begins here, spaces before it skipped by the caller. `None` when there is none, or when it is
    /// a token of ours.
    pub(super) fn value_at(&self, at: usize, ends: Ends) -> Option<Found> {
        let at = self.skip_wrapper(at);
        if self.genuine_token(at).is_some() {
            return None;
        }
        let slashes = self.run(at, 16, |b| b == b'\\') - at;
        let quote = self.byte(at + slashes);
        if matches!(quote, b'"' | b'\'' | b'`') {
            return self.quoted(at + slashes + 1, quote, slashes);
        }
        let end = match ends {
            Ends::Word => self.bare_end(at),
            Ends::Line => self.line_value_end(at),
            Ends::Header => {
                self.boundary(self.run(at, MAX_LINE, |b| !matches!(b, b'\n' | b'"' | b'\'' | b'`')))
            }
        };
        (end > at).then_some(Found { start: at, end, quoted: false })
    }

    /// `Some("x")`, `b'x'`, `!!str x`, `String("x")`.
    fn skip_wrapper(&self, at: usize) -> usize {
        for wrapper in ["Some(", "String(", "!!str ", "!!binary ", "Secret(", "&"] {
            if self.bytes[at.min(self.bytes.len())..].starts_with(wrapper.as_bytes()) {
                let after = at + wrapper.len();
                if wrapper.starts_with('!') || matches!(self.byte(after), b'"' | b'\'' | b'\\') {
                    return after;
                }
            }
        }
        if matches!(self.byte(at), b'b' | b'u' | b'r' | b'f' | b'@' | b'$')
            && matches!(self.byte(at + 1), b'"' | b'\'')
        {
            return at + 1;
        }
        at
    }

    /// Up to the quote that closes at the same depth of escaping. Without one, to the end of the line: a string cut
    /// short is still a secret.
    fn quoted(&self, start: usize, quote: u8, depth: usize) -> Option<Found> {
        if self.genuine_token(start).is_some_and(|len| self.closes(start + len, quote, depth)) {
            return None;
        }
        let stop = self.bytes.len().min(start + MAX_VALUE);
        let mut at = start;
        let mut slashes = 0;
        let (mut newline, mut lines) = (None, 0);
        while at < stop {
            let byte = self.bytes[at];
            if byte == b'\\' {
                slashes += 1;
            } else {
                if byte == quote
                    && (if depth == 0 { slashes % 2 == 0 || quote == b'\'' } else { slashes <= depth })
                {
                    let end = at - slashes.min(depth);
                    // A quoted value runs over lines only when its end is the end of a line too.
                    let closes_line = newline.is_none()
                        || matches!(self.byte(at + 1), 0 | b'\n' | b'\r' | b',' | b'}' | b' ');
                    let end = if closes_line { end } else { newline.unwrap_or(end) };
                    return (end > start).then_some(Found { start, end, quoted: true });
                }
                if byte == b'\n' {
                    newline = newline.or(Some(at));
                    lines += 1;
                    if lines > MAX_QUOTED_LINES {
                        break;
                    }
                }
                slashes = 0;
            }
            at += 1;
        }
        let end = self.boundary(newline.unwrap_or(stop));
        (end > start).then_some(Found { start, end, quoted: true })
    }

    fn closes(&self, at: usize, quote: u8, depth: usize) -> bool {
        let slashes = self.run(at, 16, |b| b == b'\\') - at;
        slashes <= depth && self.byte(at + slashes) == quote
    }

    /// The end of a bare value: white space, a quote, an unmatched closing bracket, or a separator before another
    /// name or the end of the words.
    pub(super) fn bare_end(&self, start: usize) -> usize {
        let stop = self.bytes.len().min(start + MAX_VALUE);
        let (mut round, mut square, mut curly) = (0i32, 0i32, 0i32);
        let mut at = start;
        while at < stop {
            let byte = self.bytes[at];
            match byte {
                b if b.is_ascii_whitespace() || b == 0 => break,
                b'`' => break,
                // A quote between two letters is a part of the value.
                b'"' | b'\'' if at == start || !self.byte(at + 1).is_ascii_alphanumeric() => break,
                b'(' => round += 1,
                b'[' => square += 1,
                b'{' => curly += 1,
                b')' => {
                    round -= 1;
                    if round < 0 {
                        break;
                    }
                }
                b']' => {
                    square -= 1;
                    if square < 0 {
                        break;
                    }
                }
                b'}' => {
                    curly -= 1;
                    if curly < 0 {
                        break;
                    }
                }
                b'<' if self.byte(at + 1) == b'/' => break,
                b',' | b';' | b'&' | b'|' if self.separates(at + 1) => break,
                b'\\' if self.escaped_break(at) => break,
                0xEF if self.bytes[at..].starts_with("\u{fffd}".as_bytes()) && self.separates(at + 3) => {
                    break;
                }
                b'%' if self.bytes[at..].starts_with(b"%26") && self.separates(at + 3) => break,
                _ => {}
            }
            at += 1;
        }
        let mut end = self.boundary(at);
        // A sentence's or a list's punctuation is not the secret's.
        while end > start && matches!(self.bytes[end - 1], b',' | b';') {
            end -= 1;
        }
        if end - start > 1 && self.bytes[end - 1] == b'.' && at < stop {
            end -= 1;
        }
        end
    }

    /// Whether a separator before this place ends a value: nothing follows, or another name with its value.
    pub(super) fn separates(&self, at: usize) -> bool {
        let at = self.run(at, 2, |b| b == b' ');
        let next = self.byte(at);
        if next == 0
            || next.is_ascii_whitespace()
            || matches!(next, b'"' | b'\'' | b'}' | b']' | b')' | b'\\')
        {
            return true;
        }
        let name = self.run(at, 64, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        name > at && (matches!(self.byte(name), b'=' | b':') || self.bytes[name..].starts_with(b"%3D"))
    }

    /// `\"`, or `\n` before another name, in a text that is itself a quoted string.
    fn escaped_break(&self, at: usize) -> bool {
        let slashes = self.run(at, 16, |b| b == b'\\');
        match self.byte(slashes) {
            b'"' => true,
            b'\'' => slashes - at == 1,
            b'n' | b'r' | b't' => {
                let mut next = slashes + 1;
                while self.byte(next) == b'\\'
                    || (matches!(self.byte(next), b'n' | b't' | b'r') && self.byte(next - 1) == b'\\')
                {
                    next += 1;
                }
                let next = self.run(next, 64, |b| b == b' ' || b == b'-');
                self.separates(next) || self.byte(next) == b'['
            }
            b'u' => {
                self.bytes[slashes..].starts_with(b"u0026") || self.bytes[slashes..].starts_with(b"u003c")
            }
            _ => false,
        }
    }

    /// The end of a bare value that has the line to itself, unless other pairs stand on the line too.
    fn line_value_end(&self, start: usize) -> usize {
        let end = self.boundary(self.run(start, MAX_LINE, |b| b != b'\n'));
        let end = self.text[start..end].find(" #").map_or(end, |comment| start + comment);
        let word = self.bare_end(start);
        let rest = self.text.get(word..end).unwrap_or_default();
        let more_pairs = rest.split_whitespace().any(|part| {
            let name = part.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_.-\"".contains(b)).count();
            name > 1 && matches!(part.as_bytes().get(name), Some(b'=' | b':'))
        });
        if more_pairs || rest.trim_start().starts_with(['"', '\'', '`', '\\', '}', ']', ')', ',']) {
            return word;
        }
        let mut last = end;
        while last > start && self.bytes[last - 1].is_ascii_whitespace() {
            last -= 1;
        }
        self.boundary(last.max(start))
    }

    /// The lines of a YAML block scalar (`key: |`) whose header is at `at`, or `None`.
    pub(super) fn block(&self, at: usize, key_column: usize) -> Option<Found> {
        if !matches!(self.byte(at), b'|' | b'>') {
            return None;
        }
        let header_end = self.boundary(self.run(at, 8, |b| b != b'\n'));
        let header = self.text[at..header_end].trim_end();
        let mut bytes = header.bytes();
        if !matches!(bytes.next(), Some(b'|' | b'>'))
            || header.len() > 4
            || !bytes.all(|b| b"+-0123456789".contains(&b))
        {
            return None;
        }
        let (mut start, mut end) = (None, header_end);
        let mut line = header_end;
        if line < self.bytes.len() && self.bytes[line] != b'\n' {
            return None;
        }
        while line < self.bytes.len() {
            let line_end = self.line_end(line + 1);
            let indent = self.run(line + 1, 1024, |b| b == b' ') - line - 1;
            let blank = line + 1 + indent >= line_end;
            if !blank && indent <= key_column {
                break;
            }
            if !blank {
                start = start.or(Some(line + 1 + indent));
                end = line_end;
            }
            line = line_end;
        }
        let start = start?;
        (self.genuine_token(start).is_none_or(|len| start + len < end)).then_some(Found {
            start,
            end,
            quoted: true,
        })
    }
}
