//! Makes a server-sent event stream safe for the parser behind it.
//!
//! eventsource-stream (in async-openai) panics on a byte order mark, fails on invalid UTF-8, reads a CR LF that is cut
//! in two as a blank line, and re-reads its whole buffer with each piece of an unfinished line. So it is only given
//! whole, valid `data` lines that end in LF.

/// Bytes of one line.
const MAX_LINE: usize = 8 << 20;

/// Cuts bytes into lines, whatever their boundaries and line ends.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    after_cr: bool,
    done: bool,
}

/// A line is longer than any server means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

impl Lines {
    /// The lines that these bytes complete. Nothing comes after `[DONE]`.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, LineTooLong> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            let end = matches!(byte, b'\n' | b'\r');
            let second_half = *byte == b'\n' && self.after_cr;
            self.after_cr = *byte == b'\r';
            if self.done {
                break;
            }
            match (end, second_half) {
                (_, true) => {}
                (true, false) => self.end_line(&mut out),
                (false, false) if self.pending.len() >= MAX_LINE => return Err(LineTooLong),
                (false, false) => self.pending.push(*byte),
            }
        }
        Ok(out)
    }

    /// What is left at the end of the body, closed with a blank line.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.pending.is_empty() {
            self.end_line(&mut out);
        }
        out.push(b'\n');
        out
    }

    /// Whether `[DONE]` has come.
    pub(super) fn done(&self) -> bool {
        self.done
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.pending);
        if line.is_empty() {
            out.push(b'\n');
            return;
        }
        // Comments, ids, event names and retry times mean nothing here.
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) else { return };
        if data.is_empty() {
            return;
        }
        if data == b"[DONE]" {
            self.done = true;
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(String::from_utf8_lossy(data).as_bytes());
        out.push(b'\n');
        if self.done {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    fn in_pieces(bytes: &[u8], cuts: &[usize]) -> (String, bool) {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        let mut from = 0;
        for cut in cuts
            .iter()
            .map(|cut| cut % (bytes.len() + 1))
            .filter(|cut| *cut > 0)
            .collect::<std::collections::BTreeSet<_>>()
        {
            out.extend(lines.push(&bytes[from..cut]).unwrap());
            from = cut;
        }
        out.extend(lines.push(&bytes[from..]).unwrap());
        let done = lines.done();
        out.extend(lines.finish());
        (String::from_utf8(out).unwrap(), done)
    }

    #[test]
    fn keeps_only_data_lines_and_mends_line_ends() {
        let text = b": hi\r\nevent: x\r\nid: 1\r\ndata: {\"a\":1}\r\n\r\ndata:\r\rdata:[DONE]\r\n\r\nlate";
        let expected = "\ndata: [DONE]\n\n";
        let (out, done) = in_pieces(text, &[]);
        assert_eq!((out.ends_with(&format!("{expected}\n")), done), (true, true), "{out:?}");
        assert!(out.starts_with("data: {\"a\":1}\n\n"), "{out:?}");
    }

    #[test]
    fn refuses_a_line_without_end() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; 1 << 20];
        let results: Vec<_> = (0..9).map(|_| lines.push(&piece).is_ok()).collect();
        assert_eq!(results, [true, true, true, true, true, true, true, true, false]);
    }

    proptest! {
        #[test]
        fn gives_the_same_lines_however_the_bytes_are_cut(
            text in "(data: ?[a-zä{}]{0,8}|: c|\r|\n|\r\n|\\PC|data: \\[DONE\\]){0,30}",
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
        ) {
            prop_assert_eq!(in_pieces(text.as_bytes(), &cuts), in_pieces(text.as_bytes(), &[]));
        }
    }
}
