//! Exit codes as an interface, and how failures are told.

use crate::terminal::{Paint, Terminal};
use std::io::Write;
use std::process::ExitCode;

/// How the process ends. The numbers are a contract (ARCHITECTURE.md, invariant 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Answered, or done.
    Answered = 0,
    /// Something failed.
    Failure = 1,
    /// Wrong flags, arguments or configuration.
    Usage = 2,
    /// The answer is `inconclusive`.
    Inconclusive = 3,
    /// A limit ended the investigation.
    Budget = 4,
    /// The cluster, a source or the model endpoint does not answer.
    Unreachable = 5,
    /// Credentials are missing or refused.
    Authentication = 6,
    /// The read-only guard refused.
    Denied = 7,
    /// `--fail-on` and there are findings.
    Findings = 10,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// A failure with its code, its cause and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A reader that went away (`| head`) is not an error.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Code::Answered, "");
        }
        Self::new(Code::Failure, format!("cannot write: {error}"))
    }
}

/// Tells a failure on stderr.
pub(crate) fn report(failure: &Failure, terminal: &Terminal) -> ExitCode {
    if !failure.message.is_empty() {
        let mut stderr = std::io::stderr();
        // Messages hold words of servers; control characters in them must not reach the terminal.
        let message = stethoscope_core::text::sanitize(&failure.message);
        let _ = writeln!(stderr, "{} {}", terminal.err("error:", Paint::Bad), message);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(
                stderr,
                "{} {}",
                terminal.err("hint:", Paint::Title),
                stethoscope_core::text::sanitize(hint)
            );
        }
    }
    failure.code.into()
}

/// Tells a usage error, or prints the help or version that was asked for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        return Code::Usage.into();
    }
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Code::Failure.into(),
        _ => Code::Answered.into(),
    }
}
