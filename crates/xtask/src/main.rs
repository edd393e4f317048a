//! `cargo xtask`: what compilers do not check, and what is generated.
//!
//! - `cargo xtask check`: crate edges, forbidden dependencies, file sizes, generated files, machine paths.
//! - `cargo xtask gen`: writes the generated files.

mod edges;
mod generated;
mod sources;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let root = root();
    match arguments {
        ["check"] => check(&root),
        ["gen"] => generated::write(&root),
        _ => bail!("usage: cargo xtask check | gen"),
    }
}

fn check(root: &Path) -> Result<()> {
    let mut problems = edges::check(root)?;
    problems.extend(sources::check(root)?);
    problems.extend(generated::check(root)?);
    if problems.is_empty() {
        tell("xtask check: all good");
        return Ok(());
    }
    bail!("{} problems:\n{}", problems.len(), problems.join("\n"))
}

/// The workspace's root: two above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::print_stderr, reason = "a developer's tool that talks to the developer")]
fn tell(text: &str) {
    eprintln!("{text}");
}
