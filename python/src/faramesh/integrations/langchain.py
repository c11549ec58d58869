"""LangChain and LangGraph: `faramesh_tool`, `wrap_tools` and `FarameshMiddleware`.

The gate is at the point where LangChain has parsed and validated the arguments and is about to run the tool, so that
the tool runs with the decided arguments. A tool keeps its name, description, schema, type and way of returning; the
agent and the model do not change. Deciding, waiting and reporting are in `faramesh._govern`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast, overload

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool
from langchain_core.tools import tool as as_tool
from langgraph.types import Command

from faramesh import _govern
from faramesh._arguments import Arguments, ForMany, Params, Shape, for_many
from faramesh._client import AsyncClient, Client
from faramesh._errors import FarameshError
from faramesh._govern import CallId, Proposal, Refusal
from faramesh._terms import CONFIGURED, OnDeny, Server, Terms
from faramesh.integrations import _langchain
from faramesh.integrations._langchain import ToolArguments

__all__ = ["FarameshMiddleware", "faramesh_tool", "wrap_tools"]

P = ParamSpec("P")
R = TypeVar("R")
ToolT = TypeVar("ToolT", bound=BaseTool)


@dataclass(frozen=True)
class _ToolCall:
    """What LangChain says about the call of a tool that is under way."""

    call_id: str | None = None
    config: Mapping[str, Any] | None = None
    resumed: str | None = None

    def identity(self) -> tuple[str, ...] | None:
        """The identity of a repeated call; an id alone is reused by scripted models."""
        thread = _langchain.thread_of(self.config)
        return None if thread is None or self.call_id is None else ("langgraph", thread, self.call_id)


_tool_call: ContextVar[_ToolCall | None] = ContextVar("faramesh_tool_call", default=None)
_resumed: ContextVar[str | None] = ContextVar("faramesh_resumed", default=None)
_inside: ContextVar[BaseTool | None] = ContextVar("faramesh_inside", default=None)
"""The tool whose gate was passed: its own inner calls are part of its effect."""


@overload
def faramesh_tool(
    target: ToolT,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float | None = None,
    on_deny: OnDeny = "return",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> ToolT: ...


@overload
def faramesh_tool(
    target: Callable[P, R],
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float | None = None,
    on_deny: OnDeny = "return",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> Callable[P, R]: ...


@overload
def faramesh_tool(
    target: None = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    policy: str | os.PathLike[str] | None = None,
    server: Server = CONFIGURED,
    approval_timeout: float | None = None,
    on_deny: OnDeny = "return",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> _Decorator: ...


def faramesh_tool(
    target: Any = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    on_deny: OnDeny = "return",
    exclude: Iterable[str] = (),
    params: Params | None = None,
    call_id: CallId | None = None,
    **terms: Any,
) -> Any:
    """Put a tool, or the function that becomes one, behind the gate.

    Works above and below `@tool`, and on any `BaseTool`. `tool` is the name in policies (the tool's own by default;
    required below `@tool("name")`). `on_deny="return"` tells the model which call was not run and why, as an error
    message if the call's id is known and as text otherwise; `"raise"` raises a `FarameshError`. The other options are
    those of `faramesh.govern`. A tool that is governed already gets these options in place of its earlier ones.

    A governed tool has `resume(action_id)` and `aresume(action_id)`, which go on with a call that was held. In a graph
    with a thread, a tool call that is made again with the same id and arguments is the same action, and runs once.
    """
    decorator = _Decorator(
        agent_id=agent_id, tool=tool, on_deny=on_deny, exclude=exclude, params=params, call_id=call_id, **terms
    )
    return decorator if target is None else decorator(target)


def wrap_tools(
    tools: Iterable[BaseTool | Callable[..., Any]],
    agent_id: str,
    policy: str | os.PathLike[str] | None = None,
    *,
    server: Server = CONFIGURED,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    approval_timeout: float | None = None,
    on_deny: OnDeny = "return",
    report_result: bool = False,
    exclude: Iterable[str] = (),
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> list[BaseTool]:
    """The tools, each behind the gate, in their order; plain functions become tools as LangChain makes them.

    `policy` names the file that the caller relies on: if the server does not have exactly that file in force,
    nothing runs and the error says so. With `server=None` there is no server, and this process decides by that file.
    `exclude` names parameters that are not part of any action; a tool excludes those that it has, and a tool whose
    model fills such a parameter in is refused. The other options are those of `faramesh_tool`.
    """
    names = for_many(exclude)
    govern = faramesh_tool(
        agent_id=agent_id,
        operation=operation,
        context=context,
        policy=policy,
        server=server,
        approval_timeout=approval_timeout,
        on_deny=on_deny,
        report_result=report_result,
        exclude=names,
        client=client,
        async_client=async_client,
    )
    if isinstance(tools, BaseTool | str | Mapping) or callable(tools):
        raise TypeError("`tools` is a list of tools; write `[refund]`")
    governed = [govern(tool if isinstance(tool, BaseTool) else _as_tool(tool)) for tool in tools]
    if unknown := names - govern.found:
        raise TypeError(f"`exclude` names `{min(unknown)}`, which is a parameter of none of the tools")
    return governed


def _as_tool(tool: Any) -> BaseTool:
    if not callable(tool):
        raise TypeError(
            f"`{tool!r}` is neither a tool nor a function; what the model's provider runs cannot be governed"
        )
    return cast("BaseTool", as_tool(tool))


class FarameshMiddleware(AgentMiddleware[Any, Any, Any]):
    """Puts every tool of an agent behind the gate: `create_agent(..., middleware=[FarameshMiddleware(agent_id=…)])`.

    Place it last, so that no other middleware changes the call after it was decided. A tool that is governed already
    keeps its own terms; a call of a tool that the agent does not have is decided and recorded too. `exclude` is that of
    `wrap_tools`; a tool is looked at when it is called, so a call of one whose model fills such a parameter in raises.
    """

    def __init__(
        self,
        *,
        agent_id: str,
        operation: str = "call",
        context: Mapping[str, Any] | None = None,
        policy: str | os.PathLike[str] | None = None,
        server: Server = CONFIGURED,
        approval_timeout: float | None = None,
        on_deny: OnDeny = "return",
        report_result: bool = False,
        exclude: Iterable[str] = (),
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        super().__init__()
        self._govern = faramesh_tool(
            agent_id=agent_id,
            operation=operation,
            context=context,
            policy=policy,
            server=server,
            approval_timeout=approval_timeout,
            on_deny=on_deny,
            report_result=report_result,
            exclude=for_many(exclude),
            client=client,
            async_client=async_client,
        )

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the governed tool in the place of the tool."""
        if request.tool is not None:
            return handler(self._governed(request, request.tool))
        call = request.tool_call
        answer: ToolMessage | Command[Any] = _govern.run(
            self._unknown(request), lambda params: handler(request.override(tool_call={**call, "args": params}))
        )
        return answer

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Run the governed tool in the place of the tool."""
        if request.tool is not None:
            return await handler(self._governed(request, request.tool))
        call = request.tool_call
        answer: ToolMessage | Command[Any] = await _govern.arun(
            self._unknown(request), lambda params: handler(request.override(tool_call={**call, "args": params}))
        )
        return answer

    def _governed(self, request: ToolCallRequest, tool: BaseTool) -> ToolCallRequest:
        return request if _is_governed(tool) else request.override(tool=self._govern(tool))

    def _unknown(self, request: ToolCallRequest) -> Proposal:
        """The call of a tool that the agent does not have: it is decided and recorded as any other."""
        call = request.tool_call
        call_id = call["id"] or ""
        return Proposal(
            terms=self._govern.terms,
            tool=call["name"],
            params=call["args"],
            identity=_ToolCall(call["id"], getattr(request.runtime, "config", None)).identity(),
            refused=self._govern.refusal(call["name"], lambda: call_id),
        )


class _Decorator:
    """The result of `faramesh_tool(agent_id=…)`: the options, and the way to apply them to a target."""

    def __init__(
        self,
        *,
        agent_id: str,
        tool: str | None = None,
        on_deny: OnDeny = "return",
        exclude: Iterable[str] = (),
        params: Params | None = None,
        call_id: CallId | None = None,
        **terms: Any,
    ) -> None:
        self.terms = Terms.check(agent_id=agent_id, on_deny=on_deny, **terms)
        self._tool = tool
        self._exclude = exclude if isinstance(exclude, str | ForMany) else frozenset(exclude)
        self.found: set[str] = set()
        """The names of `exclude` that the governed tools have."""
        self._params = params
        self._call_id = call_id
        self._kinds: dict[type[BaseTool], type[BaseTool]] = {}

    @overload
    def __call__(self, target: ToolT, /) -> ToolT: ...

    @overload
    def __call__(self, target: Callable[P, R], /) -> Callable[P, R]: ...

    def __call__(self, target: Any, /) -> Any:
        if isinstance(target, BaseTool):
            return self._governed_tool(target)
        if callable(target) or isinstance(target, staticmethod | classmethod):
            return self._governed_function(target)
        raise TypeError(f"`{target!r}` is neither a tool nor a function")

    def refusal(self, tool: str, call_id: Callable[[], str | None], *, pair: bool = False) -> Refusal | None:
        """The answer of a refused call of `tool`, or nothing if it raises."""
        if self.terms.on_deny == "raise":
            return None
        text_for_model = _govern.text_for_model(tool)

        def refused(error: FarameshError) -> Any:
            text, known = text_for_model(error), call_id()
            content = text if known is None else ToolMessage(text, tool_call_id=known, name=tool, status="error")
            return (content, None) if pair else content

        return refused

    def _governed_function(self, target: Any, name: str | None = None) -> Any:
        fn: Any = _govern.governed_by(target) or target
        plain = fn.__func__ if isinstance(fn, staticmethod | classmethod) else fn
        name = name or _govern.name_of(plain, self._tool)
        pair = _langchain.returns_a_pair(plain)

        def refused(arguments: Arguments) -> Refusal:
            answer = self.refusal(name, lambda: _langchain.call_id_among(plain, arguments)[1], pair=pair)
            assert answer is not None  # noqa: S101 - passed on only where there is one
            return answer

        def shape(fn: Callable[..., Any]) -> Shape:
            hides = _langchain.injected_hider(fn)
            return Shape.of(fn, exclude=self._exclude, params=self._params, hides=hides)

        def identity(arguments: Arguments) -> tuple[str, ...] | None:
            thread, call_id = _langchain.call_id_among(plain, arguments)
            return None if thread is None or call_id is None else ("langgraph", thread, call_id)

        return _govern.governed_function(
            fn,
            self.terms,
            name,
            shape=shape,
            call_id=self._call_id,
            identity=identity,
            refused=None if self.terms.on_deny == "raise" else refused,
            passed=lambda: _is_inside(fn),
        )

    def _governed_tool(self, target: BaseTool) -> BaseTool:
        bare = _ungoverned(target)
        self._check(bare)
        governed = bare.model_copy(update=self._governed_parts(bare))
        kind = type(bare)
        if kind not in self._kinds:
            self._kinds[kind] = _governed_kind(kind, self)
        object.__setattr__(governed, "__class__", self._kinds[kind])
        return governed

    def _governed_parts(self, bare: BaseTool) -> dict[str, Any]:
        """The functions of a tool, each behind a gate of its own: other frameworks take them out and call them."""
        if not _langchain.is_function_tool(bare):
            return {}
        functions = {name: getattr(bare, name) for name in ("func", "coroutine")}
        return {name: self._governed_function(fn, self.name_of(bare)) for name, fn in functions.items() if fn}

    def _check(self, bare: BaseTool) -> None:
        """Raise for a tool whose calls could not be decided soundly."""
        _langchain.refuse_ways_around(bare)
        _langchain.refuse_late_effects(bare)
        self.terms.check_tool(self.name_of(bare), synchronous=True, asynchronous=True)
        for asynchronous in (False, True):
            function = _langchain.function_of(bare, asynchronous=asynchronous)
            self.found |= Shape.of(function, exclude=self._exclude, params=self._params).exclude
        if self._exclude and (seen := frozenset(self._exclude) & _langchain.model_parameters(bare)):
            raise TypeError(f"`exclude` names `{min(seen)}`, which the model fills in: no policy would see it")

    def name_of(self, tool: BaseTool) -> str:
        """The name of a tool in policies."""
        return tool.name if self._tool is None else self._tool

    def proposal(
        self, tool: BaseTool, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, asynchronous: bool
    ) -> tuple[Proposal, ToolArguments]:
        """The call that a `_run` or `_arun` of a governed tool is, and the arguments that it was made with."""
        call = _tool_call.get() or _ToolCall()
        arguments = ToolArguments(
            _bare(tool),
            args,
            kwargs,
            asynchronous=asynchronous,
            in_graph=_langchain.in_graph(call.config),
            exclude=self._exclude,
            params=self._params,
        )
        said = None
        if self._call_id is not None:
            said = self._call_id(*arguments.bound.args, **arguments.bound.kwargs)
        name = self.name_of(tool)
        proposal = Proposal(
            terms=self.terms,
            tool=name,
            params=arguments.params,
            derive=arguments.derive,
            identity=call.identity() if said is None else ("call id", str(said)),
            resumed=call.resumed,
            refused=self.refusal(name, lambda: call.call_id, pair=tool.response_format == "content_and_artifact"),
        )
        return proposal, arguments


def _governed_kind(kind: type[Any], gate: _Decorator) -> type[BaseTool]:
    """The class of a tool with the gate before what runs."""

    class Governed(kind):  # type: ignore[misc] # the class is known only when there is a tool
        def run(self, *args: Any, **kwargs: Any) -> Any:
            with _under_way(kwargs):
                return super().run(*args, **kwargs)

        async def arun(self, *args: Any, **kwargs: Any) -> Any:
            with _under_way(kwargs):
                return await super().arun(*args, **kwargs)

        def get_input_schema(self, config: RunnableConfig | None = None) -> Any:
            return _bare(self).get_input_schema(config)

        @functools.wraps(kind._run)
        def _run(self, *args: Any, **kwargs: Any) -> Any:
            if _inside.get() is self:
                return super()._run(*args, **kwargs)
            proposal, arguments = gate.proposal(self, args, kwargs, asynchronous=False)

            def effect(params: dict[str, Any]) -> Any:
                args, kwargs = arguments.with_params(params)
                token = _inside.set(self)
                try:
                    return super(Governed, self)._run(*args, **kwargs)
                finally:
                    _inside.reset(token)

            return _govern.run(proposal, effect)

        @functools.wraps(kind._run if kind._arun is BaseTool._arun else kind._arun)
        async def _arun(self, *args: Any, **kwargs: Any) -> Any:
            if _inside.get() is self:
                return await super()._arun(*args, **kwargs)
            proposal, arguments = gate.proposal(self, args, kwargs, asynchronous=True)

            async def effect(params: dict[str, Any]) -> Any:
                args, kwargs = arguments.with_params(params)
                token = _inside.set(self)
                try:
                    return await super(Governed, self)._arun(*args, **kwargs)
                finally:
                    _inside.reset(token)

            return await _govern.arun(proposal, effect)

        def resume(self, action_id: str, config: RunnableConfig | None = None) -> Any:
            """Go on with a call of this tool that was held: run it once, with the arguments that were decided."""
            action = _govern.on_a_server(gate.terms).sync_client().get(action_id)
            token = _resumed.set(action_id)
            try:
                return self.invoke(dict(action.params), config)
            finally:
                _resumed.reset(token)

        async def aresume(self, action_id: str, config: RunnableConfig | None = None) -> Any:
            """`resume` for an event loop."""
            async with _govern.opened(gate.terms) as client:
                action = await client.get(action_id)
            token = _resumed.set(action_id)
            try:
                return await self.ainvoke(dict(action.params), config)
            finally:
                _resumed.reset(token)

        if kind.ainvoke in (StructuredTool.ainvoke, Tool.ainvoke):
            # Theirs sends a synchronous tool to a thread as a whole, where it would also wait for a person.
            ainvoke = BaseTool.ainvoke

    Governed.__name__, Governed.__qualname__, Governed.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    Governed.__doc__ = kind.__doc__
    setattr(Governed, _KIND, kind)
    return Governed


_KIND = "__faramesh_kind__"
"""Where the class of a governed tool keeps the class without the gate."""


class _under_way:  # noqa: N801 - used as a function
    """While a tool runs: LangChain's data about its call, which inner calls of the tool do not see."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._call = _ToolCall(said.get("tool_call_id"), said.get("config"), _resumed.get())

    def __enter__(self) -> None:
        self._tokens = _tool_call.set(self._call), _resumed.set(None), _inside.set(None)

    def __exit__(self, *error: object) -> None:
        call, resumed, inside = self._tokens
        _tool_call.reset(call)
        _resumed.reset(resumed)
        _inside.reset(inside)


def _bare(tool: BaseTool) -> BaseTool:
    """A governed tool as it is now, without the gate; anything else is itself."""
    kind = type(tool).__dict__.get(_KIND)
    if kind is None:
        return tool
    bare = tool.model_copy()
    object.__setattr__(bare, "__class__", kind)
    return bare


def _is_inside(fn: Callable[..., Any]) -> bool:
    """Whether a function is called by the tool that it belongs to, whose gate was passed."""
    tool = _inside.get()
    if not isinstance(tool, StructuredTool | Tool):
        return False
    return any(_govern.governed_by(one) is fn for one in (tool.func, tool.coroutine))


def _ungoverned(target: BaseTool) -> BaseTool:
    """A tool without any removable gate of ours: a gate below other decorators stays."""
    bare = _bare(target)
    if not _langchain.is_function_tool(bare):
        return bare
    below = {name: _govern.governed_by(getattr(bare, name)) for name in ("func", "coroutine")}
    found = {name: fn for name, fn in below.items() if fn is not None}
    return bare.model_copy(update=found) if found else bare


def _is_governed(tool: BaseTool) -> bool:
    """Whether nothing of a tool can run without a gate of ours before it."""
    if _KIND in type(tool).__dict__:
        return True
    if not _langchain.is_function_tool(tool):
        return False
    functions = [fn for fn in (cast("StructuredTool", tool).func, cast("StructuredTool", tool).coroutine) if fn]
    return bool(functions) and all(_govern.governed_by(fn) is not None for fn in functions)
