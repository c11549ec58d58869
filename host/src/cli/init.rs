//! `faramesh init`: a first policy with its tests, and the settings as comments. What is there already stays.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::client::quoted;
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to set up
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The files, and what is in them.
const FILES: [(&str, &str); 3] = [
    ("policies/starter.yaml", include_str!("init/starter.yaml")),
    ("policies/starter.test.yaml", include_str!("init/starter.test.yaml")),
    (".env.example", include_str!("../../../.env.example")),
];

pub(crate) fn run(args: &Init, screen: &Screen) -> Outcome {
    let mut done = Vec::new();
    for (name, content) in FILES {
        let path = if args.dir == Path::new(".") { PathBuf::from(name) } else { args.dir.join(name) };
        let written = write_new(&path, content).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", quoted(&path.to_string_lossy())))
        })?;
        done.push((path, written));
    }
    match screen.format() {
        Format::Table => {
            for (path, written) in &done {
                let word = if *written { "wrote" } else { "kept " };
                let why = if *written { "" } else { " (it was there already)" };
                screen.data(&format!("{word} {}{why}", path.display()))?;
            }
            let inside = if args.dir == Path::new(".") {
                String::new()
            } else {
                format!("`cd {}`, ", args.dir.display())
            };
            screen.message(&format!("next: {inside}`faramesh policy test`, then `faramesh server start`"));
        }
        Format::Json | Format::Jsonl | Format::Yaml => {
            let files: Vec<_> =
                done.iter().map(|(path, written)| json!({ "file": path, "written": written })).collect();
            screen.list(&files)?;
        }
    }
    Ok(Exit::Done)
}

/// Writes a file that is not there yet; whether it did.
fn write_new(path: &Path, content: &str) -> std::io::Result<bool> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    match std::fs::File::create_new(path) {
        Ok(mut file) => file.write_all(content.as_bytes()).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
