"""Policy files on disk: which ones a folder has, their bytes, and whether they may have changed.

What stands in the files is not looked at here.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_READ: Final = 16 * 1024 * 1024
"""The most bytes that are read of one file: many more than a policy may have, so that the engine sees all of it."""
MAX_FILES: Final = 1000

_SETTLED_NS: Final = 2_000_000_000
"""How old a file must be before its times tell of the next change: file systems count time in steps."""


@dataclass(frozen=True)
class Stamp:
    """What the file system says of the files, without reading them."""

    files: tuple[tuple[str, int, int, int, int], ...]
    newest: int

    def settled(self) -> bool:
        """Whether a change from now on will show in the times of the files."""
        return time.time_ns() - self.newest > _SETTLED_NS


def is_policy_file(name: str) -> bool:
    """Whether a file of this name in a policy folder is a policy: `*.yaml` or `*.yml`, no test and not hidden."""
    stem, dot, ending = name.rpartition(".")
    return bool(stem and dot and ending in ("yaml", "yml")) and not stem.endswith(".test") and not name.startswith(".")


def paths(path: Path) -> list[Path]:
    """The policy files that `path` names: itself, or those directly in the folder; an `OSError` when it is neither."""
    if not path.is_dir():
        return [path]
    found = sorted(entry.name for entry in os.scandir(path) if is_policy_file(entry.name) and not entry.is_dir())
    if len(found) > MAX_FILES:
        raise OSError(f"there are more than {MAX_FILES} policy files in `{path}`")
    return [path / name for name in found]


def stamp(path: Path) -> Stamp:
    """What the file system says of the policy files that `path` names."""
    about = [(one.name, one.stat()) for one in paths(path)]
    return Stamp(
        tuple((name, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns) for name, of in about),
        max((max(of.st_mtime_ns, of.st_ctime_ns) for _, of in about), default=0),
    )


def read(path: Path) -> dict[str, bytes]:
    """The policy files that `path` names, by name."""
    return {one.name: _content(one) for one in paths(path)}


def digest(files: dict[str, bytes]) -> str:
    """A name for exactly these files."""
    hasher = hashlib.sha256()
    for name, content in files.items():
        for part in (name.encode(errors="surrogateescape"), content):
            hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.hexdigest()


def _content(path: Path) -> bytes:
    with path.open("rb") as reader:
        content = reader.read(MAX_READ + 1)
    if len(content) > MAX_READ:
        raise OSError(f"`{path}` has more than {MAX_READ} bytes")
    return content
