//! The policy folder as files: reading all of them, and naming those that were meant to be read and cannot be.
//!
//! The names are in [`names`](super::names), changing a file is in [`change`](super::change). The meaning of the
//! policies is not examined here.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use engine::diagnostic::{self, Diagnostic};
use engine::policy::PolicySource;
use engine::policy::yaml::{self, Kind, MAX_FILE_BYTES};
use engine::span::LineIndex;

use super::names::{Named, named};
use super::places::Places;

/// The most bytes that are read of one file: many more than a policy may have, so that the engine sees the whole of
/// one that is too large, and says so by its size and its hash.
const MAX_READ: u64 = 16 * 1024 * 1024;
/// The most policy files of a folder: reading is bounded.
pub const MAX_FILES: usize = 1000;
/// The most entries that are looked at, in the folder and in the folders in it.
const MAX_ENTRIES: usize = 20_000;
/// How deep the folders in the folder are looked through.
const MAX_DEPTH: usize = 16;
/// The most mistakes that are named.
const MAX_MISTAKES: usize = 100;

/// The content of the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The policies, in the order of their names.
    pub sources: Vec<PolicySource>,
    /// The files of tests, in the order of their names.
    pub tests: Vec<PolicySource>,
    /// The files that look like policies but are not read, each an error, in the order of the names.
    pub mistakes: Vec<Diagnostic>,
    /// The metadata of each policy, in the order of `sources`.
    pub stamps: Vec<Stamp>,
    /// Where a change of them can happen.
    pub places: Places,
}

/// The file system's metadata of a file: it changes with every write, whatever the content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Which file it is.
    inode: (u64, u64),
    size: u64,
    /// When its content changed and when anything of it changed, in nanoseconds.
    times_ns: (i128, i128),
}

impl Stamp {
    #[cfg(unix)]
    fn of(about: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Stamp {
            inode: (about.dev(), about.ino()),
            size: about.size(),
            times_ns: (ns(about.mtime(), about.mtime_nsec()), ns(about.ctime(), about.ctime_nsec())),
        }
    }

    #[cfg(not(unix))]
    fn of(about: &Metadata) -> Self {
        let since = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let ns = since.and_then(|since| i128::try_from(since.as_nanos()).ok()).unwrap_or_default();
        Stamp { inode: (0, 0), size: about.len(), times_ns: (ns, ns) }
    }

    /// When anything of the file last changed, in nanoseconds of Unix time.
    pub fn changed_ns(&self) -> i128 {
        self.times_ns.0.max(self.times_ns.1)
    }
}

/// Reads every policy file that is directly in the folder.
///
/// # Errors
/// When the folder cannot be read, or has too much in it. A file that cannot be read is a mistake in the listing.
pub fn read(folder: &Path) -> io::Result<Listing> {
    let listing = Listing { places: Places::of(folder), ..Listing::default() };
    let mut reading = Reading { listing, entries: 0 };
    reading.folder(folder)?;
    let Listing { sources, tests, mistakes, stamps, places } = reading.listing;
    let mut policies: Vec<_> = sources.into_iter().zip(stamps).collect();
    policies.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (sources, stamps) = policies.into_iter().unzip();
    let mut listing = Listing { sources, tests, mistakes, stamps, places };
    listing.tests.sort_by(|a, b| a.name.cmp(&b.name));
    listing.mistakes.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(listing)
}

/// Reads one file of the folder.
///
/// # Errors
/// If it cannot be read, is not a plain file, or is too large for a policy.
pub fn read_one(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    match open(&folder.join(name))? {
        Opened::File(file, _) => content(file),
        Opened::Folder | Opened::Special => Err(io::Error::other("it is no plain file")),
    }
}

struct Reading {
    listing: Listing,
    entries: usize,
}

enum Opened {
    File(File, Metadata),
    Folder,
    /// A pipe, a socket or a device, which is never opened: that might wait, or do something.
    Special,
}

/// Opens a plain file, through a link too, and never blocks on a pipe without a writer.
fn open(path: &Path) -> io::Result<Opened> {
    let kind = |about: &Metadata| match (about.is_file(), about.is_dir()) {
        (true, _) => None,
        (_, true) => Some(Opened::Folder),
        _ => Some(Opened::Special),
    };
    if let Some(other) = kind(&fs::metadata(path)?) {
        return Ok(other);
    }
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // A pipe may have taken the place of the file meanwhile.
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
    }
    let file = options.open(path)?;
    let about = file.metadata()?;
    Ok(kind(&about).unwrap_or(Opened::File(file, about)))
}

fn content(file: File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = file.take(MAX_READ + 1).read_to_end(&mut content)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MAX_READ {
        return Err(io::Error::other(format!("it has more than {MAX_READ} bytes")));
    }
    Ok(content)
}

impl Reading {
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            self.count()?;
            let os_name = path.file_name().unwrap_or_default().to_owned();
            let Some(name) = os_name.to_str() else {
                let shown = os_name.to_string_lossy();
                if matches!(named(&shown), Named::Policy | Named::Tests | Named::Mistaken) {
                    self.mistake(&shown, "its name is not UTF-8", "rename it");
                }
                continue;
            };
            match named(name) {
                Named::Ignored => {}
                Named::Policy => self.policy(&path, name)?,
                Named::Tests => self.tests(&path, name),
                Named::Mistaken => self.mistaken(&path, name)?,
                Named::Other => self.other(&path, name)?,
            }
        }
        Ok(())
    }

    fn count(&mut self) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(io::Error::other(format!("there are more than {MAX_ENTRIES} files in it")));
        }
        Ok(())
    }

    fn policy(&mut self, path: &Path, name: &str) -> io::Result<()> {
        if fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
            self.listing.places.add(name);
        }
        let Some((content, about)) = self.plain(path, name)? else { return Ok(()) };
        if self.listing.sources.len() >= MAX_FILES {
            return Err(io::Error::other(format!("there are more than {MAX_FILES} policy files in it")));
        }
        self.listing.sources.push(PolicySource { name: name.to_owned(), content });
        self.listing.stamps.push(Stamp::of(&about));
        Ok(())
    }

    /// The content of a file that must be a plain one; none where it is not, which is a mistake, or not there.
    fn plain(&mut self, path: &Path, name: &str) -> io::Result<Option<(Vec<u8>, Metadata)>> {
        let read = open(path).and_then(|opened| match opened {
            Opened::File(file, about) => Ok(Some((content(file)?, about))),
            Opened::Folder => Ok(None),
            Opened::Special => Err(io::Error::other("it is no plain file")),
        });
        match read {
            Ok(Some(read)) => return Ok(Some(read)),
            Ok(None) => self.inner_folder(path, name, true)?,
            // It was removed while the folder was read.
            Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {}
            Err(error) => self.unreadable(name, &error),
        }
        Ok(None)
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        let (why, help) = match error.kind() {
            ErrorKind::NotFound => {
                ("it is a link to nothing".to_owned(), "remove the link, or what it leads to is missing")
            }
            ErrorKind::PermissionDenied => (
                "permission denied".to_owned(),
                "let the user that runs this read it, or move it out of the folder",
            ),
            _ => (error.to_string(), "put a plain file in its place, or move it out of the folder"),
        };
        self.mistake(name, &why, help);
    }

    fn tests(&mut self, path: &Path, name: &str) {
        let found = self.plain(path, name);
        let Ok(Some((content, _))) = found else { return };
        if reads_as_policy(&content) {
            let help = "a file of tests has no `rules`; name it as a policy, or move the rules to one";
            self.mistake(name, "it has `rules`, and its name is one of a file of tests", help);
        }
        self.listing.tests.push(PolicySource { name: name.to_owned(), content });
    }

    fn mistaken(&mut self, path: &Path, name: &str) -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|about| about.is_dir()) {
            return self.inner_folder(path, name, true);
        }
        let help = "rename it to end in `.yaml`, or move it out of the folder";
        self.mistake(name, "its name does not end in `.yaml` or `.yml`, in small letters", help);
        Ok(())
    }

    fn other(&mut self, path: &Path, name: &str) -> io::Result<()> {
        match open(path) {
            Ok(Opened::Folder) => self.inner_folder(path, name, false),
            Ok(Opened::File(file, about)) => {
                let small = usize::try_from(about.len()).is_ok_and(|size| size <= MAX_FILE_BYTES);
                if small && content(file).is_ok_and(|content| reads_as_policy(&content)) {
                    let help = "rename it to end in `.yaml`, or move it out of the folder";
                    self.mistake(name, "it reads as a policy, and its name does not end in `.yaml`", help);
                }
                Ok(())
            }
            // With such a name nothing says that it was meant to be read.
            Ok(Opened::Special) | Err(_) => Ok(()),
        }
    }

    /// Names the YAML files in a folder that is in the folder, or the folder itself where its name is one of a policy.
    fn inner_folder(&mut self, path: &Path, name: &str, named_as_policy: bool) -> io::Result<()> {
        let before = self.listing.mistakes.len();
        self.yaml_within(path, &PathBuf::from(name), 1)?;
        if named_as_policy && self.listing.mistakes.len() == before {
            self.mistake(name, "it is a folder", "put a plain file in its place, or rename it");
        }
        Ok(())
    }

    fn yaml_within(&mut self, folder: &Path, shown: &Path, depth: usize) -> io::Result<()> {
        let Ok(entries) = fs::read_dir(folder) else {
            self.mistake(
                &shown.to_string_lossy(),
                "it is a folder that cannot be read",
                "move it out of the folder",
            );
            return Ok(());
        };
        for entry in entries.flatten() {
            self.count()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, shown) = (entry.path(), shown.join(&name));
            let what = named(&name);
            if what == Named::Ignored {
                continue;
            }
            // A link to a folder might lead round in a circle.
            let is_folder = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => false,
                kind => kind.is_ok_and(|kind| kind.is_dir()),
            };
            if is_folder && depth < MAX_DEPTH {
                self.yaml_within(&path, &shown, depth + 1)?;
            } else if is_folder || matches!(what, Named::Policy | Named::Tests | Named::Mistaken) {
                let help = "move it into the policy folder itself, or out of it";
                self.mistake(
                    &shown.to_string_lossy(),
                    "only files directly in the policy folder are read",
                    help,
                );
            }
        }
        Ok(())
    }

    fn mistake(&mut self, file: &str, why: &str, help: &str) {
        if self.listing.mistakes.len() < MAX_MISTAKES {
            let found = diagnostic::not_read(file, why, help);
            self.listing.mistakes.push(found.located(file, &LineIndex::new("")));
        }
    }
}

/// Whether a text is a mapping with a list of `rules`.
fn reads_as_policy(content: &[u8]) -> bool {
    // Most files are told by this alone, which costs nothing.
    let Some(text) = std::str::from_utf8(content).ok().filter(|text| text.contains("rules")) else {
        return false;
    };
    let root = yaml::parse(text).ok().and_then(|document| document.root);
    root.is_some_and(|root| match root.kind {
        Kind::Map(entries) => {
            entries.iter().any(|entry| entry.key == "rules" && matches!(entry.value.kind, Kind::List(_)))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "rules: []\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn mistakes(folder: &tempfile::TempDir) -> Vec<(String, String)> {
        let listing = read(folder.path()).unwrap();
        listing.mistakes.into_iter().map(|found| (found.file, found.message)).collect()
    }

    #[test]
    fn policies_are_read_in_the_order_of_their_names_and_the_rest_is_ignored() {
        let folder = folder(&[
            ("b.yaml", RULES),
            ("a.yml", RULES),
            ("a.test.yml", "tests: []"),
            (".hidden.yaml", RULES),
            (".git/a.yaml", RULES),
            ("README.md", "rules: []"),
            ("notes.txt", "rules: are good"),
            ("policy.schema.json", "{\"rules\": []}"),
            ("a.yml~", RULES),
            ("images/a.png", ""),
            ("B.yaml", RULES),
        ]);
        let listing = read(folder.path()).unwrap();
        let names: Vec<_> = listing.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["B.yaml", "a.yml", "b.yaml"]);
        assert_eq!(listing.tests.len(), 1);
        assert_eq!(listing.mistakes, []);
        assert_eq!(read_one(folder.path(), "a.yml").unwrap(), RULES.as_bytes());
    }

    #[test]
    fn files_that_were_meant_to_be_read_are_mistakes() {
        let folder = folder(&[
            ("good.yaml", RULES),
            ("deny.YAML", RULES),
            ("deny.yaml.txt", "not even YAML: ["),
            ("deny.json", "{\"rules\": [{\"deny\": true}]}"),
            ("deny", RULES),
            ("rules.test.yaml", "rules: []\ntests: []"),
            ("team/deny.yaml", RULES),
            ("team/deep/er/deny.yml", RULES),
            ("folder.yaml/readme.txt", ""),
        ]);
        let found = mistakes(&folder);
        let files: Vec<_> = found.iter().map(|(file, _)| file.as_str()).collect();
        assert_eq!(
            files,
            [
                "deny",
                "deny.YAML",
                "deny.json",
                "deny.yaml.txt",
                "folder.yaml",
                "rules.test.yaml",
                "team/deep/er/deny.yml",
                "team/deny.yaml"
            ]
        );
        assert_eq!(
            found[1].1,
            "`deny.YAML` is not read: its name does not end in `.yaml` or `.yml`, in small letters"
        );
        let names: Vec<_> =
            read(folder.path()).unwrap().sources.into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["good.yaml"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_whatever_is_no_plain_file_is_a_mistake_and_holds_nothing_up() {
        use std::os::unix::fs::symlink;
        let folder = folder(&[("good.yaml", RULES), (".data/deny.yaml", RULES)]);
        let at = |name: &str| folder.path().join(name);
        symlink(".data/deny.yaml", at("linked.yaml")).unwrap();
        symlink("nowhere", at("dangling.yaml")).unwrap();
        symlink("circle.yaml", at("circle.yaml")).unwrap();
        symlink("nowhere", at("dangling.sock")).unwrap();
        symlink("/dev/null", at("device.yaml")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe.yaml")).status().unwrap().success());
        assert!(std::process::Command::new("mkfifo").arg(at("control")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.yaml")).unwrap();
        let listing = read(folder.path()).unwrap();
        let names: Vec<_> = listing.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["good.yaml", "linked.yaml"]);
        let files: Vec<_> = listing.mistakes.iter().map(|found| found.file.as_str()).collect();
        assert_eq!(files, ["circle.yaml", "dangling.yaml", "device.yaml", "pipe.yaml", "socket.yaml"]);
        assert!(read_one(folder.path(), "pipe.yaml").is_err());
    }

    #[test]
    fn a_missing_folder_and_too_many_files_are_errors() {
        let folder = folder(&[]);
        assert_eq!(read(&folder.path().join("missing")).unwrap_err().kind(), ErrorKind::NotFound);
        for number in 0..=MAX_FILES {
            fs::write(folder.path().join(format!("{number}.yaml")), "").unwrap();
        }
        assert_eq!(
            read(folder.path()).unwrap_err().to_string(),
            "there are more than 1000 policy files in it"
        );
    }
}
