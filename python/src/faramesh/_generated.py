"""The shapes of the server's and the engine's answers, as frozen dataclasses under the names of the wire.

Made from the Rust types by `cargo xtask codegen`; do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import faramesh._installation  # noqa: F401 - the modules below look too, whatever `__init__.py` is there

Outcome = Literal[
    "EXECUTE",
    "ABSTAIN",
    "HALT",
]
"""Whether an action may run, in order of strictness."""

Effect = Literal[
    "allow",
    "require_approval",
    "deny",
]
"""The answer of a rule."""

RiskLevel = Literal[
    "low",
    "medium",
    "high",
    "critical",
]
"""How risky, in one word."""

Status = Literal[
    "allowed",
    "pending_approval",
    "approved",
    "denied",
    "executing",
    "succeeded",
    "failed",
    "timeout",
    "withdrawn",
    "lapsed",
    "unknown",
]
"""The status of an action. `unknown` stands for a word that this version does not know."""

Severity = Literal[
    "error",
    "warning",
]
"""How bad it is."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which rule of which file."""

    id: str
    """The rule's id."""

    line: int | None = None
    """The 1-based line on which the rule starts."""

    policy: str
    """The file's name."""


@dataclass(frozen=True, kw_only=True)
class Quorum:
    """So many people, each with one of these roles."""

    approvers: int
    """How many different people, at least one."""

    roles: tuple[str, ...] = ()
    """The roles that count; empty means any approver."""


@dataclass(frozen=True, kw_only=True)
class ApprovalRequirement:
    """The requirements that people must meet before a held action may run."""

    expires_ms: int | None = None
    """How long the approval may take, in milliseconds; null where no policy says (the host then has a default)."""

    requires: tuple[Quorum, ...]
    """Every one of these must be met."""


@dataclass(frozen=True, kw_only=True)
class ShadowOpinion:
    """The opinion of a shadow file. It does not affect the outcome."""

    outcome: Outcome | None
    """The file's outcome, its own risk rules included; null when it has no opinion."""

    policy: str
    """The file's name."""

    reason_code: str | None
    """Why; null when it has no opinion."""

    risk_score: int
    """The score of the file's own risk rules."""

    rule: Rule | None
    """The rule behind the opinion."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Where a record is in the chain."""

    record_hash: str
    """The hash of the record."""

    seq: int
    """The place in the stream, from 0."""

    stream: str
    """The stream."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer to an action."""

    approval: ApprovalRequirement | None = None
    """Set when the outcome is `ABSTAIN`."""

    decision: Effect
    """The effect that corresponds to the outcome."""

    key_params: tuple[str, ...] = ()
    """The parameters of the action to show first: required ones, and those that the rule and the risk rules compare."""

    outcome: Outcome
    """Whether the action may run."""

    policy_hash: str | None = None
    """The policies that decided."""

    provenance_id: str | None = None
    """Everything the decision depends on."""

    raw_hash: str | None = None
    """The action's bytes as they came; set only when they could not be read."""

    reason: str
    """The reason, for people."""

    reason_code: str
    """The reason, for programs."""

    request_hash: str | None = None
    """The action; null when it could not be read."""

    risk_level: RiskLevel
    """The level that the score falls into."""

    risk_rules: tuple[str, ...] = ()
    """The names of the risk rules that counted."""

    risk_score: int
    """The score, 0 to 100."""

    rule: Rule | None
    """The rule that decided; null when none did."""

    runtime_version: str | None = None
    """The version of the engine's rules of deciding."""

    shadow: tuple[ShadowOpinion, ...] = ()
    """The opinions of files in shadow mode."""


@dataclass(frozen=True, kw_only=True)
class Action(Decision):
    """An action in its current state."""

    agent_id: str
    """The agent that proposed it."""

    answerable: Mapping[str, Any] | None = None
    """Whether an answer of the caller would count; null when the action is not waiting for one, or the caller may not answer."""

    approval_token: str | None = field(default=None, repr=False)
    """A one-time token for an approval link, made for the approver who asks and shown to no one else. It is present only while one answer of theirs would be enough; any answer to the action spends it."""

    approvals: tuple[Mapping[str, Any], ...] = ()
    """The answers of people so far."""

    context: Mapping[str, Any] = field(default_factory=dict)
    """Further facts, in canonical form."""

    contradicted: bool = False
    """Whether the local stream that brought the action decided otherwise than this server's engine does. Then the decision is this server's, the status is `denied`, and nothing the stream says changes it."""

    created_at: str | None = None
    """When the action was created."""

    duration_us: int | None = None
    """How long the decision took, in microseconds."""

    error: str | None = None
    """The tool's error, as the caller reported it; absent until there is one."""

    expires_at: str | None = None
    """Until when people may answer."""

    id: str
    """Its id, a UUID."""

    operation: str
    """The operation of the tool."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """The arguments, in canonical form."""

    policy_version: str | None = None
    """The number of the policy set that decided."""

    principal: str | None = None
    """The name of the key that sent the action; only for callers that see all actions."""

    receipt: Receipt | None = None
    """The last record about the action."""

    result: Any = None
    """The tool's result, as the caller reported it; absent until there is one."""

    start_by: str | None = None
    """Until when `start` is accepted; null when the action may not start."""

    status: Status
    """The status of the action."""

    tool: str
    """The tool."""

    updated_at: str | None = None
    """When it last changed."""

    waiting: bool | None = None
    """Whether a caller is waiting for the answer, or was within the last 60 seconds; null unless the status is `pending_approval`."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A range of bytes of a file: `start` is in it, `end` is not."""

    end: int
    """The byte behind the last."""

    start: int
    """The first byte."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One finding in one file."""

    code: str
    """The kind."""

    column: int
    """The column of the first character, from 1, in characters."""

    end_column: int
    """The column behind the last character."""

    end_line: int
    """The line of the end of the span."""

    file: str
    """The file's name."""

    help: str | None
    """How to fix it."""

    line: int
    """The line of the start of the span, from 1."""

    message: str
    """A description of the fault."""

    severity: Severity
    """How bad it is."""

    span: Span
    """The bytes it is about."""
