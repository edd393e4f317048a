//! Token estimates: bytes over four, never a tokeniser run (invariant: no re-tokenising of history).

/// Estimated tokens of a text. English and JSON run at 3.5 to 4.5 bytes a token with common vocabularies.
pub fn estimate_tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// Cuts a text to about `tokens`, at a line end where one is near; says whether it cut.
pub fn truncate_to_tokens(text: &str, tokens: usize) -> (&str, bool) {
    let bytes = tokens.saturating_mul(4);
    if text.len() <= bytes {
        return (text, false);
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    match head.rfind('\n') {
        Some(line_end) if line_end * 2 > end => (&head[..line_end], true),
        _ => (head, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_line_end_and_never_inside_a_character() {
        assert_eq!(truncate_to_tokens("abcd\nefgh\nijkl", 3), ("abcd\nefgh", true));
        assert_eq!(truncate_to_tokens("ääää", 1), ("ää", true));
        assert_eq!(truncate_to_tokens("short", 10), ("short", false));
    }
}
