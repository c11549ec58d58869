//! `faramesh policy check`: the engine's diagnostics, drawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::diagnostic::{Diagnostic, Severity};
use host::policies::names::{Named, named};

use crate::client::quoted;
use crate::diagnostics;
use crate::exit::{Exit, Failure, Outcome};
use crate::offline::{self, PolicyFiles};
use crate::screen::Screen;
use crate::text;

/// Arguments of `policy check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 no errors, 1 errors, 2 there is no policy, or a file cannot be read")]
pub(crate) struct Check {
    /// Policies, or folders of policies; `-` reads standard input [default: FARAMESH_POLICIES, else `policies`]
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,

    /// Exit with 1 for warnings too
    #[arg(long)]
    deny_warnings: bool,

    /// Print findings as GitHub workflow commands, which annotate the lines of a pull request
    #[arg(long, help_heading = "Output", conflicts_with = "format")]
    github: bool,
}

pub(crate) fn run(args: &Check, screen: &Screen) -> Outcome {
    let sets = sets(&args.paths)?;
    let mut engine = offline::engine()?;
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut count = 0_u64;
    for set in &sets {
        let loaded = engine.load(&set.sources).map_err(|error| offline::engine_failure(&error))?;
        let diagnostics = [set.mistakes.clone(), loaded.diagnostics].concat();
        if let Some(handle) = loaded.handle {
            engine.unload(handle).map_err(|error| offline::engine_failure(&error))?;
        }
        count = count.saturating_add(u64::try_from(set.sources.len()).unwrap_or(u64::MAX));
        if diagnostics::drawn(screen) {
            for found in &diagnostics {
                let (path, source) = set.place(&found.file);
                if args.github {
                    screen.data(&github(found, &path))?;
                    continue;
                }
                screen.data(&diagnostics::draw(found, &path, &source, screen.paint()))?;
                screen.data("")?;
            }
        }
        all.extend(diagnostics.into_iter().map(|mut found| {
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
    let refused = diagnostics::any_error(&all) || (args.deny_warnings && !all.is_empty());
    Ok(if refused { Exit::No } else { Exit::Done })
}

/// A finding as a workflow command: `::error file=a.yaml,line=2,col=5,title=unknown_key::unknown key ...`.
fn github(found: &Diagnostic, path: &str) -> String {
    let word = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let message = [Some(found.message.as_str()), found.help.as_deref()];
    let message = message.into_iter().flatten().collect::<Vec<_>>().join("; ");
    // A property ends at a comma or colon; `%` begins an escape.
    let data = |text: &str| text::visible(text).replace('%', "%25");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!(
        "::{word} file={},line={},endLine={},col={},endColumn={},title={}::{}",
        property(path),
        found.line,
        found.end_line,
        found.column,
        found.end_column,
        diagnostics::code(found),
        data(&message),
    )
}

/// Files of one folder are checked together, as they would be in force.
fn sets(paths: &[PathBuf]) -> Result<Vec<PolicyFiles>, Failure> {
    let standard = [offline::policies_setting()];
    let paths = if paths.is_empty() { &standard } else { paths };
    let mut sets = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            sets.push(PolicyFiles::of_folder(path)?);
        } else if named(name) == Named::Tests {
            let message = format!("{} is a file of tests", quoted(&path.to_string_lossy()));
            return Err(Failure::usage(message)
                .help(format!("run it with `faramesh policy test {}`", path.display())));
        } else {
            files.entry(path.parent().unwrap_or(Path::new("")).to_owned()).or_default().push(path.clone());
        }
    }
    for paths in files.values() {
        sets.push(PolicyFiles::of_files(paths)?);
    }
    // A check that looked at nothing must not pass.
    if sets.iter().all(|set| set.sources.is_empty() && set.mistakes.is_empty()) {
        let folders: Vec<_> = paths.iter().map(|path| quoted(&path.to_string_lossy())).collect();
        let message = format!("there is no policy in {}", folders.join(", "));
        return Err(Failure::usage(message).help("policies are files that end in `.yaml` or `.yml`"));
    }
    Ok(sets)
}
