"""Policy files on disk: what a folder has, the bytes of its policies, and whether any of it may have changed.

A file that was meant to be read and is not is a mistake, as on the server (`host/src/policies/folder.rs`): a set
without one of its files may permit more. The meaning of the policies is not looked at here.
"""

from __future__ import annotations

import hashlib
import os
import stat as modes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faramesh._names import named
from faramesh._types import Diagnostic, Span

MAX_READ: Final = 16 * 1024 * 1024
"""The most bytes that are read of one file: many more than a policy may have, so that the engine sees all of it."""
MAX_FILES: Final = 1000
MAX_ENTRIES: Final = 20_000
"""The most entries that are looked at, in the folder and in the folders in it."""
MAX_DEPTH: Final = 16
MAX_MISTAKES: Final = 100

_MAX_POLICY: Final = 1024 * 1024
"""The largest size of a policy in bytes; a larger file is not one, whatever its content."""
_NO_BLOCK: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

ReadsAsPolicy = Callable[[bytes], bool]
"""Whether a text is a mapping with a list of `rules`."""


@dataclass(frozen=True)
class Entry:
    """The file system's metadata of one file: it changes with every write, whatever the content."""

    name: str
    kind: int
    inode: tuple[int, int]
    size: int
    times_ns: tuple[int, int]

    @property
    def changed_ns(self) -> int:
        """When anything of the file last changed, in nanoseconds of Unix time."""
        return max(self.times_ns)


@dataclass(frozen=True)
class Stamp:
    """The file system's metadata of a file or a folder, without reading any file."""

    entries: tuple[Entry, ...]
    folders_ns: int = field(default=0, compare=False)
    """When an entry was last added to the folders or removed. Ignored names count, so this is not part of equality."""

    @property
    def newest_ns(self) -> int:
        """When anything last changed, in nanoseconds of Unix time."""
        return max((one.changed_ns for one in self.entries), default=self.folders_ns)


@dataclass(frozen=True)
class Listing:
    """The policies by name, and the files that look like policies but are not read."""

    files: Mapping[str, bytes]
    mistakes: tuple[Diagnostic, ...] = ()


def stamp(path: Path) -> Stamp:
    """The metadata of the file or folder; an `OSError` if there is neither."""
    about = path.stat()
    if not modes.S_ISDIR(about.st_mode):
        return Stamp((_entry(path.name, about),))
    entries, folders = [], [about.st_mtime_ns, about.st_ctime_ns]
    for _, shown, of in _walk(path):
        entries.append(_entry(shown, of))
        if modes.S_ISDIR(of.st_mode):
            folders += (of.st_mtime_ns, of.st_ctime_ns)
    return Stamp(tuple(sorted(entries, key=lambda one: one.name)), max(folders))


def read(path: Path, reads_as_policy: ReadsAsPolicy) -> Listing:
    """The policies that `path` names: itself, or those directly in the folder; an `OSError` when it is neither.

    A file that a path names is read whatever its name is.
    """
    if not path.is_dir():
        return Listing({path.name: content_of(path)})
    reading = _Reading(reads_as_policy)
    for inside, shown, about in _walk(path):
        reading.entry(inside, shown, about)
    mistakes = sorted(reading.mistakes, key=lambda one: one.file)[:MAX_MISTAKES]
    return Listing(dict(sorted(reading.files.items())), tuple(mistakes))


def digest(listing: Listing) -> str:
    """A name for exactly these files and mistakes."""
    hasher = hashlib.sha256()
    mistakes = [(one.file, one.message.encode(errors="surrogateescape")) for one in listing.mistakes]
    for name, content in [*listing.files.items(), ("", b""), *mistakes]:
        for part in (name.encode(errors="surrogateescape"), content):
            hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.hexdigest()


def _walk(folder: Path, shown: str = "", depth: int = 1, count: list[int] | None = None) -> Iterator[_Found]:
    """Every entry that is not ignored, in the folder and its subfolders; a link is resolved to its target.

    Below the first level a link to a folder is not followed, since it might lead round in a circle.
    """
    count = [0] if count is None else count
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        count[0] += 1
        if count[0] > MAX_ENTRIES:
            raise OSError(f"there are more than {MAX_ENTRIES} files in `{folder}`")
        if named(entry.name) == "ignored":
            continue
        about = _about(entry, follow=depth == 1)
        if about is None:
            continue
        yield Path(entry.path), f"{shown}{entry.name}", about
        if modes.S_ISDIR(about.st_mode) and depth < MAX_DEPTH:
            try:  # `_Reading` names a folder that cannot be read; one may be removed meanwhile.
                yield from _walk(Path(entry.path), f"{shown}{entry.name}/", depth + 1, count)
            except (PermissionError, FileNotFoundError):
                continue


_Found = tuple[Path, str, os.stat_result]


def _about(entry: os.DirEntry[str], *, follow: bool) -> os.stat_result | None:
    """The kind of the entry; for a broken link the link itself, and nothing if it was removed in the meantime."""
    try:
        return Path(entry.path).stat() if follow else Path(entry.path).lstat()
    except OSError:
        try:
            return Path(entry.path).lstat()
        except OSError:
            return None


def _entry(name: str, of: os.stat_result) -> Entry:
    # The times of a folder change with the ignored names in it.
    if modes.S_ISDIR(of.st_mode):
        return Entry(name, of.st_mode, (of.st_dev, of.st_ino), 0, (0, 0))
    return Entry(name, of.st_mode, (of.st_dev, of.st_ino), of.st_size, (of.st_mtime_ns, of.st_ctime_ns))


class _Reading:
    """Reads the entries of a folder, and names the mistakes among them."""

    def __init__(self, reads_as_policy: ReadsAsPolicy) -> None:
        self.files: dict[str, bytes] = {}
        self.mistakes: list[Diagnostic] = []
        self._reads_as_policy = reads_as_policy

    def entry(self, path: Path, shown: str, about: os.stat_result) -> None:
        """Take in one entry."""
        what = named(path.name)
        if "/" in shown:
            self._inner(path, shown, about)
        elif not _is_utf8(shown):
            if what != "other":
                self._mistake(shown, "its name is not UTF-8", "rename it")
        elif modes.S_ISDIR(about.st_mode):
            self._folder(path, shown)
            if what != "other":
                self._mistake(shown, "it is a folder", "put a plain file in its place, or rename it")
        elif what == "policy":
            self._policy(path, shown)
        elif what == "tests":
            content = self._plain(path, shown)
            if content is not None and self._reads_as_policy(content):
                advice = "a file of tests has no `rules`; name it as a policy, or move the rules to one"
                self._mistake(shown, "it has `rules`, and its name is one of a file of tests", advice)
        elif what == "mistaken":
            advice = "rename it to end in `.yaml`, or move it out of the folder"
            self._mistake(shown, "its name does not end in `.yaml` or `.yml`, in small letters", advice)
        else:
            self._other(path, shown, about)

    def _policy(self, path: Path, shown: str) -> None:
        content = self._plain(path, shown)
        if content is None:
            return
        if len(self.files) >= MAX_FILES:
            raise OSError(f"there are more than {MAX_FILES} policy files in `{path.parent}`")
        self.files[shown] = content

    def _plain(self, path: Path, shown: str) -> bytes | None:
        """The content of a plain file; nothing if it is another kind of file, which is a mistake, or is gone."""
        try:
            return content_of(path)
        except FileNotFoundError:
            if path.is_symlink():
                self._mistake(shown, "it is a link to nothing", "remove the link, or what it leads to is missing")
        except PermissionError:
            advice = "let the user that runs this read it, or move it out of the folder"
            self._mistake(shown, "permission denied", advice)
        except OSError as error:
            advice = "put a plain file in its place, or move it out of the folder"
            self._mistake(shown, error.strerror or str(error), advice)
        return None

    def _other(self, path: Path, shown: str, about: os.stat_result) -> None:
        """A name that says nothing: a mistake only where the content is a policy."""
        if not modes.S_ISREG(about.st_mode) or about.st_size > _MAX_POLICY:
            return
        try:
            content = content_of(path)
        except (PermissionError, FileNotFoundError):
            return
        if self._reads_as_policy(content):
            advice = "rename it to end in `.yaml`, or move it out of the folder"
            self._mistake(shown, "it reads as a policy, and its name does not end in `.yaml`", advice)

    def _inner(self, path: Path, shown: str, about: os.stat_result) -> None:
        if modes.S_ISDIR(about.st_mode) and shown.count("/") < MAX_DEPTH - 1:
            self._folder(path, shown)
        elif modes.S_ISDIR(about.st_mode) or named(path.name) != "other":
            advice = "move it into the policy folder itself, or out of it"
            self._mistake(shown, "only files directly in the policy folder are read", advice)

    def _folder(self, path: Path, shown: str) -> None:
        if not os.access(path, os.R_OK | os.X_OK):
            self._mistake(shown, "it is a folder that cannot be read", "move it out of the folder")

    def _mistake(self, file: str, why: str, advice: str) -> None:
        self.mistakes.append(
            Diagnostic(
                code="not_read",
                severity="error",
                message=f"`{file}` is not read: {why}",
                help=advice,
                file=file,
                line=1,
                column=1,
                end_line=1,
                end_column=1,
                span=Span(start=0, end=0),
            )
        )


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_of(path: Path) -> bytes:
    """The bytes of a plain file. Nothing else is opened: that might wait for another program, or do something."""
    _refuse_special(path.stat())
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | _NO_BLOCK)
    with os.fdopen(descriptor, "rb") as reader:
        # A pipe may have taken the place of the file meanwhile.
        _refuse_special(os.fstat(descriptor))
        content = reader.read(MAX_READ + 1)
    if len(content) > MAX_READ:
        raise OSError(f"it has more than {MAX_READ} bytes")
    return content


def _refuse_special(about: os.stat_result) -> None:
    if not modes.S_ISREG(about.st_mode):
        raise OSError("it is no plain file")
