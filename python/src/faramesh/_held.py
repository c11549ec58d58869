"""A held action until people answered it: waiting through outages, giving up, and saying so.

The server alone says when an approval is over. As long as it answers that the action waits, so does the caller; while
it cannot be reached, until the approval must be over by the server's own account of it. A caller that gives up
earlier withdraws the action, so that no person is asked about a call that cannot run any more.
"""

from __future__ import annotations

import datetime
import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from faramesh import _wire
from faramesh._errors import FarameshError, RequestRefusedError, ServerUnavailableError
from faramesh._types import Action
from faramesh._wire import Request

T = TypeVar("T")

LONGEST_POLL: Final = 30.0
"""Seconds of one long poll; short enough for the proxies on the way."""
SHORTEST_POLL: Final = 0.5
"""A server that answers a long poll sooner, and with nothing new, is not asked again at once."""
LONGEST_PAUSE: Final = 10.0
"""Seconds between two tries of a server that is away; the first ones follow each other faster."""
UNSAID_EXPIRY: Final = 3600.0
"""Seconds that an approval is taken to last whose end the server does not tell: its own default."""
GRACE: Final = 30.0
"""Seconds beyond the end of an approval that a server which is away is still asked: it may have been restarting."""
LAST_WORDS: Final = 0.5
"""Seconds for a withdrawal while the code that cancelled the call waits for it."""

log = logging.getLogger("faramesh")


@dataclass(frozen=True)
class Pause:
    """A step of the road on which nothing is asked."""

    seconds: float


Road = Generator[Request[Any] | Pause, Any, T]


def answer(held: Action, patience: float | None, check: Callable[[Action], None]) -> Road[Action]:
    """The action once it is no longer held, or in its state after `patience` seconds.

    Without `patience` the approval's own end is waited for. `check` raises for an answer about something else.
    """
    begun = time.monotonic()
    deadline = math.inf if patience is None else begun + patience
    lasts_until = begun + _lasts(held) + GRACE
    action, pause = held, SHORTEST_POLL
    away: ServerUnavailableError | None = None
    while action.status == "pending_approval" and (left := deadline - time.monotonic()) > 0:
        asked = time.monotonic()
        try:
            action = yield _wire.poll(held.id, min(left, LONGEST_POLL))
        except ServerUnavailableError as error:
            away = error
            if time.monotonic() > lasts_until:
                break
            log.info("%s; action %s is waited for all the same", error, held.id)
            yield Pause(max(0.0, min(pause, deadline - time.monotonic())))
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        pause, away = SHORTEST_POLL, None
        check(action)
        if action.status == "pending_approval" and time.monotonic() - asked < SHORTEST_POLL:
            yield Pause(SHORTEST_POLL)
    if away is not None:
        raise ServerUnavailableError(
            away.message, code=away.code, action=action, help="the action may still be held: `resume` takes it up again"
        ) from away
    return action


def persistently(request: Request[T], patience: float) -> Road[T]:
    """The answer to a request, which is sent again, as the same one, while the server is away."""
    deadline, pause = time.monotonic() + patience, SHORTEST_POLL
    while True:
        try:
            answered: T = yield request
        except ServerUnavailableError as error:
            if error.code == "invalid_answer" or time.monotonic() + pause > deadline:
                raise
        else:
            return answered
        yield Pause(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def fate(action_id: str, patience: float | None) -> Road[Action]:
    """The action of this id once it does not wait any more, as `answer` does it."""
    action: Action = yield _wire.get(action_id)

    def check(seen: Action) -> None:
        check_id(seen, action.id)

    return (yield from answer(action, patience, check))


def check_id(action: Action, action_id: str) -> None:
    """Raise unless an answer is about the action that was asked about."""
    if action.id != action_id:
        raise ServerUnavailableError(
            f"the server answered with another action than the one asked about (`{action.id}`)",
            code="invalid_answer",
        )


def given_up(held: Action, reason: str) -> Road[Action]:
    """Withdraw an action that is no longer waited for; return its state after that.

    It may be approved: a person was faster than the caller's patience.
    """
    try:
        action: Action = yield _wire.get(held.id)
        if action.id != held.id or action.status != "pending_approval":
            return action
        withdrawn: Action = yield _wire.withdraw(held.id, reason)
    except RequestRefusedError:
        try:
            seen: Action = yield _wire.get(held.id)
        except FarameshError as error:
            log.warning("action %s could not be withdrawn: %s", held.id, error)
            return held
        return seen
    except FarameshError as error:
        log.warning("action %s could not be withdrawn: %s", held.id, error)
        return held
    return withdrawn


def abandoned(action: Action, reason: str) -> Road[None]:
    """Withdraw an action on the way out of a call that ends for another reason, which is the one to be told."""
    try:
        yield _wire.withdraw(action.id, reason, within=LAST_WORDS)
    except FarameshError as error:
        log.info("action %s could not be withdrawn: %s", action.id, error)


def announce(held: Action, patience: float | None) -> None:
    """Say once that a person is waited for, and what that person can do."""
    end = _instant(held.expires_at)
    if patience is not None:
        own = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=min(patience, 10**9))
        end = own if end is None else min(own, end)
    until = "" if end is None else f" (until {end.astimezone():%Y-%m-%d %H:%M:%S})"
    log.warning("waiting for a person: faramesh actions approve %s%s", held.id[:8], until)


def _lasts(held: Action) -> float:
    """Seconds that the approval lasts in all, by the server's clock alone, so that ours need not agree with it."""
    begin, end = _instant(held.created_at), _instant(held.expires_at)
    if begin is None or end is None:
        return UNSAID_EXPIRY
    return max(0.0, (end - begin).total_seconds())


def _instant(text: str | None) -> datetime.datetime | None:
    """A time of the wire (RFC 3339), to the second."""
    if text is None:
        return None
    try:
        # Python 3.10 reads neither `Z` nor nine digits of a second.
        return datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
