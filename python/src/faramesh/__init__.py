"""A policy gate between an AI agent's tool calls and their effect.

`govern` puts a function behind the gate, `faramesh.integrations.langchain` a LangChain tool; `Client` and
`AsyncClient` speak with the server, and `Engine` decides in this process. When anything goes wrong the tool does not
run.
"""

import faramesh._installation  # noqa: F401 - looks whether the package is whole, before anything else is done
from faramesh._canonical import request_hash
from faramesh._client import AsyncClient, Client
from faramesh._engine import Engine, PolicySet
from faramesh._errors import (
    AccessRefusedError,
    ActionWithdrawnError,
    AlreadyStartedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    EngineFailureError,
    EngineUnavailableError,
    FarameshError,
    InvalidActionError,
    PermitLapsedError,
    PolicyInvalidError,
    PolicyMismatchError,
    PolicyUnavailableError,
    RequestRefusedError,
    ServerUnavailableError,
    SettingsError,
    ToolDeniedError,
)
from faramesh._govern import govern
from faramesh._types import (
    Action,
    ActionPage,
    ApprovalRequirement,
    Decision,
    Diagnostic,
    Effect,
    Outcome,
    PoliciesInForce,
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
    "AccessRefusedError",
    "Action",
    "ActionPage",
    "ActionWithdrawnError",
    "AlreadyStartedError",
    "ApprovalExpiredError",
    "ApprovalRejectedError",
    "ApprovalRequiredError",
    "ApprovalRequirement",
    "ArgumentsChangedError",
    "AsyncClient",
    "Client",
    "Decision",
    "Diagnostic",
    "Effect",
    "Engine",
    "EngineFailureError",
    "EngineUnavailableError",
    "FarameshError",
    "InvalidActionError",
    "Outcome",
    "PermitLapsedError",
    "PoliciesInForce",
    "PolicyInvalidError",
    "PolicyMismatchError",
    "PolicySet",
    "PolicyUnavailableError",
    "Quorum",
    "Receipt",
    "RequestRefusedError",
    "RiskLevel",
    "Rule",
    "ServerUnavailableError",
    "SettingsError",
    "Severity",
    "ShadowOpinion",
    "Span",
    "Status",
    "ToolDeniedError",
    "govern",
    "request_hash",
]
