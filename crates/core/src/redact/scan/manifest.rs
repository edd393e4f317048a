//! Secret manifests in a text, YAML or JSON at any depth of escaping: their data is secret whatever its keys.

use super::super::RedactError;
use super::Scanner;

/// The fields of a Secret that hold what it keeps.
const DATA: &[&str] = &["data", "stringData"];

/// How much of a JSON text around `"kind":"Secret"` is searched for the object's borders.
const OBJECT: usize = 4 << 20;

impl Scanner<'_> {
    /// At the word `Secret` or `SecretList`: the value of `kind`, or not.
    pub(super) fn kind_is_secret(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if !matches!(&self.text[start..end], "Secret" | "SecretList") {
            return Ok(());
        }
        let before = self.run_back(start, 20, |b| b"\"'\\ ".contains(&b));
        let Some(colon) = before.checked_sub(1).filter(|at| self.bytes[*at] == b':') else {
            return Ok(());
        };
        let key_end = self.run_back(colon, 20, |b| b"\"'\\ ".contains(&b));
        let key = self.run_back(key_end, 8, |b| b.is_ascii_alphabetic());
        if &self.text[key..key_end] != "kind" {
            return Ok(());
        }
        let slashes = self.run(key_end, 16, |b| b == b'\\');
        if self.byte(slashes) == b'"' {
            return self.json_secret(key, slashes - key_end);
        }
        let line = self.run_back(key, 256, |b| b != b'\n');
        if self.bytes[line..key].iter().all(|b| matches!(b, b' ' | b'-')) {
            return self.yaml_secret(line, key - line);
        }
        Ok(())
    }

    /// At `stringData`, a field that only Secrets have, with the kind or without.
    pub(super) fn string_data(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if &self.text[start..end] != "stringData" || !self.word_begins(start) {
            return Ok(());
        }
        let slashes = self.run(end, 16, |b| b == b'\\');
        if self.byte(slashes) == b'"' {
            return self.json_secret(start, slashes - end);
        }
        let line = self.run_back(start, 256, |b| b != b'\n');
        if self.byte(end) == b':' && self.bytes[line..start].iter().all(|b| matches!(b, b' ' | b'-')) {
            return self.yaml_secret(line, start - line);
        }
        Ok(())
    }

    /// Seals `data` and `stringData` of the YAML mapping whose `kind` stands at this column.
    fn yaml_secret(&mut self, kind_line: usize, column: usize) -> Result<(), RedactError> {
        if self.manifest.is_some_and(|(start, end, of)| start <= kind_line && kind_line < end && of == column)
        {
            return Ok(());
        }
        let from = self.yaml_start(kind_line, column);
        let mut line = from;
        let mut in_data = false;
        // The child whose value may go on over deeper lines: its column, and where its value starts and ends.
        let mut child: Option<(usize, usize, usize)> = None;
        let mut first = true;
        while line < self.bytes.len() {
            let end = self.line_end(line);
            let content = self.content(line, end);
            let item = content > line && content < end && self.bytes[line..content].contains(&b'-');
            let indent = content - line;
            if content < end {
                let border = self.bytes[line..end].starts_with(b"---") || indent < column;
                if !first && (border || (item && indent == column && !in_data)) {
                    break;
                }
                if indent == column {
                    self.close_child(&mut child);
                    let text = self.text[content..end].trim_end();
                    in_data = DATA.iter().any(|field| text.strip_prefix(field) == Some(":"));
                    if let Some(inline) =
                        DATA.iter().find_map(|field| text.strip_prefix(&format!("{field}: {{")))
                    {
                        let start = content + text.len() - inline.len();
                        let stop = start + inline.trim_end_matches('}').len();
                        self.seal(start, stop, "secret-data");
                    }
                } else if in_data {
                    match &mut child {
                        Some((at, start, stop)) if indent > *at => {
                            if *start == *stop {
                                *start = content;
                            }
                            *stop = end;
                        }
                        _ => {
                            self.close_child(&mut child);
                            child = self.yaml_child(indent, content, end);
                        }
                    }
                }
            }
            first = false;
            line = end + 1;
        }
        self.close_child(&mut child);
        let until = line.min(self.bytes.len());
        self.spend(until - from)?;
        self.manifest = Some((from, until, column));
        Ok(())
    }

    /// `key: value` under `data`.
    fn yaml_child(&self, indent: usize, content: usize, end: usize) -> Option<(usize, usize, usize)> {
        let colon = self.text[content..end].find(':')?;
        let start = self.run(content + colon + 1, 16, |b| b == b' ');
        let value = self.text[start..end].trim_end();
        if value.starts_with(['|', '>']) && value.len() <= 4 {
            return Some((indent, end, end));
        }
        Some((indent, start, start + value.len()))
    }

    fn close_child(&mut self, child: &mut Option<(usize, usize, usize)>) {
        let Some((_, start, end)) = child.take() else {
            return;
        };
        let end = start + self.text[start..end].trim_end().len();
        let value = &self.text[start..end];
        if !value.is_empty() && !matches!(value, "\"\"" | "''" | "{}" | "null") {
            self.seal_outside(start, end);
        }
    }

    /// Seals a region that may hold quotes and, if it was sealed before, tokens of ours.
    fn seal_outside(&mut self, start: usize, end: usize) {
        let quoted = end - start >= 2
            && matches!(self.bytes[start], b'"' | b'\'')
            && self.bytes[end - 1] == self.bytes[start];
        let (start, end) = if quoted { (start + 1, end - 1) } else { (start, end) };
        let done = self.done;
        self.seal(start, end, "secret-data");
        self.done = done.max(self.done);
    }

    /// The first line of the mapping that this line belongs to.
    fn yaml_start(&self, kind_line: usize, column: usize) -> usize {
        let mut from = kind_line;
        while from > 0 {
            // A list item's hyphen on this line begins the mapping.
            let content = self.content(from, self.line_end(from));
            if content - from == column && self.bytes[from..content].contains(&b'-') {
                break;
            }
            let line = self.line_start(from - 1);
            let content = self.content(line, from - 1);
            if content < from - 1 && (content - line < column || self.bytes[line..].starts_with(b"---")) {
                break;
            }
            from = line;
        }
        from
    }

    /// Where a line's content begins, after indentation and list hyphens.
    fn content(&self, line: usize, end: usize) -> usize {
        let mut at = line;
        loop {
            while at < end && self.bytes[at] == b' ' {
                at += 1;
            }
            if at + 1 < end && self.bytes[at] == b'-' && self.bytes[at + 1] == b' ' {
                at += 2;
            } else {
                return at;
            }
        }
    }

    /// Seals `data` and `stringData` of the JSON object in which this `kind` stands.
    fn json_secret(&mut self, key: usize, depth: usize) -> Result<(), RedactError> {
        if self.manifest.is_some_and(|(start, end, of)| start <= key && key < end && of == usize::MAX - depth)
        {
            return Ok(());
        }
        let (mut level, mut from) = (0usize, key);
        let floor = key.saturating_sub(OBJECT);
        while from > floor {
            from -= 1;
            match self.bytes[from] {
                b'}' => level += 1,
                b'{' if level == 0 => break,
                b'{' => level -= 1,
                _ => {}
            }
        }
        self.spend(key - from)?;
        let (mut level, mut at) = (0usize, from);
        // Within `data`: the level of its braces.
        let mut data: Option<usize> = None;
        let mut last: &str = "";
        let mut after_colon = false;
        while at < self.bytes.len() && at < key + OBJECT {
            match self.bytes[at] {
                b'{' => {
                    level += 1;
                    if after_colon && data.is_none() && DATA.contains(&last) {
                        data = Some(level);
                    }
                    after_colon = false;
                }
                b'}' => {
                    if data == Some(level) {
                        data = None;
                    }
                    level = level.saturating_sub(1);
                    if level == 0 {
                        break;
                    }
                }
                b':' => after_colon = true,
                b',' | b'[' => after_colon = false,
                b'"' => {
                    let (start, end) = (at + 1, self.json_string_end(at + 1, depth));
                    if after_colon && data.is_some() {
                        let done = self.done;
                        self.seal(start, end, "secret-data");
                        self.done = done.max(self.done);
                        after_colon = false;
                    } else if !after_colon {
                        last = &self.text[start..end];
                    } else {
                        after_colon = false;
                    }
                    at = self.run(end, 16, |b| b == b'\\');
                }
                _ => {}
            }
            at += 1;
        }
        self.spend(at - from)?;
        self.manifest = Some((from, at, usize::MAX - depth));
        Ok(())
    }

    /// Where a string ends whose quotes are escaped `depth` deep; the end of the text when it was cut.
    fn json_string_end(&self, start: usize, depth: usize) -> usize {
        let (mut slashes, mut at) = (0usize, start);
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'\\' => slashes += 1,
                b'"' if (depth == 0 && slashes % 2 == 0) || (depth > 0 && slashes <= depth) => {
                    return at - slashes.min(depth);
                }
                _ => slashes = 0,
            }
            at += 1;
        }
        self.bytes.len()
    }
}
