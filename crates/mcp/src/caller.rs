//! Who calls, and as whom the cluster is asked on their behalf.

use std::fmt;
use std::sync::Arc;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// For the audit log, and what separates one caller's evidence from another's: `local`, `bearer`, or a token's
    /// issuer and subject.
    pub name: String,
    /// What they may use.
    pub scopes: Vec<Scope>,
    /// As whom the cluster is asked.
    pub identity: Identity,
}

/// What a caller may use. A token that carries none may use nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Single tools, resources, prompts.
    Read,
    /// The whole agent.
    Investigate,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::Read, Self::Investigate];

    /// As it stands in a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "stethoscope:read",
            Self::Investigate => "stethoscope:investigate",
        }
    }
}

/// As whom the cluster is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Identity {
    /// As the server itself.
    #[default]
    Server,
    /// As the caller, by impersonation: the server's own account needs the verb `impersonate`.
    Impersonate {
        /// User name.
        user: String,
        /// Groups.
        groups: Vec<String>,
    },
    /// With the caller's own token, which the API server must accept.
    Token(Secret),
}

/// A secret that no log and no message shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps it.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its words, for the one place that needs them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Caller {
    /// The person at the other end of a pipe, or on this machine.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), scopes: Scope::ALL.to_vec(), identity: Identity::Server }
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
