//! Which names promise a secret: `DB_PASSWORD`, `clientSecret`, `x-api-key`, and which only speak of one:
//! `secretName`, `TOKEN_FILE`, `max_tokens`.

use std::collections::HashSet;
use std::sync::LazyLock;

/// What a name promises about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// The value is a password, whatever it looks like; even a number.
    Password,
    /// The value is a secret, whatever it looks like.
    Secret(&'static str),
    /// The value is a secret, or the name of the object that holds it (`secret: db-credentials`).
    Reference(&'static str),
    /// The value is a secret only when it looks random (`STRIPE_KEY`, `auth`).
    IfRandom(&'static str),
    /// An `Authorization` header.
    Authorization,
    /// A `Cookie` or `Set-Cookie` header.
    Cookie,
    /// A connection string: what is readable in it has its own scanners, the rest is a secret.
    Connection,
}

impl Promise {
    /// The kind in the pseudonym.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Secret(kind) | Self::Reference(kind) | Self::IfRandom(kind) => kind,
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::Connection => "connection-string",
        }
    }
}

const WORDS: usize = 12;

/// Last words that make a name speak *about* a secret.
static ABOUT: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "name names file files filename path paths dir directory url uri urls endpoint endpoints host \
     hostname ref refs reference id ids type types kind namespace ns version count counts total length \
     len size limit limits min max age ttl expiry expires expired expiration expire timeout seconds \
     minutes hours days at time timestamp date interval period rotation policy policies enabled enable \
     disabled required optional mode format algorithm alg method provider providers source store stores \
     backend manager class label labels annotation annotations selector mount mounts volume volumes \
     projection controller review reviews request requests audience audiences issuer scope scopes realm \
     status state reason message error errors info metadata prefix suffix pattern regex index position \
     offset usage budget rate bytes hash checksum fingerprint thumbprint digest sha sha256 field \
     attribute property username email resolver cache template generator reset change changed updated \
     created attempts retries strength hint prompt help go py js ts java rs rb cc php yaml yml json txt \
     md sh conf cfg ini toml crt cer csr pub log html proto sock io com org net svc local operator csi \
     driver plugin exporter sync syncer reloader config configmap entry authentication cleaner signer \
     validator"
        .split_ascii_whitespace()
        .collect()
});

/// Last words that change nothing: `DB_PASSWORD_PROD`, `secretString`.
static MODIFIERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "prod production dev staging test base64 b64 value plain plaintext raw old new current previous \
     primary secondary main backup default admin root data text string encrypted env var v"
        .split_ascii_whitespace()
        .collect()
});

/// Words before `key` that make it a secret whatever it looks like.
static SECRET_KEYS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "api private secret signing encryption encrypt decryption master ssh auth hmac jwt unseal aes rsa \
     license licence subscription account storage webhook cookie deploy access priv recovery"
        .split_ascii_whitespace()
        .collect()
});

/// Words before `token` that make it a place in a list or a unit of text.
static HARMLESS_TOKENS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "page continue next continuation cursor resume pagination start end eos bos pad unk stop special mask \
     per max min prompt completion output input time each image unexpected first last"
        .split_ascii_whitespace()
        .collect()
});

struct Words {
    lower: String,
    ends: [(u8, u8); WORDS],
    len: usize,
    /// Letters, and none of them lower case: an environment variable.
    screaming: bool,
}

impl Words {
    /// Splits at punctuation and camel-case humps; numbers are dropped from the ends of words. `None` when there are
    /// no words, or more than any real name has.
    fn split(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.len() > 200 || !name.is_ascii() {
            return None;
        }
        let mut words = Self {
            lower: name.to_ascii_lowercase(),
            ends: [(0, 0); WORDS],
            len: 0,
            screaming: !bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase),
        };
        let mut start = 0;
        for at in 0..=bytes.len() {
            let hump = at > start
                && at < bytes.len()
                && bytes[at].is_ascii_uppercase()
                && (bytes[at - 1].is_ascii_lowercase()
                    || bytes[at - 1].is_ascii_digit()
                    || (bytes[at - 1].is_ascii_uppercase()
                        && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
            let split = at == bytes.len() || !bytes[at].is_ascii_alphanumeric();
            if (!hump || words.screaming) && !split {
                continue;
            }
            let mut end = at;
            let word = &words.lower.as_bytes()[start..end];
            if !matches!(word, b"base64" | b"b64" | b"sha256") {
                while end > start && bytes[end - 1].is_ascii_digit() {
                    end -= 1;
                }
            }
            if end > start {
                if words.len == WORDS {
                    // Only the last words decide.
                    words.ends.copy_within(1.., 0);
                    words.len -= 1;
                }
                words.ends[words.len] = (start as u8, end as u8);
                words.len += 1;
            }
            start = if split { at + 1 } else { at };
        }
        (words.len > 0).then_some(words)
    }

    fn get(&self, at: usize) -> &str {
        let (start, end) = self.ends[at];
        &self.lower[usize::from(start)..usize::from(end)]
    }

    fn any(&self, wanted: impl Fn(&str) -> bool) -> bool {
        (0..self.len).any(|at| wanted(self.get(at)))
    }
}

fn is_password(word: &str) -> bool {
    word != "htpasswd"
        && (matches!(
            word,
            "pwd" | "passwort" | "requirepass" | "masterpass" | "dbpass" | "smtppass" | "userpass" | "rootpw"
        ) || ["password", "passwd", "passphrase", "passcode"].iter().any(|stem| word.ends_with(stem)))
}

/// What a name promises about its value; `None` for a name that promises nothing.
pub(super) fn promise(name: &str) -> Option<Promise> {
    let words = Words::split(name)?;
    let mut len = words.len;
    // A connection string ends in words that otherwise modify.
    if len > 1 && words.get(len - 1) == "string" && matches!(words.get(len - 2), "connection" | "conn") {
        return Some(Promise::Connection);
    }
    if words.get(len - 1) == "key" && len > 1 && is_password(words.get(len - 2)) {
        return None; // passwordKey: the key in a Secret under which the password is found
    }
    if words.get(len - 1) == "hash" && len > 1 && is_password(words.get(len - 2)) {
        return Some(Promise::Secret("password-hash"));
    }
    while len > 1 && MODIFIERS.contains(words.get(len - 1)) {
        len -= 1;
    }
    let last = words.get(len - 1);
    let before = if len > 1 { words.get(len - 2) } else { "" };
    if ABOUT.contains(last) {
        return None;
    }
    if is_password(last) {
        return Some(Promise::Password);
    }
    let alone = len == 1;
    match last {
        "pass" if matches!(before, "proxy" | "by" | "first" | "second" | "all" | "health" | "check") => None,
        "pass" if alone && words.screaming => None,
        "pw" if alone => None,
        "pass" | "pw" => Some(Promise::Password),
        "passwords" | "passphrases" => Some(Promise::Secret("password")),
        "secret" | "secrets" if words.screaming => Some(Promise::Secret("secret")),
        "secret"
            if matches!(
                before,
                "client"
                    | "app"
                    | "application"
                    | "consumer"
                    | "shared"
                    | "signing"
                    | "jwt"
                    | "session"
                    | "hmac"
                    | "totp"
                    | "otp"
                    | "oauth"
                    | "access"
                    | "api"
                    | "master"
                    | "encryption"
                    | "cookie"
            ) =>
        {
            Some(Promise::Secret("secret"))
        }
        "secret" | "secrets" => Some(Promise::Reference("secret")),
        "token" if HARMLESS_TOKENS.contains(before) => None,
        "token" | "jwt" | "bearer" => Some(Promise::Secret("token")),
        "tokens" if matches!(before, "access" | "api" | "auth" | "refresh" | "bearer") => {
            Some(Promise::Secret("token"))
        }
        "tokens" => Some(Promise::IfRandom("token")),
        "pat" if !alone && words.screaming => Some(Promise::Secret("token")),
        "key" if alone => None,
        "key"
            if matches!(
                before,
                "public" | "pub" | "foreign" | "sort" | "partition" | "cache" | "primary"
            ) =>
        {
            None
        }
        "key" if SECRET_KEYS.contains(before) => Some(Promise::Secret("key")),
        "key" if before == "client" && words.len > len => Some(Promise::Secret("private-key")),
        "key"
            if words.screaming
                || matches!(
                    before,
                    "client"
                        | "app"
                        | "application"
                        | "session"
                        | "service"
                        | "server"
                        | "shared"
                        | "tls"
                        | "ssl"
                        | "routing"
                        | "integration"
                        | "ingestion"
                        | "instrumentation"
                        | "host"
                ) =>
        {
            Some(Promise::IfRandom("key"))
        }
        "keys" if SECRET_KEYS.contains(before) && before != "account" => Some(Promise::IfRandom("key")),
        "authorization" => Some(Promise::Authorization),
        "cookie" => Some(Promise::Cookie),
        "auth" => Some(Promise::IfRandom("auth")),
        "credential" | "credentials" | "creds" => Some(if words.screaming {
            Promise::Secret("credential")
        } else {
            Promise::Reference("credential")
        }),
        "dsn" | "connstr" | "connectionstring" => Some(Promise::Connection),
        "salt" | "pepper" => Some(Promise::Secret("salt")),
        "signature" if matches!(before, "amz" | "goog" | "access") => Some(Promise::Secret("signature")),
        "jsessionid" | "phpsessid" => Some(Promise::Secret("cookie")),
        "sid" if before == "connect" => Some(Promise::Secret("cookie")),
        "masterauth" => Some(Promise::Password),
        _ => promise_of_one_word(last).or_else(|| promise_of_unknown_tail(&words)),
    }
}

/// Names written without any border: `apikey`, `clientsecret`.
fn promise_of_one_word(word: &str) -> Option<Promise> {
    if [
        "apikey",
        "secretkey",
        "accesskey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "licensekey",
        "accountkey",
    ]
    .iter()
    .any(|stem| word.ends_with(stem))
    {
        return Some(Promise::Secret("key"));
    }
    if ["authtoken", "accesstoken", "apitoken", "refreshtoken", "bearertoken"]
        .iter()
        .any(|stem| word.ends_with(stem))
    {
        return Some(Promise::Secret("token"));
    }
    word.ends_with("clientsecret").then_some(Promise::Secret("secret"))
}

/// `DB_PASSWORD_BILLING`, `TOKEN_GITHUB`: the secret word stands before a word that says nothing known.
fn promise_of_unknown_tail(words: &Words) -> Option<Promise> {
    if words.any(is_password) {
        return Some(if words.screaming { Promise::Password } else { Promise::IfRandom("password") });
    }
    words.any(|word| matches!(word, "secret" | "token" | "apikey")).then_some(Promise::IfRandom("secret"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_of_secrets_from_names_about_secrets() {
        for name in [
            "password",
            "DB_PASSWORD",
            "spring.datasource.password",
            "dbPassword",
            "MYSQL_PWD",
            "PGPASSWORD",
            "SMTP_PASS",
            "password2",
            "DB_PASSWORD_PROD",
            "DB_PASSWORD_BILLING",
            "rootPassword1",
        ] {
            assert_eq!(promise(name), Some(Promise::Password), "{name}");
        }
        for name in [
            "apikey",
            "API_KEY",
            "x-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "SecretAccessKey",
            "clientSecret",
            "CLIENT_SECRET",
            "access_token",
            "auth-token",
            "GITHUB_PAT",
            "client-key-data",
            "encryptionKey",
            "salt",
            "secretKey",
            "APIKey",
            "password_hash",
            "SESSION_SECRET",
            "X-Amz-Signature",
        ] {
            assert!(matches!(promise(name), Some(Promise::Secret(_))), "{name}: {:?}", promise(name));
        }
        for name in [
            "secretName",
            "secretKeyRef",
            "TOKEN_FILE",
            "tokenExpirationSeconds",
            "automountServiceAccountToken_path",
            "max_tokens_count",
            "token_count",
            "passwordless",
            "next_page_token",
            "KEY",
            "key",
            "public_key",
            "password_file",
            "token.go",
            "passwordKey",
            "AUTH_URL",
            "keypath",
            "monkey",
            "bypass",
            "compass",
            "PASS",
            "client-key",
            "private_key_id",
            "secret-hash",
            "continue-token",
            "authorization.k8s.io",
            "author",
        ] {
            let got = promise(name);
            assert!(matches!(got, None | Some(Promise::IfRandom("key"))), "{name}: {got:?}");
        }
    }
}
