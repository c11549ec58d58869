//! Compiled engines, kept on disk between starts: compiling takes most of a second, reading back some milliseconds.
//!
//! wasmtime trusts a compiled module as part of this program, so no file is read that another user could have written,
//! or that differs from the stored content in a single bit. If the system cannot say who may write a file, nothing is
//! cached. The meaning of the bytes is not known here.

use std::io;
use std::path::Path;

/// Reads what [`write`] kept under `name`; none where nothing was kept, or not exactly that.
///
/// # Errors
/// When the folder is not one of this user alone, or cannot be read.
pub(super) fn read(folder: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    system::read(folder, name)
}

/// Stores `content` under `name`, replacing earlier content.
///
/// # Errors
/// If it cannot be stored. Earlier content stays.
pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    system::write(folder, name, content)
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::path::Path;

    pub(super) fn read(_: &Path, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub(super) fn write(_: &Path, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::Error::other("who may write a file cannot be told on this system"))
    }
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io::{self, ErrorKind, Read as _, Write as _};
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use ring::digest::{Context, Digest, SHA256};
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
    use rustix::io::Errno;

    /// The most bytes of a file; a compiled engine has about two million.
    const MAX_BYTES: u64 = 64 * 1024 * 1024;
    const DIGEST_BYTES: usize = 32;

    pub(super) fn read(folder: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
        let inside = match open_folder(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            inside => inside?,
        };
        // A FIFO or a device must not hold up the start.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&inside, name, flags, Mode::empty()) {
            // A link, or nothing at all: it is replaced.
            Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
            file => file?,
        };
        // INVARIANT: everything is asked of the open file, so another one in its place changes nothing.
        let about = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile || !is_ours(&about) {
            return Ok(None);
        }
        let mut content = Vec::new();
        File::from(file).take(MAX_BYTES).read_to_end(&mut content)?;
        let Some((digest, kept)) = content.split_at_checked(DIGEST_BYTES) else { return Ok(None) };
        if digest != digest_of(name, kept).as_ref() {
            return Ok(None);
        }
        Ok(Some(content.split_off(DIGEST_BYTES)))
    }

    pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
        let mut making = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut making, 0o700);
        making.recursive(true).create(folder)?;
        let inside = open_folder(folder)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let partial = format!(".{name}.{:016x}.partial", u64::from_ne_bytes(random));
        let written = (|| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut out = File::from(rustix::fs::openat(&inside, &partial, flags, Mode::RUSR | Mode::WUSR)?);
            out.write_all(digest_of(name, content).as_ref())?;
            out.write_all(content)?;
            // After a power cut the name must not lead to a file whose middle was never written.
            out.sync_all()?;
            rustix::fs::renameat(&inside, &partial, &inside, name)?;
            rustix::fs::fsync(&inside)?;
            Ok(())
        })();
        if written.is_err() {
            // Nothing reads a partial file, and the error is told already.
            _ = rustix::fs::unlinkat(&inside, &partial, AtFlags::empty());
        }
        written
    }

    fn open_folder(folder: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inside = rustix::fs::open(folder, flags, Mode::empty())?;
        if !is_ours(&rustix::fs::fstat(&inside)?) {
            let message = "it belongs to another user, or other users can write to it";
            return Err(io::Error::new(ErrorKind::PermissionDenied, message));
        }
        Ok(inside)
    }

    fn is_ours(about: &Stat) -> bool {
        let others_write = Mode::WGRP | Mode::WOTH;
        about.st_uid == rustix::process::geteuid().as_raw()
            && !Mode::from_raw_mode(about.st_mode).intersects(others_write)
    }

    /// The digest covers the name too: an engine that was kept under another name is another engine.
    fn digest_of(name: &str, content: &[u8]) -> Digest {
        let mut digest = Context::new(&SHA256);
        for part in [name.as_bytes(), &[0], content] {
            digest.update(part);
        }
        digest.finish()
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    const NAME: &str = "engine-0";

    fn kept(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/cache");
        write(&folder, NAME, content).unwrap();
        (place, folder)
    }

    #[test]
    fn what_is_kept_is_read_back_and_belongs_to_its_owner_alone() {
        let (_place, folder) = kept(b"code");
        assert_eq!(read(&folder, NAME).unwrap().unwrap(), b"code");
        write(&folder, NAME, b"newer").unwrap();
        assert_eq!(read(&folder, NAME).unwrap().unwrap(), b"newer");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(NAME))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no partial file is left");
        assert!(read(&folder, "engine-1").unwrap().is_none());
        assert!(read(&folder.join("missing"), NAME).unwrap().is_none());
    }

    #[test]
    fn a_flipped_bit_a_zeroed_page_and_a_cut_end_are_not_read() {
        let content: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0] | 1).collect();
        let (_place, folder) = kept(&content);
        let file = folder.join(NAME);
        let whole = fs::read(&file).unwrap();
        let damaged = |damage: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            damage(&mut bytes);
            fs::write(&file, bytes).unwrap();
            read(&folder, NAME).unwrap().is_none()
        };
        for at in (0..whole.len()).step_by(97).chain(0..64) {
            assert!(damaged(&|bytes| bytes[at] ^= 1 << (at % 8)), "byte {at}");
        }
        assert!(damaged(&|bytes| bytes[4096..8192].fill(0)));
        assert!(damaged(&|bytes| bytes.truncate(whole.len() - 1)));
        assert!(damaged(&|bytes| bytes.truncate(3)));
        assert!(damaged(&|bytes| bytes.push(0)));
        assert!(!damaged(&|_| ()), "undamaged it is read");
    }

    #[test]
    fn a_file_kept_under_another_name_is_not_read() {
        let (_place, folder) = kept(b"code");
        write(&folder, "engine-1", b"other code").unwrap();
        fs::rename(folder.join("engine-1"), folder.join(NAME)).unwrap();
        assert!(read(&folder, NAME).unwrap().is_none());
    }

    #[test]
    fn links_and_files_that_others_may_write_are_not_read_but_replaced() {
        let (_place, folder) = kept(b"code");
        let (file, target) = (folder.join(NAME), folder.join("target"));
        fs::rename(&file, &target).unwrap();
        symlink(&target, &file).unwrap();
        assert!(read(&folder, NAME).unwrap().is_none());
        let before = fs::read(&target).unwrap();
        write(&folder, NAME, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), before, "nothing is written through a link");
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert!(read(&folder, NAME).unwrap().is_none(), "{mode:o}");
        }
        write(&folder, NAME, b"new").unwrap();
        assert_eq!(read(&folder, NAME).unwrap().unwrap(), b"new");
    }

    #[test]
    fn a_folder_that_others_may_write_or_a_link_to_one_is_not_used() {
        for mode in [0o770, 0o707, 0o777] {
            let (_place, folder) = kept(b"code");
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            assert!(read(&folder, NAME).is_err(), "{mode:o}");
            assert!(write(&folder, "engine-1", b"code").is_err(), "{mode:o}");
            assert!(!folder.join("engine-1").exists());
        }
        let (place, folder) = kept(b"code");
        let link = place.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(read(&link, NAME).is_err() && write(&link, NAME, b"code").is_err());
    }

    #[test]
    fn a_pipe_in_the_place_of_the_file_does_not_hold_up_the_start() {
        let (_place, folder) = kept(b"code");
        fs::remove_file(folder.join(NAME)).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(folder.join(NAME)).status().unwrap();
        assert!(pipe.success());
        assert!(read(&folder, NAME).unwrap().is_none());
    }
}
