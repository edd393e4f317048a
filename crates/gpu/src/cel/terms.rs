//! Splitting an expression at its outermost `&&`, so that the term that is false can be named.

/// The terms of a conjunction; the whole where an outer `||` or `?` binds looser.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let mut depth = 0_i32;
    let mut start = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\'' | b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            // A comment may hold anything: such an expression is not taken apart.
            b'/' if bytes.get(at + 1) == Some(&b'/') => return vec![text],
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'|' if depth == 0 && bytes.get(at + 1) == Some(&b'|') => return vec![text],
            // `.?` and `[?` are optional access, a bare `?` is a condition.
            b'?' if depth == 0 && at.checked_sub(1).and_then(|before| bytes.get(before)) != Some(&b'.') => {
                return vec![text];
            }
            b'&' if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                terms.extend(text.get(start..at));
                at += 2;
                start = at;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    terms.extend(text.get(start..));
    terms
}

/// The index after the string that begins at `at`; raw and triple-quoted ones too.
fn skip_string(bytes: &[u8], at: usize) -> usize {
    let quote = bytes.get(at).copied().unwrap_or_default();
    let raw = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|byte| b"rR".contains(byte));
    let triple = bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote);
    let mut index = at + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(index) {
        if byte == b'\\' && !raw {
            index += 2;
        } else if byte == quote && !triple {
            return index + 1;
        } else if byte == quote
            && bytes.get(index + 1) == Some(&quote)
            && bytes.get(index + 2) == Some(&quote)
        {
            return index + 3;
        } else {
            index += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn only_the_outermost_conjunction_is_split() {
        assert_eq!(split("a && (b && c) && d == '&&'"), ["a ", " (b && c) ", " d == '&&'"]);
        assert_eq!(split("a && b || c"), ["a && b || c"]);
        assert_eq!(split("a && b ? c : d"), ["a && b ? c : d"]);
        assert_eq!(split("x.?y == 1 && m[?'k'] == 2"), ["x.?y == 1 ", " m[?'k'] == 2"]);
        assert_eq!(split("a == r'\\' && b"), ["a == r'\\' ", " b"]);
        assert_eq!(split("a == '''x' && y''' && b"), ["a == '''x' && y''' ", " b"]);
        assert_eq!(split("a == \"\\\"&&\" && b"), ["a == \"\\\"&&\" ", " b"]);
        assert_eq!(split(""), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in ".{0,80}") {
            prop_assert_eq!(split(&text).join("&&"), text);
        }
    }
}
