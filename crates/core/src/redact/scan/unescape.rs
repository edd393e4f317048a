//! The text inside a text: YAML, JSON and logs that were written into a JSON string.
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
    let structural = |at: usize| match bytes.get(at + 1) {
        Some(b'n' | b'"' | b'\\') => true,
        Some(b'u') => bytes[at..].starts_with(b"\\u00"),
        _ => false,
    };
    let first = bytes.iter().enumerate().position(|(at, b)| *b == b'\\' && structural(at))?;
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
        if c != '\\' {
            peeled.push(c, at);
            continue;
        }
        let (decoded, more) = match bytes.get(at + 1) {
            Some(b'n' | b'r') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(quoted @ (b'"' | b'\\' | b'/' | b'\'')) => (char::from(*quoted), 1),
            Some(b'u') => match bytes.get(at + 2..at + 6) {
                // encoding/json escapes these in every string.
                Some(b"0026") => ('&', 5),
                Some(b"003c" | b"003C") => ('<', 5),
                Some(b"003e" | b"003E") => ('>', 5),
                Some(b"0027") => ('\'', 5),
                Some(b"0022") => ('"', 5),
                Some(b"000a" | b"000A") => ('\n', 5),
                Some(b"003d" | b"003D") => ('=', 5),
                _ => ('\\', 0),
            },
            _ => ('\\', 0),
        };
        peeled.push(decoded, at);
        for _ in 0..more {
            rest.next();
        }
    }
    peeled.origins.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    Some(peeled)
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
