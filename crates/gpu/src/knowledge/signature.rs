//! Lines of logs that mean something: one pass over a line finds every signature.

use super::cuda;
use regex::{Regex, RegexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

pub(super) const FILE: &str = include_str!("../../data/signatures.yaml");

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signatures {
    signatures: Vec<Signature>,
}

/// A kind of line and what it means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    pub(crate) id: String,
    pub(crate) role: Role,
    #[serde(rename = "match")]
    pattern: String,
    pub(crate) means: String,
    pub(crate) fix: String,
    pub(crate) source: String,
}

/// Who is to blame for a line. Ordered: what explains most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// This process or its place.
    Cause,
    /// Something failed; not said what.
    Generic,
    /// It suffers from what happened elsewhere.
    Victim,
    /// Looks bad and is not.
    Benign,
}

/// All signatures, those of CUDA's errors included.
pub(crate) struct Matcher {
    known: Vec<Signature>,
    set: Option<RegexSet>,
}

pub(crate) static MATCHER: LazyLock<Matcher> = LazyLock::new(Matcher::embedded);

impl Matcher {
    fn embedded() -> Self {
        let file: Signatures = super::embedded(FILE);
        let mut known = file.signatures;
        known.extend(cuda::ERRORS.errors.iter().map(|error| Signature {
            id: format!("cuda.{}", error.code),
            role: error.role,
            // `unknown error` and `out of memory` alone are said by everyone.
            pattern: format!(
                "(?i:cuda|cudart|cublas|cudnn|nvrtc).*{}|{}\\b",
                regex::escape(&error.says),
                error.name
            ),
            means: error.means.clone(),
            fix: error.fix.clone(),
            source: cuda::ERRORS.source.clone(),
        }));
        known.retain(|signature| Regex::new(&signature.pattern).is_ok());
        let set = RegexSet::new(known.iter().map(|signature| signature.pattern.as_str())).ok();
        Self { known, set }
    }

    /// The signatures of a line, most telling first.
    pub(crate) fn of<'a>(&'a self, line: &str) -> Vec<&'a Signature> {
        let Some(set) = &self.set else { return Vec::new() };
        let mut found: Vec<&Signature> =
            set.matches(line).into_iter().filter_map(|index| self.known.get(index)).collect();
        found.sort_by_key(|signature| signature.role);
        found
    }

    /// By its id.
    #[cfg(test)]
    pub(crate) fn get(&self, id: &str) -> Option<&Signature> {
        self.known.iter().find(|signature| signature.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn ids(line: &str) -> Vec<&'static str> {
        MATCHER.of(line).into_iter().map(|signature| signature.id.as_str()).collect()
    }

    #[test]
    fn every_pattern_compiles_and_every_id_is_once() {
        let file: Signatures = super::super::embedded(FILE);
        for signature in &file.signatures {
            let pattern = Regex::new(&signature.pattern);
            assert!(pattern.is_ok(), "{}: {:?}", signature.id, pattern.err());
            assert!(!signature.means.is_empty() && !signature.fix.is_empty() && !signature.source.is_empty());
        }
        let mut all: Vec<&str> = MATCHER.known.iter().map(|signature| signature.id.as_str()).collect();
        assert_eq!(all.len(), file.signatures.len() + cuda::ERRORS.errors.len());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), MATCHER.known.len());
    }

    #[test]
    fn lines_that_look_alike_are_told_apart() {
        let cases: [(&str, &[&str]); 14] = [
            (
                "misc/shmutils.cc:87 NCCL WARN Error while creating shared memory segment /dev/shm/nccl-a1 (size 9637888), error: No space left on device (28)",
                &["nccl.shm"],
            ),
            (
                "[rank3]:[E321 02:07:08.4 ProcessGroupNCCL.cpp:607] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1580, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600067 milliseconds before timing out.",
                &["torch.watchdog"],
            ),
            (
                "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
                &["torch.oom", "cuda.2"],
            ),
            (
                "RuntimeError: CUDA error: no kernel image is available for execution on the device",
                &["cuda.209"],
            ),
            ("Failed to initialize NVML: Unknown Error", &["nvml.unknown"]),
            ("Failed to initialize NVML: Driver/library version mismatch", &["nvml.mismatch"]),
            (
                "401 Client Error: Unauthorized for url: https://huggingface.co/api/models/a",
                &["hf.unauthenticated"],
            ),
            (
                "403 Client Error: Forbidden for url: https://huggingface.co/a/resolve/main/config.json",
                &["hf.not-authorised"],
            ),
            (
                "Failed to resolve 'huggingface.co' ([Errno -3] Temporary failure in name resolution)",
                &["hf.unreachable"],
            ),
            ("120 seconds elapsed: Waiting for GCS to be ready.", &["ray.gcs-wait"]),
            (
                "detected NVSwitch fatal error 20034 on fid 0 on NVSwitch pci bus id 00000000:86:00.0",
                &["fabric.switch"],
            ),
            ("unknown error", &[]),
            ("java.lang.OutOfMemoryError: out of memory", &[]),
            ("step 100 loss 2.31", &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(ids(line), expected, "{line}");
        }
        assert!(MATCHER.get("vllm.kv-cache").is_some());
    }
}
