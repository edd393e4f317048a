//! From paths and globs to bundles.

use crate::error::EvalError;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Names that an archive ends with.
const ARCHIVES: [&str; 4] = [".tar.gz", ".tgz", ".tar.zst", ".tar"];
/// What makes a directory a bundle.
const MARKERS: [&str; 4] =
    ["incident.yaml", "cluster-resources", "cluster-scoped-resources", crate::holmes::CASE_FILE];

/// Every bundle that the patterns name, sorted. A relative pattern counts from the first base where it finds anything.
pub(crate) fn bundles(patterns: &[String], bases: &[&Path]) -> Result<Vec<PathBuf>, EvalError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let here = bases.iter().try_fold(Vec::new(), |found: Vec<PathBuf>, base| {
            if found.is_empty() { of_pattern(&base.join(pattern)) } else { Ok(found) }
        })?;
        if here.is_empty() {
            return Err(EvalError::NoIncidents { pattern: pattern.clone() });
        }
        found.extend(here);
    }
    Ok(found.into_iter().collect())
}

fn of_pattern(pattern: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let mut bundles = Vec::new();
    for path in expand(pattern)? {
        if is_bundle(&path) {
            bundles.push(path);
        } else if path.is_dir() {
            bundles.extend(entries(&path)?.into_iter().filter(|entry| is_bundle(entry)));
        }
    }
    Ok(bundles)
}

fn is_bundle(path: &Path) -> bool {
    if path.is_dir() {
        return MARKERS.iter().any(|marker| path.join(marker).exists());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.is_file() && ARCHIVES.iter().any(|suffix| name.ends_with(suffix))
}

/// Paths that match a pattern whose parts may hold `*` and `?`.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let mut paths = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str().to_string_lossy();
        if !matches!(part, Component::Normal(_)) || !name.contains(['*', '?']) {
            for path in &mut paths {
                path.push(part);
            }
            continue;
        }
        let mut matching = Vec::new();
        for path in paths.iter().filter(|path| path.is_dir() || path.as_os_str().is_empty()) {
            let directory = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            let fits = |entry: &PathBuf| {
                entry.file_name().is_some_and(|file| matches_glob(&name, &file.to_string_lossy()))
            };
            matching.extend(entries(directory)?.into_iter().filter(fits));
        }
        paths = matching;
    }
    Ok(paths.into_iter().filter(|path| path.exists()).collect())
}

pub(crate) fn entries(directory: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let io = |source| EvalError::Io { doing: "list", path: directory.to_owned(), source };
    let mut paths = std::fs::read_dir(directory)
        .map_err(io)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.sort();
    Ok(paths)
}

/// `*` stands for any letters, `?` for one; the whole text must match.
pub(crate) fn matches_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the letters after the newest star do not match.
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, at)) = back {
            back = Some((star, at + 1));
            p = star + 1;
            t = at + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// Whether a filter picks a case: by part of a word, or by a whole word with wildcards.
pub(crate) fn picks(filter: &str, words: &[&str]) -> bool {
    let wild = filter.contains(['*', '?']);
    words.iter().any(|word| if wild { matches_glob(filter, word) } else { word.contains(filter) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_whole_names() {
        assert!(matches_glob("shop-*-1?.tar.gz", "shop-oom-killed-12.tar.gz"));
        assert!(matches_glob("*", ""));
        assert!(!matches_glob("shop-*", "a-shop-1"));
        assert!(!matches_glob("a?", "a"));
    }

    #[test]
    fn a_filter_without_wildcards_picks_parts_of_words() {
        assert!(picks("oom", &["case-1", "container.oom-killed"]));
        assert!(!picks("oom*", &["container.oom-killed"]));
    }
}
