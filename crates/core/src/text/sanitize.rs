//! Untrusted text made safe to show: what a terminal would act on, what a reader would not see, and what would turn
//! the order of characters around is taken out. Everything else, emoji and all scripts, stays.

/// Strips terminal escapes (also 8-bit and unterminated ones), control characters, and invisible or direction-changing
/// Unicode. Line ends become `\n`; NUL becomes U+FFFD, so that what it separated stays separate.
pub fn sanitize(text: &str) -> String {
    // Printable ASCII, tabs and line feeds are nearly all there ever is.
    let Some(first) = text.bytes().position(|b| !(matches!(b, b'\n' | b'\t') || (0x20..0x7f).contains(&b)))
    else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\n' | '\t' => keep(c, after, &mut out),
            '\r' => keep('\n', after.strip_prefix('\n').unwrap_or(after), &mut out),
            '\0' => keep('\u{fffd}', after, &mut out),
            // NEL and Unicode's own line and paragraph ends.
            '\u{85}' | '\u{2028}' | '\u{2029}' => keep('\n', after, &mut out),
            '\u{1b}' => escape(after),
            '\u{9b}' => control_sequence(after),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => control_string(after),
            c if c.is_control() || is_invisible(c) => after,
            c => keep(c, after, &mut out),
        };
    }
    out
}

fn keep<'t>(c: char, after: &'t str, out: &mut String) -> &'t str {
    out.push(c);
    after
}

/// After ESC (ECMA-48): a control sequence, a control string, or a short escape.
fn escape(after: &str) -> &str {
    let mut chars = after.chars();
    match chars.next() {
        Some('[') => control_sequence(chars.as_str()),
        Some(']' | 'P' | 'X' | '^' | '_') => control_string(chars.as_str()),
        // SS2 and SS3 shift the next character.
        Some('N' | 'O') => {
            chars.as_str().strip_prefix(|c: char| c.is_ascii_graphic()).unwrap_or(chars.as_str())
        }
        Some(' '..='/') => {
            let rest = after.trim_start_matches(|c| (' '..='/').contains(&c));
            rest.strip_prefix(|c| ('0'..='~').contains(&c)).unwrap_or(rest)
        }
        Some('0'..='~') => chars.as_str(),
        _ => after,
    }
}

/// After CSI: parameters, intermediates, one final byte. What does not fit ends it.
fn control_sequence(after: &str) -> &str {
    let rest = after.trim_start_matches(|c| ('0'..='?').contains(&c));
    let rest = rest.trim_start_matches(|c| (' '..='/').contains(&c));
    rest.strip_prefix(|c| ('@'..='~').contains(&c)).unwrap_or(rest)
}

/// After OSC, DCS, SOS, PM or APC: to BEL or ST; without one, to the end of the line, so that a cut sequence cannot
/// hide the rest of a log.
fn control_string(after: &str) -> &str {
    for (at, c) in after.char_indices() {
        match c {
            '\u{7}' | '\u{9c}' => return &after[at + c.len_utf8()..],
            '\u{1b}' => return after[at..].strip_prefix("\u{1b}\\").unwrap_or(&after[at..]),
            '\n' | '\r' => return &after[at..],
            _ => {}
        }
    }
    ""
}

/// Characters that show nothing or change the direction of others: zero width, bidi controls, tags, variation
/// selectors, fillers. From Unicode's Default_Ignorable_Code_Point, without the unassigned rest of it.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strips_terminal_escapes_whole_and_cut() {
        for (dirty, clean) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9d}0;title\u{9c}text", "text"),
            ("\u{1b}Pq#0;2;0\u{1b}\\after", "after"),
            ("\u{1b}]0;never closed\nnext line", "\nnext line"),
            ("\u{1b}_apc", ""),
            ("cut \u{1b}[38;5", "cut "),
            ("cut \u{1b}", "cut "),
            ("\u{1b}(Bcharset\u{1b}OPkey\u{1b}cfull", "charsetkeyfull"),
            ("\u{1b}[31\u{1b}[0mx", "x"),
            ("hun\u{1b}[0mter2", "hunter2"),
        ] {
            assert_eq!(sanitize(dirty), clean, "{dirty:?}");
        }
    }

    #[test]
    fn strips_controls_and_what_cannot_be_seen() {
        for (dirty, clean) in [
            ("a\r\nb\rc", "a\nb\nc"),
            ("A=1\0B=2", "A=1\u{fffd}B=2"),
            ("be\u{7}ll\u{8} \u{7f}", "bell "),
            ("pass\u{200b}word\u{2060}\u{feff}", "password"),
            ("\u{202e}txt.exe\u{202c} \u{2066}x\u{2069}", "txt.exe x"),
            ("hi\u{e0041}\u{e0042}\u{e007f}", "hi"),
            ("v\u{fe0f}\u{e0100}s", "vs"),
            ("tab\tstays", "tab\tstays"),
            ("grüße 日本 🙂 é", "grüße 日本 🙂 é"),
        ] {
            assert_eq!(sanitize(dirty), clean, "{dirty:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_dangerous_survives_and_a_second_pass_changes_nothing(text in "(?s)(.|[\u{1b}\u{9b}\u{9d}\\[\\]\\\\\r\n\0m;0-9\u{200b}]){0,60}") {
            let clean = sanitize(&text);
            prop_assert!(clean.chars().all(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(c))));
            prop_assert_eq!(sanitize(&clean), clean);
        }
    }
}
