"""`govern`: a function behind the gate, and how a call of it is run and reported.

A tool that has run stays run: a failing report is logged, and changes neither the tool's result nor its error. The flow
of a call is in `_road`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, ParamSpec, TypeVar, get_origin, get_type_hints, overload

from faramesh import _canonical, _held, _road, _wire
from faramesh._arguments import Arguments, Params, Shape, of_record
from faramesh._client import AsyncClient, Client
from faramesh._drive import adrive, drive
from faramesh._errors import FarameshError, InvalidActionError, PolicyUnavailableError
from faramesh._held import Road
from faramesh._road import Call, log
from faramesh._terms import CONFIGURED, OnDeny, Server, Terms
from faramesh._text import model_text
from faramesh._types import Action
from faramesh._wire import Request

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

CallId = Callable[..., str | None]
"""The id of a call, made from its arguments: the same call made again has the same one."""
Refusal = Callable[[FarameshError], Any]
"""The answer of a call that does not run."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A call of a tool before anything is asked about it."""

    terms: Terms
    tool: str
    params: Mapping[str, Any]
    derive: Callable[[], Mapping[str, Any]] | None = None
    identity: tuple[str, ...] | None = None
    resumed: str | None = None
    """The id of the action, where this call was proposed before."""
    refused: Refusal | None = None
    """The function that answers a call that does not run; without it the error is raised."""

    def call(self) -> Call:
        """The call, with a copy of the arguments."""
        return Call(self.terms, self.tool, self.params, identity=self.identity, derive=self.derive)

    def road(self, call: Call) -> Road[Action]:
        """The road that the call takes on a server."""
        return _road.admission(call) if self.resumed is None else _road.resumption(call, self.resumed)

    def end(self, error: FarameshError) -> Any:
        """The result of a call that does not run."""
        if self.refused is None:
            raise error
        return self.refused(error)


def run(proposal: Proposal, effect: Callable[[dict[str, Any]], Any]) -> Any:
    """Take the road, and at its end run `effect` with the decided arguments."""
    if proposal.terms.local is not None:
        try:
            call = proposal.call()
            _road.judge(call, proposal.terms.local.decide(_canonical.wire_bytes(call.body)))
        except FarameshError as error:
            return proposal.end(error)
        return _finished(call, effect(call.arguments))
    try:
        client = proposal.terms.sync_client()
        call = proposal.call()
        started = drive(client, proposal.road(call))
    except FarameshError as error:
        return proposal.end(error)
    try:
        result = _finished(call, effect(call.arguments))
    except BaseException as error:
        if _is_a(error, "ParentCommand"):
            _report(client, call, _success(started, call, None))
        elif _is_a(error, "GraphBubbleUp"):
            _road.interrupted.remember(call, started)
        else:
            _report(client, call, _failure(started, error))
        raise
    _report(client, call, _success(started, call, result))
    return result


async def arun(proposal: Proposal, effect: Callable[[dict[str, Any]], Awaitable[Any]]) -> Any:
    """`run` for asynchronous tools; the event loop is free while the server is asked and while a person thinks."""
    if proposal.terms.local is not None:
        try:
            call = proposal.call()
            _road.judge(call, await proposal.terms.local.adecide(_canonical.wire_bytes(call.body)))
        except FarameshError as error:
            return proposal.end(error)
        return _finished(call, await effect(call.arguments))
    async with contextlib.AsyncExitStack() as own:
        try:
            client = await own.enter_async_context(opened(proposal.terms))
            call = proposal.call()
            started = await adrive(client, proposal.road(call))
        except FarameshError as error:
            return proposal.end(error)
        try:
            result = _finished(call, await effect(call.arguments))
        except Exception as error:
            if _is_a(error, "ParentCommand"):
                await _areport(client, call, _success(started, call, None))
            elif _is_a(error, "GraphBubbleUp"):
                _road.interrupted.remember(call, started)
            else:
                await _areport(client, call, _failure(started, error))
            raise
        except BaseException as error:
            # The code that cancelled waits for this.
            await _areport(client, call, replace(_failure(started, error), within=_held.LAST_WORDS, once=True))
            raise
        await _areport(client, call, _success(started, call, result))
        return result


def text_for_model(tool: str) -> Callable[[FarameshError], str]:
    """The answer of `on_deny="return"`; faults that only a developer can fix are logged too."""

    def refused(error: FarameshError) -> str:
        if isinstance(error, PolicyUnavailableError | InvalidActionError):
            log.error("`%s` was not run: %s", tool, error)
        return model_text(error, tool)

    return refused


def _finished(call: Call, result: Any) -> Any:
    """A result as it is; a `TypeError` for one whose effects come after the call, of which nothing has run then."""
    if inspect.isgenerator(result) or inspect.isasyncgen(result) or inspect.isawaitable(result):
        kind = type(result).__name__
        for stop in ("close", "cancel"):
            if inspect.isroutine(getattr(result, stop, None)) and not inspect.isasyncgen(result):
                getattr(result, stop)()
                break
        raise TypeError(f"`{call.tool}` returned a `{kind}`, whose effects come after its call; govern what makes them")
    return result


def _is_a(error: BaseException, name: str) -> bool:
    """Whether an error is one by which LangGraph steers the graph, rather than a failure.

    `GraphBubbleUp` stops a tool to ask something, and the graph will call it again; `ParentCommand` is its end.
    """
    return any(kind.__name__ == name and kind.__module__ == "langgraph.errors" for kind in type(error).__mro__)


def _success(started: Action, call: Call, result: Any) -> Request[Action]:
    told = _told_as_failed(result)
    if told is not None:
        return _wire.result(started.id, success=False, error=told, value=None)
    if call.terms.report_result:
        try:
            return _wire.result(started.id, success=True, error=None, value=result)
        except InvalidActionError as error:
            log.warning("the result of action %s is not reported: %s", started.id, error)
    return _wire.result(started.id, success=True, error=None, value=None)


def _told_as_failed(result: Any) -> str | None:
    """The error that a tool gave back in the place of raising it, as LangChain's messages do."""
    if type(result).__name__ != "ToolMessage" or getattr(result, "status", None) != "error":
        return None
    return str(getattr(result, "content", ""))


def _failure(started: Action, error: BaseException) -> Request[Action]:
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error whose text fails is still an error
        text = type(error).__name__
    text = text.encode(errors="replace").decode()
    return _wire.result(started.id, success=False, error=text, value=None)


def _report(client: Client, call: Call, report: Request[Action]) -> None:
    """Report how the tool ended. A tool that has run stays run: a failing report is logged and changes nothing."""
    try:
        client._send(report)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("the end of `%s` could not be reported: %s", call.tool, error)


async def _areport(client: AsyncClient, call: Call, report: Request[Action]) -> None:
    try:
        await client._send(report)
    except Exception as error:  # noqa: BLE001 - as in `_report`
        log.warning("the end of `%s` could not be reported: %s", call.tool, error)


_GOVERNED: weakref.WeakKeyDictionary[Callable[..., Any], Callable[..., Any]] = weakref.WeakKeyDictionary()
"""The governance of each governed function. It belongs to that function only: a copy of the function, such as the one
that `functools.wraps` makes in a decorator above, is not governed by it."""


def governed_by(fn: object) -> Callable[..., Any] | None:
    """The function that a governed one governs; nothing for any other."""
    try:
        return _GOVERNED.get(fn)  # type: ignore[call-overload,no-any-return] # what cannot be a key is not in it
    except TypeError:
        return None


def is_asynchronous(fn: Callable[..., Any], tool: str) -> bool:
    """Whether a function is awaited; raises `TypeError` for one whose effects come after its call."""
    inner: Any = fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    code = inner if inspect.isroutine(inner) or isinstance(inner, type) else type(inner).__call__
    for one in (inner, code):
        if inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(f"`{tool}` is a generator, whose effects come after its call; govern a plain function")
    if inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(code):
        return True
    below = inspect.unwrap(inner, stop=lambda one: governed_by(one) is not None)
    if below is not inner and (
        inspect.iscoroutinefunction(below) or inspect.isgeneratorfunction(below) or inspect.isasyncgenfunction(below)
    ):
        raise TypeError(
            f"`{tool}` is a synchronous wrapper of a function whose effects come after its call; "
            "make the wrapper asynchronous, or govern what is below it"
        )
    if (kind := _awaitable_hint(code)) is not None:
        raise TypeError(
            f"`{tool}` returns a `{kind}`, so its effects come after its call; make it a coroutine function"
        )
    return False


_LATE = {
    ("collections.abc", name)
    for name in ("AsyncGenerator", "AsyncIterable", "AsyncIterator", "Awaitable", "Coroutine", "Generator")
} | {("_asyncio", "Future"), ("_asyncio", "Task"), ("asyncio", "Future"), ("asyncio", "Task")}


def _awaitable_hint(fn: Any) -> str | None:
    """The name of the return type, where that is one whose effects come later."""
    try:
        hint = get_type_hints(fn).get("return")
    except Exception:  # noqa: BLE001 - a hint that cannot be read says nothing
        return None
    kind = get_origin(hint) or hint
    name = getattr(kind, "__name__", "")
    return name if (getattr(kind, "__module__", ""), name) in _LATE else None


def name_of(fn: Any, tool: str | None) -> str:
    """The name of a tool in policies: the one that was given, else the function's own."""
    if tool is not None:
        return tool
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", None)
    if not isinstance(name, str) or name == "<lambda>":
        raise TypeError(f"`{fn!r}` has no name of its own; say `tool=`")
    return name


def governed_function(
    fn: Callable[..., Any],
    terms: Terms,
    tool: str | None,
    *,
    shape: Callable[[Callable[..., Any]], Shape] = Shape.of,
    call_id: CallId | None = None,
    identity: Callable[[Arguments], tuple[str, ...] | None] | None = None,
    refused: Callable[[Arguments], Refusal] | None = None,
    passed: Callable[[], bool] = lambda: False,
) -> Any:
    """`fn` behind the gate, with its name, signature and documentation.

    `passed` says whether a call comes from behind another gate, which decided it already.
    """
    if isinstance(fn, staticmethod | classmethod):
        inner = governed_function(
            fn.__func__, terms, tool, shape=shape, call_id=call_id, identity=identity, refused=refused
        )
        return type(fn)(inner)
    if not callable(fn):
        raise TypeError(f"`{fn!r}` is no function")
    name = name_of(fn, tool)
    asynchronous = is_asynchronous(fn, name)
    terms.check_tool(name, synchronous=not asynchronous, asynchronous=asynchronous)
    known = shape(fn)

    def proposal(arguments: Arguments, resumed: str | None = None) -> Proposal:
        said = None if call_id is None else call_id(*arguments.bound.args, **arguments.bound.kwargs)
        return Proposal(
            terms=terms,
            tool=name,
            params=arguments.params,
            derive=arguments.derive,
            identity=_identity(arguments, identity) if said is None else ("call id", str(said)),
            resumed=resumed,
            refused=None if refused is None else refused(arguments),
        )

    def effect(arguments: Arguments) -> Callable[[dict[str, Any]], Any]:
        def call(params: dict[str, Any]) -> Any:
            args, kwargs = arguments.with_params(params)
            return known.fn(*args, **kwargs)

        return call

    if asynchronous:

        @functools.wraps(fn)
        async def governed_coroutine(*args: Any, **kwargs: Any) -> Any:
            if passed():
                return await fn(*args, **kwargs)
            arguments = Arguments(known, args, kwargs)
            return await arun(proposal(arguments), effect(arguments))

        async def aresume(action_id: str, /, *args: Any, **kwargs: Any) -> Any:
            if not args and not kwargs:
                async with opened(on_a_server(terms)) as client:
                    args, kwargs = of_record(known, (await client.get(action_id)).params)
            arguments = Arguments(known, args, kwargs)
            return await arun(proposal(arguments, action_id), effect(arguments))

        return _marked(governed_coroutine, fn, resume=aresume, aresume=aresume)

    @functools.wraps(fn)
    def governed(*args: Any, **kwargs: Any) -> Any:
        if passed():
            return fn(*args, **kwargs)
        arguments = Arguments(known, args, kwargs)
        return run(proposal(arguments), effect(arguments))

    def resume(action_id: str, /, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs:
            args, kwargs = of_record(known, on_a_server(terms).sync_client().get(action_id).params)
        arguments = Arguments(known, args, kwargs)
        return run(proposal(arguments, action_id), effect(arguments))

    return _marked(governed, fn, resume=resume)


def _identity(
    arguments: Arguments, identity: Callable[[Arguments], tuple[str, ...] | None] | None
) -> tuple[str, ...] | None:
    return None if identity is None else identity(arguments)


def _marked(governed: Any, fn: Callable[..., Any], **verbs: Callable[..., Any]) -> Any:
    _GOVERNED[governed] = fn
    # `functools.wraps` copied those of a governed function below, which are about its terms.
    for name in ("resume", "aresume"):
        governed.__dict__.pop(name, None)
    for name, verb in verbs.items():
        setattr(governed, name, verb)
    return governed


@contextlib.asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[AsyncClient]:
    """A client for one asynchronous call; the caller's own stays open afterwards."""
    client = terms.new_async_client()
    if client is not None:
        async with client:
            yield client
        return
    assert terms.async_client is not None  # noqa: S101 - else one was made
    yield terms.async_client


def on_a_server(terms: Terms) -> Terms:
    """The terms, where a server keeps the actions; raises `ValueError` for others."""
    if terms.local is not None:
        raise ValueError("with `server=None` no action is kept that could be resumed")
    return terms


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
    approval_timeout: float | None = None,
    on_deny: Literal["raise"] = "raise",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[P, R]: ...


@overload
def govern(
    fn: Callable[P, Any],
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float | None = None,
    on_deny: Literal["return"],
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[P, Any]: ...


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
    approval_timeout: float | None = None,
    on_deny: Literal["raise"] = "raise",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


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
    approval_timeout: float | None = None,
    on_deny: Literal["return"],
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...


def govern(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    on_deny: OnDeny = "raise",
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    **terms: Any,
) -> Any:
    """A function that runs only when the server says so, with the type of `fn`, synchronous or asynchronous.

    `tool` is the name in policies (the function's own name by default); the arguments are its `params`, by name and
    with their defaults. A call that does not run raises a `FarameshError`; with `on_deny="return"` it returns the text
    for the model instead. `policy` names a file that must be in force exactly as it is here. `report_result` also
    records the tool's result, and not only its success.

    A held call waits for a person until its approval ends, or for `approval_timeout` seconds, and is withdrawn then.
    With `approval_timeout=0` it does not wait: the error has the `action_id`, by which the function's
    `resume(action_id)` goes on, once and with the same arguments. `call_id` makes the id of a call from its arguments;
    a call with the same id and the same arguments is the same action, and runs once.

    `exclude` names parameters that are not part of the action; objects that frameworks pass by their own types never
    are. `params` computes the decided parameters from the arguments, if they differ.

    `server` is the URL of the server, by default the one from the settings. With `server=None` no server is asked:
    this process decides by `policy`, a file or a folder, held calls do not run, and nothing is recorded.

    >>> @govern(agent_id="support-agent")
    ... def process_refund(customer_id: str, amount: float) -> str: ...
    """
    checked = Terms.check(agent_id=agent_id, on_deny=on_deny, **terms)

    def shape(fn: Callable[..., Any]) -> Shape:
        return Shape.of(fn, exclude=exclude, params=params)

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        refused: Callable[[Arguments], Refusal] | None = None
        if on_deny == "return":
            plain = fn.__func__ if isinstance(fn, staticmethod | classmethod) else fn
            refused = functools.partial(_the_same, text_for_model(name_of(plain, tool)))
        governed: Callable[..., Any] = governed_function(
            fn, checked, tool, shape=shape, call_id=call_id, refused=refused
        )
        return governed

    return decorate if fn is None else decorate(fn)


def _the_same(answer: Refusal, _arguments: Arguments) -> Refusal:
    return answer
