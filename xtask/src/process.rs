//! Starting other programs.
//!
//! Arguments are passed as they are; no shell is involved.

use crate::error::{Error, Result, While};
use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

/// Says what happens next. Every command calls this before it does something that takes time.
pub(crate) fn say(what: &str) {
    println!("==> {what}");
}

/// The cargo that started this program, or else the one on `PATH`.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs `command` to its end with its output shown.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().while_trying_to(|| format!("start `{shown}`"))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("`{shown}` failed ({status})"))) }
}

/// Runs `command` to its end and returns its output; its errors are shown.
///
/// # Errors
/// When it cannot be started, does not succeed, or prints something that is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stderr(Stdio::inherit()).output().while_trying_to(|| format!("start `{shown}`"))?;
    if !output.status.success() {
        return Err(Error::new(format!("`{shown}` failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).while_trying_to(|| format!("read what `{shown}` printed"))
}

/// Whether `command` can be started and succeeds; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn show(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}
