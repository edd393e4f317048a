//! Error signatures in application logs.
//!
//! Words come from the runtimes and drivers themselves: Go `net`, Java `java.net` and MySQL Connector/J, Node `libuv`,
//! Python `socket`, .NET, gRPC, StackExchange.Redis, MySQL and PostgreSQL server messages.

/// What a log line says went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signature {
    /// The database refuses user or password.
    CredentialsRefused,
    /// The database has no connection left.
    ConnectionsExhausted,
    /// The database takes no writes.
    ReadOnlyDatabase,
    /// A port is already bound.
    AddressInUse,
    /// A name does not resolve.
    NameUnresolved,
    /// Nobody listens, or nobody answers.
    Unreachable,
    /// The process ran out of memory by its own account.
    OutOfMemory,
    /// The file system is full.
    DiskFull,
    /// A TLS handshake fails.
    Tls,
}

/// Words that decide, most telling first. Matched without regard to case.
const WORDS: &[(Signature, &[&str])] = &[
    (
        Signature::CredentialsRefused,
        &[
            "access denied for user",
            "password authentication failed",
            "wrongpass ",
            "noauth authentication required",
            "authentication failed for user",
            "login failed for user",
            "err invalid password",
            "scram authentication failed",
        ],
    ),
    (
        Signature::ConnectionsExhausted,
        &[
            "too many connections",
            "sorry, too many clients already",
            "remaining connection slots are reserved",
            "max number of clients reached",
            "max_user_connections",
        ],
    ),
    (
        Signature::ReadOnlyDatabase,
        &[
            "--read-only option",
            "--super-read-only option",
            "super_read_only",
            "cannot execute insert in a read-only transaction",
            "cannot execute update in a read-only transaction",
            "cannot execute delete in a read-only transaction",
            "readonly you can't write against a read only",
            "database is read only",
            "attempt to write a readonly database",
        ],
    ),
    (
        Signature::AddressInUse,
        &[
            "address already in use",
            "eaddrinuse",
            "address in use",
            "port is already allocated",
            "bind: address already",
            "was already in use",
        ],
    ),
    (
        Signature::NameUnresolved,
        &[
            "no such host",
            "unknownhostexception",
            "name or service not known",
            "temporary failure in name resolution",
            "getaddrinfo enotfound",
            "getaddrinfo eai_again",
            "could not resolve host",
            "name resolution failure",
            "nodename nor servname provided",
            "dns resolution failed",
            "server misbehaving",
            "host not found in upstream",
            "produced zero addresses",
            "domain name not found",
        ],
    ),
    (
        Signature::Unreachable,
        &[
            "connection refused",
            "econnrefused",
            "connection timed out",
            "etimedout",
            "connect timed out",
            "timed out after",
            "i/o timeout",
            "no route to host",
            "ehostunreach",
            "failed to connect to all addresses",
            "communications link failure",
            "unabletoconnect",
            "it was not possible to connect",
            "could not connect to",
            "upstream connect error",
            "no healthy upstream",
            "connection error: desc",
        ],
    ),
    (
        Signature::OutOfMemory,
        &[
            "outofmemoryerror",
            "javascript heap out of memory",
            "memoryerror",
            "cannot allocate memory",
            "std::bad_alloc",
        ],
    ),
    (Signature::DiskFull, &["no space left on device", "enospc", "disk quota exceeded"]),
    (
        Signature::Tls,
        &[
            "x509: ",
            "certificate verify failed",
            "sslhandshakeexception",
            "certificate has expired",
            "tls handshake error",
        ],
    ),
];

/// The newest line of each signature in a log.
pub(crate) fn newest(text: &str) -> Vec<(Signature, &str)> {
    let mut found: Vec<(Signature, &str)> = Vec::new();
    for line in text.lines().rev() {
        if let Some(signature) = of(line)
            && !found.iter().any(|(known, _)| *known == signature)
        {
            found.push((signature, super::shortened(line)));
        }
    }
    found
}

/// What one line says.
pub(crate) fn of(line: &str) -> Option<Signature> {
    let lower = line.to_ascii_lowercase();
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| lower.contains(word)))
        .map(|(signature, _)| *signature)
}

/// Whether a host of the cluster, e.g. a Service's name, stands in the line as a word of its own.
pub(crate) fn mentions(line: &str, host: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    line.match_indices(host).any(|(at, _)| {
        let before = at.checked_sub(1).map(|at| line.as_bytes()[at]);
        let after = line.as_bytes().get(at + host.len()).copied();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn reads_the_words_of_many_runtimes() {
        let cases = [
            (
                "java.sql.SQLException: Access denied for user 'root'@'10.0.0.1' (using password: YES)",
                Some(Signature::CredentialsRefused),
            ),
            ("FATAL: sorry, too many clients already", Some(Signature::ConnectionsExhausted)),
            (
                "The MySQL server is running with the --read-only option so it cannot execute this statement",
                Some(Signature::ReadOnlyDatabase),
            ),
            ("listen tcp :8080: bind: address already in use", Some(Signature::AddressInUse)),
            ("Error: getaddrinfo ENOTFOUND cart", Some(Signature::NameUnresolved)),
            ("dial tcp 10.96.0.5:6379: connect: connection refused", Some(Signature::Unreachable)),
            ("all is well", None),
        ];
        for (line, expected) in cases {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn a_host_is_a_word_of_its_own() {
        assert!(mentions("dial tcp: lookup cart on 10.0.0.10:53", "cart"));
        assert!(mentions("http://cart:80/x", "cart"));
        assert!(!mentions("dial cart-db:80", "cart"));
        assert!(!mentions("mycart failed", "cart"));
    }
}
