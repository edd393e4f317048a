//! Hubble Relay of a live cluster, where one is named.

use super::environment;
use crate::exit::Failure;
use stethoscope_flows::{Backend, Observer, RelayOptions};

/// Relay at `HUBBLE_SERVER`, with the settings that the hubble CLI reads.
pub(super) fn live() -> Result<Backend, Failure> {
    let wrong = |error: stethoscope_flows::FlowsError| Failure::usage(error.to_string());
    let settings = RelayOptions::from_settings(environment, |path| std::fs::read(path)).map_err(wrong)?;
    Ok(match settings {
        Some(options) => Backend::relay(Observer::new(&options).map_err(wrong)?),
        None => Backend::missing(
            "no Hubble Relay is named; set HUBBLE_SERVER, e.g. to localhost:4245 behind `kubectl -n kube-system port-forward service/hubble-relay 4245:80`",
        ),
    })
}
