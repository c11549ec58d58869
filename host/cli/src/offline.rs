//! Policies and the engine without a server: folders read, the module loaded, one call a document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::diagnostic::Diagnostic;
use engine::policy::PolicySource;
use host::policies::folder;
use runtime::{Instance, Module, RuntimeError};

use super::client::quoted;
use super::diagnostics;
use super::exit::Failure;
use super::input::{self, unreadable};
use super::screen::Screen;
use super::settings::cache_dir;

/// The engine, ready to decide.
///
/// # Errors
/// When the module cannot be run on this machine.
pub(crate) fn engine() -> Result<Instance, Failure> {
    Module::embedded(cache_dir().as_deref())
        .and_then(|module| module.instance())
        .map_err(|error| engine_failure(&error))
}

/// The engine did not answer. Nothing was decided, which callers treat as `HALT`.
pub(crate) fn engine_failure(error: &RuntimeError) -> Failure {
    let message = match error {
        RuntimeError::Refused(refusal) => refusal.message.clone(),
        error => format!("the engine failed: {error}"),
    };
    Failure::refused(message).help("nothing was decided; treat this as `HALT`")
}

/// The engine's answer is not of the type that it has.
pub(crate) fn unreadable_answer(error: &serde_json::Error) -> Failure {
    Failure::refused(format!("the engine's answer cannot be read: {error}"))
        .help("nothing was decided; treat this as `HALT`")
}

/// The folder of policies that the settings name.
pub(crate) fn policies_setting() -> PathBuf {
    std::env::var_os("FARAMESH_POLICIES")
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "policies".into())
        .into()
}

/// Policy files that belong together, and where they were read from.
#[derive(Debug, Default)]
pub(crate) struct PolicyFiles {
    /// The files, by name.
    pub(crate) sources: Vec<PolicySource>,
    /// The files of the folder that were meant to be read and are not.
    pub(crate) mistakes: Vec<Diagnostic>,
    paths: BTreeMap<String, PathBuf>,
}

impl PolicyFiles {
    /// Reads every policy of a folder, as a server does.
    ///
    /// # Errors
    /// When the folder cannot be read, or is a file.
    pub(crate) fn of_folder(dir: &Path) -> Result<Self, Failure> {
        if dir.is_file() {
            let help = match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                Some(parent) => format!("name the folder that it is in: `{}`", parent.display()),
                None => "name the folder that it is in: `.`".to_owned(),
            };
            let message =
                format!("{} is a file, and policies are read from a folder", quoted(&dir.to_string_lossy()));
            return Err(Failure::usage(message).help(help));
        }
        let listing = folder::read(dir).map_err(|error| unreadable(&dir.to_string_lossy(), &error))?;
        let names = listing.sources.iter().map(|source| &source.name);
        let names = names.chain(listing.mistakes.iter().map(|found| &found.file));
        let paths = names.map(|name| (name.clone(), dir.join(name))).collect();
        Ok(PolicyFiles { sources: listing.sources, mistakes: listing.mistakes, paths })
    }

    /// Reads these files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn of_files(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut files = PolicyFiles::default();
        for path in paths {
            files.add(path)?;
        }
        Ok(files)
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.to_string_lossy();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::usage(format!("{} is not the name of a policy", quoted(&shown))));
        };
        if self.paths.insert(name.to_owned(), path.to_owned()).is_some() {
            return Ok(());
        }
        let content = input::read(&shown)?;
        self.sources.push(PolicySource { name: name.to_owned(), content });
        Ok(())
    }

    /// Where the file `name` was read from, and its text.
    pub(crate) fn place(&self, name: &str) -> (String, String) {
        let path = self.paths.get(name).map_or_else(|| name.to_owned(), |path| path.display().to_string());
        let source = self.sources.iter().find(|source| source.name == name);
        (
            path,
            source.map_or_else(String::new, |source| String::from_utf8_lossy(&source.content).into_owned()),
        )
    }

    /// Loads the files into `engine`, and prints their faults on standard error.
    ///
    /// # Errors
    /// When a file has an error: then there is nothing to decide under.
    pub(crate) fn load(&self, engine: &mut Instance, screen: &Screen) -> Result<u32, Failure> {
        let loaded = engine.load(&self.sources).map_err(|error| engine_failure(&error))?;
        let errors: Vec<Diagnostic> = loaded
            .diagnostics
            .into_iter()
            .filter(|found| diagnostics::any_error(std::slice::from_ref(found)))
            .collect();
        let errors = [self.mistakes.as_slice(), &errors].concat();
        diagnostics::report(screen, &errors, |file| self.place(file));
        loaded.handle.filter(|_| self.mistakes.is_empty()).ok_or_else(|| {
            Failure::refused("the policies have errors, so nothing is decided under them")
                .help("`faramesh policy check` says more")
        })
    }
}
