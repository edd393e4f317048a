//! Objects as compact text: ages, columns, tables, flattened fields.

pub(crate) mod age;
pub(crate) mod column;
pub(crate) mod filter;
pub(crate) mod flat;
pub(crate) mod pod;
pub(crate) mod table;

pub(crate) use age::{age, parse_duration};
pub(crate) use table::Table;
