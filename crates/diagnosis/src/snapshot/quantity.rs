//! Kubernetes quantities (`100m`, `1.5Gi`, `2e3`) as numbers.
//!
//! Grammar: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::cmp::Ordering;
use std::fmt;

/// A quantity, with the text it was written as.
#[derive(Clone, Default)]
pub struct Quantity {
    milli: i128,
    text: Box<str>,
}

impl Quantity {
    /// Parses a quantity; `None` when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { milli: parse_milli(text.trim())?, text: text.into() })
    }

    /// A quantity from thousandths; its text is in plain base units or `m`.
    pub fn from_milli(milli: i128) -> Self {
        let text = if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") };
        Self { milli, text: text.into() }
    }

    /// Thousandths of the base unit, rounded up as the API server does.
    pub const fn milli(&self) -> i128 {
        self.milli
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.milli == 0
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.milli == other.milli
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.milli.cmp(&other.milli)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({})", self.text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Kubernetes quantity")
            }

            // A text that is no quantity counts as zero: one odd field must not hide the object.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity::parse(text).unwrap_or_else(|| Quantity { milli: 0, text: text.into() }))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_unit<E: de::Error>(self) -> Result<Quantity, E> {
                Ok(Quantity::default())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Decimal digits beyond this say nothing at milli precision, and keep the arithmetic inside i128.
const MAX_DIGITS: usize = 24;

fn parse_milli(text: &str) -> Option<i128> {
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    if whole.len() + fraction.len() > MAX_DIGITS {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let (factor, exponent) = unit(suffix)?;
    // value = digits * factor * 10^(exponent - fraction digits), in milli: + 3
    let shift = exponent - i32::try_from(fraction.len()).ok()? + 3;
    let scaled = digits.checked_mul(factor)?;
    let milli = if shift >= 0 {
        scaled.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?)?
    } else {
        let divisor = 10_i128.checked_pow(shift.unsigned_abs())?;
        scaled / divisor + i128::from(scaled % divisor != 0)
    };
    Some(if negative { -milli } else { milli })
}

/// The suffix as (binary factor, decimal exponent).
fn unit(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
            if !(-18..=18).contains(&exponent) {
                return None;
            }
            (1, exponent)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn milli(text: &str) -> Option<i128> {
        Quantity::parse(text).map(|quantity| quantity.milli())
    }

    #[test]
    fn reads_the_forms_of_the_api() {
        assert_eq!(milli("100m"), Some(100));
        assert_eq!(milli("1.5"), Some(1500));
        assert_eq!(milli(".5"), Some(500));
        assert_eq!(milli("2e3"), Some(2_000_000));
        assert_eq!(milli("1Ki"), Some(1_024_000));
        assert_eq!(milli("1.5Gi"), Some(1_610_612_736_000));
        assert_eq!(milli("1n"), Some(1), "rounded up");
        assert_eq!(milli("-1"), Some(-1000));
        assert_eq!(milli("1E"), Some(1_000_000_000_000_000_000_000));
        for wrong in ["", "m", "1.2.3", "1Kib", "one", "1e99", "1 Gi", "."] {
            assert_eq!(milli(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,40}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn whole_units_are_a_thousand_milli(value in 0_i64..1_000_000_000, unit in prop::sample::select(vec![("", 1_i128), ("k", 1000), ("Ki", 1024), ("Mi", 1 << 20), ("G", 1_000_000_000)])) {
            prop_assert_eq!(milli(&format!("{value}{}", unit.0)), Some(i128::from(value) * unit.1 * 1000));
        }

        #[test]
        fn order_follows_the_number(a in 0_i64..1_000_000, b in 0_i64..1_000_000) {
            let (left, right) = (Quantity::from_milli(a.into()), Quantity::from_milli(b.into()));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(Quantity::parse(left.text()), Some(left));
        }
    }
}
