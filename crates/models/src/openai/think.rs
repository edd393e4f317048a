//! Reasoning inside the text: `<think>…</think>` at the beginning of a reply, in pieces of any size.

/// Opening and closing tags that models are trained to write.
const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// A piece of text, told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
}

/// Tells reasoning from text. Tags in the middle of a text are text: answers may quote them.
#[derive(Debug)]
pub(super) struct Think {
    held: String,
    at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but blanks since the beginning.
    Beginning,
    /// Nothing but blanks since a closing tag: they belong to no one.
    Behind,
    Inside(&'static str),
    Text,
}

impl Think {
    pub(super) fn new() -> Self {
        Self { held: String::new(), at: Place::Beginning }
    }

    /// What this piece adds; what may be half a tag is held back.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        if self.at == Place::Text {
            return text_piece(text.to_owned());
        }
        self.held.push_str(text);
        let mut pieces = Vec::new();
        loop {
            match self.at {
                Place::Text => {
                    pieces.extend(text_piece(std::mem::take(&mut self.held)));
                    return pieces;
                }
                Place::Beginning | Place::Behind => {
                    let rest = self.held.trim_start();
                    if let Some((open, close)) = TAGS.iter().find(|(open, _)| rest.starts_with(open)) {
                        self.held = rest[open.len()..].to_owned();
                        self.at = Place::Inside(close);
                    } else if TAGS.iter().any(|(open, _)| open.starts_with(rest)) {
                        return pieces;
                    } else {
                        if self.at == Place::Behind {
                            self.held = rest.to_owned();
                        }
                        self.at = Place::Text;
                    }
                }
                Place::Inside(close) => {
                    let Some(end) = self.held.find(close) else {
                        let keep = half_tag(&self.held, close);
                        let sure = self.held.drain(..self.held.len() - keep).collect::<String>();
                        pieces.extend((!sure.is_empty()).then_some(Piece::Reasoning(sure)));
                        return pieces;
                    };
                    let reasoning = self.held[..end].to_owned();
                    pieces.extend((!reasoning.is_empty()).then_some(Piece::Reasoning(reasoning)));
                    self.held = self.held[end + close.len()..].to_owned();
                    self.at = Place::Behind;
                }
            }
        }
    }

    /// What was held back.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let held = std::mem::take(&mut self.held);
        match self.at {
            Place::Inside(_) => (!held.is_empty()).then_some(Piece::Reasoning(held)).into_iter().collect(),
            Place::Behind => text_piece(held.trim_start().to_owned()),
            Place::Beginning | Place::Text => text_piece(held),
        }
    }
}

/// The text of a reply whose opening tag was in the server's own prompt template: only the closing one is there.
pub(super) fn without_headless_reasoning(text: &str) -> Option<(&str, &str)> {
    let (reasoning, rest) = text.split_once("</think>")?;
    (!reasoning.contains("<think>")).then(|| (reasoning.trim(), rest.trim_start()))
}

fn text_piece(text: String) -> Vec<Piece> {
    if text.is_empty() { Vec::new() } else { vec![Piece::Text(text)] }
}

/// Bytes at the end of a text that may be the beginning of a tag.
fn half_tag(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|size| text.ends_with(&tag[..*size])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut think = Think::new();
        let mut all: Vec<Piece> = pieces.iter().flat_map(|piece| think.push(piece)).collect();
        all.extend(think.finish());
        let mut split = (String::new(), String::new());
        for piece in all {
            match piece {
                Piece::Text(text) => split.0 += &text,
                Piece::Reasoning(text) => split.1 += &text,
            }
        }
        split
    }

    #[test]
    fn takes_reasoning_at_the_beginning_out_of_the_text() {
        let of = |text: &str| split(&[text]);
        let pair = |text: &str, reasoning: &str| (text.to_owned(), reasoning.to_owned());
        assert_eq!(of("\n<think>why</think>\n\nbecause"), pair("because", "why"));
        assert_eq!(of("<think>a</think><thinking>b</thinking> c"), pair("c", "ab"));
        assert_eq!(of("see <think>x</think>"), pair("see <think>x</think>", ""));
        assert_eq!(of("<think>never closed"), pair("", "never closed"));
        assert_eq!(of("  plain < text"), pair("  plain < text", ""));
        assert_eq!(of("<thi"), pair("<thi", ""));
        assert_eq!(of("<think></think>"), pair("", ""));
    }

    #[test]
    fn finds_reasoning_without_an_opening_tag() {
        assert_eq!(without_headless_reasoning("hm\n</think>\n\nso"), Some(("hm", "so")));
        assert_eq!(without_headless_reasoning("a <think>b</think>"), None);
        assert_eq!(without_headless_reasoning("plain"), None);
    }

    proptest! {
        #[test]
        fn splits_the_same_however_the_text_is_cut(text in "(<think>|</think>|</thi|<thinking>|</thinking>| |\n|[a-zä<]){0,20}") {
            let characters: Vec<String> = text.chars().map(String::from).collect();
            let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
            prop_assert_eq!(split(&characters), split(&[&text]));
        }
    }
}
