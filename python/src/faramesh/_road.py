"""The one road from a tool call to its effect, for synchronous and asynchronous tools alike.

    the policy is the expected one ─▶ submit
    the hash and the policy are the expected ones ─▶ EXECUTE ─▶ start ─▶ run ─▶ result
                                                     ABSTAIN ─▶ wait ─▶ (as above, on the new answer)
                                                     HALT    ─▶ raise

Without a server the road is short: decide in this process, compare the hash, and only `EXECUTE` runs.

INVARIANT: a tool runs only after a `start` that was answered with the very action, by the very hash; without a server
only after an `EXECUTE` for the very hash. Every other end of the road is an exception. What is shown to a model, and
how a framework is hooked, is not known here.
"""

from __future__ import annotations

import copy
import enum
import logging
import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, ParamSpec, TypeVar

from typing_extensions import assert_never

from faramesh import _canonical, _wire
from faramesh._client import AsyncClient, Client
from faramesh._errors import (
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    EngineFailureError,
    FarameshError,
    InvalidActionError,
    ServerUnavailableError,
    ToolDeniedError,
)
from faramesh._local import LocalPolicy
from faramesh._policy import PolicyFile
from faramesh._types import Action, Decision
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


class Configured(enum.Enum):
    """Stands for the server that the environment names, where `None` means none at all."""

    SERVER = "the server that the environment names"

    def __repr__(self) -> str:
        return f"<{self.value}>"


CONFIGURED: Final = Configured.SERVER
Server = str | Literal[Configured.SERVER] | None
"""Who decides: the server at this URL, the one that the environment names, or, for `None`, this process."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a tool is governed by."""

    agent_id: str
    operation: str = "call"
    context: Mapping[str, Any] = field(default_factory=dict)
    policy: PolicyFile | None = None
    local: LocalPolicy | None = None
    """Decides in this process; then no server is asked."""
    server: str | None = None
    """The server's URL, where it is another than the environment names."""
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
        server: Server = CONFIGURED,
        approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
        report_result: bool = False,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> Terms:
        """The terms, with everything checked that can be checked before the first call."""
        _canonical.action_body(agent_id, "any", None, operation=operation, context=context)
        if not approval_timeout >= 0:
            raise ValueError(f"`approval_timeout` is {approval_timeout}, and it must not be negative")
        if server is not CONFIGURED and (client or async_client):
            raise ValueError("`server` and a client both say where to decide; give one of them")
        if server is None and policy is None:
            raise ValueError("with `server=None` this process decides, and `policy` must say by what")
        if server is None and report_result:
            raise ValueError("with `server=None` there is nobody to report a result to")
        return cls(
            agent_id=agent_id,
            operation=operation,
            context=copy.deepcopy(dict(context or {})),
            policy=None if policy is None or server is None else PolicyFile(policy),
            local=None if policy is None or server is not None else LocalPolicy(policy),
            server=server if isinstance(server, str) else None,
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
        _check_id(action, held.id)
        if action.outcome == "ABSTAIN" and time.monotonic() - asked < SHORTEST_POLL:
            yield Pause(SHORTEST_POLL)
    return action


def _check(call: Call, action: Action, action_id: str) -> Road[None]:
    """That an answer is about this call, decided under the policy that the caller relies on."""
    _check_id(action, action_id)
    if action.outcome != "HALT":
        _check_hash(call, action)
    if call.terms.policy is not None:
        yield from call.terms.policy.verify(action)


def _check_id(action: Action, action_id: str) -> None:
    if action.id != action_id:
        raise ServerUnavailableError(
            f"the server answered with another action than the one asked about (`{action.id}`)",
            code="invalid_answer",
        )


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
