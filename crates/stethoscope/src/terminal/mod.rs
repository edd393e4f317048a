//! What people see: colours, Markdown, progress, the answer.

pub(crate) mod answer;
pub(crate) mod markdown;
pub(crate) mod progress;

use crate::cli::ColorChoice;
use crate::config::environment;
use anstyle::{AnsiColor, Style};
use std::io::IsTerminal;

/// What the two streams can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Colours on stdout.
    pub(crate) out_color: bool,
    /// Colours on stderr.
    pub(crate) err_color: bool,
    /// stderr is a terminal that can redraw lines.
    pub(crate) live: bool,
    /// stdout is a terminal.
    pub(crate) out_terminal: bool,
    /// Columns.
    pub(crate) width: usize,
}

/// What a piece of text means. Meaning is never carried by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Title,
    Good,
    Bad,
    Warn,
    Dim,
    Code,
    Strong,
    Emphasis,
}

impl Paint {
    /// From the 16 ANSI colours only, so that every colour scheme stays readable.
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Title => Style::new().bold().fg_color(Some(AnsiColor::Cyan.into())),
            Self::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Self::Bad => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
            Self::Warn => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Self::Dim => Style::new().dimmed(),
            Self::Code => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Self::Strong => Style::new().bold(),
            Self::Emphasis => Style::new().italic(),
        }
    }
}

/// Wraps a text in a style, or leaves it.
pub(crate) fn paint(text: &str, paint: Paint, color: bool) -> String {
    if color {
        let style = paint.style();
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

impl Terminal {
    pub(crate) fn new(choice: ColorChoice) -> Self {
        let out_terminal = std::io::stdout().is_terminal();
        let err_terminal = std::io::stderr().is_terminal();
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let wanted = |terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let forced = environment("CLICOLOR_FORCE").is_some_and(|value| value != "0");
                environment("NO_COLOR").is_none() && !dumb && (terminal || forced)
            }
        };
        Self {
            out_color: wanted(out_terminal),
            err_color: wanted(err_terminal),
            live: err_terminal && !dumb,
            out_terminal,
            width: width(),
        }
    }

    /// A text for stderr.
    pub(crate) fn err(&self, text: &str, what: Paint) -> String {
        paint(text, what, self.err_color)
    }

    /// A text for stdout.
    pub(crate) fn out(&self, text: &str, what: Paint) -> String {
        paint(text, what, self.out_color)
    }
}

/// Columns of the terminal; 100 where there is none.
fn width() -> usize {
    const NARROWEST: usize = 40;
    const WIDEST: usize = 120;
    let from_environment = environment("COLUMNS").and_then(|columns| columns.parse().ok());
    let columns = from_environment.unwrap_or_else(textwrap::termwidth);
    columns.clamp(NARROWEST, WIDEST)
}
