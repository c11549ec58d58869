"""What the server and the engine answer with, as frozen dataclasses under the names of the wire.

Nothing here decides. A word that this version does not know is read as its strictest neighbour, so that a newer
server can never make an older client run something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import faramesh._installation  # noqa: F401 - the modules below look too, whatever `__init__.py` is there

Outcome = Literal["EXECUTE", "ABSTAIN", "HALT"]
"""What becomes of an action, from the loosest to the strictest."""

Effect = Literal["allow", "require_approval", "deny"]
"""The outcome as a rule would say it."""

RiskLevel = Literal["low", "medium", "high", "critical"]

Status = Literal[
    "allowed",
    "pending_approval",
    "approved",
    "executing",
    "succeeded",
    "failed",
    "timeout",
    "withdrawn",
    "lapsed",
    "denied",
    "unknown",
]
"""Where an action stands in its life; `unknown` stands for a word that this version does not know."""

Severity = Literal["error", "warning"]
"""How bad a diagnostic is; policies with an error never come into force."""

UNKNOWN_OUTCOME: Final = "unknown_outcome"
"""The reason code of an action whose outcome this version does not know; such an action is `HALT`."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule that made the outcome: the file, the rule's id, and the 1-based line of its first key."""

    policy: str
    id: str
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Quorum:
    """So many different people, each with one of these roles; no role means anybody who may approve."""

    approvers: int
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ApprovalRequirement:
    """What people must do before a held action may run: every quorum, within `expires_ms` where a policy says so."""

    requires: tuple[Quorum, ...]
    expires_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class ShadowOpinion:
    """What a file in shadow mode would have said; `outcome` and `reason_code` are nothing when it has no opinion."""

    policy: str
    outcome: Outcome | None
    reason_code: str | None
    risk_score: int
    rule: Rule | None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Where the decision stands in the chain of records."""

    stream: str
    seq: int
    record_hash: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided about an action, and why."""

    outcome: Outcome
    decision: Effect
    reason_code: str
    reason: str
    rule: Rule | None
    risk_level: RiskLevel
    risk_score: int
    request_hash: str | None
    policy_hash: str | None
    runtime_version: str | None
    provenance_id: str | None
    risk_rules: tuple[str, ...] = ()
    approval: ApprovalRequirement | None = None
    shadow: tuple[ShadowOpinion, ...] = ()
    raw_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class Action(Decision):
    """An action as the server holds it: what was asked, what was decided, and where it stands."""

    id: str
    agent_id: str
    tool: str
    operation: str
    status: Status
    params: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    policy_version: str | None = None
    approvals: tuple[Mapping[str, Any], ...] = ()
    approval_token: str | None = field(default=None, repr=False)
    receipt: Receipt | None = None
    error: str | None = None
    result: Any = None
    duration_us: int | None = None
    created_at: str | None = None
    updated_at: str | None = None
    expires_at: str | None = None
    """Until when people may answer."""
    start_by: str | None = None
    """Until when `start` is accepted."""
    waiting: bool | None = None
    """Whether a caller waits for the answer; nothing when none is awaited."""
    principal: str | None = None
    """Who proposed it, where the server tells this caller."""
    answerable: Mapping[str, Any] | None = None
    """Whether an answer of this very caller would count, where it may answer at all."""


@dataclass(frozen=True, kw_only=True)
class ActionPage:
    """A part of a list of actions, newest first; `next_cursor` asks for the part after it."""

    actions: tuple[Action, ...]
    total: int | None = None
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PoliciesInForce:
    """The policy files in force: the SHA-256 of each by its file name, and the hash over all of them."""

    files: Mapping[str, str]
    policy_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A range of bytes of a file: `start` is in it, `end` is not."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """A finding about a policy: what, how bad, where, and what to do about it.

    Lines and columns count from 1, columns in characters; `end_line` and `end_column` are those behind the last one.
    """

    code: str
    severity: Severity
    message: str
    help: str | None
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    span: Span

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message} ({self.code})"


class MalformedAnswerError(ValueError):
    """An answer that cannot be read as what was asked for; callers never see this type."""


def parse_decision(value: object) -> Decision:
    """Read a decision from the engine's JSON; raises `MalformedAnswerError` when it is none."""
    return Decision(**_decided(_mapping(value, "the decision")))


def parse_action(value: object) -> Action:
    """Read an action from the server's JSON; raises `MalformedAnswerError` when it is none."""
    body = _mapping(value, "the answer")
    duration, waiting, answerable = body.get("duration_us"), body.get("waiting"), body.get("answerable")
    return Action(
        **_decided(body),
        id=_text(body, "id"),
        agent_id=_text(body, "agent_id"),
        tool=_text(body, "tool"),
        operation=_text_or(body, "operation", "call"),
        params=_mapping(body.get("params") or {}, "`params`"),
        context=_mapping(body.get("context") or {}, "`context`"),
        status=_word(body.get("status"), Status, "unknown"),
        policy_version=_text_or_none(body, "policy_version"),
        approvals=tuple(_mapping(one, "an approval") for one in _list(body.get("approvals") or [], "`approvals`")),
        approval_token=_text_or_none(body, "approval_token"),
        receipt=_receipt(body.get("receipt")),
        error=_text_or_none(body, "error"),
        result=body.get("result"),
        duration_us=duration if isinstance(duration, int) else None,
        created_at=_text_or_none(body, "created_at"),
        updated_at=_text_or_none(body, "updated_at"),
        expires_at=_text_or_none(body, "expires_at"),
        start_by=_text_or_none(body, "start_by"),
        waiting=waiting if isinstance(waiting, bool) else None,
        principal=_text_or_none(body, "principal"),
        answerable=None if answerable is None else _mapping(answerable, "`answerable`"),
    )


def _decided(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a decision, with what this version does not know read as its strictest neighbour."""
    word = _text(body, "outcome")
    reason_code, reason = _text_or(body, "reason_code", ""), _text_or(body, "reason", "")
    outcome: Outcome
    match word:
        case "EXECUTE" | "ABSTAIN" | "HALT":
            outcome = word
        case _:
            outcome, reason_code = "HALT", UNKNOWN_OUTCOME
            reason = f"this version of faramesh does not know the outcome `{word}`"
    return {
        "outcome": outcome,
        "decision": _word(body.get("decision"), Effect, "deny"),
        "reason_code": reason_code,
        "reason": reason,
        "rule": _rule(body.get("rule")),
        "risk_level": _word(body.get("risk_level"), RiskLevel, "critical"),
        "risk_score": _integer_or(body.get("risk_score"), 100),
        "risk_rules": _texts(body.get("risk_rules"), "`risk_rules`"),
        "request_hash": _text_or_none(body, "request_hash"),
        "raw_hash": _text_or_none(body, "raw_hash"),
        "policy_hash": _text_or_none(body, "policy_hash"),
        "runtime_version": _text_or_none(body, "runtime_version"),
        "provenance_id": _text_or_none(body, "provenance_id"),
        "approval": _approval(body.get("approval")),
        "shadow": tuple(_shadow(one) for one in _list(body.get("shadow") or [], "`shadow`")),
    }


def parse_page(value: object) -> ActionPage:
    """Read a list of actions: `{"actions": [...], "total": 3, "next_cursor": null}`."""
    body = _mapping(value, "the answer")
    total = body.get("total")
    return ActionPage(
        actions=tuple(parse_action(one) for one in _list(body.get("actions"), "`actions`")),
        total=total if isinstance(total, int) else None,
        next_cursor=_text_or_none(body, "next_cursor"),
    )


def parse_policies(value: object) -> PoliciesInForce:
    """Read the files in force: `{"policy_hash": "…", "files": [{"name": "…", "hash": "…"}]}`."""
    body = _mapping(value, "the answer")
    listed = [_mapping(one, "a file") for one in _list(body.get("files"), "`files`")]
    return PoliciesInForce(
        files={_text(one, "name"): _text(one, "hash") for one in listed},
        policy_hash=_text_or_none(body, "policy_hash"),
    )


def parse_diagnostics(value: object) -> tuple[Diagnostic, ...]:
    """Read the engine's findings about policies; a severity that this version does not know is an error."""
    return tuple(_diagnostic(_mapping(one, "a diagnostic")) for one in _list(value, "`diagnostics`"))


def _diagnostic(body: Mapping[str, Any]) -> Diagnostic:
    span = _mapping(body.get("span"), "`span`")
    return Diagnostic(
        code=_text(body, "code"),
        severity=_word(body.get("severity"), Severity, "error"),
        message=_text(body, "message"),
        help=_text_or_none(body, "help"),
        file=_text(body, "file"),
        line=_integer(body, "line"),
        column=_integer(body, "column"),
        end_line=_integer(body, "end_line"),
        end_column=_integer(body, "end_column"),
        span=Span(start=_integer(span, "start"), end=_integer(span, "end")),
    )


def _approval(value: object) -> ApprovalRequirement | None:
    if value is None:
        return None
    body = _mapping(value, "`approval`")
    quorums = [_mapping(one, "a quorum") for one in _list(body.get("requires"), "`requires`")]
    expires = body.get("expires_ms")
    return ApprovalRequirement(
        requires=tuple(
            Quorum(approvers=_integer(one, "approvers"), roles=_texts(one.get("roles"), "`roles`")) for one in quorums
        ),
        expires_ms=expires if isinstance(expires, int) else None,
    )


def _shadow(value: object) -> ShadowOpinion:
    body = _mapping(value, "a shadow opinion")
    outcome = body.get("outcome")
    return ShadowOpinion(
        policy=_text(body, "policy"),
        outcome=None if outcome is None else _word(outcome, Outcome, "HALT"),
        reason_code=_text_or_none(body, "reason_code"),
        risk_score=_integer_or(body.get("risk_score"), 100),
        rule=_rule(body.get("rule")),
    )


def _rule(value: object) -> Rule | None:
    if value is None:
        return None
    body = _mapping(value, "`rule`")
    line = body.get("line")
    return Rule(
        policy=_text_or(body, "policy", ""),
        id=_text_or(body, "id", ""),
        line=line if isinstance(line, int) else None,
    )


def _receipt(value: object) -> Receipt | None:
    if value is None:
        return None
    body = _mapping(value, "`receipt`")
    return Receipt(stream=_text(body, "stream"), seq=_integer(body, "seq"), record_hash=_text(body, "record_hash"))


def _word(value: object, words: Any, otherwise: Any) -> Any:
    return value if isinstance(value, str) and value in get_args(words) else otherwise


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedAnswerError(f"{what} is no JSON object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedAnswerError(f"{what} is no list")
    return value


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise MalformedAnswerError(f"`{key}` is missing or no string")
    return value


def _text_or(body: Mapping[str, Any], key: str, otherwise: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else otherwise


def _text_or_none(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) else None


def _texts(value: object, what: str) -> tuple[str, ...]:
    texts = _list(value or [], what)
    if not all(isinstance(text, str) for text in texts):
        raise MalformedAnswerError(f"{what} holds something that is no string")
    return tuple(texts)


def _integer(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int):
        raise MalformedAnswerError(f"`{key}` is missing or no integer")
    return value


def _integer_or(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
