//! Where output goes and how it looks: the format, colours, and whether symbols beyond ASCII are understood.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::AutoStream;
use anstyle::{AnsiColor, Effects, Style};
use clap::ValueEnum;
use engine::decision::Outcome;
use serde_json::Value;

use super::{text, yaml};

/// How data is printed. The words have no descriptions, so that help lists them in one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
    // One document a line.
    Jsonl,
    Yaml,
}

/// When colours are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    Always,
    Never,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// No colours.
    #[cfg(test)]
    pub(crate) const PLAIN: Paint = Paint { on: false };

    fn wrap(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn color(self, color: AnsiColor, text: &str) -> String {
        self.wrap(color.on_default(), text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap(Style::new().dimmed(), text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap(AnsiColor::Red.on_default() | Effects::BOLD, text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.color(AnsiColor::Green, text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.color(AnsiColor::Yellow, text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.color(AnsiColor::Cyan, text)
    }

    /// The colour of an outcome. Never the only sign of it: [`Screen::badge`] adds a word and a symbol.
    pub(crate) fn outcome(self, outcome: Outcome, text: &str) -> String {
        match outcome {
            Outcome::Execute => self.green(text),
            Outcome::Abstain => self.yellow(text),
            Outcome::Halt => self.red(text),
        }
    }

    /// Whether colours are printed.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }
}

/// Standard output and standard error, and how to write to them.
#[derive(Debug)]
pub(crate) struct Screen {
    format: Format,
    paint: Paint,
    message_paint: Paint,
    unicode: bool,
    terminal: bool,
}

impl Screen {
    /// Finds out the abilities of the terminal.
    pub(crate) fn new(format: Format, color: ColorChoice) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let wanted = |usual: anstream::ColorChoice| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => usual != anstream::ColorChoice::Never,
        };
        let terminal = io::stdout().is_terminal();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Screen {
            format,
            paint: Paint { on: wanted(AutoStream::choice(&io::stdout())) },
            message_paint: Paint { on: wanted(AutoStream::choice(&io::stderr())) },
            unicode: cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8"),
            terminal,
        }
    }

    /// The format asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Colours for data.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Colours for messages.
    pub(crate) fn message_paint(&self) -> Paint {
        self.message_paint
    }

    /// Whether data goes to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The first where symbols beyond ASCII are understood, else the second.
    pub(crate) fn symbol(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// The symbol of an outcome.
    pub(crate) fn outcome_symbol(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Execute => self.symbol("✓", "+"),
            Outcome::Abstain => self.symbol("◷", "~"),
            Outcome::Halt => self.symbol("✗", "x"),
        }
    }

    /// `✓ EXECUTE`, without colour.
    pub(crate) fn badge(&self, outcome: Outcome) -> String {
        format!("{} {}", self.outcome_symbol(outcome), outcome.as_str())
    }

    /// Writes data and a line break to standard output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes a line to standard error. If that fails, there is no one to report it to.
    pub(crate) fn message(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = err.write_all(b"\n");
        }
    }

    /// Prints one document in the format asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn value(&self, value: &Value) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Json => self.json(&format!("{value:#}")),
            Format::Jsonl => self.json(&value.to_string()),
            Format::Yaml => self.data(&yaml::print(value)),
        }
    }

    /// Prints a list in the format asked for: one document, or a line for each item.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn list(&self, items: &[Value]) -> io::Result<()> {
        match self.format {
            Format::Jsonl => items.iter().try_for_each(|item| self.json(&item.to_string())),
            Format::Table | Format::Json | Format::Yaml => self.value(&Value::Array(items.to_vec())),
        }
    }

    /// Prints JSON from elsewhere: byte for byte, except that a terminal gets escapes instead of characters that could
    /// control it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn json(&self, json: &str) -> io::Result<()> {
        if self.terminal { self.data(&text::visible_json(json)) } else { self.data(json) }
    }
}
