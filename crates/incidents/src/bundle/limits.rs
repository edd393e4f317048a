//! How much a bundle may hold. A bundle comes from anywhere, so each figure bounds memory or time.

/// Bounds for reading a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLimits {
    /// Most bytes in all files together, unpacked.
    pub total_bytes: u64,
    /// Most bytes in one file, unpacked.
    pub file_bytes: u64,
    /// Most files and directories.
    pub files: usize,
    /// Most Kubernetes objects.
    pub objects: usize,
    /// Most unpacked bytes for each packed byte, looked at above [`Self::RATIO_FLOOR`]. Deflate ends at about 1,030,
    /// and lists of similar pods reach 100.
    pub ratio: u64,
}

impl OpenLimits {
    /// Below this many unpacked bytes the ratio is not looked at: small archives of zeros do no harm.
    pub const RATIO_FLOOR: u64 = 64 << 20;
    /// Longest path in bytes.
    pub(crate) const PATH_BYTES: usize = 1024;
    /// Deepest path.
    pub(crate) const PATH_DEPTH: usize = 32;
    /// Most bytes an archive may spend between two files (long names, pax headers).
    pub(crate) const HEADER_BYTES: u64 = 1 << 20;
}

impl Default for OpenLimits {
    fn default() -> Self {
        Self { total_bytes: 1 << 30, file_bytes: 256 << 20, files: 50_000, objects: 1_000_000, ratio: 500 }
    }
}
