//! Sizes and words of source files.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Lines above which a file must be split by meaning.
const LONGEST_FILE: usize = 700;

/// Problems, one line each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for directory in ["crates", "tests"] {
        for path in rust_files(&root.join(directory))? {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let lines = text.lines().count();
            if lines > LONGEST_FILE {
                problems.push(format!("{shown} has {lines} lines; split it by meaning at about 600"));
            }
            for (number, line) in (1..).zip(text.lines()) {
                if ["todo!(", "unimplemented!("].iter().any(|word| line.contains(word))
                    && !shown.ends_with("sources.rs")
                {
                    problems.push(format!("{shown}:{number} is not finished: {}", line.trim()));
                }
            }
        }
    }
    problems.sort();
    Ok(problems)
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !directory.is_dir() {
        return Ok(files);
    }
    for entry in
        std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
