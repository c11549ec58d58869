"""A policy gate between an AI agent's tool calls and their effect.

`govern` puts a function behind the gate, `faramesh.integrations.langchain` a LangChain tool; `Client` and
`AsyncClient` speak with the server. When anything goes wrong the tool does not run.
"""

from faramesh._canonical import request_hash
from faramesh._client import AsyncClient, Client
from faramesh._errors import (
    AccessRefusedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    FarameshError,
    InvalidActionError,
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
    Decision,
    Effect,
    Outcome,
    PoliciesInForce,
    Receipt,
    RiskLevel,
    Rule,
    Status,
)

__all__ = [
    "AccessRefusedError",
    "Action",
    "ActionPage",
    "ApprovalExpiredError",
    "ApprovalRejectedError",
    "ApprovalRequiredError",
    "ArgumentsChangedError",
    "AsyncClient",
    "Client",
    "Decision",
    "Effect",
    "FarameshError",
    "InvalidActionError",
    "Outcome",
    "PoliciesInForce",
    "PolicyMismatchError",
    "PolicyUnavailableError",
    "Receipt",
    "RequestRefusedError",
    "RiskLevel",
    "Rule",
    "ServerUnavailableError",
    "Status",
    "ToolDeniedError",
    "govern",
    "request_hash",
]
