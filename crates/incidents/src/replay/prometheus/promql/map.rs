//! Functions of one number.

use super::plan::Map;

/// The function with its further arguments bound; `None` drops the element.
pub(super) fn function(function: Map, arguments: &[f64]) -> impl Fn(f64) -> Option<f64> {
    let argument = |place: usize, default: f64| arguments.get(place).copied().unwrap_or(default);
    let (first, second) = match function {
        Map::Round => (argument(0, 1.0), 0.0),
        Map::Clamp | Map::ClampMin | Map::ClampMax => (argument(0, f64::NAN), argument(1, f64::NAN)),
        _ => (0.0, 0.0),
    };
    move |value| {
        Some(match function {
            Map::Abs => value.abs(),
            Map::Ceil => value.ceil(),
            Map::Floor => value.floor(),
            Map::Exp => value.exp(),
            Map::Sqrt => value.sqrt(),
            Map::Ln => value.ln(),
            Map::Log2 => value.log2(),
            Map::Log10 => value.log10(),
            Map::Sgn if value > 0.0 => 1.0,
            Map::Sgn if value < 0.0 => -1.0,
            Map::Sgn => value,
            Map::Deg => value.to_degrees(),
            Map::Rad => value.to_radians(),
            // Halves go up, also below zero: functions.go multiplies by the inverse so that 0.1 stays exact.
            Map::Round => {
                let inverse = 1.0 / first;
                (value * inverse + 0.5).floor() / inverse
            }
            Map::Clamp if second < first => return None,
            Map::Clamp => at_least(at_most(value, second), first),
            Map::ClampMin => at_least(value, first),
            Map::ClampMax => at_most(value, first),
        })
    }
}

/// Go's `math.Max`, which passes NaN on; Rust's `max` would drop it.
fn at_least(value: f64, bound: f64) -> f64 {
    if value.is_nan() || bound.is_nan() { f64::NAN } else { value.max(bound) }
}

fn at_most(value: f64, bound: f64) -> f64 {
    if value.is_nan() || bound.is_nan() { f64::NAN } else { value.min(bound) }
}
