"""The answers of the server and the engine, as frozen dataclasses under the names of the wire.

Nothing here decides. A word that this version does not know is read as its strictest neighbour, so that a newer
server can never make an older client run something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import faramesh._installation  # noqa: F401 - the modules below look too, whatever `__init__.py` is there
from faramesh import _generated
from faramesh._generated import (
    Action,
    ApprovalRequirement,
    Decision,
    Effect,
    Outcome,
    Quorum,
    Receipt,
    RiskLevel,
    Rule,
    Severity,
    ShadowOpinion,
    Span,
    Status,
)

__all__ = [
    "UNKNOWN_OUTCOME",
    "Action",
    "ActionPage",
    "ApprovalRequirement",
    "Decision",
    "Diagnostic",
    "Effect",
    "MalformedAnswerError",
    "Outcome",
    "PoliciesInForce",
    "Quorum",
    "Receipt",
    "RiskLevel",
    "Rule",
    "Severity",
    "ShadowOpinion",
    "Span",
    "Status",
    "parse_action",
    "parse_decision",
    "parse_diagnostics",
    "parse_page",
    "parse_policies",
]

UNKNOWN_OUTCOME: Final = "unknown_outcome"
"""The reason code of an action whose outcome this version does not know; such an action is `HALT`."""


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
class Diagnostic(_generated.Diagnostic):
    """A finding about a policy: its kind, severity and place, and how to mend it.

    Lines and columns count from 1, columns in characters; `end_line` and `end_column` are those behind the last one.
    """

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
        contradicted=body.get("contradicted") is True,
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
        "key_params": _texts(body.get("key_params"), "`key_params`"),
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
