"""What the server answers with, as frozen dataclasses under the names of the wire.

Nothing here decides. A word that this version does not know is read as its strictest neighbour, so that a newer
server can never make an older client run something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

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
    "denied",
    "unknown",
]
"""Where an action stands in its life; `unknown` stands for a word that this version does not know."""

UNKNOWN_OUTCOME: Final = "unknown_outcome"
"""The reason code of an action whose outcome this version does not know; such an action is `HALT`."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule that made the outcome: the file, the rule's id, and the 1-based line of its first key."""

    policy: str
    id: str
    line: int | None = None


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


class MalformedAnswerError(ValueError):
    """An answer that is no action, no list of actions or no list of files; callers never see this type."""


def parse_action(value: object) -> Action:
    """Read an action from the server's JSON; raises `MalformedAnswerError` when it is none."""
    body = _mapping(value, "the answer")
    word = _text(body, "outcome")
    reason_code, reason = _text_or(body, "reason_code", ""), _text_or(body, "reason", "")
    outcome: Outcome
    match word:
        case "EXECUTE" | "ABSTAIN" | "HALT":
            outcome = word
        case _:
            outcome, reason_code = "HALT", UNKNOWN_OUTCOME
            reason = f"this version of faramesh does not know the outcome `{word}`"
    score, duration = body.get("risk_score"), body.get("duration_us")
    return Action(
        id=_text(body, "id"),
        agent_id=_text(body, "agent_id"),
        tool=_text(body, "tool"),
        operation=_text_or(body, "operation", "call"),
        params=_mapping(body.get("params") or {}, "`params`"),
        context=_mapping(body.get("context") or {}, "`context`"),
        status=_word(body.get("status"), Status, "unknown"),
        outcome=outcome,
        decision=_word(body.get("decision"), Effect, "deny"),
        reason_code=reason_code,
        reason=reason,
        rule=_rule(body.get("rule")),
        risk_level=_word(body.get("risk_level"), RiskLevel, "critical"),
        risk_score=score if isinstance(score, int) else 100,
        request_hash=_text_or_none(body, "request_hash"),
        policy_hash=_text_or_none(body, "policy_hash"),
        policy_version=_text_or_none(body, "policy_version"),
        runtime_version=_text_or_none(body, "runtime_version"),
        provenance_id=_text_or_none(body, "provenance_id"),
        approvals=tuple(_mapping(one, "an approval") for one in _list(body.get("approvals") or [], "`approvals`")),
        approval_token=_text_or_none(body, "approval_token"),
        receipt=_receipt(body.get("receipt")),
        error=_text_or_none(body, "error"),
        result=body.get("result"),
        duration_us=duration if isinstance(duration, int) else None,
        created_at=_text_or_none(body, "created_at"),
        updated_at=_text_or_none(body, "updated_at"),
        expires_at=_text_or_none(body, "expires_at"),
    )


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
    seq = body.get("seq")
    if not isinstance(seq, int):
        raise MalformedAnswerError("`seq` is missing or no integer")
    return Receipt(stream=_text(body, "stream"), seq=seq, record_hash=_text(body, "record_hash"))


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
