//! What to do about DCGM's health codes.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(super) const FILE: &str = include_str!("../../data/dcgm.yaml");

/// Codes by action.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Actions {
    pub(crate) source: String,
    actions: BTreeMap<String, Vec<String>>,
}

pub(crate) static ACTIONS: LazyLock<Actions> = LazyLock::new(|| super::embedded(FILE));

impl Actions {
    /// The action of a code.
    pub(crate) fn of(&self, code: &str) -> Option<&str> {
        self.actions
            .iter()
            .find(|(_, codes)| codes.iter().any(|known| known == code))
            .map(|(action, _)| action.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn codes_have_actions() {
        assert_eq!(ACTIONS.of("DCGM_FR_FALLEN_OFF_BUS"), Some("RESTART_BM"));
        assert_eq!(ACTIONS.of("DCGM_FR_NO_SUCH"), None);
        assert_eq!(ACTIONS.actions.values().map(Vec::len).sum::<usize>(), 134);
    }
}
