//! Decoding XIDs 144 to 150 (NVLink 5).

use crate::kernel::LinkWords;
use serde::Deserialize;
use std::sync::LazyLock;

pub(super) const FILE: &str = include_str!("../../data/nvlink5.yaml");

/// Every rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    pub(crate) source: String,
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    xid: u32,
    pub(crate) unit: String,
    /// The low 10 bits of the first word, in the older format.
    v1: u32,
    /// The low 7 bits of the first word, in the newer format.
    v2: u32,
    pub(crate) subcode: u32,
    status: u32,
    #[serde(rename = "do")]
    pub(crate) immediate: String,
    pub(crate) then: String,
    pub(crate) severity: String,
    pub(crate) origin: String,
}

pub(crate) static RULES: LazyLock<Rules> = LazyLock::new(|| super::embedded(FILE));

impl Rules {
    /// The rules that fit the words, best first: unit, subcode and status; else those of the unit and subcode.
    ///
    /// The line names its unit, so the low bits only decide when it does not.
    pub(crate) fn decode(&self, xid: u32, words: &LinkWords) -> Option<&Rule> {
        let named = |rule: &&Rule| {
            rule.unit == words.unit
                || rule.unit.split('/').any(|part| words.unit.split('/').any(|said| said == part))
        };
        let coded = |rule: &&Rule| words.info & 0x3ff == rule.v1 || words.info & 0x7f == rule.v2;
        let of_xid =
            || self.rules.iter().filter(move |rule| rule.xid == xid && rule.subcode == words.subcode());
        let status = words.status.unwrap_or_default();
        of_xid()
            .filter(named)
            .find(|rule| rule.status == status)
            .or_else(|| of_xid().filter(coded).find(|rule| rule.status == status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn words(unit: &str, info: u32, status: u32) -> LinkWords {
        LinkWords { unit: unit.to_owned(), fatal: true, link: 0, info, status: Some(status) }
    }

    #[test]
    fn a_link_down_is_told_by_its_subcode() {
        let told = |info: u32| {
            RULES
                .decode(149, &words("NETIR_LINK_EVT", info, 0))
                .map(|rule| (rule.immediate.as_str(), rule.then.as_str()))
        };
        assert_eq!(told(0x0045_05c6), Some(("RESET_GPU", "INVESTIGATE_LINK_SI")));
        assert_eq!(told(0x0260_01c6), Some(("IGNORE", "INVESTIGATE_SW/USER")));
        assert_eq!(told(0x0330_01c6), None);
        assert_eq!(RULES.rules.len(), 91);
    }

    #[test]
    fn units_under_either_name_and_both_formats_are_known() {
        let told = |xid: u32, unit: &str, info: u32, status: u32| {
            RULES.decode(xid, &words(unit, info, status)).map(|rule| rule.immediate.as_str())
        };
        assert_eq!(told(145, "RLW_SRC_TRACK", 0x0409_88e2, 8), Some("XID_154_EVAL"));
        assert_eq!(told(145, "RLW_SRC_TRACK", 0x0000_0007, 1), Some("RESET_GPU"));
        assert_eq!(told(149, "NETIR", 0x000f_e406, 0), Some("RESET_GPU"));
        assert_eq!(told(146, "TLW_RX", 0x0000_000a, 4), Some("RESET_GPU"));
    }
}
