//! Names as numbers, so that keys are small; bounded, so that hostile names are too.

use std::collections::HashMap;
use std::sync::Arc;

/// A name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sym(u32);

impl Sym {
    /// The empty name.
    pub(crate) const NONE: Self = Self(0);
    /// What stands for all names beyond the bounds.
    pub(crate) const OTHER: Self = Self(1);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Names and bytes of names kept at most, and of one name.
const NAMES: usize = 150_000;
const BYTES: usize = 12 << 20;
const LONGEST: usize = 256;

pub(crate) struct Interner {
    places: HashMap<Arc<str>, Sym>,
    names: Vec<Arc<str>>,
    bytes: usize,
    /// Names that found no room.
    refused: u64,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            names: vec![Arc::from(""), Arc::from("(others)")],
            bytes: 0,
            refused: 0,
        }
    }
}

impl Interner {
    pub(crate) fn intern(&mut self, name: &str) -> Sym {
        if name.is_empty() {
            return Sym::NONE;
        }
        let name = cut(name);
        if let Some(known) = self.places.get(name) {
            return *known;
        }
        if self.names.len() >= NAMES || self.bytes + name.len() > BYTES {
            self.refused += 1;
            return Sym::OTHER;
        }
        let sym = Sym(u32::try_from(self.names.len()).unwrap_or(1));
        let shared: Arc<str> = Arc::from(name);
        self.bytes += name.len();
        self.names.push(Arc::clone(&shared));
        self.places.insert(shared, sym);
        sym
    }

    pub(crate) fn name(&self, sym: Sym) -> &str {
        self.names.get(sym.0 as usize).map_or("", AsRef::as_ref)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }
}

fn cut(name: &str) -> &str {
    if name.len() <= LONGEST {
        return name;
    }
    let mut end = LONGEST;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_number_and_hostile_ones_share_one() {
        let mut interner = Interner::default();
        let (a, b) = (interner.intern("a"), interner.intern("b"));
        assert_eq!((interner.intern("a"), interner.name(a), interner.name(b)), (a, "a", "b"));
        assert_eq!(interner.intern(""), Sym::NONE);
        for number in 0..NAMES {
            interner.intern(&number.to_string());
        }
        assert_eq!((interner.intern("one more"), interner.refused() > 0), (Sym::OTHER, true));
        assert_eq!(interner.intern("a"), a);
        let long = "é".repeat(400);
        assert!(cut(&long).len() <= LONGEST);
    }
}
