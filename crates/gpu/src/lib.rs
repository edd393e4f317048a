//! GPUs and AI workloads: what XIDs, DCGM series, DRA objects and AI custom resources mean, and the tools that read them.
