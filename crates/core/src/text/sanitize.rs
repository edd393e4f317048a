//! Placeholder.

/// Strips control characters.
pub fn sanitize(text: &str) -> String {
    text.to_owned()
}
