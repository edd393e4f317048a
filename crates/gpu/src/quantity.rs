//! Quantities of Kubernetes (`40Gi`, `500m`, `1e3`), exact in thousandths.

use std::cmp::Ordering;
use std::fmt;

/// A quantity in thousandths. What is smaller is rounded up, as upstream does when it scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Quantity(i128);

impl Quantity {
    /// Reads a quantity; `None` for what is none, or larger than any machine.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > LONGEST {
            return None;
        }
        let digits = text
            .char_indices()
            .position(|(at, char)| {
                !(char.is_ascii_digit() || char == '.' || (at == 0 && (char == '-' || char == '+')))
            })
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let readable = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !readable(whole) || !readable(fraction) {
            return None;
        }
        let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let (factor, ten) = scale(suffix)?;
        // Thousandths: three more powers of ten, less the digits after the point.
        let power = ten + 3 - i32::try_from(fraction.len()).ok()?;
        let scaled = mantissa.checked_mul(factor)?;
        let milli = if power >= 0 {
            scaled.checked_mul(10_i128.checked_pow(u32::try_from(power).ok()?)?)?
        } else {
            let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
            scaled / divisor + i128::from(scaled % divisor != 0)
        };
        Some(Self(if negative { -milli } else { milli }))
    }

    /// Thousandths.
    pub(crate) fn milli(self) -> i128 {
        self.0
    }

    /// From a whole number.
    #[cfg(test)]
    pub(crate) fn whole(number: i64) -> Self {
        Self(i128::from(number) * 1000)
    }

    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub(crate) fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// As a whole number, if it is one.
    pub(crate) fn as_integer(self) -> Option<i64> {
        if self.0 % 1000 == 0 { i64::try_from(self.0 / 1000).ok() } else { None }
    }

    /// As a floating point number.
    pub(crate) fn approximate(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// -1, 0 or 1.
    pub(crate) fn compare(&self, other: &Self) -> i64 {
        match self.cmp(other) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }
}

const LONGEST: usize = 40;

/// The factor and the power of ten of a suffix.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let binary = |power: u32| Some((1024_i128.pow(power), 0));
    match suffix {
        "" => Some((1, 0)),
        "n" => Some((1, -9)),
        "u" => Some((1, -6)),
        "m" => Some((1, -3)),
        "k" => Some((1, 3)),
        "M" => Some((1, 6)),
        "G" => Some((1, 9)),
        "T" => Some((1, 12)),
        "P" => Some((1, 15)),
        "E" => Some((1, 18)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (-18..=18).contains(&power).then_some((1, power))
        }
    }
}

impl fmt::Display for Quantity {
    /// With the largest binary suffix that leaves a whole number, else plainly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 != 0 {
            return write!(f, "{}m", self.0);
        }
        let whole = self.0 / 1000;
        for (suffix, power) in [("Ti", 4_u32), ("Gi", 3), ("Mi", 2), ("Ki", 1)] {
            let unit = 1024_i128.pow(power);
            if whole != 0 && whole % unit == 0 {
                return write!(f, "{}{suffix}", whole / unit);
            }
        }
        write!(f, "{whole}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_as_upstream_reads_them() {
        let milli = |text: &str| Quantity::parse(text).map(Quantity::milli);
        assert_eq!(milli("40Gi"), Some(40 * 1024 * 1024 * 1024 * 1000));
        assert_eq!(milli("1.5Gi"), Some(1_610_612_736_000));
        assert_eq!(milli("500m"), Some(500));
        assert_eq!(milli("-2"), Some(-2000));
        assert_eq!(milli("1e3"), Some(1_000_000));
        assert_eq!(milli("1E"), Some(1_000_000_000_000_000_000_000));
        assert_eq!(milli("100n"), Some(1));
        for bad in ["", "Gi", "1.2.3", "1Xi", "--1", "1 Gi", "9e99", "1e-99", "٣"] {
            assert_eq!(milli(bad), None, "{bad}");
        }
        assert_eq!(Quantity::parse("284208Mi").map(|known| known.to_string()).as_deref(), Some("284208Mi"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn whole_numbers_survive(number in any::<i32>()) {
            prop_assert_eq!(Quantity::parse(&number.to_string()), Some(Quantity::whole(i64::from(number))));
        }
    }
}
