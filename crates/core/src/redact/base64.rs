//! Just enough base64 to look inside: Secret data, basic auth, PEM in kubeconfigs.

/// Decodes standard or URL-safe base64, padded or not; `None` on any other character.
/// A cut tail is decoded as far as it goes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// Decodes to readable text, or `None`.
pub(super) fn decode_text(text: &str) -> Option<String> {
    let decoded = String::from_utf8(decode(text)?).ok()?;
    decoded.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_padded_unpadded_and_url_safe() {
        assert_eq!(decode_text("aHVudGVyMg=="), Some("hunter2".to_owned()));
        assert_eq!(decode_text("aHVudGVyMg"), Some("hunter2".to_owned()));
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(decode("not base64!"), None);
    }
}
