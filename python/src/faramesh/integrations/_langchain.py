"""What LangChain does with a tool's arguments, and which tools it can be seen through.

An argument is excluded from an action only if LangChain or LangGraph really fills it in, and never because of its name.
The decision and the way a tool is run are not known here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, Tool

from faramesh import _canonical
from faramesh._arguments import Arguments, Params, Shape
from faramesh._contexts import is_context
from faramesh._errors import InvalidActionError
from faramesh._govern import governed_by, is_asynchronous

_ENTRIES: Final = frozenset(
    {
        "__call__",
        "__getattribute__",
        "_acall_with_config",
        "_call_with_config",
        "abatch",
        "abatch_as_completed",
        "ainvoke",
        "arun",
        "astream",
        "astream_events",
        "astream_log",
        "atransform",
        "batch",
        "batch_as_completed",
        "invoke",
        "run",
        "stream",
        "transform",
    }
)
"""The entry points of a tool. LangChain's own all lead through `_run` or `_arun`, where the gate is."""


def refuse_ways_around(tool: BaseTool) -> None:
    """Raise `TypeError` for a tool of which a way in may lead around the gate."""
    for name in sorted(_ENTRIES):
        owner = next((kind for kind in type(tool).__mro__ if name in kind.__dict__), object)
        module = owner.__module__
        if owner is not object and module.partition(".")[0] not in ("langchain_core", "pydantic", "typing", "builtins"):
            raise TypeError(
                f"`{tool.name}` cannot be governed: its class `{owner.__name__}` has a `{name}` of its own, "
                "which would run around the gate; override `_run` and `_arun` instead"
            )
    if own := (_ENTRIES | {"_run", "_arun"}) & tool.__dict__.keys():
        raise TypeError(f"`{tool.name}` cannot be governed: `{min(own)}` was set on the object, around the gate")


def refuse_late_effects(tool: BaseTool) -> None:
    """Raise `TypeError` for a tool whose effects come after its call."""
    if is_asynchronous(function_of(tool, asynchronous=False), tool.name) and _has_synchronous_way(tool):
        raise TypeError(f"`{tool.name}` has a coroutine function as its synchronous one; give it as `coroutine`")
    late = function_of(tool, asynchronous=True)
    if not is_function_tool(tool) or cast("StructuredTool", tool).coroutine is None:
        return
    for one in (late, type(late).__call__):
        if inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(f"`{tool.name}` is a generator, whose effects come after its call; govern a plain function")


def is_function_tool(tool: BaseTool) -> bool:
    """Whether a tool passes its arguments on to a function, in the way of LangChain's own tools."""
    return isinstance(tool, StructuredTool | Tool) and type(tool)._run in _THEIRS


_THEIRS: Final = (StructuredTool._run, Tool._run)


def _has_synchronous_way(tool: BaseTool) -> bool:
    return not is_function_tool(tool) or cast("StructuredTool", tool).func is not None


def function_of(tool: BaseTool, *, asynchronous: bool) -> Callable[..., Any]:
    """The function that gets the arguments in the end; for a governed tool, the one below the gate."""
    if is_function_tool(tool):
        both = cast("StructuredTool", tool)
        functions = (both.coroutine, both.func) if asynchronous else (both.func, both.coroutine)
        found = next((fn for fn in functions if fn is not None), tool._run)
        return governed_by(found) or found
    return tool._arun if asynchronous and type(tool)._arun is not BaseTool._arun else tool._run


class ToolArguments:
    """The arguments of one `_run` or `_arun`, without what LangChain adds to them.

    `bare` is the tool without the gate, and `in_graph` says whether LangGraph runs it.
    """

    def __init__(
        self,
        bare: BaseTool,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        asynchronous: bool,
        in_graph: bool,
        exclude: Iterable[str],
        params: Params | None,
    ) -> None:
        target = function_of(bare, asynchronous=asynchronous)
        # The framework's own keywords of `_run`, under which no argument can reach a function.
        added = {"run_manager", "config"} if is_function_tool(bare) else set()
        self._added = {key: value for key, value in kwargs.items() if key in added}
        filled = _filled(bare, target, has_manager=self._added.get("run_manager") is not None)
        given = {key: value for key, value in kwargs.items() if key not in added and key not in filled}
        if not is_function_tool(bare):
            self._added |= {key: kwargs[key] for key in filled if key in kwargs}
        injected = injected_names(bare)

        def hides(name: str, value: object) -> bool:
            return name in injected and (in_graph or not _is_data(value))

        self._shape = Shape.of(target, exclude=exclude, params=params, hides=hides, filled=filled, partial=True)
        self._arguments = Arguments(self._shape, args, given)
        self.derive = self._arguments.derive
        self.bound = self._arguments.bound
        self.params = dict(self._arguments.params)
        self._names = {name: name for name in self.params}
        if args and self.params and params is None:
            # A single input is passed by position; in policies it has the name that the model knows.
            inside = next(iter(self.params))
            outside = next(iter(bare.args), inside)
            self._names[outside] = inside
            self.params[outside] = self.params.pop(inside)

    def with_params(self, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for `_run` or `_arun`, so that the tool gets `params`."""
        inside = {self._names.get(name, name): value for name, value in params.items()}
        args, kwargs = self._arguments.with_params(inside)
        # A `functools.partial` passes its own arguments itself.
        return args[len(self._shape.held_args) :], {**kwargs, **self._added}


def injected_hider(fn: Callable[..., Any]) -> Callable[[str, Any], bool]:
    """For a function below `@tool`: which of its arguments LangChain fills in."""
    injected = frozenset(name for name, hint in hints(fn).items() if is_injected(hint))
    config = _config_parameter(fn)

    def hides(name: str, value: object) -> bool:
        if name == config:
            return True
        # A classic agent injects nothing: there, a model that names the parameter is the one who fills it in.
        return name in injected and not (_in_a_run() and not in_graph(None) and _is_data(value))

    return hides


def injected_names(tool: BaseTool) -> frozenset[str]:
    """The parameters that LangGraph fills in, by the same signs that it goes by."""
    named = hints(tool.args_schema) if isinstance(tool.args_schema, type) else {}
    functions = [getattr(tool, "func", None) or getattr(tool, "coroutine", None)]
    if not is_function_tool(tool):
        functions = [tool._run, tool._arun]
    for fn in functions:
        if fn is not None:
            named = {**hints(fn), **named}
    return frozenset(name for name, hint in named.items() if is_injected(hint))


def model_parameters(tool: BaseTool) -> frozenset[str]:
    """The parameters that the model sees."""
    schema = tool.tool_call_schema
    if isinstance(schema, dict):
        return frozenset(schema.get("properties") or {})
    fields: Any = getattr(schema, "model_fields", None)
    return frozenset(cast("Any", schema).__fields__ if fields is None else fields)


def in_graph(config: Mapping[str, Any] | None) -> bool:
    """Whether LangGraph runs what has this config, by default what runs here."""
    config = config if config is not None else var_child_runnable_config.get()
    return any(str(key).startswith("__pregel_") for key in (config or {}).get("configurable") or {})


def thread_of(config: Mapping[str, Any] | None) -> str | None:
    """The thread of a conversation, where the config names one."""
    thread = ((config or {}).get("configurable") or {}).get("thread_id")
    return None if thread is None else str(thread)


def returns_a_pair(fn: Callable[..., Any]) -> bool:
    """Whether a function below `@tool(response_format="content_and_artifact")` says so by its return type."""
    hint = hints(fn).get("return")
    return get_origin(hint) is tuple and len(get_args(hint)) == 2  # noqa: PLR2004 - content and artifact


def call_id_among(fn: Callable[..., Any], arguments: Arguments) -> tuple[str | None, str | None]:
    """The thread and the id of the tool call, where one of the injected arguments knows them."""
    named, thread, call_id = hints(fn), None, None
    for name, value in arguments.bound.arguments.items():
        if _is_runtime(type(value)):
            call_id = value.tool_call_id
            thread = thread_of(getattr(value, "config", None))
        elif InjectedToolCallId in getattr(named.get(name), "__metadata__", ()):
            call_id = value
    if thread is None:
        thread = thread_of(var_child_runnable_config.get())
    return thread, call_id if isinstance(call_id, str) else None


def is_injected(hint: Any) -> bool:
    """Whether an annotation says that the framework fills a parameter in."""
    marks = (mark if isinstance(mark, type) else type(mark) for mark in getattr(hint, "__metadata__", ()))
    return any(issubclass(mark, InjectedToolArg) for mark in marks) or _is_runtime(get_origin(hint) or hint)


def hints(target: Any) -> dict[str, Any]:
    """The type hints with their annotations, each resolved for itself: one bad hint must not hide an injected one."""
    target = target.func if isinstance(target, functools.partial) else inspect.unwrap(target)
    try:
        return get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001, S110 - evaluating a hint may raise anything
        pass
    found: dict[str, Any] = {}
    for name, hint in getattr(target, "__annotations__", {}).items():
        alone = type("_Alone", (), {"__annotations__": {name: hint}})
        try:
            found |= get_type_hints(alone, getattr(target, "__globals__", None), include_extras=True)
        except Exception:  # noqa: BLE001 - as above
            found[name] = hint
    return found


def _filled(bare: BaseTool, target: Callable[..., Any], *, has_manager: bool) -> frozenset[str]:
    """The parameters of the function that LangChain sets, whatever was passed under their names."""
    config = _config_parameter(target)
    names = frozenset() if config is None else frozenset({config})
    parameters = inspect.signature(target).parameters
    if is_function_tool(bare):
        explicit = "callbacks" in parameters and parameters["callbacks"].kind not in _COLLECTING
        return names | ({"callbacks"} if has_manager and explicit else frozenset())
    return names | ({"run_manager"} if "run_manager" in parameters else frozenset())


_COLLECTING: Final = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _config_parameter(fn: Callable[..., Any]) -> str | None:
    """The parameter that LangChain passes the config as: the first that is annotated with exactly that type."""
    return next((name for name, hint in hints(fn).items() if hint is RunnableConfig), None)


def _is_runtime(kind: Any) -> bool:
    """Whether a type is `ToolRuntime` or its like, by the name of the base class that LangChain keeps to itself."""
    return isinstance(kind, type) and any(base.__name__ == "_DirectlyInjectedToolArg" for base in kind.__mro__)


def _in_a_run() -> bool:
    return var_child_runnable_config.get() is not None


def _is_data(value: object) -> bool:
    """Whether a model could have said this."""
    if is_context(value):
        return False
    try:
        _canonical.to_json(value)
    except InvalidActionError as error:
        return not isinstance(error, _canonical.NoDataError)
    return True
