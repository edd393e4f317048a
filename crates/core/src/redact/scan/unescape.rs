//! The text inside a text: YAML, JSON and logs that were written into a JSON string, a URL or a web page.
//!
//! One level of escapes is peeled off, the result is searched like any text, and what is found is mapped back. The
//! quotes of the outer level become line ends: what stands in one string never runs on into the next.

use super::super::pseudonym::OPEN;
use super::Edit;

/// A text with one level of escapes peeled off.
pub(super) struct Peeled {
    pub(super) text: String,
    /// For each byte of the text, and its end, where it came from.
    origins: Vec<u32>,
}

/// Peels one level, if the text has escapes that hide structure.
pub(super) fn peel(text: &str) -> Option<Peeled> {
    let bytes = text.as_bytes();
    let first = (0..bytes.len()).find(|at| hides_structure(bytes, *at))?;
    if text.len() > u32::MAX as usize {
        return None;
    }
    // What comes before the string that holds the first escape has nothing to peel.
    let from = bytes[..first].iter().rposition(|b| matches!(b, b'"' | b'\n')).map_or(0, |at| at + 1);
    let mut peeled = Peeled {
        text: String::with_capacity(text.len() - from),
        origins: Vec::with_capacity(text.len() - from + 1),
    };
    let mut rest = text[from..].char_indices();
    while let Some((at, c)) = rest.next() {
        let at = from + at;
        if c == '"' {
            peeled.push('\n', at);
            continue;
        }
        let (decoded, more) = match c {
            '\\' => backslash(&bytes[at + 1..]),
            '%' => percent(&bytes[at + 1..]),
            '&' => entity(&bytes[at + 1..]),
            _ => None,
        }
        .unwrap_or((c, 0));
        peeled.push(decoded, at);
        for _ in 0..more {
            rest.next();
        }
    }
    peeled.origins.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    Some(peeled)
}

/// Whether an escape begins here behind which a name, a value or a line may stand.
fn hides_structure(bytes: &[u8], at: usize) -> bool {
    let next = &bytes[at + 1..];
    match bytes[at] {
        b'\\' => matches!(next.first(), Some(b'n' | b'"' | b'\\')) || next.starts_with(b"u00"),
        b'%' => [b"22", b"3A", b"3a", b"3D", b"3d", b"7B", b"0A"].iter().any(|code| next.starts_with(*code)),
        b'&' => next.starts_with(b"quot;") || next.starts_with(b"#34;") || next.starts_with(b"#39;"),
        _ => false,
    }
}

/// A JSON string's escape after its backslash: what it stands for, and its bytes.
fn backslash(next: &[u8]) -> Option<(char, usize)> {
    match next.first()? {
        b'n' | b'r' => Some(('\n', 1)),
        b't' => Some(('\t', 1)),
        quoted @ (b'"' | b'\\' | b'/' | b'\'') => Some((char::from(*quoted), 1)),
        // encoding/json escapes &, < and > in every string.
        b'u' if next.get(1..3)? == b"00" => hex(next.get(3..5)?).map(|c| (c, 5)),
        _ => None,
    }
}

/// A URL's escape.
fn percent(next: &[u8]) -> Option<(char, usize)> {
    hex(next.get(..2)?).map(|c| (c, 2))
}

/// Two hex digits that give a line end or a printable character.
fn hex(digits: &[u8]) -> Option<char> {
    let code = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    matches!(code, b'\n' | b' '..=b'~').then(|| char::from(code))
}

/// An HTML entity.
fn entity(next: &[u8]) -> Option<(char, usize)> {
    [
        ("quot;", '"'),
        ("#34;", '"'),
        ("#39;", '\''),
        ("apos;", '\''),
        ("amp;", '&'),
        ("lt;", '<'),
        ("gt;", '>'),
    ]
    .into_iter()
    .find(|(name, _)| next.starts_with(name.as_bytes()))
    .map(|(name, c)| (c, name.len()))
}

impl Peeled {
    fn push(&mut self, c: char, origin: usize) {
        self.text.push(c);
        for byte in 0..c.len_utf8() {
            // A decoded character is one byte from several; a kept one is itself.
            self.origins.push((origin + byte) as u32);
        }
    }

    /// Where an edit falls in the text that was peeled.
    pub(super) fn map_back(&self, edit: Edit, outer: &str) -> Option<Edit> {
        let origin = |at: usize| self.origins.get(at).map(|origin| *origin as usize);
        match edit {
            Edit::Seal { start, end, kind } => {
                let (start, end) = (origin(start)?, origin(end)?);
                (start < end && outer.is_char_boundary(start) && outer.is_char_boundary(end))
                    .then_some(Edit::Seal { start, end, kind })
            }
            Edit::Quote { at } => {
                let at = origin(at)?;
                outer.get(at..at + OPEN.len())?.eq_ignore_ascii_case(OPEN).then_some(Edit::Quote { at })
            }
        }
    }
}
