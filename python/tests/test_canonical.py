"""The canonical form, as any JCS tool and `sha256sum` compute it too, and values without one."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid
from typing import Any

import pytest
from pydantic import BaseModel, Field

from faramesh import InvalidActionError, request_hash
from faramesh._canonical import MAX_BYTES, MAX_DEPTH, action_body, canonical_bytes, to_json, wire_bytes


def hash_of(params: Any) -> str:
    return request_hash("a", "t", params)


def test_the_published_hash() -> None:
    known = "93c9488b420d43b69d245f2dcce59b9bfcdf5704fe82dc083d0fdd8f2a76b400"
    assert request_hash("a", "t", {"amount": 45.0, "id": 7}, operation="o", context={}) == known


def test_the_spelling_of_a_value_never_changes_the_hash() -> None:
    assert hash_of({"a": 45, "b": 1}) == hash_of({"b": 1.0, "a": 4.5e1}) == hash_of({"a": 45.0, "b": True + 0})
    assert hash_of({"a": -0.0}) == hash_of({"a": 0})
    assert hash_of(None) == hash_of({})


def test_another_value_is_another_hash() -> None:
    values = [45, "45", [45], {"x": 45}, None, True, 1, 0, False, "", "é", "e\u0301"]
    assert len({hash_of({"a": value}) for value in values}) == len(values)
    base = request_hash("a", "t", {})
    assert base != request_hash("a2", "t", {})
    assert base != request_hash("a", "t2", {})
    assert base != request_hash("a", "t", {}, operation="")
    assert base != request_hash("a", "t", {}, context={"x": 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (1e16, "10000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (0.000001, "0.000001"),
        (333333333.33333329, "333333333.3333333"),
        (5e-324, "5e-324"),
        (2**53 - 1, "9007199254740991"),
        ('\u20ac$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ("\u2028\u007f", '"\u2028\u007f"'),
        ({"\U0001f600": 1, "\ufb33": 2, "\r": 3, "1": 4}, '{"\\r":3,"1":4,"\U0001f600":1,"\ufb33":2}'),
    ],
)
def test_rfc_8785_forms(value: Any, expected: str) -> None:
    assert canonical_bytes(to_json(value)).decode() == expected


@pytest.mark.parametrize("value", [1e16, 2.0**53, 1e300, -1e16])
def test_a_large_float_is_sent_as_no_integer_literal(value: float) -> None:
    literal = wire_bytes({"a": value}).decode().removeprefix('{"a":').removesuffix("}")
    assert "." in literal or "e" in literal
    assert float(literal) == value


class Colour(enum.Enum):
    RED = "red"


class Word(str, enum.Enum):
    YES = "yes"


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Customer(BaseModel):
    name: str
    secret: str = Field(exclude=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({"b", "a"}, ["a", "b"]),
        ([Colour.RED, Word.YES], ["red", "yes"]),
        (decimal.Decimal("150.10"), 150.1),
        (decimal.Decimal("1e3"), 1000),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), "2026-01-02T00:00:00+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Customer(name="n", secret="s"), {"name": "n", "secret": "s"}),
    ],
)
def test_python_values_with_a_json_form(value: Any, expected: Any) -> None:
    assert to_json(value) == expected
    assert json.loads(canonical_bytes(to_json(value))) == expected


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (2**53, "over 2\\^53"),
        (-(2**53), "over 2\\^53"),
        (10**20, "over 2\\^53"),
        (float("nan"), "no JSON number"),
        (float("inf"), "no JSON number"),
        (decimal.Decimal("NaN"), "to the digit"),
        (decimal.Decimal("150.00000000000000000001"), "to the digit"),
        (decimal.Decimal(9007199254740993), "to the digit"),
        (decimal.Decimal("1e400"), "to the digit"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 1}, "no string"),
        ({None: 1}, "no string"),
        (b"bytes", "no JSON form"),
        (object(), "no JSON form"),
        (Point, "no JSON form"),
        (nested(MAX_DEPTH - 1), "deeper"),
        ("x" * MAX_BYTES, "are the most"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any, why: str) -> None:
    with pytest.raises(InvalidActionError, match=why) as caught:
        wire_bytes(action_body("a", "t", {"a": value}, operation="call", context=None))
    assert caught.value.code == "invalid_action"


def test_the_deepest_action_that_is_allowed() -> None:
    """The action is one container and `params` another."""
    assert hash_of({"a": nested(MAX_DEPTH - 2)})


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidActionError, match="deeper"):
        hash_of({"a": loop})


@pytest.mark.parametrize(
    ("agent_id", "tool", "operation"),
    [
        ("", "t", ""),
        ("a", "", ""),
        ("é" * 129, "t", ""),
        ("a", "t" * 257, ""),
        ("a", "t", "o" * 257),
        ("\ud800", "t", ""),
    ],
)
def test_names_are_1_to_256_bytes(agent_id: str, tool: str, operation: str) -> None:
    with pytest.raises(InvalidActionError):
        request_hash(agent_id, tool, {}, operation=operation)


def test_params_are_an_object() -> None:
    params: Any = [1]
    with pytest.raises(InvalidActionError, match="no object"):
        hash_of(params)


class Ten(int):
    """A number that says of itself that it is another one."""

    def __int__(self) -> int:
        return 1

    def __abs__(self) -> int:
        return 1


class TenAndAHalf(float):
    def __float__(self) -> float:
        return 0.5


def test_a_number_that_says_it_is_another_is_the_number_that_it_is() -> None:
    said = request_hash("a", "t", {"amount": Ten(10), "fee": TenAndAHalf(10.5)})
    assert said == request_hash("a", "t", {"amount": 10, "fee": 10.5})
    with pytest.raises(InvalidActionError, match="2\\^53"):
        request_hash("a", "t", {"amount": Ten(2**60)})
