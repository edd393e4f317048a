//! No bytes may break the reader of flow files, and every record is either used or counted as rejected.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::ops::ControlFlow;
use stethoscope_hubble::file::{Bounds, decode, each};
use stethoscope_hubble::Flow;

fuzz_target!(|bytes: &[u8]| {
    let mut used = 0_u64;
    let bounds = Bounds { bytes: 1 << 24, records: 10_000, record_bytes: 1 << 16 };
    let report = each(Cursor::new(bytes.to_vec()), &bounds, |record| {
        decode::<Flow>(record)?;
        used += 1;
        Ok(ControlFlow::Continue(()))
    });
    assert!(used + report.rejected <= report.records);
});
