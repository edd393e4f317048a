//! XIDs and SXIDs: what they mean, what to do, and who says so.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(super) const FILE: &str = include_str!("../../data/xid.yaml");
pub(super) const SXID_FILE: &str = include_str!("../../data/sxid.yaml");

/// The catalogue of XIDs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(crate) sources: BTreeMap<String, String>,
    device_plugin_ignores: Vec<u32>,
    nvsentinel_sticky: Vec<u32>,
    recovery: Vec<String>,
    codes: Vec<Code>,
}

/// One XID.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    pub(crate) code: u32,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) from: Origin,
    pub(crate) means: String,
    /// NVIDIA's immediate action.
    #[serde(default, rename = "do")]
    pub(crate) immediate: String,
    /// NVIDIA's investigating action.
    #[serde(default)]
    pub(crate) then: String,
    /// gpud's severity and repair actions.
    pub(crate) gpud: String,
    #[serde(default)]
    pub(crate) advice: Option<String>,
}

/// Whose fault an XID usually is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    App,
    Driver,
    Hardware,
    Link,
    Info,
    Symptom,
    Unused,
}

impl Origin {
    pub(crate) fn spoken(self) -> &'static str {
        match self {
            Self::App => "the program, as a rule",
            Self::Driver => "driver or firmware",
            Self::Hardware => "hardware",
            Self::Link => "NVLink or another link",
            Self::Info => "nobody: informational",
            Self::Symptom => "something before it",
            Self::Unused => "not in use",
        }
    }
}

/// The catalogue.
pub(crate) static XIDS: LazyLock<Catalogue> = LazyLock::new(|| super::embedded(FILE));

impl Catalogue {
    pub(crate) fn get(&self, code: u32) -> Option<&Code> {
        self.codes.iter().find(|known| known.code == code)
    }

    /// What the device plugin and the DRA driver's health check do about it.
    pub(crate) fn device_plugin(&self, code: u32) -> &'static str {
        if self.device_plugin_ignores.contains(&code) {
            "ignores it: allocatable does not change"
        } else {
            "marks the GPU unhealthy (where NVML raises it as critical): allocatable drops until the plugin restarts"
        }
    }

    pub(crate) fn is_ignored_by_plugin(&self, code: u32) -> bool {
        self.device_plugin_ignores.contains(&code)
    }

    pub(crate) fn is_sticky(&self, code: u32) -> bool {
        self.nvsentinel_sticky.contains(&code)
    }

    /// The recovery action of a number in a line of XID 154.
    pub(crate) fn recovery(&self, number: u32) -> &str {
        self.recovery.get(number as usize).map_or("unknown", String::as_str)
    }
}

impl Code {
    /// Where the sources disagree, if they do; averaging would be wrong.
    pub(crate) fn conflict(&self) -> Option<String> {
        let lenient = self.immediate.starts_with("RESTART_APP") || self.immediate.starts_with("IGNORE");
        let severe = self.gpud.contains("RebootSystem") || self.gpud.contains("HardwareInspection");
        let ignored = XIDS.is_ignored_by_plugin(self.code);
        let nvidia = if self.immediate.is_empty() { "nothing" } else { &self.immediate };
        if lenient && severe {
            return Some(format!("NVIDIA says {nvidia}, gpud says {}", self.gpud));
        }
        if self.immediate.starts_with("RESET") && ignored {
            return Some(format!("NVIDIA says {nvidia}, the device plugin ignores it"));
        }
        (lenient && !ignored && self.from == Origin::Hardware)
            .then(|| format!("NVIDIA says {nvidia}, the device plugin takes the GPU away all the same"))
    }
}

/// SXIDs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sxids {
    pub(crate) source: String,
    codes: Vec<SxidCode>,
}

/// One SXID.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SxidCode {
    code: u32,
    pub(crate) means: String,
    pub(crate) fix: String,
}

/// The SXIDs met in practice.
pub(crate) static SXIDS: LazyLock<Sxids> = LazyLock::new(|| super::embedded(SXID_FILE));

impl Sxids {
    pub(crate) fn get(&self, code: u32) -> Option<&SxidCode> {
        self.codes.iter().find(|known| known.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_catalogue_is_whole() {
        let codes: Vec<u32> = XIDS.codes.iter().map(|known| known.code).collect();
        assert_eq!(codes, (1..=173).collect::<Vec<_>>());
        assert!(XIDS.codes.iter().all(|known| !known.means.is_empty()));
    }

    #[test]
    fn disagreements_are_told() {
        let conflict = |code: u32| XIDS.get(code).and_then(Code::conflict);
        assert_eq!(
            conflict(94).as_deref(),
            Some("NVIDIA says RESTART_APP, gpud says fatal RebootSystem IgnoreNoActionRequired")
        );
        assert_eq!(conflict(109).as_deref(), Some("NVIDIA says RESET_GPU, the device plugin ignores it"));
        assert!(conflict(63).is_some() && conflict(92).is_some());
        assert_eq!(conflict(79), None);
    }

    #[test]
    fn seventy_nine_is_the_bus_and_not_a_link() {
        let known = XIDS.get(79).map(|known| (known.from, known.immediate.as_str()));
        assert_eq!(known, Some((Origin::Hardware, "RESTART_BM")));
        assert!(SXIDS.get(20034).is_some_and(|known| known.means.contains("LTSSM")));
    }
}
