//! Looking a quote up in a text, forgiving white space and nothing else.

/// Shortest quote that proves anything; shorter ones match everywhere.
const SHORTEST: usize = 4;

/// Whether `quote` stands in `text`. Runs of white space compare equal; an ellipsis (`…` or `...`) in the quote
/// splits it into parts that must follow one another. Everything else is compared exactly.
pub fn find_quote(text: &str, quote: &str) -> bool {
    let text = squeeze(text);
    let quote = quote.replace("...", "…");
    let parts: Vec<String> = quote.split('…').map(squeeze).filter(|part| !part.is_empty()).collect();
    if parts.iter().map(String::len).max().unwrap_or(0) < SHORTEST {
        return false;
    }
    let mut rest = text.as_str();
    for part in &parts {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// One space for each run of white space, none at the ends.
fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_does_not_matter_and_words_do() {
        let text = "0/4 nodes are available:\n  1 node(s) were unschedulable";
        assert!(find_quote(text, "available: 1 node(s)  were"));
        assert!(!find_quote(text, "2 node(s) were unschedulable"));
    }

    #[test]
    fn an_ellipsis_joins_parts_in_order() {
        let text = "back-off 5m0s restarting failed container=web pod=web-1";
        assert!(find_quote(text, "back-off … pod=web-1"));
        assert!(find_quote(text, "back-off ... container=web"));
        assert!(!find_quote(text, "pod=web-1 … back-off"));
    }

    #[test]
    fn a_quote_that_matches_everything_proves_nothing() {
        assert!(!find_quote("anything", ""));
        assert!(!find_quote("anything", "…"));
        assert!(!find_quote("a b c", "a"));
    }
}
