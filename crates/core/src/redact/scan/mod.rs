//! Finds secrets in a text: one pass of a multi-literal automaton, and at each hit a small scanner that reads on.
//!
//! A scanner may look a bounded way around its hit; what it reads is counted, and a text that makes the scanners read
//! far more than its own length is refused. So the time is linear in the length, whoever wrote the text.

mod command;
mod header;
mod known;
mod manifest;
mod pair;
mod pem;
mod prose;
mod unescape;
mod url;
mod value;

use super::pseudonym;
use super::{RedactError, Sealer};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use std::sync::LazyLock;

pub(super) use known::kind_of;

/// A change to the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// A secret.
    Seal { start: usize, end: usize, kind: &'static str },
    /// A look-alike of a pseudonym; here it begins.
    Quote { at: usize },
}

/// What a literal starts.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    /// A part of a name that may promise a secret.
    Name,
    /// `://`.
    Url,
    /// `@`, perhaps the end of credentials without a scheme.
    At,
    /// `-----BEGIN `.
    Pem,
    /// The same in base64.
    EncodedPem,
    /// `eyJ`, the start of base64 JSON.
    Jwt,
    /// `bearer`, `basic` in the midst of a text.
    Scheme,
    /// A command that takes a password in a flag of its own.
    Command(command::Command),
    /// `stringData` of a Secret.
    StringData,
    /// `vault login`.
    VaultLogin,
    /// `IDENTIFIED BY`.
    IdentifiedBy,
    /// `sig=` of a shared access signature.
    Signature,
    /// `:5432:`, a line of a .pgpass file.
    PgPass,
    /// `$2b$`, a crypt hash.
    Crypt,
    /// `q~` within an Azure client secret.
    AzureSecret,
    /// The prefix of a provider's token.
    Known(usize),
}

struct Lexicon {
    automaton: Option<AhoCorasick>,
    triggers: Vec<Trigger>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    use command::Command;
    let mut literals: Vec<&str> = Vec::new();
    let mut triggers = Vec::new();
    let mut add = |words: &[&'static str], trigger: Trigger| {
        for word in words {
            literals.push(word);
            triggers.push(trigger);
        }
    };
    add(
        &[
            "pass",
            "pwd",
            "secret",
            "token",
            "key",
            "cred",
            "auth",
            "dsn",
            "salt",
            "pepper",
            "cookie",
            "connection",
            "connstr",
            "conn_str",
            "signature",
            "jwt",
            "_pat",
            "_pw",
            "sessid",
            "sessionid",
            "connect.sid",
            "bearer_",
        ],
        Trigger::Name,
    );
    add(&["://"], Trigger::Url);
    add(&["@"], Trigger::At);
    add(&["-----begin "], Trigger::Pem);
    add(&["ls0tls1crudjti"], Trigger::EncodedPem);
    add(&["eyj"], Trigger::Jwt);
    add(&["bearer ", "basic ", "bearer%20", "basic%20"], Trigger::Scheme);
    add(&["mysql", "mariadb"], Trigger::Command(Command::Mysql));
    add(&["sshpass"], Trigger::Command(Command::Sshpass));
    add(&["redis-cli"], Trigger::Command(Command::RedisCli));
    add(&["curl", "etcdctl", "wget"], Trigger::Command(Command::Curl));
    add(&["vault login "], Trigger::VaultLogin);
    add(&["stringdata"], Trigger::StringData);
    add(
        &["docker login", "podman login", "registry login", "oc login", "skopeo login"],
        Trigger::Command(Command::Login),
    );
    add(&["from-literal"], Trigger::Command(Command::FromLiteral));
    add(&["identified"], Trigger::IdentifiedBy);
    add(&["sig=", "sig%3d"], Trigger::Signature);
    add(&[":5432:", ":*:*:", ":6432:"], Trigger::PgPass);
    add(&["$2a$", "$2b$", "$2y$", "$apr1$", "$6$", "$5$", "$argon2", "$pbkdf2", "$scrypt$"], Trigger::Crypt);
    add(&["q~"], Trigger::AzureSecret);
    for (at, token) in known::TOKENS.iter().enumerate() {
        literals.push(token.prefix);
        triggers.push(Trigger::Known(at));
    }
    let automaton = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(&literals)
        .ok();
    Lexicon { automaton, triggers }
});

/// A text being searched.
pub(super) struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    sealer: &'t Sealer,
    edits: Vec<Edit>,
    /// Up to here everything is decided.
    done: usize,
    /// Up to here names are read.
    named: usize,
    /// Bytes the scanners may still read.
    work: usize,
    /// Regions of Secret manifests already sealed: start, end, column.
    manifest: Option<(usize, usize, usize)>,
    /// An unterminated search that is known to find nothing: byte, from where.
    no_pem_end_after: usize,
}

/// How many levels of escaped text within text are read.
const LEVELS: usize = 4;

/// Finds what is to be changed in a text, in order and without overlaps.
pub(super) fn scan(text: &str, sealer: &Sealer) -> Result<Vec<Edit>, RedactError> {
    scan_level(text, sealer, LEVELS)
}

fn scan_level(text: &str, sealer: &Sealer, levels: usize) -> Result<Vec<Edit>, RedactError> {
    let lexicon = &*LEXICON;
    let Some(automaton) = &lexicon.automaton else {
        return Err(RedactError::TooTangled);
    };
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        sealer,
        edits: Vec::new(),
        done: 0,
        named: 0,
        work: text.len().saturating_mul(64).saturating_add(4 << 20),
        manifest: None,
        no_pem_end_after: usize::MAX,
    };
    for hit in automaton.find_overlapping_iter(text.as_bytes()) {
        if hit.start() < scanner.done {
            continue;
        }
        scanner.at(lexicon.triggers[hit.pattern().as_usize()], hit.start(), hit.end())?;
    }
    if levels > 0
        && let Some(inner) = unescape::peel(text)
    {
        let found = scan_level(&inner.text, sealer, levels - 1)?;
        scanner.edits.extend(found.into_iter().filter_map(|edit| inner.map_back(edit, text)));
    }
    Ok(scanner.finish())
}

impl Scanner<'_> {
    fn at(&mut self, trigger: Trigger, start: usize, end: usize) -> Result<(), RedactError> {
        match trigger {
            Trigger::Name => self.name(start, end),
            Trigger::Url => self.url(start),
            Trigger::At => self.bare_credentials(start),
            Trigger::Pem => self.pem(start),
            Trigger::EncodedPem => self.encoded_pem(start),
            Trigger::Jwt => self.jwt(start),
            Trigger::Scheme => self.scheme(start, end),
            Trigger::Command(command) => self.command(command, start, end),
            Trigger::StringData => self.string_data(start, end),
            Trigger::VaultLogin => self.vault_login(end),
            Trigger::IdentifiedBy => self.identified_by(end),
            Trigger::Signature => self.signature(start, end),
            Trigger::PgPass => self.pgpass(start, end),
            Trigger::Crypt => self.crypt(start),
            Trigger::AzureSecret => self.azure_secret(start),
            Trigger::Known(at) => self.known(at, start, end),
        }
    }

    /// Counts bytes read by a scanner.
    fn spend(&mut self, bytes: usize) -> Result<(), RedactError> {
        match self.work.checked_sub(bytes) {
            Some(left) => {
                self.work = left;
                Ok(())
            }
            None => Err(RedactError::TooTangled),
        }
    }

    /// Marks a secret, unless nothing is in it. A token of ours stays as it is.
    fn seal(&mut self, start: usize, end: usize, kind: &'static str) {
        if start >= end || self.genuine_token(start).is_some_and(|len| start + len >= end) {
            return;
        }
        self.edits.push(Edit::Seal { start, end, kind });
        self.done = self.done.max(end);
    }

    /// The length of a genuine token that begins here.
    fn genuine_token(&self, at: usize) -> Option<usize> {
        if self.bytes.get(at) != Some(&b'[') {
            return None;
        }
        pseudonym::parse(&self.text[at..])
            .filter(|token| self.sealer.is_genuine(token))
            .map(|token| token.len)
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// Where a run of bytes that fit ends, at most `limit` bytes on.
    fn run(&self, from: usize, limit: usize, fits: impl Fn(u8) -> bool) -> usize {
        let stop = from.saturating_add(limit).min(self.bytes.len());
        self.bytes[from.min(stop)..stop].iter().position(|b| !fits(*b)).map_or(stop, |len| from + len)
    }

    /// Where a run of bytes that fit begins, at most `limit` bytes back.
    fn run_back(&self, from: usize, limit: usize, fits: impl Fn(u8) -> bool) -> usize {
        let mut at = from;
        let stop = from.saturating_sub(limit);
        while at > stop && fits(self.bytes[at - 1]) {
            at -= 1;
        }
        at
    }

    fn line_start(&self, at: usize) -> usize {
        self.bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.bytes[at..].iter().position(|b| *b == b'\n').map_or(self.bytes.len(), |len| at + len)
    }

    /// A char boundary at or before a byte.
    fn boundary(&self, mut at: usize) -> usize {
        at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Whether a word can begin here: after punctuation, an escaped `\n`, or a percent escape.
    fn word_begins(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).map(|at| self.bytes[at]) else {
            return true;
        };
        if !before.is_ascii_alphanumeric() && before != b'_' {
            return true;
        }
        let back = |n: usize| at.checked_sub(n).map_or(0, |at| self.bytes[at]);
        (matches!(before, b'n' | b't' | b'r') && back(2) == b'\\')
            || (before.is_ascii_hexdigit() && back(2).is_ascii_hexdigit() && back(3) == b'%')
    }

    /// Sorts the edits and joins those that overlap.
    fn finish(self) -> Vec<Edit> {
        let mut edits = self.edits;
        edits.sort_by_key(|edit| match *edit {
            Edit::Seal { start, end, .. } => (start, usize::MAX - end),
            Edit::Quote { at } => (at, 0),
        });
        let mut joined: Vec<Edit> = Vec::with_capacity(edits.len());
        for edit in edits {
            let (at, until) = match edit {
                Edit::Seal { start, end, .. } => (start, end),
                Edit::Quote { at } => (at, at + pseudonym::OPEN.len()),
            };
            match joined.last_mut() {
                Some(Edit::Seal { end, .. }) if at < *end => *end = until.max(*end),
                Some(Edit::Quote { at: quoted }) if at < *quoted + pseudonym::OPEN.len() => {}
                _ => joined.push(edit),
            }
        }
        joined
    }
}
