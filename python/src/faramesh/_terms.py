"""The options that govern a tool: checked when it is wrapped, with the clients that its calls use.

INVARIANT: every call of a tool is decided by one server, on the synchronous and on the asynchronous path alike.
"""

from __future__ import annotations

import atexit
import copy
import enum
import functools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from faramesh import _canonical
from faramesh._client import AsyncClient, Client
from faramesh._local import LocalPolicy
from faramesh._policy import PolicyFile
from faramesh._settings import Settings, read_dotenv


class Configured(enum.Enum):
    """Stands for the server from the settings, where `None` means none at all."""

    SERVER = "the server that the settings name"

    def __repr__(self) -> str:
        return f"<{self.value}>"


CONFIGURED: Final = Configured.SERVER
Server = str | Literal[Configured.SERVER] | None
"""The decider: the server at this URL, the one from the settings, or, for `None`, this process."""

OnDeny = Literal["raise", "return"]
"""The result of a call that does not run: its error is raised, or the text for the model returned."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The options that govern a tool."""

    agent_id: str
    operation: str = "call"
    context: Mapping[str, object] = field(default_factory=dict)
    policy: PolicyFile | None = None
    local: LocalPolicy | None = None
    """Decides in this process; then no server is asked."""
    server: str | None = None
    """The server's URL, where it is another than the settings name."""
    approval_timeout: float | None = None
    """Seconds to wait for people; nothing for as long as the approval lasts."""
    on_deny: OnDeny = "raise"
    report_result: bool = False
    client: Client | None = None
    async_client: AsyncClient | None = None
    dotenv: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The content of `.env` when the tool was wrapped; later changes of the file have no effect."""

    @classmethod
    def check(
        cls,
        *,
        agent_id: str,
        operation: str = "call",
        context: Mapping[str, object] | None = None,
        policy: str | os.PathLike[str] | None = None,
        server: Server = CONFIGURED,
        approval_timeout: float | None = None,
        on_deny: OnDeny = "raise",
        report_result: bool = False,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> Terms:
        """The terms, with everything checked that can be checked before the first call."""
        _canonical.action_body(agent_id, "any", None, operation=operation, context=context)
        if on_deny not in get_args(OnDeny):
            raise ValueError(f"`on_deny` is `{on_deny}`, and `raise` and `return` are what it can be")
        if approval_timeout is not None:
            _check_timeout(approval_timeout)
        if server is not CONFIGURED and (client or async_client):
            raise ValueError("`server` and a client both say where to decide; give one of them")
        if server is None and policy is None:
            raise ValueError("with `server=None` this process decides, and `policy` must say by what")
        if server is None and report_result:
            raise ValueError("with `server=None` there is nobody to report a result to")
        _check_clients(client, async_client)
        return cls(
            agent_id=agent_id,
            operation=operation,
            context=copy.deepcopy(dict(context or {})),
            policy=None if policy is None or server is None else PolicyFile(policy),
            local=None if policy is None or server is not None else LocalPolicy(policy),
            server=server if isinstance(server, str) else None,
            approval_timeout=approval_timeout,
            on_deny=on_deny,
            report_result=report_result,
            client=client,
            async_client=async_client,
            dotenv={} if server is None or client or async_client else read_dotenv(),
        )

    def check_tool(self, tool: object, *, synchronous: bool, asynchronous: bool) -> None:
        """Raise for a tool of this name, callable in these ways, whose calls could not be decided."""
        _canonical.action_body(self.agent_id, tool, None, operation=self.operation, context=None)  # type: ignore[arg-type]
        if self.local is not None:
            return
        if asynchronous and self.async_client is None and self.client is not None:
            _check_derivable("client", "async_client", self.client)
        if synchronous and self.client is None and self.async_client is not None:
            _check_derivable("async_client", "client", self.async_client)

    def sync_client(self) -> Client:
        """The client for synchronous calls."""
        return self.client or _shared_client(self._settings(), os.getpid())

    def new_async_client(self) -> AsyncClient | None:
        """A client for one asynchronous call; nothing where the caller gave one.

        Connections belong to an event loop, and loops come and go.
        """
        return None if self.async_client is not None else AsyncClient.with_settings(self._settings())

    def _settings(self) -> Settings:
        given = self.client or self.async_client
        return given._settings if given is not None else Settings.gather(self.server, dotenv=self.dotenv)


@functools.cache
def _shared_client(settings: Settings, _process: int) -> Client:
    """One client for all synchronous tools of a process; a forked process has sockets of its own."""
    client = Client.with_settings(settings)
    atexit.register(client.close)
    return client


def _check_timeout(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"`approval_timeout` is a `{type(seconds).__name__}`, and it takes seconds, or nothing")
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"`approval_timeout` is {seconds}, and it must not be negative")


def _check_clients(client: object, async_client: object) -> None:
    if client is not None and not isinstance(client, Client):
        raise TypeError(f"`client` is a `{type(client).__name__}`, and it takes a `faramesh.Client`")
    if async_client is not None and not isinstance(async_client, AsyncClient):
        raise TypeError(f"`async_client` is a `{type(async_client).__name__}`, and it takes a `faramesh.AsyncClient`")
    if isinstance(client, Client) and isinstance(async_client, AsyncClient):
        one, other = client._settings, async_client._settings
        if (one.base_url, one.api_key) != (other.base_url, other.api_key):
            raise ValueError("`client` and `async_client` speak with different servers, or with different keys")


def _check_derivable(name: str, missing: str, client: Client | AsyncClient) -> None:
    """Raise where the other flavour of a client would not be the same one in all but its flavour."""
    if type(client) not in (Client, AsyncClient) or client._transport is not None:
        raise TypeError(f"`{name}` has a transport or a class of its own; give `{missing}` too")
