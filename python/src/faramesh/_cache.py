"""The compiled engine, kept on disk between processes: compiling takes most of a second, reading back a millisecond.

wasmtime trusts a compiled module as its own code, so anyone who can write one here runs code in this process.
Only plain files of this user are therefore read or written, in a folder of this user that other users cannot write, and
a file that differs in a single bit is not used. If the system cannot say who may write a file, nothing is cached.
Nothing here knows the contents of the files. The server follows the same rules.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faramesh._settings import setting

VARIABLE: Final = "FARAMESH_CACHE_DIR"
"""Names the folder, as it does for the server."""

_DIGEST_BYTES: Final = hashlib.sha256().digest_size


def folder() -> Path | None:
    """Where compiled engines are kept for this user; nothing where there is no such place.

    A folder for temporary files is not used: it is shared, and another user could create a folder of this name first.
    """
    if not hasattr(os, "geteuid"):
        return None
    if named := setting(VARIABLE):
        return Path(named).absolute()
    # A relative one is to be ignored, says the XDG Base Directory Specification.
    if (caches := os.environ.get("XDG_CACHE_HOME")) and Path(caches).is_absolute():
        return Path(caches) / "faramesh"
    if home := os.environ.get("HOME"):
        return Path(home) / ".cache" / "faramesh"
    return None


def read(kept_in: Path, name: str) -> bytes | None:
    """The content that `write` stored under `name`, or nothing if that is not certain."""
    with contextlib.suppress(OSError), _opened(kept_in) as inside:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
        with os.fdopen(file, "rb") as reader:
            about = os.fstat(file)
            # Checked on the open file, so that it cannot be replaced in between.
            if not stat.S_ISREG(about.st_mode) or not _is_ours(about):
                return None
            content = reader.read()
        digest, kept = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        # A disk that lost the middle of a file must not become code, nor may an engine kept under another name.
        return kept if _digest(name, kept) == digest else None
    return None


def write(kept_in: Path, name: str, content: bytes) -> None:
    """Keep `content` under `name`; a failure costs time at the next start, and nothing else."""
    with contextlib.suppress(OSError):
        kept_in.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            kept_in.mkdir(mode=0o700)
        with _opened(kept_in) as inside:
            _write(inside, name, _digest(name, content) + content)


def _write(inside: int, name: str, content: bytes) -> None:
    partial = f".{name}.{os.getpid()}.{os.urandom(8).hex()}"
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=inside)
    try:
        with os.fdopen(file, "wb") as writer:
            writer.write(content)
            writer.flush()
            os.fsync(file)
        os.rename(partial, name, src_dir_fd=inside, dst_dir_fd=inside)
        os.fsync(inside)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=inside)
        raise


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


@contextlib.contextmanager
def _opened(kept_in: Path) -> Iterator[int]:
    """The open folder, so that the checks stay valid; an `OSError` if other users can write to it."""
    inside = os.open(kept_in, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(inside)):
            raise PermissionError(f"`{kept_in}` belongs to another user, or other users can write to it")
        yield inside
    finally:
        os.close(inside)


def _is_ours(about: os.stat_result) -> bool:
    return about.st_uid == os.geteuid() and not about.st_mode & 0o022
