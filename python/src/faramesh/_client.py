"""`Client` and `AsyncClient`: the HTTP API, one method a verb.

They send, try again where that cannot do anything twice, and raise. Whether a tool may run is decided elsewhere:
by the server, and by the road in `_govern`.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

import httpx
from typing_extensions import Self

from faramesh import _canonical, _drive, _held, _wire
from faramesh._settings import DEFAULT_TIMEOUT, Settings, is_loopback
from faramesh._types import Action, ActionPage, Outcome, PoliciesInForce, RiskLevel, Status
from faramesh._wire import Request

T = TypeVar("T")


class Client:
    """The Faramesh server, for synchronous code; safe to use from many threads at once.

    `base_url` and `api_key` default to the environment, then `.env` in the current folder, by the rules of
    `docs/SETTINGS.md`; `timeout` is in seconds.

    >>> with Client() as client:  # doctest: +SKIP
    ...     action = client.submit("support-agent", "process_refund", {"amount": 45})
    ...     action.outcome
    'EXECUTE'
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._open(Settings.gather(base_url, api_key, timeout), transport)

    @classmethod
    def with_settings(cls, settings: Settings) -> Self:
        """A client by settings that were gathered already."""
        client = cls.__new__(cls)
        client._open(settings, None)
        return client

    def _open(self, settings: Settings, transport: httpx.BaseTransport | None) -> None:
        self._settings = settings
        self._transport = transport
        self._http = httpx.Client(**_for_httpx(settings), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(
        self,
        agent_id: str,
        tool: str,
        params: Mapping[str, Any] | None = None,
        *,
        operation: str = "call",
        context: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Action:
        """Submit an action: it is decided and recorded, and nothing runs by it."""
        body = _canonical.action_body(agent_id, tool, params, operation=operation, context=context)
        return self._send(_wire.submit(body, idempotency_key))

    def get(self, action_id: str) -> Action:
        """One action, by its id or a unique prefix of at least 8 characters."""
        return self._send(_wire.get(action_id))

    def list(
        self,
        *,
        status: Status | None = None,
        agent_id: str | None = None,
        tool: str | None = None,
        outcome: Outcome | None = None,
        risk_level: RiskLevel | None = None,
        since: str | None = None,
        until: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> ActionPage:
        """Actions, newest first; times are RFC 3339, `limit` is at most 500."""
        filters = {name: value for name, value in locals().items() if name != "self"}
        return self._send(_wire.page(filters))

    def wait(self, action_id: str, timeout: float = 30.0) -> Action:
        """The action once it has left `pending_approval`, or in its state after `timeout` seconds."""
        return self._send(_wire.wait(action_id, timeout))

    def resume(self, action_id: str, timeout: float | None = None) -> Action:
        """The action once it no longer needs an answer, through outages of the server.

        Without `timeout`, in seconds, this waits for the approval's expiry and returns the state at that time.
        """
        return _drive.drive(self, _held.fate(action_id, timeout))

    def withdraw(self, action_id: str, *, reason: str | None = None) -> Action:
        """Give up an action that this caller proposed, so that it does not wait for people any more."""
        return self._send(_wire.withdraw(action_id, reason))

    def approve(self, action_id: str, *, reason: str | None = None, token: str | None = None) -> Action:
        """Approve a held action; needs a key with the approver role, or a one-time token."""
        return self._send(_wire.approval(action_id, approve=True, reason=reason, token=token))

    def deny(self, action_id: str, *, reason: str | None = None, token: str | None = None) -> Action:
        """Reject a held action; needs a key with the approver role, or a one-time token."""
        return self._send(_wire.approval(action_id, approve=False, reason=reason, token=token))

    def start(self, action_id: str) -> Action:
        """Redeem the permit of an action, once; raises `RequestRefusedError` if there is none."""
        return self._send(_wire.start(action_id))

    def result(self, action_id: str, *, success: bool, error: str | None = None, result: Any = None) -> Action:
        """Say how a started action ended."""
        return self._send(_wire.result(action_id, success=success, error=error, value=result))

    def policies(self) -> PoliciesInForce:
        """The policy files in force and their hashes."""
        return self._send(_wire.policies())

    def _send(self, request: Request[T]) -> T:
        delays = iter(self._settings.retry_delays)
        while True:
            came_back: httpx.Response | httpx.HTTPError
            try:
                came_back = self._http.request(**_arguments(self._settings, request))
            except httpx.HTTPError as error:
                came_back = error
            except (httpx.InvalidURL, UnicodeError) as error:
                raise _wire.unreachable(_asked(self._settings), error) from error
            delay = next(delays, None)
            if delay is None or not _wire.is_worth_another_try(request, came_back):
                return _answer(self._settings, request, came_back)
            time.sleep(delay)


class AsyncClient:
    """The Faramesh server, for asynchronous code: `Client` with `await`.

    It belongs to the event loop it is used in.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._open(Settings.gather(base_url, api_key, timeout), transport)

    @classmethod
    def with_settings(cls, settings: Settings) -> Self:
        """A client by settings that were gathered already."""
        client = cls.__new__(cls)
        client._open(settings, None)
        return client

    def _open(self, settings: Settings, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._transport = transport
        self._http = httpx.AsyncClient(**_for_httpx(settings), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(
        self,
        agent_id: str,
        tool: str,
        params: Mapping[str, Any] | None = None,
        *,
        operation: str = "call",
        context: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Action:
        """Submit an action: it is decided and recorded, and nothing runs by it."""
        body = _canonical.action_body(agent_id, tool, params, operation=operation, context=context)
        return await self._send(_wire.submit(body, idempotency_key))

    async def get(self, action_id: str) -> Action:
        """One action, by its id or a unique prefix of at least 8 characters."""
        return await self._send(_wire.get(action_id))

    async def list(
        self,
        *,
        status: Status | None = None,
        agent_id: str | None = None,
        tool: str | None = None,
        outcome: Outcome | None = None,
        risk_level: RiskLevel | None = None,
        since: str | None = None,
        until: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> ActionPage:
        """Actions, newest first; times are RFC 3339, `limit` is at most 500."""
        filters = {name: value for name, value in locals().items() if name != "self"}
        return await self._send(_wire.page(filters))

    async def wait(self, action_id: str, timeout: float = 30.0) -> Action:
        """The action once it has left `pending_approval`, or in its state after `timeout` seconds."""
        return await self._send(_wire.wait(action_id, timeout))

    async def resume(self, action_id: str, timeout: float | None = None) -> Action:
        """The action once it no longer needs an answer, through outages of the server.

        Without `timeout`, in seconds, this waits for the approval's expiry and returns the state at that time.
        """
        return await _drive.adrive(self, _held.fate(action_id, timeout))

    async def withdraw(self, action_id: str, *, reason: str | None = None) -> Action:
        """Give up an action that this caller proposed, so that it does not wait for people any more."""
        return await self._send(_wire.withdraw(action_id, reason))

    async def approve(self, action_id: str, *, reason: str | None = None, token: str | None = None) -> Action:
        """Approve a held action; needs a key with the approver role, or a one-time token."""
        return await self._send(_wire.approval(action_id, approve=True, reason=reason, token=token))

    async def deny(self, action_id: str, *, reason: str | None = None, token: str | None = None) -> Action:
        """Reject a held action; needs a key with the approver role, or a one-time token."""
        return await self._send(_wire.approval(action_id, approve=False, reason=reason, token=token))

    async def start(self, action_id: str) -> Action:
        """Redeem the permit of an action, once; raises `RequestRefusedError` if there is none."""
        return await self._send(_wire.start(action_id))

    async def result(self, action_id: str, *, success: bool, error: str | None = None, result: Any = None) -> Action:
        """Say how a started action ended."""
        return await self._send(_wire.result(action_id, success=success, error=error, value=result))

    async def policies(self) -> PoliciesInForce:
        """The policy files in force and their hashes."""
        return await self._send(_wire.policies())

    async def _send(self, request: Request[T]) -> T:
        delays = iter(self._settings.retry_delays)
        while True:
            came_back: httpx.Response | httpx.HTTPError
            try:
                came_back = await self._http.request(**_arguments(self._settings, request))
            except httpx.HTTPError as error:
                came_back = error
            except (httpx.InvalidURL, UnicodeError) as error:
                raise _wire.unreachable(_asked(self._settings), error) from error
            delay = next(delays, None)
            if delay is None or not _wire.is_worth_another_try(request, came_back):
                return _answer(self._settings, request, came_back)
            await asyncio.sleep(delay)


def _arguments(settings: Settings, request: Request[Any]) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.path,
        "params": request.query,
        "content": request.body,
        "headers": request.headers,
        "timeout": _timeout(settings, request),
        "follow_redirects": False,
    }


def _answer(settings: Settings, request: Request[T], came_back: httpx.Response | httpx.HTTPError) -> T:
    if isinstance(came_back, httpx.Response):
        return _wire.read(request, came_back, _asked(settings), settings.withheld)
    raise _wire.unreachable(_asked(settings), came_back) from came_back


def _asked(settings: Settings) -> str:
    """The server as messages name it, with where its address comes from."""
    return f"the faramesh server at `{settings.base_url}` ({settings.origin})"


def _timeout(settings: Settings, request: Request[Any]) -> httpx.Timeout:
    if request.within is not None:
        return httpx.Timeout(request.within)
    return httpx.Timeout(settings.timeout, read=settings.timeout + request.patience)


def _for_httpx(settings: Settings) -> dict[str, Any]:
    """The keyword arguments that both flavours of httpx's client take."""
    headers = {"Accept": "application/json"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    try:
        url = httpx.URL(settings.base_url)
    except httpx.InvalidURL as error:
        raise _wire.unreachable(_asked(settings), error) from error
    return {
        "base_url": url,
        "headers": headers,
        "timeout": settings.timeout,
        # Every held action keeps a connection of its own while it waits, and they must not wait for each other.
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=20),
        # A proxy is for remote servers: a server on this machine is asked directly.
        "trust_env": not is_loopback(url.host),
        "verify": _tls_context(),
    }


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """One for all clients: making it takes longer than everything else that a client does."""
    return httpx.create_ssl_context()
