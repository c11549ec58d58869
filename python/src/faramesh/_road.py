"""The one road from a tool call to its effect, for synchronous and asynchronous tools alike.

    the policy is the expected one ─▶ submit
    the hash and the policy are the expected ones ─▶ EXECUTE ─▶ start ─▶ run ─▶ result
                                                     ABSTAIN ─▶ wait ─▶ (as above, on the new answer)
                                                     HALT    ─▶ raise

Without a server the road is short: decide in this process, compare the hash, and only `EXECUTE` runs.

INVARIANT: a tool runs only after a `start` whose answer has this action and its hash; without a server only after an
`EXECUTE` for its hash. Every other end of the flow is an exception, and an action that is abandoned on the way is
withdrawn. The texts for a model and the hooks of frameworks are not known here.
"""

from __future__ import annotations

import collections
import copy
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from typing_extensions import assert_never

from faramesh import _arguments, _canonical, _held, _wire
from faramesh._errors import (
    ActionWithdrawnError,
    AlreadyStartedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    EngineFailureError,
    FarameshError,
    InvalidActionError,
    PermitLapsedError,
    RequestRefusedError,
    ServerUnavailableError,
    ToolDeniedError,
)
from faramesh._held import Road
from faramesh._terms import Terms
from faramesh._types import Action, Decision

MOST_RENEWALS: Final = 100
"""How often one tool call may be proposed anew, after its action was withdrawn or lapsed."""
MOST_INTERRUPTED: Final = 10_000
"""How many calls that a framework interrupted are remembered, so that ones which are never resumed take no room."""

START_PATIENCE: Final = 900.0
"""Seconds that the start of an approved call is tried while the server is away: its own default for a permit."""

_LAPSES: Final = ("permit_expired", "policy_changed")

log = logging.getLogger("faramesh")


class Call:
    """One tool call: a private copy of the arguments as they were when it was made.

    `identity` makes a repeated call the same one, such as a thread and the id of a tool call; without it every call is
    separate. `derive` computes the decided parameters, if they differ from the arguments.
    """

    def __init__(
        self,
        terms: Terms,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        identity: tuple[str, ...] | None = None,
        derive: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self.terms = terms
        self.tool = tool
        self._derive = derive
        self.arguments: dict[str, Any] = _copied(tool, arguments)
        self.body = self._body()
        self.identity = None if identity is None else _digest("call", terms.agent_id, *identity, self.request_hash())

    def request_hash(self) -> str:
        """The hash of the arguments as they are now."""
        return _canonical.hash_of(self._body())

    def _body(self) -> dict[str, Any]:
        terms = self.terms
        params = self.arguments if self._derive is None else self._derive()
        try:
            body = _canonical.action_body(
                terms.agent_id, self.tool, params, operation=terms.operation, context=terms.context
            )
        except _canonical.NoDataError:
            for name, value in params.items():
                _arguments.plain(name, value)
            raise
        _canonical.refuse_unsafe(body["params"], "params")
        return body


def admission(call: Call) -> Road[Action]:
    """The road up to the moment at which the tool may run; ends with the started action or raises."""
    if call.terms.policy is not None:
        # Asked first, so that a call that would never run leaves no decision behind that says it may.
        yield from call.terms.policy.expect()
    action, is_started = yield from _proposed(call)
    if is_started:
        _check_hash(call, action)
        return action
    return (yield from _carried_on(call, action))


def resumption(call: Call, action_id: str) -> Road[Action]:
    """`admission` for an action that was proposed before, by this call of the tool."""
    action: Action = yield _wire.get(action_id)
    _check_hash(call, action)
    return (yield from _carried_on(call, action))


def judge(call: Call, decision: Decision) -> None:
    """The short road: return when a decision that was made in this process lets the tool run, and else raise."""
    log.info("`%s` was decided here: %s (%s)", call.tool, decision.outcome, decision.reason_code)
    match decision.outcome:
        case "EXECUTE":
            _check_hash(call, decision)
        case "ABSTAIN":
            raise ApprovalRequiredError(
                f"`{call.tool}` needs approval by a person, and without a server nobody can be asked: {why(decision)}",
                action=decision,
            )
        case "HALT" if decision.reason_code == EngineFailureError.default_code:
            raise EngineFailureError(f"`{call.tool}` was not decided: {why(decision)}", action=decision)
        case "HALT":
            raise _denied(call, decision)
        case _:
            assert_never(decision.outcome)


def why(decision: Decision) -> str:
    """The reason and the rule, in one line."""
    rule = f", rule `{decision.rule.id}` of `{decision.rule.policy}`" if decision.rule else ""
    return f"{decision.reason or 'no reason was given'} ({decision.reason_code}{rule})"


class _Interrupted:
    """The calls that a framework interrupted while their tool ran, and will make again: each has its permit already."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: collections.OrderedDict[str, str] = collections.OrderedDict()

    def remember(self, call: Call, started: Action) -> None:
        if call.identity is None:
            return
        with self._lock:
            self._actions[call.identity] = started.id
            while len(self._actions) > MOST_INTERRUPTED:
                self._actions.popitem(last=False)

    def take(self, call: Call) -> str | None:
        """The action of a call that was interrupted; only one caller gets it."""
        with self._lock:
            return None if call.identity is None else self._actions.pop(call.identity, None)


interrupted: Final = _Interrupted()


def _proposed(call: Call) -> Road[tuple[Action, bool]]:
    """The action of a call, and whether it was started already, by a run of this very call that was interrupted."""
    if call.identity is None:
        action: Action = yield _wire.submit(call.body, None)
        return action, False
    was = interrupted.take(call)
    key = call.identity
    for _ in range(MOST_RENEWALS):
        kept: Action = yield _wire.submit(call.body, key)
        # The answer for a known key may be an old one.
        now: Action = yield _wire.get(kept.id)
        _held.check_id(now, kept.id)
        match now.status:
            case "executing" if now.id == was:
                return now, True
            case "timeout" if now.id == was:
                pass
            case "withdrawn" | "lapsed":
                pass
            case "denied" if now.reason_code == "approval_expired":
                pass
            case _:
                return now, False
        key = _digest("again", key, now.id)
    raise RequestRefusedError(f"`{call.tool}` was proposed {MOST_RENEWALS} times for one tool call", code="too_often")


def _carried_on(call: Call, action: Action) -> Road[Action]:
    """From an action in any state to its start; an action that is abandoned on the way is withdrawn."""
    last = [action]
    try:
        return (yield from _started(call, last))
    except (GeneratorExit, ApprovalRequiredError):
        raise
    except BaseException as error:
        if last[0].status in ("pending_approval", "allowed", "approved"):
            reason = "the call was cancelled" if not isinstance(error, FarameshError) else "the call was given up"
            yield from _held.abandoned(last[0], reason)
        raise


def _started(call: Call, last: list[Action]) -> Road[Action]:
    """Start the action; `last` always holds the last that is known of it."""
    first = last[0]
    yield from _check(call, first, first.id)
    if first.status == "pending_approval" and first.outcome == "ABSTAIN":
        last[0] = yield from _answered(call, first)
        yield from _check(call, last[0], first.id)
    action = last[0]
    _refuse_ended(call, action)
    match action.outcome:
        case "EXECUTE" if action.status in ("allowed", "approved"):
            pass
        case "EXECUTE":
            raise ServerUnavailableError(
                f"`{call.tool}` was answered with EXECUTE and the status `{action.status}`, which makes no sense",
                code="invalid_answer",
                action=action,
            )
        case "ABSTAIN":
            raise ApprovalRequiredError(
                f"`{call.tool}` is waiting for approval, and nobody has answered yet: {why(action)}", action=action
            )
        case "HALT":
            raise _denied(call, action)
        case _:
            assert_never(action.outcome)
    _check_hash(call, action)
    started = yield from _redeemed(call, action, was_held=first.status == "pending_approval")
    if started.id != action.id or started.status != "executing":
        raise ServerUnavailableError(
            f"the start of `{call.tool}` was answered with the status `{started.status}`, which makes no sense",
            code="invalid_answer",
            action=action,
        )
    last[0] = started
    _check_hash(call, started)
    return started


def _answered(call: Call, held: Action) -> Road[Action]:
    """The action once people have answered it; raises `ApprovalRequiredError` if no answer came in time."""
    patience = call.terms.approval_timeout
    if patience == 0:
        return held
    _held.announce(held, patience)
    action = yield from _held.answer(held, patience, lambda seen: _held.check_id(seen, held.id))
    if action.status != "pending_approval":
        return action
    assert patience is not None  # noqa: S101 - without one, an answer is waited for
    action = yield from _held.given_up(action, f"nobody answered within {patience:g} s")
    if action.id == held.id and action.status in ("pending_approval", "withdrawn"):
        end = "it is withdrawn" if action.status == "withdrawn" else "it could not be withdrawn"
        raise ApprovalRequiredError(
            f"`{call.tool}` was waiting for approval, and nobody answered within {patience:g} s; {end}: {why(held)}",
            action=action,
        )
    return action


def _redeemed(call: Call, action: Action, *, was_held: bool) -> Road[Action]:
    # A person's answer is not lost to a server that restarts right after it.
    patience = call.terms.approval_timeout
    try:
        started = yield from _held.persistently(
            _wire.start(action.id), 0.0 if not was_held else START_PATIENCE if patience is None else patience
        )
    except RequestRefusedError as error:
        if error.code in _LAPSES:
            raise _lapsed(call, action, error.code) from error
        # The state of the action explains best why a start is refused.
        now: Action = yield _wire.get(action.id)
        if now.id == action.id:
            _refuse_ended(call, now)
        raise
    return started


def _refuse_ended(call: Call, action: Action) -> None:
    """Raise for an action that is over, or under way elsewhere."""
    match action.status:
        case "withdrawn":
            raise ActionWithdrawnError(f"`{call.tool}` was withdrawn before it was started", action=action)
        case "lapsed":
            raise _lapsed(call, action, action.reason_code)
        case "executing" | "succeeded" | "failed" | "timeout":
            raise AlreadyStartedError(
                f"`{call.tool}` was started before for this call, and is `{action.status}`", action=action
            )
        case "allowed" | "pending_approval" | "approved" | "denied" | "unknown":
            return
        case _:
            assert_never(action.status)


def _check(call: Call, action: Action, action_id: str) -> Road[None]:
    """That an answer is about this call, decided under the policy that the caller relies on."""
    _held.check_id(action, action_id)
    if action.outcome != "HALT":
        _check_hash(call, action)
    if action.status in ("withdrawn", "lapsed"):
        return
    if call.terms.policy is not None:
        yield from call.terms.policy.verify(action)


def _check_hash(call: Call, decision: Decision) -> None:
    held = call.request_hash()
    if decision.request_hash != held:
        raise ArgumentsChangedError(
            f"the arguments of `{call.tool}` are not the ones that were decided: they hash to {held[:12]}, "
            f"and the decision is about {(decision.request_hash or 'nothing')[:12]}",
            action=decision,
        )


def _denied(call: Call, decision: Decision) -> FarameshError:
    match decision.reason_code:
        case "approval_rejected":
            return ApprovalRejectedError(f"`{call.tool}` was rejected by a person: {why(decision)}", action=decision)
        case "approval_expired":
            return ApprovalExpiredError(
                f"`{call.tool}` was not approved before its approval expired: {why(decision)}", action=decision
            )
        case code:
            return ToolDeniedError(f"`{call.tool}` was denied: {why(decision)}", code=code, action=decision)


def _lapsed(call: Call, action: Action, code: str) -> PermitLapsedError:
    what = "by now the policies do not permit it any more" if code == "policy_changed" else "it was not started in time"
    return PermitLapsedError(
        f"`{call.tool}` was permitted, and {what}",
        code=code if code in _LAPSES else None,
        action=action,
        help="it can be proposed again",
    )


def _copied(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return copy.deepcopy(dict(arguments))
    except Exception as error:
        for name, value in arguments.items():
            _arguments.plain(name, value)
        raise InvalidActionError(f"the arguments of `{tool}` cannot be copied: {error}") from error


def _digest(*parts: str) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass")
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()
