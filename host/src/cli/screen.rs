//! Where output goes and how it looks: the format, colours, and whether symbols beyond ASCII are understood.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use engine::decision::Outcome;
use serde_json::Value;

use super::{text, yaml};

/// How data is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// YAML
    Yaml,
}

/// When colours are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
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

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
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
    /// Finds out what the terminal can do.
    pub(crate) fn new(format: Format, color: ColorChoice) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let wanted = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if variable("NO_COLOR").is_some() => false,
            ColorChoice::Auto if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorChoice::Auto => terminal && variable("TERM").is_none_or(|term| term != "dumb"),
        };
        let terminal = io::stdout().is_terminal();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Screen {
            format,
            paint: Paint { on: wanted(terminal) },
            message_paint: Paint { on: wanted(io::stderr().is_terminal()) },
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

    /// Writes a line to standard error. That it cannot be written is nothing anybody could be told.
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

    /// Prints JSON that somebody else wrote: byte for byte, except that a terminal is shown escapes instead of
    /// characters that could steer it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn json(&self, json: &str) -> io::Result<()> {
        if self.terminal { self.data(&text::visible_json(json)) } else { self.data(json) }
    }
}
