//! Whom a log line is about: the host and port that a driver or client names when it fails.

/// A host as it stands in a line, and its port where it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: Option<i64>,
}

/// Words right before a name that does not resolve or a host that does not answer, matched without regard to case.
const BEFORE: &[&str] = &[
    "getaddrinfo enotfound ",
    "getaddrinfo eai_again ",
    "unknownhostexception: ",
    "could not resolve host: ",
    "could not translate host name \"",
    "host not found in upstream \"",
    "couldn't resolve server ",
    ": lookup ",
    "connection to server at \"",
    "can't connect to mysql server on '",
    "connection to node -1 (",
    "connecting to ",
    "could not connect to redis at ",
    "connect econnrefused ",
    "connect etimedout ",
    "connect ehostunreach ",
    "read econnreset ",
    "httpconnectionpool(host='",
    "httpsconnectionpool(host='",
    "connect to ",
    "connection to ",
    "addr: ",
    "address: ",
    "host=",
    "server ",
];

/// Endings of source files, which logs write as `main.go:42`.
const SOURCES: &[&str] = &[
    ".go", ".py", ".js", ".ts", ".mjs", ".java", ".rs", ".rb", ".cs", ".c", ".cc", ".cpp", ".h", ".php",
    ".kt", ".scala", ".ex", ".lua",
];

/// The host that the line blames, if it names one.
pub(crate) fn of(line: &str) -> Option<Target> {
    envoy_cluster(line)
        .or_else(|| looked_up(line))
        .or_else(|| url(line))
        .or_else(|| after_arrow(line))
        .or_else(|| after_words(line))
        .or_else(|| any_pair(line))
}

/// Go's `lookup cart on 10.96.0.10:53: no such host`: the name, not the server that was asked. A URL before it tells more.
fn looked_up(line: &str) -> Option<Target> {
    let (before, rest) = line.split_once("lookup ")?;
    let (name, _) = rest.split_once(" on ")?;
    let named = target(name).filter(|found| found.host.len() == name.trim_end_matches('.').len());
    named.filter(|_| !before.contains("://"))
}

/// `outbound|8080||orders.shop.svc.cluster.local`, Istio's name of an upstream cluster.
fn envoy_cluster(line: &str) -> Option<Target> {
    let (_, rest) = line.split_once("outbound|")?;
    let mut parts = rest.split('|');
    let port = parts.next()?.parse().ok();
    let host: String = parts.nth(1)?.chars().take_while(|c| part_of_host(*c)).collect();
    is_host(&host).then_some(Target { host, port })
}

/// The first URL that is not a page's address in an nginx line.
fn url(line: &str) -> Option<Target> {
    let line = line.split_once("upstream: \"").map_or(line, |(_, rest)| rest);
    line.match_indices("://").find_map(|(at, mark)| {
        if line[..at].ends_with("referrer: \"http") || line[..at].ends_with("referrer: \"https") {
            return None;
        }
        let rest = &line[at + mark.len()..];
        let end = rest
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | ',' | ')' | '>' | '`' | '\\')
            })
            .unwrap_or(rest.len());
        let authority = rest[..end].rsplit('@').next()?;
        target(authority)
    })
}

/// Go's `read tcp 10.1.0.3:51234->10.96.3.4:5432: read: connection reset by peer`: the far end.
fn after_arrow(line: &str) -> Option<Target> {
    let (_, rest) = line.split_once("->")?;
    target(rest)
}

fn after_words(line: &str) -> Option<Target> {
    let lower = line.to_ascii_lowercase();
    BEFORE.iter().find_map(|before| {
        let at = lower.find(before)? + before.len();
        let rest = line[at..].trim_start_matches(['\'', '"', '(', '[', ' ', '/']);
        let mut found = target(rest)?;
        let named = found.host.contains(['.', '-']) || found.port.is_some() || exact(before);
        if found.port.is_none() {
            found.port = port_beside(&line[at..]);
        }
        (named || found.port.is_some()).then_some(found)
    })
}

/// Words after which a bare word is certainly a host.
fn exact(before: &str) -> bool {
    before.starts_with("getaddrinfo")
        || before.ends_with(['"', '\''])
        || matches!(before, "unknownhostexception: " | "could not resolve host: " | ": lookup ")
}

/// `port 5432` or `port=8080` after a host.
fn port_beside(rest: &str) -> Option<i64> {
    let (_, after) = rest.split_once("port=").or_else(|| rest.split_once("port "))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|port| (1..=65535).contains(port))
}

/// The first `host:port` of the line.
fn any_pair(line: &str) -> Option<Target> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | '[' | ']' | ',' | ';' | '=')
    })
    .map(|word| word.trim_start_matches("ipv4:"))
    .find_map(|word| {
        let authority = word.split('/').next().unwrap_or(word);
        let lower = !authority.bytes().any(|byte| byte.is_ascii_uppercase());
        target(word).filter(|found| lower && found.port.is_some())
    })
}

/// `host[:port]` at the beginning of the text.
fn target(text: &str) -> Option<Target> {
    let host: String = text.chars().take_while(|c| part_of_host(*c)).collect();
    if !is_host(&host) {
        return None;
    }
    let rest = &text[host.len()..];
    // Kafka and Java write `name/address:port`.
    let rest = rest
        .strip_prefix('/')
        .map_or(rest, |address| address.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    let digits: String =
        rest.strip_prefix(':').unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    let port = digits.parse().ok().filter(|port| (1..=65535).contains(port));
    let address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let host = host.trim_end_matches('.').to_owned();
    // A time of day is no address, and a place in a program's source is no host.
    let source = SOURCES.iter().any(|ending| host.ends_with(ending));
    (!source && (!address || host.split('.').count() == 4)).then_some(Target { host, port })
}

fn part_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.')
}

fn is_host(text: &str) -> bool {
    let text = text.trim_end_matches('.');
    !text.is_empty()
        && text.len() <= 253
        && !matches!(text, "localhost" | "127.0.0.1" | "0.0.0.0" | "http" | "https" | "tcp" | "udp")
        && text.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && !text.contains("..")
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
