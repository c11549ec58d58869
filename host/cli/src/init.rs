//! `faramesh init`: a first policy with its tests and its schema, and the settings as comments. Existing files
//! are kept, except that `.gitignore` gets entries for the folder with the database and the admin key.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::client::quoted;
use super::exit::{Exit, Failure, Outcome};
use super::policy::SCHEMA;
use super::screen::{Format, Screen};

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to set up
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The files, and what is in them.
const FILES: [(&str, &str); 4] = [
    ("policies/starter.yaml", include_str!("init/starter.yaml")),
    ("policies/starter.test.yaml", include_str!("init/starter.test.yaml")),
    ("policies/policy.schema.json", SCHEMA),
    (".env.example", include_str!("../../../.env.example")),
];

/// Paths that git must ignore: the first contains the admin key, and the second may contain keys.
const IGNORED: [&str; 2] = ["/.faramesh", "/.env"];

/// The result for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Wrote,
    Added,
    Kept,
}

pub(crate) fn run(args: &Init, screen: &Screen) -> Outcome {
    let mut done = Vec::new();
    let place = |name: &str| if args.dir == Path::new(".") { name.into() } else { args.dir.join(name) };
    let fail = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("{} cannot be written: {error}", quoted(&path.to_string_lossy())))
    };
    for (name, content) in FILES {
        let path = place(name);
        let written = write_new(&path, content).map_err(|error| fail(&path, error))?;
        done.push((path, if written { Done::Wrote } else { Done::Kept }));
    }
    let path = place(".gitignore");
    let ignored = ignore(&path).map_err(|error| fail(&path, error))?;
    done.push((path, ignored));
    match screen.format() {
        Format::Table => {
            for (path, what) in &done {
                let (word, why) = match what {
                    Done::Wrote => ("wrote", ""),
                    Done::Added => ("added", " (lines for `.faramesh` and `.env`)"),
                    Done::Kept => ("kept ", " (it was there already)"),
                };
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
            let value =
                |(path, what): &(PathBuf, Done)| json!({ "file": path, "written": *what != Done::Kept });
            let files: Vec<_> = done.iter().map(value).collect();
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

/// Adds the lines to `.gitignore` that it lacks.
fn ignore(path: &Path) -> std::io::Result<Done> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let text = before.as_deref().unwrap_or_default();
    let is_there = |name: &&str| {
        let bare = |line: &str| line.trim().trim_matches('/').to_owned();
        text.lines().any(|line| bare(line) == bare(name))
    };
    let lines: String =
        IGNORED.iter().filter(|name| !is_there(name)).map(|name| format!("{name}\n")).collect();
    if lines.is_empty() {
        return Ok(Done::Kept);
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{end}{lines}").as_bytes()))?;
    Ok(if before.is_some() { Done::Added } else { Done::Wrote })
}
