//! Tar archives, plain or compressed, read once from front to back and never unpacked to disk.

use super::{Source, clean_path};
use crate::bundle::limits::OpenLimits;
use crate::error::{BundleError, Refusal};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::io::{BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// How the archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zstd,
    Tar,
    Unknown,
}

impl Format {
    /// By the magic numbers of RFC 1952, RFC 8878 and POSIX ustar.
    pub(super) fn detect(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if head.get(257..262) == Some(b"ustar".as_slice()) || is_old_tar(head) {
            Self::Tar
        } else {
            Self::Unknown
        }
    }
}

/// A tar of before POSIX has no magic; its header checksum must hold.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(stored) = head.get(148..156) else { return false };
    let text: String = stored.iter().map(|b| char::from(*b)).filter(char::is_ascii_digit).collect();
    let sum: u32 =
        head.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    head.len() == 512 && head.first() != Some(&0) && u32::from_str_radix(&text, 8) == Ok(sum)
}

pub(super) fn read(
    path: &Path,
    file: std::fs::File,
    format: Format,
    limits: &OpenLimits,
) -> Result<Source, BundleError> {
    let guard = Rc::new(Guard::new(*limits));
    let packed = BufReader::with_capacity(64 << 10, Packed { inner: file, guard: Rc::clone(&guard) });
    let plain: Box<dyn Read> = match format {
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Format::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(packed)
                .map_err(|source| BundleError::Io { path: path.to_owned(), source })?;
            // 2^27 = 128 MiB, what the zstd tool accepts without --long.
            decoder.window_log_max(27).map_err(|source| BundleError::Io { path: path.to_owned(), source })?;
            Box::new(decoder)
        }
        Format::Tar => Box::new(packed),
        Format::Unknown => {
            let why = "it is neither gzip, zstd nor tar".to_owned();
            return Err(BundleError::WrongFormat { path: path.to_owned(), why });
        }
    };
    let mut archive = tar::Archive::new(Plain { inner: plain, guard: Rc::clone(&guard) });
    entries(&mut archive, &guard).map_err(|stop| stop.into_error(path, &guard))
}

/// Why the walk ended early.
enum Stop {
    Refused(Refusal),
    Io(std::io::Error),
    Short(String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Stop {
    fn into_error(self, path: &Path, guard: &Guard) -> BundleError {
        let path = path.to_owned();
        // The tar reader wraps and rewords the errors of the guard; the guard remembers what it said.
        if let Some(refusal) = guard.refusal.take() {
            return BundleError::Refused { path, refusal };
        }
        match self {
            Self::Refused(refusal) => BundleError::Refused { path, refusal },
            Self::Io(error)
                if guard.files.get() == 0 && error.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                BundleError::WrongFormat { path, why: format!("no tar archive inside: {error}") }
            }
            Self::Io(error) => BundleError::Damaged { path, why: error.to_string() },
            Self::Short(why) => BundleError::Damaged { path, why },
        }
    }
}

fn entries(archive: &mut tar::Archive<Plain>, guard: &Guard) -> Result<Source, Stop> {
    let mut out = Source::default();
    let mut end = 0;
    guard.allow(OpenLimits::HEADER_BYTES);
    for entry in archive.entries().map_err(Stop::Io)? {
        let mut entry = entry.map_err(Stop::Io)?;
        guard.count_file()?;
        let raw = entry.path_bytes().into_owned();
        let name = String::from_utf8(raw).map_err(|e| {
            Refusal::NotUtf8(String::from_utf8_lossy(e.as_bytes()).chars().take(200).collect())
        })?;
        let size = entry.size();
        end = entry.raw_file_position().saturating_add(size.div_ceil(512).saturating_mul(512));
        let kind = entry.header().entry_type();
        match kind {
            tar::EntryType::Directory => {
                clean_path(&name)?;
            }
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let clean = clean_path(&name)?;
                let content = file(&mut entry, &name, size, guard)?;
                let Some(clean) = clean else { continue };
                if out.files.insert(clean.clone(), content).is_some() {
                    out.problems
                        .push(format!("{clean} is in the archive more than once; the last one was read"));
                }
            }
            tar::EntryType::Symlink => out.problems.push(symlink(&entry, &name)?),
            tar::EntryType::XGlobalHeader => {}
            tar::EntryType::Link => return Err(Refusal::HardLink(name).into()),
            other => return Err(Refusal::Special { entry: name, what: special(other) }.into()),
        }
        guard.allow(size.saturating_add(OpenLimits::HEADER_BYTES));
    }
    // A complete tar ends with two blocks of zeros; without any the copy stopped between two files.
    if guard.plain.get() <= end && end > 0 {
        return Err(Stop::Short("the end of the archive is missing".to_owned()));
    }
    Ok(out)
}

fn special(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Char => "character device",
        tar::EntryType::Block => "block device",
        tar::EntryType::Fifo => "named pipe",
        tar::EntryType::GNUSparse => "sparse file",
        _ => "special entry",
    }
}

fn file(entry: &mut impl Read, name: &str, size: u64, guard: &Guard) -> Result<Bytes, Stop> {
    let limit = guard.limits.file_bytes;
    if size > limit {
        return Err(Refusal::FileTooLarge { entry: name.to_owned(), limit }.into());
    }
    guard.allow(size.saturating_add(OpenLimits::HEADER_BYTES));
    let mut content = Vec::with_capacity(usize::try_from(size.min(1 << 20)).unwrap_or(0));
    entry.read_to_end(&mut content).map_err(Stop::Io)?;
    if content.len() as u64 != size {
        return Err(Stop::Short(format!("{name} has {} of {size} bytes", content.len())));
    }
    Ok(Bytes::from(content))
}

/// Troubleshoot links its own copies of pod logs to the ones under `cluster-resources`, so a link that stays inside
/// is passed over with a note; one that leads out is refused.
fn symlink<R: Read>(entry: &tar::Entry<'_, R>, name: &str) -> Result<String, Stop> {
    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
    let target = String::from_utf8(target).map_err(|_| Refusal::NotUtf8(name.to_owned()))?;
    let clean = clean_path(name)?.unwrap_or_default();
    let escaping = || Refusal::EscapingLink { entry: name.to_owned(), target: target.clone() };
    if target.starts_with(['/', '\\']) {
        return Err(escaping().into());
    }
    let mut depth = clean.split('/').count().saturating_sub(1);
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.checked_sub(1).ok_or_else(escaping)?,
            _ => depth += 1,
        }
    }
    Ok(format!("{name} is a link to {target} and was passed over"))
}

/// Counts both sides of the decompressor and stops at the limits.
struct Guard {
    limits: OpenLimits,
    packed: Cell<u64>,
    plain: Cell<u64>,
    allowed: Cell<u64>,
    files: Cell<usize>,
    refusal: RefCell<Option<Refusal>>,
}

impl Guard {
    fn new(limits: OpenLimits) -> Self {
        Self {
            limits,
            packed: Cell::new(0),
            plain: Cell::new(0),
            allowed: Cell::new(OpenLimits::HEADER_BYTES),
            files: Cell::new(0),
            refusal: RefCell::new(None),
        }
    }

    /// From here on the reader may take this many bytes more, so that a header can't claim gigabytes.
    fn allow(&self, bytes: u64) {
        self.allowed.set(self.plain.get().saturating_add(bytes));
    }

    fn count_file(&self) -> Result<(), Refusal> {
        self.files.set(self.files.get() + 1);
        if self.files.get() > self.limits.files {
            return Err(Refusal::TooManyFiles(self.limits.files));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        let (plain, packed) = (self.plain.get(), self.packed.get());
        if plain > self.limits.total_bytes {
            return Err(Refusal::TotalTooLarge(self.limits.total_bytes));
        }
        if plain > OpenLimits::RATIO_FLOOR && plain / packed.max(1) > self.limits.ratio {
            return Err(Refusal::Ratio(self.limits.ratio));
        }
        if plain > self.allowed.get().saturating_add(64 << 10) {
            return Err(Refusal::HeaderTooLarge(OpenLimits::HEADER_BYTES));
        }
        Ok(())
    }
}

struct Packed {
    inner: std::fs::File,
    guard: Rc<Guard>,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.guard.packed.set(self.guard.packed.get() + n as u64);
        Ok(n)
    }
}

struct Plain {
    inner: Box<dyn Read>,
    guard: Rc<Guard>,
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.guard.plain.set(self.guard.plain.get() + n as u64);
        if let Err(refusal) = self.guard.check() {
            let text = refusal.to_string();
            *self.guard.refusal.borrow_mut() = Some(refusal);
            return Err(std::io::Error::other(text));
        }
        Ok(n)
    }
}
