//! What is secret in a JSON value because of where it stands: a Secret's data, an environment variable's value,
//! the argument after `--password`, an annotation that holds the whole object again.

use super::names::{self, Promise};
use super::{RedactError, Sealer, values};
use serde_json::{Map, Value};

/// Deeper than any Kubernetes object, shallow enough for the stack.
pub(super) const DEPTH: usize = 200;

/// Annotations that hold a whole object as it was applied: kubectl, kapp, older OpenShift, Crossplane, Argo.
const EMBEDDED: &[&str] = &[
    "last-applied-configuration",
    "kapp.k14s.io/original",
    "pv.kubernetes.io/original",
    "last-applied",
    "last-known-configuration",
    "objectset.rio.cattle.io/applied",
    "kubevirt.io/last-applied",
    "last-saved-configuration",
];

/// Files that are secret as a whole, by the key they have in a ConfigMap.
const SECRET_FILES: &[&str] = &[
    ".dockerconfigjson",
    ".dockercfg",
    ".pgpass",
    "pgpass",
    ".netrc",
    ".git-credentials",
    ".htpasswd",
    "htpasswd",
    ".my.cnf",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
    "ssh-privatekey",
    "tls.key",
    "ca.key",
];

/// Ends of file names that are secret as a whole.
const SECRET_ENDS: &[&str] = &[".p12", ".pfx", ".jks", ".keystore", ".kdbx", "-key.pem", ".key"];

/// Seals by kind: Secrets, ConfigMaps, embedded objects, wherever they are in the value.
pub(super) fn seal_kinds(sealer: &Sealer, value: &mut Value, depth: usize) -> Result<(), RedactError> {
    let below = depth.checked_sub(1).ok_or(RedactError::TooDeep { limit: DEPTH })?;
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| seal_kinds(sealer, item, below)),
        Value::Object(map) => {
            let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            match kind.as_str() {
                "Secret" => seal_secret(sealer, map),
                "SecretList" => {
                    for item in map.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                        if let Value::Object(secret) = item {
                            seal_secret(sealer, secret);
                        }
                    }
                }
                "ConfigMap" => seal_config_map(sealer, map),
                "ConfigMapList" => {
                    for item in map.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                        if let Value::Object(config_map) = item {
                            seal_config_map(sealer, config_map);
                        }
                    }
                }
                // Without a kind a Secret is still known by its type.
                "" if is_secret_type(map) => seal_secret(sealer, map),
                _ => {}
            }
            for (key, item) in map.iter_mut() {
                match item {
                    Value::String(text) if is_embedded(key) => *text = seal_embedded(sealer, text, below)?,
                    Value::Object(_) | Value::Array(_) => seal_kinds(sealer, item, below)?,
                    Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
                }
            }
            Ok(())
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
    }
}

fn is_secret_type(map: &Map<String, Value>) -> bool {
    map.contains_key("data")
        && map.get("type").and_then(Value::as_str).is_some_and(|of| {
            matches!(of, "Opaque" | "helm.sh/release.v1" | "bootstrap.kubernetes.io/token")
                || of.starts_with("kubernetes.io/")
        })
}

fn is_embedded(key: &str) -> bool {
    EMBEDDED.iter().any(|name| key.ends_with(name) || key == *name)
}

/// Every value of a Secret goes, whatever its key; the keys stay, a missing key is a cause.
fn seal_secret(sealer: &Sealer, map: &mut Map<String, Value>) {
    for field in ["data", "stringData", "binaryData"] {
        match map.get_mut(field) {
            Some(Value::Object(data)) => {
                for item in data.values_mut() {
                    let sealed = match item {
                        Value::String(text) if text.is_empty() || is_token(sealer, text) => continue,
                        Value::String(text) if field == "stringData" => {
                            sealer.seal("secret-data", text.trim_end_matches('\n'))
                        }
                        Value::String(text) => sealer.seal_encoded("secret-data", text),
                        Value::Null => continue,
                        ref other => sealer.seal("secret-data", &other.to_string()),
                    };
                    *item = Value::String(sealed);
                }
            }
            Some(Value::Null) | None => {}
            Some(other) => {
                let text = other.as_str().map_or_else(|| other.to_string(), ToOwned::to_owned);
                if !is_token(sealer, &text) {
                    *other = Value::String(sealer.seal("secret-data", &text));
                }
            }
        }
    }
}

fn is_token(sealer: &Sealer, text: &str) -> bool {
    super::pseudonym::parse(text).is_some_and(|token| token.len == text.len() && sealer.is_genuine(&token))
}

/// Files that are credentials as a whole, and Helm's releases, which hold every rendered manifest.
fn seal_config_map(sealer: &Sealer, map: &mut Map<String, Value>) {
    let helm = map
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(Value::as_str)
        .is_some_and(|name| name.starts_with("sh.helm.release."))
        || owner_label(map).is_some_and(|owner| owner.eq_ignore_ascii_case("helm") || owner == "TILLER");
    for field in ["data", "binaryData"] {
        let Some(Value::Object(data)) = map.get_mut(field) else { continue };
        for (key, item) in data.iter_mut() {
            let Value::String(text) = item else { continue };
            let lower = key.to_ascii_lowercase();
            let file =
                SECRET_FILES.contains(&lower.as_str()) || SECRET_ENDS.iter().any(|end| lower.ends_with(end));
            if (file || (helm && key == "release"))
                && !text.trim().is_empty()
                && !is_token(sealer, text)
                && !is_public(text)
            {
                *text = if field == "binaryData" {
                    sealer.seal_encoded("credential-file", text)
                } else {
                    sealer.seal("credential-file", text)
                };
            }
        }
    }
}

/// A public key or a certificate, whatever its file is called; or a path to one.
fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("-----BEGIN CERTIFICATE")
        || text.starts_with("-----BEGIN PUBLIC")
        || text.starts_with("ssh-")
        || values::is_path(text.trim())
}

fn owner_label(map: &Map<String, Value>) -> Option<&str> {
    let labels = map.get("metadata")?.get("labels")?;
    labels.get("owner").or_else(|| labels.get("OWNER"))?.as_str()
}

/// An object written into a string: parsed and sealed like any other, or sealed whole if it does not parse.
fn seal_embedded(sealer: &Sealer, text: &str, depth: usize) -> Result<String, RedactError> {
    if text.trim().is_empty() || is_token(sealer, text) {
        return Ok(text.to_owned());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(mut inner @ (Value::Object(_) | Value::Array(_))) => {
            seal_kinds(sealer, &mut inner, depth)?;
            seal_value(sealer, &mut inner, depth)?;
            let mut out = inner.to_string();
            if text.ends_with('\n') {
                out.push('\n');
            }
            Ok(out)
        }
        Ok(_) | Err(_) => Ok(sealer.seal("embedded-object", text)),
    }
}

/// Seals every string, with the names above it in mind; keys too.
pub(super) fn seal_value(sealer: &Sealer, value: &mut Value, depth: usize) -> Result<(), RedactError> {
    let below = depth.checked_sub(1).ok_or(RedactError::TooDeep { limit: DEPTH })?;
    match value {
        Value::String(text) => {
            let sealed = sealer.text(text)?;
            if sealed.text != *text {
                *text = sealed.text;
            }
            Ok(())
        }
        Value::Array(items) => seal_array(sealer, items, below),
        Value::Object(map) => seal_map(sealer, map, below),
        Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
    }
}

fn seal_map(sealer: &Sealer, map: &mut Map<String, Value>, depth: usize) -> Result<(), RedactError> {
    seal_name_value(sealer, map);
    for (key, item) in map.iter_mut() {
        let promise = names::promise(key).filter(|_| !key.contains("checksum"));
        seal_named(sealer, promise, item);
        seal_value(sealer, item, depth)?;
    }
    // A key can be a secret too: a map of tokens to users.
    let mut renamed = Vec::new();
    for key in map.keys() {
        let sealed = sealer.text(key)?;
        if sealed.text != *key {
            renamed.push((key.clone(), sealed.text));
        }
    }
    if !renamed.is_empty() {
        *map = std::mem::take(map)
            .into_iter()
            .map(|(key, item)| match renamed.iter().find(|(old, _)| *old == key) {
                Some((_, new)) => (new.clone(), item),
                None => (key, item),
            })
            .collect();
    }
    Ok(())
}

/// `{"name": "DB_PASSWORD", "value": "x"}` in any list: containers, pod templates, custom resources, Helm values.
fn seal_name_value(sealer: &Sealer, map: &mut Map<String, Value>) {
    for (name, value) in [("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value")] {
        let Some(promise) = map.get(name).and_then(Value::as_str).and_then(names::promise) else { continue };
        if let Some(item) = map.get_mut(value) {
            seal_named(sealer, Some(promise), item);
        }
    }
}

/// Seals what stands under a name that promises a secret: a string, a number, a list of them.
fn seal_named(sealer: &Sealer, promise: Option<Promise>, item: &mut Value) {
    let Some(promise) = promise else { return };
    match item {
        Value::String(text) => {
            if let Some(sealed) = named(sealer, promise, text) {
                *text = sealed;
            }
        }
        Value::Number(number) if promise == Promise::Password => {
            let text = number.to_string();
            if values::is_secret(&text, promise) {
                *item = Value::String(sealer.seal(promise.kind(), &text));
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Value::String(text) = item
                    && let Some(sealed) = named(sealer, promise, text)
                {
                    *text = sealed;
                }
            }
        }
        Value::Number(_) | Value::Bool(_) | Value::Null | Value::Object(_) => {}
    }
}

fn named(sealer: &Sealer, promise: Promise, text: &str) -> Option<String> {
    let trimmed = text.trim();
    if is_token(sealer, trimmed) || trimmed.contains("-----BEGIN CERT") {
        return None;
    }
    match promise {
        Promise::Cookie => (trimmed.contains('=')).then(|| sealer.seal("cookie", trimmed)),
        Promise::Authorization => match trimmed.split_once(' ') {
            Some((scheme, credential)) if !credential.contains(' ') && !is_token(sealer, credential) => {
                Some(format!("{scheme} {}", sealer.seal("authorization", credential)))
            }
            Some(_) => None,
            None => values::is_secret(trimmed, promise).then(|| sealer.seal("authorization", trimmed)),
        },
        _ => values::is_secret(trimmed, promise)
            .then(|| sealer.seal(super::scan::kind_of(trimmed).unwrap_or(promise.kind()), trimmed)),
    }
}

/// Lists of arguments: the item after `--password` is its value.
fn seal_array(sealer: &Sealer, items: &mut [Value], depth: usize) -> Result<(), RedactError> {
    let mysql = items.iter().any(|item| {
        item.as_str()
            .is_some_and(|text| is_command(text, &["mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass"]))
    });
    let redis = items.iter().any(|item| item.as_str().is_some_and(|text| is_command(text, &["redis-cli"])));
    let mut flag: Option<Promise> = None;
    for item in items.iter_mut() {
        let Value::String(text) = item else {
            flag = None;
            continue;
        };
        let promised = flag.take();
        if let Some(promise) = promised
            && !text.starts_with('-')
            && let Some(sealed) = named(sealer, promise, text)
        {
            *text = sealed;
            continue;
        }
        if let Some(name) = text.strip_prefix('-') {
            let name = name.trim_start_matches('-');
            if !name.contains(['=', ' ', ':']) {
                flag = names::promise(name);
            }
            if (mysql && name == "p") || (redis && name == "a") {
                flag = Some(Promise::Password);
            } else if mysql
                && text.starts_with("-p")
                && text.len() > 2
                && !values::is_placeholder(&text[2..])
                && !is_token(sealer, &text[2..])
            {
                *text = format!("-p{}", sealer.seal("password", &text[2..]));
            }
        }
    }
    items.iter_mut().try_for_each(|item| seal_value(sealer, item, depth))
}

fn is_command(text: &str, commands: &[&str]) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    commands.contains(&name)
}
