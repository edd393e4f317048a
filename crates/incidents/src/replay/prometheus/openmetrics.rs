//! OpenMetrics text with timestamps, read leniently: a line that is wrong costs that line only.
//!
//! Format: <https://prometheus.io/docs/specs/om/open_metrics_spec/>. Beside it the older Prometheus text format is
//! understood, whose timestamps are milliseconds.

use super::series::{Labels, Metadata, NAME, Point, Recording, Series};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is read at most. The bundle's own limits hold before these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) line_bytes: usize,
    pub(super) labels: usize,
    pub(super) series: usize,
    pub(super) points: usize,
    pub(super) families: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { line_bytes: 64 << 10, labels: 64, series: 200_000, points: 20_000_000, families: 50_000 }
    }
}

/// From here on a timestamp is milliseconds: as seconds it would be after the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;
/// Wrong lines that are shown with their number.
const SHOWN: usize = 3;

/// Reads all of it. Samples without a time count as taken at `now` (milliseconds).
pub(super) fn read(text: &[u8], now: i64, bounds: &Bounds) -> Recording {
    let mut reader = Reader { bounds: *bounds, now, ..Reader::default() };
    for (number, line) in (1_usize..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > bounds.line_bytes {
            reader.wrong(number, "is too long");
            continue;
        }
        match std::str::from_utf8(line) {
            Ok(line) => {
                if reader.line(number, line) == Flow::End {
                    break;
                }
            }
            Err(_) => reader.wrong(number, "is not UTF-8"),
        }
    }
    reader.finish()
}

#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    End,
}

#[derive(Default)]
struct Reader {
    bounds: Bounds,
    now: i64,
    /// Series by how they are written, so that a repeated line costs one look-up.
    written: HashMap<String, usize>,
    known: HashMap<Labels, usize>,
    series: Vec<Series>,
    words: HashMap<String, Arc<str>>,
    points: usize,
    metadata: BTreeMap<String, Metadata>,
    wrong: usize,
    shown: Vec<String>,
    cut_series: usize,
    cut_points: usize,
}

impl Reader {
    fn wrong(&mut self, number: usize, why: &str) {
        self.wrong += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(format!("line {number} {why}"));
        }
    }

    fn line(&mut self, number: usize, line: &str) -> Flow {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim_start();
            if comment == "EOF" {
                return Flow::End;
            }
            self.describe(comment);
        } else if !line.is_empty()
            && let Err(why) = self.sample(line)
        {
            self.wrong(number, why);
        }
        Flow::Next
    }

    fn describe(&mut self, comment: &str) {
        let mut words = comment.splitn(3, [' ', '\t']);
        let (Some(what), Some(name)) = (words.next(), words.next()) else { return };
        let text = words.next().unwrap_or_default().trim();
        if !matches!(what, "TYPE" | "HELP" | "UNIT")
            || (self.metadata.len() >= self.bounds.families && !self.metadata.contains_key(name))
        {
            return;
        }
        let entry = self.metadata.entry(name.to_owned()).or_default();
        match what {
            "TYPE" => text.clone_into(&mut entry.kind),
            "HELP" => entry.help = unescape(text).into_owned(),
            _ => text.clone_into(&mut entry.unit),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), &'static str> {
        let end = series_end(line)?;
        let (written, rest) = line.split_at(end);
        let mut words = rest.split_whitespace();
        let value = number(words.next().ok_or("has no value")?).ok_or("has a value that is no number")?;
        let at = match words.next() {
            None | Some("#") => self.now,
            Some(word) => moment(word).ok_or("has a time that is no number")?,
        };
        // What follows `#` is an exemplar.
        if self.points >= self.bounds.points {
            self.cut_points += 1;
            return Ok(());
        }
        let Some(index) = self.index(written.trim_end())? else {
            self.cut_series += 1;
            return Ok(());
        };
        if let Some(series) = self.series.get_mut(index) {
            series.points.push(Point { at, value });
            self.points += 1;
        }
        Ok(())
    }

    /// Where the series stands, or `None` when there are too many.
    fn index(&mut self, written: &str) -> Result<Option<usize>, &'static str> {
        if let Some(&index) = self.written.get(written) {
            return Ok(Some(index));
        }
        let pairs = labels(written, self.bounds.labels)?;
        let labels = Labels::new(pairs.into_iter().map(|(name, value)| (self.word(name), self.word(value))));
        let index = match self.known.get(&labels) {
            Some(&index) => index,
            None if self.series.len() >= self.bounds.series => return Ok(None),
            None => {
                let index = self.series.len();
                self.known.insert(labels.clone(), index);
                self.series.push(Series { labels, points: Vec::new() });
                index
            }
        };
        self.written.insert(written.to_owned(), index);
        Ok(Some(index))
    }

    fn word(&mut self, word: Cow<'_, str>) -> Arc<str> {
        if let Some(known) = self.words.get(&*word) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = Arc::from(&*word);
        self.words.insert(word.into_owned(), Arc::clone(&shared));
        shared
    }

    fn finish(self) -> Recording {
        let mut series = self.series;
        let mut twice = 0;
        for one in &mut series {
            // Stable, so that of two samples at one moment the later line wins.
            one.points.sort_by_key(|point| point.at);
            let before = one.points.len();
            one.points.dedup_by(|later, earlier| {
                let same = later.at == earlier.at;
                if same {
                    earlier.value = later.value;
                }
                same
            });
            twice += before - one.points.len();
        }
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        let mut problems = Vec::new();
        if self.wrong > 0 {
            problems.push(format!(
                "{} lines of the recorded metrics can't be read: {}",
                self.wrong,
                self.shown.join(", ")
            ));
        }
        if twice > 0 {
            problems.push(format!("{twice} samples are recorded twice for one moment; the last one counts"));
        }
        if self.cut_series > 0 {
            problems.push(format!(
                "{} samples of series beyond the first {} were left out",
                self.cut_series, self.bounds.series
            ));
        }
        if self.cut_points > 0 {
            problems.push(format!(
                "{} samples beyond the first {} were left out",
                self.cut_points, self.bounds.points
            ));
        }
        Recording { series, metadata: self.metadata, problems }
    }
}

/// Where name and labels end and the value begins.
fn series_end(line: &str) -> Result<usize, &'static str> {
    let mut quoted = false;
    let mut escaped = false;
    let mut braced = false;
    for (place, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if braced => quoted = !quoted,
            _ if quoted => {}
            b'{' if !braced => braced = true,
            b'}' if braced => return Ok(place + 1),
            b' ' | b'\t' if !braced => {
                // `name {labels}` is written by some exporters.
                if !line.get(place..).is_some_and(|rest| rest.trim_start().starts_with('{')) {
                    return Ok(place);
                }
            }
            _ => {}
        }
    }
    Err(if braced { "has labels without an end" } else { "has no value" })
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// `name{label="value",…}` or `{"name",label="value"}` as pairs, the name among them.
fn labels(written: &str, most: usize) -> Result<Vec<Pair<'_>>, &'static str> {
    let (name, inside) = match written.split_once('{') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix('}').ok_or("has labels without an end")?),
        None => (written.trim(), ""),
    };
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    if !name.is_empty() {
        pairs.push((Cow::Borrowed(NAME), Cow::Borrowed(name)));
    }
    let mut rest = inside.trim_start();
    while !rest.is_empty() {
        if pairs.len() > most {
            return Err("has too many labels");
        }
        let label;
        if rest.starts_with('"') {
            (label, rest) = quoted(rest)?;
        } else {
            let end = rest.find(['=', ',', ' ']).ok_or("has a label without a value")?;
            label = Cow::Borrowed(rest.get(..end).unwrap_or_default());
            rest = rest.get(end..).unwrap_or_default();
        }
        if label.is_empty() {
            return Err("has a label without a name");
        }
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('=') {
            let (value, after) = quoted(after.trim_start())?;
            pairs.push((label, value));
            rest = after.trim_start();
        } else {
            // A quoted word without a value is the metric's name, which may then be any text.
            pairs.push((Cow::Borrowed(NAME), label));
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => {}
            None => return Err("has labels that are not apart by commas"),
        }
    }
    if pairs.iter().any(|(name, _)| name == NAME) { Ok(pairs) } else { Err("has no metric name") }
}

/// A quoted text and what follows it.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let inside = text.strip_prefix('"').ok_or("has a label value without quotes")?;
    let mut escaped = false;
    for (place, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (value, after) = inside.split_at(place);
                return Ok((unescape(value), after.get(1..).unwrap_or_default()));
            }
            _ => {}
        }
    }
    Err("has a label value without an end")
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(next @ ('"' | '\\'))) => out.push(next),
            ('\\', Some(next)) => out.extend(['\\', next]),
            (letter, _) => out.push(letter),
        }
    }
    Cow::Owned(out)
}

fn number(word: &str) -> Option<f64> {
    match word.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "+inf" | "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        // Rust also reads `infinity`, which the format does not know.
        lower if lower.contains("inf") => None,
        lower => lower.parse().ok(),
    }
}

fn moment(word: &str) -> Option<i64> {
    let seconds: f64 = number(word).filter(|seconds| seconds.is_finite())?;
    let milliseconds = if seconds.abs() >= MILLISECONDS_FROM { seconds } else { seconds * 1000.0 };
    // Beyond this not even milliseconds are times.
    (milliseconds.abs() < 1e15).then_some(milliseconds.round() as i64)
}

#[cfg(test)]
#[path = "openmetrics_tests.rs"]
mod tests;
