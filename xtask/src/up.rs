//! `cargo xtask up`: the server of this checkout, built when something changed.
//!
//! When nothing did, no cargo is started: the newest change under the sources is compared with the start of the last
//! build that succeeded. The server's own defaults and `.env` say which database and which policies it uses.

use crate::error::{Error, Result, While};
use crate::workspace::{self, Workspace};
use crate::{build, process};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// The sources of the binary. The playground's sample is missing on purpose: editing a policy needs no new build.
const SOURCES: &[&str] = &[
    "engine",
    "host",
    "policies/policy.schema.json",
    "web",
    "xtask",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "rust-toolchain.toml",
];

/// Builds when needed, then becomes `faramesh server start ARGUMENTS`.
///
/// # Errors
/// When the build fails or the server cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let binary = workspace.binary("release");
    let stamp = workspace.target.join("release/.faramesh-built");
    if !is_fresh(workspace, &binary, &stamp)? {
        // The stamp gets its time before the build starts: a file saved during the build is newer than it.
        let started = stamp.with_extension("started");
        if let Some(folder) = stamp.parent() {
            fs::create_dir_all(folder).while_trying_to(|| format!("make `{}`", folder.display()))?;
        }
        File::create(&started).while_trying_to(|| format!("write `{}`", started.display()))?;
        build::run(workspace)?;
        fs::rename(&started, &stamp).while_trying_to(|| format!("write `{}`", stamp.display()))?;
    }
    process::say("starting the server of this checkout; Ctrl-C stops it");
    let mut server = Command::new(&binary);
    server.args(["server", "start"]).args(arguments).current_dir(&workspace.root);
    become_process(&mut server)
}

fn is_fresh(workspace: &Workspace, binary: &Path, stamp: &Path) -> Result<bool> {
    if !binary.is_file() || !stamp.is_file() || !workspace.engine_module().is_file() {
        return Ok(false);
    }
    let built = workspace::modified(stamp)?;
    for source in SOURCES {
        if workspace::last_change(&workspace.root.join(source))? >= built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// On Unix the server takes this process's place, so that signals and the exit code are its own.
#[cfg(unix)]
fn become_process(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Error::new(format!("could not start the server: {error}")))
}

#[cfg(not(unix))]
fn become_process(command: &mut Command) -> Result<()> {
    process::run(command).map_err(|error| Error::new(format!("the server stopped: {error}")))
}
