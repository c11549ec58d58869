"""When a change of policy files is finished: a program that writes a file in place shows every half of it on the way.

The operating system is not asked who writes a file, so time is all there is: what has not changed for a second is
finished. Nothing is read here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from faramesh._files import Stamp

SETTLED_NS: int = 1_000_000_000
"""How long files must be unchanged before a change counts that may permit more than before."""
PATIENCE_NS: Final = 10_000_000_000
"""How long is waited at the start for files that keep changing."""

_COARSE_NS: Final = 2_000_000_000
"""The largest step in which a file system counts time."""
_SECOND_NS: Final = 1_000_000_000
_SLACK_NS: Final = 250_000_000


@dataclass(frozen=True)
class Clock:
    """The clocks of this machine; tests move them by hand."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns
    sleep: Callable[[float], None] = time.sleep


clock = Clock()


@dataclass(frozen=True)
class Instant:
    """A moment on both clocks. Waiting is measured on the monotonic one; the other is compared with times of files."""

    monotonic_ns: int
    wall_ns: int

    @classmethod
    def now(cls) -> Instant:
        """The present moment."""
        return cls(clock.monotonic_ns(), clock.wall_ns())

    def agrees_with(self, earlier: Instant) -> bool:
        """Whether both clocks went on by the same since then, so that the wall clock was not set meanwhile."""
        by = (self.wall_ns - earlier.wall_ns) - (self.monotonic_ns - earlier.monotonic_ns)
        return abs(by) <= _SLACK_NS


def tells(stamp: Stamp, now: Instant) -> bool:
    """Whether the next change of the files will show in their stamp: their times may be counted in steps."""
    return now.wall_ns - stamp.newest_ns > _COARSE_NS


def stood_still(before: Stamp, after: Stamp, looked: Instant, now: Instant) -> bool:
    """Whether the files' times show that everything changed since `looked` has been unchanged for long enough at `now`.

    Times that no change between the two moments can have, as with the clock of another machine or a link that was
    moved to an older file, tell nothing.
    """
    known = set(before.entries)
    times = [one.changed_ns for one in after.entries if one not in known]
    if {one.name for one in before.entries} - {one.name for one in after.entries}:
        times.append(after.folders_ns)
    # If no time shows a change, there is none that could be old enough.
    return (
        bool(times)
        and now.agrees_with(looked)
        and all(looked.wall_ns < at <= now.wall_ns - _needed(at) for at in times)
    )


def wait(stamp: Callable[[], Stamp]) -> Stamp:
    """Wait until the files have been unchanged for long enough; a `TimeoutError` if they keep changing."""
    begun = since = Instant.now()
    seen = stamp()
    while True:
        now = Instant.now()
        age = now.wall_ns - max(seen.newest_ns, seen.folders_ns)
        if age >= _needed(seen.newest_ns) or now.monotonic_ns - since.monotonic_ns >= SETTLED_NS:
            return seen
        if now.monotonic_ns - begun.monotonic_ns > PATIENCE_NS:
            raise TimeoutError("its files keep changing")
        clock.sleep(0.02)
        latest = stamp()
        if latest != seen:
            seen, since = latest, Instant.now()


def _needed(at: int) -> int:
    return SETTLED_NS + (_COARSE_NS if SETTLED_NS and at % _SECOND_NS == 0 else 0)
