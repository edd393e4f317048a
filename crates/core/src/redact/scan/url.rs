//! Credentials in URLs, `scheme://user:password@host`, and in the addresses that database drivers take without one.

use super::super::RedactError;
use super::super::values;
use super::Scanner;

/// Ports of databases and brokers: `user:password@host:5432` needs no scheme to be credentials.
const DATABASE_PORTS: &[&str] = &[
    "5432", "6432", "3306", "27017", "6379", "5672", "1433", "1521", "9042", "8123", "9000", "26257",
    "11211", "9200",
];

impl Scanner<'_> {
    /// At `://`. The user and the host stay.
    pub(super) fn url(&mut self, start: usize) -> Result<(), RedactError> {
        let scheme = self.run_back(start, 24, |b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
        if scheme == start {
            return Ok(());
        }
        let from = start + 3;
        let mut run =
            self.run(from, 2048, |b| !b.is_ascii_whitespace() && !b"\"'<>`\\".contains(&b) && b != 0xEF);
        self.spend(run - from)?;
        if let Some(next) = self.text.get(from..run).and_then(|rest| rest.find("://")) {
            run = from + next;
        }
        // What was sealed before is not read again.
        if let Some(token) = self.text.get(from..run).and_then(|rest| rest.find(super::pseudonym::OPEN))
            && self.genuine_token(from + token).is_some()
        {
            run = from + token;
        }
        let rest = &self.bytes[from..run];
        let authority = (0..rest.len())
            .position(|at| b"/?#".contains(&rest[at]) || (rest[at] == b';' && self.assigns(from + at + 1)))
            .unwrap_or(rest.len());
        let at = match rest[..authority].iter().rposition(|b| *b == b'@') {
            Some(at) => Some(at),
            // A password with an unescaped `/`, `?` or `#`: a colon that no port follows, and an @ further on.
            None => rest[..authority]
                .iter()
                .position(|b| *b == b':')
                .filter(|colon| {
                    rest[0] != b'['
                        && rest[..authority].len() < rest.len()
                        && !rest[colon + 1..authority].iter().all(u8::is_ascii_digit)
                })
                .and_then(|_| rest.iter().rposition(|b| *b == b'@')),
        };
        let Some(at) = at else {
            // Cut in the midst of the password: nothing but the end of the text after a colon.
            if run == self.bytes.len() && authority == rest.len() && !rest.is_empty() {
                self.cut_url(from, run);
            }
            return Ok(());
        };
        let Some(colon) = rest[..at].iter().position(|b| *b == b':') else {
            let user = &self.text[from..from + at];
            let random = user.len() >= 16
                && (values::looks_random(user) || user.bytes().all(|b| b.is_ascii_hexdigit()));
            if random || super::known::kind_of(user).is_some() {
                self.seal(from, from + at, "url-token");
            }
            return Ok(());
        };
        let (start, end) = (from + colon + 1, from + at);
        if start < end && !values::is_placeholder(&self.text[start..end]) {
            self.seal(start, end, "url-password");
        }
        Ok(())
    }

    /// Whether `name=` stands here.
    fn assigns(&self, at: usize) -> bool {
        let name = self.run(at, 64, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b' ');
        name > at && self.byte(name) == b'='
    }

    fn cut_url(&mut self, from: usize, end: usize) {
        let rest = &self.text[from..end];
        if let Some((user, password)) = rest.split_once(':')
            && !user.contains(['[', '.'])
            && password.len() >= 3
            && !password.bytes().all(|b| b.is_ascii_digit())
            && !values::is_placeholder(password)
        {
            self.seal(end - password.len(), end, "url-password");
        }
    }

    /// At `@`: `user:password@tcp(host:3306)/db`, `user:password@host:5432`, `thin:user/password@//host`.
    pub(super) fn bare_credentials(&mut self, at: usize) -> Result<(), RedactError> {
        let after = &self.bytes[at + 1..self.bytes.len().min(at + 260)];
        let host = after.iter().take_while(|b| b.is_ascii_alphanumeric() || b".-_".contains(b)).count();
        let port = after.get(host) == Some(&b':') && {
            let digits = after[host + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            DATABASE_PORTS.iter().any(|port| port.as_bytes() == &after[host + 1..host + 1 + digits])
        };
        let driver = matches!(&after[..host], b"tcp" | b"unix" | b"tcp6") && after.get(host) == Some(&b'(');
        let from = self.run_back(at, 256, |b| !b.is_ascii_whitespace() && !b"\"'`<>".contains(&b));
        self.spend(at - from + 32)?;
        let from = self.boundary(from);
        let run = &self.text[from..at];
        if let Some(thin) = run.rfind("thin:") {
            if let Some(slash) = run[thin..].find('/') {
                self.seal(from + thin + slash + 1, at, "password");
            }
            return Ok(());
        }
        let bare = run.starts_with("//") && host > 0;
        if !(driver || bare || (port && host > 0)) || run.contains("://") {
            return Ok(());
        }
        let Some(colon) = run.find(':') else {
            return Ok(());
        };
        let password = &run[colon + 1..];
        if colon > 0 && !password.is_empty() && !values::is_placeholder(password) {
            self.seal(from + colon + 1, at, "password");
        }
        Ok(())
    }
}
