"""`policy=`: compares the file that a caller relies on with the one in force when an action was decided.

Only hashes are compared. The file itself is never read as a policy here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faramesh import _canonical, _files, _wire
from faramesh._errors import PolicyMismatchError

if TYPE_CHECKING:
    from faramesh._types import Action, PoliciesInForce
    from faramesh._wire import Request


class PolicyFile:
    """A policy file on this machine that must be in force, byte for byte, wherever its actions are decided."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = named(path)
        # INVARIANT: a path is resolved once, when the tool is wrapped; the folder that a later call is made in must
        # not choose another file. Links are not, since a file may be replaced by moving the link to it.
        self._path = self._shown.absolute()
        if self._path.is_dir():
            raise IsADirectoryError(
                f"`policy=` names the folder `{self._shown}`, and beside a server it names one file"
            )
        if not self._path.is_file():
            raise FileNotFoundError(f"`policy=` names `{self._shown}`, and there is no such file")
        self._verified: tuple[str, str] | None = None

    def expect(self) -> Generator[Request[PoliciesInForce], Any, None]:
        """Raise `PolicyMismatchError` unless the server has exactly this file in force, before anything is asked of it.

        The server is asked only while this content of the file was never found in force.
        """
        here = self._hash(None)
        if self._verified is not None and self._verified[1] == here:
            return
        in_force: PoliciesInForce = yield _wire.policies()
        self._compare(in_force, here, None)
        self._verified = (_hash_over(in_force), here)

    def verify(self, action: Action) -> Generator[Request[PoliciesInForce], Any, None]:
        """Raise `PolicyMismatchError` unless `action` was decided under exactly this file, among others.

        The server is asked only when the file or the `policy_hash` is another than at the last success.
        """
        here = self._hash(action)
        key = (action.policy_hash or "", here)
        if key == self._verified:
            return
        in_force: PoliciesInForce = yield _wire.policies()
        self._compare(in_force, here, action)
        # The hash over all files ties the listing to this very decision, whatever was saved in between.
        if _hash_over(in_force) != action.policy_hash:
            raise PolicyMismatchError("the policies in force changed while the action was decided", action=action)
        self._verified = key

    def _compare(self, in_force: PoliciesInForce, here: str, action: Action | None) -> None:
        there = in_force.files.get(self._path.name)
        if there is None:
            raise PolicyMismatchError(f"the server has no policy `{self._path.name}` in force", action=action)
        if there != here:
            raise PolicyMismatchError(
                f"the server does not have `{self._shown}` in force as it is here: the file has the SHA-256 "
                f"{here[:12]}, and the one in force has {there[:12]}",
                action=action,
                help=self._line_ends(there),
            )

    def _hash(self, action: Action | None) -> str:
        return hashlib.sha256(self._content(action)).hexdigest()

    def _content(self, action: Action | None) -> bytes:
        try:
            return _files.content_of(self._path)
        except OSError as error:
            why = error.strerror or error
            raise PolicyMismatchError(f"`{self._shown}` cannot be read: {why}", action=action) from error

    def _line_ends(self, there: str) -> str | None:
        """A hint where the two files differ in the ends of their lines only, as after a checkout on Windows."""
        unix = self._content(None).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for content, kind in ((unix, "LF"), (unix.replace(b"\n", b"\r\n"), "CRLF")):
            if hashlib.sha256(content).hexdigest() == there:
                return f"they differ in the ends of their lines only: the one in force has {kind}"
        return None


def named(path: str | os.PathLike[str]) -> Path:
    """The path in `policy=`; an error for a value that is not a path, such as the text of a policy."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`policy` is a `{type(path).__name__}`, and it takes the path of a file")
    if "\n" in os.fspath(path):
        raise ValueError("`policy` is the text of a policy, and it takes the path of a file")
    return Path(path)


def _hash_over(in_force: PoliciesInForce) -> str:
    """The hash over all files, computed as the server does."""
    return hashlib.sha256(_canonical.canonical_bytes(dict(in_force.files))).hexdigest()
