"""`govern`, and the two drivers of the road in `_road`: one that blocks and one that awaits.

A driver sends what the road asks for, runs the tool at its end, and reports how that went. What has run has run: a
report that fails is logged, and changes neither the tool's result nor its error.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import inspect
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ParamSpec, TypeVar, cast, overload

from faramesh import _canonical, _wire
from faramesh._arguments import Arguments, unseen_self
from faramesh._client import AsyncClient, Client, Settings
from faramesh._errors import FarameshError, InvalidActionError
from faramesh._local import LocalPolicy
from faramesh._road import (
    CONFIGURED,
    DEFAULT_APPROVAL_TIMEOUT,
    Call,
    Pause,
    Road,
    Server,
    Terms,
    admission,
    judge,
    log,
)
from faramesh._types import Action
from faramesh._wire import Request

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

LAST_WORDS = 0.5
"""Seconds that the report of a cancelled tool may take: whoever cancelled waits for it."""


def run(
    terms: Terms,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Callable[[dict[str, Any]], T],
    refused: Callable[[FarameshError], T] | None = None,
) -> T:
    """Take the road, and at its end run `effect` with the decided arguments.

    Where the road ends early, `refused` says what to answer; without it the error is raised.
    """
    if terms.local is not None:
        return _run_here(terms.local, terms, tool, arguments, effect, refused)
    try:
        client = terms.client or _shared_client(Settings.gather(terms.server), os.getpid())
        call = Call(terms, tool, arguments)
        started = _drive(client, admission(call))
    except FarameshError as error:
        if refused is None:
            raise
        return refused(error)
    try:
        result = effect(call.arguments)
    except BaseException as error:
        _report(client, call, _failure(started, error))
        raise
    _report(client, call, _success(started, call, result))
    return result


async def arun(
    terms: Terms,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Callable[[dict[str, Any]], Awaitable[T]],
    refused: Callable[[FarameshError], T] | None = None,
) -> T:
    """`run` for asynchronous tools; the event loop is free while the server is asked and while a person thinks."""
    if terms.local is not None:
        return await _arun_here(terms.local, terms, tool, arguments, effect, refused)
    async with contextlib.AsyncExitStack() as own:
        try:
            client = terms.async_client
            if client is None:  # one for each call, since connections belong to an event loop, and loops come and go
                client = await own.enter_async_context(AsyncClient(terms.server))
            call = Call(terms, tool, arguments)
            started = await _adrive(client, admission(call))
        except FarameshError as error:
            if refused is None:
                raise
            return refused(error)
        try:
            result = await effect(call.arguments)
        except Exception as error:
            await _areport(client, call, _failure(started, error))
            raise
        except BaseException as error:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_areport(client, call, _failure(started, error)), LAST_WORDS)
            raise
        await _areport(client, call, _success(started, call, result))
        return result


def _run_here(
    local: LocalPolicy,
    terms: Terms,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Callable[[dict[str, Any]], T],
    refused: Callable[[FarameshError], T] | None,
) -> T:
    """`run` without a server: nobody to wait for, and nobody to report to."""
    try:
        call = Call(terms, tool, arguments)
        judge(call, local.decide(_canonical.wire_bytes(call.body)))
    except FarameshError as error:
        if refused is None:
            raise
        return refused(error)
    return effect(call.arguments)


async def _arun_here(
    local: LocalPolicy,
    terms: Terms,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Callable[[dict[str, Any]], Awaitable[T]],
    refused: Callable[[FarameshError], T] | None,
) -> T:
    """`_run_here` for asynchronous tools."""
    try:
        call = Call(terms, tool, arguments)
        judge(call, await local.adecide(_canonical.wire_bytes(call.body)))
    except FarameshError as error:
        if refused is None:
            raise
        return refused(error)
    return await effect(call.arguments)


def _drive(client: Client, road: Road[T]) -> T:
    try:
        step = next(road)
        while True:
            try:
                answer = _pause(step.seconds) if isinstance(step, Pause) else client._send(step)
            except FarameshError as error:
                step = road.throw(error)
            else:
                step = road.send(answer)
    except StopIteration as end:
        return cast("T", end.value)


async def _adrive(client: AsyncClient, road: Road[T]) -> T:
    try:
        step = next(road)
        while True:
            try:
                answer = await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else client._send(step))
            except FarameshError as error:
                step = road.throw(error)
            else:
                step = road.send(answer)
    except StopIteration as end:
        return cast("T", end.value)


def _pause(seconds: float) -> object:
    time.sleep(seconds)
    return None


def _success(started: Action, call: Call, result: Any) -> Request[Action]:
    if call.terms.report_result:
        try:
            return _wire.result(started.id, success=True, error=None, value=result)
        except InvalidActionError as error:
            log.warning("the result of action %s is not reported: %s", started.id, error)
    return _wire.result(started.id, success=True, error=None, value=None)


def _failure(started: Action, error: BaseException) -> Request[Action]:
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error whose text fails is still an error
        text = type(error).__name__
    text = text.encode(errors="replace").decode()
    return _wire.result(started.id, success=False, error=text, value=None)


def _report(client: Client, call: Call, report: Request[Action]) -> None:
    """Report how the tool ended. What has run has run: a report that fails is logged and changes nothing."""
    try:
        client._send(report)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("the end of `%s` could not be reported: %s", call.tool, error)


async def _areport(client: AsyncClient, call: Call, report: Request[Action]) -> None:
    try:
        await client._send(report)
    except Exception as error:  # noqa: BLE001 - as in `_report`
        log.warning("the end of `%s` could not be reported: %s", call.tool, error)


@functools.cache
def _shared_client(settings: Settings, _process: int) -> Client:
    """One client for all synchronous tools of a process; a forked process has sockets of its own."""
    client = Client(settings.base_url, settings.api_key, timeout=settings.timeout)
    atexit.register(client.close)
    return client


def governed_function(
    fn: Callable[..., Any],
    terms: Terms,
    tool: str,
    *,
    unseen: AbstractSet[str] = frozenset(),
    refused: Callable[[Arguments, FarameshError], Any] | None = None,
) -> Callable[..., Any]:
    """`fn` behind the gate, with its name, signature and documentation."""
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(f"`{tool}` is a generator, whose effects come after its call; govern a plain function")
    signature = inspect.signature(fn)
    hidden = unseen | unseen_self(fn, signature)

    def gather(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return Arguments(signature, args, kwargs, unseen=hidden)

    def answer(arguments: Arguments) -> Callable[[FarameshError], Any] | None:
        return None if refused is None else functools.partial(refused, arguments)

    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def governed_coroutine(*args: Any, **kwargs: Any) -> Any:
            arguments = gather(args, kwargs)

            async def effect(params: dict[str, Any]) -> Any:
                args, kwargs = arguments.with_params(params)
                return await fn(*args, **kwargs)

            return await arun(terms, tool, arguments.params, effect, answer(arguments))

        return governed_coroutine

    @functools.wraps(fn)
    def governed(*args: Any, **kwargs: Any) -> Any:
        arguments = gather(args, kwargs)

        def effect(params: dict[str, Any]) -> Any:
            args, kwargs = arguments.with_params(params)
            return fn(*args, **kwargs)

        return run(terms, tool, arguments.params, effect, answer(arguments))

    return governed


@overload
def govern(
    fn: Callable[P, R],
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    report_result: bool = False,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[P, R]: ...


@overload
def govern(
    fn: None = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    report_result: bool = False,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def govern(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    **terms: Any,
) -> Any:
    """A function that runs only when the server says so, with the type of `fn`, synchronous or asynchronous.

    `tool` is the name in policies (the function's own name by default); the arguments are its `params`, by name and
    with their defaults. What does not run raises a `FarameshError`. A held call waits up to `approval_timeout`
    seconds for a person. `policy` names a file that must be in force exactly as it is here. `report_result` sends
    what the tool returned to be recorded, and not only that it succeeded.

    `server` is the URL of the server, by default the one that the environment names. With `server=None` no server is
    asked: this process decides by `policy`, a file or a folder, what is held does not run, and nothing is recorded.

    >>> @govern(agent_id="support-agent")
    ... def process_refund(customer_id: str, amount: float) -> str: ...
    """
    checked = Terms.check(agent_id=agent_id, **terms)

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        return governed_function(fn, checked, tool or fn.__name__)

    return decorate if fn is None else decorate(fn)
