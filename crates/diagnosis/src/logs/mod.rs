//! What logs say: error signatures that hold across languages, and which logs are worth reading.

mod envoy;
pub(crate) mod moment;
pub(crate) mod signatures;
pub(crate) mod target;
mod wanted;

/// Which run of a container a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// The present one, or the last.
    Current,
    /// The one before.
    Previous,
}

/// Last lines of a log that may tell how a process ended.
pub(crate) const QUOTED_LINES: usize = 15;

/// Longest quote taken from a log line, in bytes.
const QUOTED: usize = 400;

/// The last line that holds one of the words, shortened to its first 400 bytes.
pub(crate) fn last_line_with<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    text.lines().rev().find(|line| words.iter().any(|word| line.contains(word))).map(shortened)
}

/// The last line that says anything.
pub(crate) fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim_end).find(|line| !line.trim().is_empty()).map(shortened)
}

fn shortened(line: &str) -> &str {
    &line[..line.floor_char_boundary(QUOTED)]
}
