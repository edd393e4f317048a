//! A bundle that is already unpacked.

use super::Source;
use crate::bundle::limits::OpenLimits;
use crate::error::{BundleError, Refusal};
use bytes::Bytes;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(super) fn read(root: &Path, limits: &OpenLimits) -> Result<Source, BundleError> {
    let real_root =
        root.canonicalize().map_err(|source| BundleError::Io { path: root.to_owned(), source })?;
    let mut walk = Walk { root, real_root, limits, out: Source::default(), seen: 0, total: 0 };
    walk.directory(root, "", 0)?;
    Ok(walk.out)
}

struct Walk<'a> {
    root: &'a Path,
    real_root: PathBuf,
    limits: &'a OpenLimits,
    out: Source,
    seen: usize,
    total: u64,
}

impl Walk<'_> {
    fn refuse(&self, refusal: Refusal) -> BundleError {
        BundleError::Refused { path: self.root.to_owned(), refusal }
    }

    fn directory(&mut self, at: &Path, prefix: &str, depth: usize) -> Result<(), BundleError> {
        if depth > OpenLimits::PATH_DEPTH {
            return Err(self.refuse(Refusal::LongPath(prefix.to_owned())));
        }
        let listing = match fs::read_dir(at) {
            Ok(listing) => listing,
            Err(source) if depth == 0 => return Err(BundleError::Io { path: at.to_owned(), source }),
            Err(error) => {
                self.out.problems.push(format!("{prefix}: {error}"));
                return Ok(());
            }
        };
        for entry in listing {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.out.problems.push(format!("{prefix}: {error}"));
                    continue;
                }
            };
            self.seen += 1;
            if self.seen > self.limits.files {
                return Err(self.refuse(Refusal::TooManyFiles(self.limits.files)));
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(self.refuse(Refusal::NotUtf8(name.to_string_lossy().into_owned())));
            };
            let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            self.entry(&entry.path(), relative, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, relative: String, depth: usize) -> Result<(), BundleError> {
        let io = |source| BundleError::Io { path: path.to_owned(), source };
        let kind = fs::symlink_metadata(path).map_err(io)?.file_type();
        if kind.is_dir() {
            return self.directory(path, &relative, depth + 1);
        }
        if kind.is_symlink() {
            return self.link(path, relative);
        }
        if !kind.is_file() {
            let what = "special file (device, pipe or socket)";
            return Err(self.refuse(Refusal::Special { entry: relative, what }));
        }
        self.file(path, relative)
    }

    /// A link to a file inside is read; to a directory inside it is passed over, since that is read anyway.
    fn link(&mut self, path: &Path, relative: String) -> Result<(), BundleError> {
        let Ok(target) = path.canonicalize() else {
            self.out.problems.push(format!("{relative} is a dangling link and was passed over"));
            return Ok(());
        };
        if !target.starts_with(&self.real_root) {
            let target = target.display().to_string();
            return Err(self.refuse(Refusal::EscapingLink { entry: relative, target }));
        }
        if !target.is_file() {
            self.out.problems.push(format!("{relative} is a link to a directory and was passed over"));
            return Ok(());
        }
        self.file(&target, relative)
    }

    fn file(&mut self, path: &Path, relative: String) -> Result<(), BundleError> {
        let limit = self.limits.file_bytes;
        let mut content = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut content));
        if let Err(error) = read {
            self.out.problems.push(format!("{relative}: {error}"));
            return Ok(());
        }
        if content.len() as u64 > limit {
            return Err(self.refuse(Refusal::FileTooLarge { entry: relative, limit }));
        }
        self.total += content.len() as u64;
        if self.total > self.limits.total_bytes {
            return Err(self.refuse(Refusal::TotalTooLarge(self.limits.total_bytes)));
        }
        self.out.files.insert(relative, Bytes::from(content));
        Ok(())
    }
}
