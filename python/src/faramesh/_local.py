"""`server=None`: deciding in this process by a policy file or folder, with no server at all.

A held action does not run, since there is no one to ask. A change of the files that permits more takes effect when they
have not changed for a second and all of them are valid; until then the old ones decide too, and the stricter decision
counts. The log says so. Nothing is recorded.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from faramesh import _engine, _files, _settle
from faramesh._engine import PolicySet
from faramesh._errors import PolicyInvalidError, PolicyUnavailableError
from faramesh._files import Listing, Stamp
from faramesh._policy import named
from faramesh._settle import Instant
from faramesh._types import Decision, Outcome

log = logging.getLogger("faramesh")

LARGE: Final = 16 * 1024
"""From so many bytes on, deciding an action is left to a thread, so that an event loop goes on meanwhile."""

_STRICTNESS: Final[Mapping[Outcome, int]] = {"EXECUTE": 0, "ABSTAIN": 1, "HALT": 2}


@dataclass(frozen=True)
class _Loaded:
    """Policies that can decide, and the files they were loaded from."""

    policies: PolicySet
    files: Mapping[str, bytes]
    digest: str


@dataclass(frozen=True)
class _Seen:
    """The result of the last check of the files."""

    stamp: Stamp
    tells: bool
    """Whether any change of the files would show in the stamp."""
    digest: str
    since_ns: int
    """Since when this has not changed, on the monotonic clock."""
    loaded: _Loaded | None
    """The policies, if all of the files are valid, so that they can take effect."""


@dataclass(frozen=True)
class _State:
    """The policies in force, and how far a change of them is."""

    in_force: _Loaded
    seen: _Seen | None
    """Nothing when the files could not be read."""
    looked: Instant
    """When the files were last looked at."""
    restricts: PolicySet | None = None
    """Policies that are not in force and decide too, where they are stricter: the last ones that were seen."""
    trouble: str | None = None

    def deciding(self) -> tuple[PolicySet, ...]:
        return (self.in_force.policies,) if self.restricts is None else (self.in_force.policies, self.restricts)


class LocalPolicy:
    """A policy file or folder on this machine that decides here."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = named(path)
        # INVARIANT: resolved once, when the tool is wrapped, as in `_policy`.
        self._path = self._shown.absolute()
        if not self._path.exists():
            raise FileNotFoundError(f"`policy=` names `{self._shown}`, and there is no such file or folder")
        self._engine = _engine.shared()
        self._state = self._first()

    def decide(self, action: bytes) -> Decision:
        """Decide an action by the files as they are now and, until a change of them is finished, by the former too."""
        state = {"now": _settle.clock.wall_ns() // 1_000_000}
        decisions = [one.decide(action, state) for one in self._look().deciding()]
        return max(decisions, key=lambda one: _STRICTNESS[one.outcome])

    async def adecide(self, action: bytes) -> Decision:
        """`decide` for an event loop, which goes on while a large action is decided."""
        return self.decide(action) if len(action) < LARGE else await asyncio.to_thread(self.decide, action)

    def _first(self) -> _State:
        """The policies to begin with, when nothing was changed for a second: half of a file may permit more."""
        while True:
            try:
                stamp = _settle.wait(lambda: _files.stamp(self._path))
            except TimeoutError as error:
                raise PolicyUnavailableError(f"`policy=` names `{self._shown}`, and {error}") from error
            now = Instant.now()
            listing = self._read()
            if _files.stamp(self._path) == stamp:
                break
        if listing.mistakes:
            raise PolicyInvalidError.of(listing.mistakes)
        loaded = self._load(listing.files, _files.digest(listing))
        seen = _Seen(stamp, _settle.tells(stamp, now), loaded.digest, now.monotonic_ns, loaded)
        return _State(loaded, seen, now)

    def _look(self) -> _State:
        # Threads may see a change at once and each load it: a state that one of them keeps with an older look is
        # corrected by the next call.
        known, now = self._state, Instant.now()
        try:
            state = self._looked(known, now)
        except OSError as error:
            state = self._told(replace(known, seen=None), f"`{self._shown}` cannot be read: {error}")
        self._state = state = replace(state, looked=now)
        return state

    def _looked(self, known: _State, now: Instant) -> _State:
        seen, stamp = known.seen, _files.stamp(self._path)
        if seen is None or stamp != seen.stamp or not seen.tells:
            listing = self._read()
            digest = _files.digest(listing)
            if seen is None or (stamp, digest) != (seen.stamp, seen.digest):
                return self._changed(known, stamp, listing, digest, now)
            tells = _settle.tells(stamp, now) and not listing.mistakes
            known = replace(known, seen=replace(seen, tells=tells))
        return self._settled(known, now)

    def _changed(self, known: _State, stamp: Stamp, listing: Listing, digest: str, now: Instant) -> _State:
        """Load files that differ from the last check."""
        before = known.seen
        # A file that cannot be read may be readable again without a change of it.
        tells = _settle.tells(stamp, now) and not listing.mistakes
        seen = _Seen(stamp, tells, digest, now.monotonic_ns, None)
        if digest == known.in_force.digest:
            return replace(known, seen=replace(seen, loaded=known.in_force), restricts=None, trouble=None)
        # A file that cannot be read keeps the content that it had: the others may be stricter than they were.
        mistaken = {one.file for one in listing.mistakes}
        kept = {name: content for name, content in known.in_force.files.items() if name in mistaken}
        try:
            loaded = self._load({**listing.files, **kept}, digest)
            if listing.mistakes:
                known = self._told(known, f"`{self._shown}` was changed, and {PolicyInvalidError.of(listing.mistakes)}")
                return replace(known, seen=seen, restricts=loaded.policies)
        except PolicyUnavailableError as error:
            return self._told(replace(known, seen=seen), f"`{self._shown}` was changed, and {error}")
        # The look must be of the very files that were read, or it says nothing of how old those are.
        aged = (
            before is not None
            and _settle.stood_still(before.stamp, stamp, known.looked, now)
            and _files.stamp(self._path) == stamp
        )
        since = now.monotonic_ns - (_settle.SETTLED_NS if aged else 0)
        state = replace(known, seen=replace(seen, since_ns=since, loaded=loaded), restricts=loaded.policies)
        settled = self._settled(state, now)
        if settled.restricts is not None:
            log.info(
                "`%s` was changed; until it has stood still for a second, the stricter policies decide", self._shown
            )
        return settled

    def _settled(self, known: _State, now: Instant) -> _State:
        """Activate the loaded policies, once they have not changed for long enough."""
        seen = known.seen
        if seen is None or seen.loaded is None or seen.loaded is known.in_force:
            return known
        if now.monotonic_ns - seen.since_ns < _settle.SETTLED_NS:
            return known
        log.warning(
            "`%s` was changed and is in force, with the policy_hash %s", self._shown, seen.loaded.policies.policy_hash
        )
        return replace(known, in_force=seen.loaded, restricts=None, trouble=None)

    def _read(self) -> Listing:
        return _files.read(self._path, self._engine.reads_as_policy)

    def _load(self, files: Mapping[str, bytes], digest: str) -> _Loaded:
        policies = self._engine.load(files)
        for warning in policies.diagnostics:
            log.warning("%s", warning)
        return _Loaded(policies, files, digest)

    def _told(self, known: _State, trouble: str) -> _State:
        """The state as it was, with the trouble; said once for each trouble."""
        if trouble != known.trouble:
            log.error(
                "%s; the former policies stay in force, with the policy_hash %s",
                trouble,
                known.in_force.policies.policy_hash,
            )
        return replace(known, trouble=trouble)
