//! One part of a suite, for runs that are spread over machines.

use crate::error::EvalError;
use std::str::FromStr;

/// One of n equal parts of a plan, every n-th case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// A part as a Job's completion index counts: 0 to n - 1.
    ///
    /// # Errors
    /// When the index is not below n.
    pub fn at(index: usize, of: usize) -> Result<Self, EvalError> {
        if index < of { Ok(Self { index: index + 1, of }) } else { Err(EvalError::ShardIndex { index, of }) }
    }

    /// Whether the case at this place of the plan is its own.
    pub(crate) const fn holds(self, place: usize) -> bool {
        place % self.of == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = EvalError;

    /// `i/n` with 1 <= i <= n.
    fn from_str(text: &str) -> Result<Self, EvalError> {
        let wrong = || EvalError::Shard(text.to_owned());
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of): (usize, usize) =
            (index.trim().parse().map_err(|_| wrong())?, of.trim().parse().map_err(|_| wrong())?);
        if (1..=of).contains(&index) { Ok(Self { index, of }) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_shard_is_written_as_part_of_whole() {
        assert_eq!("2/8".parse::<Shard>().unwrap(), Shard { index: 2, of: 8 });
        assert_eq!(Shard::at(1, 8).unwrap(), "2/8".parse().unwrap());
        assert!(Shard::at(8, 8).unwrap_err().to_string().contains("0 to 7"));
        assert!(Shard::at(0, 0).is_err());
        for wrong in ["0/8", "9/8", "2", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().to_string().contains("2/8"), "{wrong}");
        }
    }
}
