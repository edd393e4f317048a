//! Error signatures in application logs.
//!
//! Words come from the runtimes and drivers themselves: Go `net`, Java `java.net` and Connector/J, Node `libuv`, Python
//! `socket`, .NET, gRPC, StackExchange.Redis, librdkafka and the Kafka clients, RabbitMQ, MongoDB, MySQL and PostgreSQL
//! server messages, nginx, Envoy's response flags, Liquibase, Flyway, golang-migrate, Rails, Django, Prisma.

use super::envoy::{self, Verdict};

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
    /// The binary is built for another processor.
    ForeignBinary,
    /// A setting is not in the environment.
    EnvironmentMissing,
    /// A migration waits for a lock.
    MigrationLocked,
    /// Tables or columns that the program expects are not there.
    SchemaBehind,
    /// The broker knows no such topic, queue or exchange.
    TopicMissing,
    /// A topic's partition or a consumer group has no leader.
    NoLeader,
    /// A name does not resolve.
    NameUnresolved,
    /// A TLS handshake fails.
    Tls,
    /// Nobody listens, or nobody answers.
    Unreachable,
    /// The process ran out of memory by its own account.
    OutOfMemory,
    /// The file system is full.
    DiskFull,
    /// The file system can't be written by design.
    ReadOnlyFileSystem,
    /// A peer takes no more work: circuit breaker, quota, rate limit.
    Overloaded,
    /// A peer wants other rights or credentials.
    Denied,
    /// A proxy has no route for the request.
    NoRoute,
    /// A peer ended an established connection.
    Reset,
    /// A peer answers with a server error.
    PeerFails,
}

/// Words that decide, most telling first. Matched without regard to case; pieces around `…` must follow one another.
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
            "sasl authentication failed",
            "mongoservererror: authentication failed",
            "exception authenticating mongocredential",
            "bad auth : authentication failed",
            "unable to authenticate using mechanism",
            "access_refused - login was refused",
            "saslauthenticationexception",
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
            "queuepool limit of size … reached",
            "connection is not available, request timed out after",
            "timeout expired.  the timeout period elapsed prior to obtaining a connection from the pool",
            "no more connections allowed",
        ],
    ),
    (
        Signature::ReadOnlyDatabase,
        &[
            "--read-only option",
            "--super-read-only option",
            "super_read_only",
            "in a read-only transaction",
            "readonly you can't write against a read only",
            "database is read only",
            "attempt to write a readonly database",
            "notwritableprimary",
            "not master and slaveok=false",
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
    (Signature::ForeignBinary, &["exec format error", "cannot execute binary file"]),
    (
        Signature::EnvironmentMissing,
        &[
            "environment variable … not set",
            "environment variable … is required",
            "environment variable … missing",
            "environment variable … must be set",
            "environment variable not found",
            "environment variable … undefined",
            "missing required environment variable",
            "missing environment variable",
            "missing env var",
            "required environment variable",
            "env var … not set",
            "required key … missing value",
            "could not resolve placeholder",
            "validation error for settings",
            "validation errors for settings",
            "unbound variable",
            "connectionstring property has not been initialized",
            "password option is not specified",
            "superuser password is not specified",
        ],
    ),
    (
        Signature::MigrationLocked,
        &[
            "waiting for changelog lock",
            "could not acquire change log lock",
            "migration table is already locked",
            "can't acquire database lock",
            "can't acquire lock",
            "dirty database version",
            "unable to obtain table-level lock",
            "unable to obtain postgresql advisory lock",
            "failed to acquire postgresql application advisory lock",
        ],
    ),
    (
        Signature::SchemaBehind,
        &[
            "pendingmigrationerror",
            "migrations are pending",
            "pending migration",
            "unapplied migration",
            "migrations have not yet been applied",
            "relation \" … \" does not exist",
            "column \" … \" does not exist",
            "column … does not exist",
            "table ' … ' doesn't exist",
            "unknown column",
            "no such table",
            "no such column",
            "schema-validation: missing",
            "the table … does not exist in the current database",
        ],
    ),
    (
        Signature::TopicMissing,
        &[
            "unknown_topic_or_partition",
            "unknowntopicorpartition",
            "does not host this topic-partition",
            "unknown topic or partition",
            "not present in metadata after",
            "not_found - no queue",
            "not_found - no exchange",
        ],
    ),
    (
        Signature::NoLeader,
        &[
            "not_leader_or_follower",
            "not_leader_for_partition",
            "notleaderorfollower",
            "leader_not_available",
            "there is no leader for this topic-partition",
            "not the leader for that topic-partition",
            "not_enough_replicas",
            "fewer in-sync replicas than required",
            "coordinator is not available",
            "group coordinator … is unavailable or invalid",
            "replicasetnoprimary",
            "no primary available for writes",
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
            "could not translate host name",
            "no address associated with hostname",
            "failed to lookup address information",
            "couldn't resolve server",
            "no resolvable bootstrap urls",
            "could not be resolved (3: host not found)",
        ],
    ),
    (
        Signature::Tls,
        &[
            "x509: ",
            "certificate verify failed",
            "sslhandshakeexception",
            "certificate has expired",
            "tls handshake error",
            "err_cert_",
            "unable to verify the first certificate",
            "self-signed certificate",
            "self signed certificate",
            "pkix path building failed",
            "remote certificate is invalid",
            "tls: failed to verify",
            "ssl_do_handshake() failed",
            "ssl handshake failed",
            "tls_error:",
        ],
    ),
    (
        Signature::Unreachable,
        &[
            "connection refused",
            "econnrefused",
            "connection timed out",
            "connection to … refused",
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
            "upstream timed out",
            "no live upstreams",
            "can't connect to mysql server",
            "can't connect to local mysql server",
            "actively refused it",
            "server selection timeout",
            "server selection error",
            "serverselectiontimeouterror",
            "mongonetworktimeouterror",
            "connection to node … could not be established",
            "bootstrap broker … disconnected",
            "broker transport failure",
            "read timed out",
            "connecttimeout",
            "readtimeout",
            "request timed out",
            "context deadline exceeded",
            "deadline_exceeded",
            "code = deadlineexceeded",
            "code = unavailable",
            "statuscode.unavailable",
            "14 unavailable",
            "status=unavailable",
            "unavailable: io exception",
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
            "fatal error: runtime: out of memory",
            "system.outofmemoryexception",
        ],
    ),
    (
        Signature::DiskFull,
        &["no space left on device", "enospc", "disk quota exceeded", "disk is full", "low on disk"],
    ),
    (Signature::ReadOnlyFileSystem, &["read-only file system", "erofs"]),
    (
        Signature::Overloaded,
        &[
            "resource_exhausted",
            "code = resourceexhausted",
            "429 too many requests",
            "status code 429",
            "upstream_overflow",
            "memory resource limit alarm",
            "circuit breaker … open",
            "circuitbreaker … is open",
        ],
    ),
    (
        Signature::Denied,
        &[
            "code = unauthenticated",
            "16 unauthenticated",
            "code = permissiondenied",
            "7 permission_denied",
            "401 unauthorized",
            "403 forbidden",
            "topicauthorizationexception",
            "topic_authorization_failed",
        ],
    ),
    (Signature::NoRoute, &["route_not_found"]),
    (
        Signature::Reset,
        &[
            "connection reset",
            "econnreset",
            "broken pipe",
            "epipe",
            "socket hang up",
            "unexpected eof",
            "server closed the connection unexpectedly",
            "prematurely closed connection",
            "terminating connection due to administrator command",
            "remote end closed connection",
            "server has gone away",
            "lost connection to mysql server",
            "forcibly closed by the remote host",
            "upstream_reset",
        ],
    ),
    (
        Signature::PeerFails,
        &[
            "500 internal server error",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway time",
            "status code 500",
            "status code 502",
            "status code 503",
            "status code 504",
            "responded with status 5",
            "code = internal",
            "13 internal:",
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
    match envoy::verdict(line) {
        Verdict::Failed(signature) => return Some(signature),
        Verdict::CallersOwn => return None,
        Verdict::NoFlags => {}
    }
    if clients_left(&lower) {
        return None;
    }
    let harmless = harmless(&lower);
    let about_setup =
        |signature| matches!(signature, Signature::SchemaBehind | Signature::EnvironmentMissing);
    WORDS
        .iter()
        .filter(|(signature, _)| !(harmless && about_setup(*signature)))
        .find(|(_, words)| words.iter().any(|words| says(&lower, words)))
        .map(|(signature, _)| *signature)
        .or_else(|| (!harmless && missing_key(line)).then_some(Signature::EnvironmentMissing))
}

/// Go's `net/http` on clients that hang up in a handshake, as probes and scanners of ports do.
fn clients_left(lower: &str) -> bool {
    lower
        .split_once("tls handshake error from ")
        .is_some_and(|(_, why)| why.contains("eof") || why.contains("reset"))
}

/// Words of a line that says all is well, or that the program goes on without what it misses.
const HARMLESS: &[&str] = &[
    "no pending",
    "0 pending",
    "no unapplied",
    "0 unapplied",
    "no migrations",
    "0 migrations",
    "using default",
    "using the default",
    "defaulting",
    "falling back",
];

/// Whether one of these stands at the beginning of a word: `10 pending` is not `0 pending`.
fn harmless(lower: &str) -> bool {
    let begins =
        |at: usize| !at.checked_sub(1).is_some_and(|before| lower.as_bytes()[before].is_ascii_alphanumeric());
    HARMLESS.iter().any(|words| lower.match_indices(words).any(|(at, _)| begins(at)))
}

/// Whether the pieces of the words follow one another in the line.
fn says(lower: &str, words: &str) -> bool {
    let mut rest = lower;
    words.split(" … ").all(|piece| match rest.split_once(piece) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// Python's `KeyError: 'DATABASE_URL'`: a name in capitals is one of the environment, any other a fault of the program.
fn missing_key(line: &str) -> bool {
    let Some((_, rest)) = line.split_once("KeyError: '") else { return false };
    let name = rest.split('\'').next().unwrap_or_default();
    name.len() >= 4
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && name.contains('_')
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

    #[test]
    fn a_host_is_a_word_of_its_own() {
        assert!(mentions("dial tcp: lookup cart on 10.0.0.10:53", "cart"));
        assert!(mentions("http://cart:80/x", "cart"));
        assert!(!mentions("dial cart-db:80", "cart"));
        assert!(!mentions("mycart failed", "cart"));
    }

    #[test]
    fn pieces_follow_one_another() {
        assert!(says("environment variable a is not set", "environment variable … not set"));
        assert!(!says("not set: environment variable a", "environment variable … not set"));
    }
}
