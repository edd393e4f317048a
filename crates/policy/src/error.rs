//! Errors.

use thiserror::Error;

/// Why an object is no policy. Parts that can't be read are [`Problem`](crate::Problem)s of the policy instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Not a JSON object.
    #[error("a policy is a JSON object, and this is not one")]
    NotAnObject,
    /// Of a kind that is not understood.
    #[error("{kind} of {api_version} is no policy kind that is understood")]
    UnknownKind {
        /// `kind`, or empty.
        kind: String,
        /// `apiVersion`, or empty.
        api_version: String,
    },
    /// Without `metadata.name`, or without a namespace where its kind has one.
    #[error("{kind} has no metadata.{field}")]
    Nameless {
        /// Its kind.
        kind: String,
        /// `name` or `namespace`.
        field: &'static str,
    },
}
