//! Policies and the engine without a server: folders read, the module loaded, one call a document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::diagnostic::Diagnostic;
use host::config;
use host::policies::folder;
use host::runtime::{Instance, Module, RuntimeError};
use host::store::PolicySource;

use super::client::quoted;
use super::diagnostics;
use super::exit::Failure;
use super::input::unreadable;
use super::screen::Screen;

/// The engine, ready to decide.
///
/// # Errors
/// When the module cannot be run on this machine.
pub(crate) fn engine() -> Result<Instance, Failure> {
    Module::embedded(config::cache_dir().as_deref())
        .and_then(|module| module.instance())
        .map_err(|error| engine_failure(&error))
}

/// The engine did not answer. Nothing was decided, which everybody takes for `HALT`.
pub(crate) fn engine_failure(error: &RuntimeError) -> Failure {
    let message = match error {
        RuntimeError::Refused(refusal) => refusal.message.clone(),
        error => format!("the engine failed: {error}"),
    };
    Failure::refused(message).help("nothing was decided; treat this as `HALT`")
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
    paths: BTreeMap<String, PathBuf>,
}

impl PolicyFiles {
    /// Reads every policy of a folder, as a server does.
    ///
    /// # Errors
    /// When the folder or a file of it cannot be read.
    pub(crate) fn of_folder(dir: &Path) -> Result<Self, Failure> {
        let sources = folder::read(dir).map_err(|error| unreadable(&dir.to_string_lossy(), &error))?;
        let paths = sources.iter().map(|source| (source.name.clone(), dir.join(&source.name))).collect();
        Ok(PolicyFiles { sources, paths })
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
        let content = std::fs::read(path).map_err(|error| unreadable(&shown, &error))?;
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

    /// Loads the files into `engine`, and says on standard error what is wrong with them.
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
        diagnostics::report(screen, &errors, |file| self.place(file));
        loaded.handle.ok_or_else(|| {
            Failure::refused("the policies have errors, so nothing is decided under them")
                .help("`faramesh policy check` says more")
        })
    }
}
