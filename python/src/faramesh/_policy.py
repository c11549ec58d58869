"""`policy=`: the file that a caller relies on, held against what was in force when an action was decided.

Only hashes are compared. The file itself is never read as a policy here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faramesh import _canonical, _wire
from faramesh._errors import PolicyMismatchError

if TYPE_CHECKING:
    import os

    from faramesh._types import Action, PoliciesInForce
    from faramesh._wire import Request


class PolicyFile:
    """A policy file on this machine that must be in force, byte for byte, wherever its actions are decided."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise FileNotFoundError(f"`policy=` names `{self._path}`, and there is no such file")
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
                f"the server does not have `{self._path}` in force as it is here: the file has the SHA-256 "
                f"{here[:12]}, and the one in force has {there[:12]}",
                action=action,
            )

    def _hash(self, action: Action | None) -> str:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError as error:
            raise PolicyMismatchError(f"`{self._path}` cannot be read: {error.strerror}", action=action) from error


def _hash_over(in_force: PoliciesInForce) -> str:
    """The hash over all files, as the server makes it: anybody can."""
    return hashlib.sha256(_canonical.canonical_bytes(dict(in_force.files))).hexdigest()
