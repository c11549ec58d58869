"""`server=None`: deciding in this process by a policy file or folder, with no server at all.

An action that is held does not run, since there is nobody to ask. A change of the files is in force from the next
call on, and only when all of them are sound: until then the former ones decide, and the log says so. Nothing is
recorded.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, replace
from typing import Final

from faramesh import _engine, _files
from faramesh._engine import PolicySet
from faramesh._errors import PolicyUnavailableError
from faramesh._policy import named
from faramesh._types import Decision

log = logging.getLogger("faramesh")

LARGE: Final = 16 * 1024
"""From so many bytes on, deciding an action is left to a thread, so that an event loop goes on meanwhile."""


@dataclass(frozen=True)
class _InForce:
    """The policies in force, and what was last seen of the files, which may be other and have errors."""

    policies: PolicySet
    stamp: _files.Stamp | None
    """Nothing while a change might not show in it."""
    digest: str | None
    trouble: str | None = None


class LocalPolicy:
    """A policy file or folder on this machine that decides here."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = named(path)
        # INVARIANT: resolved once, when the tool is wrapped, as in `_policy`.
        self._path = self._shown.absolute()
        if not self._path.exists():
            raise FileNotFoundError(f"`policy=` names `{self._shown}`, and there is no such file or folder")
        self._engine = _engine.shared()
        stamp, files = _files.stamp(self._path), _files.read(self._path)
        self._in_force = _InForce(self._load(files), _lasting(stamp), _files.digest(files))

    def decide(self, action: bytes) -> Decision:
        """Decide an action by the files as they are now, or by the last sound ones."""
        return self._current().decide(action, {"now": time.time_ns() // 1_000_000})

    async def adecide(self, action: bytes) -> Decision:
        """`decide` for an event loop, which goes on while a large action is decided."""
        return self.decide(action) if len(action) < LARGE else await asyncio.to_thread(self.decide, action)

    def _current(self) -> PolicySet:
        # Threads may see a change at once and each load it: what one of them keeps with an older stamp is looked at
        # again by the next call.
        known = self._in_force
        try:
            stamp = _files.stamp(self._path)
            if stamp == known.stamp:
                return known.policies
            files = _files.read(self._path)
        except OSError as error:
            return self._stay(known, None, None, f"`{self._shown}` cannot be read: {error}")
        digest = _files.digest(files)
        if digest == known.digest:
            self._in_force = replace(known, stamp=_lasting(stamp))
            return known.policies
        try:
            policies = self._load(files)
        except PolicyUnavailableError as error:
            return self._stay(known, _lasting(stamp), digest, f"`{self._shown}` was changed, and {error}")
        log.warning("`%s` was changed and is in force, with the policy_hash %s", self._shown, policies.policy_hash)
        self._in_force = _InForce(policies, _lasting(stamp), digest)
        return policies

    def _load(self, files: dict[str, bytes]) -> PolicySet:
        policies = self._engine.load(files)
        for warning in policies.diagnostics:
            log.warning("%s", warning)
        return policies

    def _stay(self, known: _InForce, stamp: _files.Stamp | None, digest: str | None, trouble: str) -> PolicySet:
        """Go on with the policies in force; said once for each trouble."""
        if trouble != known.trouble:
            log.error(
                "%s; the former policies stay in force, with the policy_hash %s", trouble, known.policies.policy_hash
            )
        self._in_force = _InForce(known.policies, stamp, digest, trouble)
        return known.policies


def _lasting(stamp: _files.Stamp) -> _files.Stamp | None:
    return stamp if stamp.settled() else None
