//! Progress on stderr: one line a tool call, with its time; the model's text block by block.

use super::markdown::{Blocks, Look, render};
use super::{Paint, Terminal};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};
use stethoscope_agent::Observer;
use stethoscope_core::event::{Event, EventKind, Outcome};
use stethoscope_core::text::sanitize;
use unicode_width::UnicodeWidthChar;

/// Columns of the mark, of spaces and of an ellipsis.
const MARGIN: usize = 5;
/// Columns that a summary gets even where they do not fit.
const SHORTEST_SUMMARY: usize = 24;

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Nothing.
    Nothing,
    /// Lines and the model's text.
    Progress,
    /// Events as JSON lines on stdout, nothing else.
    JsonLines,
}

/// Shows an investigation as it goes.
pub(crate) struct Progress {
    terminal: Terminal,
    show: Show,
    bars: MultiProgress,
    running: BTreeMap<String, Running>,
    blocks: Blocks,
    /// The first write to stdout that failed, for `jsonl`.
    pub(crate) broken: Option<std::io::Error>,
}

struct Running {
    bar: Option<ProgressBar>,
    line: String,
    started: Instant,
    took: Option<Duration>,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal, show: Show) -> Self {
        Self {
            terminal,
            show,
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
            blocks: Blocks::default(),
            broken: None,
        }
    }

    /// A line above the live ones.
    fn say(&self, line: &str) {
        if self.terminal.live {
            let _ = self.bars.println(line);
        } else {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    fn started(&mut self, call_id: &str, tool: &str, arguments: &str) {
        // Half the line is for what is asked, half for what came of it.
        let line = brief(&format!("{tool} {arguments}"), self.terminal.width / 2);
        let bar = self.terminal.live.then(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(line.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        self.running.insert(call_id.to_owned(), Running { bar, line, started: now(), took: None });
    }

    fn finished(
        &mut self,
        call_id: &str,
        tool: &str,
        evidence: Option<String>,
        outcome: Outcome,
        summary: &str,
    ) {
        let (line, took) = match self.running.remove(call_id) {
            Some(running) => {
                if let Some(bar) = running.bar {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                (running.line, Some(running.took.unwrap_or_else(|| running.started.elapsed())))
            }
            None => (tool.to_owned(), None),
        };
        let (mark, what) = match outcome {
            Outcome::Ok => ("✓", Paint::Good),
            Outcome::Error => ("✗", Paint::Bad),
            Outcome::Skipped => ("–", Paint::Dim),
        };
        let took = took.map(|took| format!(" · {} ms", took.as_millis())).unwrap_or_default();
        let id = evidence.map(|id| format!("{id} ")).unwrap_or_default();
        let used = line.chars().count() + id.chars().count() + took.chars().count() + MARGIN;
        let summary = brief(summary, self.terminal.width.saturating_sub(used).max(SHORTEST_SUMMARY));
        let tail = self.terminal.err(&format!("{id}{summary}{took}"), Paint::Dim);
        self.say(&format!("{} {line} {tail}", self.terminal.err(mark, what)));
    }

    fn text(&mut self, piece: &str) {
        for block in self.blocks.push(piece) {
            self.show_block(&block);
        }
    }

    fn flush_text(&mut self) {
        if let Some(block) = self.blocks.finish() {
            self.show_block(&block);
        }
    }

    fn show_block(&self, block: &str) {
        let look = Look { width: self.terminal.width, color: self.terminal.err_color };
        let text = render(&sanitize(block), look);
        self.say(text.trim_end());
    }

    fn show(&mut self, kind: &EventKind) {
        if !matches!(kind, EventKind::ModelDelta { .. }) {
            self.flush_text();
        }
        match kind {
            EventKind::Started { model, .. } => {
                self.say(&self.terminal.err(&format!("asking {model}, read-only"), Paint::Dim));
            }
            EventKind::ModelDelta { text } => self.text(text),
            EventKind::ToolStarted { call_id, tool, arguments } => self.started(call_id, tool, arguments),
            EventKind::ToolFinished { call_id, tool, evidence, outcome, summary } => {
                self.finished(call_id, tool, evidence.map(|id| id.to_string()), *outcome, summary);
            }
            // Shown with the answer, ranked; one by one they would only be noise.
            EventKind::Finding { .. } => {}
            EventKind::Compacted { tokens_before, tokens_after } => {
                let text = format!("conversation shortened from {tokens_before} to {tokens_after} tokens");
                self.say(&self.terminal.err(&text, Paint::Dim));
            }
            EventKind::Retrying { attempt, after_seconds, reason } => {
                let text = format!("model: try {attempt} failed ({reason}); again in {after_seconds:.1} s");
                self.say(&self.terminal.err(&sanitize(&text), Paint::Warn));
            }
            EventKind::Answer { .. } => self.clear(),
            EventKind::Failed { error } => {
                self.clear();
                self.say(&format!("{} {}", self.terminal.err("error:", Paint::Bad), sanitize(error)));
            }
        }
    }

    fn clear(&mut self) {
        for (_, running) in std::mem::take(&mut self.running) {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        match self.show {
            Show::Nothing => {}
            Show::Progress => self.show(&event.kind),
            Show::JsonLines => {
                let line = serde_json::to_string(event).map_err(std::io::Error::other);
                let written = line.and_then(|line| writeln!(std::io::stdout(), "{line}"));
                if let Err(error) = written {
                    self.broken.get_or_insert(error);
                }
            }
        }
    }

    fn call_ended(&mut self, call_id: &str) {
        if let Some(running) = self.running.get_mut(call_id) {
            running.took = Some(running.started.elapsed());
        }
    }
}

/// The live display is the one place that measures real time; nothing of it enters the transcript.
fn now() -> Instant {
    Instant::now()
}

/// The first line of a text, cut to so many columns.
fn brief(text: &str, columns: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut out = String::new();
    let mut used = 0;
    for c in line.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}
