//! The result of every case on one host: compared, or not possible there, and why.
//!
//! Hosts that are not written in Rust write the same form (`target/hosts/HOST.json`) with runners of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::{Case, cases, repository};

/// The folders of the corpus.
pub const FOLDERS: [&str; 3] = ["decide", "canonical", "diagnostics"];

/// The count of one host. Nothing of it is printed before everything was tried, so that one run tells all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    /// The host's name as the table shows it.
    pub host: String,
    /// The SHA-256 of the engine module that answered, where a module did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_hash: Option<String>,
    /// The names of the cases that were compared, by folder.
    pub compared: BTreeMap<String, Vec<String>>,
    /// The cases that the host cannot be asked.
    pub cannot: Vec<Cannot>,
    /// The differences.
    pub differences: Vec<Difference>,
}

/// A case that a host has no words for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cannot {
    /// The folder of the corpus.
    pub folder: String,
    /// The case.
    pub name: String,
    /// Why the host cannot be asked it.
    pub reason: String,
}

/// A case that a host answered differently.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Difference {
    /// The folder of the corpus.
    pub folder: String,
    /// The case.
    pub name: String,
    /// The expected and the actual value.
    pub told: String,
}

/// The result of a case on a host.
#[derive(Debug)]
pub enum Tried {
    /// It was asked, and this is what differs.
    Compared(Vec<String>),
    /// The host cannot express the case.
    Cannot(&'static str),
}

impl Tally {
    /// Tries every case of every folder.
    ///
    /// # Panics
    /// When a case cannot be read.
    pub fn of(host: &str, mut try_one: impl FnMut(&'static str, &Case) -> Tried) -> Self {
        let mut tally = Tally::empty(host);
        for folder in FOLDERS {
            for case in cases(folder) {
                let tried = try_one(folder, &case);
                tally.add(folder, &case.name, tried);
            }
        }
        tally
    }

    /// A host that was asked nothing yet.
    pub fn empty(host: &str) -> Self {
        Tally { host: host.to_owned(), ..Tally::default() }
    }

    /// Adds what became of one case.
    pub fn add(&mut self, folder: &str, case: &str, tried: Tried) {
        let (folder, name) = (folder.to_owned(), case.to_owned());
        match tried {
            Tried::Compared(found) => {
                self.compared.entry(folder.clone()).or_default().push(name.clone());
                if !found.is_empty() {
                    self.differences.push(Difference { folder, name, told: found.join("\n    ") });
                }
            }
            Tried::Cannot(reason) => self.cannot.push(Cannot { folder, name, reason: reason.to_owned() }),
        }
    }

    /// Fails with every difference of every case of the folder.
    ///
    /// # Panics
    /// When there is a difference.
    #[track_caller]
    pub fn assert_same(&self, folder: &str) {
        let differences = self.differences.iter().filter(|difference| difference.folder == folder);
        let told: Vec<_> = differences.map(|one| format!("{}:\n    {}", one.name, one.told)).collect();
        assert!(
            told.is_empty(),
            "{}: {} cases of {folder} differ:\n{}",
            self.host,
            told.len(),
            told.join("\n")
        );
    }

    /// The names of the cases that were compared.
    pub fn compared(&self, folder: &str) -> &[String] {
        self.compared.get(folder).map_or(&[], Vec::as_slice)
    }

    /// The cases that the host cannot be asked, by reason.
    pub fn cannot(&self, folder: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut reasons: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for cannot in self.cannot.iter().filter(|cannot| cannot.folder == folder) {
            reasons.entry(cannot.reason.as_str()).or_default().push(cannot.name.as_str());
        }
        reasons
    }

    /// Where the tally of a host is written.
    pub fn file(host: &str) -> PathBuf {
        let name = host.to_lowercase().replace(' ', "-");
        repository().join("target/hosts").join(name).with_extension("json")
    }

    /// Writes this tally to its file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let file = Tally::file(&self.host);
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        fs::write(file, serde_json::to_string(self)? + "\n")
    }

    /// Reads the tally that a host wrote.
    ///
    /// # Errors
    /// If it does not exist or has another form.
    pub fn read(host: &str) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(Tally::file(host))?)?)
    }
}

/// One difference, or none.
pub fn differs(what: &str, expected: &str, found: &str) -> Option<String> {
    (expected != found).then(|| format!("{what}: expected {expected}\n    {what}:    found {found}"))
}
