"""A policy gate between an AI agent's tool calls and their effect.

`govern` puts a function behind the gate, `faramesh.integrations.langchain` a LangChain tool; `Client` and
`AsyncClient` speak with the server, and `Engine` decides in this process. When anything goes wrong the tool does not
run.
"""

from faramesh._canonical import request_hash
from faramesh._client import AsyncClient, Client
from faramesh._engine import Engine, PolicySet
from faramesh._errors import (
    AccessRefusedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    EngineFailureError,
    EngineUnavailableError,
    FarameshError,
    InvalidActionError,
    PolicyInvalidError,
    PolicyMismatchError,
    PolicyUnavailableError,
    RequestRefusedError,
    ServerUnavailableError,
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
    "Severity",
    "ShadowOpinion",
    "Span",
    "Status",
    "ToolDeniedError",
    "govern",
    "request_hash",
]
