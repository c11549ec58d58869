"""How a call's arguments become the `params` of an action, by name, and how the decided ones are passed on.

What stays out of `params` (a framework's own arguments, an object's `self`) is said by the caller; everything else
that was passed is in, so that nothing reaches a tool which no policy could see.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from faramesh import _canonical
from faramesh._errors import InvalidActionError


class Arguments:
    """The arguments of one call of a function with a known signature."""

    def __init__(
        self,
        signature: inspect.Signature,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        unseen: AbstractSet[str] = frozenset(),
        partial: bool = False,
    ) -> None:
        bind = signature.bind_partial if partial else signature.bind
        self.bound = bind(*args, **kwargs)
        self.params = self._params(unseen)

    def with_params(self, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the function with, so that it gets `params` where `self.params` was."""
        signature = self.bound.signature
        chosen = inspect.BoundArguments(signature, self.bound.arguments.copy())
        for name, value in self.bound.arguments.items():
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                chosen.arguments[name] = {key: params.get(key, extra) for key, extra in value.items()}
            elif name in params:
                chosen.arguments[name] = params[name]
        return chosen.args, chosen.kwargs

    def _params(self, unseen: AbstractSet[str]) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for name, parameter in self.bound.signature.parameters.items():
            if name in self.bound.arguments:
                value = self.bound.arguments[name]
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    if clash := params.keys() & value.keys():
                        raise InvalidActionError(f"the argument `{min(clash)}` was given twice")
                    params |= {key: extra for key, extra in value.items() if key not in unseen}
                elif name not in unseen:
                    params[name] = value
            elif name not in unseen and _is_plain(parameter.default):
                params[name] = parameter.default
                self.bound.arguments[name] = parameter.default
        return params


def unseen_self(fn: Callable[..., Any], signature: inspect.Signature) -> frozenset[str]:
    """The name under which a function that is written as a method gets its object."""
    first = next(iter(signature.parameters), "")
    return frozenset({first} if first in ("self", "cls") and inspect.isfunction(fn) else ())


def _is_plain(default: object) -> bool:
    """Whether a default is data; a default that is none (a client, a lock) is part of the code, not of the call."""
    if default is inspect.Parameter.empty:
        return False
    try:
        _canonical.to_json(default)
    except InvalidActionError:
        return False
    return True
