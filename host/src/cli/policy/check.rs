//! `faramesh policy check`: the engine's diagnostics, drawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::diagnostic::Diagnostic;

use crate::cli::diagnostics;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::offline::{self, PolicyFiles};
use crate::cli::screen::Screen;
use crate::cli::text;

/// Arguments of `policy check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 no errors, 1 errors, 2 a file cannot be read")]
pub(crate) struct Check {
    /// Policies, or folders of policies [default: FARAMESH_POLICIES, else `policies`]
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

pub(crate) fn run(args: &Check, screen: &Screen) -> Outcome {
    let sets = sets(&args.paths)?;
    let mut engine = offline::engine()?;
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut count = 0_u64;
    for set in &sets {
        let loaded = engine.load(&set.sources).map_err(|error| offline::engine_failure(&error))?;
        if let Some(handle) = loaded.handle {
            engine.unload(handle).map_err(|error| offline::engine_failure(&error))?;
        }
        count = count.saturating_add(u64::try_from(set.sources.len()).unwrap_or(u64::MAX));
        if diagnostics::drawn(screen) {
            for found in &loaded.diagnostics {
                let (path, source) = set.place(&found.file);
                screen.data(&diagnostics::draw(found, &path, &source, screen.paint()))?;
                screen.data("")?;
            }
        }
        all.extend(loaded.diagnostics.into_iter().map(|mut found| {
            found.file = set.place(&found.file).0;
            found
        }));
    }
    if diagnostics::drawn(screen) {
        let files = text::counted(count, "policy file");
        screen.data(&format!("{files}: {}", diagnostics::counted(&all)))?;
    } else {
        let values = all.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        screen.list(&values.unwrap_or_default())?;
    }
    Ok(if diagnostics::any_error(&all) { Exit::No } else { Exit::Done })
}

/// Files of one folder are checked together, as they would be in force.
fn sets(paths: &[PathBuf]) -> Result<Vec<PolicyFiles>, Failure> {
    let standard = [offline::policies_setting()];
    let paths = if paths.is_empty() { &standard } else { paths };
    let mut sets = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            sets.push(PolicyFiles::of_folder(path)?);
        } else {
            files.entry(path.parent().unwrap_or(Path::new("")).to_owned()).or_default().push(path.clone());
        }
    }
    for paths in files.values() {
        sets.push(PolicyFiles::of_files(paths)?);
    }
    Ok(sets)
}
