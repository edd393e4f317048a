//! GPUs and AI workloads: what there is, what is sick, what waits and why.
//!
//! ```text
//! ObjectReader, SeriesReader (ports in core; the binary puts cluster and metrics behind them)
//!        |
//!     Backend: probed once, so that tools appear only where they have something to read
//!        |
//! tools: gpu_overview, gpu_health, xid_lookup, gpu_logs, dra_explain, queue_explain, ai_workload, inference_metrics,
//!        rdma_status
//!        |
//! pure:  node, dcgm, kernel (lines), dra (inventory, requests, verdicts), cel (bounded)
//!        |
//! data:  XIDs, NVLink rules, DCGM actions, CUDA errors, log signatures, kinds of AI resources (`data/`, with sources)
//! ```
//!
//! AI resources are read as plain objects with a table as data, never as structs: their shapes change by release. A
//! configuration can add rows ([`KindRow`]).
//!
//! ```
//! use stethoscope_gpu::{Backend, KernelEvent, kernel_event, tools};
//!
//! let line = "NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.";
//! assert!(matches!(kernel_event(line), Some(KernelEvent::Xid(xid)) if xid.code == 79));
//! assert_eq!(tools(&Backend::missing("no cluster")).len(), 9);
//! ```

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
mod tools;

pub use backend::Backend;
pub use dcgm::{GpuSeries, Remark, Weight, gpus, is_blank, median_clocks, remarks};
pub use device::PciAddress;
pub use exposition::exposition;
pub use kernel::{KernelEvent, LinkWords, Sxid, Xid, kernel_event};
pub use knowledge::kinds::{Done, Follow, KindRow, Rule};
pub use tools::tools;
