//! Bytes on disk to files in memory: a directory or an archive, guarded.

use super::limits::OpenLimits;
use super::objects::Problems;
use crate::error::{BundleError, Refusal};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

mod archive;
mod directory;

/// Files by relative path with `/` between the parts, in order.
pub(crate) type Files = BTreeMap<String, Bytes>;

/// What was read, with what was passed over.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) files: Files,
    pub(crate) problems: Problems,
}

/// Reads a directory or an archive. The content decides, not the name.
pub(crate) fn read(path: &Path, limits: &OpenLimits) -> Result<Source, BundleError> {
    let io = |source| BundleError::Io { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(io)?;
    if meta.is_dir() {
        return directory::read(path, limits);
    }
    if !meta.is_file() {
        return Err(BundleError::WrongFormat {
            path: path.to_owned(),
            why: "it is a special file".to_owned(),
        });
    }
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut head = [0_u8; 512];
    let read = fill(&mut file, &mut head).map_err(io)?;
    std::io::Seek::rewind(&mut file).map_err(io)?;
    let head = head.get(..read).unwrap_or_default();
    archive::read(path, file, archive::Format::detect(head), limits)
}

/// Reads until the buffer is full or the input ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The path of an entry as we keep it; `None` for the root itself.
pub(crate) fn clean_path(raw: &str) -> Result<Option<String>, Refusal> {
    let drive =
        raw.as_bytes().get(1) == Some(&b':') && raw.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if raw.starts_with(['/', '\\']) || drive {
        return Err(Refusal::AbsolutePath(raw.to_owned()));
    }
    let mut parts = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Refusal::ParentPath(raw.to_owned())),
            // A backslash is a legal letter of a name here, but `..\x` would climb on another system.
            part if part.split('\\').any(|p| p == "..") => return Err(Refusal::ParentPath(raw.to_owned())),
            part => parts.push(part),
        }
    }
    if raw.len() > OpenLimits::PATH_BYTES || parts.len() > OpenLimits::PATH_DEPTH {
        let shown: String = raw.chars().take(80).collect();
        return Err(Refusal::LongPath(shown));
    }
    Ok(if parts.is_empty() { None } else { Some(parts.join("/")) })
}
