//! Redaction in two stages, so that tools may run in parallel and two runs still give identical bytes.
//!
//! ```text
//! raw text, objects --Sealer (stateless, order-free)--> [secret:jwt@16 hex] --Redactor (one, in order)--> [secret:jwt#3]
//!
//! sealer     seals a text, a JSON value, a Kubernetes object
//! structure  what is secret in an object because of where it stands
//! scan       what is secret in a text: one pass of a multi-literal automaton, small scanners at its hits
//! names      which names promise a secret     values  which values can be one
//! pseudonym  the tokens that stand for secrets, and their numbering
//! ```
//!
//! No regular expressions: every scanner is a bounded walk, and a shared work budget makes the whole linear.
//! Whatever cannot be read through (too big, too deep, too tangled) is an error, and the caller withholds it.

mod base64;
mod names;
mod pseudonym;
mod scan;
mod sealer;
mod structure;
mod values;

pub use pseudonym::{Pseudonyms, Redacted, Redactor};
pub use sealer::{Sealed, Sealer};

/// Redaction failed; what was to be redacted must be withheld.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// A text over the size cap.
    #[error("the text is {bytes} bytes, over the {limit} that can be searched for secrets; ask for less")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The cap.
        limit: usize,
    },
    /// A JSON value nested deeper than any Kubernetes object.
    #[error("the value is nested deeper than {limit} levels")]
    TooDeep {
        /// The cap.
        limit: usize,
    },
    /// A text built so that searching it would take more than linear time.
    #[error("the text cannot be searched for secrets in linear time")]
    TooTangled,
}
