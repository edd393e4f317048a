//! Which values can be a secret: not a placeholder, a flag, a number, a path or the name of an object.

use super::base64;
use super::names::Promise;

/// Whether a value that stands under a name with this promise is a secret.
pub(super) fn is_secret(value: &str, promise: Promise) -> bool {
    let value = value.trim();
    if value.len() > 256 {
        // No placeholder, path or number is this long; a long readable text under such a name is scanned by itself.
        return match promise {
            Promise::IfRandom(_) => looks_random(value),
            Promise::Connection => !has_structure(value),
            _ => !starts_with_scheme(value),
        };
    }
    if !value.bytes().any(|b| b.is_ascii_alphanumeric() || b >= 0x80)
        || is_placeholder(value)
        || is_literal(value)
    {
        return false;
    }
    if is_quantity(value) {
        return promise == Promise::Password && value.len() >= 4 && value.bytes().all(|b| b.is_ascii_digit());
    }
    if is_path(value) || starts_with_scheme(value) {
        return false;
    }
    match promise {
        Promise::Password | Promise::Secret(_) | Promise::Cookie => true,
        Promise::Reference(_) => !is_reference(value),
        Promise::IfRandom("auth") => looks_random(value) || is_basic(value),
        Promise::IfRandom(_) => looks_random(value),
        Promise::Authorization => value.len() >= 12 && !value.contains(' ') && looks_random_enough(value),
        Promise::Connection => !has_structure(value),
    }
}

/// `${DB_PASSWORD}`, `$(TOKEN)`, `{{ .Values.token }}`, `<set to the key …>`, `****`, `xxxxx`, `[REDACTED]`, `%s`.
pub(super) fn is_placeholder(value: &str) -> bool {
    let wrapped = |open: &str, close: &str| {
        value.len() > open.len() + close.len() && value.starts_with(open) && value.ends_with(close)
    };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-.,:'\"|/".contains(&b));
    if value.starts_with("<set to the key") || value.starts_with("<set") {
        return true;
    }
    if (wrapped("${", "}") || wrapped("$(", ")") || wrapped("<", ">") || wrapped("(", ")"))
        && value.len() <= 64
        && plain(&value[value.len().min(2)..value.len() - 1])
    {
        return !looks_random(&value[1..value.len() - 1]) && !value.contains(":-");
    }
    if wrapped("{{", "}}")
        || wrapped("<%", "%>")
        || wrapped("@@", "@@")
        || wrapped("[", "]") && is_masked_word(&value[1..value.len() - 1])
    {
        return true;
    }
    if value.len() <= 64
        && let Some(variable) = value.strip_prefix('$')
        && variable.bytes().next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_')
        && variable.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    {
        return true;
    }
    if matches!(value, "%s" | "%v" | "%q" | "%d" | "{}" | "?" | ":password" | "..." | "…") {
        return true;
    }
    let mut bytes = value.bytes();
    let first = bytes.next().unwrap_or(b'*');
    matches!(first, b'*' | b'x' | b'X' | b'#' | b'.' | b'-') && bytes.all(|b| b == first)
        || is_masked_word(value)
}

fn is_masked_word(value: &str) -> bool {
    [
        "redacted",
        "hidden",
        "masked",
        "removed",
        "omitted",
        "sensitive",
        "filtered",
        "secret removed",
        "marker removed",
    ]
    .iter()
    .any(|word| value.trim_matches(|c: char| !c.is_ascii_alphabetic()).eq_ignore_ascii_case(word))
}

/// Words of configuration and of schemas that say there is no secret here.
fn is_literal(value: &str) -> bool {
    const LITERALS: &[&str] = &[
        "true",
        "false",
        "null",
        "nil",
        "<nil>",
        "none",
        "<none>",
        "<unset>",
        "<set>",
        "undefined",
        "unset",
        "n/a",
        "yes",
        "no",
        "on",
        "off",
        "enabled",
        "disabled",
        "required",
        "optional",
        "string",
        "strings",
        "bytes",
        "object",
        "boolean",
        "bool",
        "integer",
        "array",
        "auto",
        "unknown",
        "empty",
        "string(nil)",
        "todo",
    ];
    LITERALS.iter().any(|literal| value.eq_ignore_ascii_case(literal))
        || value.strip_suffix(" bytes").is_some_and(|count| count.bytes().all(|b| b.is_ascii_digit()))
}

/// A number, a duration, a size, a time: `512`, `3600s`, `10Mi`, `1.5`, `2026-01-02T03:04:05Z`.
fn is_quantity(value: &str) -> bool {
    let digits = value.trim_start_matches(['-', '+']);
    let number = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
    if number.len() == digits.len() {
        return false;
    }
    matches!(
        number,
        "" | "s"
            | "ms"
            | "m"
            | "h"
            | "d"
            | "Mi"
            | "Gi"
            | "Ki"
            | "M"
            | "G"
            | "k"
            | "%"
            | "B"
            | "kB"
            | "MB"
            | "us"
            | "µs"
            | "ns"
    ) || (value.len() >= 10
        && value.as_bytes()[4] == b'-'
        && value.bytes().all(|b| b.is_ascii_digit() || b"-:TZ.+".contains(&b)))
}

/// An absolute or relative file path in readable words.
pub(super) fn is_path(value: &str) -> bool {
    let Some(rest) = ["/", "./", "../", "~/", "C:\\"].iter().find_map(|start| value.strip_prefix(start))
    else {
        return false;
    };
    !rest.is_empty()
        && rest.split(['/', '\\']).all(|part| {
            part.len() <= 64
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@:*".contains(&b))
                && !mixes(part)
        })
}

/// Upper case, lower case and digits together: hardly a word.
fn mixes(part: &str) -> bool {
    part.bytes().any(|b| b.is_ascii_uppercase())
        && part.bytes().any(|b| b.is_ascii_lowercase())
        && part.bytes().any(|b| b.is_ascii_digit())
}

/// A URL, whose credentials have their own scanner.
pub(super) fn starts_with_scheme(value: &str) -> bool {
    let value = value.strip_prefix("jdbc:").unwrap_or(value);
    value.find("://").is_some_and(|at| {
        at > 0 && at <= 20 && value.bytes().take(at).all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    })
}

/// A connection string in which other scanners find what is secret.
fn has_structure(value: &str) -> bool {
    starts_with_scheme(value) || value.contains('=') || value.contains('@') || is_reference(value)
}

/// The name of an object, with or without its namespace: `shop/db-credentials`, `tls-cert-2`, `default-token-x7k2p`.
pub(super) fn is_reference(value: &str) -> bool {
    if matches!(
        value,
        "default" | "opaque" | "Opaque" | "secret" | "secrets" | "Secret" | "Secrets" | "credentials"
    ) {
        return true;
    }
    let (mut parts, mut words) = (0, 0);
    let last = value.split(['-', '.', '/', '_']).count();
    for part in value.split(['-', '.', '/', '_']) {
        parts += 1;
        let letters = part.bytes().all(|b| b.is_ascii_lowercase());
        let digits = part.bytes().all(|b| b.is_ascii_digit()) && part.len() <= 4;
        let versioned = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbered = !versioned.is_empty()
            && part.len() - versioned.len() <= 2
            && versioned.bytes().all(|b| b.is_ascii_lowercase());
        let suffix = parts == last
            && parts > 1
            && part.len() <= 10
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if part.is_empty() || !(letters || digits || numbered || suffix) {
            return false;
        }
        words += usize::from(letters && part.len() >= 2 && part.len() <= 20);
    }
    parts > 1 && words > 0
}

/// Long, without spaces, letters and digits mixed, not a UUID, an object's name, an image, an ARN or an address.
pub(super) fn looks_random(value: &str) -> bool {
    value.len() >= 16 && looks_random_enough(value)
}

fn looks_random_enough(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*".contains(&b))
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && !is_uuid(value)
        && !is_reference(value)
        && !is_path(value)
        && !is_dns_name(value)
}

/// Lower case labels with a dot: host names, images, API groups.
fn is_dns_name(value: &str) -> bool {
    let labels = value.split(['.', '/', '@']);
    value.contains('.')
        && labels.clone().count() >= 2
        && labels.clone().all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        })
        && labels.clone().all(|label| label.len() < 24 || label.contains('-'))
}

pub(super) fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Base64 of `user:password`.
pub(super) fn is_basic(value: &str) -> bool {
    value.len() >= 4
        && base64::decode_text(value).is_some_and(|text| {
            text.split_once(':').is_some_and(|(user, password)| {
                !user.is_empty() && !password.is_empty() && !user.contains(char::is_whitespace)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_only_stands_for_a_secret() {
        for value in [
            "",
            "true",
            "null",
            "****",
            "xxxxx",
            "${DB_PASSWORD}",
            "$(DB_PASSWORD)",
            "$DB_PASSWORD",
            "{{ .Values.db.password }}",
            "<set to the key 'password' in secret 'db'>",
            "[REDACTED]",
            "/var/run/secrets/db/password",
            "https://a.b/c",
            "12 bytes",
            "30s",
            "<token>",
            "%s",
            "512Mi",
            "2026-01-02T03:04:05Z",
            "<redacted>",
        ] {
            assert!(!is_secret(value, Promise::Password), "{value}");
        }
        for value in ["hunter2", "123456", "correct horse", "/9j4AAQskZJRg", "${A}b-c", "p", "a-b-c"] {
            assert!(is_secret(value, Promise::Password), "{value}");
        }
    }

    #[test]
    fn tells_the_name_of_a_secret_from_the_secret() {
        for value in [
            "db-credentials",
            "shop/db-credentials",
            "tls-cert-2",
            "default-token-x7k2p",
            "grafana.ini",
            "default",
        ] {
            assert!(!is_secret(value, Promise::Reference("secret")), "{value}");
        }
        for value in ["hunter2", "Tr0ub4dor&3", "admin:hunter2", "9f86d081884c7d65", "letmein"] {
            assert!(is_secret(value, Promise::Reference("secret")), "{value}");
        }
    }
}
