//! Text that came from outside: how big it is, and how it is made safe to show.

mod fence;
mod sanitize;
mod tokens;

pub use fence::Fence;
pub use sanitize::sanitize;
pub use tokens::{estimate_tokens, truncate_to_tokens};
