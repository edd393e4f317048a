//! URLs as templates: no host, no query, no identifiers.

/// Segments kept, and bytes of the whole.
const SEGMENTS: usize = 6;
const LONGEST: usize = 80;

/// `http://h/orders/1234?token=x` -> `/orders/{id}`.
pub(crate) fn template(url: &str, out: &mut String) {
    out.clear();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let path = rest.split(['?', '#', ';']).next().unwrap_or_default();
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    for segment in segments.by_ref().take(SEGMENTS) {
        out.push('/');
        out.push_str(if is_identifier(segment) { "{id}" } else { segment });
        if out.len() > LONGEST {
            let mut end = LONGEST;
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push('…');
            return;
        }
    }
    if segments.next().is_some() {
        out.push_str("/…");
    }
    if out.is_empty() {
        out.push('/');
    }
}

/// Numbers, UUIDs, hashes, tokens: a digit, and either nothing but hexadecimal digits and dashes or many characters;
/// versions (`v1`) and short names are none.
fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        // Long encoded text without a digit is no word either.
        return segment.len() > 40;
    }
    digits == segment.len()
        || (segment.len() >= 8 && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
        || (segment.len() >= 20)
        || digits >= 4
        || segment.contains('%')
        || segment.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    fn folded(url: &str) -> String {
        let mut out = String::new();
        template(url, &mut out);
        out
    }

    #[test]
    fn identifiers_hosts_and_queries_go_and_words_stay() {
        for (url, expected) in [
            ("http://10.0.0.1:9990/metrics", "/metrics"),
            ("/orders/1234?token=secret", "/orders/{id}"),
            ("/v1/users/3fa85f64-5717-4562-b3fc-2c963f66afa6/cart", "/v1/users/{id}/cart"),
            ("/api/v2/items", "/api/v2/items"),
            ("http://h", "/"),
            ("", "/"),
            ("/a/b/c/d/e/f/g", "/a/b/c/d/e/f/…"),
            ("/order-2024110/x#y", "/{id}/x"),
        ] {
            assert_eq!(folded(url), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_template_is_short_and_has_no_query(url in "\\PC{0,300}") {
            let out = folded(&url);
            prop_assert!(out.len() <= LONGEST + 4 && !out.contains('?') && out.starts_with('/'));
        }
    }
}
