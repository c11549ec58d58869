//! Changing one file of the policy folder, without ever showing half of it.
//!
//! A link stays a link, and a file keeps its owner and its mode. Nothing is activated here.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file: readers of the folder, and a start after a crash, see the old one or the new one. A file that a link
/// leads to is replaced where it is.
///
/// # Errors
/// When it cannot be written, or its owner cannot be kept; the old file is then untouched.
pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let file = target(&folder.join(name))?;
    let (Some(beside), Some(file_name)) = (file.parent(), file.file_name()) else {
        return Err(io::Error::other("it is no file"));
    };
    let old = match fs::symlink_metadata(&file) {
        Ok(about) if !about.is_file() => return Err(io::Error::other("it is no plain file")),
        Ok(about) => Some(about),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    // The name starts with a dot, so the file is not read as a policy while it is being written.
    let temporary =
        beside.join(format!(".{}.{:016x}.new", file_name.to_string_lossy(), u64::from_ne_bytes(random)));
    let written = (|| {
        let mut out = create(&temporary, old.as_ref())?;
        out.write_all(content)?;
        out.sync_all()?;
        fs::rename(&temporary, &file)
    })();
    if written.is_err() {
        // Nothing reads it, and the error is told already.
        _ = fs::remove_file(&temporary);
    }
    written?;
    sync(beside)
}

/// Removes a file, of a link the link alone; one that is not there is removed already.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => sync(folder),
    }
}

/// The file that a path leads to in the end; the path itself where there is no link.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_symlink() => fs::canonicalize(path),
        _ => Ok(path.to_owned()),
    }
}

#[cfg(unix)]
fn create(temporary: &Path, old: Option<&Metadata>) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    let Some(old) = old else { return options.open(temporary) };
    // It is not to be read by more users than the old one while it is being written.
    let out = options.mode(0o600).open(temporary)?;
    let new = out.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(&out, Some(old.uid()), Some(old.gid())).map_err(|error| {
            let owner = format!("user {} and group {}", old.uid(), old.gid());
            io::Error::new(error.kind(), format!("it belongs to {owner}, which cannot be kept: {error}"))
        })?;
    }
    out.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
    Ok(out)
}

#[cfg(not(unix))]
fn create(temporary: &Path, _: Option<&Metadata>) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create_new(true).open(temporary)
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.yaml", b"one").unwrap();
        write(folder.path(), "a.yaml", b"two").unwrap();
        assert_eq!(names(folder.path()), ["a.yaml"]);
        assert_eq!(fs::read(folder.path().join("a.yaml")).unwrap(), b"two");
        remove(folder.path(), "a.yaml").unwrap();
        remove(folder.path(), "a.yaml").unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_file_is_replaced_where_it_is_and_the_link_stays() {
        let place = tempfile::tempdir().unwrap();
        let (folder, repository) = (place.path().join("policies"), place.path().join("repository"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("p.yaml"), "old").unwrap();
        std::os::unix::fs::symlink("../repository/p.yaml", folder.join("p.yaml")).unwrap();
        write(&folder, "p.yaml", b"new").unwrap();
        assert!(fs::symlink_metadata(folder.join("p.yaml")).unwrap().is_symlink());
        assert_eq!(fs::read(repository.join("p.yaml")).unwrap(), b"new");
        assert_eq!((names(&folder).len(), names(&repository).len()), (1, 1));
        remove(&folder, "p.yaml").unwrap();
        assert_eq!(fs::read(repository.join("p.yaml")).unwrap(), b"new", "only the link is removed");
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_owner_are_kept() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "old").unwrap();
        // Only root can change the owner of a file; for other users the owner does not change anyway.
        let given = std::os::unix::fs::chown(&file, Some(1234), Some(1234)).is_ok();
        for mode in [0o600, 0o640, 0o664] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            write(folder.path(), "a.yaml", b"new").unwrap();
            let about = fs::metadata(&file).unwrap();
            assert_eq!(about.mode() & 0o777, mode);
            assert!(!given || (about.uid(), about.gid()) == (1234, 1234));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_and_a_pipe_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("a.yaml")).unwrap();
        assert!(write(folder.path(), "a.yaml", b"new").is_err());
        assert!(
            std::process::Command::new("mkfifo")
                .arg(folder.path().join("p.yaml"))
                .status()
                .unwrap()
                .success()
        );
        assert!(write(folder.path(), "p.yaml", b"new").is_err());
        assert_eq!(names(folder.path()), ["a.yaml", "p.yaml"]);
    }
}
