"""The HTTP API as values: each function here builds one request, and knows how to read the answer to it.

Sending is left to the clients, so that the synchronous and the asynchronous one differ in a keyword only.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx

from faramesh import _canonical, _types
from faramesh._errors import (
    AccessRefusedError,
    FarameshError,
    InvalidActionError,
    RequestRefusedError,
    ServerUnavailableError,
)
from faramesh._types import Action, ActionPage, PoliciesInForce

T = TypeVar("T")

MAX_ERROR_TEXT: Final = 2000
"""The most characters of a tool's error that are reported, so that a report never fails for its size."""


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """One request and how its answer is read."""

    method: str
    path: str
    parse: Callable[[object], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = 0.0
    """Seconds beyond the usual timeout that the server may take; only a long poll asks for some."""
    persistent: bool = False
    """Whether a 5xx is worth another try too, and not a lost connection alone."""
    within: float | None = None
    """Seconds that it may take in the place of the usual timeout; such a request is sent once."""
    once: bool = False
    """Whether the caller itself sees to further tries."""


def submit(body: Mapping[str, Any], idempotency_key: str | None) -> Request[Action]:
    """`POST /v1/actions`."""
    return _post("/v1/actions", _canonical.wire_bytes(body), _types.parse_action, idempotency_key)


def get(action_id: str) -> Request[Action]:
    """`GET /v1/actions/{id}`."""
    return Request(method="GET", path=_action_path(action_id), parse=_types.parse_action)


def page(filters: Mapping[str, str | int | None]) -> Request[ActionPage]:
    """`GET /v1/actions`."""
    query = {name: str(value) for name, value in filters.items() if value is not None}
    return Request(method="GET", path="/v1/actions", query=query, parse=_types.parse_page)


def wait(action_id: str, seconds: float) -> Request[Action]:
    """`GET /v1/actions/{id}/wait`: answers when the action leaves `pending_approval`, or after `seconds`."""
    whole = max(1, math.ceil(seconds))
    return Request(
        method="GET",
        path=_action_path(action_id, "wait"),
        query={"timeout": f"{whole}s"},
        parse=_types.parse_action,
        patience=whole,
        persistent=True,
    )


def poll(action_id: str, seconds: float) -> Request[Action]:
    """One request to `wait`: the caller that polls repeats it."""
    return replace(wait(action_id, seconds), once=True)


def withdraw(action_id: str, reason: str | None, *, within: float | None = None) -> Request[Action]:
    """`POST /v1/actions/{id}/withdraw`."""
    request = _post(_action_path(action_id, "withdraw"), _present({"reason": reason}), _types.parse_action)
    return replace(request, within=within, once=within is not None)


def approval(action_id: str, *, approve: bool, reason: str | None, token: str | None) -> Request[Action]:
    """`POST /v1/actions/{id}/approval`."""
    body = {"approve": approve, "reason": reason, "token": token}
    return _post(_action_path(action_id, "approval"), _present(body), _types.parse_action)


def start(action_id: str) -> Request[Action]:
    """`POST /v1/actions/{id}/start`."""
    return _post(_action_path(action_id, "start"), b"{}", _types.parse_action)


def result(action_id: str, *, success: bool, error: str | None, value: Any) -> Request[Action]:
    """`POST /v1/actions/{id}/result`."""
    body = {"success": success, "error": error and error[:MAX_ERROR_TEXT], "result": value}
    return _post(_action_path(action_id, "result"), _present(body), _types.parse_action, persistent=True)


def policies() -> Request[PoliciesInForce]:
    """`GET /v1/policies`."""
    return Request(method="GET", path="/v1/policies", parse=_types.parse_policies)


def is_worth_another_try(request: Request[Any], came_back: httpx.Response | httpx.HTTPError) -> bool:
    """Whether to send `request` once more, under the same idempotency key."""
    if request.once:
        return False
    if isinstance(came_back, httpx.Response):
        return request.persistent and came_back.is_server_error
    return isinstance(came_back, httpx.NetworkError | httpx.RemoteProtocolError)


def unreachable(asked: str, error: Exception) -> ServerUnavailableError:
    """The exception for a failed attempt to reach the server; `asked` names the server."""
    slow = isinstance(error, httpx.TimeoutException)
    what = "did not answer in time" if slow else "cannot be reached"
    detail = str(error) or type(error).__name__
    return ServerUnavailableError(
        f"{asked} {what}: {detail}",
        code="server_timeout" if slow else "server_unreachable",
    )


def read(request: Request[T], response: httpx.Response, asked: str = "", withheld: str | None = None) -> T:
    """The answer in `response`, or the error in it.

    `asked` names the server for messages, and `withheld` says which key was not sent to it.
    """
    if response.status_code != httpx.codes.OK:
        raise _problem(request, response, asked, withheld)
    try:
        return request.parse(json.loads(response.content))
    except (ValueError, RecursionError) as error:
        raise ServerUnavailableError(
            f"the answer to `{request.method} {request.path}` makes no sense: {error}", code="invalid_answer"
        ) from error


def _problem(request: Request[Any], response: httpx.Response, asked: str, withheld: str | None) -> FarameshError:
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    told = document if isinstance(document, dict) else {}
    code = told.get("reason_code") or told.get("code")
    detail = told.get("detail") or told.get("title") or response.reason_phrase
    message = f"`{request.method} {request.path}` was answered with {response.status_code}: {detail}"
    kind: type[FarameshError]
    match response.status_code:
        case 401 | 403:
            refused = f"{asked} answered with {response.status_code}: {detail}" if asked else message
            return AccessRefusedError(refused, code=code if isinstance(code, str) else None, help=withheld)
        case 408 | 425 | 429:
            kind = ServerUnavailableError
        case 422:
            kind = InvalidActionError
        case status if 400 <= status < 500:  # noqa: PLR2004 - the bounds of the caller's mistakes
            kind = RequestRefusedError
        case _:
            kind = ServerUnavailableError
    return kind(message, code=code if isinstance(code, str) else None)


def _post(
    path: str,
    body: bytes,
    parse: Callable[[object], T],
    idempotency_key: str | None = None,
    *,
    persistent: bool = False,
) -> Request[T]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    return Request(method="POST", path=path, parse=parse, body=body, headers=headers, persistent=persistent)


def _present(body: Mapping[str, Any]) -> bytes:
    present = {name: value for name, value in body.items() if value is not None}
    return _canonical.wire_bytes(_canonical.to_json(present, "body"))


def _action_path(action_id: str, *rest: str) -> str:
    return "/".join(("/v1/actions", quote(action_id, safe=""), *rest))
