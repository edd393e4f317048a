//! Packings, told by content: names lie.

use std::io::{BufRead, BufReader, Read, Result};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The window of a zstd frame may need so much memory: 2^27 bytes, what the zstd tool accepts by default.
const ZSTD_WINDOW: u32 = 27;

/// The bytes, unpacked where they are gzip (one or many members) or zstd.
///
/// # Errors
/// When the first bytes can't be read.
pub fn unpack(source: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
    let mut source = BufReader::with_capacity(64 << 10, source);
    let head = source.fill_buf()?;
    if head.starts_with(&GZIP) {
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(source)))
    } else if head.starts_with(&ZSTD) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
        decoder.window_log_max(ZSTD_WINDOW)?;
        Ok(Box::new(decoder))
    } else {
        Ok(Box::new(source))
    }
}
