//! How to reach Relay, in the words of the hubble CLI: its flags as `HUBBLE_<FLAG>`.

use crate::error::FlowsError;
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;

/// The hubble CLI's default: where `hubble port-forward` listens.
const DEFAULT_SERVER: &str = "localhost:4245";

/// How to reach Relay.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// `host:port`, `tls://host:port`, or `unix:///path` of an agent's socket.
    pub server: String,
    /// Whether to speak TLS; also said by `tls://`.
    pub tls: bool,
    /// PEM certificates of authorities. Relay's own authority is Cilium's: no public one knows it.
    pub ca_pem: Vec<Vec<u8>>,
    /// PEM certificate and key of this client, where Relay wants mTLS.
    pub client_pem: Option<(Vec<u8>, SecretString)>,
    /// The name that Relay's certificate must have, e.g. `instance.hubble-relay.cilium.io`.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub allow_insecure: bool,
    /// User and password, sent as `authorization: Basic`.
    pub basic: Option<(String, SecretString)>,
    /// Time for a connection.
    pub connect_timeout: Duration,
    /// Time for a request that is no stream.
    pub request_timeout: Duration,
}

impl RelayOptions {
    /// Defaults for a server: no TLS unless it begins with `tls://`; 5 s to connect, 12 s a request, as the CLI has them.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            tls: false,
            ca_pem: Vec::new(),
            client_pem: None,
            server_name: None,
            allow_insecure: false,
            basic: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(12),
        }
    }

    /// The settings that the hubble CLI reads from the environment, through `lookup`; certificates come through `read`.
    /// `None` when no `HUBBLE_SERVER` is set and no other names a server.
    ///
    /// Names: `HUBBLE_SERVER`, `HUBBLE_TLS`, `HUBBLE_TLS_ALLOW_INSECURE`, `HUBBLE_TLS_CA_CERT_FILES` (comma-separated),
    /// `HUBBLE_TLS_CLIENT_CERT_FILE`, `HUBBLE_TLS_CLIENT_KEY_FILE`, `HUBBLE_TLS_SERVER_NAME`,
    /// `HUBBLE_BASIC_AUTH_USERNAME`, `HUBBLE_BASIC_AUTH_PASSWORD`, `HUBBLE_TIMEOUT`, `HUBBLE_REQUEST_TIMEOUT`.
    ///
    /// # Errors
    /// When a value has the wrong form, a file can't be read, or only one of certificate and key is given.
    pub fn from_settings(
        lookup: impl Fn(&str) -> Option<String>,
        read: impl Fn(&Path) -> std::io::Result<Vec<u8>>,
    ) -> Result<Option<Self>, FlowsError> {
        let said =
            |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let named = said("HUBBLE_SERVER");
        // TLS settings alone mean the CLI's default server.
        let others = ["HUBBLE_TLS", "HUBBLE_TLS_CA_CERT_FILES", "HUBBLE_TLS_SERVER_NAME"];
        if named.is_none() && !others.iter().any(|name| said(name).is_some()) {
            return Ok(None);
        }
        let file = |name: &str, path: &str| {
            read(Path::new(path))
                .map_err(|error| FlowsError::Configuration(format!("{name}: can't read {path}: {error}")))
        };
        let mut options = Self::new(named.unwrap_or_else(|| DEFAULT_SERVER.to_owned()));
        options.tls = truth("HUBBLE_TLS", said("HUBBLE_TLS"))?;
        options.allow_insecure = truth("HUBBLE_TLS_ALLOW_INSECURE", said("HUBBLE_TLS_ALLOW_INSECURE"))?;
        options.server_name = said("HUBBLE_TLS_SERVER_NAME");
        if let Some(paths) = said("HUBBLE_TLS_CA_CERT_FILES") {
            for path in paths.split(',').map(str::trim).filter(|path| !path.is_empty()) {
                options.ca_pem.push(file("HUBBLE_TLS_CA_CERT_FILES", path)?);
            }
        }
        options.client_pem = match (said("HUBBLE_TLS_CLIENT_CERT_FILE"), said("HUBBLE_TLS_CLIENT_KEY_FILE")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let certificate = file("HUBBLE_TLS_CLIENT_CERT_FILE", &certificate)?;
                let key = String::from_utf8(file("HUBBLE_TLS_CLIENT_KEY_FILE", &key)?).map_err(|_| {
                    FlowsError::Configuration("HUBBLE_TLS_CLIENT_KEY_FILE is no PEM file".to_owned())
                })?;
                Some((certificate, SecretString::from(key)))
            }
            _ => {
                return Err(FlowsError::Configuration(
                    "HUBBLE_TLS_CLIENT_CERT_FILE and HUBBLE_TLS_CLIENT_KEY_FILE go together".to_owned(),
                ));
            }
        };
        options.basic = said("HUBBLE_BASIC_AUTH_USERNAME")
            .map(|user| (user, SecretString::from(said("HUBBLE_BASIC_AUTH_PASSWORD").unwrap_or_default())));
        if let Some(text) = said("HUBBLE_TIMEOUT") {
            options.connect_timeout = duration("HUBBLE_TIMEOUT", &text)?;
        }
        if let Some(text) = said("HUBBLE_REQUEST_TIMEOUT") {
            options.request_timeout = duration("HUBBLE_REQUEST_TIMEOUT", &text)?;
        }
        Ok(Some(options))
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.tls || self.server.starts_with("tls://")
    }

    /// The address without scheme.
    pub fn address(&self) -> &str {
        self.server.strip_prefix("tls://").unwrap_or(&self.server)
    }
}

/// As Go's `strconv.ParseBool` reads it.
fn truth(name: &str, text: Option<String>) -> Result<bool, FlowsError> {
    match text.as_deref() {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => Err(FlowsError::Configuration(format!("{name} is {other:?}; it takes true or false"))),
    }
}

/// A duration as Go writes it: `5s`, `1m30s`, `500ms`.
fn duration(name: &str, text: &str) -> Result<Duration, FlowsError> {
    let wrong = || FlowsError::Configuration(format!("{name} is {text:?}; it takes a duration, e.g. 5s"));
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let milliseconds = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        total = total.saturating_add(Duration::from_millis(number.saturating_mul(milliseconds)));
        rest = &rest[unit..];
    }
    if total.is_zero() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use secrecy::ExposeSecret;

    fn settings(pairs: &[(&str, &str)]) -> Result<Option<RelayOptions>, FlowsError> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RelayOptions::from_settings(
            |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            |path| match path.to_str() {
                Some("ca" | "crt" | "key") => Ok(b"pem".to_vec()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
        )
    }

    #[test]
    fn the_cli_s_own_settings_are_understood() {
        assert!(settings(&[]).unwrap().is_none());
        let options = settings(&[
            ("HUBBLE_SERVER", "tls://relay:443"),
            ("HUBBLE_TLS_CA_CERT_FILES", "ca, ca"),
            ("HUBBLE_TLS_CLIENT_CERT_FILE", "crt"),
            ("HUBBLE_TLS_CLIENT_KEY_FILE", "key"),
            ("HUBBLE_TLS_SERVER_NAME", "instance.hubble-relay.cilium.io"),
            ("HUBBLE_TIMEOUT", "1m30s"),
            ("HUBBLE_REQUEST_TIMEOUT", "500ms"),
            ("HUBBLE_BASIC_AUTH_USERNAME", "u"),
        ])
        .unwrap()
        .unwrap();
        assert_eq!((options.is_tls(), options.address(), options.ca_pem.len()), (true, "relay:443", 2));
        assert_eq!(options.connect_timeout, Duration::from_secs(90));
        assert_eq!(options.request_timeout, Duration::from_millis(500));
        assert_eq!(options.client_pem.unwrap().1.expose_secret(), "pem");
        let plain = settings(&[("HUBBLE_TLS", "true")]).unwrap().unwrap();
        assert_eq!((plain.server.as_str(), plain.is_tls()), ("localhost:4245", true));
    }

    #[test]
    fn wrong_settings_say_which() {
        for (pairs, word) in [
            (vec![("HUBBLE_SERVER", "a:1"), ("HUBBLE_TLS", "maybe")], "HUBBLE_TLS is"),
            (vec![("HUBBLE_SERVER", "a:1"), ("HUBBLE_TIMEOUT", "5")], "HUBBLE_TIMEOUT"),
            (vec![("HUBBLE_SERVER", "a:1"), ("HUBBLE_TIMEOUT", "0s")], "HUBBLE_TIMEOUT"),
            (vec![("HUBBLE_SERVER", "a:1"), ("HUBBLE_TLS_CA_CERT_FILES", "gone")], "can't read gone"),
            (vec![("HUBBLE_SERVER", "a:1"), ("HUBBLE_TLS_CLIENT_CERT_FILE", "crt")], "go together"),
        ] {
            let error = settings(&pairs).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
