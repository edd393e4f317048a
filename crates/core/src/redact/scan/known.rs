//! Tokens that their issuers gave a prefix, and those with a shape of their own.

use super::super::RedactError;
use super::super::{base64, values};
use super::Scanner;

/// Which bytes a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Alnum,
    UpperDigits,
    Hex,
    /// Letters, digits, `_`, `-`.
    UrlSafe,
    /// The same and `.`, `=`, `~`, `+`, `/`.
    Dotted,
    /// As `UrlSafe`, and with an upper case letter and a digit: for prefixes that begin ordinary words too.
    Mixed,
}

/// A provider's token.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) prefix: &'static str,
    kind: &'static str,
    alphabet: Alphabet,
    /// Bytes after the prefix.
    min: usize,
    max: usize,
}

const fn known(
    prefix: &'static str,
    kind: &'static str,
    alphabet: Alphabet,
    min: usize,
    max: usize,
) -> Known {
    Known { prefix, kind, alphabet, min, max }
}

const LONG: usize = 4096;

/// Prefixes as their issuers document them for secret scanners.
pub(super) const TOKENS: &[Known] = {
    use Alphabet::{Alnum, Dotted, Hex, Mixed, UpperDigits, UrlSafe};
    &[
        known("AKIA", "aws-access-key", UpperDigits, 16, 16),
        known("ASIA", "aws-access-key", UpperDigits, 16, 16),
        known("ABIA", "aws-access-key", UpperDigits, 16, 16),
        known("ACCA", "aws-access-key", UpperDigits, 16, 16),
        known("AIza", "gcp-api-key", UrlSafe, 30, 45),
        known("ya29.", "gcp-token", UrlSafe, 20, LONG),
        known("GOCSPX-", "gcp-client-secret", UrlSafe, 20, 64),
        known("LTAI", "alibaba-access-key", Mixed, 12, 26),
        known("ghp_", "github-token", Alnum, 20, 255),
        known("gho_", "github-token", Alnum, 20, 255),
        known("ghu_", "github-token", Alnum, 20, 255),
        known("ghs_", "github-token", Alnum, 20, 255),
        known("ghr_", "github-token", Alnum, 20, 255),
        known("github_pat_", "github-token", UrlSafe, 20, 255),
        known("glpat-", "gitlab-token", Dotted, 16, 255),
        known("gldt-", "gitlab-token", UrlSafe, 16, 255),
        known("glrt-", "gitlab-token", Dotted, 16, 255),
        known("glptt-", "gitlab-token", UrlSafe, 16, 255),
        known("glcbt-", "gitlab-token", UrlSafe, 16, 255),
        known("glft-", "gitlab-token", UrlSafe, 16, 255),
        known("gloas-", "gitlab-token", UrlSafe, 16, 255),
        known("glsoat-", "gitlab-token", UrlSafe, 16, 255),
        known("glagent-", "gitlab-token", UrlSafe, 16, 255),
        known("xoxb-", "slack-token", UrlSafe, 10, 255),
        known("xoxp-", "slack-token", UrlSafe, 10, 255),
        known("xoxa-", "slack-token", UrlSafe, 10, 255),
        known("xoxr-", "slack-token", UrlSafe, 10, 255),
        known("xoxs-", "slack-token", UrlSafe, 10, 255),
        known("xoxe.", "slack-token", Dotted, 10, 512),
        known("xapp-", "slack-token", UrlSafe, 10, 255),
        known("sk_live_", "stripe-key", Alnum, 10, 255),
        known("sk_test_", "stripe-key", Alnum, 10, 255),
        known("rk_live_", "stripe-key", Alnum, 10, 255),
        known("rk_test_", "stripe-key", Alnum, 10, 255),
        known("whsec_", "webhook-secret", Dotted, 16, 255),
        known("sk-ant-", "anthropic-key", UrlSafe, 12, 255),
        known("sk-proj-", "openai-key", UrlSafe, 16, 255),
        known("sk-svcacct-", "openai-key", UrlSafe, 16, 255),
        known("sk-or-v1-", "api-key", Hex, 32, 128),
        known("sk-lf-", "api-key", UrlSafe, 16, 64),
        known("sk-", "openai-key", Mixed, 20, 255),
        known("hf_", "huggingface-token", Alnum, 20, 64),
        known("api_org_", "huggingface-token", Alnum, 20, 64),
        known("nvapi-", "nvidia-key", UrlSafe, 20, 255),
        known("gsk_", "groq-key", Alnum, 20, 255),
        known("r8_", "replicate-token", Alnum, 30, 64),
        known("pplx-", "api-key", Alnum, 30, 255),
        known("xai-", "api-key", Alnum, 30, 255),
        known("tvly-", "api-key", UrlSafe, 20, 64),
        known("lsv2_", "api-key", UrlSafe, 30, 128),
        known("npm_", "npm-token", Alnum, 30, 64),
        known("pypi-", "pypi-token", Mixed, 40, 512),
        known("rubygems_", "rubygems-key", Hex, 40, 64),
        known("dop_v1_", "digitalocean-token", Hex, 32, 80),
        known("doo_v1_", "digitalocean-token", Hex, 32, 80),
        known("dor_v1_", "digitalocean-token", Hex, 32, 80),
        known("hvs.", "vault-token", UrlSafe, 20, 255),
        known("hvb.", "vault-token", UrlSafe, 20, 512),
        known("hvr.", "vault-token", UrlSafe, 20, 255),
        known("SG.", "sendgrid-key", Dotted, 40, 90),
        known("sq0atp-", "square-token", UrlSafe, 20, 64),
        known("sq0csp-", "square-token", UrlSafe, 20, 64),
        known("shpat_", "shopify-token", Alnum, 24, 64),
        known("shpss_", "shopify-token", Alnum, 24, 64),
        known("shpca_", "shopify-token", Alnum, 24, 64),
        known("dapi", "databricks-token", Hex, 32, 36),
        known("lin_api_", "linear-key", Alnum, 20, 64),
        known("PMAK-", "postman-key", UrlSafe, 24, 128),
        known("NRAK-", "newrelic-key", UpperDigits, 20, 40),
        known("glsa_", "grafana-token", UrlSafe, 20, 128),
        known("glc_", "grafana-token", Dotted, 20, 512),
        known("dckr_pat_", "docker-token", UrlSafe, 20, 64),
        known("dckr_oat_", "docker-token", UrlSafe, 20, 64),
        known("tskey-", "tailscale-key", UrlSafe, 16, 128),
        known("sntrys_", "sentry-token", Dotted, 30, 512),
        known("sntryu_", "sentry-token", Hex, 30, 128),
        known("ATATT3", "atlassian-token", Dotted, 30, 512),
        known("AGE-SECRET-KEY-1", "age-key", UpperDigits, 30, 64),
        known("figd_", "api-key", UrlSafe, 20, 64),
        known("ntn_", "api-key", Alnum, 30, 64),
        known("dp.pt.", "doppler-token", Alnum, 30, 64),
        known("dp.st.", "doppler-token", Dotted, 30, 80),
        known("pul-", "pulumi-token", Hex, 40, 40),
        known("sha256~", "openshift-token", UrlSafe, 40, 48),
        known("hooks.slack.com/services/", "webhook-url", Dotted, 16, 128),
        known("hooks.slack.com/workflows/", "webhook-url", Dotted, 16, 128),
        known("discord.com/api/webhooks/", "webhook-url", Dotted, 20, 160),
        known("discordapp.com/api/webhooks/", "webhook-url", Dotted, 20, 160),
        known("webhook.office.com/", "webhook-url", Dotted, 20, 400),
        known("api.telegram.org/bot", "telegram-token", Dotted, 5, 80),
    ]
};

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::UpperDigits => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::UrlSafe | Self::Mixed => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"_-.=~+/:@".contains(&byte),
        }
    }
}

impl Scanner<'_> {
    pub(super) fn known(&mut self, which: usize, start: usize, end: usize) -> Result<(), RedactError> {
        let token = &TOKENS[which];
        if &self.bytes[start..end] != token.prefix.as_bytes() || !self.word_begins(start) {
            return Ok(());
        }
        let mut until = self.run(end, LONG, |b| token.alphabet.has(b));
        self.spend(until - end)?;
        while until > end && matches!(self.bytes[until - 1], b'.' | b':' | b'/' | b'@') {
            until -= 1;
        }
        let len = until - end;
        // A token cut off by the end of the text is still most of a token.
        let cut = until == self.bytes.len() && len >= 4 && token.alphabet != Alphabet::Mixed;
        let body = &self.bytes[end..until];
        let mixed = token.alphabet != Alphabet::Mixed
            || (body.iter().any(u8::is_ascii_uppercase) && body.iter().any(u8::is_ascii_digit));
        if (len >= token.min || cut) && len <= token.max && mixed {
            let from = if token.prefix.contains('/') { end } else { start };
            self.seal(from, until, token.kind);
            if token.kind == "aws-access-key" {
                self.secret_beside_access_key(until);
            }
        }
        Ok(())
    }

    /// `AKIA…,<40 characters>`: the secret half printed next to the id, without a name.
    fn secret_beside_access_key(&mut self, from: usize) {
        let start = self.run(from, 16, |b| b" \t,;:|/\"'\\".contains(&b));
        let end = self.run(start, 64, |b| b.is_ascii_alphanumeric() || b == b'/' || b == b'+');
        let body = &self.bytes[start..end];
        if body.len() == 40
            && body.iter().any(u8::is_ascii_uppercase)
            && body.iter().any(u8::is_ascii_lowercase)
        {
            self.seal(start, end, "aws-secret-key");
        }
    }

    /// `eyJ`: the start of `{"` in base64, so of a JWT's header, or of any JSON in base64.
    pub(super) fn jwt(&mut self, start: usize) -> Result<(), RedactError> {
        if !self.bytes[start..].starts_with(b"eyJ") || !self.word_begins(start) {
            return Ok(());
        }
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let header = self.run(start, 1 << 20, url_safe);
        self.spend(header - start)?;
        if header - start >= 12 && self.byte(header) == b'.' {
            let until = self.run(header, 1 << 20, |b| url_safe(b) || b == b'.' || b == b'=');
            self.spend(until - header)?;
            let until = self.trim_dots(header, until);
            if until > header + 1 || header + 1 >= self.bytes.len() {
                self.seal(start, until, "jwt");
                return Ok(());
            }
        }
        let whole = self.run(start, 1 << 20, |b| url_safe(b) || b == b'+' || b == b'/' || b == b'=');
        self.spend(whole - start)?;
        if whole - start < 20 {
            if whole == self.bytes.len() && whole - start >= 8 {
                self.seal(start, whole, "jwt");
            }
            return Ok(());
        }
        let decoded = base64::decode(&self.text[start..whole]).unwrap_or_default();
        let inside = String::from_utf8_lossy(&decoded);
        if ["\"alg\"", "\"auth", "\"password\"", "\"token\"", "private_key"]
            .iter()
            .any(|word| inside.contains(word))
        {
            self.seal(start, whole, if inside.contains("\"alg\"") { "jwt" } else { "encoded-credential" });
        }
        Ok(())
    }

    fn trim_dots(&self, floor: usize, mut until: usize) -> usize {
        while until > floor && self.bytes[until - 1] == b'.' {
            until -= 1;
        }
        until
    }

    /// `sig=` of an Azure shared access signature or an Azure function URL.
    pub(super) fn signature(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if !self.word_begins(start) {
            return Ok(());
        }
        let until = self.run(end, 512, |b| b.is_ascii_alphanumeric() || b"%+/=_-".contains(&b));
        self.spend(until - end)?;
        if until - end >= 16 || (until == self.bytes.len() && until - end >= 4) {
            self.seal(end, until, "sas-signature");
        }
        Ok(())
    }

    /// A crypt hash as in shadow and htpasswd files.
    pub(super) fn crypt(&mut self, start: usize) -> Result<(), RedactError> {
        let until = self.run(start, 512, |b| b.is_ascii_alphanumeric() || b"./$=,+-".contains(&b));
        self.spend(until - start)?;
        let parts = self.text[start..until].matches('$').count();
        if until - start >= 24 && parts >= 3 {
            self.seal(start, until, "password-hash");
        }
        Ok(())
    }

    /// Azure AD client secrets: 40 characters with a digit and `Q~` after the third.
    pub(super) fn azure_secret(&mut self, start: usize) -> Result<(), RedactError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_~.-".contains(&b);
        let from = self.run_back(start, 8, fits);
        let until = self.run(start, 48, fits);
        self.spend(until - from)?;
        if self.bytes[start] == b'Q'
            && start - from == 4
            && self.bytes[start - 1].is_ascii_digit()
            && (36..=44).contains(&(until - from))
        {
            self.seal(from, until, "azure-client-secret");
        }
        Ok(())
    }

    /// `host:port:database:user:password`.
    pub(super) fn pgpass(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        let line = self.run_back(start, 256, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'');
        let until = self.run(end, 512, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'' && b != b'\\');
        self.spend(until - line)?;
        let mut fields = self.text[line..until].splitn(5, ':');
        let (Some(_), Some(_), Some(_), Some(user), Some(password)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Ok(());
        };
        if !user.is_empty()
            && !password.is_empty()
            && !password.contains("://")
            && !values::is_placeholder(password)
        {
            self.seal(until - password.len(), until, "password");
        }
        Ok(())
    }
}

/// The kind of a value that is, as a whole, a provider's token.
pub(in crate::redact) fn kind_of(value: &str) -> Option<&'static str> {
    if value.starts_with("eyJ") && value.contains('.') {
        return Some("jwt");
    }
    TOKENS
        .iter()
        .find(|token| {
            token.alphabet != Alphabet::Mixed
                && !token.prefix.contains('/')
                && value.strip_prefix(token.prefix).is_some_and(|body| {
                    (token.min..=token.max).contains(&body.len())
                        && body.bytes().all(|b| token.alphabet.has(b))
                })
        })
        .map(|token| token.kind)
}
