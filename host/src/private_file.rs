//! Files with secrets: only their owner can read them, and they are whole or not there.
//!
//! Their content is not known here.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file, in the place of one that may be there.
///
/// # Errors
/// If it cannot be written; earlier content stays.
pub fn replace(file: &Path, content: &str) -> io::Result<()> {
    let temporary = write_beside(file, content)?;
    fs::rename(temporary, file)
}

/// Writes a file that is not there yet, and the folder for it.
///
/// # Errors
/// If it cannot be written, or exists already: an existing file is never overwritten.
pub fn create(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let temporary = write_beside(file, content)?;
    let linked = fs::hard_link(&temporary, file);
    _ = fs::remove_file(temporary);
    linked
}

fn write_beside(file: &Path, content: &str) -> io::Result<PathBuf> {
    let mut name = OsString::from(file);
    name.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(name);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&temporary)?;
    out.write_all(content.as_bytes())?;
    out.sync_all()?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_and_created_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/secret");
        create(&file, "one").unwrap();
        assert_eq!(create(&file, "two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        replace(&file, "three").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "three");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}
