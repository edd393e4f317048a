//! Why a bundle could not be read.

use std::path::PathBuf;

/// Why a bundle could not be opened. Problems in single files are not errors: see [`crate::Bundle::problems`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The path does not exist or may not be read.
    #[error("can't read {path}: {source}")]
    Io {
        /// What was being read.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Neither a directory nor an archive that we know.
    #[error("{path} is not an incident bundle: {why}; give a directory, .tar.gz, .tar.zst or .tar")]
    WrongFormat {
        /// What was being read.
        path: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// The archive ends in the middle.
    #[error("{path} is truncated or damaged: {why}; copy or download it again")]
    Damaged {
        /// What was being read.
        path: PathBuf,
        /// Where reading stopped.
        why: String,
    },
    /// The content could do harm, so nothing of it was used.
    #[error("refused to read {path}: {refusal}")]
    Refused {
        /// What was being read.
        path: PathBuf,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// Readable, but with nothing of a cluster inside.
    #[error("{path} holds no Kubernetes objects; expected {expected}")]
    Empty {
        /// What was being read.
        path: PathBuf,
        /// The layouts that would have been understood.
        expected: &'static str,
    },
    /// `incident.yaml` or `access.yaml` is wrong. These steer the replay, so a mistake in them is not passed over.
    #[error("{file} of {path} is wrong: {why}")]
    Manifest {
        /// What was being read.
        path: PathBuf,
        /// The file in the bundle.
        file: String,
        /// What the parser said.
        why: String,
    },
}

/// What makes a bundle hostile, or too large for the limits in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An absolute path.
    #[error("entry {0:?} has an absolute path")]
    AbsolutePath(String),
    /// A path that climbs out with `..`.
    #[error("entry {0:?} climbs out of the bundle with `..`")]
    ParentPath(String),
    /// A link out of the bundle.
    #[error("entry {entry:?} is a link to {target:?}, outside the bundle")]
    EscapingLink {
        /// The link.
        entry: String,
        /// Where it points.
        target: String,
    },
    /// A hard link in an archive.
    #[error("entry {0:?} is a hard link")]
    HardLink(String),
    /// A device, pipe, socket or another special file.
    #[error("entry {entry:?} is a {what}, not a file or directory")]
    Special {
        /// The entry.
        entry: String,
        /// What it is.
        what: &'static str,
    },
    /// A name that is not UTF-8.
    #[error("entry {0:?} has a name that is not UTF-8")]
    NotUtf8(String),
    /// A name of an absurd length or depth.
    #[error("entry {0:?} has too long or too deep a path")]
    LongPath(String),
    /// Too many files.
    #[error("more than {0} files")]
    TooManyFiles(usize),
    /// One file too large.
    #[error("file {entry:?} is larger than {limit} bytes")]
    FileTooLarge {
        /// The file.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Too many objects.
    #[error("more than {0} Kubernetes objects")]
    TooManyObjects(usize),
    /// All files together too large.
    #[error("more than {0} bytes in all")]
    TotalTooLarge(u64),
    /// Unpacks to far more than it weighs.
    #[error("unpacks to more than {0} times its size, like a decompression bomb")]
    Ratio(u64),
    /// An archive header that claims absurd metadata.
    #[error("an archive header is larger than {0} bytes")]
    HeaderTooLarge(u64),
}
