//! Query strings.

/// Builds `?key=value&…` with every value percent-encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds a parameter if it has a value.
    pub(crate) fn with(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(key);
            self.0.push('=');
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    self.0.push(char::from(byte));
                } else {
                    self.0.push('%');
                    self.0.push(hex(byte >> 4));
                    self.0.push(hex(byte & 15));
                }
            }
        }
        self
    }

    /// The path with this query.
    pub(crate) fn on(self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn values_are_encoded_and_absent_ones_left_out() {
        let query = Query::default()
            .with("limit", Some("5"))
            .with("continue", None)
            .with("labelSelector", Some("app in (a,b)&x=1"));
        assert_eq!(query.on("/p"), "/p?limit=5&labelSelector=app%20in%20%28a%2Cb%29%26x%3D1");
    }
}
