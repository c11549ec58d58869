"""From Python values to the canonical bytes of an action and their hash (RFC 8785, SHA-256).

Values that the server would refuse are refused here too, before anything is sent: a value without an exact JSON form
must not be decided as something else. Nothing here talks to a server.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import hashlib
import json
import math
import os
import uuid
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from faramesh._errors import InvalidActionError

MAX_DEPTH: Final = 64
"""How deep objects and lists may nest, the action itself counted."""

MAX_BYTES: Final = 1024 * 1024
"""The most bytes of one action."""

MAX_NAME_BYTES: Final = 256
"""The most bytes of `agent_id`, `tool` and `operation`."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every reader based on doubles agrees about."""


class NoDataError(InvalidActionError):
    """A value is an object of the program, such as a session or a lock; callers see it as its base."""


def request_hash(
    agent_id: str,
    tool: str,
    params: Mapping[str, Any] | None = None,
    *,
    operation: str = "call",
    context: Mapping[str, Any] | None = None,
) -> str:
    """The `request_hash` of an action: the lowercase hex SHA-256 of its RFC 8785 form.

    Raises `InvalidActionError` for values that the server would refuse: an integer over 2^53 - 1, `NaN`, a lone
    surrogate, a key that is not a string, deep nesting, a body over 1 MiB.

    >>> request_hash("a", "t", {"amount": 45.0, "id": 7}, operation="o")
    '93c9488b420d43b69d245f2dcce59b9bfcdf5704fe82dc083d0fdd8f2a76b400'
    """
    return hash_of(action_body(agent_id, tool, params, operation=operation, context=context))


def action_body(
    agent_id: str,
    tool: str,
    params: Mapping[str, Any] | None,
    *,
    operation: str,
    context: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The five fields of an action as plain JSON values."""
    _check_name("agent_id", agent_id, least=1)
    _check_name("tool", tool, least=1)
    _check_name("operation", operation, least=0)
    return {
        "agent_id": agent_id,
        "context": _object("context", context),
        "operation": operation,
        "params": _object("params", params),
        "tool": tool,
    }


def hash_of(body: Mapping[str, Any]) -> str:
    """The lowercase hex SHA-256 of the canonical form of plain JSON."""
    return hashlib.sha256(canonical_bytes(body)).hexdigest()


def canonical_bytes(body: Any) -> bytes:
    """The RFC 8785 form of plain JSON."""
    try:
        return rfc8785.dumps(body)
    except ValueError as error:  # a lone surrogate in a key is a bare UnicodeEncodeError there
        raise InvalidActionError(f"the action has no canonical form: {error}") from error


def wire_bytes(body: Mapping[str, Any]) -> bytes:
    """The body as it is sent.

    Not the canonical form, in which a large float such as `1e16` reads like an integer over 2^53 - 1.
    """
    data = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(data) > MAX_BYTES:
        raise InvalidActionError(f"the action has {len(data)} bytes, and {MAX_BYTES} are the most")
    return data


def to_json(value: Any, path: str = "value", depth: int = 1) -> Any:
    """The plain JSON for a Python value, or `InvalidActionError` where there is no exact one.

    In addition to JSON's own types: tuples and sets as lists, enums as their values, dates and times as ISO 8601, UUIDs
    and paths as text, a `Decimal` as the number with the same digits, dataclasses and pydantic models as objects.
    """
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return to_json(value.value, path, depth)
        case str():
            return _text(value, path)
        case int():
            return _integer(value, path)
        case float():
            if not math.isfinite(value):
                raise InvalidActionError(f"`{path}` is `{value}`, which is no JSON number")
            return float.__float__(value)
        case decimal.Decimal():
            return _decimal(value, path)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case os.PathLike():
            return to_json(os.fspath(value), path, depth)
        case _:
            return _container(value, path, depth)


def _container(value: Any, path: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InvalidActionError(f"the action nests deeper than {MAX_DEPTH}")
    match value:
        case Mapping():
            return {_key(key, path): to_json(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item, f"{path}.{index}", depth + 1) for index, item in enumerate(value)]
        case set() | frozenset():
            items = [to_json(item, f"{path}[]", depth + 1) for item in value]
            return sorted(items, key=canonical_bytes)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _container(fields, path, depth)
    # A pydantic model, of version 2 or 1, iterates over all its fields, those that its dumps leave out too.
    if hasattr(type(value), "model_fields") or hasattr(type(value), "__fields__"):
        return _container(dict(value), path, depth)
    raise NoDataError(f"`{path}` is a `{type(value).__name__}`, which has no JSON form")


def _object(name: str, value: Mapping[str, Any] | None) -> dict[str, Any]:
    plain = to_json({} if value is None else value, name, 2)
    if not isinstance(plain, dict):
        raise InvalidActionError(f"`{name}` is no object")
    return plain


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidActionError(f"`{path}` has the key `{key!r}`, which is no string")
    return _text(key, path)


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidActionError(f"`{path}` holds half of a surrogate pair, which is no text") from error
    return str.__str__(value)


def _integer(value: int, path: str) -> int:
    # A subclass may print itself in any way; the tool gets the number that it is.
    number = int.__int__(value)
    if abs(number) > MAX_SAFE_INTEGER:
        raise InvalidActionError(f"`{path}` is an integer over 2^53 - 1, so readers would disagree about it")
    return number


def refuse_unsafe(value: Any, path: str) -> None:
    """Raise for a float over 2^53 - 1 in plain JSON.

    Every one of this size is whole, and its canonical form is an integer that not every reader takes to the digit. Such
    a number has a hash, and no tool is run with it, in any language.
    """
    match value:
        case float() if abs(value) > MAX_SAFE_INTEGER:
            raise InvalidActionError(f"`{path}` is a number over 2^53 - 1, so readers would disagree about it")
        case dict():
            for key, item in value.items():
                refuse_unsafe(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(value):
                refuse_unsafe(item, f"{path}.{index}")


def _decimal(value: decimal.Decimal, path: str) -> float:
    number = float(value) if value.is_finite() else math.nan
    if not math.isfinite(number) or decimal.Decimal(repr(number)) != value:
        raise InvalidActionError(f"`{path}` is the decimal `{value}`, which no JSON number holds to the digit")
    return number


def _check_name(field: str, value: object, *, least: int) -> None:
    if not isinstance(value, str):
        raise InvalidActionError(f"`{field}` is a `{type(value).__name__}`, and it must be a text")
    size = len(_text(value, field).encode())
    if not least <= size <= MAX_NAME_BYTES:
        raise InvalidActionError(f"`{field}` has {size} bytes, and {least} to {MAX_NAME_BYTES} are allowed")
