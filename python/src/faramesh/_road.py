"""The one road from a tool call to its effect, for synchronous and asynchronous tools alike.

    the policy is the expected one ─▶ submit
    the hash and the policy are the expected ones ─▶ EXECUTE ─▶ start ─▶ run ─▶ result
                                                     ABSTAIN ─▶ wait ─▶ (as above, on the new answer)
                                                     HALT    ─▶ raise

INVARIANT: a tool runs only after a `start` that was answered with the very action, by the very hash. Every other
end of the road is an exception. What is shown to a model, and how a framework is hooked, is not known here.
"""

from __future__ import annotations

import copy
import logging
import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, TypeVar

from typing_extensions import assert_never

from faramesh import _canonical, _wire
from faramesh._client import AsyncClient, Client
from faramesh._errors import (
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    FarameshError,
    InvalidActionError,
    ServerUnavailableError,
    ToolDeniedError,
)
from faramesh._policy import PolicyFile
from faramesh._types import Action
from faramesh._wire import Request

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

DEFAULT_APPROVAL_TIMEOUT: Final = 300.0
LONGEST_POLL: Final = 30.0
"""Seconds of one long poll; short enough for the proxies on the way."""
SHORTEST_POLL: Final = 0.5
"""A server that answers a long poll sooner, and with nothing new, is not asked again at once."""
POLL_FAILURES: Final = 3
"""How many polls in a row may fail before the wait is given up: a server may restart while a person thinks."""

log = logging.getLogger("faramesh")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a tool is governed by."""

    agent_id: str
    operation: str = "call"
    context: Mapping[str, Any] = field(default_factory=dict)
    policy: PolicyFile | None = None
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT
    report_result: bool = False
    client: Client | None = None
    async_client: AsyncClient | None = None

    @classmethod
    def check(
        cls,
        *,
        agent_id: str,
        operation: str = "call",
        context: Mapping[str, Any] | None = None,
        policy: str | os.PathLike[str] | None = None,
        approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
        report_result: bool = False,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> Terms:
        """The terms, with everything checked that can be checked before the first call."""
        _canonical.action_body(agent_id, "any", None, operation=operation, context=context)
        if not approval_timeout >= 0:
            raise ValueError(f"`approval_timeout` is {approval_timeout}, and it must not be negative")
        return cls(
            agent_id=agent_id,
            operation=operation,
            context=copy.deepcopy(dict(context or {})),
            policy=None if policy is None else PolicyFile(policy),
            approval_timeout=approval_timeout,
            report_result=report_result,
            client=client,
            async_client=async_client,
        )


class Call:
    """One tool call: the arguments as they were when it was made, which nobody else holds."""

    def __init__(self, terms: Terms, tool: str, arguments: Mapping[str, Any]) -> None:
        self.terms = terms
        self.tool = tool
        try:
            self.arguments: dict[str, Any] = copy.deepcopy(dict(arguments))
        except Exception as error:
            raise InvalidActionError(f"the arguments of `{tool}` cannot be copied: {error}") from error
        self.body = self._body()

    def request_hash(self) -> str:
        """The hash of the arguments as they are now."""
        return _canonical.hash_of(self._body())

    def _body(self) -> dict[str, Any]:
        terms = self.terms
        return _canonical.action_body(
            terms.agent_id, self.tool, self.arguments, operation=terms.operation, context=terms.context
        )


@dataclass(frozen=True)
class Pause:
    """A step of the road on which nothing is asked."""

    seconds: float


Road = Generator[Request[Any] | Pause, Any, T]


def admission(call: Call) -> Road[Action]:
    """The road up to the moment at which the tool may run; ends with the started action or raises."""
    if call.terms.policy is not None:
        # Asked first, so that a call that would never run leaves no decision behind that says it may.
        yield from call.terms.policy.expect()
    action: Action = yield _wire.submit(call.body, None)
    yield from _check(call, action, action.id)
    if action.outcome == "ABSTAIN":
        held = action
        action = yield from _answer_of_a_person(call, held)
        yield from _check(call, action, held.id)
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
                f"`{call.tool}` is waiting for approval, and nobody has answered within "
                f"{call.terms.approval_timeout:g} s: {why(action)}",
                action=action,
            )
        case "HALT":
            raise _denied(call, action)
        case _:
            assert_never(action.outcome)
    _check_hash(call, action)
    started: Action = yield _wire.start(action.id)
    if started.id != action.id or started.status != "executing":
        raise ServerUnavailableError(
            f"the start of `{call.tool}` was answered with the status `{started.status}`, which makes no sense",
            code="invalid_answer",
            action=action,
        )
    _check_hash(call, started)
    return started


def why(action: Action) -> str:
    """The reason and the rule, in one line."""
    rule = f", rule `{action.rule.id}` of `{action.rule.policy}`" if action.rule else ""
    return f"{action.reason or 'no reason was given'} ({action.reason_code}{rule})"


def _answer_of_a_person(call: Call, held: Action) -> Road[Action]:
    """The action once it is no longer held, or as it stands when `approval_timeout` is over."""
    deadline = time.monotonic() + call.terms.approval_timeout
    action, failures = held, 0
    while action.outcome == "ABSTAIN" and (left := deadline - time.monotonic()) > 0:
        asked = time.monotonic()
        try:
            action = yield _wire.wait(held.id, min(left, LONGEST_POLL))
            failures = 0
        except ServerUnavailableError:
            failures += 1
            if failures > POLL_FAILURES or time.monotonic() + SHORTEST_POLL > deadline:
                raise
        if action.outcome == "ABSTAIN" and time.monotonic() - asked < SHORTEST_POLL:
            yield Pause(SHORTEST_POLL)
    return action


def _check(call: Call, action: Action, action_id: str) -> Road[None]:
    """That an answer is about this call, decided under the policy that the caller relies on."""
    if action.id != action_id:
        raise ServerUnavailableError(
            f"the server answered with another action than the one asked about (`{action.id}`)",
            code="invalid_answer",
        )
    if action.outcome != "HALT":
        _check_hash(call, action)
    if call.terms.policy is not None:
        yield from call.terms.policy.verify(action)


def _check_hash(call: Call, action: Action) -> None:
    held = call.request_hash()
    if action.request_hash != held:
        raise ArgumentsChangedError(
            f"the arguments of `{call.tool}` are not the ones that were decided: they hash to {held[:12]}, "
            f"and the decision is about {(action.request_hash or 'nothing')[:12]}",
            action=action,
        )


def _denied(call: Call, action: Action) -> FarameshError:
    match action.reason_code:
        case "approval_rejected":
            return ApprovalRejectedError(f"`{call.tool}` was rejected by a person: {why(action)}", action=action)
        case "approval_expired":
            return ApprovalExpiredError(
                f"`{call.tool}` was not approved before its approval expired: {why(action)}", action=action
            )
        case code:
            return ToolDeniedError(f"`{call.tool}` was denied: {why(action)}", code=code, action=action)
