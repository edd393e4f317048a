//! Reading flow files: `hubble observe -o jsonpb`, exporter files, container logs of an exporter that writes to
//! stdout, JSON arrays, bare flows; gzip and zstd. What can't be read is counted, never fatal.
//!
//! ```text
//! bytes ─> unpack (gzip, zstd by content) ─> split into JSON objects ─> decode::<Flow | a leaner type> ─> Entry
//! ```

mod entry;
mod split;
mod unpack;

pub use entry::{Bare, Entry, Rejection, decode};
pub use unpack::unpack;

use entry::inner_text;
use split::{Piece, Splitter};
use std::io::Read;
use std::ops::ControlFlow;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Unpacked bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Bytes of one record. Go's scanner stops at 64 KiB; flows with many labels and names are some KiB.
    pub record_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 8 << 30, records: 5_000_000, record_bytes: 1 << 20 }
    }
}

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records found, good and bad.
    pub records: u64,
    /// Unpacked bytes read.
    pub bytes: u64,
    /// Records that could not be used.
    pub rejected: u64,
    /// The first of them: its number, counted from 1, and why.
    pub first_rejected: Option<(u64, String)>,
    /// Why reading stopped before the end, if it did.
    pub stopped: Option<String>,
}

impl Report {
    fn reject(&mut self, why: impl ToString) {
        self.rejected += 1;
        if self.first_rejected.is_none() {
            self.first_rejected = Some((self.records, why.to_string()));
        }
    }

    /// Adds what another file gave.
    pub fn add(&mut self, other: Self) {
        if self.first_rejected.is_none() {
            self.first_rejected =
                other.first_rejected.map(|(number, why)| (self.records.saturating_add(number), why));
        }
        self.records += other.records;
        self.bytes += other.bytes;
        self.rejected += other.rejected;
        self.stopped = self.stopped.take().or(other.stopped);
    }
}

/// Hands every JSON object of a file to `visit`, which decodes it (see [`decode`]) and may break off. Blocking.
///
/// A file that ends in the middle (a cut gzip, a failing disk) gives what came before and says so in the report.
pub fn each(
    source: impl Read + Send + 'static,
    bounds: &Bounds,
    mut visit: impl FnMut(&[u8]) -> Result<ControlFlow<()>, Rejection>,
) -> Report {
    let mut report = Report::default();
    let source = match unpack(source) {
        Ok(source) => source,
        Err(error) => {
            report.stopped = Some(format!("it can't be read: {error}"));
            return report;
        }
    };
    let mut splitter = Splitter::new(source, bounds.record_bytes);
    loop {
        let (consumed, piece) = splitter.next();
        report.bytes = consumed;
        let outcome = match piece {
            Ok(Piece::Record(record)) => object(record, bounds.record_bytes, &mut report, &mut visit),
            Ok(Piece::Rejected(why)) => {
                report.records += 1;
                report.reject(why);
                ControlFlow::Continue(())
            }
            Ok(Piece::End) => return report,
            Err(error) => {
                report.stopped = Some(format!("it ends early: {error}"));
                return report;
            }
        };
        if outcome.is_break() {
            return report;
        }
        if report.records >= bounds.records {
            report.stopped = Some(format!("only the first {} records were read", bounds.records));
            return report;
        }
        if report.bytes >= bounds.bytes {
            report.stopped = Some(format!("only the first {} bytes were read", bounds.bytes));
            return report;
        }
    }
}

fn object(
    record: &[u8],
    largest: usize,
    report: &mut Report,
    visit: &mut impl FnMut(&[u8]) -> Result<ControlFlow<()>, Rejection>,
) -> ControlFlow<()> {
    report.records += 1;
    match visit(record) {
        Ok(flow) => flow,
        Err(Rejection::NotJson(why)) => match split::several(record, largest) {
            // A line of several objects: each counts for itself.
            Some(parts) => {
                report.records -= 1;
                for part in parts {
                    report.records += 1;
                    match visit(part) {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => return ControlFlow::Break(()),
                        Err(error) => report.reject(error),
                    }
                }
                ControlFlow::Continue(())
            }
            None => {
                report.reject(Rejection::NotJson(why));
                ControlFlow::Continue(())
            }
        },
        Err(Rejection::NotAFlow) => {
            // Log shippers keep the line as text within their own object.
            let inner = inner_text(record);
            match inner.as_deref().map_or(Err(Rejection::NotAFlow), |inner| visit(inner.trim().as_bytes())) {
                Ok(flow) => flow,
                Err(error) => {
                    report.reject(error);
                    ControlFlow::Continue(())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
