//! Semantic versions as device attributes hold them (blang/semver: three numbers, pre-release, build).

use std::cmp::Ordering;

/// A version. The build is no part of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Semver {
    numbers: [u64; 3],
    pre: Vec<String>,
}

impl Semver {
    /// Reads `1.2.3`, `1.2.3-rc.1+build`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, pre.split('.').map(str::to_owned).collect()),
            None => (text, Vec::new()),
        };
        let mut numbers = [0; 3];
        let mut parts = core.split('.');
        for number in &mut numbers {
            let part = parts.next()?;
            let leading_zero = part.len() > 1 && part.starts_with('0');
            if leading_zero || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *number = part.parse().ok()?;
        }
        let plain = |part: &String| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (parts.next().is_none() && pre.iter().all(plain)).then_some(Self { numbers, pre })
    }

    pub(crate) fn number(&self, index: usize) -> u64 {
        self.numbers.get(index).copied().unwrap_or_default()
    }

    /// -1, 0 or 1.
    pub(crate) fn compare(&self, other: &Self) -> i64 {
        match self.order(other) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let pairs = self.pre.iter().zip(&other.pre).map(|(one, two)| identifier(one, two));
                pairs.fold(Ordering::Equal, Ordering::then).then(self.pre.len().cmp(&other.pre.len()))
            }
        })
    }
}

/// Numbers by value and before words.
fn identifier(one: &str, two: &str) -> Ordering {
    match (one.parse::<u64>(), two.parse::<u64>()) {
        (Ok(one), Ok(two)) => one.cmp(&two),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => one.cmp(two),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn versions_are_ordered() {
        let ordered =
            ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.2", "1.0.0-rc.11", "1.0.0", "1.0.1", "580.126.9"];
        for pair in ordered.windows(2) {
            let [one, two] = [pair[0], pair[1]].map(|text| Semver::parse(text).unwrap());
            assert_eq!((one.compare(&two), two.compare(&one), one.compare(&one)), (-1, 1, 0), "{pair:?}");
        }
        for bad in ["1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "", "a.b.c"] {
            assert_eq!(Semver::parse(bad), None, "{bad}");
        }
    }
}
