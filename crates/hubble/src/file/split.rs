//! Cuts a stream of bytes into JSON objects, whatever stands between them.
//!
//! The usual form, an object a line, is cut at the line's end without a look inside. Arrays, objects over several
//! lines and several objects on a line are cut at the matching brace. A record that is cut off (a crashed writer, a
//! rotated file) costs only itself: the next one is found at the next line.

use memchr::memchr;
use std::io::{ErrorKind, Read, Result};

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// From `{` to `}`.
    Record(&'b [u8]),
    /// What is no record, and why.
    Rejected(&'static str),
    /// Nothing more.
    End,
}

const TOO_LONG: &str = "longer than a record may be";
const CUT: &str = "cut off in the middle";
const NO_OBJECT: &str = "no JSON object";
/// Bytes read at once.
const CHUNK: usize = 256 << 10;

pub(super) struct Splitter<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    largest: usize,
    /// Bytes that lay before `buffer`.
    passed: u64,
    /// Parts of a line that a container runtime has cut, put together.
    partial: Vec<u8>,
    /// Within a line that is too long: skip to its end.
    skipping: bool,
}

/// Where an object ends.
enum End {
    At(usize),
    /// The object is cut off; go on here.
    Cut(usize),
    /// More bytes are needed.
    More,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(source: R, largest: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            ended: false,
            largest,
            passed: 0,
            partial: Vec::new(),
            skipping: false,
        }
    }

    /// The next piece, and the bytes consumed with it.
    pub(super) fn next(&mut self) -> (u64, Result<Piece<'_>>) {
        match self.find() {
            Ok(found) => {
                let consumed = self.passed + self.start as u64;
                let piece = match found {
                    Found::Own(from, to) => Piece::Record(&self.buffer[from..to]),
                    Found::Joined => Piece::Record(&self.partial),
                    Found::Rejected(why) => Piece::Rejected(why),
                    Found::End => Piece::End,
                };
                (consumed, Ok(piece))
            }
            Err(error) => (self.passed + self.start as u64, Err(error)),
        }
    }

    fn find(&mut self) -> Result<Found> {
        loop {
            if self.skipping {
                if !self.skip_line()? {
                    return Ok(Found::End);
                }
                continue;
            }
            self.skip_separators();
            match self.buffer.get(self.start) {
                None => {
                    if !self.fill()? {
                        return Ok(Found::End);
                    }
                }
                Some(b'{') => return self.braces(),
                Some(_) => {
                    if let Some(found) = self.line()? {
                        return Ok(found);
                    }
                }
            }
        }
    }

    fn skip_separators(&mut self) {
        let rest = &self.buffer[self.start..];
        // White space, the marks of arrays, the record separator of JSON text sequences, a byte order mark.
        let skipped = rest.iter().take_while(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | 0x1e | 0xef | 0xbb | 0xbf)
        });
        self.start += skipped.count();
    }

    /// An object that begins at `start`.
    fn braces(&mut self) -> Result<Found> {
        let mut scanned = Scan::default();
        loop {
            let rest = &self.buffer[self.start..];
            if scanned.at == 0
                && let Some(end) = memchr(b'\n', rest)
            {
                let line = rest[..end].trim_ascii_end();
                if line.ends_with(b"}") && line.len() <= self.largest {
                    let (from, to) = (self.start, self.start + line.len());
                    self.start += end + 1;
                    return Ok(Found::Own(from, to));
                }
            }
            match scanned.go(rest, self.ended) {
                End::At(end) if end <= self.largest => {
                    let from = self.start;
                    self.start += end;
                    return Ok(Found::Own(from, from + end));
                }
                End::At(end) => {
                    self.start += end;
                    return Ok(Found::Rejected(TOO_LONG));
                }
                End::Cut(next) => {
                    self.start += next;
                    return Ok(Found::Rejected(CUT));
                }
                End::More if rest.len() > self.largest => {
                    self.start = self.buffer.len();
                    self.skipping = true;
                    return Ok(Found::Rejected(TOO_LONG));
                }
                End::More => {
                    // At the end of the input `go` says `Cut`.
                    self.fill()?;
                }
            }
        }
    }

    /// A line that does not begin with a brace: with the prefix of a container runtime or of syslog, or no record.
    fn line(&mut self) -> Result<Option<Found>> {
        let end = loop {
            let rest = &self.buffer[self.start..];
            if let Some(end) = memchr(b'\n', rest) {
                break end;
            }
            if rest.len() > self.largest {
                self.start = self.buffer.len();
                self.skipping = true;
                return Ok(Some(Found::Rejected(TOO_LONG)));
            }
            if !self.fill()? {
                break self.buffer.len() - self.start;
            }
        };
        let from = self.start;
        self.start = (from + end + 1).min(self.buffer.len());
        let line = &self.buffer[from..from + end];
        if let Some((tag, text)) = container_line(line) {
            if self.partial.len() + text.len() > self.largest {
                self.partial.clear();
                return Ok(Some(Found::Rejected(TOO_LONG)));
            }
            if tag == Tag::Partial {
                self.partial.extend_from_slice(text);
                return Ok(None);
            }
            if !self.partial.is_empty() && !self.taken() {
                self.partial.extend_from_slice(text);
                self.partial.push(b'\n');
                return Ok(Some(Found::Joined));
            }
            self.partial.clear();
        }
        match memchr(b'{', line) {
            Some(brace) if line.trim_ascii_end().ends_with(b"}") => {
                let to = from + line.trim_ascii_end().len();
                Ok(Some(Found::Own(from + brace, to)))
            }
            Some(_) => Ok(Some(Found::Rejected(CUT))),
            None => Ok(Some(Found::Rejected(NO_OBJECT))),
        }
    }

    /// Whether the joined parts have been handed out; a line feed marks it.
    fn taken(&self) -> bool {
        self.partial.last() == Some(&b'\n')
    }

    fn skip_line(&mut self) -> Result<bool> {
        match memchr(b'\n', &self.buffer[self.start..]) {
            Some(end) => {
                self.start += end + 1;
                self.skipping = false;
                Ok(true)
            }
            None => {
                self.start = self.buffer.len();
                self.fill()
            }
        }
    }

    /// Reads more. False at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.taken() {
            self.partial.clear();
        }
        self.passed += self.start as u64;
        self.buffer.drain(..self.start);
        self.start = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match read {
            Ok(read) => {
                self.buffer.truncate(held + read);
                self.ended = read == 0;
                Ok(read > 0)
            }
            Err(error) => {
                self.buffer.truncate(held);
                self.ended = true;
                Err(error)
            }
        }
    }
}

enum Found {
    Own(usize, usize),
    Joined,
    Rejected(&'static str),
    End,
}

/// A walk over an object, which can be gone on with when more bytes are there.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    fn go(&mut self, bytes: &[u8], ended: bool) -> End {
        while let Some(byte) = bytes.get(self.at) {
            if self.escaped {
                self.escaped = false;
            } else if self.in_text {
                match byte {
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    // Text has no line feeds: the record is cut off.
                    b'\n' => return End::Cut(self.at + 1),
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return End::At(self.at + 1);
                        }
                    }
                    // A new record, or a container runtime's time, at the beginning of a line.
                    b'\n' => match bytes.get(self.at + 1) {
                        Some(next) if *next == b'{' || next.is_ascii_digit() => {
                            return End::Cut(self.at + 1);
                        }
                        Some(_) => {}
                        None if !ended => return End::More,
                        None => {}
                    },
                    _ => {}
                }
            }
            self.at += 1;
        }
        if ended { End::Cut(bytes.len()) } else { End::More }
    }
}

/// The objects of a line that holds more than one; `None` when it holds one, or none.
pub(super) fn several(line: &[u8], largest: usize) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(brace) = memchr(b'{', rest) {
        let End::At(end) = Scan::default().go(&rest[brace..], true) else { break };
        if end <= largest {
            parts.push(&rest[brace..brace + end]);
        }
        rest = &rest[brace + end..];
    }
    (parts.len() > 1).then_some(parts)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Full,
    Partial,
}

/// `2026-01-31T12:00:00.0Z stdout F {…}`: the container runtime interface's log format. A line that is too long for
/// the runtime comes in parts, all but the last tagged `P`.
fn container_line(line: &[u8]) -> Option<(Tag, &[u8])> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let text = parts.next().unwrap_or_default();
    if !time.contains(&b'T') || !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    match tag.split(|byte| *byte == b':').next()? {
        b"F" => Some((Tag::Full, text)),
        b"P" => Some((Tag::Partial, text)),
        _ => None,
    }
}
