//! Why a suite cannot be run or a report cannot be made. What goes wrong in one case is a row, not an error.

use std::path::PathBuf;

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read`, `write` or `list`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The suite is not as it should be.
    #[error("the suite {} cannot be used: {why}", path.display())]
    Suite {
        /// The suite's file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A path or glob names nothing.
    #[error("no incident bundle at {pattern}; name a directory of bundles, a bundle or a glob")]
    NoIncidents {
        /// The path or glob.
        pattern: String,
    },
    /// The filter leaves nothing.
    #[error("no case of the suite matches {filter:?}; the list of cases shows their names")]
    NothingMatches {
        /// The filter.
        filter: String,
    },
    /// A model that was asked for cannot be had.
    #[error("the model {name} cannot be used: {why}")]
    Model {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
    /// A variant that does not exist.
    #[error("{name:?} is no variant; there are {known}")]
    Variant {
        /// What was asked for.
        name: String,
        /// Every variant.
        known: String,
    },
    /// A shard that does not exist.
    #[error("{0:?} is no shard; write it as i/n with 1 <= i <= n, e.g. 2/8")]
    Shard(String),
    /// An index that no shard has.
    #[error("there is no shard {index} of {of}; indices go from 0 to {}", of.saturating_sub(1))]
    ShardIndex {
        /// The index.
        index: usize,
        /// How many shards there are.
        of: usize,
    },
    /// A results file is not one.
    #[error("{} line {line}: {why}", path.display())]
    ResultsFile {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Shards that do not belong together.
    #[error("the results cannot be merged: {0}")]
    Merge(String),
    /// A template does not render.
    #[error("the {name} template does not render: {source}")]
    Template {
        /// The template.
        name: &'static str,
        /// What tera says.
        #[source]
        source: Box<tera::Error>,
    },
    /// A value does not serialise: a defect.
    #[error("a result does not serialise: {0}; please report it")]
    Serialise(#[from] serde_json::Error),
}
