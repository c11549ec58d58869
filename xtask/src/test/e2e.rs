//! The steps of the dashboard: everything in `tests/e2e`, in Chromium against the built server.
//!
//! It builds neither of them; the steps before it do.

use super::Stopped;
use super::js;
use super::steps::Steps;
use crate::process;
use crate::workspace::Workspace;
use std::process::Command;

pub(super) fn steps(workspace: &Workspace, steps: &mut Steps) -> std::result::Result<(), Stopped> {
    let folder = workspace.root.join("tests/e2e");
    steps.must("node and chromium for the dashboard", || {
        js::ensure_node()?;
        js::ensure_browser()?;
        js::install(&folder)
    })?;
    steps.run("dashboard in chromium", || {
        process::run(
            Command::new("node")
                .arg("run.mjs")
                .current_dir(&folder)
                .env("FARAMESH_BIN", workspace.binary("debug"))
                .env("FARAMESH_DASHBOARD", workspace.dashboard()),
        )
    });
    Ok(())
}
