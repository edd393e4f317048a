//! The one place that knows how objects are sealed: secrets out of every object before any tool sees it.

use crate::error::ClusterError;
use serde_json::Value;
pub use stethoscope_core::redact::Sealer;

/// Seals an object decoded from the API. What cannot be sealed is withheld.
pub(crate) fn seal(sealer: &Sealer, object: &mut Value) -> Result<(), ClusterError> {
    sealer.object(object).map_err(|error| ClusterError::Withheld {
        what: crate::object::title(object),
        message: error.to_string(),
    })
}
