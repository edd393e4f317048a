//! Private keys in PEM, with real or escaped line ends, whole or cut; and PEM in base64 as in kubeconfigs.

use super::super::RedactError;
use super::super::base64;
use super::Scanner;

impl Scanner<'_> {
    /// At `-----BEGIN `.
    pub(super) fn pem(&mut self, start: usize) -> Result<(), RedactError> {
        let label = &self.bytes[start..self.bytes.len().min(start + 64)];
        let label = String::from_utf8_lossy(label).to_ascii_uppercase();
        let line = label.split(['\n', '\\']).next().unwrap_or_default();
        let cut = start + 64 >= self.bytes.len() && !line[11.min(line.len())..].contains("-----");
        let private =
            line.contains("PRIVATE KEY") || (cut && could_become_private(&line[11.min(line.len())..]));
        if !private {
            return Ok(());
        }
        let end = match self.pem_end(start) {
            Some(end) => end,
            None => self.pem_cut(start)?,
        };
        self.spend(end - start)?;
        self.seal(start, end, "private-key");
        Ok(())
    }

    fn pem_end(&mut self, start: usize) -> Option<usize> {
        if start >= self.no_pem_end_after {
            return None;
        }
        let Some(at) = self.text[start..].find("-----END ") else {
            self.no_pem_end_after = start;
            return None;
        };
        let from = start + at + 9;
        let label = self.run(from, 64, |b| b.is_ascii_alphanumeric() || b == b' ');
        // Another key begins before this end: the first one was cut.
        if self.text[start + 11..from].contains("-----BEGIN ") {
            return None;
        }
        Some(self.run(label, 5, |b| b == b'-'))
    }

    /// A key without its end: everything that looks like base64 lines or PEM headers.
    fn pem_cut(&mut self, start: usize) -> Result<usize, RedactError> {
        let mut end = self.run(start, 1 << 20, |b| !matches!(b, b'\n' | b'"' | b'\''));
        self.spend(end - start)?;
        while end < self.bytes.len() && self.bytes[end] == b'\n' {
            let line_end = self.line_end(end + 1);
            self.spend(line_end - end)?;
            let line = self.text[end + 1..line_end].trim();
            let encoded = line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\\-\",".contains(&b));
            let header = line.starts_with("Proc-Type:")
                || line.starts_with("DEK-Info:")
                || line.starts_with("Comment:");
            if !(encoded || header) || line.starts_with("-----BEGIN") {
                break;
            }
            end = line_end;
        }
        Ok(end)
    }

    /// At the base64 of `-----BEGIN `: certificates stay, private keys do not.
    pub(super) fn encoded_pem(&mut self, start: usize) -> Result<(), RedactError> {
        if !self.bytes[start..].starts_with(b"LS0tLS1CRUdJTi") || !self.word_begins(start) {
            return Ok(());
        }
        let end = self.run(start, 1 << 20, |b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
        self.spend(end - start)?;
        let head = self.boundary(end.min(start + 64));
        let decoded = base64::decode(&self.text[start..head]).unwrap_or_default();
        let label = String::from_utf8_lossy(&decoded).to_ascii_uppercase();
        let name = label.get(11..).unwrap_or_default();
        let cut = end == self.bytes.len() && !name.contains("-----") && could_become_private(name);
        if name.contains("PRIVATE KEY") || cut {
            self.seal(start, end, "private-key");
        } else {
            self.done = self.done.max(end);
        }
        Ok(())
    }
}

/// Whether a label cut short can be the start of a private key's.
fn could_become_private(label: &str) -> bool {
    let label = label.trim_end_matches('\u{fffd}');
    [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ]
    .iter()
    .any(|whole| whole.starts_with(label))
        && !label.is_empty()
}
