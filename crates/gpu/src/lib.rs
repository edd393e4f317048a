//! GPUs and AI workloads.
#![allow(dead_code, unused_imports)]
mod backend;
mod cel;
mod dcgm;
mod device;
mod dra;
mod exposition;
mod kernel;
mod knowledge;
mod node;
mod object;
mod quantity;

pub use backend::Backend;
pub use dcgm::{GpuSeries, Remark, Weight, gpus, is_blank, median_clocks, remarks};
pub use device::PciAddress;
pub use exposition::exposition;
pub use kernel::{KernelEvent, LinkWords, Sxid, Xid, kernel_event};
pub use knowledge::kinds::{Done, Follow, KindRow, Rule};
