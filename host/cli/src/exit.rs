//! How a command ends: an exit code, or a sentence with advice.

use std::process::ExitCode;

use serde_json::Value;

use super::screen::{Format, Screen};
use super::text;

/// The result of a command.
pub(crate) type Outcome = Result<Exit, Failure>;

/// The exit codes. They are part of the interface: scripts branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Executed, valid, done.
    Done,
    /// Denied, invalid, refused.
    No,
    /// Wrong usage, or a file that cannot be read.
    Usage,
    /// Held for approval.
    Held,
    /// No server, or one that could not answer.
    Unreachable,
}

impl Exit {
    /// The code for an outcome. An outcome is never read from a word without [`super::text::outcome`], which takes
    /// unknown words for `HALT`.
    pub(crate) fn of(outcome: engine::decision::Outcome) -> Exit {
        match outcome {
            engine::decision::Outcome::Execute => Exit::Done,
            engine::decision::Outcome::Abstain => Exit::Held,
            engine::decision::Outcome::Halt => Exit::No,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
            Exit::Unreachable => 4,
        })
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    help: Option<String>,
    /// The server's own problem document, for `-o json`.
    problem: Option<Value>,
    /// Nothing is said: the reader of our output went away.
    quiet: bool,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), help: None, problem: None, quiet: false }
    }

    /// The arguments are wrong, or a file they name cannot be read.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message)
    }

    /// It was refused, or it did not work.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Failure::new(Exit::No, message)
    }

    /// There is no answer.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Failure::new(Exit::Unreachable, message)
    }

    /// Adds advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the line of a file with many actions at which it happened, and how many behind it were not looked at.
    pub(crate) fn at_line(mut self, line: usize, left: usize) -> Self {
        self.message = match left {
            0 => format!("line {line} of the file: {}", self.message),
            1 => format!("line {line} of the file: {}; the action behind it was not submitted", self.message),
            left => format!(
                "line {line} of the file: {}; the {left} actions behind it were not submitted",
                self.message
            ),
        };
        self
    }

    /// Adds the server's problem document.
    pub(crate) fn problem(mut self, problem: Value) -> Self {
        self.problem = Some(problem);
        self
    }

    /// The code of the server's problem document.
    pub(crate) fn code(&self) -> Option<&str> {
        self.problem.as_ref()?.get("code")?.as_str()
    }

    /// The same failure in another sentence.
    pub(crate) fn because(mut self, message: String) -> Self {
        self.message = message;
        self
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The sentence and the advice.
    pub(crate) fn sentences(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        }
    }

    /// How the program will end.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Says what happened on standard error, and gives the code to end with.
    pub(crate) fn report(&self, screen: &Screen) -> Exit {
        if self.quiet {
            return self.exit;
        }
        if let (Format::Json | Format::Jsonl | Format::Yaml, Some(problem)) = (screen.format(), &self.problem)
        {
            // A failure to print while reporting a failure leaves nothing more to say.
            let _ = screen.value(problem);
        }
        let paint = screen.message_paint();
        screen.message(&format!("{}: {}", paint.red("error"), text::visible(&self.message)));
        if let Some(help) = &self.help {
            screen.message(&format!(" {}: {}", paint.cyan("help"), text::visible(help)));
        }
        self.exit
    }
}

impl From<std::io::Error> for Failure {
    /// An error of writing to standard output. A closed reader, such as `head`, is not worth a message; the exit code
    /// is still not 0, because the outcome was not delivered.
    fn from(error: std::io::Error) -> Self {
        let quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        Failure { quiet, ..Failure::refused(format!("the output cannot be written: {error}")) }
    }
}
