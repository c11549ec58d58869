"""How a call's arguments become the `params` of an action, by name, and how the decided ones are passed on.

Everything that reaches the tool is in `params`, including its defaults and the arguments of a `functools.partial`.
Excluded are only arguments that no model can have sent: the object of a method that is really bound, a framework's
own objects, objects of the program in defaults and partials, and parameters that the developer excludes by name.
"""

from __future__ import annotations

import copy
import decimal
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from faramesh import _canonical
from faramesh._contexts import is_context
from faramesh._errors import InvalidActionError

Params = Callable[..., Mapping[str, Any]]
"""The decided parameters of a call, made from its arguments."""

_DATA: Final = (bool, int, float, complex, decimal.Decimal, str, bytes, bytearray, list, tuple, dict, set, frozenset)
"""The types of data, whether it has a JSON form or not; anything else as a default is part of the program."""


def _hides_nothing(_name: str, _value: object) -> bool:
    return False


_PLACEHOLDER: Final = getattr(functools, "Placeholder", None)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the arguments of a function's calls are read."""

    fn: Callable[..., Any]
    """The function that gets them in the end; under a `functools.partial`, the one that it holds."""
    signature: inspect.Signature
    held_args: tuple[Any, ...] = ()
    """The leading arguments of a `functools.partial`."""
    held_kwargs: Mapping[str, Any] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()
    params: Params | None = None
    hides: Callable[[str, Any], bool] = _hides_nothing
    """An adapter's further knowledge: arguments that its framework fills in itself."""
    filled: frozenset[str] = frozenset()
    """Parameters that something between here and the function fills in, whatever it was called with."""
    partial: bool = False
    """Whether arguments may be missing, because something between here and the function fills them in."""

    @classmethod
    def of(
        cls,
        fn: Callable[..., Any],
        *,
        exclude: Iterable[str] = (),
        params: Params | None = None,
        hides: Callable[[str, Any], bool] | None = None,
        filled: frozenset[str] = frozenset(),
        partial: bool = False,
    ) -> Shape:
        """The shape of `fn`; raises `TypeError` where its calls cannot be read soundly."""
        held_args: tuple[Any, ...] = ()
        held_kwargs: dict[str, Any] = {}
        inner = fn
        while isinstance(inner, functools.partial):
            held_args = (*inner.args, *held_args)
            held_kwargs = {**inner.keywords, **held_kwargs}
            inner = inner.func
        if _PLACEHOLDER is not None and any(value is _PLACEHOLDER for value in held_args):
            raise TypeError("a `functools.partial` with placeholders cannot be governed; write a function instead")
        try:
            signature = inspect.signature(inner)
        except (TypeError, ValueError) as error:
            raise TypeError(f"the parameters of `{inner!r}` cannot be told; write a function around it") from error
        shape = cls(
            fn=inner,
            signature=signature,
            held_args=held_args,
            held_kwargs=held_kwargs,
            exclude=excluded(exclude, signature),
            params=params,
            hides=hides or _hides_nothing,
            filled=filled,
            partial=partial,
        )
        shape.refuse_defaults_without_form()
        return shape

    def refuse_defaults_without_form(self) -> None:
        """Raise for a default that is data and has no JSON form: the tool would run with it, and no policy see it."""
        if self.params is not None:
            return
        for name, parameter in self.signature.parameters.items():
            default = parameter.default
            if default is parameter.empty or name in self.exclude or not isinstance(default, _DATA):
                continue
            try:
                _canonical.to_json(default, name)
            except InvalidActionError as error:
                raise TypeError(f"the default of a parameter cannot be decided: {error}; {_hint(name)}") from error

    def is_receiver(self, name: str, value: object) -> bool:
        """Whether a value is the object, or the class, that a function written in its class was called on."""
        if name not in ("self", "cls") or name != next(iter(self.signature.parameters)):
            return False
        if not inspect.isfunction(self.fn):
            return False
        owner, _, _ = self.fn.__qualname__.rpartition(".")
        kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
        return any(kind.__qualname__ == owner and kind.__module__ == self.fn.__module__ for kind in kinds)


class Arguments:
    """The arguments of one call of a function with a known shape."""

    def __init__(self, shape: Shape, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        bind = shape.signature.bind_partial if shape.partial else shape.signature.bind
        self._shape = shape
        self.bound = bind(*shape.held_args, *args, **{**shape.held_kwargs, **kwargs})
        self._held = _identities(shape)
        if shape.params is None:
            self.params = self._seen()
        else:
            self._seen()  # puts the defaults in their places
            self.bound = _copied(self.bound)
            self.params = self.derived()

    def derived(self) -> dict[str, Any]:
        """The result of `params=` for the arguments as they are now."""
        assert self._shape.params is not None  # noqa: S101 - called only where there is one
        made = self._shape.params(*self.bound.args, **self.bound.kwargs)
        if not isinstance(made, Mapping):
            raise InvalidActionError(f"`params` gave a `{type(made).__name__}`, and it must give a mapping")
        return dict(made)

    @property
    def derive(self) -> Callable[[], dict[str, Any]] | None:
        """`derived`, where the params are not the arguments themselves."""
        return None if self._shape.params is None else self.derived

    def with_params(self, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for the function, so that it gets `params` in place of `self.params`."""
        if self._shape.params is not None:
            return self.bound.args, self.bound.kwargs
        chosen = inspect.BoundArguments(self.bound.signature, self.bound.arguments.copy())
        for name, value in self.bound.arguments.items():
            if self.bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                chosen.arguments[name] = {key: params.get(key, extra) for key, extra in value.items()}
            elif name in params:
                chosen.arguments[name] = params[name]
        return chosen.args, chosen.kwargs

    def _seen(self) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for name, parameter in self.bound.signature.parameters.items():
            if name in self.bound.arguments:
                value = self.bound.arguments[name]
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    if clash := params.keys() & value.keys():
                        raise InvalidActionError(f"the argument `{min(clash)}` was given twice")
                    # `exclude` names parameters, and what comes here has only the name of one.
                    params |= {key: extra for key, extra in value.items() if not self._hides(key, extra, is_extra=True)}
                elif not self._hides(name, value):
                    params[name] = value
            elif parameter.default is not parameter.empty and name not in self._shape.filled:
                self.bound.arguments[name] = parameter.default
                # Asked without a value: the default of an argument that a framework fills in is the program's.
                if not self._hides(name, parameter.empty) and not _is_code(parameter.default):
                    params[name] = parameter.default
        return params

    def _hides(self, name: str, value: object, *, is_extra: bool = False) -> bool:
        shape = self._shape
        return (
            (not is_extra and (name in shape.exclude or shape.is_receiver(name, value)))
            or is_context(value)
            or (id(value) in self._held and _is_code(value))
            or shape.hides(name, value)
        )


def of_record(shape: Shape, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments for a function, so that its call is the one recorded with these `params`."""
    if shape.held_args or shape.held_kwargs or shape.params is not None:
        raise TypeError("the arguments of this call cannot be told from its record: give them after the action's id")
    bound = inspect.BoundArguments(shape.signature, {})
    rest = dict(params)
    for name, parameter in shape.signature.parameters.items():
        match parameter.kind:
            case inspect.Parameter.VAR_KEYWORD:
                bound.arguments[name], rest = rest, {}
            case inspect.Parameter.VAR_POSITIONAL if name in rest:
                bound.arguments[name] = tuple(rest.pop(name))
            case _ if name in rest:
                bound.arguments[name] = rest.pop(name)
    if rest:
        raise TypeError(f"the record has the argument `{min(rest)}`, and the function takes none of that name")
    return bound.args, bound.kwargs


def plain(name: str, value: object) -> Any:
    """The JSON value of an argument; for an argument that is not data, an error with advice."""
    try:
        return _canonical.to_json(value, f"params.{name}", 3)
    except _canonical.NoDataError as error:
        raise InvalidActionError(error.message, help=_hint(name)) from error


class ForMany(frozenset[str]):
    """The names of an `exclude=` for many tools: each leaves out those of them that are its parameters."""


def for_many(names: Iterable[str]) -> ForMany:
    """`exclude=` for tools that need not have all of the names."""
    return ForMany(_set_of(names))


def excluded(names: Iterable[str], signature: inspect.Signature) -> frozenset[str]:
    """`exclude=`, checked: each is a parameter of the function, so that a misspelt one hides nothing of another."""
    chosen = _set_of(names)
    named = {
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    }
    if isinstance(names, ForMany):
        return chosen & named
    if unknown := chosen - named:
        raise TypeError(f"`exclude` names `{min(unknown)}`, which is no parameter of the function")
    return chosen


def _set_of(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise TypeError(f'`exclude` is a set of names: write `exclude={{"{names}"}}`')
    return frozenset(names)


def _identities(shape: Shape) -> frozenset[int]:
    return frozenset(id(value) for value in (*shape.held_args, *shape.held_kwargs.values()))


def _is_code(value: object) -> bool:
    """Whether a value in the program itself is an object of it, such as a client or a lock, and no data."""
    if isinstance(value, _DATA):
        return False
    try:
        _canonical.to_json(value)
    except InvalidActionError:
        return True
    return False


def _copied(bound: inspect.BoundArguments) -> inspect.BoundArguments:
    """A private copy of the arguments, as far as they can be copied."""
    arguments: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            arguments[name] = {key: _copy(extra) for key, extra in value.items()}
        else:
            arguments[name] = _copy(value)
    return inspect.BoundArguments(bound.signature, arguments)


def _copy(value: Any) -> Any:
    if is_context(value):
        return value
    try:
        _canonical.to_json(value)
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - an object of the program is passed on as it is
        return value


def _hint(name: str) -> str:
    return f'leave it out with `exclude={{"{name}"}}`, or say with `params=` what is decided'
