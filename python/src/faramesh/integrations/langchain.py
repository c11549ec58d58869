"""LangChain and LangGraph: `faramesh_tool`, `wrap_tools` and `FarameshMiddleware`.

The gate stands where LangChain has parsed and validated the arguments and is about to run the tool, so that what is
decided is what runs. A tool keeps its name, description, schema, type and manner of returning; the agent and the
model do not change. The deciding, waiting and reporting is in `faramesh._govern`.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import (
    Any,
    Final,
    Literal,
    ParamSpec,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, Tool
from langchain_core.tools import tool as as_tool
from langgraph.types import Command

from faramesh import _govern
from faramesh._arguments import Arguments
from faramesh._client import AsyncClient, Client
from faramesh._errors import FarameshError, PolicyUnavailableError
from faramesh._road import CONFIGURED, DEFAULT_APPROVAL_TIMEOUT, Server, Terms, log
from faramesh._text import model_text

__all__ = ["FarameshMiddleware", "faramesh_tool", "wrap_tools"]

P = ParamSpec("P")
R = TypeVar("R")
ToolT = TypeVar("ToolT", bound=BaseTool)
OnDeny = Literal["result", "raise"]

_UNGOVERNED: Final = "__faramesh_ungoverned__"
"""Where a governed tool or function keeps what it governs, so that governing it again replaces its terms."""

_FRAMEWORK_ARGUMENTS: Final = frozenset({"run_manager", "callbacks"})

_tool_call_id: ContextVar[str | None] = ContextVar("faramesh_tool_call_id", default=None)


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
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    on_deny: OnDeny = "result",
    report_result: bool = False,
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
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    on_deny: OnDeny = "result",
    report_result: bool = False,
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
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    on_deny: OnDeny = "result",
    report_result: bool = False,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> _Decorator: ...


def faramesh_tool(
    target: Any = None,
    /,
    *,
    agent_id: str,
    tool: str | None = None,
    on_deny: OnDeny = "result",
    **terms: Any,
) -> Any:
    """Put a tool, or the function that becomes one, behind the gate.

    Works above and below `@tool`, and on any `BaseTool`. `tool` is the name in policies (the tool's own by default;
    below `@tool("name")` it has to be said). `on_deny="result"` tells the model what was not run and why, as an error
    message where the call's id is known and as text otherwise; `"raise"` raises a `FarameshError`. The other terms
    are those of `faramesh.govern`. A tool that is governed already gets these terms instead of its former ones.
    """
    decorator = _Decorator(agent_id=agent_id, tool=tool, on_deny=on_deny, **terms)
    return decorator if target is None else decorator(target)


def wrap_tools(
    tools: Iterable[BaseTool | Callable[..., Any]],
    agent_id: str,
    policy: str | os.PathLike[str] | None = None,
    *,
    server: Server = CONFIGURED,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
    approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
    on_deny: OnDeny = "result",
    report_result: bool = False,
    client: Client | None = None,
    async_client: AsyncClient | None = None,
) -> list[BaseTool]:
    """The tools, each behind the gate, in their order; plain functions become tools as LangChain makes them.

    `policy` names the file that the caller relies on: if the server does not have exactly that file in force,
    nothing runs and the error says so. With `server=None` there is no server, and this process decides by that file.
    The other terms are those of `faramesh_tool`.
    """
    govern = faramesh_tool(
        agent_id=agent_id,
        operation=operation,
        context=context,
        policy=policy,
        server=server,
        approval_timeout=approval_timeout,
        on_deny=on_deny,
        report_result=report_result,
        client=client,
        async_client=async_client,
    )
    return [govern(tool if isinstance(tool, BaseTool) else as_tool(tool)) for tool in tools]


class FarameshMiddleware(AgentMiddleware[Any, Any, Any]):
    """Puts every tool of an agent behind the gate: `create_agent(..., middleware=[FarameshMiddleware(agent_id=…)])`.

    Place it last, so that no other middleware changes the call after it was decided. A tool that is governed already
    keeps its own terms; a call of a tool that the agent does not have is decided and recorded too.
    """

    def __init__(
        self,
        *,
        agent_id: str,
        operation: str = "call",
        context: Mapping[str, Any] | None = None,
        policy: str | os.PathLike[str] | None = None,
        server: Server = CONFIGURED,
        approval_timeout: float = DEFAULT_APPROVAL_TIMEOUT,
        on_deny: OnDeny = "result",
        report_result: bool = False,
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
            client=client,
            async_client=async_client,
        )

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the governed tool in the place of the tool."""
        if request.tool is not None:
            return handler(self._governed(request, request.tool))
        name, refused = self._unknown(request)
        call = request.tool_call
        return _govern.run(
            self._govern.terms,
            name,
            call["args"],
            lambda params: handler(request.override(tool_call={**call, "args": params})),
            refused,
        )

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Run the governed tool in the place of the tool."""
        if request.tool is not None:
            return await handler(self._governed(request, request.tool))
        name, refused = self._unknown(request)
        call = request.tool_call
        return await _govern.arun(
            self._govern.terms,
            name,
            call["args"],
            lambda params: handler(request.override(tool_call={**call, "args": params})),
            refused,
        )

    def _governed(self, request: ToolCallRequest, tool: BaseTool) -> ToolCallRequest:
        return request if _is_governed(tool) else request.override(tool=self._govern(tool))

    def _unknown(
        self, request: ToolCallRequest
    ) -> tuple[str, Callable[[FarameshError], ToolMessage | Command[Any]] | None]:
        name = request.tool_call["name"]
        refusal = self._govern.refusal(name)
        if refusal is None:
            return name, None
        return name, lambda error: cast("ToolMessage", refusal(error, request.tool_call["id"] or ""))


class _Decorator:
    """What `faramesh_tool(agent_id=…)` returns: the terms, and how they are put on a target."""

    def __init__(self, *, agent_id: str, tool: str | None = None, on_deny: OnDeny = "result", **terms: Any) -> None:
        if on_deny not in get_args(OnDeny):
            raise ValueError(f"`on_deny` is `{on_deny}`, and `result` and `raise` are what it can be")
        self.terms = Terms.check(agent_id=agent_id, **terms)
        self._tool = tool
        self._on_deny = on_deny

    @overload
    def __call__(self, target: ToolT, /) -> ToolT: ...

    @overload
    def __call__(self, target: Callable[P, R], /) -> Callable[P, R]: ...

    def __call__(self, target: Any, /) -> Any:
        if isinstance(target, BaseTool):
            return self._governed_tool(target)
        if callable(target):
            return self._governed_function(target)
        raise TypeError(f"`{target!r}` is neither a tool nor a function")

    def refusal(self, tool: str) -> Callable[[FarameshError, str | None], ToolMessage | str] | None:
        """What a refused call of `tool` answers, or nothing where it raises."""
        if self._on_deny == "raise":
            return None

        def refused(error: FarameshError, tool_call_id: str | None) -> ToolMessage | str:
            if isinstance(error, PolicyUnavailableError):
                log.error("`%s` was not run: %s", tool, error)
            text = model_text(error, tool)
            if tool_call_id is None:
                return text
            return ToolMessage(text, tool_call_id=tool_call_id, name=tool, status="error")

        return refused

    def _governed_function(self, target: Callable[..., Any]) -> Callable[..., Any]:
        fn = _ungoverned(target)
        name = self._tool or fn.__name__
        refusal = self.refusal(name)
        pairs = _returns_a_pair(fn)

        def refused(arguments: Arguments, error: FarameshError) -> Any:
            assert refusal is not None  # noqa: S101 - passed on only where there is one
            content = refusal(error, _call_id_among(fn, arguments))
            return (content, None) if pairs else content

        governed = _govern.governed_function(
            fn, self.terms, name, unseen=_injected(fn), refused=None if refusal is None else refused
        )
        setattr(governed, _UNGOVERNED, fn)
        return governed

    def _governed_tool(self, target: BaseTool) -> BaseTool:
        inner: BaseTool = _ungoverned(target)
        name = self._tool or inner.name
        terms, refusal = self.terms, self.refusal(name)
        kind: type[Any] = type(inner)

        def refused(error: FarameshError) -> Any:
            assert refusal is not None  # noqa: S101 - passed on only where there is one
            content = refusal(error, _tool_call_id.get())
            return (content, None) if inner.response_format == "content_and_artifact" else content

        answer = None if refusal is None else refused

        class Governed(kind):  # type: ignore[misc] # the class is known only when there is a tool
            """The tool's own class with the gate before what runs."""

            def run(self, *args: Any, **kwargs: Any) -> Any:
                token = _tool_call_id.set(kwargs.get("tool_call_id"))
                try:
                    return super().run(*args, **kwargs)
                finally:
                    _tool_call_id.reset(token)

            async def arun(self, *args: Any, **kwargs: Any) -> Any:
                token = _tool_call_id.set(kwargs.get("tool_call_id"))
                try:
                    return await super().arun(*args, **kwargs)
                finally:
                    _tool_call_id.reset(token)

            def get_input_schema(self, config: RunnableConfig | None = None) -> Any:
                return inner.get_input_schema(config)

            @functools.wraps(kind._run)
            def _run(self, *args: Any, **kwargs: Any) -> Any:
                call = _ToolArguments(inner, _function_of(inner, asynchronous=False), args, kwargs)

                def effect(params: dict[str, Any]) -> Any:
                    args, kwargs = call.with_params(params)
                    return inner._run(*args, **kwargs)

                return _govern.run(terms, name, call.params, effect, answer)

            @functools.wraps(kind._run if kind._arun is BaseTool._arun else kind._arun)
            async def _arun(self, *args: Any, **kwargs: Any) -> Any:
                call = _ToolArguments(inner, _function_of(inner, asynchronous=True), args, kwargs)

                async def effect(params: dict[str, Any]) -> Any:
                    args, kwargs = call.with_params(params)
                    return await inner._arun(*args, **kwargs)

                return await _govern.arun(terms, name, call.params, effect, answer)

            if kind.ainvoke in (StructuredTool.ainvoke, Tool.ainvoke):
                # Theirs sends a synchronous tool to a thread as a whole, where it would also wait for a person.
                ainvoke = BaseTool.ainvoke

        Governed.__name__, Governed.__qualname__, Governed.__module__ = (
            kind.__name__,
            kind.__qualname__,
            kind.__module__,
        )
        setattr(Governed, _UNGOVERNED, inner)
        governed = inner.model_copy()
        object.__setattr__(governed, "__class__", Governed)
        return governed


class _ToolArguments:
    """The arguments of one `_run` or `_arun`, without what LangChain adds to them."""

    def __init__(
        self, tool: BaseTool, target: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        added = {"run_manager", "config"} if isinstance(tool, StructuredTool | Tool) else set()
        self._added = {key: value for key, value in kwargs.items() if key in added}
        given = {key: value for key, value in kwargs.items() if key not in added}
        unseen = _injected(target) | _injected_by_schema(tool) | {k for k, v in given.items() if _is_runtime(type(v))}
        self._arguments = Arguments(inspect.signature(target), args, given, unseen=unseen, partial=True)
        self.params = dict(self._arguments.params)
        self._names = {name: name for name in self.params}
        if args and self.params:
            # A single input is passed by position; in policies it has the name that the model knows.
            inside = next(iter(self.params))
            outside = next(iter(tool.args), inside)
            self._names[outside] = inside
            self.params[outside] = self.params.pop(inside)

    def with_params(self, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call `_run` or `_arun` with, so that the tool gets `params`."""
        args, kwargs = self._arguments.with_params({self._names[name]: value for name, value in params.items()})
        return args, {**kwargs, **self._added}


def _ungoverned(target: Any) -> Any:
    """What a governed tool or function governs; anything else is itself."""
    target = getattr(target, _UNGOVERNED, target)
    if not isinstance(target, StructuredTool | Tool):
        return target
    functions = {name: getattr(target, name) for name in ("func", "coroutine")}
    bare = {name: getattr(fn, _UNGOVERNED) for name, fn in functions.items() if hasattr(fn, _UNGOVERNED)}
    return cast("BaseTool", target).model_copy(update=bare) if bare else target


def _is_governed(tool: BaseTool) -> bool:
    return _ungoverned(tool) is not tool


def _function_of(tool: BaseTool, *, asynchronous: bool) -> Callable[..., Any]:
    """The function that gets the arguments in the end."""
    if isinstance(tool, StructuredTool | Tool):
        functions = (tool.coroutine, tool.func) if asynchronous else (tool.func, tool.coroutine)
        return next((fn for fn in functions if fn is not None), tool._run)
    return tool._arun if asynchronous and type(tool)._arun is not BaseTool._arun else tool._run


def _injected(fn: Callable[..., Any]) -> frozenset[str]:
    """The parameters that the framework fills in and the model never sees."""
    return _FRAMEWORK_ARGUMENTS | {name for name, hint in _hints(fn).items() if _is_injected(hint)}


def _injected_by_schema(tool: BaseTool) -> frozenset[str]:
    schema = tool.args_schema
    return frozenset(name for name, hint in _hints(schema).items() if _is_injected(hint)) if schema else frozenset()


def _is_injected(hint: Any) -> bool:
    marks = (mark if isinstance(mark, type) else type(mark) for mark in getattr(hint, "__metadata__", ()))
    if any(issubclass(mark, InjectedToolArg) for mark in marks) or _is_runtime(get_origin(hint) or hint):
        return True
    return hint is RunnableConfig or RunnableConfig in get_args(hint)


def _is_runtime(kind: Any) -> bool:
    """Whether a type is `ToolRuntime` or its like, by the name of the base class that LangChain keeps to itself."""
    return isinstance(kind, type) and any(base.__name__ == "_DirectlyInjectedToolArg" for base in kind.__mro__)


def _hints(target: Any) -> dict[str, Any]:
    """The type hints with their annotations, each resolved for itself: one bad hint must not hide an injected one."""
    target = target.func if isinstance(target, functools.partial) else inspect.unwrap(target)
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        pass
    hints: dict[str, Any] = {}
    for name, hint in getattr(target, "__annotations__", {}).items():
        alone = type("_Alone", (), {"__annotations__": {name: hint}})
        try:
            hints |= get_type_hints(alone, getattr(target, "__globals__", None), include_extras=True)
        except (NameError, TypeError, AttributeError):
            hints[name] = hint
    return hints


def _returns_a_pair(fn: Callable[..., Any]) -> bool:
    """Whether a function below `@tool(response_format="content_and_artifact")` says so by its return type."""
    hint = _hints(fn).get("return")
    return get_origin(hint) is tuple and len(get_args(hint)) == 2  # noqa: PLR2004 - content and artifact


def _call_id_among(fn: Callable[..., Any], arguments: Arguments) -> str | None:
    """The id of the tool call, where one of the injected arguments knows it."""
    hints = _hints(fn)
    for name, value in arguments.bound.arguments.items():
        known = value.tool_call_id if _is_runtime(type(value)) else None
        if InjectedToolCallId in getattr(hints.get(name), "__metadata__", ()):
            known = value
        if isinstance(known, str):
            return known
    return None
