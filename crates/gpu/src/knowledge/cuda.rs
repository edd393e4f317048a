//! CUDA errors that say something about a cluster.

use super::signature::Role;
use serde::Deserialize;
use std::sync::LazyLock;

pub(super) const FILE: &str = include_str!("../../data/cuda.yaml");

/// Every known error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Errors {
    pub(crate) source: String,
    pub(crate) errors: Vec<CudaError>,
}

/// One error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CudaError {
    pub(crate) code: u32,
    pub(crate) name: String,
    /// The text that programs print.
    pub(crate) says: String,
    pub(crate) role: Role,
    pub(crate) means: String,
    pub(crate) fix: String,
}

pub(crate) static ERRORS: LazyLock<Errors> = LazyLock::new(|| super::embedded(FILE));

impl Errors {
    /// By number or by name.
    pub(crate) fn get(&self, word: &str) -> Option<&CudaError> {
        self.errors
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(word) || known.code.to_string() == word)
    }
}
