//! Repeated lines folded into patterns: equal but for numbers, ids, times and quoted values.

use std::collections::HashMap;

/// A pattern with what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// How many lines.
    pub(crate) count: usize,
    /// The first of them, verbatim.
    pub(crate) first: String,
    /// The last, verbatim.
    pub(crate) last: String,
    /// Place of the last among all lines.
    at: usize,
}

/// Folds lines; the order is that of each pattern's last line, so that the newest stands at the end.
pub(crate) fn fold<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Folded> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut folded: Vec<Folded> = Vec::new();
    for (at, line) in lines.enumerate() {
        match places.entry(pattern(line)) {
            std::collections::hash_map::Entry::Occupied(place) => {
                let known = &mut folded[*place.get()];
                known.count += 1;
                line.clone_into(&mut known.last);
                known.at = at;
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(folded.len());
                folded.push(Folded { count: 1, first: line.to_owned(), last: line.to_owned(), at });
            }
        }
    }
    folded.sort_by_key(|pattern| pattern.at);
    folded
}

/// A line with everything that varies between repetitions replaced by `#`: words that hold a digit and consist of
/// the characters of numbers, times, addresses and ids. HTTP statuses and exit codes stay apart, because a digit run
/// that follows `status`, `code` or `exit` tells different things apart.
pub(crate) fn pattern(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut previous = "";
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(is_separator).unwrap_or(rest.len());
        if end > 0 {
            let word = &rest[..end];
            if varies(word) && !tells_apart(previous, word) {
                out.push('#');
            } else {
                out.push_str(word);
            }
            previous = word;
            rest = &rest[end..];
        } else {
            let separator = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..separator]);
            rest = &rest[separator..];
        }
    }
    out
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '=' | ',' | ';' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | '/'
        )
}

/// Numbers, times, addresses, hashes, and names that end in generated parts.
fn varies(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let hexadecimal = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let leads = word
        .trim_start_matches(['-', '+', '#', ':', '.'])
        .starts_with(|letter: char| letter.is_ascii_digit());
    // `12ms`, `10:31:07.123Z`, `0x7f`; `I0412`; generated names. `v1beta1` and `sha256` are words.
    leads || hexadecimal || digits > letters || (digits >= 4 && digits * 3 >= letters)
}

fn tells_apart(previous: &str, word: &str) -> bool {
    let before = previous.trim_end_matches(':').to_lowercase();
    let named = ["status", "code", "exit", "exitcode", "statuscode", "signal", "error", "errno", "http"];
    // An access log's 404 or 503 stands alone; folding it into the 200s would hide what is looked for.
    let failure =
        word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|byte| byte.is_ascii_digit());
    failure || (word.len() <= 4 && named.iter().any(|name| before.ends_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn repetitions_fold_and_keep_their_first_and_last_words() {
        let log = "10:00:01 start v1beta1\n10:00:02 GET /cart/17 took 12ms status=500\n\
                   10:00:03 GET /cart/99 took 9ms status=500\n10:00:04 GET /cart/1 took 3ms status=200";
        let folded: Vec<(usize, String, String)> =
            fold(log.lines()).into_iter().map(|one| (one.count, one.first, one.last)).collect();
        let line = |index: usize| log.lines().nth(index).unwrap_or_default().to_owned();
        assert_eq!(folded, vec![(1, line(0), line(0)), (2, line(1), line(2)), (1, line(3), line(3))]);
    }

    #[test]
    fn what_tells_lines_apart_stays() {
        assert_eq!(pattern("exit code: 137 after 5m0s"), "exit code: 137 after #");
        assert_eq!(pattern("pod 8f14e45fceea167a lost"), "pod # lost");
        assert_eq!(pattern("dial tcp 10.0.0.7:5432: refused"), "dial tcp # refused");
        assert_ne!(pattern("sha256 mismatch"), pattern("sha512 mismatch"));
        assert_eq!(pattern("GET /cart/17 503 12ms"), "GET /cart/# 503 #");
    }

    proptest! {
        #[test]
        fn no_line_is_lost(lines in prop::collection::vec("[ -~ä]{0,30}", 0..40)) {
            let folded = fold(lines.iter().map(String::as_str));
            prop_assert_eq!(folded.iter().map(|one| one.count).sum::<usize>(), lines.len());
            for one in &folded {
                prop_assert!(lines.contains(&one.first) && lines.contains(&one.last));
            }
        }
    }
}
