//! Markdown on a terminal: whole documents, and streams of pieces that are shown block by block.

use super::{Paint, paint};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use unicode_width::UnicodeWidthStr;

/// How to show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Columns.
    pub(crate) width: usize,
    /// Whether to use styles.
    pub(crate) color: bool,
}

/// Cuts a stream of pieces into blocks (paragraphs, lists, fences, tables) that can be shown for good.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pending: String,
}

impl Blocks {
    /// Takes a piece and gives the blocks that are complete now.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<String> {
        self.pending.push_str(piece);
        let mut blocks = Vec::new();
        while let Some(end) = block_end(&self.pending) {
            let rest = self.pending.split_off(end);
            let block = std::mem::replace(&mut self.pending, rest);
            if !block.trim().is_empty() {
                blocks.push(block);
            }
        }
        blocks
    }

    /// What is left at the end of the stream.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.pending);
        (!rest.trim().is_empty()).then_some(rest)
    }
}

/// Where the first complete block ends: after a blank line outside a code fence, when something follows it.
fn block_end(text: &str) -> Option<usize> {
    let mut fence: Option<&str> = None;
    let mut content = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.ends_with('\n') {
            return None;
        }
        let trimmed = line.trim();
        at += line.len();
        match fence {
            Some(mark) if trimmed.starts_with(mark) => fence = None,
            Some(_) => {}
            None if trimmed.starts_with("```") => {
                fence = Some("```");
                content = true;
            }
            None if trimmed.starts_with("~~~") => {
                fence = Some("~~~");
                content = true;
            }
            None if trimmed.is_empty() && content => return Some(at),
            None => content |= !trimmed.is_empty(),
        }
    }
    None
}

/// Renders a Markdown text. The result ends with a newline unless it is empty.
pub(crate) fn render(markdown: &str, look: Look) -> String {
    let mut renderer = Renderer { look, ..Renderer::default() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        renderer.event(event);
    }
    renderer.finish()
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 100, color: false }
    }
}

#[derive(Default)]
struct Renderer {
    look: Look,
    out: String,
    /// Inline text of the block being read, styled.
    inline: String,
    /// Styles in force, outermost first.
    styles: Vec<Paint>,
    /// Open lists: the next number, or none for bullets.
    lists: Vec<Option<u64>>,
    /// The marker of the item being read, shown once.
    marker: Option<String>,
    quotes: usize,
    code: Option<String>,
    link: Option<String>,
    table: Vec<Vec<String>>,
    in_table: bool,
}

impl Renderer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.styled(&text),
            },
            Event::Code(text) => {
                self.styles.push(Paint::Code);
                let shown = if self.look.color { text.to_string() } else { format!("`{text}`") };
                self.styled(&shown);
                self.styles.pop();
            }
            Event::SoftBreak => self.inline.push(' '),
            Event::HardBreak => self.inline.push('\n'),
            Event::Rule => {
                self.gap();
                self.out.push_str(&"─".repeat(self.look.width.min(40)));
                self.out.push('\n');
            }
            // Untrusted text may hold HTML; it is shown as it stands.
            Event::Html(text) | Event::InlineHtml(text) => self.styled(&text),
            Event::FootnoteReference(text) => self.styled(&text),
            Event::TaskListMarker(done) => self.styled(if done { "[x] " } else { "[ ] " }),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.styled(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.gap();
                self.styles.push(Paint::Title);
            }
            Tag::Paragraph => {
                if self.lists.is_empty() {
                    self.gap();
                }
            }
            Tag::BlockQuote(_) => {
                self.gap();
                self.quotes += 1;
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.code = Some(String::new());
            }
            Tag::List(start) => {
                self.flush();
                if self.lists.is_empty() {
                    self.gap();
                }
                self.lists.push(start);
            }
            Tag::Item => {
                self.flush();
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number += 1;
                        marker
                    }
                    _ => "• ".to_owned(),
                });
            }
            Tag::Emphasis => self.styles.push(Paint::Emphasis),
            Tag::Strong => self.styles.push(Paint::Strong),
            Tag::Strikethrough => self.styles.push(Paint::Dim),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some(dest_url.to_string());
            }
            Tag::Table(_) => {
                self.gap();
                self.in_table = true;
                self.table.clear();
            }
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link | TagEnd::Image => {
                if let Some(url) = self.link.take()
                    && !url.is_empty()
                    && !self.inline.ends_with(&url)
                {
                    self.styled(&format!(" ({url})"));
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                if let Some(row) = self.table.last_mut() {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.show_table(),
            _ => {}
        }
    }

    fn styled(&mut self, text: &str) {
        match self.styles.last() {
            // Word by word, so that wrapping never leaves a style open across lines.
            Some(&style) if self.look.color => {
                for (index, word) in text.split(' ').enumerate() {
                    if index > 0 {
                        self.inline.push(' ');
                    }
                    if !word.is_empty() {
                        self.inline.push_str(&paint(word, style, true));
                    }
                }
            }
            _ => self.inline.push_str(text),
        }
    }

    fn indent(&self) -> String {
        format!("{}{}", "│ ".repeat(self.quotes), "   ".repeat(self.lists.len().saturating_sub(1)))
    }

    /// Writes the inline text read so far as a wrapped block.
    fn flush(&mut self) {
        if self.in_table {
            return;
        }
        let text = std::mem::take(&mut self.inline);
        if text.trim().is_empty() && self.marker.is_none() {
            return;
        }
        let indent = self.indent();
        let (first, rest) = match self.marker.take() {
            Some(marker) => (format!("{indent}{marker}"), format!("{indent}{}", " ".repeat(marker.width()))),
            None if self.lists.is_empty() => (indent.clone(), indent),
            None => (format!("{indent}   "), format!("{indent}   ")),
        };
        // Names hold hyphens; a line never breaks inside one.
        let options = textwrap::Options::new(self.look.width)
            .initial_indent(&first)
            .subsequent_indent(&rest)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        for line in text.lines() {
            for wrapped in textwrap::wrap(line.trim_end(), &options) {
                self.out.push_str(wrapped.trim_end());
                self.out.push('\n');
            }
        }
    }

    fn code_block(&mut self) {
        let Some(code) = self.code.take() else { return };
        if self.lists.is_empty() {
            self.gap();
        }
        let indent = format!("{}{}    ", self.indent(), if self.lists.is_empty() { "" } else { "   " });
        for line in code.lines() {
            self.out.push_str(&indent);
            self.out.push_str(&paint(line, Paint::Code, self.look.color));
            self.out.push('\n');
        }
    }

    fn show_table(&mut self) {
        self.in_table = false;
        let rows = std::mem::take(&mut self.table);
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| visible_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - visible_width(cell) + 2));
            }
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
    }

    /// A blank line before the next block, if there is one before it.
    fn gap(&mut self) {
        self.flush();
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.out
    }
}

/// Columns of a text without its styles.
fn visible_width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const DOCUMENT: &str = "# Title\n\nA *short* paragraph with `code`.\n\n- one\n- two\n  - inner\n\n1. first\n2. second\n\n```sh\nkubectl get pods\n\n  -n shop\n```\n\n| a | bb |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\nlast";

    #[test]
    fn renders_a_document_without_colour() {
        insta::assert_snapshot!(render(DOCUMENT, Look { width: 60, color: false }));
    }

    #[test]
    fn any_chunking_gives_the_same_blocks() {
        let mut whole = Blocks::default();
        let mut expected = whole.push(DOCUMENT);
        expected.extend(whole.finish());
        for size in 1..DOCUMENT.len() {
            let mut blocks = Blocks::default();
            let mut got = Vec::new();
            for piece in DOCUMENT.as_bytes().chunks(size) {
                got.extend(blocks.push(std::str::from_utf8(piece).unwrap()));
            }
            got.extend(blocks.finish());
            assert_eq!(got, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_fence_with_a_blank_line_stays_one_block() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.push("```\na\n\nb\n```\n"), Vec::<String>::new());
        assert_eq!(blocks.push("\n"), vec!["```\na\n\nb\n```\n\n".to_owned()]);
    }

    #[test]
    fn long_lines_wrap_under_their_marker() {
        let text = render("- alpha beta gamma delta", Look { width: 14, color: false });
        assert_eq!(text, "• alpha beta\n  gamma delta\n");
    }
}
