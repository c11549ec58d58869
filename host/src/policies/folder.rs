//! The policy folder as files: reading all of them, changing one without ever showing half of it.
//!
//! What stands in the files is not looked at here.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use engine::policy::is_policy_file;

use crate::store::PolicySource;

/// The most bytes that are read of one file: many more than a policy may have, so that the engine sees the whole of
/// one that is too large, and says so by its size and its hash.
const MAX_READ: u64 = 16 * 1024 * 1024;
/// The most files of a folder: reading is bounded.
const MAX_FILES: usize = 1000;
/// The most bytes of a name.
const MAX_NAME: usize = 105;

/// Reads every policy file that is directly in the folder, in the order of their names.
///
/// # Errors
/// When the folder or one of the files cannot be read: a set without one of its files is another set.
pub fn read(folder: &Path) -> io::Result<Vec<PolicySource>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            if is_yaml(&entry.file_name().to_string_lossy()) {
                return Err(io::Error::other("a policy file's name is not UTF-8"));
            }
            continue;
        };
        if !is_policy_file(&name) || fs::metadata(entry.path())?.is_dir() {
            continue;
        }
        if sources.len() >= MAX_FILES {
            return Err(io::Error::other(format!("there are more than {MAX_FILES} policy files")));
        }
        let content = read_one(folder, &name)?;
        sources.push(PolicySource { name, content });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

/// Reads one file of the folder.
///
/// # Errors
/// When it cannot be read, or is too large to be a policy.
pub fn read_one(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = File::open(folder.join(name))?.take(MAX_READ + 1).read_to_end(&mut content)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MAX_READ {
        return Err(io::Error::other(format!("`{name}` has more than {MAX_READ} bytes")));
    }
    Ok(content)
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a policy file may be made under this name: a plain one, that means nothing to a path or a shell.
pub fn is_policy_name(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    is_policy_file(name)
        && name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

/// Writes a file: who reads the folder meanwhile, or after a crash, sees the old one or the new one.
///
/// # Errors
/// When it cannot be written; the old file is then untouched.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    // The name starts with a dot, so it is no policy while it is being written.
    let temporary = folder.join(format!(".{name}.new"));
    let written = (|| {
        let mut out = File::create(&temporary)?;
        out.write_all(content)?;
        out.sync_all()?;
        fs::rename(&temporary, folder.join(name))
    })();
    if written.is_err() {
        _ = fs::remove_file(&temporary);
    }
    written?;
    sync(folder)
}

/// Removes a file; one that is not there is removed already.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync(folder),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_are_read_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "a.test.yaml", ".hidden.yaml", "notes.txt", "B.yaml"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("folder.yaml")).unwrap();
        let names: Vec<_> = read(folder.path()).unwrap().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["B.yaml", "a.yml", "b.yaml"]);
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.yaml", b"one").unwrap();
        write(folder.path(), "a.yaml", b"two").unwrap();
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a.yaml"]);
        assert_eq!(read(folder.path()).unwrap()[0].content, b"two");
        remove(folder.path(), "a.yaml").unwrap();
        remove(folder.path(), "a.yaml").unwrap();
        assert!(read(folder.path()).unwrap().is_empty());
    }

    #[test]
    fn a_missing_folder_and_a_dangling_link_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("missing")).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", folder.path().join("a.yaml")).unwrap();
            assert!(read(folder.path()).is_err());
        }
    }

    #[test]
    fn names_that_mean_more_than_a_file_are_refused() {
        for name in ["a.yaml", "support-agent.yml", "A_1.v2.yaml"] {
            assert!(is_policy_name(name), "{name}");
        }
        let long = format!("{}.yaml", "a".repeat(101));
        for name in ["", ".yaml", "a", "a.test.yaml", "../a.yaml", "a/b.yaml", "a b.yaml", "-a.yaml", &long] {
            assert!(!is_policy_name(name), "{name}");
        }
    }
}
